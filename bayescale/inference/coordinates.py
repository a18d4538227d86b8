r"""Coordinates for the sampler: where the data fix something, it is a coordinate.

The data fix the loss at the reference, :math:`L_0 = E + \sum_i T_i`, and the local slopes
:math:`s_i = a_i T_i`, to a fraction of a percent, and only weakly how the two share out; where the
inputs grow together, only the slope :math:`S = \sum_i w_i s_i` along their common direction, with
:math:`w_i` the spread of input :math:`i` in the runs. In the parameters themselves that is a thin
curved shell, on which a sampler crawls. The map

.. math:: (\ln E, \ln T_i, \ln a_i) \leftrightarrow
          (\ln L_0, \mathrm{logit}\,\varphi, \ln S, \ln(s_i/s_1), \ln(a_i/a_1)),
          \quad \varphi = E/L_0,

straightens the shell. It preserves volume: at fixed :math:`s_i` and :math:`a_i/a_1` the reducible
part :math:`R = \sum_i T_i` is inversely proportional to :math:`a_1`, and both
:math:`(\ln E, \ln R) \to (\ln L_0, \mathrm{logit}\,\varphi)` and
:math:`(\ln s_i) \to (\ln S, \ln(s_i/s_1))` have determinant one, since their first rows are shares
that add up to one. So priors stay on the parameters, and no Jacobian is needed beyond that of the
logarithms.

Where the slope at the reference is a multiple of contribution times exponent, one pair and its
floor have coordinates of their own (:mod:`bayescale.inference.steep`); where that multiple depends
on the contribution, as in a sigmoid, the exponent is moved by it, at fixed contribution.

Pooled parameters are those of the average group, and what the groups differ by has coordinates of
its own (:mod:`bayescale.inference.groups`). So have strengths and rates of saturating modifiers
(:mod:`bayescale.inference.bends`). A parameter with a gamma prior, such as the noise's degrees of
freedom, may well have a density at its lower edge, and is sampled by its normal score
(:mod:`bayescale.inference.score`): where the prior is exponential and the data say nothing, its
coordinate is a standard normal variable.

All other parameters, and laws whose priors have hard edges, use NumPyro's own bijection of the
support.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
from jax.scipy.special import logsumexp
from numpyro.distributions.transforms import biject_to

from bayescale.inference import groups, score, steep
from bayescale.inference.bends import Bends, bends
from bayescale.laws.term import Pair, Values
from bayescale.model import Data, Signature
from bayescale.prior import FAMILIES

__all__ = ["Slopes", "constrain", "slopes", "unconstrain"]


@dataclass(frozen=True)
class Slopes:
    """The group of parameters in slope coordinates: a floor, if any, and pairs."""

    floor: str | None
    pairs: tuple[Pair, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the parameters in the group, in the order of the coordinates."""
        floor = (self.floor,) if self.floor else ()
        return (
            *floor,
            *(pair.contribution for pair in self.pairs),
            *(pair.exponent for pair in self.pairs),
        )

    def _log_weights(self, spread: Values) -> Any:
        weights = jnp.stack([jnp.asarray(spread.get(pair.input, 1.0)) for pair in self.pairs])
        return jnp.log(weights / jnp.max(weights))

    def to_log(self, u: Any, spread: Values) -> Any:
        """Logs of the parameters from coordinates, both of shape ``(n,)``."""
        m = len(self.pairs)
        log_l0, rest = u[0], u[1:]
        if self.floor:
            logit, rest = rest[0], rest[1:]
            log_reducible = log_l0 - jnp.logaddexp(0.0, logit)
            floor = [log_l0 - jnp.logaddexp(0.0, -logit)]
        else:
            log_reducible, floor = log_l0, []
        ratios = jnp.concatenate([jnp.zeros(1), rest[1:m]])
        log_s = rest[0] - logsumexp(self._log_weights(spread) + ratios) + ratios
        log_q = jnp.concatenate([jnp.zeros(1), rest[m:]])
        log_a = log_q + logsumexp(log_s - log_q) - log_reducible
        return jnp.concatenate([jnp.asarray(floor), log_s - log_a, log_a])

    def from_log(self, v: Any, spread: Values) -> Any:
        """Coordinates from logs of the parameters: the inverse of :meth:`to_log`."""
        m = len(self.pairs)
        has_floor = 1 if self.floor else 0
        log_t, log_a = v[has_floor : has_floor + m], v[has_floor + m :]
        log_reducible = logsumexp(log_t)
        head = [log_reducible]
        if self.floor:
            head = [jnp.logaddexp(v[0], log_reducible), v[0] - log_reducible]
        log_s = log_t + log_a
        common = logsumexp(self._log_weights(spread) + log_s)
        return jnp.concatenate(
            [jnp.stack([*head, common]), log_s[1:] - log_s[0], log_a[1:] - log_a[0]]
        )


def slopes(signature: Signature) -> Slopes | None:
    """The slope group of a law, or None where its form or its priors do not allow one."""
    group = Slopes(signature.term.floor, signature.term.pairs)
    families = {name: family for name, family, _, _ in signature.kinds}
    allowed = all(FAMILIES[families[name]].log_scale for name in group.names)
    positive = {name for name, _, _, positive in signature.kinds if positive}
    unique = len(set(group.names)) == len(group.names)
    return (
        group if group.pairs and allowed and unique and positive.issuperset(group.names) else None
    )


