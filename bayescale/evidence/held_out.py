"""Scores on runs that a law did not see: a family at a time, and the large from the small."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from bayescale.errors import LawError
from bayescale.evidence.loo import Score, log_predictive
from bayescale.posterior import Fit
from bayescale.runs import Runs

__all__ = ["Forward", "Split", "default_split", "forward", "leave_one_family_out", "split_by"]

SHARE = 0.3
"""Share of the runs, those of the largest compute, that the default split holds out."""

FEWEST = 10
"""A law with fewer runs, or fewer than its parameters, is not fitted to the small ones."""


@dataclass(frozen=True)
class Split:
    """Runs to fit and runs to score.

    Parameters
    ----------
    condition : str
        What the scored runs have in common, as a condition on columns.
    scored : array of bool, shape (run,)
    """

    condition: str
    scored: np.ndarray


def default_split(runs: Runs) -> Split | None:
    """The largest 30 % of the runs by compute, or by the only input; None where there is none."""
    name = "C" if "C" in runs.columns else next(iter(runs.inputs), None)
    if name is None or len(runs) < FEWEST:
        return None
    values = runs[name]
    threshold = float(f"{np.quantile(values, 1.0 - SHARE):.2g}")
    scored = values > threshold
    if not scored.any() or scored.all():
        return None
    return Split(f"{name} > {threshold:g}", scored)


def split_by(runs: Runs, condition: str) -> Split:
    """The split by a condition that the scored runs meet.

    Raises
    ------
    BayescaleError
        Where the condition cannot be read, or all runs or none meet it.
    """
    from bayescale.runs.where import parse_where

    scored = np.asarray(parse_where(condition).mask(runs.named()))
    if not scored.any() or scored.all():
        which = "All" if scored.any() else "None"
        raise LawError(
            f"{which} of the {len(runs)} runs meet the condition {condition!r} of the forward "
            "split. Give one that the large runs meet and the small do not, such as 'C > 1e20'."
        )
    return Split(condition, scored)


@dataclass(frozen=True, eq=False)
class Forward:
    """The forward score: fitted to the small runs, scored on the large.

    Parameters
    ----------
    score : Score
        Log predictive density of each large run.
    rmsle : float
        Root mean squared log error of the law's medians.
    covered : float
        Share of the large runs inside the 90 % intervals of a new run.
    fit : Fit
        The fit to the small runs.
    """

    score: Score
    rmsle: float
    covered: float
    fit: Fit


def forward(
    fit: Fit, split: Split, refit: Callable[[np.ndarray, int], Fit]
) -> tuple[Forward | None, str]:
    """The forward score of one law, or the reason why there is none."""
    n_fit = int(np.sum(~split.scored))
    needed = max(FEWEST, len(fit.model.parameters) + 1)
    if n_fit < needed:
        return None, f"{n_fit} runs are left to fit, fewer than {needed}"
    small = refit(split.scored, 0)
    if not small.diagnosis.converged:
        return None, "the fit to the small runs has not converged"
    large = fit.runs.select(split.scored)
    score = Score(log_predictive(small, large), np.empty(0), messages=_of_method(small))
    log_law = small.log_law(small.inputs_of(large))
    residual = np.log(large.loss) - log_law
    rows = small.noise.ahead(large.columns, small.runs)
    below = small.noise.cdf(residual, small.noise_draws(), rows, log_law).mean(axis=(0, 1))
    off = np.median(residual, axis=(0, 1))
    return Forward(
        score,
        rmsle=float(np.sqrt(np.mean(off**2))),
        covered=float(np.mean(np.abs(below - 0.5) <= 0.45)),
        fit=small,
    ), ""


def _of_method(small: Fit) -> tuple[str, ...]:
    """What must be known of a fit whose chains did not mix."""
    if small.method != "importance":
        return ()
    d = small.diagnosis
    return (
        "the chains of the fit to the small runs did not mix; their draws were weighed anew by "
        f"importance sampling (Pareto k {d.pareto_k:.2f}, effective {d.ess_bulk_min:.0f}).",
    )


def families(runs: Runs, column: str) -> Mapping[str, np.ndarray]:
    """Which runs belong to each family; empty where there are fewer than two."""
    if column not in runs:
        return {}
    values = runs[column]
    names = [str(v) for v in np.unique(values)]
    if len(names) < 2:
        return {}
    return {str(v): values == v for v in np.unique(values)}


def leave_one_family_out(
    fit: Fit, groups: Mapping[str, np.ndarray], refit: Callable[[np.ndarray, int], Fit]
) -> tuple[Score | None, str]:
    """Every family scored by a fit to the others, or the reason why there is no score."""
    pointwise = np.full(len(fit.runs), np.nan)
    for number, (name, out) in enumerate(groups.items()):
        left = int(np.sum(~out))
        if left < max(FEWEST, len(fit.model.parameters) + 1):
            return None, f"without the family {name} only {left} runs are left"
        without = refit(out, 10_000 + number)
        if not without.diagnosis.converged:
            return None, f"the fit without the family {name} has not converged"
        pointwise[out] = log_predictive(without, fit.runs.select(out))
    return Score(pointwise, np.empty(0)), ""
