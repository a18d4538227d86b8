"""Whether priors and noise integrate to one: evidence is meaningless where one does not."""

from __future__ import annotations

import numpy as np

from bayescale.inference.runtime import float64
from bayescale.model import Model
from bayescale.noise import NOISES
from bayescale.posterior import Fit
from bayescale.prior import Beta, Gamma, HalfNormal, LogitNormal, LogNormal, Normal, Prior, Uniform

__all__ = ["improper", "mass", "unnormalised"]

KNOWN = (Beta, Gamma, HalfNormal, LogitNormal, LogNormal, Normal, Uniform)
"""Families whose densities the tests hold to integrate to one."""

PARTS = 2000

CENTRAL, OFF = 0.98, 0.005
"""Mass between the quantiles of 1 % and 99 %, and how far what is found there may lie off."""


def improper(model: Model) -> dict[str, str]:
    """Parameters whose prior is not a proper density, with the reason.

    The package's own families are proper, by their tests. A family of the user's is checked
    against its own quantiles: between those of 1 % and 99 % lies 98 % of a proper density.
    """
    found = {}
    for parameter in model.parameters:
        prior = model.priors[parameter.name]
        if type(prior) in KNOWN:
            continue
        held = mass(prior, parameter.positive)
        if not abs(held - CENTRAL) < OFF:
            found[parameter.name] = f"between its quantiles of 1 % and 99 % it holds {held:.3g}"
    return found


def mass(prior: Prior, positive: bool) -> float:
    """Integral of a prior's density between its quantiles of 1 % and 99 %."""
    edges = np.asarray(prior.quantile(np.linspace(0.01, 0.99, PARTS), positive), np.float64)
    if not np.all(np.isfinite(edges)):
        return float("inf")
    middles = 0.5 * (edges[1:] + edges[:-1])
    with float64():
        numbers = {name: np.float64(value) for name, value in prior.numbers.items()}
        distribution = type(prior).distribution(numbers, positive)
        density = np.exp(np.asarray(distribution.log_prob(middles)))
    return float(np.sum(density * np.diff(edges)))


def unnormalised(fit: Fit) -> str:
    """Why the noise of a fit is not a density of the loss; empty where it is.

    The package's own noise models are, by their tests. A user's is integrated over the loss at the
    posterior medians of its parameters, between its own quantiles of 1 % and 99 %: one that states
    the density of the log of the loss, or leaves out a constant, does not hold 98 % there.
    """
    if type(fit.noise) in NOISES.values():
        return ""
    params = {p.name: np.float64(np.median(fit.draws[p.name])) for p in fit.noise.parameters}
    log_mean = float(np.mean(np.log(fit.runs.loss)))
    edges = np.exp(log_mean + fit.noise.quantile(np.linspace(0.01, 0.99, PARTS), params))
    middles = 0.5 * (edges[1:] + edges[:-1])
    with float64():
        density = np.exp(np.asarray(fit.noise.loss(np.float64(log_mean), params).log_prob(middles)))
    held = float(np.sum(density * np.diff(edges)))
    if abs(held - CENTRAL) < OFF:
        return ""
    return f"between its quantiles of 1 % and 99 % it holds {held:.3g} in place of {CENTRAL}"
