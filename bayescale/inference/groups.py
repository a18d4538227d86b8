r"""Coordinates for pooled parameters: what the runs fix is a coordinate, and so is what they leave.

The runs fix each group's value to a fraction of a percent. In the parameters themselves, the
population's :math:`\theta`, the spread :math:`\tau` and standardised offsets :math:`z_g`, that is a
thin curved shell. With :math:`G` groups, the mean offset :math:`\bar z` and orthonormal contrasts
:math:`w = Hz` of the offsets, the coordinates are

.. math:: \ln\bar\theta = \ln\theta + \tau\bar z, \quad \sqrt{G}\,\bar z, \quad
          w_i\sqrt{\tau^2 + s^2},

the value of the average group, which takes the place of :math:`\theta` in the law's own
coordinates; where the population lies about it, of which the runs say nothing: standard normal but
for the prior of :math:`\theta`; and how the groups differ. Were a group's log value known with an
error :math:`s`, the last would have the posterior width :math:`s` whatever :math:`\tau` is: the
coordinates are centred for :math:`\tau \gg s` and non-centred for :math:`\tau \ll s`, and there is
no funnel at either end.
"""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np

from bayescale.laws.term import Values
from bayescale.pooling import Pooling

__all__ = ["entered", "left", "offsets"]

KNOWN = 0.02
"""The s of the coordinates: about how well ten or so runs tell the log of a group's level. Wrong by
a factor of a few it costs little."""


def offsets(pooling: Pooling) -> tuple[str, ...]:
    """Names of all standardised offsets, whose place these coordinates take."""
    return tuple(offset for name in pooling.parameters for offset in pooling.offsets(name))


def _contrasts(n: int) -> np.ndarray:
    """Orthonormal rows, each of sum zero, shape ``(n - 1, n)``."""
    rows = np.zeros((n - 1, n))
    for i in range(1, n):
        rows[i - 1, :i], rows[i - 1, i] = 1.0, -float(i)
        rows[i - 1] /= np.sqrt(i * (i + 1.0))
    return rows


def left(u: Any, params: Values, pooling: Pooling) -> tuple[dict[str, Any], Any]:
    """Parameters from coordinates, and the log Jacobian.

    Parameters
    ----------
    u : array, shape (n_offsets,)
        The coordinates of the offsets of each pooled parameter in turn.
    params : mapping
        All other parameters, the pooled ones those of the average group.
    pooling : Pooling
    """
    found, log_jacobian = dict(params), jnp.zeros(())
    n = len(pooling.groups)
    for i, name in enumerate(pooling.parameters):
        own = u[i * n : (i + 1) * n]
        spread = pooling.spread(name, params)
        width = jnp.sqrt(spread**2 + KNOWN**2)
        z = own[0] / np.sqrt(n) + (own[1:] / width) @ _contrasts(n)
        shift = -spread * own[0] / np.sqrt(n)
        found[name] = params[name] * jnp.exp(shift)
        found |= {offset: z[g] for g, offset in enumerate(pooling.offsets(name))}
        log_jacobian += shift - (n - 1) * jnp.log(width)
    return found, log_jacobian


def entered(params: Values, pooling: Pooling) -> tuple[Any, dict[str, Any]]:
    """Coordinates of the offsets, and the parameters with those of the average group.

    The inverse of :func:`left`.
    """
    averaged, coordinates = dict(params), []
    n = len(pooling.groups)
    for name in pooling.parameters:
        z = jnp.stack([params[offset] for offset in pooling.offsets(name)])
        spread = pooling.spread(name, params)
        averaged[name] = params[name] * jnp.exp(spread * jnp.mean(z))
        width = jnp.sqrt(spread**2 + KNOWN**2)
        coordinates += [jnp.sqrt(n) * jnp.mean(z)[None], width * (_contrasts(n) @ z)]
    return (jnp.concatenate(coordinates) if coordinates else jnp.zeros(0)), averaged
