"""The exponentially modified Gaussian as a NumPyro distribution."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from jax.scipy.special import erfcx, log_ndtr, ndtr
from numpyro.distributions import Distribution, constraints
from numpyro.distributions.util import promote_shapes, validate_sample

__all__ = ["ModifiedGaussian"]


class ModifiedGaussian(Distribution):
    r"""A normal variable plus an independent exponential one; see ``noise.one_sided``.

    With :math:`z = (x - \mathrm{loc})/\sigma`, :math:`k = \sigma/\tau` and
    :math:`u = (k - z)/\sqrt2`, the density is
    :math:`\frac1\tau e^{k^2/2 - kz}\,\Phi(z - k)
    = \frac1{2\tau} e^{-z^2/2}\,\mathrm{erfcx}(u)`. The first form serves in the exponential tail,
    the second where the first would subtract large numbers.
    """

    arg_constraints = {
        "loc": constraints.real,
        "scale": constraints.positive,
        "excess": constraints.positive,
    }
    support = constraints.real
    reparametrized_params = ["loc", "scale", "excess"]

    def __init__(self, loc: Any, scale: Any, excess: Any, *, validate_args: Any = None) -> None:
        self.loc, self.scale, self.excess = promote_shapes(loc, scale, excess)
        shape = jax.lax.broadcast_shapes(jnp.shape(loc), jnp.shape(scale), jnp.shape(excess))
        super().__init__(batch_shape=shape, validate_args=validate_args)

    def _log_tail(self, z: Any, k: Any) -> Any:
        """Log of ``excess`` times the density."""
        u = (k - z) / jnp.sqrt(2.0)
        core = u > 0
        near = -0.5 * z**2 + jnp.log(0.5 * erfcx(jnp.where(core, u, 1.0)))
        far = 0.5 * k**2 - k * z + log_ndtr(jnp.where(core, 1.0, z - k))
        return jnp.where(core, near, far)

    @validate_sample
    def log_prob(self, value: Any) -> Any:
        z, k = (value - self.loc) / self.scale, self.scale / self.excess
        return self._log_tail(z, k) - jnp.log(self.excess)

    def cdf(self, value: Any) -> Any:
        z, k = (value - self.loc) / self.scale, self.scale / self.excess
        return ndtr(z) - jnp.exp(self._log_tail(z, k))

    def sample(self, key: Any, sample_shape: tuple[int, ...] = ()) -> Any:
        shape = sample_shape + self.batch_shape
        one, other = jax.random.split(key)
        normal, exponential = jax.random.normal(one, shape), jax.random.exponential(other, shape)
        return self.loc + self.scale * normal + self.excess * exponential
