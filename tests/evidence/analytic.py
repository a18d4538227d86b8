"""Posteriors whose evidence is known in closed form."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import special, stats

from bayescale.evidence.estimate import Density


@dataclass(frozen=True)
class Regression:
    """Linear regression with its conjugate prior, in the coordinates (weights, log variance).

    ``y ~ N(X w, v)``, ``w ~ N(0, v)``, ``v ~ InverseGamma(3, 1)``: skewed and heavy-tailed in the
    coordinates, with d - 1 weights.
    """

    x: np.ndarray
    y: np.ndarray

    shape, scale = 3.0, 1.0

    @property
    def d(self) -> int:
        return self.x.shape[1] + 1

    def _update(self) -> tuple[np.ndarray, np.ndarray, float, float]:
        precision = self.x.T @ self.x + np.eye(self.d - 1)
        mean = np.linalg.solve(precision, self.x.T @ self.y)
        rest = self.y @ self.y - mean @ precision @ mean
        return mean, np.linalg.inv(precision), self.shape + len(self.y) / 2, self.scale + rest / 2

    @property
    def log_evidence(self) -> float:
        _, covariance, shape, scale = self._update()
        return float(
            -0.5 * len(self.y) * np.log(2 * np.pi)
            + 0.5 * np.linalg.slogdet(covariance)[1]
            + self.shape * np.log(self.scale)
            - shape * np.log(scale)
            + special.gammaln(shape)
            - special.gammaln(self.shape)
        )

    def posterior(self, n: int, rng: np.random.Generator) -> np.ndarray:
        mean, covariance, shape, scale = self._update()
        variance = scale / rng.gamma(shape, size=n)
        z = rng.standard_normal((n, self.d - 1)) @ np.linalg.cholesky(covariance).T
        return np.column_stack([mean + np.sqrt(variance)[:, None] * z, np.log(variance)])

    def prior(self, n: int, rng: np.random.Generator) -> np.ndarray:
        variance = self.scale / rng.gamma(self.shape, size=n)
        z = rng.standard_normal((n, self.d - 1))
        return np.column_stack([np.sqrt(variance)[:, None] * z, np.log(variance)])

    def target(self, u: np.ndarray) -> Density:
        w, log_v = u[:, :-1], u[:, -1]
        v, k, n = np.exp(log_v), self.d - 1, len(self.y)
        prior = (
            stats.invgamma.logpdf(v, self.shape, scale=self.scale)
            + log_v
            - 0.5 * k * np.log(2 * np.pi * v)
            - 0.5 * np.sum(w**2, axis=1) / v
        )
        rest = np.sum((self.y - w @ self.x.T) ** 2, axis=1)
        likelihood = -0.5 * n * np.log(2 * np.pi * v) - 0.5 * rest / v
        return Density(prior + likelihood, prior)


def regression(d: int, seed: int = 0, n: int = 30) -> Regression:
    """A problem with d parameters."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((n, d - 1))
    y = x @ rng.standard_normal(d - 1) + 0.5 * rng.standard_normal(n)
    return Regression(x, y)


def two_modes(d: int = 2, apart: float = 12.0) -> tuple[float, object, object]:
    """A density of two equal Gaussian modes, its evidence, and draws of one mode alone."""

    def target(u: np.ndarray) -> Density:
        ends = [
            -0.5 * np.sum((u - centre) ** 2, axis=1) - 0.5 * d * np.log(2 * np.pi)
            for centre in (0.0, apart / np.sqrt(d))
        ]
        prior = -0.5 * np.sum(u**2, axis=1) / 400 - 0.5 * d * np.log(2 * np.pi * 400)
        return Density(np.logaddexp(*ends), prior)

    return float(np.log(2.0)), target, lambda n, rng: rng.standard_normal((n, d))


def autocorrelated(draws: np.ndarray, rng: np.random.Generator, blocks: int = 400) -> np.ndarray:
    """The same draws repeated in runs, as a slow chain repeats itself."""
    chosen = draws[rng.integers(len(draws), size=blocks)]
    return np.repeat(chosen, len(draws) // blocks, axis=0)
