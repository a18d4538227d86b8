"""Breaks: the exponent of a power law changes smoothly from one value to another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp

from bayescale.errors import LawError
from bayescale.laws.term import Modifier, Parameter, Values, plain_words, spread
from bayescale.prior import LogNormal, Normal

__all__ = ["Breaks"]

FIRST = {1: Normal(0.0, 1.2), 2: Normal(-0.7, 1.0), 3: Normal(-1.0, 0.9)}
GAP = {2: LogNormal(1.1, 0.7), 3: LogNormal(0.8, 0.7)}
"""Of the first of n positions and of the gaps after it: about those of n independent positions with
standard deviation 1.2, put in order. Over evenly spaced runs, which reach to 1.7 on either side,
that is the range of the data and a little beyond."""


@dataclass(frozen=True)
class Breaks(Modifier):
    r"""The factor :math:`\prod_i (1 + (x/d_i)^{1/f_i})^{-c_i f_i}` of one input.

    A power law with exponent :math:`c_0` times this has the local exponent
    :math:`c_0 + \sum_i c_i\,\sigma((\ln x - \ln d_i)/f_i)`: a break of :math:`c_i` at :math:`d_i`,
    :math:`f_i` e-folds wide. :math:`c_i < 0` is deceleration, :math:`c_i = 0` no break.

    The positions are sampled in order, so that no two breaks can change places: the first,
    :math:`t_1`, in standard deviations of :math:`\ln x` over the runs from the reference point,
    then the gap to each next, in the same unit. The field's :math:`d_i` are derived.

    Parameters
    ----------
    input : str
        Symbol of the input.
    count : int, default 1
        Number of breaks, 1 to 3.

    References
    ----------
    .. [1] Caballero et al. 2022, arXiv 2210.14891, eq. 1.
    """

    input: str
    count: int = 1

    def __post_init__(self) -> None:
        plain_words("a breaks modifier", input=self.input)
        if self.count not in FIRST:
            raise LawError(f"A breaks modifier has {self.count!r} breaks. Give 1, 2 or 3.")
        object.__setattr__(self, "count", int(self.count))

    @property
    def inputs(self) -> tuple[str, ...]:
        return (self.input,)

    @property
    def spreads(self) -> tuple[str, ...]:
        return (self.input,)

    @property
    def null(self) -> str | None:
        return "c1" if self.count == 1 else None

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        unit = f"sd of ln {self.input}"
        found = []
        for i in range(1, self.count + 1):
            change = f"change of the exponent at break {i}; below zero, the curve decelerates"
            found.append(Parameter(f"c{i}", "strength", "1", change, Normal(0.0, 0.3), False))
            if i == 1:
                place = "place of the first break, from the reference point"
                found.append(Parameter("t1", "shape", unit, place, FIRST[self.count], False))
            else:
                gap = f"distance from break {i - 1} to break {i}"
                found.append(Parameter(f"gap{i}", "shape", unit, gap, GAP[self.count]))
            width = f"width of break {i}; below 0.1 a kink, above 3 a bend of the whole curve"
            found.append(Parameter(f"f{i}", "shape", "e-folds", width, LogNormal(0.5, 0.7)))
        return tuple(found)

    @property
    def derived(self) -> tuple[Parameter, ...]:
        return tuple(
            Parameter(f"d{i}", "shape", self.input, f"place of break {i}")
            for i in range(1, self.count + 1)
        )

    def log_factor(self, params: Values, x: Values) -> Any:
        total: Any = 0.0
        for i in range(1, self.count + 1):
            change, place, width = (params[f"{name}{i}"] for name in "cdf")
            beyond = (x[self.input] - jnp.log(place)) / width
            total = total - change * width * jnp.logaddexp(0.0, beyond)
        return total

    def to_field(self, params: Values, reference: Values) -> dict[str, Any]:
        field: dict[str, Any] = {}
        place = params["t1"]
        for i in range(1, self.count + 1):
            place = place + params[f"gap{i}"] if i > 1 else place
            log_place = reference[self.input] + spread(reference, self.input) * place
            field |= {
                f"c{i}": params[f"c{i}"],
                f"d{i}": jnp.exp(log_place),
                f"f{i}": params[f"f{i}"],
            }
        return field

    def from_field(self, field: Values, reference: Values) -> dict[str, Any]:
        params: dict[str, Any] = {}
        before = reference[self.input]
        for i in range(1, self.count + 1):
            here = jnp.log(field[f"d{i}"])
            params |= {
                f"c{i}": field[f"c{i}"],
                "t1" if i == 1 else f"gap{i}": (here - before) / spread(reference, self.input),
                f"f{i}": field[f"f{i}"],
            }
            before = here
        return params

    @property
    def expression(self) -> str:
        options = f", count={self.count}" if self.count > 1 else ""
        return f"breaks({self.input}{options})"
