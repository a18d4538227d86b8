r"""Chinchilla whose data term depends on a redundancy score of the corpus, in three versions.

.. math:: L = E + A N^{-\alpha} + B\,e^{\kappa z} D^{-\beta}, \quad
          L = E + A N^{-\alpha} + B\,e^{\kappa_0 z} D^{-(\beta - \kappa z)}, \quad
          L = E + A N^{-\alpha} + B\,D'^{-\beta},\ D' = U(1 - e^{-D/U}),\ U = U_0 e^{-\kappa z}

These are proposals of this package for a claim of Chen et al. 2025, arXiv 2507.10613: that dense
(redundant) data sub-scale more. The paper's own law has no density in it, and its density measure
is not specified far enough to be computed. Inputs: N (count as the runs do), D tokens, z any real
score. :math:`\kappa = 0` (and :math:`\kappa_0 = 0`; and :math:`U_0 \to \infty`) is Chinchilla. No
preset: nothing is published.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from bayescale.laws.density import Density
from bayescale.laws.effective import Exhaustible
from bayescale.laws.irreducible import Irreducible
from bayescale.laws.law import Law
from bayescale.laws.power import Power

__all__ = ["LAWS"]

SOURCE = "this package, for the claim of Chen et al. 2025, arXiv 2507.10613"
NOTES = (
    "The claim is kappa above zero. About five corpora are the least that can show a trend; with "
    "two, kappa is a dummy for the corpus. No published constants."
)


def dense() -> Law:
    """The amplitude of the data term depends on the score."""
    return Law(
        name="dense",
        term=Irreducible() + Power("N") + Power("D") * Density("D"),
        title="Chinchilla with a density-modified data term: amplitude",
        formula="L = E + A/N^alpha + B exp(kappa z) / D^beta",
        source=SOURCE,
        notes=NOTES,
    )


def dense_exponent() -> Law:
    """The exponent of the data term depends on the score."""
    return Law(
        name="dense_exponent",
        term=Irreducible() + Power("N") + Power("D") * Density("D", on="exponent"),
        title="Chinchilla with a density-modified data term: exponent",
        formula="L = E + A/N^alpha + B exp(kappa_0 z) / D^(beta - kappa z)",
        source=SOURCE,
        notes=NOTES + " beta is the exponent at z = 0: centre z.",
    )


def dense_effective() -> Law:
    """The effective data depend on the score."""
    return Law(
        name="dense_effective",
        term=Irreducible() + Power("N") + Power(Exhaustible("D")),
        title="Chinchilla with a density-modified data term: effective data",
        formula="L = E + A/N^alpha + B/D'^beta, D' = U (1 - exp(-D/U)), U = U_0 exp(-kappa z)",
        source=SOURCE,
        notes=NOTES + " U_0 needs runs whose D comes near it.",
    )


LAWS: Mapping[str, Callable[..., Law]] = {
    "dense": dense,
    "dense_exponent": dense_exponent,
    "dense_effective": dense_effective,
}