def constrain(
    u: Any, signature: Signature, supports: Values, data: Data
) -> tuple[dict[str, Any], Any]:
    """Parameters from unconstrained coordinates, and the log Jacobian.

    Parameters
    ----------
    u : array, shape (n_parameters,)
        The slope group first, then the parameters of no group in their order, then the groups of
        bends, then how the groups of runs differ.
    signature : Signature
        The model.
    supports : mapping
        NumPyro constraint of each parameter.
    data : dict
        The model's arrays; of them only numbers are used, no rows.

    Returns
    -------
    tuple of dict and scalar
        Parameters by name; log absolute determinant of the map from ``u``.
    """
    group, others, bent = _layout(signature)
    params: dict[str, Any] = {}
    log_jacobian: Any = 0.0
    start = len(group.names) if group else 0
    log_slopes = []
    for i, name in enumerate(others, start):
        params[name], log_slope = _constrain_one(u[i], name, signature, supports, data)
        log_slopes.append(log_slope)
    if group:
        factor = signature.term.steepness(params, data["reference"])
        if factor is None:
            logs = group.to_log(u[:start], data["spread"])
            logs = logs - _saturated(logs, group, params, signature, data)
            log_jacobian = jnp.sum(logs)
        else:
            logs, log_bend = steep.to_log(u[:start], factor)
            log_jacobian = jnp.sum(logs) + log_bend
        params |= {name: jnp.exp(logs[i]) for i, name in enumerate(group.names)}
    for log_slope in log_slopes:
        log_jacobian += log_slope
    start += len(others)
    outside = {**params, **_ones(bent)}
    for each in bent:
        logs, log_slope = each.to_log(u[start : start + len(each.names)], outside, data)
        params |= {name: jnp.exp(logs[i]) for i, name in enumerate(each.names)}
        log_jacobian += jnp.sum(logs) + log_slope
        start += len(each.names)
    params, log_shift = groups.left(u[start:], params, signature.pooling)
    return {name: params[name] for name, *_ in signature.kinds}, log_jacobian + log_shift


def unconstrain(params: Values, signature: Signature, supports: Values, data: Data) -> Any:
    """Unconstrained coordinates from parameters: the inverse of :func:`constrain`."""
    group, others, bent = _layout(signature)
    differences, params = groups.entered(params, signature.pooling)

    def logs(names: tuple[str, ...]) -> Any:
        return jnp.log(jnp.stack([params[name] for name in names]))

    parts = []
    if group:
        factor = signature.term.steepness(params, data["reference"])
        own = logs(group.names)
        if factor is None:
            own = own + _saturated(own, group, params, signature, data)
            parts.append(group.from_log(own, data["spread"]))
        else:
            parts.append(steep.from_log(own, factor))
    if others:
        parts.append(
            jnp.stack([_unconstrain_one(params[n], n, signature, supports, data) for n in others])
        )
    outside = {**params, **_ones(bent)}
    parts += [each.from_log(logs(each.names), outside, data) for each in bent]
    return jnp.concatenate([*parts, differences])


def _saturated(logs: Any, group: Slopes, params: Values, signature: Signature, data: Data) -> Any:
    """What the log of the exponent is to lose, for the slope of a term that saturates.

    It does not depend on the exponent, so taking it off is a shear, which preserves volume.
    """
    exponent = len(group.names) - 1
    own = {name: jnp.exp(logs[i]) for i, name in enumerate(group.names[:exponent])}
    found = signature.term.saturated({**params, **own}, data["reference"])
    return 0.0 if found is None else jnp.zeros(exponent + 1).at[exponent].set(found)


def _layout(signature: Signature) -> tuple[Slopes | None, tuple[str, ...], tuple[Bends, ...]]:
    """The slope group, the parameters of no group, and the groups of bends."""
    group = slopes(signature)
    used = group.names if group else ()
    bent = bends(signature, used)
    grouped = {*used, *(name for each in bent for name in each.names)}
    grouped |= {*groups.offsets(signature.pooling)}
    return group, tuple(name for name, *_ in signature.kinds if name not in grouped), bent


def _ones(bent: tuple[Bends, ...]) -> dict[str, float]:
    """A value for every parameter of a bend, so that no group depends on another."""
    return {name: 1.0 for each in bent for name in each.names}


def _constrain_one(
    u: Any, name: str, signature: Signature, supports: Values, data: Data
) -> tuple[Any, Any]:
    numbers = data["priors"][name]
    if _family(name, signature) == "gamma":
        mean = numbers["shape"] / numbers["rate"]
        excess, log_slope = score.positive(u)
        return numbers["low"] + mean * excess, log_slope + jnp.log(mean)
    transform = biject_to(supports[name])
    value = transform(u)
    return value, transform.log_abs_det_jacobian(u, value)


def _unconstrain_one(
    value: Any, name: str, signature: Signature, supports: Values, data: Data
) -> Any:
    numbers = data["priors"][name]
    if _family(name, signature) == "gamma":
        return score.of((value - numbers["low"]) * numbers["rate"] / numbers["shape"])
    return biject_to(supports[name]).inv(value)


def _family(name: str, signature: Signature) -> str:
    return next(family for own, family, _, _ in signature.kinds if own == name)
