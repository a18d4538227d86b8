"""A power law in one input."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp

from bayescale.errors import LawError
from bayescale.laws.effective import Effective
from bayescale.laws.term import Pair, Parameter, Term, Values, fixed_number, merged, plain_words
from bayescale.prior import LogNormal

__all__ = ["Power"]

FIELD_NAMES = {"N": ("A", "alpha"), "D": ("B", "beta")}

EXPONENTS = {"S": LogNormal(0.7, 0.4), "L": LogNormal(4.8, 0.35)}
"""Priors of exponents that are no loss's of N, D or C: of steps (Kaplan et al. 2020: 0.76), and of
the critical batch size in the loss (the same, 1/0.21)."""


@dataclass(frozen=True)
class Power(Term):
    r"""A contribution that falls as a power of one input.

    In reference form :math:`T (x/x_0)^{-a}`; in the field's form :math:`A\,x^{-a}` or, with
    ``form="scale"``, :math:`(x_c/x)^{a}`.

    Parameters
    ----------
    input : str or Effective
        Symbol of the input: ``"N"``, ``"D"``, ``"C"``, ...; or what an input is worth, such as
        ``Repeated("D", "U")``, in whose place :math:`x` then stands.
    level : str, optional
        Name of the contribution at the reference, ``T_<input>`` unless said.
    exponent : str or float, optional
        Name of the exponent, or its fixed value. ``alpha`` for N, ``beta`` for D, else
        ``alpha_<input>``.
    field : str, optional
        Name of the field's amplitude: ``A`` for N, ``B`` for D, else ``A_<input>``.
    form : {"amplitude", "scale"}, default "amplitude"
        Which of the two field forms the amplitude belongs to.
    per : str, optional
        Name of a parameter by which the exponent is divided, as in Kaplan's
        :math:`(N_c/N)^{\alpha_N/\alpha_D}`.

    References
    ----------
    .. [1] Kaplan et al. 2020, arXiv 2001.08361, eqs. 1.1 to 1.3 (``scale``).
    .. [2] Hoffmann et al. 2022, arXiv 2203.15556, eq. 2 (``amplitude``).
    """

    input: str | Effective
    level: str = ""
    exponent: str | float = ""
    field: str = ""
    form: str = "amplitude"
    per: str | None = None

    def __post_init__(self) -> None:
        symbol = self.symbol
        amplitude, exponent = FIELD_NAMES.get(symbol, (f"A_{symbol}", f"alpha_{symbol}"))
        for name, default in (
            ("level", f"T_{symbol}"),
            ("exponent", exponent),
            ("field", amplitude),
        ):
            if getattr(self, name) == "":
                object.__setattr__(self, name, default)
        plain_words("a power term", input=symbol, level=self.level, field=self.field)
        if isinstance(self.exponent, float | int):
            fixed_number("a power term", "exponent", self.exponent)
        else:
            plain_words("a power term", exponent=self.exponent)
        if self.per is not None:
            plain_words("a power term", per=self.per)
        if self.field in (self.level, self.exponent):
            raise LawError(
                f"The field amplitude of a power term has the name {self.field!r} of another of "
                "its parameters. Name it otherwise."
            )
        if self.form not in ("amplitude", "scale"):
            raise LawError(
                f'The form of a power term is {self.form!r}. Choose "amplitude" or "scale".'
            )

    @property
    def symbol(self) -> str:
        """The input whose place it is."""
        return self.input.input if isinstance(self.input, Effective) else self.input

    @property
    def inputs(self) -> tuple[str, ...]:
        return self.input.inputs if isinstance(self.input, Effective) else (self.input,)

    @property
    def spreads(self) -> tuple[str, ...]:
        return self.input.spreads if isinstance(self.input, Effective) else ()

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        symbol = self.symbol
        level = Parameter(
            self.level, "contribution", "loss", f"contribution of {symbol} at the reference"
        )
        found = [level]
        if isinstance(self.exponent, str):
            meaning, prior = f"exponent of {symbol}", EXPONENTS.get(symbol)
            found.append(Parameter(self.exponent, "exponent", "1", meaning, prior))
        if isinstance(self.input, Effective):
            found.extend(self.input.parameters)
        return merged([found])

    @property
    def derived(self) -> tuple[Parameter, ...]:
        return self.input.derived if isinstance(self.input, Effective) else ()

    @property
    def pairs(self) -> tuple[Pair, ...]:
        if not isinstance(self.exponent, str):
            return ()
        return (Pair(self.symbol, self.level, self.exponent),)

    def _exponent(self, params: Values) -> Any:
        value = params[self.exponent] if isinstance(self.exponent, str) else self.exponent
        return value / params[self.per] if self.per else value

    def _log_amount(self, field: Values, x: Values) -> Any:
        return (
            self.input.log_amount(field, x) if isinstance(self.input, Effective) else x[self.input]
        )

    def log_value(self, params: Values, x: Values, reference: Values) -> Any:
        field = params
        if isinstance(self.input, Effective):
            field = self.input.to_field(params, reference)
        distance = self._log_amount(field, x) - self._log_amount(field, reference)
        return jnp.log(params[self.level]) - self._exponent(params) * distance

    def to_field(self, params: Values, reference: Values, log_gain: Any = 0.0) -> dict[str, Any]:
        own = {self.exponent: params[self.exponent]} if isinstance(self.exponent, str) else {}
        field = params
        if isinstance(self.input, Effective):
            own |= (field := self.input.to_field(params, reference))
        exponent = self._exponent(params)
        log_amplitude = jnp.log(params[self.level]) + log_gain
        log_amplitude = log_amplitude + exponent * self._log_amount(field, reference)
        if self.form == "scale":
            log_amplitude = log_amplitude / exponent
        return {self.field: jnp.exp(log_amplitude), **own}

    def from_field(self, field: Values, reference: Values, log_gain: Any = 0.0) -> dict[str, Any]:
        own = {self.exponent: field[self.exponent]} if isinstance(self.exponent, str) else {}
        if isinstance(self.input, Effective):
            own |= self.input.from_field(field, reference)
        exponent = self._exponent(field)
        log_amplitude = jnp.log(field[self.field])
        if self.form == "scale":
            log_amplitude = log_amplitude * exponent
        log_level = log_amplitude - log_gain - exponent * self._log_amount(field, reference)
        return {self.level: jnp.exp(log_level), **own}

    @property
    def expression(self) -> str:
        plain = Power(self.input)
        options = [
            f"{name}={value!r}".replace("'", '"')
            for name in ("level", "exponent", "field", "form", "per")
            if (value := getattr(self, name)) != getattr(plain, name)
        ]
        shown = self.input.expression if isinstance(self.input, Effective) else self.input
        return f"power({', '.join((shown, *options))})"
