"""Measure the gradient noise scale.

With the gradient `g` of one sequence, its mean `G` over all text and the trace of its covariance
`S`, the simple noise scale is ``S / |G|^2`` sequences (McCandlish et al. 2018, arXiv 1812.06162,
equation 2.9): of the order of the batch beyond which more sequences in a step save few steps.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp


class NoiseScale(NamedTuple):
    """Unbiased estimates of the two parts of the noise scale.

    Attributes
    ----------
    gradient_squared
        Squared norm of the gradient over all text; an estimate can be negative.
    variance
        Trace of the covariance of the gradients of single sequences.
    """

    gradient_squared: float
    variance: float


@partial(jax.jit, static_argnums=0)
def _moments(loss: Callable[[Any, Any], jax.Array], params: Any, samples: Any) -> tuple[Any, Any]:
    """Return the squared norm of the mean gradient and the mean squared norm of the gradients."""
    zero = jax.tree.map(jnp.zeros_like, params)

    def add(carry: tuple[Any, jax.Array], sample: Any) -> tuple[tuple[Any, jax.Array], None]:
        total, squares = carry
        gradient = jax.grad(loss)(params, sample)
        return (jax.tree.map(jnp.add, total, gradient), squares + _squared_norm(gradient)), None

    (total, squares), _ = jax.lax.scan(add, (zero, jnp.zeros(())), samples)
    count = jax.tree.leaves(samples)[0].shape[0]
    return _squared_norm(total) / count**2, squares / count


def _squared_norm(tree: Any) -> jax.Array:
    return sum(jnp.sum(leaf * leaf) for leaf in jax.tree.leaves(tree))  # type: ignore[return-value]


def noise_scale(loss: Callable[[Any, Any], jax.Array], params: Any, samples: Any) -> NoiseScale:
    """Estimate both parts from the gradients of independent samples.

    The mean squared norm of single gradients estimates ``|G|^2 + S``, the squared norm of their
    mean ``|G|^2 + S / n``; the two parts solve these two equations.

    Parameters
    ----------
    loss
        Loss of ``(params, sample)``.
    params
        Parameters: any tree of arrays.
    samples
        Samples along the first axis of every array of a tree; at least two.
    """
    count = jax.tree.leaves(samples)[0].shape[0]
    of_mean, of_single = map(float, _moments(loss, params, samples))
    return NoiseScale(
        gradient_squared=(count * of_mean - of_single) / (count - 1),
        variance=(of_single - of_mean) * count / (count - 1),
    )
