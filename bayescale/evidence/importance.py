r"""Evidence by importance sampling from a mixture laid over the draws: the independent check.

The proposal is a mixture of parts, each with an exact density:

- Student-t kernels on a thinned set of the draws, shrunken towards their mean so that the mixture
  keeps the draws' covariance [1]_; they follow skewed and curved posteriors;
- one broad Student-t with the draws' mean and covariance; it covers the tails;
- where the point fit found several maxima, a Student-t on each, whether chains came there or not;
- the prior itself, a few per cent: no weight can then exceed the likelihood over that share of its
  mean, and a mode that the chains missed has a chance to show.

It uses draws and maxima to place the proposal and nothing else: an error in the draws'
autocorrelation or in the bridge's algebra does not enter. The weights' tail says whether to believe
it: Pareto k [2]_.

References
----------
.. [1] West 1993, "Approximating posterior distributions by mixtures", JRSS B 55.
.. [2] Vehtari et al. 2024, "Pareto smoothed importance sampling", JMLR 25.
.. [3] Owen and Zhou 2000, "Safe and effective importance sampling", JASA 95 (the mixture's share
   of the prior, and weights by the whole mixture's density).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import special

from bayescale.evidence.estimate import Density, Estimate, Gaussian, Target, moments

__all__ = ["N_PRIOR", "PROPOSALS", "Mixture", "log_weights_of", "mixture_importance", "weigh"]

KERNELS = 200
DF_KERNEL, DF_BROAD = 8.0, 5.0
BROAD = 1.2
"""The broad part is this many times as wide as the draws."""

PLATEAU = 10.0
"""Weights that stay below this many times their mean have no tail, whatever is fitted to it."""

SHARES = {"kernels": 0.60, "broad": 0.35, "prior": 0.05}
OF_MODES = 0.20
"""Share of the points at the maxima, where there are several; kernels and broad part give it up."""

PROPOSALS = 10_000


@dataclass(frozen=True)
class Mixture:
    """The proposal: kernels on draws, a broad part, several maxima, and a share of the prior.

    Parameters
    ----------
    centres : array, shape (kernel, n_parameters)
    whole : Gaussian
        Mean and covariance of the draws.
    kernel : float
        Scale of the kernels, in units of ``whole``.
    modes : tuple of Gaussian
        The Laplace approximation at each maximum, where there are several.
    """

    centres: np.ndarray
    whole: Gaussian
    kernel: float
    modes: tuple[Gaussian, ...] = ()

    @classmethod
    def over(cls, draws: np.ndarray, modes: tuple[Gaussian, ...] = ()) -> Mixture:
        """The mixture over posterior draws, shape ``(chain, draw, n_parameters)``, and maxima."""
        flat = draws.reshape(-1, draws.shape[-1])
        d = flat.shape[-1]
        whole = moments(flat)
        chosen = flat[np.linspace(0, len(flat) - 1, min(KERNELS, len(flat))).astype(int)]
        width = min((4.0 / ((d + 2.0) * len(chosen))) ** (1.0 / (d + 4.0)), 0.9)
        centres = whole.mean + np.sqrt(1.0 - width**2) * (chosen - whole.mean)
        kernel = float(width * np.sqrt((DF_KERNEL - 2.0) / DF_KERNEL))
        return cls(centres, whole, kernel, tuple(_widened(each) for each in modes))

    @property
    def broad(self) -> Gaussian:
        """Centre and shape of the broad part."""
        return _widened(self.whole)

    def points(self, n: int, prior_draws: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Draws of the mixture, shape ``(n, n_parameters)``; each part has its exact share."""
        d = len(self.whole.mean)
        in_kernels, in_broad, of_prior, *in_modes = self._counts(n)
        which = np.resize(np.arange(len(self.centres)), in_kernels)
        step = self.kernel * self.whole.factor
        return np.concatenate(
            [
                self.centres[which] + _student(in_kernels, d, DF_KERNEL, rng) @ step.T,
                self.broad.place(_student(in_broad, d, DF_BROAD, rng)),
                prior_draws[:of_prior],
                *(
                    mode.place(_student(count, d, DF_BROAD, rng))
                    for mode, count in zip(self.modes, in_modes, strict=True)
                ),
            ]
        )

    def log_density(self, points: np.ndarray, log_prior: np.ndarray) -> np.ndarray:
        """Log density of the mixture at its own points, given the prior's there."""
        shares = np.array(self._counts(len(points))) / len(points)
        parts = np.stack(
            [
                _kernel_density(points, self.centres, self.whole, self.kernel),
                _broad_density(points, self.broad),
                log_prior,
                *(_broad_density(points, mode) for mode in self.modes),
            ]
        )
        return np.asarray(special.logsumexp(parts + np.log(shares)[:, None], axis=0))

    def _counts(self, n: int) -> tuple[int, ...]:
        """Points in the kernels, in the broad part, of the prior, and at each maximum."""
        of_prior = round(SHARES["prior"] * n)
        at_each = round(OF_MODES * n / len(self.modes)) if self.modes else 0
        in_kernels = round(SHARES["kernels"] * (n - at_each * len(self.modes)))
        rest = n - in_kernels - of_prior - at_each * len(self.modes)
        return (in_kernels, rest, of_prior, *(at_each for _ in self.modes))


