"""A power of one input that grows: best sizes, best batches."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp

from bayescale.laws.term import Pair, Parameter, Term, Values, plain_words
from bayescale.prior import Normal

__all__ = ["Growth"]

EXPONENTS = {"C": Normal(0.5, 0.1), "D": Normal(0.47, 0.1)}
"""Of compute, the exponent of the best N or D (Hoffmann et al. 2022: about a half); of tokens, that
of the critical batch size (Zhang et al. 2024: 0.47)."""


@dataclass(frozen=True)
class Growth(Term):
    r"""The quantity :math:`k\,x^{a}`, which rises; ``T_<input>`` is its value at the reference.

    Parameters
    ----------
    input : str
        Symbol of the input.
    exponent, field : str
        Names of the exponent a and of the field's factor k.
    """

    input: str
    exponent: str = "a"
    field: str = "k"

    def __post_init__(self) -> None:
        plain_words("a growth term", input=self.input, exponent=self.exponent, field=self.field)

    @property
    def inputs(self) -> tuple[str, ...]:
        return (self.input,)

    @property
    def _level(self) -> str:
        return f"T_{self.input}"

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        prior = EXPONENTS.get(self.input, Normal(0.5, 0.25))
        meaning = f"exponent with which it grows with {self.input}"
        return (
            Parameter(self._level, "contribution", "loss", "value at the reference"),
            Parameter(self.exponent, "exponent", "1", meaning, prior),
        )

    @property
    def pairs(self) -> tuple[Pair, ...]:
        return (Pair(self.input, self._level, self.exponent),)

    def log_value(self, params: Values, x: Values, reference: Values) -> Any:
        distance = x[self.input] - reference[self.input]
        return jnp.log(params[self._level]) + params[self.exponent] * distance

    def to_field(self, params: Values, reference: Values, log_gain: Any = 0.0) -> dict[str, Any]:
        exponent = params[self.exponent]
        log_factor = jnp.log(params[self._level]) + log_gain - exponent * reference[self.input]
        return {self.field: jnp.exp(log_factor), self.exponent: exponent}

    def from_field(self, field: Values, reference: Values, log_gain: Any = 0.0) -> dict[str, Any]:
        exponent = field[self.exponent]
        log_level = jnp.log(field[self.field]) - log_gain + exponent * reference[self.input]
        return {self._level: jnp.exp(log_level), self.exponent: exponent}

    @property
    def expression(self) -> str:
        options = [
            f'{name}="{value}"'
            for name, default in (("exponent", "a"), ("field", "k"))
            if (value := getattr(self, name)) != default
        ]
        return f"growth({', '.join((self.input, *options))})"
