"""What every discrepancy declares: how far reality may leave the law, and where."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

import numpy as np

from bayescale.discrepancy.kernel import Integrated
from bayescale.laws.law import Law
from bayescale.laws.term import Parameter

__all__ = ["Discrepancy"]


class Discrepancy(ABC):
    r"""How far the losses may leave the law: a frozen declaration.

    A discrepancy multiplies the law's loss at a point by :math:`e^{\delta}`; the draws of
    :math:`\delta` are what a forecast adds to the posterior of the law.
    """

    @property
    @abstractmethod
    def name(self) -> str:
        """Name on the command line and in files."""

    @property
    def kernel(self) -> Integrated | None:
        """The Gaussian process that the losses of the runs follow too; None where none does."""
        return None

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """What is sampled with the law, with priors; only where the runs can tell it."""
        return ()

    @property
    def is_exact(self) -> bool:
        """Whether it takes the law to be exact everywhere."""
        return False

    @property
    def is_guess(self) -> bool:
        """Whether its scale was learned for no law like the one at hand, nor given."""
        return False

    @abstractmethod
    def resolved(self, law: Law) -> Discrepancy:
        """The same discrepancy with every number that it leaves to the law filled in."""

    @abstractmethod
    def distance(
        self, points: Mapping[str, np.ndarray], frontier: Mapping[str, float]
    ) -> np.ndarray:
        """How far each point lies beyond the data, shape (point,).

        Parameters
        ----------
        points : mapping of str to array, shape (point,)
            Inputs in plain units, the law's and compute where it is known.
        frontier : mapping of str to float
            Largest value of each input among the runs.
        """

    def reach(
        self, points: Mapping[str, np.ndarray], frontier: Mapping[str, float], distance: np.ndarray
    ) -> np.ndarray:
        """By how much a band is guarded outside the runs, shape (point,); zero where it is not.

        ``points`` and ``frontier`` are as for :meth:`distance`, and ``distance`` is what a forecast
        has for it: of a process, its standard deviation.
        """
        return distance

    @abstractmethod
    def slopes(self, shape: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
        r"""Draws of :math:`\delta` per unit of distance, of the given shape (replicate, draw)."""

    @abstractmethod
    def scaled(self, factor: float) -> Discrepancy:
        """The same discrepancy, ``factor`` times as large (for sensitivity checks)."""

    def mixed(self, share: float) -> Discrepancy:
        """The discrepancy of a law within a mixture, whose laws' disagreement covers a part.

        Parameters
        ----------
        share : float
            From 0, for one law alone, to 1, for a whole mixture; see
            :func:`bayescale.evidence.mixture.several`.
        """
        return self

    @abstractmethod
    def text(self) -> str:
        """What it assumes, and where its scale comes from."""

    @abstractmethod
    def to_json(self) -> dict[str, Any]:
        """A JSON-ready description; :func:`bayescale.discrepancy.from_json` reads it."""
