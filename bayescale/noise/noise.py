"""Noise models: a density of the observed loss around the law.

Every model states the distribution of the log of the loss; what is sampled and scored is the loss
itself, so that log likelihoods, elpd and evidence compare across noise models.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

import numpy as np

from bayescale.laws.term import Parameter, Values
from bayescale.prior import LogNormal

if TYPE_CHECKING:
    from numpyro.distributions import Distribution

__all__ = ["SCALE", "Noise", "sigma_parameter"]

SCALE = LogNormal(0.01, 1.5)
"""Prior of the scale of the noise on log loss: from the 0.0005 of repeated seeds of large models to
the 0.2 of error rates on small test sets. A half-normal of 0.02 wrote the bands of noisier data
(``benchmarks/noise_prior/scale.py``)."""


def sigma_parameter(meaning: str) -> Parameter:
    """The scale of the noise on log loss, with its default prior."""
    return Parameter("sigma", "noise", "log loss", meaning, SCALE)


class Noise(ABC):
    """A noise model: a frozen declaration of parameters and one distribution."""

    @property
    @abstractmethod
    def name(self) -> str:
        """Name on the command line and in files."""

    @property
    @abstractmethod
    def parameters(self) -> tuple[Parameter, ...]:
        """The parameters that the noise owns, with their priors."""

    @abstractmethod
    def log_loss(self, log_mean: Any, params: Values) -> Distribution:
        """Distribution of the log of the loss around the log of the law."""

    def loss(self, log_mean: Any, params: Values) -> Distribution:
        """Distribution of the loss: that of its log, with the Jacobian."""
        import numpyro.distributions as dist

        return dist.TransformedDistribution(
            self.log_loss(log_mean, params), dist.transforms.ExpTransform()
        )

    @property
    def smooth(self) -> bool:
        """Whether the log density has a curvature that holds over its own width.

        Where it has a kink, or all of its curvature in a narrow core, neither the centre nor the
        width of a posterior follows from derivatives at a point; they are measured at a distance.
        """
        return True

    @property
    def groups(self) -> bool:
        """Whether runs with the same inputs enter by number, mean and sum of squares alone."""
        return False

    def log_density_of_groups(
        self, log_mean: Any, params: Values, count: Any, mean: Any, square: Any
    ) -> Any:
        """Log density of all losses of each group of runs with the same inputs.

        Parameters
        ----------
        log_mean : array, shape (group,)
            Log of the law.
        params : mapping
            Parameters of the noise.
        count, mean, square : array, shape (group,)
            Number of losses, mean of their logs, and sum of squares of their logs about it.
        """
        raise NotImplementedError(f"{self.name} noise has no sufficient statistics")

    @abstractmethod
    def quantile(self, p: np.ndarray, params: Values) -> np.ndarray:
        """Quantiles of the log residual, in NumPy; ``p`` broadcasts against the parameters."""

    @abstractmethod
    def cdf(self, residual: np.ndarray, params: Values) -> np.ndarray:
        """Distribution function of the log residual, in NumPy."""

    def to_json(self) -> dict[str, Any]:
        """A JSON-ready description; :func:`bayescale.noise.from_json` reads it."""
        return {"name": self.name}
