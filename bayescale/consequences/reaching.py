"""What it takes to reach a loss: tokens, steps, compute; and how larger models save tokens."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from bayescale.consequences.drawn import DrawnLaw, Source, drawn
from bayescale.consequences.optimum import UP, best_ratio, inputs_at
from bayescale.consequences.roots import root
from bayescale.errors import LawError

__all__ = [
    "compute_to_loss",
    "critical_batch",
    "elasticity",
    "log_tokens",
    "overhead",
    "smallest_size",
    "steps_to_loss",
    "tokens_to_loss",
]

TOKENS = (0.0, 30.0)
"""Decades of tokens that are searched."""

COMPUTE = (6.0, 60.0)
"""Decades of FLOP that are searched."""

SIZES = (0.0, 30.0)
"""Decades of parameters that are searched."""

FINE = 4
"""Grid points for each decade of tokens."""

ENDLESS = 690.0
"""Log of 1e300 tokens: the limit of endless data."""


def tokens_to_loss(
    source: Source, loss: Any, N: Any, *, held: Mapping[str, float] | None = None
) -> np.ndarray:
    """Tokens that a model of N parameters needs to reach a loss.

    Parameters
    ----------
    source : Fit or DrawnLaw
    loss : float or array, shape (point,) or (draw, point)
        The loss to reach, in the unit of the fit.
    N : float or array, shape (point,) or (draw, point)
        Parameters.
    held : mapping of str to float, optional
        Inputs that do not follow from N and D.

    Returns
    -------
    array, shape (draw, point)
        The fewest tokens; infinite where the model cannot reach the loss with any.
    """
    law = drawn(source, held)
    log_loss, log_n = np.log(_positive(loss, "loss")), np.log(_positive(N, "N"))
    return np.exp(log_tokens(law, log_loss, log_n))


def steps_to_loss(
    source: Source, loss: Any, N: Any, batch: Any, *, held: Mapping[str, float] | None = None
) -> np.ndarray:
    """Optimiser steps to a loss, at a batch in tokens: D = BS. See :func:`tokens_to_loss`."""
    size = float(_positive(batch, "batch"))
    return tokens_to_loss(source, loss, N, held={**(held or {}), "B": size}) / size


def log_tokens(law: DrawnLaw, log_loss: np.ndarray, log_n: np.ndarray) -> np.ndarray:
    """Log of the fewest tokens to a log loss, shape (draw, point); infinite where none suffice."""
    shape = np.broadcast_shapes((law.n_draws, 1), np.shape(log_loss), np.shape(log_n))
    log_loss, log_n = np.broadcast_to(log_loss, shape), np.broadcast_to(log_n, shape)
    n_grid = int(FINE * (TOKENS[1] - TOKENS[0])) + 1
    grid = np.linspace(*TOKENS, n_grid) * np.log(10.0)
    first = np.empty(shape, int)
    for point in range(shape[1]):
        at = law.log_loss(law.inputs(log_n[:, [point]], grid[None, :]))
        reached = at <= log_loss[:, [point]]
        first[:, point] = np.where(reached.any(axis=1), reached.argmax(axis=1), n_grid)
    found = (first > 0) & (first < n_grid)
    high = np.where(found, grid[np.clip(first, 0, n_grid - 1)], np.nan)
    low = np.where(found, grid[np.clip(first - 1, 0, n_grid - 1)], np.nan)

    def missing(log_d: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        value, slope, _ = law.slopes(law.inputs(log_n, log_d), DrawnLaw.direction(0.0, 1.0))
        return log_loss - value, -slope

    inside = root(missing, low, high)
    return np.where(found, inside, np.where(first == 0, grid[0], np.inf))


def compute_to_loss(
    source: Source, loss: Any, *, held: Mapping[str, float] | None = None
) -> np.ndarray:
    """Least compute to reach a loss, at the best size: C = 6ND.

    Parameters
    ----------
    source : Fit or DrawnLaw
    loss : float or array, shape (point,)
        The loss to reach.

    Returns
    -------
    array, shape (draw, point)
        FLOP; infinite where no compute suffices, as below the irreducible loss.
    """
    law = drawn(source, held)
    target = np.atleast_1d(np.log(_positive(loss, "loss")))
    shape = (law.n_draws, len(target))
    low, high = (np.full(shape, end * np.log(10.0)) for end in COMPUTE)

    def missing(log_c: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        m, _ = best_ratio(law, log_c)
        value, up, _ = law.slopes(inputs_at(law, log_c, m), UP)
        return target - value, -up

    never = missing(high)[0] < 0
    at_once = missing(low)[0] > 0
    found = root(missing, low, high)
    return np.exp(np.where(never, np.inf, np.where(at_once, low, found)))


def elasticity(
    source: Source, N: Any, D: Any, *, held: Mapping[str, float] | None = None
) -> np.ndarray:
    r"""Sample efficiency: :math:`\partial\ln D/\partial\ln N` at fixed loss, shape (draw, point).

    At -0.5, a model larger by 1 % reaches the same loss on half a per cent fewer tokens.
    """
    law = drawn(source, held)
    x = law.inputs(np.log(_positive(N, "N")), np.log(_positive(D, "D")))
    by_n = law.slopes(x, DrawnLaw.direction(1.0, 0.0))[1]
    by_d = law.slopes(x, DrawnLaw.direction(0.0, 1.0))[1]
    return np.asarray(-by_n / by_d)


def overhead(
    source: Source, factor: Any, flops: float, *, held: Mapping[str, float] | None = None
) -> np.ndarray:
    """Extra compute of a model of the wrong size, to the loss of the best one.

    Parameters
    ----------
    source : Fit or DrawnLaw
    factor : float or array, shape (point,)
        The model's size over the compute-optimal one.
    flops : float
        Budget of the compute-optimal model.

    Returns
    -------
    array, shape (draw, point)
        Compute over the budget, less one; infinite where the model is too small to reach the loss.
        NaN where a draw has no optimum.
    """
    law = drawn(source, held)
    log_c = np.full((law.n_draws, 1), np.log(float(_positive(flops, "budget"))))
    m, interior = best_ratio(law, log_c)
    x = inputs_at(law, log_c, m)
    log_n = 0.5 * (log_c - np.log(6.0) - m)
    off = np.atleast_1d(np.log(_positive(factor, "factor")))
    log_d = log_tokens(law, law.log_loss(x), log_n + off)
    extra = np.expm1(off + log_d - (log_n + m))
    return np.where(interior, extra, np.nan)


def smallest_size(
    source: Source, loss: Any, *, held: Mapping[str, float] | None = None
) -> np.ndarray:
    """The smallest model that reaches a loss with endless data.

    Parameters
    ----------
    source : Fit or DrawnLaw
    loss : float or array, shape (point,) or (draw, point)

    Returns
    -------
    array, shape (draw, point)
        Parameters; infinite where no size suffices.
    """
    law = drawn(source, held)
    target = np.log(_positive(loss, "loss"))
    shape = np.broadcast_shapes((law.n_draws, 1), target.shape)
    target = np.broadcast_to(target, shape)
    endless = np.full(shape, ENDLESS)
    low, high = (np.full(shape, end * np.log(10.0)) for end in SIZES)

    def missing(log_n: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        value, slope, _ = law.slopes(law.inputs(log_n, endless), DrawnLaw.direction(1.0, 0.0))
        return target - value, -slope

    never = missing(high)[0] < 0
    found = root(missing, low, high)
    return np.exp(np.where(never, np.inf, found))


def critical_batch(source: Source, loss: Any) -> np.ndarray:
    r"""The batch at which a run takes twice the fewest steps and twice the fewest tokens to a loss.

    :math:`B_{\mathrm{crit}} = B_*\,L^{-1/\alpha_B}` [1]_, of a law that has these parameters.

    Returns
    -------
    array, shape (draw, point)
        Tokens.

    References
    ----------
    .. [1] Kaplan et al. 2020, arXiv 2001.08361, eq. 1.4.
    """
    field = drawn(source).field
    if not {"B_star", "alpha_B"} <= set(field):
        raise LawError(
            f"The law {drawn(source).law.name!r} has no critical batch. Fit a law that has, e.g. "
            "kaplan_steps."
        )
    level = np.atleast_1d(_positive(loss, "loss"))
    scale, power = field["B_star"][:, None], 1.0 / field["alpha_B"][:, None]
    return np.asarray(scale * level**-power)


def _positive(values: Any, name: str) -> np.ndarray:
    found = np.asarray(values, np.float64)
    if not found.size or not np.all(np.isfinite(found) & (found > 0)):
        raise LawError(f"The {name} is not a number above zero. Give one, or several.")
    return found