N_PRIOR = round(SHARES["prior"] * PROPOSALS)
"""Prior draws that the mixture takes."""


def _widened(part: Gaussian) -> Gaussian:
    return Gaussian(part.mean, BROAD * part.factor)


def mixture_importance(
    draws: np.ndarray,
    target: Target,
    prior_draws: np.ndarray,
    rng: np.random.Generator,
    modes: tuple[Gaussian, ...] = (),
) -> tuple[Estimate, np.ndarray]:
    """Log evidence by importance sampling from the mixture.

    Parameters
    ----------
    draws : array, shape (chain, draw, n_parameters)
        Posterior draws in unconstrained coordinates.
    target : callable
        The joint density and the prior's.
    prior_draws : array, shape (at least N_PRIOR, n_parameters)
        Independent draws of the prior, in the same coordinates.
    rng : numpy.random.Generator
        Source of randomness.
    modes : tuple of Gaussian
        The Laplace approximation at each maximum, where there are several.

    Returns
    -------
    tuple of Estimate and array, shape (point,)
        The evidence, and the log weights, not normalised.
    """
    mixture = Mixture.over(draws, modes)
    points = mixture.points(PROPOSALS, prior_draws, rng)
    log_weights = log_weights_of(mixture, points, target(points))
    return weigh(log_weights), log_weights


def log_weights_of(mixture: Mixture, points: np.ndarray, density: Density) -> np.ndarray:
    """Log importance weights of points; a density that is no number counts as zero."""
    joint, prior = (np.where(np.isnan(v), -np.inf, v) for v in density)
    return np.asarray(joint - mixture.log_density(points, prior))


def weigh(log_weights: np.ndarray) -> Estimate:
    """The mean of importance weights, with its error and the shape of their tail.

    Pareto k is minus infinity where no weight is large enough to have a tail.
    """
    n = len(log_weights)
    log_mean = float(special.logsumexp(log_weights) - np.log(n))
    if not np.isfinite(log_mean):
        return Estimate(log_mean, float("inf"), 0.0, float("inf"))
    w = np.exp(log_weights - log_mean)
    bounded = float(w.max()) < PLATEAU
    return Estimate(
        log_evidence=log_mean,
        se=float(np.std(w) / np.sqrt(n)),
        ess=float(n / np.mean(w**2)),
        pareto_k=-float("inf") if bounded else pareto_k(log_weights),
    )


def pareto_k(log_weights: np.ndarray) -> float:
    """Shape of the upper tail of the weights; they serve below 0.7."""
    from arviz_stats.base import array_stats

    floor = np.max(log_weights) - 600.0  # weights of zero are no part of the upper tail
    ordinary = np.maximum(np.where(np.isnan(log_weights), floor, log_weights), floor)
    if np.ptp(ordinary) < 1e-9:
        return -float("inf")
    return float(array_stats.psislw(-ordinary)[1])  # it takes minus the log ratio, as LOO has it


def _student(n: int, d: int, df: float, rng: np.random.Generator) -> np.ndarray:
    """Standard multivariate Student-t draws."""
    stretch = np.sqrt(df / rng.chisquare(df, n))
    return np.asarray(stretch[:, None] * rng.standard_normal((n, d)))


def _broad_density(points: np.ndarray, part: Gaussian) -> np.ndarray:
    """Log density of the multivariate Student-t with a part's centre and shape."""
    square = np.sum(part.standard(points) ** 2, axis=-1)
    return _of_square(square, points.shape[-1], DF_BROAD) - part.log_det


def _of_square(square: np.ndarray, d: int, df: float) -> np.ndarray:
    constant = (
        special.gammaln((df + d) / 2) - special.gammaln(df / 2) - 0.5 * d * np.log(df * np.pi)
    )
    return np.asarray(constant - 0.5 * (df + d) * np.log1p(square / df))


def _kernel_density(
    points: np.ndarray, centres: np.ndarray, whole: Gaussian, kernel: float
) -> np.ndarray:
    """Log density of the mean of the kernels, a block of points at a time."""
    d = points.shape[-1]
    at, around = whole.standard(points), whole.standard(centres)
    out, scale = np.empty(len(points)), 1.0 / (kernel**2 * DF_KERNEL)
    for start in range(0, len(points), 1000):
        block = at[start : start + 1000]
        square = (
            np.sum(block**2, axis=1)[:, None]
            - 2.0 * block @ around.T
            + np.sum(around**2, axis=1)[None, :]
        )
        # No logarithms in the sum: where all kernels underflow, the broad part is far above them.
        each = np.exp(-0.5 * (DF_KERNEL + d) * np.log1p(np.maximum(square, 0.0) * scale))
        with np.errstate(divide="ignore"):
            out[start : start + 1000] = np.log(each.mean(axis=1))
    constant = _of_square(np.zeros(1), d, DF_KERNEL)[0] - d * np.log(kernel)
    return np.asarray(out + constant - whole.log_det)
