"""The posterior density of a model, in the sampler's coordinates."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax.numpy as jnp
from numpyro import handlers

from bayescale.inference.coordinates import constrain, unconstrain
from bayescale.laws.term import Values
from bayescale.model import Data, Signature, numpyro_model, prior_distributions

__all__ = ["Parts", "from_unconstrained", "parts", "potential", "to_unconstrained"]


class Parts(NamedTuple):
    """Log prior by parameter and log likelihood by (padded) run."""

    log_prior: dict[str, Any]
    log_likelihood: Any


def parts(params: Values, signature: Signature, data: Data) -> Parts:
    """Log densities of one set of parameters, site by site."""
    substituted = handlers.substitute(numpyro_model, data=dict(params))
    trace = handlers.trace(substituted).get_trace(signature, data)
    log_prior = {
        name: trace[name]["fn"].log_prob(trace[name]["value"]) for name, *_ in signature.kinds
    }
    return Parts(log_prior, trace["loss"]["fn"].log_prob(trace["loss"]["value"]))


def _supports(signature: Signature, data: Data) -> dict[str, Any]:
    priors = prior_distributions(signature, data)
    return {name: prior.support for name, prior in priors.items()}


def from_unconstrained(u: Any, signature: Signature, data: Data) -> tuple[dict[str, Any], Any]:
    """Parameters by name, and the log Jacobian, from coordinates of shape ``(n_parameters,)``."""
    return constrain(u, signature, _supports(signature, data), data["spread"])


def to_unconstrained(params: Values, signature: Signature, data: Data) -> Any:
    """Coordinates from parameters."""
    return unconstrain(params, signature, _supports(signature, data), data["spread"])


def potential(
    u: Any, signature: Signature, data: Data, prior_weight: Any = 1.0, jacobian_weight: Any = 1.0
) -> Any:
    """Negative log posterior density in the coordinates.

    With ``jacobian_weight=0`` its minimum is the mode of the posterior of the parameters, and with
    ``prior_weight=0`` too it is the maximum of the likelihood.
    """
    params, log_jacobian = from_unconstrained(u, signature, data)
    log_prior, log_likelihood = parts(params, signature, data)
    total = (
        jnp.sum(log_likelihood)
        + prior_weight * sum(log_prior.values())
        + jacobian_weight * log_jacobian
    )
    return jnp.where(jnp.isnan(total), jnp.inf, -total)
