r"""Coordinates of one floor and one pair whose slope is not contribution times exponent.

Where the slope at the reference is :math:`S = f\,a\,R`, with a factor :math:`f` of parameters
outside the group (:meth:`bayescale.laws.term.Term.steepness`), the data fix the loss
:math:`L_0 = E + R` and :math:`S`, and next to them :math:`a`: a second slope, where there is one to
see, goes with it. With :math:`h = \ln(L_0/R)` the exponent is
:math:`\ln a = \ln(S/L_0) + h - \ln f`, and :math:`h` has to stay above zero. The map

.. math:: (\ln E, \ln R, \ln a) \leftrightarrow (\ln L_0, w, \ln S), \qquad
          h = \tfrac1k \ln\big(1 + e^{k (w + \ln f)}\big)

makes :math:`w` the logarithm of the exponent, up to what the data fix, but near :math:`h = 0`. At
fixed :math:`f` its Jacobian is :math:`\partial(\ln E, \ln R, \ln a)/\partial(\ln L_0, w, \ln S) =
(L_0/E)\,dh/dw`.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

__all__ = ["from_log", "to_log"]

SHARP = 30.0
"""How sharply the coordinate bends where the floor vanishes: within a share of a thirtieth."""


def to_log(u: Any, log_factor: Any) -> tuple[Any, Any]:
    """Logs of floor, contribution and exponent, and the log Jacobian, from three coordinates."""
    y = SHARP * (u[1] + log_factor)
    h = jax.nn.softplus(y) / SHARP
    log_share = jnp.log(-jnp.expm1(-h))
    log_r = u[0] - h
    logs = jnp.stack([u[0] + log_share, log_r, u[2] - log_r - log_factor])
    return logs, jax.nn.log_sigmoid(y) - log_share


def from_log(v: Any, log_factor: Any) -> Any:
    """Three coordinates from the logs: the inverse of :func:`to_log`."""
    log_l0 = jnp.logaddexp(v[0], v[1])
    h = log_l0 - v[1]
    w = h + jnp.log(-jnp.expm1(-SHARP * h)) / SHARP - log_factor
    return jnp.stack([log_l0, w, v[1] + v[2] + log_factor])
