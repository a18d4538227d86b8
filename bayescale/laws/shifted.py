"""A power of a shifted input: the floor sits inside the power."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp

from bayescale.laws.term import Pair, Parameter, Term, Values, plain_words

__all__ = ["Shifted"]


@dataclass(frozen=True)
class Shifted(Term):
    r"""The form :math:`A\,(1/x + \gamma)^c`, whose floor is :math:`E = A\gamma^c`.

    Sampled are the floor :math:`E`, the contribution :math:`T` above it at the reference, and
    :math:`c`, as for a power law with a floor. With :math:`r = (E/(E + T))^{1/c}` the same curve is

    .. math:: (E + T)\,\left[r + (1 - r)\,x_0/x\right]^c, \qquad \gamma x_0 = r/(1 - r)

    Parameters
    ----------
    input : str
        Symbol of the input.

    References
    ----------
    .. [1] Alabdulmohsin et al. 2022, arXiv 2209.06640, form M3.
    """

    input: str

    def __post_init__(self) -> None:
        plain_words("a shifted term", input=self.input)

    @property
    def inputs(self) -> tuple[str, ...]:
        return (self.input,)

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        x = self.input
        return (
            Parameter("E", "floor", "loss", "irreducible loss, A gamma^c"),
            Parameter(f"T_{x}", "contribution", "loss", f"contribution of {x} at the reference"),
            Parameter("c", "exponent", "1", f"exponent of {x}, where the floor is far"),
        )

    @property
    def derived(self) -> tuple[Parameter, ...]:
        meaning = "inverse of the input at which the floor is half of the inner sum"
        return (Parameter("gamma", "strength", f"1/{self.input}", meaning),)

    @property
    def pairs(self) -> tuple[Pair, ...]:
        return (Pair(self.input, f"T_{self.input}", "c"),)

    @property
    def floor(self) -> str | None:
        return "E"

    def _logs(self, params: Values) -> tuple[Any, Any, Any]:
        """Logs of the loss at the reference, of r and of 1 - r."""
        above = jnp.log1p(params[f"T_{self.input}"] / params["E"])
        log_r = -above / params["c"]
        return jnp.log(params["E"]) + above, log_r, jnp.log(-jnp.expm1(log_r))

    def log_value(self, params: Values, x: Values, reference: Values) -> Any:
        log_l0, log_r, log_rest = self._logs(params)
        distance = x[self.input] - reference[self.input]
        return log_l0 + params["c"] * jnp.logaddexp(log_r, log_rest - distance)

    def to_field(self, params: Values, reference: Values, log_gain: Any = 0.0) -> dict[str, Any]:
        log_l0, log_r, log_rest = self._logs(params)
        x0 = reference[self.input]
        log_amplitude = log_l0 + params["c"] * (x0 + log_rest) + log_gain
        return {
            "A": jnp.exp(log_amplitude),
            "gamma": jnp.exp(log_r - log_rest - x0),
            "c": params["c"],
        }

    def from_field(self, field: Values, reference: Values, log_gain: Any = 0.0) -> dict[str, Any]:
        c, log_amplitude = field["c"], jnp.log(field["A"]) - log_gain
        log_gamma, x0 = jnp.log(field["gamma"]), reference[self.input]
        log_l0 = log_amplitude + c * jnp.logaddexp(-x0, log_gamma)
        log_floor = log_amplitude + c * log_gamma
        return {
            "E": jnp.exp(log_floor),
            f"T_{self.input}": jnp.exp(log_l0) * -jnp.expm1(log_floor - log_l0),
            "c": c,
        }

    @property
    def expression(self) -> str:
        return f"shifted({self.input})"
