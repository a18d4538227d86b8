"""The runs on the bench: every law is fitted once, however many claims ask for it."""

from __future__ import annotations

import functools
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy import special

from bayescale import laws
from bayescale.errors import LawError
from bayescale.evidence.loo import Score, psis_loo
from bayescale.evidence.marginal import Evidence, marginal
from bayescale.fitting import fit
from bayescale.posterior import Fit
from bayescale.runs import Runs

__all__ = ["Bench", "single_input", "varies"]

FACTOR = 3.0
"""An input that spans less than this factor does not vary."""

CANDIDATES = ("x", "N", "D", "C")


def varies(runs: Runs, name: str) -> bool:
    """Whether a column is there and spans a factor of three."""
    if name not in runs.columns:
        return False
    values = runs[name]
    return bool(values.min() > 0 and values.max() >= FACTOR * values.min())


def single_input(runs: Runs) -> str | None:
    """The one input that varies, so that the runs are a curve in it; None where there is none.

    C goes with N or D, and is the input only of runs that have neither.
    """
    free = [name for name in CANDIDATES if varies(runs, name)]
    if "x" in free:
        return "x"
    if "N" in free or "D" in free:
        free = [name for name in free if name != "C"]
    return free[0] if len(free) == 1 else None


@dataclass(frozen=True, eq=False)
class Bench:
    """Runs, with what was fitted to them so far.

    Parameters
    ----------
    runs : Runs
    options : dict
        Options of :func:`bayescale.fit`.
    """

    runs: Runs
    options: dict[str, Any]
    _fits: dict[str, Fit] = field(default_factory=dict)
    _evidence: dict[str, Evidence] = field(default_factory=dict)
    _loo: dict[str, Score] = field(default_factory=dict)

    @functools.cached_property
    def input(self) -> str:
        """The one input that varies."""
        found = single_input(self.runs)
        if found is None:
            raise LawError("The runs vary in several inputs, or in none. Give a curve in one.")
        return found

    def name(self, law: str) -> str:
        """A law's name with ``{x}`` filled in by the one input that varies."""
        return law.format(x=self.input) if "{x}" in law else law

    def fit(self, law: str) -> Fit:
        """The fit of a law to the runs."""
        name = self.name(law)
        if name not in self._fits:
            self._fits[name] = fit(laws.get(name), self.runs, **self.options)
        return self._fits[name]

    def evidence(self, law: str) -> Evidence:
        """The evidence of a law."""
        name = self.name(law)
        if name not in self._evidence:
            self._evidence[name] = marginal(self.fit(law), self.options.get("seed", 0)).evidence
        return self._evidence[name]

    def loo(self, law: str) -> Score:
        """Leave-one-out log densities of a law."""
        name = self.name(law)
        if name not in self._loo:
            self._loo[name] = psis_loo(self.fit(law))
        return self._loo[name]

    def weights(self, names: tuple[str, ...]) -> tuple[np.ndarray, str]:
        """Posterior probabilities of laws, and what is wrong with them where anything is.

        Where an evidence may not be used the laws weigh the same, and that is said.
        """
        if len(names) == 1:
            return np.ones(1), ""
        found = [self.evidence(name) for name in names]
        refused = [n for n, e in zip(names, found, strict=True) if not e.ok]
        if refused:
            said = f"The evidence of {', '.join(refused)} may not be used: the laws weigh the same."
            return np.full(len(names), 1.0 / len(names)), said
        return np.asarray(special.softmax([e.log_evidence for e in found])), ""
