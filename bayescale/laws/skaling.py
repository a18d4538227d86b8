r"""The coupled law: Chinchilla's reducible part under an outer exponent.

.. math:: L(N, D) = E + (A N^{-\alpha} + B D^{-\beta})^{k}

Sources: Videau et al. 2026, arXiv 2608.07222 (Skaling); Busbridge et al. 2025, arXiv 2502.08606
(the supervised form). :math:`k = 1` is Chinchilla.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from bayescale.laws.coupled import Coupled
from bayescale.laws.irreducible import Irreducible
from bayescale.laws.law import Law, Preset
from bayescale.laws.power import Power

__all__ = ["LAWS"]

BUSBRIDGE = Preset(
    values={"E": 1.220, "A": 3355.0, "alpha": 0.408, "B": 18186.0, "beta": 0.431, "k": 0.452},
    source="Busbridge et al. 2025, arXiv 2502.08606, supervised law",
    count="non-embedding",
)


def skaling() -> Law:
    """The coupled law."""
    return Law(
        name="skaling",
        term=Irreducible() + Coupled(Power("N") + Power("D")),
        title="coupled capacity and data terms (outer exponent)",
        formula="L = E + (A / N^alpha + B / D^beta)^k",
        source="Videau et al. 2026, arXiv 2608.07222; Busbridge et al. 2025, arXiv 2502.08606",
        notes=(
            "k below one and a small E compensate each other: do not read E near zero as the "
            "absence of a floor. At fixed inner parameters the compute-optimal N and D are those "
            "of the additive law."
        ),
        presets={"busbridge2025": BUSBRIDGE},
    )


LAWS: Mapping[str, Callable[..., Law]] = {"skaling": skaling}
