r"""Bridge sampling: the evidence from posterior draws and a proposal fitted to them.

For a normalised proposal :math:`g` and the unnormalised posterior :math:`\tilde p`, Meng and Wong
[1]_ estimate :math:`Z = \int \tilde p` by

.. math:: \hat Z = \frac{N_2^{-1}\sum_j h(\tilde u_j)\,\tilde p(\tilde u_j)}
                        {N_1^{-1}\sum_i h(u_i)\,g(u_i)},
          \qquad h = \frac{1}{s_1 \tilde p/\hat Z + s_2\,g},

over :math:`N_2` draws of the proposal and :math:`N_1` of the posterior, iterated to its fixed
point; :math:`s_1` and :math:`s_2` are the two shares of effective draws.

The proposal is fitted to one half of every chain and the bridge built on the other, and the other
way round (cross-fitting): a proposal fitted to the very draws that it is compared with is too good
for them, and the estimate biased.

References
----------
.. [1] Meng and Wong 1996, "Simulating ratios of normalizing constants via a simple identity",
   Statistica Sinica 6.
.. [2] Gronau et al. 2017, "A tutorial on bridge sampling", Journal of Mathematical Psychology 81.
.. [3] Fruehwirth-Schnatter 2004, "Estimating marginal likelihoods for mixture and Markov switching
   models using bridge sampling techniques", Econometrics Journal 7, section 3.3.
.. [4] Meng and Schilling 2002, "Warp bridge sampling", JCGS 11.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy import special

from bayescale.evidence.estimate import Estimate, Gaussian, Target, moments

__all__ = ["bridge"]

RATIO = 4
"""Proposals for each posterior draw: they are independent, and cost one evaluation each."""

TOLERANCE = 1e-10
MAX_STEPS = 1000


def bridge(
    draws: np.ndarray,
    log_density: np.ndarray,
    target: Target,
    rng: np.random.Generator,
    *,
    warp: bool = False,
) -> Estimate:
    """Log evidence by cross-fitted bridge sampling.

    Parameters
    ----------
    draws : array, shape (chain, draw, n_parameters)
        Posterior draws in unconstrained coordinates.
    log_density : array, shape (chain, draw)
        Log joint density at the draws.
    target : callable
        The joint density, for the proposal's draws.
    rng : numpy.random.Generator
        Source of the proposal's draws.
    warp : bool, default False
        Warp-3: fold the posterior about its mean, so that skewness costs nothing; twice as many
        evaluations of the density.

    Returns
    -------
    Estimate
        The standard error is the larger of Fruehwirth-Schnatter's, with the effective sample size
        of the bridge's own terms, and one from the scatter of the chains. ``ess`` is that size.
    """
    half = draws.shape[1] // 2
    first, second = slice(0, half), slice(half, 2 * half)
    parts = [
        _half(draws[:, fitted], draws[:, used], log_density[:, used], target, rng, warp)
        for fitted, used in ((first, second), (second, first))
    ]
    count = len(parts)
    formula = np.sqrt(sum(p.variance for p in parts)) / count
    # Every chain's terms relative to their mean: two halves, and as many chains, that should agree.
    segments = np.concatenate([p.segments for p in parts])
    freedom = len(segments) - count
    scatter = np.sum(segments**2) / freedom / len(segments) + sum(p.proposal for p in parts) / 4
    return Estimate(
        log_evidence=float(np.mean([p.log_evidence for p in parts])),
        se=float(max(formula, np.sqrt(scatter))),
        ess=float(sum(p.ess for p in parts)),
    )


class _Part(NamedTuple):
    log_evidence: float
    variance: float
    proposal: float
    """The part of the variance that is due to the proposal's draws."""
    ess: float
    segments: np.ndarray


def _half(
    fitted: np.ndarray,
    used: np.ndarray,
    log_density: np.ndarray,
    target: Target,
    rng: np.random.Generator,
    warp: bool,
) -> _Part:
    chains, n, d = used.shape
    proposal = moments(fitted.reshape(-1, d))
    points = used.reshape(-1, d)
    proposed = proposal.draws(RATIO * len(points), rng)
    if warp:
        log_p = _folded(points, log_density.ravel(), proposal, target)
        log_q = _folded(proposed, target(proposed).joint, proposal, target)
    else:
        log_p, log_q = log_density.ravel(), target(proposed).joint
    at_posterior = log_p - proposal.log_density(points)
    at_proposal = np.where(np.isnan(log_q), -np.inf, log_q) - proposal.log_density(proposed)
    ess = _ess(np.tanh(0.5 * (at_posterior - np.median(at_posterior))).reshape(chains, n))
    return _solved(at_posterior.reshape(chains, n), at_proposal, ess)


def _folded(
    points: np.ndarray, log_p: np.ndarray, proposal: Gaussian, target: Target
) -> np.ndarray:
    """Log of the mean of the density at points and at their mirror images about the centre."""
    mirrored = target(2.0 * proposal.mean - points).joint
    mirrored = np.where(np.isnan(mirrored), -np.inf, mirrored)
    return np.asarray(np.logaddexp(log_p, mirrored) - np.log(2.0))


def _solved(at_posterior: np.ndarray, at_proposal: np.ndarray, ess: float) -> _Part:
    """The fixed point, from log ratios of posterior to proposal at both kinds of draws."""
    n2 = len(at_proposal)
    log_s1, log_s2 = np.log(ess / (ess + n2)), np.log(n2 / (ess + n2))
    log_z = float(np.median(at_posterior))
    for _ in range(MAX_STEPS):
        top = at_proposal - np.logaddexp(log_s1 + at_proposal, log_s2 + log_z)
        bottom = -np.logaddexp(log_s1 + at_posterior, log_s2 + log_z)
        new = float(
            special.logsumexp(top)
            - np.log(n2)
            - special.logsumexp(bottom)
            + np.log(at_posterior.size)
        )
        log_z, moved = new, abs(new - log_z)
        if moved < TOLERANCE:
            break
    # Fruehwirth-Schnatter's terms: the posterior density under the proposal, and the reverse.
    f1 = np.exp(at_proposal - log_z - np.logaddexp(log_s1 + at_proposal - log_z, log_s2))
    f2 = np.exp(-np.logaddexp(log_s1 + at_posterior - log_z, log_s2))
    of_proposal = float(np.var(f1) / np.mean(f1) ** 2 / n2)
    ess = _ess(f2)
    of_posterior = float(np.var(f2) / np.mean(f2) ** 2 / ess)
    return _Part(
        log_evidence=log_z,
        variance=of_proposal + of_posterior,
        proposal=of_proposal,
        ess=ess,
        segments=f2.mean(axis=1) / f2.mean() - 1.0,
    )


def _ess(values: np.ndarray) -> float:
    """Effective number of draws for a mean, shape ``(chain, draw)``."""
    from arviz_stats.base import array_stats

    ess = float(array_stats.ess(values, method="mean"))
    return min(ess, float(values.size)) if np.isfinite(ess) and ess > 1.0 else float(values.size)
