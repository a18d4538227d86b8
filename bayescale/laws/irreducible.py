"""The irreducible loss: the part that no amount of parameters, data or compute removes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp

from bayescale.laws.term import Parameter, Term, Values, plain_words

__all__ = ["Irreducible"]


@dataclass(frozen=True)
class Irreducible(Term):
    r"""A constant floor, :math:`E`.

    Parameters
    ----------
    name : str, default "E"
        Name of the parameter.

    References
    ----------
    .. [1] Hoffmann et al. 2022, arXiv 2203.15556, eq. 2: the entropy of natural text.
    """

    name: str = "E"

    def __post_init__(self) -> None:
        plain_words("an irreducible term", name=self.name)

    @property
    def inputs(self) -> tuple[str, ...]:
        return ()

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        return (Parameter(self.name, "floor", "loss", "irreducible loss"),)

    @property
    def floor(self) -> str | None:
        return self.name

    def log_value(self, params: Values, x: Values, reference: Values) -> Any:
        return jnp.log(params[self.name])

    def to_field(self, params: Values, reference: Values, log_gain: Any = 0.0) -> dict[str, Any]:
        return {self.name: params[self.name] * jnp.exp(log_gain)}

    def from_field(self, field: Values, reference: Values, log_gain: Any = 0.0) -> dict[str, Any]:
        return {self.name: field[self.name] * jnp.exp(-log_gain)}

    @property
    def expression(self) -> str:
        return "irreducible" if self.name == "E" else f'irreducible(name="{self.name}")'
