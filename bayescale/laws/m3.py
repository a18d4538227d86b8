r"""The form M3 in any one input: a power law whose floor sits inside the power.

.. math:: L(x) = A\,(1/x + \gamma)^c, \qquad E = A\,\gamma^c

Source: Alabdulmohsin et al. 2022, arXiv 2209.06640 (their beta is A here). :math:`\gamma = 0` is
the power law without a floor, :math:`c = 1` the one with a floor and exponent one. Input: any one,
in its own unit; where it is N, count as the runs do. No preset: the paper's fits are to vision,
translation and language tasks, one by one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from bayescale.laws.law import Law
from bayescale.laws.shifted import Shifted

__all__ = ["LAWS"]


def m3(input: str = "x") -> Law:
    """The form M3."""
    return Law(
        name=f"m3({input})",
        term=Shifted(input),
        title="power law in one input with the floor inside (M3)",
        formula=f"L = A (1/{input} + gamma)^c, E = A gamma^c",
        source="Alabdulmohsin et al. 2022, arXiv 2209.06640, form M3",
        notes=(
            "It reaches its floor like 1/x whatever c is, sooner than power_floor where c is below "
            "one. gamma and c are told apart by curvature alone."
        ),
    )


LAWS: Mapping[str, Callable[..., Law]] = {"m3": m3}
