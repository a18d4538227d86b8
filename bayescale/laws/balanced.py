"""A power of compute whose amplitude is least at a balanced ratio of tokens to parameters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp

from bayescale.laws.term import Pair, Parameter, Term, Values
from bayescale.prior import LogNormal

__all__ = ["Balanced"]


@dataclass(frozen=True)
class Balanced(Term):
    r"""The contribution :math:`(a M^\eta + b M^{-\eta})\,C^{-\eta}` of compute C and M = D/N.

    Equally :math:`2\sqrt{ab}\,C^{-\eta}\cosh(\eta\ln(M/M^*))` with :math:`M^* = (b/a)^{1/2\eta}`:
    lines of one slope in C, the lowest at :math:`M^*`. Sampled are the contribution at the
    reference, :math:`\eta` and :math:`M^*`.

    References
    ----------
    .. [1] Gadre et al. 2024, arXiv 2403.08540, eq. 4.
    """

    @property
    def inputs(self) -> tuple[str, ...]:
        return ("C", "M")

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        best = "tokens per parameter at which a given C serves best"
        return (
            Parameter("T_C", "contribution", "loss", "contribution of C at the reference"),
            Parameter("eta", "exponent", "1", "exponent of C at every M"),
            Parameter("M_star", "shape", "tokens/parameter", best, LogNormal(20.0, 1.0)),
        )

    @property
    def derived(self) -> tuple[Parameter, ...]:
        return (
            Parameter("a", "shape", "field", "amplitude of M^eta: too few parameters"),
            Parameter("b", "shape", "field", "amplitude of M^-eta: too few tokens"),
        )

    @property
    def pairs(self) -> tuple[Pair, ...]:
        return (Pair("C", "T_C", "eta"),)

    def log_value(self, params: Values, x: Values, reference: Values) -> Any:
        eta, best = params["eta"], jnp.log(params["M_star"])
        here, there = (_log_cosh2(eta * (at["M"] - best)) for at in (x, reference))
        return jnp.log(params["T_C"]) - eta * (x["C"] - reference["C"]) + here - there

    def to_field(self, params: Values, reference: Values, log_gain: Any = 0.0) -> dict[str, Any]:
        eta, best = params["eta"], jnp.log(params["M_star"])
        level = jnp.log(params["T_C"]) + log_gain + eta * reference["C"]
        level = level - _log_cosh2(eta * (reference["M"] - best))
        return {"a": jnp.exp(level - eta * best), "eta": eta, "b": jnp.exp(level + eta * best)}

    def from_field(self, field: Values, reference: Values, log_gain: Any = 0.0) -> dict[str, Any]:
        eta, log_a, log_b = field["eta"], jnp.log(field["a"]), jnp.log(field["b"])
        m = reference["M"]
        level = jnp.logaddexp(log_a + eta * m, log_b - eta * m) - eta * reference["C"] - log_gain
        best = (log_b - log_a) / (2.0 * eta)
        return {"T_C": jnp.exp(level), "eta": eta, "M_star": jnp.exp(best)}

    @property
    def expression(self) -> str:
        return "balanced"


def _log_cosh2(z: Any) -> Any:
    """Log of twice the hyperbolic cosine."""
    return jnp.logaddexp(z, -z)
