r"""The Chinchilla law: an additive floor, capacity and data term.

.. math:: L(N, D) = E + A N^{-\alpha} + B D^{-\beta}

Sources: Hoffmann et al. 2022, arXiv 2203.15556, approach 3; Besiroglu et al. 2024, arXiv
2404.10102, who refit it to points read off the paper's figure and reject the published constants.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

from bayescale.laws.irreducible import Irreducible
from bayescale.laws.law import Law, Preset
from bayescale.laws.power import Power

__all__ = ["LAWS"]

HOFFMANN = Preset(
    values={
        "E": math.exp(0.5267228),
        "A": math.exp(6.0073404),
        "alpha": 0.33917084,
        "B": math.exp(6.0179186),
        "beta": 0.2849083,
    },
    source="Hoffmann et al. 2022, arXiv 2203.15556, approach 3, unrounded",
    count="total",
)
BESIROGLU = Preset(
    values={"E": 1.8169, "A": 482.01, "alpha": 0.3478, "B": 2085.43, "beta": 0.3658},
    source="Besiroglu et al. 2024, arXiv 2404.10102; standard errors by bootstrap",
    count="total",
    se={"E": 0.026, "A": 124.5, "alpha": 0.015, "B": 1293.3, "beta": 0.021},
)


def chinchilla() -> Law:
    """The Chinchilla law."""
    return Law(
        name="chinchilla",
        term=Irreducible() + Power("N") + Power("D"),
        title="additive floor, capacity and data terms",
        formula="L = E + A / N^alpha + B / D^beta",
        source="Hoffmann et al. 2022, arXiv 2203.15556, approach 3",
        notes=(
            "alpha and beta are told apart only by runs off the line D proportional to N. "
            "N counts all parameters in the presets."
        ),
        presets={"hoffmann2022": HOFFMANN, "besiroglu2024": BESIROGLU},
    )


LAWS: Mapping[str, Callable[..., Law]] = {"chinchilla": chinchilla}
