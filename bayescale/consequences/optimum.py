r"""The compute-optimal size and tokens at a budget C = 6ND, draw by draw.

In closed form where the law has one (:mod:`bayescale.laws.closed_form`). Else at fixed C the log
loss is a function of :math:`m = \ln(D/N)` alone; a grid over :data:`SPAN` finds the cell of its
least value, and Newton's method inside the bracket the zero of its exact derivative.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from bayescale.consequences.drawn import DrawnLaw, Source, drawn
from bayescale.consequences.roots import root
from bayescale.errors import LawError
from bayescale.inference.runtime import float64
from bayescale.laws.closed_form import LOG_SIX

__all__ = ["SPAN", "ComputeOptimum", "at_budget", "best_ratio", "budgets", "optimum"]

SPAN = (-4.0, 8.0)
"""Decades of tokens per parameter that are searched: far beyond anything that is trained."""

FINE = 10
"""Grid points for each decade."""

ALONG = DrawnLaw.direction(-0.5, 0.5)
"""From larger models to longer training, at fixed compute: ln(D/N) moves by one."""

UP = DrawnLaw.direction(0.5, 0.5)
"""To more compute, at fixed tokens per parameter: ln C moves by one."""


@dataclass(frozen=True, eq=False)
class ComputeOptimum:
    """The compute-optimal allocation, draw by draw; every array has shape (draw, budget).

    Parameters
    ----------
    flops : array, shape (budget,)
        C = 6ND in FLOP.
    log_n, log_d : array
        Logs of the best size and tokens. Where a draw has no optimum inside the search, they are
        infinite: size to plus infinity where ever larger models are better, to minus infinity where
        ever longer training is.
    log_loss : array
        Log of the loss there; without an optimum, at the end of the search.
    interior : array of bool
        Whether there is an optimum.
    size_exponent : array
        a: the local exponent of N* in C; NaN without an optimum. That of D* is 1 - a.
    loss_exponent : array
        Minus the log-slope of the whole loss in C along the frontier.
    curvature : array
        Second derivative of the loss in ln N at fixed C, at the optimum, in the unit of the loss.
    """

    flops: np.ndarray
    log_n: np.ndarray
    log_d: np.ndarray
    log_loss: np.ndarray
    interior: np.ndarray
    size_exponent: np.ndarray
    loss_exponent: np.ndarray
    curvature: np.ndarray

    @property
    def N(self) -> np.ndarray:
        """Compute-optimal parameters."""
        return np.exp(self.log_n)

    @property
    def D(self) -> np.ndarray:
        """Compute-optimal tokens."""
        return np.exp(self.log_d)

    @property
    def tokens_per_param(self) -> np.ndarray:
        """Compute-optimal D/N."""
        return np.asarray(np.exp(self.log_d - self.log_n))

    @property
    def loss(self) -> np.ndarray:
        """The law's loss at the optimum."""
        return np.exp(self.log_loss)


def optimum(
    source: Source, flops: Any, *, held: Mapping[str, float] | None = None
) -> ComputeOptimum:
    """The best N and D at each budget, with C = 6ND.

    Parameters
    ----------
    source : Fit or DrawnLaw
        A posterior, or a law at given parameters.
    flops : float or sequence
        Budgets in FLOP.
    held : mapping of str to float, optional
        Inputs that do not follow from N and D; at the reference point unless given.

    Returns
    -------
    ComputeOptimum

    Raises
    ------
    LawError
        Where the law has nothing to allocate, or a budget is not above zero.
    """
    law = drawn(source, held)
    compute = budgets(flops)
    log_c = np.broadcast_to(np.log(compute), (law.n_draws, len(compute)))
    m, interior = best_ratio(law, log_c)
    return _described(law, compute, log_c, m, interior)


def best_ratio(law: DrawnLaw, log_c: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The best ln(D/N) at budgets, shape (draw, budget), and whether it is an optimum.

    Where it is none, the end of the search towards which the loss falls.
    """
    refuse_without_trade(law)
    if law.two_powers is not None:
        params = {name: v[:, None] for name, v in law.params.items()}
        with float64():
            log_n = np.asarray(law.two_powers.log_size(params, law.reference, log_c))
        return log_c - LOG_SIX - 2.0 * log_n, np.ones(log_c.shape, bool)
    grid = np.arange(FINE * SPAN[0], FINE * SPAN[1] + 1) / FINE * np.log(10.0)
    best = np.stack(
        [at_budget(law, c[:, None], grid[None, :]).argmin(axis=1) for c in log_c.T], axis=1
    )
    interior = (best > 0) & (best < len(grid) - 1)
    low, high = grid[np.maximum(best - 1, 0)], grid[np.minimum(best + 1, len(grid) - 1)]

    def gradient(m: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return law.slopes(inputs_at(law, log_c, m), ALONG)[1:]

    found = root(gradient, low, high)
    return np.where(interior, found, grid[best]), interior


def inputs_at(law: DrawnLaw, log_c: np.ndarray, m: np.ndarray) -> dict[str, np.ndarray]:
    """Log inputs at log budgets and log ratios D/N."""
    half = 0.5 * (log_c - LOG_SIX)
    return law.inputs(half - 0.5 * m, half + 0.5 * m)


def at_budget(law: DrawnLaw, log_c: np.ndarray, m: np.ndarray) -> np.ndarray:
    """Log loss at log budgets and log ratios D/N, shape (draw, point)."""
    return law.log_loss(inputs_at(law, log_c, m))


def _described(
    law: DrawnLaw, flops: np.ndarray, log_c: np.ndarray, m: np.ndarray, interior: np.ndarray
) -> ComputeOptimum:
    x = inputs_at(law, log_c, m)
    log_loss, slope, bend = law.slopes(x, ALONG)
    _, up, mixed = law.slopes(x, UP, ALONG)
    with np.errstate(all="ignore"):
        moved = -mixed / bend
    half = 0.5 * (log_c - LOG_SIX)
    out = np.where(interior, m, np.where(m > 0, np.inf, -np.inf))
    return ComputeOptimum(
        flops=flops,
        log_n=half - 0.5 * out,
        log_d=half + 0.5 * out,
        log_loss=log_loss,
        interior=interior,
        size_exponent=np.where(interior, 0.5 - 0.5 * moved, np.nan),
        loss_exponent=-up,
        curvature=np.where(interior, 4.0 * np.exp(log_loss) * (bend + slope**2), np.nan),
    )


def budgets(flops: Any) -> np.ndarray:
    """Budgets as an array; refused where one is not above zero."""
    compute = np.atleast_1d(np.asarray(flops, np.float64)).ravel()
    bad = ~np.isfinite(compute) | (compute <= 0)
    if not len(compute) or bad.any():
        shown = f"{compute[bad][0]:g}" if len(compute) else "missing"
        raise LawError(f"The budget is {shown}. Give FLOP above zero, e.g. 1e22.")
    return compute


def refuse_without_trade(law: DrawnLaw) -> None:
    """Refuse a law in which nothing is traded at fixed compute."""
    own = set(law.law.inputs)
    steps = {"S", "B"} <= own | set(law.held)
    size, tokens = bool(own & {"N", "M"}), bool(own & {"D", "M"}) or steps or "C" in own
    if not (size and tokens):
        raise LawError(
            f"The law {law.law.name!r} of {', '.join(law.law.inputs)} does not trade parameters "
            "against tokens: there is nothing to allocate. Fit a law of N and D, e.g. chinchilla."
        )
