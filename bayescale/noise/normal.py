"""Normal noise on log loss."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import special

from bayescale.laws.term import Parameter, Values
from bayescale.noise.noise import NOTHING, Noise, Rows, sigma_parameter

if TYPE_CHECKING:
    from numpyro.distributions import Distribution

__all__ = ["Normal"]


@dataclass(frozen=True)
class Normal(Noise):
    r""":math:`\ln L \sim \mathcal N(\ln\hat L, \sigma)`: least squares on log loss."""

    @property
    def name(self) -> str:
        return "normal"

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        return (sigma_parameter("standard deviation of the noise on log loss"),)

    def log_loss(self, log_mean: Any, params: Values, rows: Rows = NOTHING) -> Distribution:
        import numpyro.distributions as dist

        return dist.Normal(log_mean, params["sigma"])

    @property
    def groups(self) -> bool:
        return True

    def log_density_of_groups(
        self, log_mean: Any, params: Values, count: Any, mean: Any, square: Any
    ) -> Any:
        import jax.numpy as jnp

        sigma = params["sigma"]
        squares = square + count * (mean - log_mean) ** 2
        # The last term turns densities of the log of the loss into densities of the loss.
        return (
            -count * (jnp.log(sigma) + 0.5 * np.log(2.0 * np.pi))
            - 0.5 * squares / sigma**2
            - count * mean
        )

    def quantile(
        self, p: np.ndarray, params: Values, rows: Rows = NOTHING, log_mean: Any = 0.0
    ) -> np.ndarray:
        return np.asarray(params["sigma"] * special.ndtri(p))

    def cdf(
        self, residual: np.ndarray, params: Values, rows: Rows = NOTHING, log_mean: Any = 0.0
    ) -> np.ndarray:
        return np.asarray(special.ndtr(residual / params["sigma"]))
