"""The verb ``plan``: runs within a budget that make a forecast, or an allocation, most certain."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from bayescale.consequences import drawn, optimum
from bayescale.consequences.optimum import budgets
from bayescale.errors import LawError, RunsError
from bayescale.forecasting import forecast
from bayescale.planning.check import noise_variance, reweighted
from bayescale.planning.design import best_design
from bayescale.planning.result import Plan, PlannedRun
from bayescale.posterior import Fit

__all__ = ["plan"]

FINE = 20
"""Sizes, and numbers of tokens, of the candidates."""

ROOM = 3.0
"""Candidates go this factor outside the runs in N and in D, but not beyond the target."""

MIDDLE = (0.05, 0.95)
"""Quantiles of the runs' D/N between which candidates lie: designs go to extremes, and there the
law has been tried least. The target's ratio is let in too."""

CHEAP = 1e-3
"""Candidates cost at least this share of the budget."""


def plan(
    fit: Fit,
    budget: float,
    *,
    target: Mapping[str, Any] | None = None,
    target_flops: float | None = None,
    most: int = 10,
    held: Mapping[str, float] | None = None,
    seed: int = 0,
) -> Plan:
    """Choose runs to train, so that the forecast at a target becomes most certain.

    Every candidate is judged by the posterior variance that it would leave, on average over its
    outcomes, in the log of the law's loss at the target (with the discrepancy there, which a run
    nearer to the target shortens), or in the log of the compute-optimal size at a budget. Runs are
    added one at a time while they fit the budget. The update is Gaussian in what the draws say of
    losses; :attr:`Plan.check` repeats the sum for the chosen runs by simulation and reweighting.

    Parameters
    ----------
    fit : Fit
    budget : float
        FLOP for all runs together, C = 6ND.
    target : mapping of str to float, optional
        Where the loss is to be known: N and D, as for :func:`bayescale.forecast`.
    target_flops : float, optional
        In its place, a budget whose compute-optimal size is to be known.
    most : int, default 10
        Most runs.
    held : mapping of str to float, optional
        Inputs that do not follow from N and D; at the reference point unless given.
    seed : int
        Seed of the simulated outcomes.

    Returns
    -------
    Plan

    Raises
    ------
    LawError, RunsError
        Where the budget buys no run, there is no target or two, or the law is not of N and D.
    """
    (total,) = budgets(budget)
    if (target is None) == (target_flops is None):
        raise RunsError(
            "The plan needs exactly one target. Give target={'N': ..., 'D': ...} or target_flops."
        )
    if not 1 <= most <= 100:
        raise RunsError(f"The plan may hold {most} runs. Give from 1 to 100.")
    if fit.discrepancy.kernel is not None:
        raise LawError(
            f"The discrepancy of the fit, {fit.discrepancy.name}, is a process that the runs tell "
            "of, and how new runs would lower it is not worked out. Fit it with the discrepancy "
            "slope to plan."
        )
    law = drawn(fit, held)
    if target_flops is not None:
        best = optimum(law, target_flops)
        log_n, log_d = (float(np.median(v)) for v in (best.log_n, best.log_d))
        if not best.interior.all():
            raise LawError(
                f"In {1 - best.interior.mean():.1%} of the posterior a budget of {target_flops:g} "
                "has no optimum, whose variance could be lowered. Give a target of N and D."
            )
        values, words = best.log_n[:, 0], f"the best size at {target_flops:.4g} FLOP"
        beyond = None
    else:
        assert target is not None
        given = forecast(fit, dict(target), seed=seed)
        if len(given) != 1 or not {"N", "D"} <= set(given.points):
            raise RunsError("The target is not one point of N and D. Give N and D, one each.")
        log_n, log_d = (float(np.log(given.points[n][0])) for n in ("N", "D"))
        values = np.log(given.latent[:, 0])
        words = f"the loss at {given.labels[0]}"
        beyond = given
    n, d = _candidates(fit, log_n, log_d, total)
    x = law.inputs(np.log(n), np.log(d))
    noise_draws = {p.name: fit.draws[p.name].ravel() for p in fit.noise.parameters}
    noise = noise_variance(fit.noise, noise_draws)
    losses = law.log_loss(x)
    chosen = best_design(
        values, losses, noise, 6.0 * n * d, total, most, _discrepancy(fit, beyond, n, d, seed)
    )
    rng = np.random.default_rng(seed)
    picked = list(chosen.chosen)
    check = reweighted(values, losses[:, picked], fit.noise, noise_draws, rng) if picked else None
    runs = tuple(
        PlannedRun(float(n[c]), float(d[c]), float(np.sqrt(a + b)))
        for c, a, b in zip(picked, chosen.law[1:], chosen.discrepancy[1:], strict=True)
    )
    return Plan(
        fit=fit,
        words=words,
        at=(float(np.exp(log_n)), float(np.exp(log_d))),
        budget=float(total),
        runs=runs,
        law=(chosen.law[0], chosen.law[-1]),
        discrepancy=(chosen.discrepancy[0], chosen.discrepancy[-1]),
        noise=noise,
        check=check,
        candidates=_mapped(n, d, values, losses, noise),
        ahead=beyond,
    )


