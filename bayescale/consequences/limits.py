r"""Bounds from Kaplan et al. 2020 [1]_, for every law of the right inputs.

*Overfitting*: :math:`\delta L = L(N, D)/L(N, \infty) - 1`, what limited data cost a model; the data
bound is the least D that keeps it below a tolerance. With the paper's law it depends on
:math:`N^{\alpha_N/\alpha_D}/D` alone. *Early stopping*: limited data are used up when the curve of
a run on endless data, L(N, S), has come down to L(N, D), so
:math:`S_{\mathrm{stop}} \gtrsim S_c\,[L(N, D) - L(N, \infty)]^{-1/\alpha_S}` (eq. 5.7), a lower
bound, in the steps of that curve.

References
----------
.. [1] Kaplan et al. 2020, arXiv 2001.08361, eqs. 4.2 to 4.4 and 5.7.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from bayescale.consequences.drawn import DrawnLaw, Source, drawn
from bayescale.consequences.reaching import ENDLESS, log_tokens
from bayescale.consequences.roots import root
from bayescale.errors import LawError

__all__ = ["data_bound", "early_stopping", "overfitting"]

STEPS = (0.0, 20.0)
"""Decades of steps that are searched."""


def overfitting(
    source: Source, N: Any, D: Any, *, held: Mapping[str, float] | None = None
) -> np.ndarray:
    """What limited data cost: L(N, D)/L(N, infinity) - 1, shape (draw, point)."""
    law = drawn(source, held)
    log_n, log_d = (np.log(np.atleast_1d(np.asarray(v, np.float64))) for v in (N, D))
    here = law.log_loss(law.inputs(log_n, log_d))
    return np.asarray(np.expm1(here - _endless(law, log_n)))


def data_bound(
    source: Source, N: Any, excess: float = 0.02, *, held: Mapping[str, float] | None = None
) -> np.ndarray:
    """Least tokens that keep overfitting below a tolerance.

    Parameters
    ----------
    source : Fit or DrawnLaw
    N : float or array, shape (point,)
        Parameters.
    excess : float, default 0.02
        Tolerated share of the loss; the default is the scatter between seeds in the paper.

    Returns
    -------
    array, shape (draw, point)
        Tokens.
    """
    if not 0.0 < excess < np.inf:
        raise LawError(f"The tolerated excess is {excess:g}. Give a share above zero, e.g. 0.02.")
    law = drawn(source, held)
    log_n = np.log(np.atleast_1d(np.asarray(N, np.float64)))
    return np.exp(log_tokens(law, _endless(law, log_n) + np.log1p(excess), log_n))


def early_stopping(overfits: Source, curve: Source, N: Any, D: Any) -> np.ndarray:
    """Lower bound on the step at which a run on limited data should stop.

    Parameters
    ----------
    overfits : Fit or DrawnLaw
        A law of N and the tokens D of the data set, fitted to early-stopped losses.
    curve : Fit or DrawnLaw
        A law of N and steps S, fitted to curves on ample data. Of a law of the batch B too, the
        steps are those at a large batch: batch-adjusted, S_min.
    N, D : float or array, shape (point,)

    Returns
    -------
    array, shape (draw, point)
        Steps as the curve counts them. The draws of two fits are paired as they come: the fits are
        independent.
    """
    data, steps = drawn(overfits), drawn(curve)
    if set(steps.law.inputs) not in ({"N", "S"}, {"N", "S", "B"}):
        raise LawError(
            f"The law of the curve, {steps.law.name!r}, has the inputs "
            f"{', '.join(steps.law.inputs)}. Give a law of N and S, or of N, S and B."
        )
    n = min(data.n_draws, steps.n_draws)
    log_n, log_d = (np.log(np.atleast_1d(np.asarray(v, np.float64))) for v in (N, D))
    log_n = np.broadcast_to(log_n, np.broadcast_shapes(log_n.shape, log_d.shape))
    lost = (np.exp(data.log_loss(data.inputs(log_n, log_d))) - np.exp(_endless(data, log_n)))[:n]
    thin = {name: v[:n] for name, v in steps.params.items()}
    steps = DrawnLaw(steps.law, thin, steps.reference, steps.held)
    endless = np.full(lost.shape, ENDLESS)
    fixed = {"N": np.broadcast_to(log_n, lost.shape)}
    if "B" in steps.law.inputs:
        fixed["B"] = endless
    target = np.log(np.exp(steps.log_loss({**fixed, "S": endless})) + lost)

    def short(log_s: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        value, slope, _ = steps.slopes({**fixed, "S": log_s}, {"S": 1.0})
        return target - value, -slope

    low, high = (np.full(lost.shape, end * np.log(10.0)) for end in STEPS)
    return np.exp(root(short, low, high))


def _endless(law: DrawnLaw, log_n: np.ndarray) -> np.ndarray:
    """Log of the loss with endless data."""
    return law.log_loss(law.inputs(log_n, np.full(np.shape(log_n), ENDLESS)))
