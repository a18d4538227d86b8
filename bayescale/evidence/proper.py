"""Whether priors integrate to one: evidence is meaningless where one does not."""

from __future__ import annotations

import numpy as np

from bayescale.inference.runtime import float64
from bayescale.model import Model
from bayescale.prior import Beta, Gamma, HalfNormal, LogitNormal, LogNormal, Normal, Prior, Uniform

__all__ = ["improper", "mass"]

KNOWN = (Beta, Gamma, HalfNormal, LogitNormal, LogNormal, Normal, Uniform)
"""Families whose densities the tests hold to integrate to one."""

PARTS = 2000


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
        if not abs(held - 0.98) < 0.005:
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
