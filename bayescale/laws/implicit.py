"""Roots of equations in one unknown, by Newton steps, with exact derivatives."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

__all__ = ["root"]

REACH = 1e8
"""Bound on the unknown, which is a logarithm or a logit; beyond it all is saturated."""


def root(residual: Callable[[Any], Any], start: Any, steps: int) -> Any:
    r"""The root of an increasing function, element by element.

    The number of steps is fixed, so that the cost is linear in the points and one program serves
    all. Where the function is concave and the start lies below the root, or convex and above it,
    the steps approach the root from one side, without fail. Derivatives with respect to whatever
    ``residual`` closes over are those of the implicit function theorem: they do not unroll the
    steps and are as exact as the root.

    Parameters
    ----------
    residual : callable
        Of the unknown; each element of its value depends on the same element of the unknown alone.
    start : array
        Where to start, of the shape of the answer.
    steps : int
        Number of Newton steps.
    """

    def solve(function: Callable[[Any], Any], at: Any) -> Any:
        def step(_: Any, y: Any) -> Any:
            value, slope = jax.jvp(function, (y,), (jnp.ones_like(y),))
            return jnp.clip(y - value / slope, -REACH, REACH)

        return jax.lax.fori_loop(0, steps, step, at)

    def tangent(linear: Callable[[Any], Any], y: Any) -> Any:
        return y / linear(jnp.ones_like(y))

    return jax.lax.custom_root(residual, jax.lax.stop_gradient(start), solve, tangent)
