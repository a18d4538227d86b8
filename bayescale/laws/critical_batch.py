r"""Critical batch size: the trade of steps against batch, and how its scale moves.

.. math:: S = S_{\min}\,(1 + B_{\rm crit}/B), \qquad B_{\rm crit} = B_*\,L^{-1/\alpha_B}, \qquad
          B_{\rm crit} = k\,D^{g}

Sources: McCandlish et al. 2018, arXiv 1812.06162 (the hyperbola); Kaplan et al. 2020, arXiv
2001.08361, eq. 1.4 (in the loss); Zhang et al. 2024, arXiv 2410.21676 (in the tokens). The
response, in the table's column for the loss, is the number of steps to one target loss, or the
critical batch size itself. Inputs: B tokens; L the loss at which it was measured; D tokens.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from bayescale.laws.growth import Growth
from bayescale.laws.hyperbola import Hyperbola
from bayescale.laws.law import Law, Preset
from bayescale.laws.power import Power

__all__ = ["LAWS"]

KAPLAN = Preset(
    values={"B_star": 2.1e8, "p_B": 1.0 / 0.21},
    source="Kaplan et al. 2020, arXiv 2001.08361, eq. 1.4; p_B is 1/alpha_B",
    count="non-embedding",
)


def critical_batch() -> Law:
    """Steps to a target loss against the batch size."""
    return Law(
        name="critical_batch",
        term=Hyperbola(),
        title="steps to one target loss against batch size",
        formula="S = S_min (1 + B_crit / B)",
        source="McCandlish et al. 2018, arXiv 1812.06162; Kaplan et al. 2020, arXiv 2001.08361",
        notes=(
            "The response is the number of steps: --column loss=steps. B must lie on both sides of "
            "B_crit, else only S_min or only their product is known. One target loss for a fit."
        ),
    )


def critical_batch_loss() -> Law:
    """The critical batch size against the loss."""
    return Law(
        name="critical_batch_loss",
        term=Power("L", exponent="p_B", field="B_star"),
        title="critical batch size against the loss at which it was measured",
        formula="B_crit = B_star / L^p_B, p_B = 1/alpha_B",
        source="Kaplan et al. 2020, arXiv 2001.08361, eq. 1.4",
        notes=(
            "The response is the critical batch size: --column loss=B_crit. B_star is its value at "
            "a loss of one, an extrapolation."
        ),
        presets={"kaplan2020": KAPLAN},
    )


def critical_batch_data() -> Law:
    """The critical batch size against the tokens."""
    return Law(
        name="critical_batch_data",
        term=Growth("D", exponent="g"),
        title="critical batch size against tokens",
        formula="B_crit = k D^g",
        source="Zhang et al. 2024, arXiv 2410.21676",
        notes=(
            "The response is the critical batch size: --column loss=B_crit. Published exponents "
            "run from 0.37 to 0.57. No preset: the factor k is not known."
        ),
    )


LAWS: Mapping[str, Callable[..., Law]] = {
    "critical_batch": critical_batch,
    "critical_batch_loss": critical_batch_loss,
    "critical_batch_data": critical_batch_data,
}
