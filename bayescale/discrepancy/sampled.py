"""Discrepancies that act on the runs too: a Gaussian process, sampled with the law."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
from scipy import special

from bayescale.discrepancy.discrepancy import Discrepancy
from bayescale.discrepancy.kernel import Integrated
from bayescale.errors import PriorError, RunsError
from bayescale.laws.term import Values
from bayescale.prior import LogNormal, Prior

__all__ = [
    "AVERAGED",
    "GIVEN",
    "LEAST_SPAN",
    "LENGTH",
    "Sampled",
    "Seen",
    "above_zero",
    "by_block",
    "measured",
    "padded",
]

AVERAGED = "n_averaged"
"""Column that says how many measurements each loss is the mean of."""

GIVEN = "given"
"""The source of a prior that the user gave."""

LENGTH = LogNormal(2.0, 0.6)
"""Prior of the length of a process, in e-folds of the inputs."""


LEAST_SPAN = 0.03
"""The log range of the losses counts as this much at least."""


class Seen(NamedTuple):
    """What a process sees of the runs.

    Parameters
    ----------
    columns : mapping of str to array, shape (run,)
        Their columns.
    inputs : tuple of str
        The inputs of the law.
    span : float
        :meth:`Sampled.span`, the range of log losses that the scale is in units of.
    """

    columns: Mapping[str, np.ndarray]
    inputs: tuple[str, ...]
    span: float


class Sampled(Discrepancy):
    """A discrepancy that the runs can tell: a process that is integrated out of their likelihood.

    Of the runs it takes what their losses are: the means of so many measurements (column
    ``n_averaged``), with the variances of ``loss_se`` where there is one; one measurement, exactly
    noted, unless said. A new run is one measurement.
    """

    @property
    @abstractmethod
    def kernel(self) -> Integrated:
        """What is integrated out."""

    @abstractmethod
    def span(self, columns: Mapping[str, np.ndarray], inputs: tuple[str, ...]) -> float:
        """The range of log losses that the scale is in units of."""

    @abstractmethod
    def along(
        self, columns: Mapping[str, np.ndarray], inputs: tuple[str, ...], size: int
    ) -> dict[str, np.ndarray]:
        """What the density takes of the runs, padded to a number of rows."""

    @abstractmethod
    def given(
        self, seen: Seen, residual: np.ndarray, params: Values, points: Mapping[str, np.ndarray]
    ) -> tuple[np.ndarray, np.ndarray]:
        """Mean and standard deviation of the discrepancy at points, given the runs, draw by draw.

        Exact for each draw of the parameters, but that runs may share places.

        Parameters
        ----------
        seen : Seen
            Of the runs.
        residual : array, shape (draw, run)
            Log loss minus the log of the law.
        params : mapping of str to array, shape (draw,)
            Parameters of the process, and ``sigma``.
        points : mapping of str to array, shape (point,)
            Inputs at the points, in plain units.

        Returns
        -------
        tuple of two arrays, shape (draw, point)
        """

    @abstractmethod
    def simulate(self, rng: np.random.Generator, seen: Seen, params: Values) -> np.ndarray:
        """One draw of the process and the noise at the runs: what to add to the log of the law.

        Parameters
        ----------
        rng : numpy.random.Generator
        seen : Seen
            Of the runs; their losses are not used.
        params : mapping of str to float
            Parameters of the process, and ``sigma``.

        Returns
        -------
        array, shape (run,)
        """

    def note(
        self, columns: Mapping[str, np.ndarray], inputs: tuple[str, ...], length: float
    ) -> str:
        """What must be known of how the runs were taken; empty where there is nothing."""
        return ""

    def distance(
        self, points: Mapping[str, np.ndarray], frontier: Mapping[str, float]
    ) -> np.ndarray:
        """Not a number: how far it may leave the law depends on the runs; see :meth:`given`."""
        return np.full(len(next(iter(points.values()))), np.nan)

    def slopes(self, shape: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
        """Standard normal draws, stratified: deviations at a point in units of their sd."""
        n = int(np.prod(shape))
        p = (rng.permutation(n) + rng.uniform(size=n)) / n
        return np.asarray(special.ndtri(np.clip(p, 1e-12, 1 - 1e-12))).reshape(shape)


def padded(values: np.ndarray, size: int, filler: float) -> np.ndarray:
    """Rows up to a size, of the same type."""
    return np.concatenate([values, np.full(size - len(values), filler, values.dtype)])


def by_block(
    run: Callable[[np.ndarray], tuple[Any, Any]], n_draws: int, n_points: int, block: int
) -> tuple[np.ndarray, np.ndarray]:
    """Means and standard deviations at points, from means and variances of a block of draws.

    The last block repeats the last draw, so that one shape is compiled.
    """
    means, sds = np.empty((n_draws, n_points)), np.empty((n_draws, n_points))
    for start in range(0, n_draws, block):
        some = np.minimum(np.arange(start, start + block), n_draws - 1)
        mean, variance = run(some)
        means[some], sds[some] = np.asarray(mean), np.sqrt(np.asarray(variance))
    return means, sds


def above_zero(**priors: Prior) -> None:
    """Refuse priors of scales and lengths that are not of a positive number."""
    for name, prior in priors.items():
        if float(prior.quantile(0.0, True)) < 0.0 or prior.is_relative:
            raise PriorError(
                f"The prior {prior} of the process' {name} is not one of a positive number. "
                "Choose a family above zero, e.g. lognormal(0.07, 0.3)."
            )


def measured(columns: Mapping[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """How many measurements each loss is the mean of, and the variance of its log beside.

    Raises
    ------
    RunsError
        Where a number of measurements is less than one.
    """
    n = len(columns["loss"])
    count = np.ones(n)
    if AVERAGED in columns:
        given = np.asarray(columns[AVERAGED])
        what = f"The column {AVERAGED!r}, how many measurements each loss is the mean of, holds"
        if given.dtype.kind not in "iuf":
            raise RunsError(f"{what} text, such as {given[0]!r}. Give numbers of one or more.")
        bad = given[~((given >= 1) & np.isfinite(given))]
        if len(bad):
            raise RunsError(f"{what} {bad[0]:g}. Give numbers of one or more.")
        count = given.astype(float)
    own = np.zeros(n)
    if "loss_se" in columns:
        own = (np.asarray(columns["loss_se"]) / np.asarray(columns["loss"])) ** 2
    return count, own
