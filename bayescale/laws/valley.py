"""The isoFLOP valley: at a given compute the loss is least at a best size."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp

from bayescale.laws.term import Modifier, Parameter, Values, plain_words, spread
from bayescale.prior import LogNormal, Normal

__all__ = ["Valley"]


@dataclass(frozen=True)
class Valley(Modifier):
    r"""The factor :math:`1 + \tfrac12\kappa\,(\ln N - \ln N^*)^2` with :math:`N^* = N_1\,C^a`.

    On a power of C it is the parabola of each isoFLOP slice, all slices at once: the curvature
    relative to the reducible loss, :math:`\kappa`, is the same in every slice, as it is for the
    additive law, where :math:`\kappa = \alpha\beta` exactly. A parabola is even about its minimum;
    the additive law is not where :math:`\alpha \ne \beta`, so that slices that reach far to one
    side bias :math:`N^*`.

    Sampled are ``kappa``, ``a``, and ``n_best``: how far ln N* lies from the reference size, at
    the reference compute, in standard deviations of ln N over the runs.

    Parameters
    ----------
    size, compute : str
        Symbols of the size, N or D, and of the compute.

    References
    ----------
    .. [1] Hoffmann et al. 2022, arXiv 2203.15556, approach 2.
    """

    size: str = "N"
    compute: str = "C"

    def __post_init__(self) -> None:
        plain_words("a valley modifier", size=self.size, compute=self.compute)

    @property
    def inputs(self) -> tuple[str, ...]:
        return (self.size, self.compute)

    @property
    def spreads(self) -> tuple[str, ...]:
        return (self.size,)

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        size = self.size
        curve = "curvature of a slice over its reducible loss; alpha beta of the additive law"
        unit = f"sd of ln {size}"
        return (
            Parameter("kappa", "shape", "1", curve, LogNormal(0.1, 0.7)),
            Parameter(
                "a", "shape", "1", f"the best {size} grows as {self.compute}^a", Normal(0.5, 0.1)
            ),
            Parameter(
                "n_best", "shape", unit, f"best {size} at the reference", Normal(0.0, 1.0), False
            ),
        )

    @property
    def derived(self) -> tuple[Parameter, ...]:
        first = f"best {self.size} at a {self.compute} of one, an extrapolation"
        return (Parameter(f"{self.size}_1", "shape", self.size, first),)

    def log_factor(self, params: Values, x: Values) -> Any:
        best = jnp.log(params[f"{self.size}_1"]) + params["a"] * x[self.compute]
        return jnp.log1p(0.5 * params["kappa"] * (x[self.size] - best) ** 2)

    def to_field(self, params: Values, reference: Values) -> dict[str, Any]:
        best = reference[self.size] + spread(reference, self.size) * params["n_best"]
        log_first = best - params["a"] * reference[self.compute]
        return {"kappa": params["kappa"], "a": params["a"], f"{self.size}_1": jnp.exp(log_first)}

    def from_field(self, field: Values, reference: Values) -> dict[str, Any]:
        best = jnp.log(field[f"{self.size}_1"]) + field["a"] * reference[self.compute]
        off = (best - reference[self.size]) / spread(reference, self.size)
        return {"kappa": field["kappa"], "a": field["a"], "n_best": off}

    @property
    def expression(self) -> str:
        plain = self.size == "N" and self.compute == "C"
        return "valley" if plain else f"valley({self.size}, {self.compute})"