def _candidates(
    fit: Fit, log_n: float, log_d: float, budget: float
) -> tuple[np.ndarray, np.ndarray]:
    """Sizes and tokens of runs that the budget buys, no larger than the target."""
    runs = fit.runs
    runs.require(("N", "D"))
    grids = []
    for name, end in (("N", log_n), ("D", log_d)):
        low, high = np.log(runs[name].min() / ROOM), np.log(runs[name].max() * ROOM)
        grids.append(np.linspace(min(low, end), max(min(high, end), low + 1.0), FINE))
    n, d = (np.exp(v).ravel() for v in np.meshgrid(*grids))
    low, high = np.quantile(runs["D"] / runs["N"], MIDDLE)
    low, high = min(low, np.exp(log_d - log_n)), max(high, np.exp(log_d - log_n))
    cost = 6.0 * n * d
    kept = (cost <= budget) & (cost >= CHEAP * budget) & (d / n >= low) & (d / n <= high)
    if not kept.any():
        raise RunsError(
            f"A budget of {budget:.3g} FLOP buys no run like those fitted, whose compute is from "
            f"{6 * float((runs['N'] * runs['D']).min()):.3g} FLOP. Give more, or a target nearer "
            "to them."
        )
    return n[kept], d[kept]


def _discrepancy(fit: Fit, ahead: Any, n: np.ndarray, d: np.ndarray, seed: int) -> Any:
    """The variance of the discrepancy at the target that each candidate would leave."""
    if ahead is None or not ahead.distance[0] > 0:
        return lambda taken: np.zeros(len(n) + 1)
    rng = np.random.default_rng([seed, 1])
    variance = float(np.var(ahead.discrepancy.slopes((1, 4000), rng)))
    own = {"N": n, "D": d, "C": 6.0 * n * d}
    names = [name for name in ahead.fit.law.inputs if name in own]
    names += [name for name in ("C",) if name in fit.runs.columns and name not in names]
    frontier = {name: float(fit.runs[name].max()) for name in names}

    def left(taken: tuple[int, ...]) -> np.ndarray:
        out = np.empty(len(n) + 1)
        base = {k: max([v, *(float(own[k][i]) for i in taken)]) for k, v in frontier.items()}
        for c in range(len(n)):
            moved = {k: max(v, float(own[k][c])) for k, v in base.items()}
            out[c] = ahead.discrepancy.distance(ahead.points, moved)[0]
        out[-1] = ahead.discrepancy.distance(ahead.points, base)[0]
        return variance * out**2

    return left


def _mapped(
    n: np.ndarray, d: np.ndarray, target: np.ndarray, losses: np.ndarray, noise: float
) -> dict[str, np.ndarray]:
    """For the picture: by which share one run at each candidate lowers the law's variance."""
    off = losses - losses.mean(axis=0)
    centred = target - target.mean()
    covariance = off.T @ centred / (len(target) - 1)
    share = covariance**2 / (losses.var(axis=0, ddof=1) + noise) / target.var(ddof=1)
    return {"N": n, "D": d, "share": share}
