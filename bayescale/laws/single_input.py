r"""Power laws in any one input, without and with a floor.

.. math:: L(x) = A\,x^{-\alpha}, \qquad L(x) = E + A\,x^{-\alpha}

Sources: Hestness et al. 2017, arXiv 1712.00409 (with a floor); Kaplan et al. 2020, arXiv
2001.08361, eqs. 1.1 to 1.3 (without); Henighan et al. 2020, arXiv 2010.14701 (with); the forms M1
and M2 of Alabdulmohsin et al. 2022, arXiv 2209.06640.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from bayescale.laws.irreducible import Irreducible
from bayescale.laws.law import Law, Preset
from bayescale.laws.power import Power

__all__ = ["LAWS"]

PF_DAY = 8.64e19
"""FLOP in a petaflop-day, the paper's unit of compute."""

KAPLAN = {
    "kaplan2020_N": ("N", 0.076, 8.8e13, "eq. 1.1: converged, ample data"),
    "kaplan2020_D": ("D", 0.095, 5.4e13, "eq. 1.2: large models, early stopped"),
    "kaplan2020_C": ("C", 0.050, 3.1e8 * PF_DAY, "eq. 1.3: compute-efficient, C_min in FLOP"),
}
"""Input, exponent, scale x_c in plain units."""


def _kaplan_presets(input: str) -> dict[str, Preset]:
    return {
        name: Preset(
            values={"A": scale**exponent, "alpha": exponent},
            source=f"Kaplan et al. 2020, arXiv 2001.08361, {where}",
            count="non-embedding",
            input=own,
        )
        for name, (own, exponent, scale, where) in KAPLAN.items()
        if own == input
    }


def _term(input: str) -> Power:
    return Power(input, exponent="alpha", field="A")


def power(input: str = "x") -> Law:
    """The power law without a floor."""
    return Law(
        name=f"power({input})",
        term=_term(input),
        title="power law in one input, no floor",
        formula=f"L = A / {input}^alpha",
        source="Kaplan et al. 2020, arXiv 2001.08361, eqs. 1.1-1.3",
        notes=(
            "Without a floor alpha is the log-slope of the whole loss, not of its reducible part: "
            "it must not be compared with exponents of laws that have a floor."
        ),
        presets=_kaplan_presets(input),
    )


def power_floor(input: str = "x") -> Law:
    """The power law with a floor."""
    return Law(
        name=f"power_floor({input})",
        term=Irreducible() + _term(input),
        title="power law in one input, with an irreducible loss",
        formula=f"L = E + A / {input}^alpha",
        source="Hestness et al. 2017, arXiv 1712.00409; Henighan et al. 2020, arXiv 2010.14701",
        notes=(
            "E and alpha are told apart by curvature alone: over one decade of the input the "
            "exponent is known to about a quarter, over two to a few percent."
        ),
    )


LAWS: Mapping[str, Callable[..., Law]] = {"power": power, "power_floor": power_floor}
