"""What a claim needs of the runs before it can be tested, and what to say where it is missing."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np

from bayescale.claiming.bench import FACTOR, single_input, varies
from bayescale.runs import Runs

__all__ = ["Columns", "Curve", "Curves", "Levels", "Need", "Off", "Varied"]


class Need(ABC):
    """A condition on the table of runs."""

    @abstractmethod
    def missing(self, runs: Runs) -> str:
        """What is missing, as a phrase; empty where nothing is."""


@dataclass(frozen=True)
class Columns(Need):
    """Columns that must be there."""

    names: tuple[str, ...]

    def missing(self, runs: Runs) -> str:
        absent = [name for name in self.names if name not in runs.columns]
        return f"the column {' and '.join(absent)}" if absent else ""


@dataclass(frozen=True)
class Varied(Need):
    """Inputs that must be there and span a factor of three, each apart from the others."""

    names: tuple[str, ...]

    def missing(self, runs: Runs) -> str:
        if absent := Columns(self.names).missing(runs):
            return absent
        still = [name for name in self.names if not varies(runs, name)]
        if still:
            return f"runs of different {' and '.join(still)} (a factor of {FACTOR:g} or more)"
        logs = np.stack([np.log(runs[name]) for name in self.names])
        if len(logs) > 1 and np.linalg.matrix_rank(np.cov(logs), tol=1e-3) < len(logs):
            return f"runs in which {' and '.join(self.names)} vary apart from each other"
        return ""


@dataclass(frozen=True)
class Off(Need):
    """A wide range of tokens per parameter."""

    factor: float

    def missing(self, runs: Runs) -> str:
        if absent := Columns(("N", "D")).missing(runs):
            return absent
        span = float(runs["M"].max() / runs["M"].min())
        if span >= self.factor:
            return ""
        return f"tokens per parameter over a factor of {self.factor:g} (here {span:.3g})"


@dataclass(frozen=True)
class Curve(Need):
    """One input, N, D, C or x, that varies alone."""

    def missing(self, runs: Runs) -> str:
        return "" if single_input(runs) else "a curve in one input, all others fixed"


@dataclass(frozen=True)
class Curves(Need):
    """Several checkpoints of a run."""

    least: int = 8

    def missing(self, runs: Runs) -> str:
        if "run" not in runs.columns:
            return "training curves: a column run, and several rows for each"
        counts = np.unique(runs["run"].astype(str), return_counts=True)[1]
        if counts.max() >= self.least:
            return ""
        return f"training curves of at least {self.least} checkpoints"


@dataclass(frozen=True)
class Levels(Need):
    """A column with several values."""

    name: str
    least: int
    what: str

    def missing(self, runs: Runs) -> str:
        n = len(np.unique(runs[self.name])) if self.name in runs.columns else 0
        if n >= self.least:
            return ""
        return f"at least {self.least} {self.what} (column {self.name}; here {n})"
