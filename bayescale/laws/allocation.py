r"""The allocation law: a best size, or best number of tokens, that grows as a power of compute.

.. math:: N^* = k\,C^a \quad\text{or}\quad D^* = k\,C^a

The response, in the table's column for the loss, is the best size itself, one row for each budget.
Sources: Kaplan et al. 2020, arXiv 2001.08361, eq. 6.1 and appendix; Hoffmann et al. 2022, arXiv
2203.15556, eq. 4. Input: C in FLOP (any other by name).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from bayescale.laws.growth import Growth
from bayescale.laws.law import Law, Preset

__all__ = ["LAWS"]

PF_DAY = 8.64e19
"""FLOP in a petaflop-day, Kaplan's unit of compute."""

PRESETS = {
    "kaplan2020_N": Preset(
        values={"k": 1.3e9 / PF_DAY**0.73, "a": 0.73},
        source="Kaplan et al. 2020, arXiv 2001.08361, N_opt = 1.3e9 C^0.73, C_min in FLOP here",
        count="non-embedding",
        input="C",
    ),
    "kaplan2020_D": Preset(
        values={"k": 2e10 / PF_DAY**0.27, "a": 0.27},
        source="Kaplan et al. 2020, arXiv 2001.08361, D_opt = 2e10 C^0.27, C_min in FLOP here",
        count="non-embedding",
        input="C",
    ),
    "llama2024_D": Preset(
        values={"k": 0.29, "a": 0.53},
        source=(
            "Llama 3, arXiv 2407.21783, section 3.2.1: D* = 0.29 C^0.53, rounded: it gives 10.5T "
            "tokens at 3.8e25 FLOP, where the paper prints 16.55T"
        ),
        count="total",
        input="C",
    ),
}


def allocation(input: str = "C") -> Law:
    """The best size as a power of compute."""
    return Law(
        name=f"allocation({input})",
        term=Growth(input),
        title="best size or tokens as a power of compute",
        formula=f"N* = k {input}^a",
        source="Kaplan et al. 2020, arXiv 2001.08361; Hoffmann et al. 2022, arXiv 2203.15556",
        notes=(
            "The response is the best size, not a loss: name its column with --column loss=N_opt. "
            "Its errors are those of the minima; isoflop takes the runs themselves."
        ),
        presets=PRESETS if input == "C" else {},
    )


LAWS: Mapping[str, Callable[..., Law]] = {"allocation": allocation}
