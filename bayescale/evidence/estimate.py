"""What an estimator of the log evidence returns, and the density that it is given."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy import linalg

__all__ = ["Density", "Estimate", "Gaussian", "Target", "moments"]


class Density(NamedTuple):
    """Log densities at points in unconstrained coordinates, each of shape ``(point,)``."""

    joint: np.ndarray
    """Log prior plus log likelihood plus log Jacobian, every normalising constant included."""

    prior: np.ndarray
    """Log prior plus log Jacobian: it integrates to one over the coordinates."""


type Target = Callable[[np.ndarray], Density]
"""From points, shape ``(point, n_parameters)``, to their densities."""


@dataclass(frozen=True)
class Estimate:
    """An estimate of the log marginal likelihood.

    Parameters
    ----------
    log_evidence : float
        In nats, for losses in their own unit.
    se : float
        Its standard error, in nats.
    ess : float
        Effective number of the draws that it rests on.
    pareto_k : float
        Shape of the tail of the importance weights; NaN where there are none.
    """

    log_evidence: float
    se: float
    ess: float
    pareto_k: float = float("nan")


@dataclass(frozen=True)
class Gaussian:
    """A Gaussian by its mean and the lower Cholesky factor of its covariance."""

    mean: np.ndarray
    factor: np.ndarray

    def draws(self, n: int, rng: np.random.Generator) -> np.ndarray:
        """Independent draws, shape ``(n, n_parameters)``."""
        return self.place(rng.standard_normal((n, len(self.mean))))

    def place(self, z: np.ndarray) -> np.ndarray:
        """Points from standard coordinates."""
        return np.asarray(self.mean + z @ self.factor.T)

    def standard(self, u: np.ndarray) -> np.ndarray:
        """Standard coordinates of points: the inverse of :meth:`place`."""
        return np.asarray(linalg.solve_triangular(self.factor, (u - self.mean).T, lower=True).T)

    @property
    def log_det(self) -> float:
        """Log determinant of the factor."""
        return float(np.sum(np.log(np.diag(self.factor))))

    def log_density(self, u: np.ndarray) -> np.ndarray:
        """Log density at points."""
        z = self.standard(u)
        d = len(self.mean)
        return np.asarray(-0.5 * np.sum(z**2, axis=-1) - 0.5 * d * np.log(2 * np.pi) - self.log_det)


def moments(draws: np.ndarray) -> Gaussian:
    """The Gaussian with the mean and the covariance of draws, shape ``(draw, n_parameters)``."""
    covariance = np.atleast_2d(np.cov(draws.T))
    ridge = np.diag(1e-10 * np.diag(covariance))
    return Gaussian(draws.mean(axis=0), linalg.cholesky(covariance + ridge, lower=True))
