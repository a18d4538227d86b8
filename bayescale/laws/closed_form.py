r"""The compute-optimal size in closed form, for laws of one power of N and one of D.

At C = 6ND the loss of :math:`g(T_N N^{-\alpha} + T_D D^{-\beta})`, with any rising :math:`g`, is
least where :math:`\alpha T_N N^{-\alpha} = \beta T_D D^{-\beta}` [1]_: an outer exponent or a floor
moves neither N* nor D*.

References
----------
.. [1] Hoffmann et al. 2022, arXiv 2203.15556, eq. 4.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp

from bayescale.laws.coupled import Coupled
from bayescale.laws.power import Power
from bayescale.laws.term import Term, Values, summands

__all__ = ["TwoPowers", "two_powers"]

LOG_SIX = math.log(6.0)


@dataclass(frozen=True)
class TwoPowers:
    """The power of N and the power of D that compete for compute.

    Parameters
    ----------
    capacity, data : Power
        The terms of N and of D, within the same sum.
    """

    capacity: Power
    data: Power

    def log_size(self, params: Values, reference: Values, log_compute: Any) -> Any:
        """Logarithm of the compute-optimal N.

        Parameters
        ----------
        params : mapping
            Reference parameters by name.
        reference : mapping
            Log reference point.
        log_compute : array
            Log of C = 6ND in FLOP; broadcasts against the parameters.
        """
        on_n, level_n = _exponent_and_level(self.capacity, params, reference)
        on_d, level_d = _exponent_and_level(self.data, params, reference)
        ratio = jnp.log(on_n / on_d) + level_n - level_d
        beyond = log_compute - LOG_SIX - reference["D"]
        return (ratio + on_n * reference["N"] + on_d * beyond) / (on_n + on_d)


def two_powers(term: Term) -> TwoPowers | None:
    """The competing powers of a law's term; None where it has another form."""
    terms = [t for t in summands(term) if not t.floor]
    while len(terms) == 1 and isinstance(coupled := terms[0], Coupled):
        terms = list(summands(coupled.term))
    powers = {t.symbol: t for t in terms if isinstance(t, Power) and t.inputs == (t.symbol,)}
    if len(terms) != 2 or set(powers) != {"N", "D"}:
        return None
    return TwoPowers(powers["N"], powers["D"])


def _exponent_and_level(power: Power, params: Values, reference: Values) -> tuple[Any, Any]:
    """Exponent, by its parent's parameters, and log contribution at the reference point."""
    at = {power.symbol: reference[power.symbol]}
    one_up = {power.symbol: reference[power.symbol] + 1.0}
    level = power.log_value(params, at, reference)
    return level - power.log_value(params, one_up, reference), level
