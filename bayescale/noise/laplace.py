"""Laplace noise on log loss."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bayescale.laws.term import Parameter, Values
from bayescale.noise.noise import Noise, sigma_parameter

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
    def parameters(self) -> tuple[Parameter, ...]:
        return (sigma_parameter("scale of the Laplace noise on log loss (sd is 1.41 of it)"),)

    def log_loss(self, log_mean: Any, params: Values) -> Distribution:
        import numpyro.distributions as dist

        return dist.Laplace(log_mean, params["sigma"])
