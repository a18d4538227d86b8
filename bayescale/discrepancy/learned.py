"""The scale of the discrepancy for each law, learned from public series of runs.

The numbers are those that ``benchmarks/extrapolation/run.py`` prints; each is fitted to forward
splits of public series (fit the small runs, score the large), families weighted alike. When the
benchmark scores a family, it uses numbers learned from the others.
"""

from __future__ import annotations

import functools

from bayescale import laws
from bayescale.laws.law import Law
from bayescale.prior import LogNormal

__all__ = ["FROM_MIXTURES", "GUESSED", "KNOWN", "MIXTURE", "scale_for"]

KNOWN = frozenset({"N", "D", "C", "M"})
"""Inputs of the laws that a scale can be given for: those of the series it was learned from."""

FROM = "learned from forward splits of 18 public series of 9 families"

LEARNED = {
    "chinchilla": LogNormal(0.008, 0.4),
    "skaling": LogNormal(0.003, 0.8),
    "kaplan_floor": LogNormal(0.002, 0.8),
    "subscaling": LogNormal(0.0045, 0.4),
}
"""Scale of the log-slope per e-fold beyond the data: ``benchmarks/extrapolation/learned.csv``, the
rows with no family left out."""

OTHERS = LogNormal(0.008, 0.4)
"""For a law of N, D or C that is not in the table: the largest of them."""

FROM_OTHERS = f"{FROM}, as for the worst of the laws tried"
GUESSED = "a guess, that of the worst of the laws tried, all of which have a floor"

FROM_MIXTURES = f"{FROM}, by mixtures of four laws"

MIXTURE = LogNormal(0.003, 0.4)
"""For a mixture of laws, whose disagreement covers a part."""


@functools.cache
def _expressions() -> dict[str, LogNormal]:
    return {laws.get(name).expression: prior for name, prior in LEARNED.items()}


def scale_for(law: Law) -> tuple[LogNormal, str]:
    """The prior of tau for a law, and where it comes from."""
    found = _expressions().get(law.expression)
    if found is not None:
        return found, FROM
    return OTHERS, FROM_OTHERS if law.term.floor else GUESSED
