"""The field's Huber loss on log residuals, as a proper density."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import jax
import numpy as np

from bayescale.errors import LawError
from bayescale.laws.term import Parameter, Values
from bayescale.noise.noise import NOTHING, Noise, Rows, sigma_parameter

if TYPE_CHECKING:
    from numpyro.distributions import Distribution

__all__ = ["Huber"]


ONE_SIGMA = 0.8413447460685429
"""Probability of a normal below one standard deviation."""


@dataclass(frozen=True)
class Huber(Noise):
    r"""The field's Huber loss of the log residual :math:`r`, as a density.

    Proportional to :math:`\exp(-\mathrm{Huber}_\delta(r)/\sigma^2)`. With
    :math:`c = \delta/\sigma` and :math:`z = r/\sigma` it is
    :math:`\exp(-\mathrm{Huber}_c(z)) / (\sigma Z)`,
    :math:`Z = \sqrt{2\pi}\,(1 - 2\Phi(-c)) + \tfrac2c e^{-c^2/2}`: normal within :math:`\delta` of
    the law, exponential beyond. Its most likely law minimises the field's objective exactly,
    whatever :math:`\sigma` is.

    Parameters
    ----------
    delta : float, default 1e-3
        Where the tails begin, in log loss; the field's choice. Far below the residual scale, as
        there, the noise is in effect Laplace.

    References
    ----------
    .. [1] Hoffmann et al. 2022, arXiv 2203.15556, eq. 3 (objective).
    .. [2] Besiroglu et al. 2024, arXiv 2404.10102 (as a likelihood).
    """

    delta: float = 1e-3

    def __post_init__(self) -> None:
        if not (math.isfinite(self.delta) and self.delta > 0):
            raise LawError(f"The Huber noise has delta={self.delta}. It must be above zero.")

    @property
    def name(self) -> str:
        return "huber"

    @property
    def smooth(self) -> bool:
        return False

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        return (sigma_parameter("scale of the quadratic core of the Huber noise on log loss"),)

    def log_loss(self, log_mean: Any, params: Values, rows: Rows = NOTHING) -> Distribution:
        from bayescale.noise.huber_distribution import HuberDistribution

        return HuberDistribution(log_mean, params["sigma"], self.delta)

    def quantile(
        self, p: np.ndarray, params: Values, rows: Rows = NOTHING, log_mean: Any = 0.0
    ) -> np.ndarray:
        from bayescale.noise.huber_distribution import HuberDistribution

        with jax.enable_x64(True):
            return np.asarray(HuberDistribution(0.0, params["sigma"], self.delta).icdf(p))

    def cdf(
        self, residual: np.ndarray, params: Values, rows: Rows = NOTHING, log_mean: Any = 0.0
    ) -> np.ndarray:
        from bayescale.noise.huber_distribution import HuberDistribution

        with jax.enable_x64(True):
            return np.asarray(HuberDistribution(0.0, params["sigma"], self.delta).cdf(residual))

    def scale(self, params: Values, rows: Rows = NOTHING, log_mean: Any = 0.0) -> Any:
        """Half the width that holds as much as one sd of a normal: tails included, not the core."""
        return self.quantile(np.asarray(ONE_SIGMA), params)

    def to_json(self) -> dict[str, Any]:
        return {"name": self.name, "delta": self.delta}
