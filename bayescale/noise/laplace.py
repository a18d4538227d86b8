"""Laplace noise on log loss."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from bayescale.laws.term import Parameter, Values
from bayescale.noise.noise import NOTHING, Noise, Rows, sigma_parameter

if TYPE_CHECKING:
    from numpyro.distributions import Distribution

__all__ = ["Laplace"]


@dataclass(frozen=True)
class Laplace(Noise):
    r"""Double exponential on log loss, scale :math:`\sigma`: least absolute deviations."""

    @property
    def name(self) -> str:
        return "laplace"

    @property
    def smooth(self) -> bool:
        return False

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        return (sigma_parameter("scale of the Laplace noise on log loss (sd is 1.41 of it)"),)

    def log_loss(self, log_mean: Any, params: Values, rows: Rows = NOTHING) -> Distribution:
        import numpyro.distributions as dist

        return dist.Laplace(log_mean, params["sigma"])

    def quantile(
        self, p: np.ndarray, params: Values, rows: Rows = NOTHING, log_mean: Any = 0.0
    ) -> np.ndarray:
        tail = np.minimum(p, 1.0 - np.asarray(p))
        return np.asarray(np.sign(np.asarray(p) - 0.5) * -params["sigma"] * np.log(2.0 * tail))

    def cdf(
        self, residual: np.ndarray, params: Values, rows: Rows = NOTHING, log_mean: Any = 0.0
    ) -> np.ndarray:
        z = residual / params["sigma"]
        tail = 0.5 * np.exp(-np.abs(z))
        return np.asarray(np.where(z < 0, tail, 1.0 - tail))
