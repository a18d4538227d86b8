r"""The form M4 in any one input: from the loss of guessing down to a floor.

.. math:: \frac{L - E}{(L_0 - L)^\alpha} = A\,x^{-c}

Source: Alabdulmohsin et al. 2022, arXiv 2209.06640 (their beta is A here). :math:`\alpha = 0` is
the power law with a floor (below chance), and so is :math:`L_0 \to \infty`. Input: any one, in its
own unit; where it is N, count as the runs do. No preset: the paper's fits are to single tasks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from bayescale.laws.from_chance import FromChance
from bayescale.laws.law import Law

__all__ = ["LAWS"]


def m4(input: str = "x") -> Law:
    """The form M4, with a chance level that is not known."""
    return Law(
        name=f"m4({input})",
        term=FromChance(input),
        title="from chance to a floor in one input (M4)",
        formula=f"(L - E) / (L_0 - L)^alpha = A / {input}^c",
        source="Alabdulmohsin et al. 2022, arXiv 2209.06640, form M4",
        notes=(
            "L_0 is the loss of guessing. It and alpha are not identified without runs near "
            "chance, and the fit says so; fix L_0 where the task gives it, such as ln V for V "
            f"words: from_chance({input}, chance=10.8)."
        ),
    )


LAWS: Mapping[str, Callable[..., Law]] = {"m4": m4}
