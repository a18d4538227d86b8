r"""Gadre's law of compute and over-training: one exponent at every ratio of tokens to parameters.

.. math:: L(C, M) = E + (a M^\eta + b M^{-\eta})\,C^{-\eta}, \qquad M = D/N

Source: Gadre et al. 2024, arXiv 2403.08540, eq. 4. Inputs: C = 6ND in FLOP, M tokens per parameter
(N total). It is Chinchilla with :math:`\alpha = \beta = 2\eta`, :math:`a = A\,6^\eta` and
:math:`b = B\,6^\eta`. No preset: the constants at hand are from memory, and give an M* (3.4 on C4)
that is not the paper's own (2.87).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from bayescale.laws.balanced import Balanced
from bayescale.laws.irreducible import Irreducible
from bayescale.laws.law import Law

__all__ = ["LAWS"]


def gadre() -> Law:
    """The constant-exponent law of C and M."""
    return Law(
        name="gadre",
        term=Irreducible() + Balanced(),
        title="compute and over-training with one exponent",
        formula="L = E + (a M^eta + b M^-eta) / C^eta",
        source="Gadre et al. 2024, arXiv 2403.08540, eq. 4",
        notes=(
            "In logs of the reducible loss the lines of constant M are parallel: an exponent that "
            "depends on M speaks against it, see per_otr. M_star = (b/a)^(1/(2 eta)); runs on one "
            "side of it tell eta and M_star apart badly. No published constants are kept here: "
            "none could be checked."
        ),
    )


LAWS: Mapping[str, Callable[..., Law]] = {"gadre": gadre}
