r"""The isoFLOP law: parabolas about a best size that grows with compute, all slices at once.

.. math:: L(N, C) = E + \lambda\,C^{-\gamma}\,[1 + \tfrac12\kappa\,(\ln N - \ln N^*)^2],
          \qquad N^* = N_1\,C^a

Source: Hoffmann et al. 2022, arXiv 2203.15556, approach 2, in one step: there each budget has its
own parabola, and a line is fitted to the minima. Inputs: N (count as the runs do), C in FLOP.
:math:`\kappa = 0` is a power law of C with a floor. No preset: only a is published (0.49).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from bayescale.laws.irreducible import Irreducible
from bayescale.laws.law import Law
from bayescale.laws.power import Power
from bayescale.laws.valley import Valley

__all__ = ["LAWS"]


def isoflop() -> Law:
    """IsoFLOP slices with a common curvature."""
    frontier = Power("C", exponent="gamma", field="lambda_C")
    return Law(
        name="isoflop",
        term=Irreducible() + frontier * Valley(),
        title="isoFLOP parabolas about N* = N_1 C^a",
        formula="L = E + lambda_C / C^gamma [1 + kappa/2 (ln N - ln(N_1 C^a))^2]",
        source="Hoffmann et al. 2022, arXiv 2203.15556, approach 2, in one step",
        notes=(
            "a is the exponent of the compute-optimal size. A parabola is biased where a slice "
            "reaches far to one side of its minimum: chinchilla has the exact shape under its own "
            "assumptions. No published constants but a."
        ),
    )


LAWS: Mapping[str, Callable[..., Law]] = {"isoflop": isoflop}
