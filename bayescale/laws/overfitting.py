"""The overfitting penalty: repeated data cost a model that is large beside them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp

from bayescale.laws.term import Parameter, Term, Values, plain_words
from bayescale.prior import HalfNormal, LogNormal

__all__ = ["Overfitting"]

NONE = -700.0
"""Log of the repeats of runs without any; their penalty is zero in floating point."""


@dataclass(frozen=True)
class Overfitting(Term):
    r"""The contribution :math:`P\,R^\delta\,(N/U)^\kappa` of :math:`R = D/U - 1` repeats.

    Zero for a run without repeats. Sampled is ``T_R``, the contribution of one repeat (D = 2U) at
    the reference N/U, so that :math:`P = T_R\,(N_0/U_0)^{-\kappa}`.

    Parameters
    ----------
    level : str, default "T_R"
        Name of the sampled contribution.

    References
    ----------
    .. [1] Lovelace et al. 2026, arXiv 2605.01640, the additive overfitting penalty.
    """

    level: str = "T_R"

    def __post_init__(self) -> None:
        plain_words("an overfitting term", level=self.level)

    @property
    def inputs(self) -> tuple[str, ...]:
        return ("N", "D", "U")

    @property
    def null(self) -> str | None:
        return self.level

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        return (
            Parameter(
                self.level,
                "strength",
                "loss",
                "penalty of one repeat at the reference N/U",
                HalfNormal(0.02, relative=True),
            ),
            Parameter(
                "delta", "shape", "1", "exponent of repeats in the penalty", LogNormal(1.0, 0.5)
            ),
            Parameter("kappa", "shape", "1", "exponent of N/U in the penalty", LogNormal(1.0, 0.5)),
        )

    @property
    def derived(self) -> tuple[Parameter, ...]:
        meaning = "penalty of one repeat of as many unique tokens as parameters"
        return (Parameter("P", "strength", "loss", meaning),)

    def _log_form(self, params: Values, x: Values) -> Any:
        more = x["D"] - x["U"]
        repeated = more > 0.0
        log_repeats = jnp.log(jnp.expm1(jnp.where(repeated, more, 1.0)))
        log_repeats = jnp.where(repeated, jnp.maximum(log_repeats, NONE), NONE)
        return params["delta"] * log_repeats + params["kappa"] * (x["N"] - x["U"])

    def log_value(self, params: Values, x: Values, reference: Values) -> Any:
        middle = params["kappa"] * (reference["N"] - reference["U"])
        return jnp.log(params[self.level]) + self._log_form(params, x) - middle

    def _carried(self, params: Values, reference: Values, log_change: Any) -> tuple[Any, Any]:
        own = {name: params[name] for name in ("delta", "kappa")}
        return jnp.exp(log_change - params["kappa"] * (reference["N"] - reference["U"])), own

    def to_field(self, params: Values, reference: Values, log_gain: Any = 0.0) -> dict[str, Any]:
        factor, own = self._carried(params, reference, log_gain)
        return {"P": params[self.level] * factor, **own}

    def from_field(self, field: Values, reference: Values, log_gain: Any = 0.0) -> dict[str, Any]:
        factor, own = self._carried(field, reference, log_gain)
        return {self.level: field["P"] / factor, **own}

    @property
    def expression(self) -> str:
        return "overfitting" if self.level == "T_R" else f'overfitting(level="{self.level}")'
