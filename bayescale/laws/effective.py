"""Effective inputs: what an input is worth, given others."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp

from bayescale.laws.term import Parameter, Values, fixed_number, plain_words, spread
from bayescale.prior import LogNormal, Normal

__all__ = ["Effective", "Exhaustible", "Repeated"]


class Effective(ABC):
    """An amount that stands in a power law in the place of an input.

    Subclasses are frozen dataclasses; ``input`` is the symbol of the input that it replaces, which
    names the power law's parameters.
    """

    input: str

    @property
    @abstractmethod
    def inputs(self) -> tuple[str, ...]:
        """Symbols of the inputs that it reads."""

    @property
    @abstractmethod
    def parameters(self) -> tuple[Parameter, ...]:
        """The parameters that it owns, sampled."""

    @property
    def derived(self) -> tuple[Parameter, ...]:
        """Field parameters that are not sampled."""
        return ()

    @property
    def spreads(self) -> tuple[str, ...]:
        """Inputs whose spread over the runs is a unit of its sampled parameters."""
        return ()

    @abstractmethod
    def log_amount(self, field: Values, x: Values) -> Any:
        """Logarithm of the amount, from field parameters and coordinates of the inputs."""

    def to_field(self, params: Values, reference: Values) -> dict[str, Any]:
        """Field parameters from reference parameters: the same, unless it says more."""
        return {p.name: params[p.name] for p in self.parameters}

    def from_field(self, field: Values, reference: Values) -> dict[str, Any]:
        """Reference parameters from field parameters: the inverse of :meth:`to_field`."""
        return {p.name: field[p.name] for p in self.parameters}

    @property
    @abstractmethod
    def expression(self) -> str:
        """The effective input as text."""


@dataclass(frozen=True)
class Repeated(Effective):
    r"""What repeated data, or parameters in excess of the data, are worth.

    Beyond U' = min(x, r U) an input x is an excess of :math:`R = x/U' - 1` repeats, worth less each
    time:

    .. math:: x' = U' + U' R^*\,(1 - e^{-R/R^*})

    For tokens r is one: U unique tokens are worth U(1 + R*) at most. For parameters, r is how many
    of them a unique token can feed. :math:`R^* \to \infty` is no decay.

    Parameters
    ----------
    input, unique : str
        Symbols of the input and of the unique tokens.
    constant : str, optional
        Name of R*, ``R_<input>`` unless said.
    ratio : str or float, default 1.0
        Name of r, or its fixed value.

    References
    ----------
    .. [1] Muennighoff et al. 2023, arXiv 2305.16264, eqs. 5 and 6.
    """

    input: str
    unique: str = "U"
    constant: str = ""
    ratio: str | float = 1.0

    def __post_init__(self) -> None:
        if not self.constant:
            object.__setattr__(self, "constant", f"R_{self.input}")
        plain_words("an effective input", input=self.input, unique=self.unique)
        plain_words("an effective input", constant=self.constant)
        if isinstance(self.ratio, float | int):
            fixed_number("an effective input", "ratio", self.ratio)
        else:
            plain_words("an effective input", ratio=self.ratio)

    @property
    def inputs(self) -> tuple[str, ...]:
        return (self.input, self.unique)

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        meaning = f"repeats after which one more of {self.input} is worth a third as much"
        constant = Parameter(self.constant, "shape", "repeats", meaning, LogNormal(10.0, 0.7))
        if not isinstance(self.ratio, str):
            return (constant,)
        meaning = f"{self.input} that one unique token can feed; more is excess"
        unit = f"{self.input}/{self.unique}"
        ratio = Parameter(self.ratio, "rate", unit, meaning, LogNormal(0.05, 1.0))
        return (constant, ratio)

    def log_amount(self, field: Values, x: Values) -> Any:
        ratio = field[self.ratio] if isinstance(self.ratio, str) else self.ratio
        own, limit = x[self.input], x[self.unique] + jnp.log(ratio)
        repeats = jnp.expm1(jnp.maximum(own - limit, 0.0))
        constant = field[self.constant]
        worth = -constant * jnp.expm1(-repeats / constant)
        return jnp.minimum(own, limit) + jnp.log1p(worth)

    @property
    def expression(self) -> str:
        options = [] if self.unique == "U" else [self.unique]
        if self.constant != f"R_{self.input}":
            options.append(f'constant="{self.constant}"')
        if isinstance(self.ratio, str):
            options.append(f'ratio="{self.ratio}"')
        elif self.ratio != 1.0:
            options.append(f"ratio={self.ratio!r}")
        return f"effective({', '.join((self.input, *options))})"


@dataclass(frozen=True)
class Exhaustible(Effective):
    r"""What a corpus is worth whose store of new content is finite, and smaller the denser it is.

    .. math:: x' = U\,(1 - e^{-x/U}), \qquad \ln U = \ln U_0 - \kappa z

    with z any redundancy score. :math:`U_0 \to \infty` is no exhaustion, :math:`\kappa = 0` none
    that depends on the corpus. Sampled are ``fill``, U over x at the reference point, and
    ``kappa_z``, :math:`\kappa` per standard deviation of z over the runs.

    Parameters
    ----------
    input, score : str
        Symbols of the input and of the score.

    References
    ----------
    .. [1] A proposal of this package for the claim of Chen et al. 2025, arXiv 2507.10613, that
       dense data sub-scale more; the paper has no such term.
    """

    input: str
    score: str = "z"

    def __post_init__(self) -> None:
        plain_words("an exhaustible input", input=self.input, score=self.score)

    @property
    def inputs(self) -> tuple[str, ...]:
        return (self.input, self.score)

    @property
    def spreads(self) -> tuple[str, ...]:
        return (self.score,)

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        own = self.input
        meaning = f"effective store of content over {own}, at the reference"
        fill = Parameter("fill", "shape", "1", meaning, LogNormal(10.0, 1.5))
        meaning = f"decrease of the log store with {self.score}"
        unit = f"1/sd of {self.score}"
        return (fill, Parameter("kappa_z", "strength", unit, meaning, Normal(0.0, 0.5), False))

    @property
    def derived(self) -> tuple[Parameter, ...]:
        store = f"effective store of content at {self.score} = 0"
        decrease = f"decrease of the log store with {self.score}"
        return (
            Parameter("U_0", "shape", "tokens", store),
            Parameter("kappa", "strength", f"1/{self.score}", decrease, positive=False),
        )

    def log_amount(self, field: Values, x: Values) -> Any:
        log_store = jnp.log(field["U_0"]) - field["kappa"] * x[self.score]
        share = jnp.exp(jnp.clip(x[self.input] - log_store, -300.0, 300.0))
        return log_store + jnp.log(-jnp.expm1(-share))

    def to_field(self, params: Values, reference: Values) -> dict[str, Any]:
        kappa = params["kappa_z"] / spread(reference, self.score)
        log_store = jnp.log(params["fill"]) + reference[self.input]
        return {"U_0": jnp.exp(log_store + kappa * reference[self.score]), "kappa": kappa}

    def from_field(self, field: Values, reference: Values) -> dict[str, Any]:
        log_store = jnp.log(field["U_0"]) - field["kappa"] * reference[self.score]
        return {
            "fill": jnp.exp(log_store - reference[self.input]),
            "kappa_z": field["kappa"] * spread(reference, self.score),
        }

    @property
    def expression(self) -> str:
        options = "" if self.score == "z" else f", {self.score}"
        return f"exhaustible({self.input}{options})"
