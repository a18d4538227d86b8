r"""Broken power laws in any one input: the exponent changes at one to three breaks.

.. math:: L(x) = E + A\,x^{-c_0} \prod_{i=1}^{n} \left(1 + (x/d_i)^{1/f_i}\right)^{-c_i f_i}

Source: Caballero et al. 2022, arXiv 2210.14891, eq. 1 (their a, b are E, A here). With every
:math:`c_i = 0` it is the power law with a floor. Mircea et al. 2025, arXiv 2506.05447, use one
break for the deceleration of the loss within a run. Input: any one, in its own unit; where it is N,
count as the runs do. No preset: the paper's fits are to single curves of many tasks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from bayescale.laws.breaks import Breaks
from bayescale.laws.irreducible import Irreducible
from bayescale.laws.law import Law
from bayescale.laws.power import Power

__all__ = ["LAWS"]

WORDS = {1: "one break", 2: "two breaks", 3: "three breaks"}


def bnsl(input: str = "x", *, count: int = 1) -> Law:
    """The broken power law with ``count`` breaks."""
    factor = "prod_i " if count > 1 else ""
    i = "i" if count > 1 else "1"
    return Law(
        name=f"bnsl{count if count > 1 else ''}({input})",
        term=Irreducible() + Power(input, exponent="c0", field="A") * Breaks(input, count),
        title=f"broken power law in one input: {WORDS[count]}",
        formula=f"L = E + A / {input}^c0 {factor}(1 + ({input}/d{i})^(1/f{i}))^(-c{i} f{i})",
        source="Caballero et al. 2022, arXiv 2210.14891, eq. 1",
        notes=(
            "A break outside the runs is not identified, and t1 is then called prior-dominated; a "
            "wide break (f) resembles another floor, and a narrow one fits noise. A curve of three "
            "decades seldom tells a break from its floor: expect the verdict to say so. The local "
            "exponent is c0 before the breaks and c0 plus all c after them: sub-scaling is c "
            "below zero, double descent a change of its sign."
        ),
    )


LAWS: Mapping[str, Callable[..., Law]] = {
    "bnsl": bnsl,
    "bnsl2": partial(bnsl, count=2),
    "bnsl3": partial(bnsl, count=3),
}
