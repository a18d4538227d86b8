"""The Laplace approximation, corrected and checked by Pareto-smoothed importance sampling."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import special

from bayescale.inference.evaluate import Evaluated, evaluate
from bayescale.inference.point import Optima
from bayescale.inference.progress import Progress
from bayescale.model import Data, Signature

__all__ = ["DF", "Importance", "Laplace", "importance", "laplace", "weighed"]

DF = 10.0
"""Degrees of freedom of the proposal: tails a little heavier than the Gaussian's, so that the
importance weights stay bounded where the posterior is a little wider than its curvature says."""

SMALLEST = 1e-3
"""Least curvature along a direction, in units where a posterior of unit width has one."""


@dataclass(frozen=True)
class Laplace:
    """A Gaussian approximation in the sampler's coordinates.

    Parameters
    ----------
    mode : array, shape (n_parameters,)
        Minimum of the potential.
    factor : array, shape (n_parameters, n_parameters)
        Square root of the covariance: draws are ``mode + factor @ z``.
    log_evidence : float
        Laplace estimate of the log marginal likelihood, in nats.
    """

    mode: np.ndarray
    factor: np.ndarray
    log_evidence: float

    def draws(self, n: int, rng: np.random.Generator, scale: float = 1.0) -> np.ndarray:
        """Gaussian draws, shape ``(n, n_parameters)``, ``scale`` times as wide."""
        z = scale * rng.standard_normal((n, len(self.mode)))
        return np.asarray(self.mode + z @ self.factor.T)


def laplace(optima: Optima, which: int = 0) -> Laplace:
    """The approximation at one of the optima.

    Directions in which the potential is flat or bends downwards are given the curvature of a broad
    Gaussian, so that a sampler can start from them; the importance check tells how good that is.
    """
    values, vectors = np.linalg.eigh(optima.hessian[which])
    values = np.maximum(values, SMALLEST)
    d = len(values)
    log_evidence = -optima.value[which] + 0.5 * d * np.log(2 * np.pi) - 0.5 * np.sum(np.log(values))
    return Laplace(optima.u[which], vectors / np.sqrt(values), float(log_evidence))


@dataclass(frozen=True)
class Importance:
    """Proposals with Pareto-smoothed importance weights.

    Parameters
    ----------
    u : array, shape (draws, n_parameters)
        Proposals.
    evaluated : Evaluated
        The proposals' parameters and densities.
    log_weights : array, shape (draws,)
        Smoothed log weights, normalised.
    pareto_k : float
        Shape of the weights' tail; the approximation serves below 0.7.
    log_evidence : float
        Importance-sampling estimate of the log marginal likelihood, in nats.
    """

    u: np.ndarray
    evaluated: Evaluated
    log_weights: np.ndarray
    pareto_k: float
    log_evidence: float

    @property
    def ess(self) -> float:
        """Effective number of independent draws."""
        return float(1.0 / np.sum(np.exp(2.0 * self.log_weights)))

    def resample(self, n: int, rng: np.random.Generator) -> np.ndarray:
        """Indices of ``n`` draws by stratified resampling."""
        edges = np.cumsum(np.exp(self.log_weights))
        points = (np.arange(n) + rng.uniform(size=n)) / n
        return np.minimum(np.searchsorted(edges / edges[-1], points), len(edges) - 1)


def importance(
    approximation: Laplace,
    signature: Signature,
    data: Data,
    n: int,
    rng: np.random.Generator,
    progress: Progress | None = None,
) -> Importance:
    """Weigh draws of a Student-t with the approximation's centre and shape.

    Parameters
    ----------
    approximation : Laplace
        Centre and shape of the proposal.
    signature, data
        The model and its arrays.
    n : int
        Number of proposals.
    rng : numpy.random.Generator
        Source of randomness.
    progress : callable, optional
        Called with proposals weighed and proposals in all, where the table is large.
    """
    d = len(approximation.mode)
    z = rng.standard_normal((n, d))
    stretch = np.sqrt(DF / rng.chisquare(DF, n))
    u = approximation.mode + (stretch[:, None] * z) @ approximation.factor.T
    log_det = np.linalg.slogdet(approximation.factor)[1]
    square = np.sum((stretch[:, None] * z) ** 2, axis=1)
    log_q = (
        special.gammaln((DF + d) / 2)
        - special.gammaln(DF / 2)
        - 0.5 * d * np.log(DF * np.pi)
        - log_det
        - 0.5 * (DF + d) * np.log1p(square / DF)
    )
    return weighed(u, log_q, signature, data, progress)


def weighed(
    u: np.ndarray,
    log_q: np.ndarray,
    signature: Signature,
    data: Data,
    progress: Progress | None = None,
) -> Importance:
    """Proposals with their smoothed weights.

    Parameters
    ----------
    u : array, shape (draws, n_parameters)
    log_q : array, shape (draws,)
        Log density of the proposal there.
    signature, data, progress
        As for :func:`importance`.
    """
    from arviz_stats.base import array_stats

    n = len(u)
    evaluated = evaluate(signature, u, data, progress)
    log_ratio = evaluated.log_density - log_q
    log_ratio = np.where(np.isfinite(log_ratio), log_ratio, -np.inf)
    finite = np.where(np.isfinite(log_ratio), log_ratio, log_ratio[np.isfinite(log_ratio)].min())
    smoothed, k = array_stats.psislw(-finite)  # it takes minus the log ratio, as LOO has it
    return Importance(
        u,
        evaluated,
        np.asarray(smoothed) - special.logsumexp(smoothed),
        float(k),
        float(special.logsumexp(log_ratio) - np.log(n)),
    )
