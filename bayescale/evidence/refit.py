"""Fits of the same law to part of the runs, or under another prior.

The rows that are left out stay in the arrays, behind the mask: the compiled programs of the whole
table serve, and nothing is compiled again. Where a refit stands for leaving something out, the
reference point stays that of the whole table, since the priors are stated relative to it.
"""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np

from bayescale.evidence.importance import (
    N_PRIOR,
    PROPOSALS,
    Mixture,
    log_weights_of,
    weigh,
)
from bayescale.evidence.maxima import maxima, modes
from bayescale.evidence.target import problem
from bayescale.fitting import computed
from bayescale.inference.diagnosis import diagnose_importance
from bayescale.inference.nuts import Settings
from bayescale.model import Data, Model, bucket
from bayescale.posterior import Fit
from bayescale.runs import Runs

__all__ = ["refit", "refit_without", "weighed"]

ROUNDS = 8
"""Most batches of points that are weighed where chains did not mix."""

ENOUGH = 600.0
"""Effective number of points at which no more are drawn."""


def refit_without(fit: Fit, out: np.ndarray, seed: int, *, keep_reference: bool = True) -> Fit:
    """The same model fitted without some of the runs.

    Parameters
    ----------
    fit : Fit
        The fit to all runs.
    out : array of bool, shape (run,)
        Which runs to leave out.
    seed : int
        Seed of the refit.
    keep_reference : bool, default True
        Whether the reference point is that of all runs; else that of the runs kept, as if the
        others had never been seen.
    """
    kept = fit.runs.select(~out)
    reference = dict(fit.reference) if keep_reference else fit.model.reference(kept)
    data = fit.model.data(kept, reference, bucket(len(fit.runs)))
    found = _fitted(fit.model, kept, reference, data, "quick", Settings(), seed)
    return found if found.diagnosis.converged else weighed(found, seed)


def weighed(fit: Fit, seed: int) -> Fit:
    """The fit with its draws weighed anew, where its chains each stayed around one maximum.

    Such chains say where the maxima are and how wide, not how much of the posterior each holds;
    importance sampling from the mixture over all of them, and over those of the point fit, does.
    The result has converged where Pareto k and the effective number of points allow it, and is the
    same fit otherwise.
    """
    known = problem(fit)
    if known.is_large:
        return fit
    rng = np.random.default_rng(seed)
    mixture = Mixture.over(known.draws, modes(maxima(known)))
    parts, log_weights = [], np.empty(0)
    for _ in range(ROUNDS):
        points = mixture.points(PROPOSALS, known.prior_draws(N_PRIOR, rng), rng)
        evaluated, density = known.evaluated(points)
        parts.append(evaluated)
        log_weights = np.concatenate([log_weights, log_weights_of(mixture, points, density)])
        estimate = weigh(log_weights)
        if estimate.ess >= ENOUGH:
            break
    diagnosis = diagnose_importance(
        estimate.pareto_k,
        estimate.ess,
        fit.diagnosis.contraction,
        fit.diagnosis.prior_sensitivity,
        tuple(p.name for p in fit.law.term.parameters),
        ("The chains did not mix; their draws were weighed anew by importance sampling.",),
        conflicting=fit.diagnosis.prior_conflict,
    )
    if not diagnosis.converged:
        return fit
    shape = next(iter(fit.draws.values())).shape
    chosen = rng.permutation(_resampled(log_weights, int(np.prod(shape)), rng))
    place, own = np.divmod(chosen, PROPOSALS)

    def picked(values: list[np.ndarray]) -> np.ndarray:
        return np.stack(values)[place, own].reshape(shape)

    return replace(
        fit,
        draws={name: picked([p.params[name] for p in parts]) for name in fit.draws},
        log_prior={name: picked([p.log_prior[name] for p in parts]) for name in fit.log_prior},
        log_likelihood_sum=picked([p.log_likelihood_sum for p in parts]),
        pointwise=None,
        sample_stats={},
        diagnosis=diagnosis,
        method="importance",
    )


def _resampled(log_weights: np.ndarray, n: int, rng: np.random.Generator) -> np.ndarray:
    """Positions of n points by stratified resampling."""
    edges = np.cumsum(np.exp(log_weights - log_weights.max()))
    at = (np.arange(n) + rng.uniform(size=n)) / n
    return np.minimum(np.searchsorted(edges / edges[-1], at), len(edges) - 1)


def refit(fit: Fit, model: Model, seed: int) -> Fit:
    """Another model of the same signature fitted to the same runs, by NUTS."""
    data = model.data(fit.runs, fit.reference)
    return _fitted(model, fit.runs, dict(fit.reference), data, "nuts", Settings(), seed)


def _fitted(
    model: Model,
    runs: Runs,
    reference: dict[str, float],
    data: Data,
    method: str,
    settings: Settings,
    seed: int,
) -> Fit:
    started = time.perf_counter()
    rng = np.random.default_rng(seed)
    found = computed(model, runs, reference, data, method, settings, rng, seed, None)
    return replace(found, seed=seed, seconds=time.perf_counter() - started)
