r"""The sub-scaling law: Chinchilla whose terms grow with over-training.

.. math:: L(N, D) = E + A N^{-\alpha}\,[1 + \rho\tanh(k_N M/2)]
          + B D^{-\beta}\,[1 + \rho\tanh(k_D M/2)], \qquad M = D/N

Source: Chen et al. 2025, arXiv 2507.10613, who write
:math:`\lambda R/N^{\alpha}` with :math:`R = 1 + \sigma(kM)`; identically
:math:`1 + \sigma(x) = \tfrac32[1 + \tfrac13\tanh(x/2)]`, so their law has :math:`\rho = 1/3` and
:math:`A = \tfrac32\lambda_N`, :math:`B = \tfrac32\lambda_D`. :math:`\rho = 0` is Chinchilla.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from bayescale.laws.irreducible import Irreducible
from bayescale.laws.law import Law, Preset
from bayescale.laws.overtraining import OverTraining
from bayescale.laws.power import Power

__all__ = ["LAWS"]

PAPER = Preset(
    values={
        "E": 1.372,
        "A": 1.5 * 61.929,
        "alpha": 0.272,
        "rho": 1.0 / 3.0,
        "k_N": 0.00114,
        "B": 1.5 * 455.345,
        "beta": 0.289,
        "k_D": 0.00810,
    },
    source=(
        "Chen et al. 2025, arXiv 2507.10613, main equation (constants from a secondary source "
        "that quotes them)"
    ),
    count="total",
)


def subscaling() -> Law:
    """The sub-scaling law with free strength."""
    return Law(
        name="subscaling",
        term=Irreducible() + Power("N") * OverTraining("N") + Power("D") * OverTraining("D"),
        title="Chinchilla with an over-training modifier on both terms",
        formula=(
            "L = E + A/N^alpha [1 + rho tanh(k_N M/2)] + B/D^beta [1 + rho tanh(k_D M/2)], M = D/N"
        ),
        source="Chen et al. 2025, arXiv 2507.10613",
        notes=(
            "Where k M is small in all runs only the product rho k is seen; the runs must span "
            "D/N below and above 1/k. A bend by over-training resembles a smaller beta or a "
            "larger E."
        ),
        presets={"chen2025": PAPER},
    )


LAWS: Mapping[str, Callable[..., Law]] = {"subscaling": subscaling}
