"""Densities of draws and of priors, and the scale on which a parameter is best seen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from scipy import stats

from bayescale.laws.term import Parameter
from bayescale.model import LOSS_SCALE
from bayescale.posterior import Fit
from bayescale.prior import Prior

__all__ = [
    "density",
    "drawn_names",
    "on_log_axis",
    "prior_density",
    "prior_draws",
    "prior_fit",
    "window",
]

MOST = 4000
"""Draws from which a density is estimated."""


def drawn_names(fit: Fit, noise: bool = True) -> list[str]:
    """Return the parameters that pictures show: the field's, ``a``, and those of the noise."""
    names = [*fit.law.field_names, *(["a"] if "a" in fit.parameters else [])]
    return names + ([p.name for p in fit.noise.parameters] if noise else [])


def on_log_axis(fit: Fit, name: str) -> bool:
    """Whether a parameter's draws spread so far that a logarithmic axis shows them better.

    Floors stay on a linear axis, where it is seen how near they come to zero.
    """
    values = fit.parameters[name]
    floor = any(p.name == name and p.role == "floor" for p in fit.model.parameters)
    if floor or values.min() <= 0:
        return False
    low, high = np.quantile(values, [0.02, 0.98])
    return bool(high / low > 4.0)


def window(values: np.ndarray, log: bool) -> tuple[float, float]:
    """Return the stretch of an axis that holds nearly all draws."""
    seen = np.log(values) if log else values
    low, high = np.quantile(seen, [0.001, 0.999])
    room = 0.12 * (high - low) or 0.05 * abs(high) or 0.5
    low, high = low - room, high + room
    if log:
        return float(np.exp(low)), float(np.exp(high))
    return float(max(low, 0.0) if values.min() > 0 else low), float(high)


def density(values: np.ndarray, x: np.ndarray, log: bool, low: float = 0.0) -> np.ndarray:
    """Return the density of draws at points of an axis, per unit of that axis.

    Draws above ``low`` are smoothed on the log scale from there, so that no mass leaks below it.

    Parameters
    ----------
    values : array, shape (draw,)
    x : array, shape (point,)
        Places, in the parameter's own unit.
    log : bool
        Whether the axis is logarithmic, so that densities are per e-fold.
    low : float
        Where the parameter's range begins.
    """
    values = _some(values)
    spread = float(np.ptp(values))
    if not spread > 1e-12 * float(np.abs(values).max()):
        return np.zeros(len(x))
    if values.min() <= low:
        return np.asarray(stats.gaussian_kde(values, _width)(x))
    above = np.maximum(x - low, 1e-9 * spread)
    found = stats.gaussian_kde(np.log(values - low), _width)(np.log(above)) / above
    return np.where(x > low, found * x if log else found, 0.0)


def _width(kernel: stats.gaussian_kde) -> float:
    """Return Scott's width, widened since draws of a chain are fewer than they look."""
    return 1.3 * float(kernel.scotts_factor())


def _some(values: np.ndarray) -> np.ndarray:
    values = values.ravel()
    values = values[np.isfinite(values)]
    kept = np.linspace(0, len(values) - 1, min(MOST, len(values))).astype(int)
    return np.asarray(values[kept])


def prior_density(
    prior: Prior, parameter: Parameter, scale: float, x: np.ndarray, log: bool
) -> np.ndarray:
    """Return a prior's density at points of an axis, from its quantiles.

    Parameters
    ----------
    prior : Prior
    parameter : Parameter
        Whose prior it is.
    scale : float
        The reference loss, for a prior that is relative to it.
    x : array, shape (point,)
        Places, in the parameter's own unit.
    log : bool
        Whether the axis is logarithmic.
    """
    p = stats.logistic.cdf(np.linspace(-14.0, 14.0, 4001))
    at = prior.quantile(p, parameter.positive) * (scale if prior.is_relative else 1.0)
    at, kept = np.unique(at, return_index=True)
    p = p[kept]
    if log:
        keep = at > 0
        at, p, x = np.log(at[keep]), p[keep], np.log(x)
    middle = (at[1:] + at[:-1]) / 2
    return np.asarray(np.interp(x, middle, np.diff(p) / np.diff(at), left=0.0, right=0.0))


def prior_draws(fit: Fit, n: int = MOST, seed: int = 0) -> Mapping[str, np.ndarray]:
    """Return draws from the prior of every parameter, derived ones among them, shape (n,)."""
    drawn = prior_fit(fit, n, seed)
    return {name: values.ravel() for name, values in drawn.parameters.items()}


def prior_fit(fit: Fit, n: int, seed: int = 0) -> Fit:
    """Return the fit with independent draws from its prior in place of the posterior's."""
    rng = np.random.default_rng(seed)
    scale, priors = fit.reference[LOSS_SCALE], fit.model.priors
    draws = {
        p.name: priors[p.name].draws(n, rng, scale, p.positive)[None, :]
        for p in fit.model.parameters
    }
    return replace(fit, draws=draws)
