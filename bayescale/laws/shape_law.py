r"""Chinchilla with a term for the shape of the network.

.. math:: L = E + (A N^{-\alpha} + B D^{-\beta})\,e^{\frac12 c\,(\ln r - \ln r^*)^2}

Source: Kaplan et al. 2020, arXiv 2001.08361, section 3.1, for the question; the form is this
package's. Inputs: N (count as the runs do), D tokens, r = d_model/n_layer, the column ``aspect``.
The factor is on the reducible loss, since a floor that a shape could raise would be no floor; for a
law without one it is on the whole: ``coupled(...) * shape``. c = 0 is Chinchilla. No preset.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from bayescale.laws.irreducible import Irreducible
from bayescale.laws.law import Law
from bayescale.laws.power import Power
from bayescale.laws.shape import Shape

__all__ = ["LAWS"]


def shape() -> Law:
    """Chinchilla with a shape factor on the reducible loss."""
    return Law(
        name="shape",
        term=Irreducible() + (Power("N") + Power("D")) * Shape(),
        title="Chinchilla with a factor for the aspect ratio",
        formula="L = E + (A/N^alpha + B/D^beta) exp(c_shape/2 (ln aspect - ln r_star)^2)",
        source="this package, for the claim of Kaplan et al. 2020, arXiv 2001.08361, section 3.1",
        notes=(
            "The claim is that c_shape is near zero. r_star means something only where it is not. "
            "No published constants."
        ),
    )


LAWS: Mapping[str, Callable[..., Law]] = {"shape": shape}
