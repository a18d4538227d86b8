r"""Chinchilla with an additive penalty of repeated data.

.. math:: L(N, D, U) = E + A N^{-\alpha} + B D^{-\beta} + P\,R^\delta\,(N/U)^\kappa,
          \qquad R = D/U - 1

Source: Lovelace et al. 2026, arXiv 2605.01640. Inputs: N (count as the runs do), D tokens seen, U
unique tokens; R = 0 where no token is seen twice. P = 0 is Chinchilla. No preset: the paper's
constants were not at hand to check.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from bayescale.laws.irreducible import Irreducible
from bayescale.laws.law import Law
from bayescale.laws.overfitting import Overfitting
from bayescale.laws.power import Power

__all__ = ["LAWS"]


def overfitting() -> Law:
    """Chinchilla with the overfitting penalty."""
    return Law(
        name="overfitting",
        term=Irreducible() + Power("N") + Power("D") + Overfitting(),
        title="Chinchilla with a penalty for repeated data",
        formula="L = E + A/N^alpha + B/D^beta + P R^delta (N/U)^kappa, R = D/U - 1",
        source="Lovelace et al. 2026, arXiv 2605.01640",
        notes=(
            "The loss turns up again where the penalty of one more epoch exceeds its gain. With "
            "few repeats P, delta and kappa are not told apart. No published constants are kept "
            "here: none could be checked."
        ),
    )


LAWS: Mapping[str, Callable[..., Law]] = {"overfitting": overfitting}
