r"""Coordinates for saturating modifiers: the bend that the data fix, and how it is made up.

A term times :math:`1 + \rho\,g(k M)` (:class:`bayescale.laws.term.Saturating`) bends as the lever
:math:`M` grows. The data fix how much, at a corner of the design where the levers are large, and
little else: many pairs of a strength and a rate make the same bend, and where one strength is
shared by several terms each of them can make it alone, with the rates of the others near zero. In
the parameters that is a set of arms at right angles. With :math:`z_j = k_j M_j` at the corner
and :math:`w_j` the share of term :math:`j` there, the coordinates are

.. math:: b = \rho\sum_j w_j\,g(z_j), \quad
          2\ln\frac{\sum_j w_j z_j^{3/2}}{\sum_j w_j z_j}, \quad \ln(k_i/k_1):

the bend, by its normal score (:mod:`bayescale.inference.score`), since it may well be none; how far
it has saturated, a mean of the :math:`z_j` weighed by what each adds to the bend; and who makes it.
A fixed strength leaves no freedom to keep the bend by itself, and
:math:`\ln\sum_j w_j \rho_j z_j` takes the place of the first two.

With the logarithm of the bend in place of its score, each map preserves volume in the logarithms of
the parameters: the second coordinate is of degree one in the :math:`z_j`, so at fixed ratios it
moves as their common scale does, and the first is a shear. So priors stay on the parameters, and
the score's derivative is all there is to a Jacobian. The shares :math:`w_j` depend on parameters
outside the group, which a determinant does not see.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
from jax.scipy.special import logsumexp

from bayescale.inference import score
from bayescale.laws.term import Bend, Values
from bayescale.model import Data, Signature
from bayescale.prior import FAMILIES

__all__ = ["Bends", "bends"]


@dataclass(frozen=True)
class Bends:
    """The bends that share one strength, or all those of a fixed strength.

    Parameters
    ----------
    strength : str, optional
        Name of the strength; None where every strength is a number.
    rates : tuple of str
        Names of the rates, each once.
    members : tuple of (int, Bend)
        The bends, each with its position in the law.
    """

    strength: str | None
    rates: tuple[str, ...]
    members: tuple[tuple[int, Bend], ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the parameters in the group, in the order of :meth:`to_log`."""
        return ((self.strength,) if self.strength else ()) + self.rates

    def _log_weights(self, params: Values, data: Data) -> Any:
        """Log shares of the bent terms at their corners, times their strengths if fixed."""
        values = []
        for position, bend in self.members:
            corner, strength = data["corners"][position], bend.modifier.strength
            value = bend.term.log_value(params, corner, data["reference"])
            values.append(value if isinstance(strength, str) else value + jnp.log(strength))
        stacked = jnp.stack(values)
        return stacked - logsumexp(stacked)

    def _log_z(self, log_k: Any, data: Data) -> Any:
        """Logs of rate times lever at the corners, one for each bend."""
        return jnp.stack(
            [
                log_k[self.rates.index(bend.modifier.rate)]
                + bend.modifier.log_lever(data["corners"][position])
                for position, bend in self.members
            ]
        )

    def _log_rise(self, log_z: Any, log_w: Any) -> Any:
        rises = [bend.modifier.rise(jnp.exp(log_z[j])) for j, (_, bend) in enumerate(self.members)]
        return logsumexp(log_w + jnp.log(jnp.stack(rises)))

    def _scale(self, log_z: Any, log_w: Any) -> Any:
        """A coordinate that grows by one where all of ``log_z`` do."""
        first = logsumexp(log_w + log_z)
        return 2.0 * (logsumexp(log_w + 1.5 * log_z) - first) if self.strength else first

    def to_log(self, u: Any, params: Values, data: Data) -> tuple[Any, Any]:
        """Logs of the group's parameters from coordinates, and the log Jacobian of that map.

        Parameters
        ----------
        u : array, shape (n,)
        params : mapping
            All parameters outside any group of bends; those within may have any value.
        data : dict
            The model's arrays, of which ``corners`` and ``reference`` are used.
        """
        log_w = self._log_weights(params, data)
        head = 1 if self.strength else 0
        ratios = jnp.concatenate([jnp.zeros(1), u[head + 1 :]])
        log_k = ratios + u[head] - self._scale(self._log_z(ratios, data), log_w)
        if not self.strength:
            return log_k, 0.0
        bend, log_slope = score.positive(u[0])
        log_strength = jnp.log(bend) - self._log_rise(self._log_z(log_k, data), log_w)
        logs = jnp.concatenate([log_strength[None], log_k])
        return logs, log_slope - jnp.log(bend)

    def from_log(self, v: Any, params: Values, data: Data) -> Any:
        """Coordinates from logs of the parameters: the inverse of :meth:`to_log`."""
        log_w = self._log_weights(params, data)
        log_k = v[1:] if self.strength else v
        log_z = self._log_z(log_k, data)
        head = [self._scale(log_z, log_w)]
        if self.strength:
            head = [score.of(jnp.exp(v[0] + self._log_rise(log_z, log_w))), *head]
        return jnp.concatenate([jnp.stack(head), log_k[1:] - log_k[0]])


def bends(signature: Signature, used: tuple[str, ...] = ()) -> tuple[Bends, ...]:
    """The groups of bends of a law whose priors allow logarithms, apart from names in use."""
    by_strength: dict[str | None, list[tuple[int, Bend]]] = {}
    for position, bend in enumerate(signature.term.bends):
        strength = bend.modifier.strength
        if strength != 0:  # a modifier of strength zero bends nothing
            key = strength if isinstance(strength, str) else None
            by_strength.setdefault(key, []).append((position, bend))
    on_log_scale = {
        name
        for name, family, _, positive in signature.kinds
        if positive and FAMILIES[family].log_scale
    }
    groups, taken = [], set(used)
    for strength, members in by_strength.items():
        rates = tuple(dict.fromkeys(bend.modifier.rate for _, bend in members))
        group = Bends(strength, rates, tuple(members))
        distinct = len(set(group.names)) == len(group.names)
        if distinct and on_log_scale.issuperset(group.names) and taken.isdisjoint(group.names):
            groups.append(group)
            taken.update(group.names)
    return tuple(groups)
