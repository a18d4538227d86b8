"""Leave-one-out cross-validation: by Pareto-smoothed importance sampling, exactly where it fails.

References
----------
.. [1] Vehtari, Gelman and Gabry 2017, "Practical Bayesian model evaluation using leave-one-out
   cross-validation and WAIC", Statistics and Computing 27.
.. [2] Vehtari et al. 2024, "Pareto smoothed importance sampling", JMLR 25 (the limit on k).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from scipy import special

from bayescale.inference.runtime import float64
from bayescale.posterior import Fit
from bayescale.runs import Runs

__all__ = ["Score", "exact", "log_predictive", "psis_loo", "spread"]


@dataclass(frozen=True)
class Score:
    """Log predictive densities of runs that the law did not see, in units of the loss.

    Parameters
    ----------
    pointwise : array, shape (run,)
        Log density of each run's loss.
    pareto_k : array, shape (run,)
        For leave-one-out, the shape of each run's importance weights; empty otherwise.
    limit : float
        Pareto k above which a run was left out and the law fitted again.
    refitted : tuple of int
        Runs for which that was done.
    messages : tuple of str
        What must be known of it.
    refusals : tuple of str
        Why it may not be used; empty where it may.
    """

    pointwise: np.ndarray
    pareto_k: np.ndarray
    limit: float = float("nan")
    refitted: tuple[int, ...] = ()
    messages: tuple[str, ...] = ()
    refusals: tuple[str, ...] = ()

    @property
    def elpd(self) -> float:
        """Sum over runs."""
        return float(np.sum(self.pointwise))

    @property
    def se(self) -> float:
        """Standard error of the sum, over runs."""
        return spread(self.pointwise)


def spread(pointwise: np.ndarray) -> float:
    """Standard error of a sum over runs; NaN for one run."""
    n = len(pointwise)
    return float(np.std(pointwise, ddof=1) * np.sqrt(n)) if n > 1 else float("nan")


def psis_loo(fit: Fit) -> Score:
    """Leave-one-out log densities from the draws of one fit."""
    from arviz_stats.base import array_stats

    log_likelihood = fit.log_likelihood.reshape(-1, len(fit.runs)).T
    n = log_likelihood.shape[1]
    limit = min(1.0 - 1.0 / np.log10(n), 0.7)
    relative = [float(array_stats.ess(v, method="mean", relative=True)) for v in fit.draws.values()]
    # It takes minus the log ratios, and the ratios are the reciprocal likelihoods.
    log_weights, k = array_stats.psislw(log_likelihood, r_eff=float(np.mean(relative)))
    pointwise = special.logsumexp(log_weights + log_likelihood, axis=-1)
    pointwise -= special.logsumexp(log_weights, axis=-1)
    return Score(np.asarray(pointwise), np.asarray(k), float(limit))


def exact(score: Score, fit: Fit, refit: Callable[[np.ndarray, int], Fit], most: int) -> Score:
    """The score with the runs above the limit left out in earnest.

    It is refused where one of those fits has not converged, or more runs would have to be left out
    than is allowed: a sum with one wrong term is wrong.

    Parameters
    ----------
    score : Score
        From :func:`psis_loo`.
    fit : Fit
        The fit to all runs.
    refit : callable
        From which runs to leave out, and a number for the seed, to a fit.
    most : int
        Most refits; the runs of highest k come first.
    """
    high = np.flatnonzero(~(score.pareto_k < score.limit))
    high = high[np.argsort(-np.nan_to_num(score.pareto_k[high], nan=np.inf))]
    if len(high) > most:
        refusal = (
            f"{len(high)} runs have Pareto k above {score.limit:.2f}, and at most {most} are left "
            "out in earnest; the law follows single runs, or has too many parameters for them"
        )
        return replace(score, refusals=(refusal,))
    pointwise, refusals, done = score.pointwise.copy(), [], []
    for i in high:
        out = np.arange(len(fit.runs)) == i
        without = refit(out, int(i))
        pointwise[i] = log_predictive(without, fit.runs.select(out))[0]
        done.append(int(i))
        if not without.diagnosis.converged:
            refusals.append(f"the fit without {fit.runs.labels[i]} has not converged")
    return replace(
        score, pointwise=pointwise, refitted=tuple(sorted(done)), refusals=tuple(refusals)
    )


def log_predictive(fit: Fit, runs: Runs) -> np.ndarray:
    """Log predictive density of runs under a fit, in units of the loss, shape (run,).

    By the law and its noise alone: a discrepancy, where forecasts have one, is no part of it.
    """
    log_mean = fit.log_law({name: runs[name] for name in fit.law.inputs})
    noise = {p.name: fit.draws[p.name][..., None] for p in fit.noise.parameters}
    with float64():
        values = np.asarray(fit.noise.loss(log_mean, noise).log_prob(runs.loss))
    values = values.reshape(-1, len(runs))
    return np.asarray(special.logsumexp(values, axis=0) - np.log(len(values)))
