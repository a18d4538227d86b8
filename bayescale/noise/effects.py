"""Noise that rows of one seed, run or family share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import special

from bayescale.laws.term import Parameter, Values, plain_words
from bayescale.noise.noise import NOTHING, SCALE, LogLaw, Noise, Rows, sigma_parameter
from bayescale.noise.shared_rows import members

if TYPE_CHECKING:
    from numpyro.distributions import Distribution

    from bayescale.runs import Runs

__all__ = ["Effects"]


@dataclass(frozen=True)
class Effects(Noise):
    r"""An intercept for each group of rows, and a normal error of each row.

    :math:`\ln L_{ij} = \ln\hat L_{ij} + b_j + \epsilon_{ij}`, :math:`b_j \sim \mathcal N(0,
    \mathrm{between})`, :math:`\epsilon_{ij} \sim \mathcal N(0, \sigma_{ij})`. The intercepts are
    integrated out: the density of a row is that given the rows of its group before it,

    .. math:: r_i \mid r_{<i} \sim \mathcal N\Bigl(\frac{\sum_{j<i} w_j r_j}{P_i},
              \sigma_i^2 + \frac1{P_i}\Bigr), \quad
              P_i = \mathrm{between}^{-2} + \sum_{j<i} w_j, \quad w_j = \sigma_j^{-2},

    so that the sum over rows is the exact joint density, at a cost linear in the rows. A new run is
    taken to be of a new group.

    Parameters
    ----------
    by : str, default "run"
        The column that groups rows: ``seed``, ``run``, ``family`` or any other.
    """

    by: str = "run"

    def __post_init__(self) -> None:
        plain_words(f"the noise effects({self.by})", column=self.by)

    @property
    def name(self) -> str:
        return "effects" if self.by == "run" else f"effects({self.by})"

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        return (
            sigma_parameter(f"standard deviation of log loss within a {self.by}"),
            Parameter(
                "between",
                "noise",
                "log loss",
                f"standard deviation of log loss from one {self.by} to another",
                SCALE,
            ),
        )

    def log_loss(self, log_mean: Any, params: Values, rows: Rows = NOTHING) -> Distribution:
        import numpyro.distributions as dist

        return dist.Normal(log_mean, self.scale(params))

    def rows(self, runs: Runs, x: Mapping[str, np.ndarray], fitted: Runs) -> dict[str, Any]:
        codes = members(runs, self.by, self.name)
        order = np.argsort(codes, kind="stable")
        in_order = codes[order]
        first = np.searchsorted(in_order, in_order)
        return {"order": order, "first": first, "place": np.argsort(order)}

    def log_density(self, law: LogLaw, x: Values, loss: Any, params: Values, rows: Rows) -> Any:
        import jax.numpy as jnp

        log_loss = jnp.log(loss)
        residual = log_loss - law(x)
        sigma = jnp.broadcast_to(params["sigma"], residual.shape)
        order, first = rows["order"], rows["first"]

        def before(values: Any) -> Any:
            """Sum over the rows of the group that come before."""
            total = jnp.cumsum(values, axis=-1) - values
            return total - total[..., first]

        r, weight = residual[..., order], (sigma**-2.0)[..., order]
        precision = params["between"] ** -2.0 + before(weight)
        mean = before(weight * r) / precision
        variance = sigma[..., order] ** 2 + 1.0 / precision
        values = -0.5 * ((r - mean) ** 2 / variance + jnp.log(2.0 * jnp.pi * variance))
        return values[..., rows["place"]] - log_loss

    @property
    def local(self) -> bool:
        return False

    def units(self, runs: Runs) -> np.ndarray | None:
        return members(runs, self.by, self.name)

    def quantile(
        self, p: np.ndarray, params: Values, rows: Rows = NOTHING, log_mean: Any = 0.0
    ) -> np.ndarray:
        return np.asarray(self.scale(params) * special.ndtri(p))

    def cdf(
        self, residual: np.ndarray, params: Values, rows: Rows = NOTHING, log_mean: Any = 0.0
    ) -> np.ndarray:
        return np.asarray(special.ndtr(residual / self.scale(params)))

    def scale(self, params: Values, rows: Rows = NOTHING, log_mean: Any = 0.0) -> Any:
        return (params["sigma"] ** 2 + params["between"] ** 2) ** 0.5

    def simulate(
        self, rng: np.random.Generator, log_mean: np.ndarray, params: Values, rows: Rows
    ) -> np.ndarray:
        shape = np.shape(log_mean)
        # The first row of each group lends its number to all of them.
        shared = rng.standard_normal(shape)[..., rows["first"]][..., rows["place"]]
        return np.asarray(params["sigma"] * rng.standard_normal(shape) + params["between"] * shared)

    def to_json(self) -> dict[str, Any]:
        return {"name": "effects", "by": self.by}
