"""A power law in one input."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp

from bayescale.errors import LawError
from bayescale.laws.term import Pair, Parameter, Term, Values, fixed_number, plain_words

__all__ = ["Power"]

FIELD_NAMES = {"N": ("A", "alpha"), "D": ("B", "beta")}


@dataclass(frozen=True)
class Power(Term):
    r"""A contribution that falls as a power of one input.

    In reference form :math:`T (x/x_0)^{-a}`; in the field's form :math:`A\,x^{-a}` or, with
    ``form="scale"``, :math:`(x_c/x)^{a}`.

    Parameters
    ----------
    input : str
        Symbol of the input: ``"N"``, ``"D"``, ``"C"``, ...
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

    input: str
    level: str = ""
    exponent: str | float = ""
    field: str = ""
    form: str = "amplitude"
    per: str | None = None

    def __post_init__(self) -> None:
        amplitude, exponent = FIELD_NAMES.get(
            self.input, (f"A_{self.input}", f"alpha_{self.input}")
        )
        for name, default in (
            ("level", f"T_{self.input}"),
            ("exponent", exponent),
            ("field", amplitude),
        ):
            if getattr(self, name) == "":
                object.__setattr__(self, name, default)
        plain_words("a power term", input=self.input, level=self.level, field=self.field)
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
    def inputs(self) -> tuple[str, ...]:
        return (self.input,)

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        level = Parameter(
            self.level, "contribution", "loss", f"contribution of {self.input} at the reference"
        )
        if isinstance(self.exponent, float | int):
            return (level,)
        return (level, Parameter(self.exponent, "exponent", "1", f"exponent of {self.input}"))

    @property
    def pairs(self) -> tuple[Pair, ...]:
        if not isinstance(self.exponent, str):
            return ()
        return (Pair(self.input, self.level, self.exponent),)

    def _exponent(self, params: Values) -> Any:
        value = params[self.exponent] if isinstance(self.exponent, str) else self.exponent
        return value / params[self.per] if self.per else value

    def log_value(self, params: Values, x: Values, reference: Values) -> Any:
        distance = x[self.input] - reference[self.input]
        return jnp.log(params[self.level]) - self._exponent(params) * distance

    def to_field(self, params: Values, reference: Values, log_gain: Any = 0.0) -> dict[str, Any]:
        exponent = self._exponent(params)
        log_amplitude = jnp.log(params[self.level]) + log_gain + exponent * reference[self.input]
        if self.form == "scale":
            log_amplitude = log_amplitude / exponent
        own = {self.exponent: params[self.exponent]} if isinstance(self.exponent, str) else {}
        return {self.field: jnp.exp(log_amplitude), **own}

    def from_field(self, field: Values, reference: Values, log_gain: Any = 0.0) -> dict[str, Any]:
        exponent = self._exponent(field)
        log_amplitude = jnp.log(field[self.field])
        if self.form == "scale":
            log_amplitude = log_amplitude * exponent
        log_level = log_amplitude - log_gain - exponent * reference[self.input]
        own = {self.exponent: field[self.exponent]} if isinstance(self.exponent, str) else {}
        return {self.level: jnp.exp(log_level), **own}

    @property
    def expression(self) -> str:
        plain = Power(self.input)
        options = [
            f"{name}={value!r}".replace("'", '"')
            for name in ("level", "exponent", "field", "form", "per")
            if (value := getattr(self, name)) != getattr(plain, name)
        ]
        return f"power({', '.join((self.input, *options))})"
