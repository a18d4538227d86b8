"""IsoFLOP slices: the loss over sizes at fixed compute, and the sizes that are nearly as good."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from bayescale.consequences.drawn import Source, drawn
from bayescale.consequences.optimum import (
    ALONG,
    FINE,
    SPAN,
    at_budget,
    best_ratio,
    budgets,
    inputs_at,
)
from bayescale.consequences.roots import root
from bayescale.errors import LawError
from bayescale.laws.closed_form import LOG_SIX

__all__ = ["isoflop", "nearly_optimal"]


def isoflop(
    source: Source, flops: float, N: Any, *, held: Mapping[str, float] | None = None
) -> np.ndarray:
    """The law's loss at sizes under one budget, D = C/(6N).

    Parameters
    ----------
    source : Fit or DrawnLaw
    flops : float
        Budget in FLOP.
    N : array, shape (point,)
        Parameters.

    Returns
    -------
    array, shape (draw, point)
    """
    law = drawn(source, held)
    (compute,) = budgets(flops)
    log_n = np.log(np.atleast_1d(np.asarray(N, np.float64)))
    return np.exp(law.log_loss(law.inputs(log_n, np.log(compute) - LOG_SIX - log_n)))


def nearly_optimal(
    source: Source, flops: Any, within: float = 0.001, *, held: Mapping[str, float] | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """The smallest and the largest size whose loss is within a share of the best.

    Parameters
    ----------
    source : Fit or DrawnLaw
    flops : float or sequence
        Budgets in FLOP, C = 6ND.
    within : float, default 0.001
        Share of the best loss.

    Returns
    -------
    tuple of two arrays, shape (draw, budget)
        Parameters, about each draw's own optimum; zero or infinite where the region does not end
        inside the search.
    """
    if not 0.0 < within < 1.0:
        raise LawError(f"The share of the best loss is {within:g}. Give one between 0 and 1.")
    law = drawn(source, held)
    compute = budgets(flops)
    log_c = np.broadcast_to(np.log(compute), (law.n_draws, len(compute)))
    best, _ = best_ratio(law, log_c)
    limit = law.log_loss(inputs_at(law, log_c, best)) + np.log1p(within)
    grid = np.arange(FINE * SPAN[0], FINE * SPAN[1] + 1) / FINE * np.log(10.0)
    values = [at_budget(law, c[:, None], grid[None, :]) for c in log_c.T]
    short = _end(law, log_c, best, limit, grid, values, 1.0)
    long = _end(law, log_c, best, limit, grid, values, -1.0)
    half = 0.5 * (log_c - LOG_SIX)
    return np.exp(half - 0.5 * short), np.exp(half - 0.5 * long)


def _end(
    law: Any,
    log_c: np.ndarray,
    best: np.ndarray,
    limit: np.ndarray,
    grid: np.ndarray,
    values: list[np.ndarray],
    side: float,
) -> np.ndarray:
    """Where the loss first exceeds its limit above (1) or below (-1) the best ratio."""
    beyond = np.full(best.shape, np.nan)
    for budget, value in enumerate(values):
        over = (value > limit[:, [budget]]) & (side * (grid - best[:, [budget]]) > 0)
        ordered = over if side > 0 else over[:, ::-1]
        first = ordered.argmax(axis=1) if side > 0 else len(grid) - 1 - ordered.argmax(axis=1)
        beyond[:, budget] = np.where(over.any(axis=1), grid[first], np.nan)

    def excess(z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        value, slope, _ = law.slopes(inputs_at(law, log_c, side * z), ALONG)
        return value - limit, side * slope

    found = side * root(excess, side * best, side * beyond)
    return np.where(np.isnan(beyond), side * np.inf, found)
