"""The posterior density of a model, in the sampler's coordinates."""

from __future__ import annotations

import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from bayescale.inference.coordinates import constrain, unconstrain
from bayescale.laws.term import Values
from bayescale.model import NUMBERS, Data, Signature, log_likelihood, prior_distributions

__all__ = [
    "NUMBERS",
    "Parts",
    "from_unconstrained",
    "log_likelihood_sum",
    "log_prior",
    "parts",
    "potential",
    "to_unconstrained",
]


class Parts(NamedTuple):
    """Log prior by parameter and log likelihood by (padded) run."""

    log_prior: dict[str, Any]
    log_likelihood: Any


def log_prior(params: Values, signature: Signature, data: Data) -> dict[str, Any]:
    """Log prior density of each parameter."""
    priors = prior_distributions(signature, data)
    return {name: prior.log_prob(params[name]) for name, prior in priors.items()}


def parts(params: Values, signature: Signature, data: Data) -> Parts:
    """Log densities of one set of parameters, one by one."""
    return Parts(log_prior(params, signature, data), log_likelihood(signature, params, data))


def log_likelihood_sum(params: Values, signature: Signature, data: Data) -> Any:
    """Log likelihood of all runs.

    Rows that lie in blocks, shape ``(device, block, row)``, are added up a block at a time, and so
    is the gradient, so that memory does not grow with the table. Every device adds up its own rows;
    the devices meet once, at the end.
    """
    if jnp.ndim(data["mask"]) == 1:
        return jnp.sum(log_likelihood(signature, params, data))
    rows = {name: values for name, values in data.items() if name not in NUMBERS}
    blocks = jax.tree.map(lambda values: jnp.moveaxis(values, 1, 0), rows)
    return _sum_over_blocks(signature, dict(params), blocks, data["reference"])


@functools.partial(jax.custom_vjp, nondiff_argnums=(0,))
def _sum_over_blocks(signature: Signature, params: Any, blocks: Any, reference: Any) -> Any:
    def add(total: Any, rows: Any) -> tuple[Any, None]:
        values = log_likelihood(signature, params, {**rows, "reference": reference})
        return total + jnp.sum(values, axis=-1), None

    n_devices = blocks["mask"].shape[1]
    return jnp.sum(jax.lax.scan(add, jnp.zeros(n_devices), blocks)[0])


def _with_gradient(signature: Signature, params: Any, blocks: Any, reference: Any) -> Any:
    # The gradient of a block is taken at once, while its rows are at hand: nothing is kept for a
    # way back, and nothing is computed twice.
    @functools.partial(jax.vmap, in_axes=(None, 0))
    def of_device(params: Any, rows: Any) -> Any:
        def total(params: Any) -> Any:
            return jnp.sum(log_likelihood(signature, params, {**rows, "reference": reference}))

        return jax.value_and_grad(total)(params)

    def add(sums: Any, rows: Any) -> tuple[Any, None]:
        return jax.tree.map(jnp.add, sums, of_device(params, rows)), None

    zeros = jnp.zeros(blocks["mask"].shape[1])
    start = (zeros, dict.fromkeys(params, zeros))
    return jax.tree.map(jnp.sum, jax.lax.scan(add, start, blocks)[0])


def _backward(signature: Signature, gradient: Any, cotangent: Any) -> Any:
    return {name: cotangent * slope for name, slope in gradient.items()}, None, None


_sum_over_blocks.defvjp(_with_gradient, _backward)


def _supports(signature: Signature, data: Data) -> dict[str, Any]:
    priors = prior_distributions(signature, data)
    return {name: prior.support for name, prior in priors.items()}


def from_unconstrained(u: Any, signature: Signature, data: Data) -> tuple[dict[str, Any], Any]:
    """Parameters by name, and the log Jacobian, from coordinates of shape ``(n_parameters,)``."""
    return constrain(u, signature, _supports(signature, data), data)


def to_unconstrained(params: Values, signature: Signature, data: Data) -> Any:
    """Coordinates from parameters."""
    return unconstrain(params, signature, _supports(signature, data), data)


def potential(
    u: Any, signature: Signature, data: Data, prior_weight: Any = 1.0, jacobian_weight: Any = 1.0
) -> Any:
    """Negative log posterior density in the coordinates.

    With ``jacobian_weight=0`` its minimum is the mode of the posterior of the parameters, and with
    ``prior_weight=0`` too it is the maximum of the likelihood.
    """
    params, log_jacobian = from_unconstrained(u, signature, data)
    total = (
        log_likelihood_sum(params, signature, data)
        + prior_weight * sum(log_prior(params, signature, data).values())
        + jacobian_weight * log_jacobian
    )
    return jnp.where(jnp.isnan(total), jnp.inf, -total)
