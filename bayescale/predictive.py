"""The predictive distribution of new runs, from draws; forecasts and backtests share it."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy import special

from bayescale.inference.runtime import float64
from bayescale.noise import Noise
from bayescale.noise.noise import NOTHING, Rows

__all__ = ["REPLICATES", "Predictive", "crps", "weighted_quantiles"]

REPLICATES = 8
"""Draws of the discrepancy and of the noise for each posterior draw; the noise is stratified."""

PADDED = 16
"""Points are padded to a multiple of this, so that few shapes are compiled."""


@dataclass(frozen=True, eq=False)
class Predictive:
    r"""Losses of new runs: :math:`\ln L = \ln\hat L + \delta + \epsilon`.

    Parameters
    ----------
    noise : Noise
        The distribution of :math:`\epsilon`.
    log_law : array, shape (draw, point) or (replicate, draw, point)
        Log of the law, draw by draw; of a law at an input that is drawn itself, several to a draw.
    noise_draws : mapping of str to array, shape (draw,)
        Parameters of the noise.
    slopes : array, shape (replicate, draw)
        Discrepancy per unit of distance.
    distance : array, shape (point,) or (draw, point)
        How far each point lies beyond the data, in the discrepancy's unit; of a process its
        standard deviation there, draw by draw.
    seed : int
        Seed of the noise draws.
    rows : mapping of str to array, shape (point,)
        What the noise reads of the points; see :meth:`Noise.ahead`.
    """

    noise: Noise
    log_law: np.ndarray
    noise_draws: Mapping[str, np.ndarray]
    slopes: np.ndarray
    distance: np.ndarray
    seed: int
    rows: Rows = NOTHING

    def _at(self, point: int) -> dict[str, np.ndarray]:
        return {name: values[point] for name, values in self.rows.items()}

    @functools.cached_property
    def _p(self) -> list[np.ndarray]:
        """Probabilities of the noise at each point, shape (replicate, draw)."""
        rng = np.random.default_rng(self.seed)
        n, points = self.log_law.shape[-2:]
        strata = np.repeat(np.arange(REPLICATES, dtype=float)[:, None], n, axis=1)
        # In an order of its own at every point, so that the noise of two points is independent.
        return [
            np.minimum(
                (rng.permuted(strata, axis=0) + rng.uniform(1e-9, 1.0, (1, n))) / REPLICATES,
                1 - 1e-12,
            )
            for _ in range(points)
        ]

    @functools.cached_property
    def new(self) -> np.ndarray:
        """Draws of a new run's loss, shape ``(8 * draw, point)``."""
        out = np.empty((REPLICATES, *self.log_law.shape[-2:]))
        for point, p in enumerate(self._p):
            mean = self.log_law[..., point] + self.slopes * self.distance[..., point]
            residual = self.noise.quantile(p, self.noise_draws, self._at(point), mean)
            out[:, :, point] = np.exp(mean + residual)
        return out.reshape(-1, out.shape[-1])

    def parts(self, prob: float) -> dict[str, np.ndarray]:
        """Width of the central interval of the log loss that each source would leave alone.

        Returns
        -------
        dict of str to array, shape (point,)
            ``parameters``, ``discrepancy`` and ``noise``.
        """
        ends = [(1 - prob) / 2, (1 + prob) / 2]
        points = self.log_law.shape[-1]
        low, high = np.quantile(self.log_law.reshape(-1, points), ends, axis=0)

        def noise(point: int, p: np.ndarray) -> float:
            mean = self.log_law[..., point]
            draws = self.noise.quantile(p, self.noise_draws, self._at(point), mean)
            return float(np.ptp(np.quantile(draws, ends)))

        return {
            "parameters": high - low,
            "discrepancy": np.array(
                [
                    np.ptp(np.quantile(self.slopes * self.distance[..., point], ends))
                    for point in range(points)
                ]
            ),
            "noise": np.array([noise(point, p) for point, p in enumerate(self._p)]),
        }

    @property
    def _means(self) -> list[np.ndarray]:
        """Log of the law with the discrepancy, one array for each replicate that differs."""
        several = self.log_law.ndim > 2
        if not np.any(self.slopes) or not np.any(self.distance):
            return list(self.log_law) if several else [self.log_law]
        each = self.log_law if several else [self.log_law] * len(self.slopes)
        return [
            own + slope[:, None] * self.distance
            for own, slope in zip(each, self.slopes, strict=True)
        ]

    def pit(self, observed: np.ndarray) -> np.ndarray:
        """Probability of a new run below the observed losses, shape (point,)."""
        noise = {name: values[:, None] for name, values in self.noise_draws.items()}
        log_loss = np.log(observed)
        each = [
            self.noise.cdf(log_loss - mean, noise, self.rows, mean).mean(axis=0)
            for mean in self._means
        ]
        return np.asarray(np.mean(each, axis=0))

    def log_density(self, observed: np.ndarray) -> np.ndarray:
        """Log predictive density of the observed losses, per unit of loss, shape (point,)."""
        noise = {name: values[:, None] for name, values in self.noise_draws.items()}
        n = len(observed)
        fill = ((0, -n % PADDED),)
        losses = np.pad(observed, fill, mode="edge")
        rows = {name: np.pad(values, fill, mode="edge") for name, values in self.rows.items()}
        each = []
        with float64():
            for mean in self._means:
                padded = np.pad(mean, ((0, 0), *fill), mode="edge")
                values = np.asarray(self.noise.loss(padded, noise, rows).log_prob(losses))[:, :n]
                each.append(special.logsumexp(values, axis=0) - np.log(len(values)))
        return np.asarray(special.logsumexp(each, axis=0) - np.log(len(each)))


def weighted_quantiles(draws: np.ndarray, weights: np.ndarray, p: np.ndarray) -> np.ndarray:
    """Quantiles of weighted draws at each point.

    Parameters
    ----------
    draws : array, shape (draw, point)
    weights : array, shape (draw,)
        Weights of the draws, above zero.
    p : array, shape (probability,)

    Returns
    -------
    array, shape (probability, point)
    """
    out = np.empty((len(p), draws.shape[1]))
    for point in range(draws.shape[1]):
        order = np.argsort(draws[:, point])
        mass = np.cumsum(weights[order])
        mass = (mass - 0.5 * weights[order]) / mass[-1]
        out[:, point] = np.interp(p, mass, draws[order, point])
    return out


def crps(draws: np.ndarray, weights: np.ndarray, observed: np.ndarray) -> np.ndarray:
    r"""Continuous ranked probability score of weighted draws, shape (point,).

    .. math:: \int (F(x) - 1[x \ge y])^2\,dx
              = \mathrm{E}|X - y| - \tfrac12\,\mathrm{E}|X - X'|

    in the unit of the loss; smaller is better [1]_.

    Parameters
    ----------
    draws : array, shape (draw, point)
    weights : array, shape (draw,)
        Weights of the draws, which add up to one.
    observed : array, shape (point,)

    References
    ----------
    .. [1] Gneiting and Raftery 2007, "Strictly proper scoring rules, prediction, and estimation",
       JASA 102, eq. 21.
    """
    out = np.empty(len(observed))
    for point, seen in enumerate(observed):
        order = np.argsort(draws[:, point])
        x, w = draws[order, point], weights[order]
        below = np.cumsum(w) - 0.5 * w
        spread = 2.0 * np.sum(w * x * (below - 0.5))  # half the mean distance of two draws
        out[point] = np.sum(w * np.abs(x - seen)) - spread
    return out
