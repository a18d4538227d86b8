"""Noise along a training curve: neighbouring checkpoints of one run err alike."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import special

from bayescale.errors import LawError, RunsError
from bayescale.laws.term import Parameter, Values, plain_words
from bayescale.noise.noise import NOTHING, LogLaw, Noise, Rows, sigma_parameter
from bayescale.noise.shared_rows import members, predecessors, taken
from bayescale.prior import LogNormal
from bayescale.units import INPUTS, coordinate

if TYPE_CHECKING:
    from numpyro.distributions import Distribution

    from bayescale.runs import Runs

__all__ = ["Curve"]


@dataclass(frozen=True)
class Curve(Noise):
    r"""An Ornstein-Uhlenbeck process along each run: AR(1) for checkpoints at any spacing.

    The log residuals of one run have standard deviation :math:`\sigma` and correlation
    :math:`e^{-\Delta/\ell}` at a distance of :math:`\Delta` e-folds of the input. The process is
    Markov, so the density of a checkpoint given those before it is that given the last one [1]_,

    .. math:: r_i \mid r_{i-1} \sim \mathcal N\bigl(\rho_i r_{i-1}, \sigma\sqrt{1-\rho_i^2}\bigr),
              \quad \rho_i = e^{-\Delta_i/\ell},

    and a thousand checkpoints count for as many runs as they are worth: about as many as there are
    lengths :math:`2\ell` in the run. Runs are independent of each other. A new run is forecast with
    the whole :math:`\sigma`; the rest of a run that was fitted is not conditioned on its last
    checkpoint.

    Parameters
    ----------
    along : str, default "D"
        The input that orders the checkpoints of a run: ``D``, ``S``, ``C`` or ``x``.
    by : str, default "run"
        The column that tells runs apart.

    References
    ----------
    .. [1] Kelly, Bechtold and Siemiginowska 2009, ApJ 698, 895, eqs. 6-12 (the process as exact
       conditional densities at uneven spacing).
    """

    along: str = "D"
    by: str = "run"

    def __post_init__(self) -> None:
        plain_words(f"the noise curve({self.along}, {self.by})", column=self.by)
        if self.along not in INPUTS:
            raise LawError(
                f"The noise along a curve is ordered by {self.along!r}, which is not an input. "
                f"Choose one of: {', '.join(INPUTS)}."
            )

    @property
    def name(self) -> str:
        if self.by != "run":
            return f"curve({self.along}, {self.by})"
        return "curve" if self.along == "D" else f"curve({self.along})"

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        return (
            sigma_parameter("standard deviation of a checkpoint's log loss about the law"),
            Parameter(
                "length",
                "noise",
                f"e-folds of {self.along}",
                "distance along a run over which its deviation is forgotten",
                LogNormal(0.5, 1.0),
            ),
        )

    def log_loss(self, log_mean: Any, params: Values, rows: Rows = NOTHING) -> Distribution:
        import numpyro.distributions as dist

        return dist.Normal(log_mean, params["sigma"])

    def rows(self, runs: Runs, x: Mapping[str, np.ndarray], fitted: Runs) -> dict[str, Any]:
        runs.require((self.along,))
        along = coordinate(self.along, runs[self.along])
        codes = members(runs, self.by, self.name)
        before = predecessors(codes, along)
        gap = along - along[before]
        follows = before != np.arange(len(runs))
        if np.any(follows & (gap == 0)):
            row = int(np.flatnonzero(follows & (gap == 0))[0])
            raise RunsError(
                f"Two checkpoints of one {self.by} have the same {self.along}: "
                f"{runs.labels[int(before[row])]!r} and {runs.labels[row]!r}. "
                "Keep one of them, or give the column that tells their runs apart."
            )
        return {
            "gap": np.where(follows, gap, 1.0),
            "follows": follows,
            "previous": {"x": taken(x, before), "log_loss": np.log(runs.loss)[before]},
            "row": before,
            "order": np.lexsort((along, codes)),
        }

    def log_density(self, law: LogLaw, x: Values, loss: Any, params: Values, rows: Rows) -> Any:
        import jax.numpy as jnp
        import numpyro.distributions as dist

        log_loss, previous, follows = jnp.log(loss), rows["previous"], rows["follows"]
        fall = -rows["gap"] / params["length"]
        last = previous["log_loss"] - law(previous["x"])
        mean = law(x) + jnp.where(follows, jnp.exp(fall) * last, 0.0)
        spread = params["sigma"] * jnp.where(follows, jnp.sqrt(-jnp.expm1(2.0 * fall)), 1.0)
        return dist.Normal(mean, spread).log_prob(log_loss) - log_loss

    @property
    def scalable(self) -> bool:
        return False

    def units(self, runs: Runs) -> np.ndarray | None:
        return members(runs, self.by, self.name)

    def quantile(
        self, p: np.ndarray, params: Values, rows: Rows = NOTHING, log_mean: Any = 0.0
    ) -> np.ndarray:
        return np.asarray(params["sigma"] * special.ndtri(p))

    def cdf(
        self, residual: np.ndarray, params: Values, rows: Rows = NOTHING, log_mean: Any = 0.0
    ) -> np.ndarray:
        return np.asarray(special.ndtr(residual / params["sigma"]))

    def simulate(
        self, rng: np.random.Generator, log_mean: np.ndarray, params: Values, rows: Rows
    ) -> np.ndarray:
        fall = -rows["gap"] / params["length"]
        kept = np.where(rows["follows"], np.exp(fall), 0.0)
        draws = np.sqrt(1.0 - kept**2) * rng.standard_normal(np.shape(log_mean))
        for row in rows["order"]:
            draws[..., row] += kept[..., row] * draws[..., rows["row"][row]]
        return np.asarray(params["sigma"] * draws)

    def to_json(self) -> dict[str, Any]:
        return {"name": "curve", "along": self.along, "by": self.by}
