r"""Kaplan's law of parameters and steps, with the steps adjusted for the batch size.

.. math:: L(N, S_{\min}) = (N_c/N)^{\alpha_N} + (S_c/S_{\min})^{\alpha_S}, \qquad
          S_{\min} = \frac{S}{1 + B_{\rm crit}(L)/B}, \qquad B_{\rm crit}(L) = B_*/L^{1/\alpha_B}

Source: Kaplan et al. 2020, arXiv 2001.08361, eqs. 1.4, 1.6 and 5.1 to 5.6, constants of table 3.
Inputs: N (non-embedding in the preset), S optimiser steps, B batch size in tokens. It holds after
warm-up and in the limit of infinite data. :math:`B_* \to 0`, or a large B, is the law in S itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from bayescale.laws.batch_adjusted import BatchAdjusted
from bayescale.laws.law import Law, Preset
from bayescale.laws.power import Power

__all__ = ["LAWS"]

PRESET = Preset(
    values={
        "N_c": 6.5e13,
        "alpha_N": 0.077,
        "S_c": 2.1e3,
        "alpha_S": 0.76,
        "B_star": 2.1e8,
        "alpha_B": 0.21,
    },
    source="Kaplan et al. 2020, arXiv 2001.08361, table 3 and eq. 5.3",
    count="non-embedding",
)


def kaplan_steps() -> Law:
    """Kaplan's law of N and batch-adjusted steps."""
    capacity = Power("N", exponent="alpha_N", field="N_c", form="scale")
    steps = Power("S", exponent="alpha_S", field="S_c", form="scale")
    return Law(
        name="kaplan_steps",
        term=BatchAdjusted(capacity + steps),
        title="Kaplan's law of parameters and batch-adjusted steps",
        formula=(
            "L = (N_c/N)^alpha_N + (S_c/S_min)^alpha_S, S_min = S / (1 + B_crit(L)/B), "
            "B_crit(L) = B_star / L^(1/alpha_B)"
        ),
        source="Kaplan et al. 2020, arXiv 2001.08361, eqs. 1.4, 1.6 and 5.1-5.6",
        notes=(
            "The batch size must vary around B_crit, or B_crit and alpha_B are the prior's; one "
            "batch size leaves S_c and B_star one number. Rows may be checkpoints of a run at a "
            "constant learning rate; those of one run are not independent."
        ),
        presets={"kaplan2020": PRESET},
    )


LAWS: Mapping[str, Callable[..., Law]] = {"kaplan_steps": kaplan_steps}
