"""The Huber density as a NumPyro distribution."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from jax.scipy.special import ndtr, ndtri
from numpyro.distributions import Distribution, constraints
from numpyro.distributions.util import promote_shapes, validate_sample

__all__ = ["HuberDistribution"]


class HuberDistribution(Distribution):
    """Normal core within ``delta`` of ``loc``, exponential tails beyond; see ``noise.huber``."""

    arg_constraints = {
        "loc": constraints.real,
        "scale": constraints.positive,
        "delta": constraints.positive,
    }
    support = constraints.real
    reparametrized_params = ["loc", "scale"]

    def __init__(self, loc: Any, scale: Any, delta: Any, *, validate_args: Any = None) -> None:
        self.loc, self.scale, self.delta = promote_shapes(loc, scale, delta)
        shape = jax.lax.broadcast_shapes(jnp.shape(loc), jnp.shape(scale), jnp.shape(delta))
        super().__init__(batch_shape=shape, validate_args=validate_args)

    def _masses(self) -> tuple[Any, Any, Any]:
        """Unnormalised mass of the core and of one tail, and the corner c."""
        c = self.delta / self.scale
        core = jnp.sqrt(2.0 * jnp.pi) * (2.0 * ndtr(c) - 1.0)
        tail = jnp.exp(-0.5 * c**2) / c
        return core, tail, c

    @validate_sample
    def log_prob(self, value: Any) -> Any:
        core, tail, c = self._masses()
        z = jnp.abs(value - self.loc) / self.scale
        huber = jnp.where(z <= c, 0.5 * z**2, c * (z - 0.5 * c))
        return -huber - jnp.log(self.scale) - jnp.log(core + 2.0 * tail)

    def cdf(self, value: Any) -> Any:
        core, tail, c = self._masses()
        z = (value - self.loc) / self.scale
        outside = tail * jnp.exp(-c * jnp.maximum(jnp.abs(z) - c, 0.0))
        inside = tail + jnp.sqrt(2.0 * jnp.pi) * (ndtr(jnp.clip(z, -c, c)) - ndtr(-c))
        total = core + 2.0 * tail
        return jnp.where(z < -c, outside, jnp.where(z > c, total - outside, inside)) / total

    def icdf(self, q: Any) -> Any:
        core, tail, c = self._masses()
        mass = q * (core + 2.0 * tail)
        low = jnp.log(jnp.minimum(mass, tail) / tail) / c - c
        upper_mass = core + 2.0 * tail - mass
        high = c - jnp.log(jnp.minimum(upper_mass, tail) / tail) / c
        middle = ndtri(ndtr(-c) + jnp.clip(mass - tail, 0.0, core) / jnp.sqrt(2.0 * jnp.pi))
        z = jnp.where(mass < tail, low, jnp.where(upper_mass < tail, high, middle))
        return self.loc + self.scale * z

    def sample(self, key: Any, sample_shape: tuple[int, ...] = ()) -> Any:
        shape = sample_shape + self.batch_shape
        tiny = jnp.finfo(jnp.result_type(float)).tiny
        return self.icdf(jax.random.uniform(key, shape, minval=tiny))
