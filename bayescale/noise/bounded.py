"""Noise of a bounded metric: on the logit of its share of a ceiling."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import special

from bayescale.errors import LawError, RunsError
from bayescale.laws.term import Parameter, Values
from bayescale.noise.measured import Measured
from bayescale.noise.noise import NOTHING, Noise, Rows
from bayescale.noise.student_t import StudentT

if TYPE_CHECKING:
    from numpyro.distributions import Distribution

    from bayescale.runs import Runs

__all__ = ["Bounded"]

CORNER = math.log(0.99)
"""Log share of the ceiling from which a law's logit is continued by its tangent, so that a law that
reaches above the ceiling has a density, a very low one, and a slope that leads back."""


@dataclass(frozen=True)
class Bounded(Noise):
    r"""Noise of a metric between zero and a ceiling, such as an error rate.

    :math:`\mathrm{logit}(L/h) = \mathrm{logit}(\hat L/h) + \epsilon` with the ceiling :math:`h`:
    the error rate of guessing, one minus the chance level of the accuracy. Far below the ceiling
    that is noise on log loss; near it the noise shrinks as the room above does. A law of an
    accuracy is one of the error, one minus the accuracy.

    Parameters
    ----------
    ceiling : float, default 1
        The largest value the metric can take. With four answers to choose from, 0.75.
    shape : Noise, default StudentT()
        The shape of the noise, on the logit.
    """

    ceiling: float = 1.0
    shape: Noise = field(default_factory=StudentT)

    def __post_init__(self) -> None:
        if not isinstance(self.shape, Noise):
            raise TypeError(f"{self.shape!r} is not a noise model")
        if not (math.isfinite(self.ceiling) and self.ceiling > 0):
            raise LawError(
                f"The bounded noise has the ceiling {self.ceiling!r}. Give the largest value that "
                "the metric can take, such as 0.75 for the error rate of guessing one of four."
            )
        if isinstance(self.shape, Bounded | Measured) or not self.shape.local:
            raise LawError(
                f"The noise {self.shape.name!r} is not one on the logit of a bounded metric. "
                "Choose normal, student_t, laplace, huber, one_sided or heteroscedastic."
            )

    @property
    def name(self) -> str:
        if self.shape != StudentT():
            return f"bounded({self.ceiling:g}, {self.shape.name})"
        return "bounded" if self.ceiling == 1.0 else f"bounded({self.ceiling:g})"

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        return self.shape.parameters

    def loss(self, log_mean: Any, params: Values, rows: Rows = NOTHING) -> Distribution:
        import numpyro.distributions as dist

        transforms = dist.transforms
        scale = transforms.AffineTransform(0.0, self.ceiling, domain=dist.constraints.unit_interval)
        return dist.TransformedDistribution(
            self.shape.log_loss(self._place(log_mean), params, rows),
            [transforms.SigmoidTransform(), scale],
        )

    def log_loss(self, log_mean: Any, params: Values, rows: Rows = NOTHING) -> Distribution:
        import numpyro.distributions as dist

        return dist.TransformedDistribution(
            self.loss(log_mean, params, rows), dist.transforms.ExpTransform().inv
        )

    def _place(self, log_mean: Any) -> Any:
        """Logit of the law's share of the ceiling."""
        import jax.numpy as jnp

        share = log_mean - math.log(self.ceiling)
        inside = jnp.minimum(share, CORNER)
        beyond = (share - inside) / -math.expm1(CORNER)
        return inside - jnp.log(-jnp.expm1(inside)) + beyond

    def _logit(self, log_mean: Any) -> np.ndarray:
        """The same in NumPy."""
        share = np.asarray(log_mean, np.float64) - math.log(self.ceiling)
        inside = np.minimum(share, CORNER)
        beyond = (share - inside) / -math.expm1(CORNER)
        return np.asarray(inside - np.log(-np.expm1(inside)) + beyond)

    def ahead(self, points: Mapping[str, np.ndarray], fitted: Runs) -> dict[str, Any]:
        return self.shape.ahead(points, fitted)

    @property
    def smooth(self) -> bool:
        return self.shape.smooth

    def rows(self, runs: Runs, x: Mapping[str, np.ndarray], fitted: Runs) -> dict[str, Any]:
        above = np.flatnonzero(runs.loss >= self.ceiling)
        if len(above):
            first = int(above[0])
            raise RunsError(
                f"The loss of run {runs.labels[first]!r} is {runs.loss[first]:g}, and that of "
                f"{len(above)} runs is not below the ceiling {self.ceiling:g} of the noise "
                f"{self.name!r}. Raise the ceiling, or leave those runs out "
                f'(--where "loss < {self.ceiling:g}").'
            )
        return self.shape.rows(runs, x, fitted)

    def recentred(self, params: Values, fitted: Runs, onto: Runs) -> dict[str, Any]:
        return self.shape.recentred(params, fitted, onto)

    @property
    def scalable(self) -> bool:
        return False

    def quantile(
        self, p: np.ndarray, params: Values, rows: Rows = NOTHING, log_mean: Any = 0.0
    ) -> np.ndarray:
        logit = self._logit(log_mean) + self.shape.quantile(p, params, rows)
        return np.asarray(math.log(self.ceiling) + special.log_expit(logit) - log_mean)

    def cdf(
        self, residual: np.ndarray, params: Values, rows: Rows = NOTHING, log_mean: Any = 0.0
    ) -> np.ndarray:
        share = residual + log_mean - math.log(self.ceiling)
        inside = np.minimum(share, -1e-15)
        logit = inside - np.log(-np.expm1(inside))
        below = self.shape.cdf(logit - self._logit(log_mean), params, rows)
        return np.asarray(np.where(share < 0.0, below, 1.0))

    def scale(self, params: Values, rows: Rows = NOTHING, log_mean: Any = 0.0) -> Any:
        room = special.expit(-self._logit(log_mean))
        return self.shape.scale(params, rows) * room

    def to_json(self) -> dict[str, Any]:
        return {"name": "bounded", "ceiling": self.ceiling, "shape": self.shape.to_json()}
