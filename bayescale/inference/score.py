r"""A coordinate for what may be near an edge: the normal score of a standard exponential.

Where the density of a positive quantity is not small at zero, its logarithm has a long tail: as
:math:`u = \ln y` falls, the density falls only as :math:`e^u`. The coordinate here is :math:`u`
with :math:`y = -\ln\Phi(-u)`, the quantile of the standard exponential at :math:`\Phi(u)`: where
:math:`y` is exponential, :math:`u` is a standard normal variable, and :math:`y` that vanish lie in
a tail as light as the normal's. Far out :math:`y` grows as :math:`u^2/2`.
"""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
from jax.scipy.special import log_ndtr, ndtr, ndtri

__all__ = ["of", "positive"]


def positive(u: Any) -> tuple[Any, Any]:
    """The positive quantity of a coordinate, and the log of its derivative."""
    # From the nearer tail, where no digits are lost.
    low = u < 0.0
    below = -jnp.log1p(-ndtr(jnp.where(low, u, 0.0)))
    y = jnp.where(low, below, -log_ndtr(-jnp.where(low, 0.0, u)))
    return y, y - 0.5 * u**2 - 0.5 * jnp.log(2.0 * jnp.pi)


def of(y: Any) -> Any:
    """The coordinate of a positive quantity: the inverse of :func:`positive`."""
    small = y < jnp.log(2.0)
    return jnp.where(small, ndtri(-jnp.expm1(-y)), -ndtri(jnp.exp(-y)))
