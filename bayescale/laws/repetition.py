r"""The data-constrained law: repeated tokens, and parameters in excess, are worth less and less.

.. math:: L(N, D, U) = E + A\,N'^{-\alpha} + B\,D'^{-\beta}, \qquad
          x' = U' + U' R^*\,(1 - e^{-R/R^*})

with :math:`R = x/U' - 1`; for tokens :math:`U' = \min(D, U)`, for parameters
:math:`U' = \min(N, rU)`. Source: Muennighoff et al. 2023, arXiv 2305.16264, eqs. 5 and 6. Inputs: N
(total parameters), D tokens seen, U unique tokens. There r is the compute-optimal ratio of the base
fit, 0.051 parameters for each token (constant since alpha = beta); here it is a parameter of its
own, since it is one more belief about when parameters are in excess.
:math:`R_D, R_N \to \infty` is Chinchilla, and so is U >= D with N < rU.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

from bayescale.laws.effective import Repeated
from bayescale.laws.irreducible import Irreducible
from bayescale.laws.law import Law, Preset
from bayescale.laws.power import Power

__all__ = ["LAWS"]

LOG_A, LOG_B, EXPONENT = 6.255414, 7.3049974, 0.3526596

PRESET = Preset(
    values={
        "E": math.exp(0.6254804),
        "A": math.exp(LOG_A),
        "alpha": EXPONENT,
        "R_N": 5.309743,
        "r_N": math.exp((LOG_A - LOG_B) / EXPONENT),
        "B": math.exp(LOG_B),
        "beta": EXPONENT,
        "R_D": 15.387756,
    },
    source=(
        "Muennighoff et al. 2023, arXiv 2305.16264, C4: base and decay as in the authors' code, "
        "fitted in two stages; r_N is the base fit's compute-optimal N over U"
    ),
    count="total",
)


def repetition() -> Law:
    """Chinchilla in effective parameters and tokens."""
    capacity, data = Repeated("N", ratio="r_N"), Repeated("D")
    return Law(
        name="repetition",
        term=Irreducible() + Power(capacity) + Power(data),
        title="Chinchilla with repeated data and excess parameters worth less",
        formula=(
            "L = E + A/N'^alpha + B/D'^beta, x' = U'(1 + R* (1 - exp(-R/R*))), R = x/U' - 1; "
            "U' = U for D, r_N U for N"
        ),
        source="Muennighoff et al. 2023, arXiv 2305.16264, eqs. 5 and 6",
        notes=(
            "R_D needs runs with about R_D repeats or more, R_N and r_N runs with more parameters "
            "than r_N U. The law has no upturn: where repetition hurts, see overfitting."
        ),
        presets={"muennighoff2023": PRESET},
    )


LAWS: Mapping[str, Callable[..., Law]] = {"repetition": repetition}
