"""Are ranks uniform? Simultaneous bands for their distribution function, and what a failure means.

Under a right posterior a rank among L independent draws is uniform on 0 ... L [1]_. The empirical
distribution function of n ranks then stays within simultaneous bands [2]_ with the stated
probability; the bands are ArviZ's.

References
----------
.. [1] Talts, Betancourt, Simpson, Vehtari and Gelman 2018, "Validating Bayesian inference
   algorithms with simulation-based calibration", arXiv 1804.06788.
.. [2] Säilynoja, Bürkner and Vehtari 2022, "Graphical test for discrete uniformity and its
   applications in goodness-of-fit evaluation and multiple sample comparison", Statistics and
   Computing 32.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np

__all__ = ["Bands", "Uniformity", "bands", "judge", "spread_out"]

SIMULATIONS = 20_000
"""Simulated samples behind a band: its false alarm rate of half a per cent is good to a tenth."""

CLEAR = 2.0
"""Standard errors at which a shift or a change of width is named."""


EVEN = 0.5
"""Share of its due that the emptier outer quarter of ranks must hold for "too narrow":
a mere shift empties it."""


@dataclass(frozen=True, eq=False)
class Bands:
    """Simultaneous bands of the distribution function of uniform numbers.

    Parameters
    ----------
    at, lower, upper : array, shape (point,)
        The band at points from 0 to 1.
    prob : float
        Probability that all of the function lies within.
    """

    at: np.ndarray
    lower: np.ndarray
    upper: np.ndarray
    prob: float

    def distribution(self, uniform: np.ndarray) -> np.ndarray:
        """The empirical distribution function at :attr:`at`."""
        return np.searchsorted(np.sort(uniform), self.at, side="right") / len(uniform)

    def hold(self, uniform: np.ndarray) -> bool:
        """Whether the empirical distribution function lies within."""
        found, slack = self.distribution(uniform), 1e-9
        return bool(np.all((found >= self.lower - slack) & (found <= self.upper + slack)))


@functools.lru_cache(maxsize=16)
def bands(n: int, prob: float) -> Bands:
    """Bands for n ranks, after Säilynoja et al. 2022, by simulation with a fixed seed."""
    from arviz_stats.ecdf_utils import ecdf_pit

    rng = np.random.default_rng(214)
    at, _, lower, upper = ecdf_pit(np.full(n, 0.5), prob, SIMULATIONS, rng=rng)
    return Bands(at, lower, upper, prob)


def spread_out(ranks: np.ndarray, n_draws: int) -> np.ndarray:
    """Ranks on 0 ... L as numbers that are uniform on (0, 1) where the ranks are.

    Each rank is spread over its own cell by a random number, so that bands for continuous uniforms
    hold exactly.
    """
    jitter = np.random.default_rng(0).uniform(size=np.shape(ranks))
    return np.asarray((np.asarray(ranks, np.float64) + jitter) / (n_draws + 1.0))


@dataclass(frozen=True)
class Uniformity:
    """The verdict on one quantity.

    Parameters
    ----------
    inside : bool
        Whether the distribution of its ranks lies within the bands.
    bias_z : float
        Mean of the ranks less a half, in standard errors; above zero the posterior lies too low.
    spread_z : float
        Mean square distance of the ranks from a half, in standard errors above that of uniform
        ones; above zero the posterior is too narrow.
    above : float
        Share of data sets whose truth lies above the posterior's median.
    cover50, cover90 : float
        Share whose truth lies in the central intervals.
    emptier : float
        Share of ranks in the emptier of the two outer quarters.
    """

    inside: bool
    bias_z: float
    spread_z: float
    above: float
    cover50: float
    cover90: float
    emptier: float

    @property
    def kinds(self) -> tuple[str, ...]:
        """What is wrong, the clearest first; empty where the ranks lie within the bands."""
        if self.inside:
            return ()
        found = {}
        if abs(self.bias_z) > CLEAR:
            found["biased low" if self.bias_z > 0 else "biased high"] = abs(self.bias_z)
        if self.spread_z > CLEAR and self.emptier > EVEN * 0.25:
            found["too narrow"] = self.spread_z
        if self.spread_z < -CLEAR:
            found["too wide"] = -self.spread_z
        return tuple(sorted(found, key=lambda kind: -found[kind])) or ("of the wrong shape",)

    def text(self, name: str) -> str:
        """One sentence on the quantity."""
        if self.inside:
            return f"{name}: calibrated."
        return (
            f"{name}: the posterior is {' and '.join(self.kinds)}; its 50 and 90 % intervals hold "
            f"{self.cover50:.0%} and {self.cover90:.0%} of the truths, and {self.above:.0%} of "
            "them lie above its median."
        )


def judge(uniform: np.ndarray, band: Bands) -> Uniformity:
    """Judge numbers that should be uniform on (0, 1), shape (data set,)."""
    n, off = len(uniform), 2.0 * uniform - 1.0
    return Uniformity(
        inside=band.hold(uniform),
        bias_z=float(np.mean(off) * np.sqrt(3.0 * n)),
        spread_z=float((np.mean(off**2) - 1.0 / 3.0) / np.sqrt(4.0 / 45.0 / n)),
        above=float(np.mean(uniform > 0.5)),
        cover50=float(np.mean(np.abs(off) < 0.5)),
        cover90=float(np.mean(np.abs(off) < 0.9)),
        emptier=float(min(np.mean(uniform < 0.25), np.mean(uniform > 0.75))),
    )
