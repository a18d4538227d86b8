"""Discrepancies: how far reality may leave the law beyond the data."""

from __future__ import annotations

from typing import Any

from bayescale import grammar
from bayescale import prior as prior_library
from bayescale.discrepancy.discrepancy import Discrepancy
from bayescale.discrepancy.exact import Exact
from bayescale.discrepancy.slope import Slope
from bayescale.errors import LawError
from bayescale.prior import LogNormal

__all__ = ["DEFAULT", "Discrepancy", "Exact", "Slope", "from_json", "get", "names"]

DEFAULT = "slope"
"""The discrepancy of a model that does not name one."""


def names() -> tuple[str, ...]:
    """Names of the discrepancies."""
    return ("slope", "none")


def get(discrepancy: str | Discrepancy) -> Discrepancy:
    """A discrepancy by name: ``"none"``, ``"slope"``, or ``"slope(0.01, 0.6)"``.

    The numbers of a slope are the median of its scale per e-fold, and the standard deviation of the
    logarithm of that scale; without them it is what was learned for the law.

    Raises
    ------
    LawError, ExpressionError, PriorError
        Where there is no such discrepancy.
    """
    if isinstance(discrepancy, Discrepancy):
        return discrepancy
    node = grammar.parse(discrepancy, "discrepancy", '"slope", "slope(0.01, 0.6)" or "none"')
    match node:
        case grammar.Name(name="none"):
            return Exact()
        case grammar.Name(name="slope"):
            return Slope()
        case grammar.Call(name="slope", args=(float(median), float(sd)), kwargs=()):
            return Slope(LogNormal(median, sd))
    raise LawError(
        f"There is no discrepancy {discrepancy!r}. Choose none, slope, or slope(MEDIAN, SD) with "
        "the scale per e-fold beyond the data and the sd of its logarithm, e.g. slope(0.01, 0.6)."
    )


def from_json(description: dict[str, Any]) -> Discrepancy:
    """Rebuild a discrepancy from :meth:`Discrepancy.to_json`."""
    if description.get("name") == "none":
        return Exact(str(description.get("why", "")))
    if description.get("name") == "slope":
        return Slope(prior_library.from_json(description["tau"]), str(description["source"]))
    raise LawError(f"There is no discrepancy {description!r}. Choose one of: {', '.join(names())}.")
