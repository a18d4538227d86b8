"""The density modifier: a term is larger, or falls more slowly, where the corpus is redundant."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from bayescale.errors import LawError
from bayescale.laws.term import Modifier, Parameter, Values, plain_words, spread
from bayescale.prior import Normal

__all__ = ["Density"]


@dataclass(frozen=True)
class Density(Modifier):
    r"""A factor of a redundancy score z, any real number.

    On the amplitude, :math:`e^{\kappa z}`. On the exponent, :math:`e^{\kappa_0 z} x^{\kappa z}`, so
    that :math:`x^{-\beta}` becomes :math:`x^{-(\beta - \kappa z)}`; the amplitude has its own
    :math:`\kappa_0`, without which the form would depend on the unit of x. The exponent of the term
    is then that of z = 0: centre the score, so that zero is a corpus like the others.

    Sampled are the effects per standard deviation of z over the runs: ``kappa_z``, and for the
    exponent ``shift_z``, the change of the log term at the reference.

    Parameters
    ----------
    input : str
        Input of the term that is modified.
    score : str, default "z"
        Symbol of the score.
    on : {"amplitude", "exponent"}, default "amplitude"
        What the score changes.

    References
    ----------
    .. [1] A proposal of this package for the claim of Chen et al. 2025, arXiv 2507.10613, that
       dense data sub-scale more; the paper has no such term.
    """

    input: str
    score: str = "z"
    on: str = "amplitude"

    def __post_init__(self) -> None:
        plain_words("a density modifier", input=self.input, score=self.score)
        if self.on not in ("amplitude", "exponent"):
            raise LawError(
                f'A density modifier is on {self.on!r}. Choose "amplitude" or "exponent".'
            )

    @property
    def inputs(self) -> tuple[str, ...]:
        return (self.score,) if self.on == "amplitude" else (self.input, self.score)

    @property
    def spreads(self) -> tuple[str, ...]:
        return (self.score,)

    @property
    def null(self) -> str | None:
        return "kappa_z" if self.on == "amplitude" else None

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        unit = f"1/sd of {self.score}"
        if self.on == "amplitude":
            meaning = f"growth of the log {self.input} term with {self.score}"
            return (Parameter("kappa_z", "strength", unit, meaning, Normal(0.0, 0.5), False),)
        shift = f"growth of the log {self.input} term with {self.score}, at the reference"
        slope = f"decrease of the exponent of {self.input} with {self.score}"
        return (
            Parameter("kappa_z", "strength", unit, slope, Normal(0.0, 0.1), False),
            Parameter("shift_z", "shape", unit, shift, Normal(0.0, 0.5), False),
        )

    @property
    def derived(self) -> tuple[Parameter, ...]:
        unit = f"1/{self.score}"
        if self.on == "amplitude":
            meaning = f"growth of the log {self.input} term with {self.score}"
            return (Parameter("kappa", "strength", unit, meaning, positive=False),)
        slope = f"decrease of the exponent of {self.input} with {self.score}"
        shift = f"growth of the log amplitude with {self.score}"
        return (
            Parameter("kappa", "strength", unit, slope, positive=False),
            Parameter("kappa_0", "shape", unit, shift, positive=False),
        )

    def log_factor(self, params: Values, x: Values) -> Any:
        slope = params["kappa"]
        if self.on == "exponent":
            slope = params["kappa_0"] + slope * x[self.input]
        return slope * x[self.score]

    def to_field(self, params: Values, reference: Values) -> dict[str, Any]:
        unit = spread(reference, self.score)
        kappa = params["kappa_z"] / unit
        if self.on == "amplitude":
            return {"kappa": kappa}
        return {"kappa": kappa, "kappa_0": params["shift_z"] / unit - kappa * reference[self.input]}

    def from_field(self, field: Values, reference: Values) -> dict[str, Any]:
        unit = spread(reference, self.score)
        kappa_z = field["kappa"] * unit
        if self.on == "amplitude":
            return {"kappa_z": kappa_z}
        shift = field["kappa_0"] + field["kappa"] * reference[self.input]
        return {"kappa_z": kappa_z, "shift_z": shift * unit}

    @property
    def expression(self) -> str:
        options = [] if self.score == "z" else [self.score]
        if self.on != "amplitude":
            options.append(f'on="{self.on}"')
        return f"density({', '.join((self.input, *options))})"
