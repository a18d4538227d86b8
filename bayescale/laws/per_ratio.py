"""A power of compute whose exponent depends on the ratio of tokens to parameters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp

from bayescale.laws.term import Pair, Parameter, Term, Values
from bayescale.prior import LogNormal, Normal

__all__ = ["PerRatio"]

WIDTH = 0.3
"""How softly the threshold sets in, in e-folds of M."""


@dataclass(frozen=True)
class PerRatio(Term):
    r"""The whole loss :math:`\lambda(M)\,C^{-\mu(M)}` of compute C and M = D/N.

    The exponent is :math:`\mu(M) = \mu_\infty + \delta\,h(M)` with
    :math:`h = \max(0, \ln M_t - \ln M)`, rounded over 0.3 e-folds: above the threshold :math:`M_t`
    it is constant, below it falls towards it as M grows. The level is
    :math:`\ln\lambda = \ln\lambda_C + g_1\ln M + g_2(\ln M)^2 + g_h\,h(M)`, free enough for a best
    M; the last part keeps the form the same in any unit of C.

    Sampled are the loss at the reference, ``slope_M`` and ``step_M``, the changes of its logarithm
    there with :math:`\ln M` and with h, and :math:`g_2, \mu_\infty, \delta, M_t`.

    References
    ----------
    .. [1] Chen et al. 2025, arXiv 2507.10613: power laws in C at each over-training ratio, whose
       exponents fall up to a ratio of about 50 and then scatter about 0.0521. The smooth function
       of M, in place of one exponent for each ratio, is this package's.
    """

    @property
    def inputs(self) -> tuple[str, ...]:
        return ("C", "M")

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        drop = "fall of the exponent for each e-fold of M, below the threshold"
        end = "tokens per parameter beyond which the exponent is constant"
        return (
            Parameter("T_C", "contribution", "loss", "loss at the reference"),
            Parameter("mu", "exponent", "1", "exponent of C beyond the threshold"),
            Parameter("delta", "strength", "1", drop, Normal(0.0, 0.02), False),
            Parameter("M_t", "shape", "tokens/parameter", end, LogNormal(50.0, 1.0)),
            Parameter("slope_M", "shape", "1", "slope in ln M", Normal(0.0, 0.1), False),
            Parameter("g_2", "shape", "1", "bend in ln M", Normal(0.0, 0.03), False),
            Parameter("step_M", "shape", "1", "slope in h(M)", Normal(0.0, 0.1), False),
        )

    @property
    def derived(self) -> tuple[Parameter, ...]:
        return (
            Parameter("g_1", "shape", "1", "slope of the log level in ln M", positive=False),
            Parameter("g_h", "shape", "1", "slope of the log level in h(M)", positive=False),
        )

    @property
    def pairs(self) -> tuple[Pair, ...]:
        return (Pair("C", "T_C", "mu"),)

    def log_value(self, params: Values, x: Values, reference: Values) -> Any:
        c, m = x["C"] - reference["C"], x["M"] - reference["M"]
        here, there = (_below(params["M_t"], at["M"]) for at in (x, reference))
        level = params["slope_M"] * m + params["g_2"] * m**2 + params["step_M"] * (here - there)
        return jnp.log(params["T_C"]) + level - (params["mu"] + params["delta"] * here) * c

    def to_field(self, params: Values, reference: Values, log_gain: Any = 0.0) -> dict[str, Any]:
        c, m = reference["C"], reference["M"]
        mu, delta, bend, slope = (params[name] for name in ("mu", "delta", "g_2", "slope_M"))
        h = _below(params["M_t"], m)
        step = params["step_M"] + delta * c
        log_level = jnp.log(params["T_C"]) + log_gain - slope * m + bend * m**2
        log_level = log_level - params["step_M"] * h + mu * c
        return {
            "lambda_C": jnp.exp(log_level),
            "mu": mu,
            "delta": delta,
            "M_t": params["M_t"],
            "g_1": slope - 2.0 * bend * m,
            "g_2": bend,
            "g_h": step,
        }

    def from_field(self, field: Values, reference: Values, log_gain: Any = 0.0) -> dict[str, Any]:
        c, m = reference["C"], reference["M"]
        mu, delta, bend = field["mu"], field["delta"], field["g_2"]
        slope, step = field["g_1"] + 2.0 * bend * m, field["g_h"] - delta * c
        log_level = jnp.log(field["lambda_C"]) - log_gain + slope * m - bend * m**2
        log_level = log_level + step * _below(field["M_t"], m) - mu * c
        return {
            "T_C": jnp.exp(log_level),
            "mu": mu,
            "delta": delta,
            "M_t": field["M_t"],
            "slope_M": slope,
            "g_2": bend,
            "step_M": step,
        }

    @property
    def expression(self) -> str:
        return "per_ratio"


def _below(threshold: Any, log_m: Any) -> Any:
    """How many e-folds a ratio lies below the threshold; about zero above it."""
    return WIDTH * jnp.logaddexp(0.0, (jnp.log(threshold) - log_m) / WIDTH)
