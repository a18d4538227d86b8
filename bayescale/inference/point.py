"""A point fit from many starts, by damped Newton steps, and the Hessian at the best."""

from __future__ import annotations

import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from bayescale.inference import density
from bayescale.inference.runtime import Program, float64
from bayescale.model import LOSS_SCALE, Data, Model, Signature

__all__ = ["Optima", "optimise", "prepare"]

MAX_STEPS = 200
DIFFERENCE = 1e-5
"""Step of the differences, in coordinates of the order of one."""

DECREMENT = 1e-9
"""A start has converged when a Newton step would lower the potential by less than this."""


class Optima(NamedTuple):
    """What the starts arrived at, best first.

    Every array has a leading axis of starts: ``u`` the coordinates, ``value`` the potential,
    ``decrement`` what one more Newton step would gain, ``params`` the parameters, ``hessian`` the
    second derivatives of the potential in the coordinates.
    """

    u: np.ndarray
    value: np.ndarray
    decrement: np.ndarray
    params: dict[str, np.ndarray]
    hessian: np.ndarray


class _State(NamedTuple):
    u: Any
    value: Any
    slope: Any
    curvature: Any
    proposal: Any
    damping: Any
    decrement: Any
    step: Any


@functools.cache
def _program(signature: Signature) -> Program:
    def newton(start: Any, data: Data, prior_weight: Any, jacobian_weight: Any) -> _State:
        value_and_slope = jax.vmap(
            jax.value_and_grad(
                lambda u: density.potential(u, signature, data, prior_weight, jacobian_weight)
            )
        )
        steps = DIFFERENCE * jnp.eye(start.shape[0])

        def derivatives(u: Any) -> tuple[Any, Any, Any]:
            # Second derivatives by central differences of the exact gradient: as good as exact in
            # float64 for steps and widths, and half the compilation of forward over reverse.
            values, slopes = value_and_slope(jnp.concatenate([u[None], u + steps, u - steps]))
            ahead, behind = jnp.split(slopes[1:], 2)
            curvature = (ahead - behind) / (2.0 * DIFFERENCE)
            return values[0], slopes[0], 0.5 * (curvature + curvature.T)

        def body(state: _State) -> _State:
            # Derivatives are taken at the proposal only, so that they are compiled once.
            value, slope, curvature = derivatives(state.proposal)
            better = value < state.value
            u, value, slope, curvature = jax.tree.map(
                lambda new, old: jnp.where(better, new, old),
                (state.proposal, value, slope, curvature),
                (state.u, state.value, state.slope, state.curvature),
            )
            damping = jnp.where(better, state.damping * 0.1, state.damping * 8.0 + 1e-12)
            # A saddle-free step: the Hessian with its eigenvalues made positive, plus damping.
            values, vectors = jnp.linalg.eigh(curvature)
            along = vectors.T @ slope
            scale = jnp.abs(values) + damping * jnp.maximum(jnp.max(jnp.abs(values)), 1.0)
            step = -vectors @ (along / jnp.maximum(scale, 1e-12))
            step = step * jnp.minimum(1.0, 3.0 / (jnp.max(jnp.abs(step)) + 1e-300))
            decrement = 0.5 * jnp.sum(along**2 / jnp.maximum(jnp.abs(values), 1e-12))
            return _State(u, value, slope, curvature, u + step, damping, decrement, state.step + 1)

        def unfinished(state: _State) -> Any:
            moving = (state.decrement > DECREMENT) & (state.damping < 1e5)
            return moving & (state.step < MAX_STEPS)

        n = start.shape[0]
        infinite = jnp.asarray(jnp.inf)
        first = _State(
            start, infinite, jnp.zeros(n), jnp.eye(n), start, jnp.asarray(1e-2), infinite, 0
        )
        return jax.lax.while_loop(unfinished, body, first)

    def run(params: Any, data: Data, prior_weight: Any, jacobian_weight: Any) -> Any:
        starts = jax.vmap(lambda p: density.to_unconstrained(p, signature, data))(params)
        ends = jax.vmap(newton, in_axes=(0, None, None, None))(
            starts, data, prior_weight, jacobian_weight
        )
        # A start where the potential has no finite value comes last.
        order = jnp.argsort(jnp.where(jnp.isfinite(ends.value), ends.value, jnp.inf))
        at = jax.vmap(lambda u: density.from_unconstrained(u, signature, data)[0])(ends.u)
        return jax.tree.map(
            lambda value: value[order], (ends.u, ends.value, ends.decrement, at, ends.curvature)
        )

    return Program(run)


N_STARTS = 16


def optimise(
    model: Model, data: Data, *, prior_weight: float = 1.0, jacobian_weight: float = 1.0
) -> Optima:
    """Minimise the potential from the prior's centre and from points spread over the prior.

    The starts are a fixed low-discrepancy sequence, so that which optima are found depends on the
    runs and the law, not on a seed.

    Parameters
    ----------
    model, data
        The model and its arrays.
    prior_weight, jacobian_weight : float
        See :func:`bayescale.inference.density.potential`.
    """
    with float64():
        out = _program(model.signature)(
            _starts(model, data), data, np.float64(prior_weight), np.float64(jacobian_weight)
        )
        return Optima(*jax.tree.map(np.asarray, out))


def prepare(model: Model, data: Data) -> None:
    """Start compiling."""
    one = np.float64(1.0)
    with float64():
        _program(model.signature).prepare(_starts(model, data), data, one, one)


def _starts(model: Model, data: Data) -> dict[str, np.ndarray]:
    """Parameters at the starts, each of shape ``(starts,)``."""
    scale = float(data["reference"][LOSS_SCALE])
    probabilities = _spread(N_STARTS, len(model.parameters))
    starts = {}
    for parameter, p in zip(model.parameters, probabilities.T, strict=True):
        prior = model.priors[parameter.name]
        unit = scale if prior.is_relative else 1.0
        starts[parameter.name] = unit * prior.quantile(p, parameter.positive)
    return starts


def _spread(n: int, d: int) -> np.ndarray:
    """Points in the unit cube, shape ``(n, d)``: its centre, then Roberts' R sequence.

    The sequence adds multiples of powers of the inverse of the root of ``x**(d+1) = x + 1`` [1]_.

    References
    ----------
    .. [1] Roberts 2018, "The unreasonable effectiveness of quasirandom sequences".
    """
    root = 2.0
    for _ in range(60):
        root = (1.0 + root) ** (1.0 / (d + 1))
    steps = root ** -np.arange(1.0, d + 1)
    return np.asarray((0.5 + np.arange(n)[:, None] * steps) % 1.0).clip(0.01, 0.99)
