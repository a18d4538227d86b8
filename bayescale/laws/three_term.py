r"""The three-term law of parameters, steps and batch size.

.. math:: L(N, S, B) = E + A N^{-\alpha} + P\,S^{-\beta} + Q\,B^{-\gamma}

Source: Schaipp 2026, arXiv 2607.01487. Inputs: N (count as the runs do), S optimiser steps, B batch
size in tokens. At fixed D = SB it has a best batch,
:math:`B^* = (\gamma Q/\beta P)^{1/(\beta+\gamma)} D^{\beta/(\beta+\gamma)}`. Q = 0 is a law of N
and S. No preset: of the paper's fit only :math:`B^* = 0.667\,D^{0.566}` is known.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from bayescale.laws.irreducible import Irreducible
from bayescale.laws.law import Law
from bayescale.laws.power import Power

__all__ = ["LAWS"]


def three_term() -> Law:
    """Parameters, steps and batch size, added."""
    steps = Power("S", exponent="beta", field="P")
    batch = Power("B", exponent="gamma", field="Q")
    return Law(
        name="three_term",
        term=Irreducible() + Power("N") + steps + batch,
        title="additive law of parameters, steps and batch size",
        formula="L = E + A/N^alpha + P/S^beta + Q/B^gamma",
        source="Schaipp 2026, arXiv 2607.01487",
        notes=(
            "beta and gamma need the batch varied at fixed tokens; with one batch size Q is part "
            "of E. No published constants are kept here: only those of the best batch are known."
        ),
    )


LAWS: Mapping[str, Callable[..., Law]] = {"three_term": three_term}
