r"""Kaplan's joint law of parameters and data, eq. 1.5, without and with a floor.

.. math:: L(N, D) = \left[(N_c/N)^{\alpha_N/\alpha_D} + D_c/D\right]^{\alpha_D}

Source: Kaplan et al. 2020, arXiv 2001.08361, eqs. 1.5 and 4.1, constants of table 2. D there is the
size of the data set and the loss is early stopped, so C = 6ND does not apply to its constants.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from bayescale.laws.coupled import Coupled
from bayescale.laws.irreducible import Irreducible
from bayescale.laws.law import Law, Preset
from bayescale.laws.power import Power

__all__ = ["LAWS"]

PRESET = Preset(
    values={"N_c": 6.4e13, "alpha_N": 0.076, "D_c": 1.8e13, "alpha_D": 0.103},
    source="Kaplan et al. 2020, arXiv 2001.08361, table 2",
    count="non-embedding",
)


def _term() -> Coupled:
    capacity = Power("N", exponent="alpha_N", field="N_c", form="scale", per="alpha_D")
    data = Power("D", exponent=1.0, field="D_c", form="scale")
    return Coupled(capacity + data, k="alpha_D", role="exponent", inner="D")


def kaplan() -> Law:
    """Kaplan's law without a floor, as published."""
    return Law(
        name="kaplan",
        term=_term(),
        title="Kaplan's joint law, no floor",
        formula="L = [(N_c/N)^(alpha_N/alpha_D) + D_c/D]^alpha_D",
        source="Kaplan et al. 2020, arXiv 2001.08361, eq. 1.5",
        notes=(
            "The exponents are log-slopes of the whole loss. N counts parameters without "
            "embeddings in the preset."
        ),
        presets={"kaplan2020": PRESET},
    )


def kaplan_floor() -> Law:
    """Kaplan's law with an irreducible loss added."""
    return Law(
        name="kaplan_floor",
        term=Irreducible() + _term(),
        title="Kaplan's joint law with a floor",
        formula="L = E + [(N_c/N)^(alpha_N/alpha_D) + D_c/D]^alpha_D",
        source="Kaplan et al. 2020, arXiv 2001.08361, eq. 1.5, with a floor added",
        notes="The floor is not in the paper; its exponents are not comparable with the paper's.",
    )


LAWS: Mapping[str, Callable[..., Law]] = {"kaplan": kaplan, "kaplan_floor": kaplan_floor}
