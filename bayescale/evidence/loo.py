"""Leave-one-out cross-validation: by Pareto-smoothed importance sampling, exactly where it fails.

Runs that a noise model holds to be dependent, such as the checkpoints of one training run, are left
out together: they are one *unit*.

References
----------
.. [1] Vehtari, Gelman and Gabry 2017, "Practical Bayesian model evaluation using leave-one-out
   cross-validation and WAIC", Statistics and Computing 27.
.. [2] Vehtari et al. 2024, "Pareto smoothed importance sampling", JMLR 25 (the limit on k).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

import numpy as np
from scipy import special

from bayescale.posterior import Fit
from bayescale.runs import Runs

__all__ = ["Score", "common_units", "exact", "log_predictive", "psis_loo", "spread"]


@dataclass(frozen=True)
class Score:
    """Log predictive densities of runs that the law did not see, in units of the loss.

    Parameters
    ----------
    pointwise : array, shape (unit,)
        Log density of each unit's losses: of each run's loss where all are independent.
    pareto_k : array, shape (unit,)
        For leave-one-out, the shape of each unit's importance weights; empty otherwise.
    limit : float
        Pareto k above which a unit was left out and the law fitted again.
    refitted : tuple of int
        Units for which that was done.
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
        """Sum over units."""
        return float(np.sum(self.pointwise))

    @property
    def se(self) -> float:
        """Standard error of the sum, over units."""
        return spread(self.pointwise)


def spread(pointwise: np.ndarray) -> float:
    """Standard error of a sum over runs; NaN for one run."""
    n = len(pointwise)
    return float(np.std(pointwise, ddof=1) * np.sqrt(n)) if n > 1 else float("nan")


def common_units(fits: Iterable[Fit]) -> np.ndarray:
    """A number for each run, equal where any of the fits holds runs to be dependent."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    fits = tuple(fits)
    n = len(fits[0].runs)
    links = [np.arange(n)] * 2
    for fit in fits:
        own = fit.noise.units(fit.runs)
        if own is not None:
            first = np.unique(own, return_index=True)[1][own]
            links = [np.append(links[0], np.arange(n)), np.append(links[1], first)]
    graph = coo_array((np.ones(len(links[0])), tuple(links)), shape=(n, n))
    return np.asarray(connected_components(graph, directed=False)[1])


def psis_loo(fit: Fit, units: np.ndarray | None = None) -> Score:
    """Leave-one-out log densities from the draws of one fit.

    Parameters
    ----------
    fit : Fit
    units : array of int, shape (run,), optional
        From :func:`common_units`; those of the fit's own noise unless given.
    """
    from arviz_stats.base import array_stats

    units = common_units([fit]) if units is None else units
    log_likelihood = _by_unit(fit.log_likelihood.reshape(-1, len(fit.runs)), units).T
    n = log_likelihood.shape[1]
    limit = min(1.0 - 1.0 / np.log10(n), 0.7)
    relative = [float(array_stats.ess(v, method="mean", relative=True)) for v in fit.draws.values()]
    # It takes minus the log ratios, and the ratios are the reciprocal likelihoods.
    log_weights, k = array_stats.psislw(log_likelihood, r_eff=float(np.mean(relative)))
    pointwise = special.logsumexp(log_weights + log_likelihood, axis=-1)
    pointwise -= special.logsumexp(log_weights, axis=-1)
    return Score(np.asarray(pointwise), np.asarray(k), float(limit))


def _by_unit(values: np.ndarray, units: np.ndarray) -> np.ndarray:
    """Sums over the runs of each unit, shape (draw, unit)."""
    if len(np.unique(units)) == len(units):
        return np.asarray(values[:, np.argsort(units)])
    sums = np.zeros((int(units.max()) + 1, len(values)))
    np.add.at(sums, units, values.T)
    return sums.T


def exact(
    score: Score,
    fit: Fit,
    refit: Callable[[np.ndarray, int], Fit],
    most: int,
    units: np.ndarray | None = None,
) -> Score:
    """The score with the units above the limit left out in earnest.

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
        Most refits; the units of highest k come first.
    units : array of int, shape (run,), optional
        As for :func:`psis_loo`.
    """
    units = common_units([fit]) if units is None else units
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
        out = units == i
        without = refit(out, int(i))
        joint = without.log_density_of(fit.runs.select(out)).sum(axis=-1).ravel()
        pointwise[i] = special.logsumexp(joint) - np.log(len(joint))
        done.append(int(i))
        if not without.diagnosis.converged:
            label = fit.runs.labels[int(np.argmax(out))]
            refusals.append(f"the fit without {label} has not converged")
    return replace(
        score, pointwise=pointwise, refitted=tuple(sorted(done)), refusals=tuple(refusals)
    )


def log_predictive(fit: Fit, runs: Runs) -> np.ndarray:
    """Log predictive density of runs under a fit, in units of the loss, shape (run,).

    By the law and its noise alone: a discrepancy, where forecasts have one, is no part of it.
    """
    values = fit.log_density_of(runs).reshape(-1, len(runs))
    return np.asarray(special.logsumexp(values, axis=0) - np.log(len(values)))
