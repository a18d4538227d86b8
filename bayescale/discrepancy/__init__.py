"""Discrepancies: how far reality may leave the law beyond the data."""

from __future__ import annotations

from typing import Any

from bayescale import grammar
from bayescale import prior as prior_library
from bayescale.discrepancy.discrepancy import Discrepancy
from bayescale.discrepancy.exact import Exact
from bayescale.discrepancy.process import KERNELS, Process
from bayescale.discrepancy.sampled import Sampled, Seen
from bayescale.discrepancy.slope import Slope
from bayescale.discrepancy.surface import Surface
from bayescale.errors import LawError
from bayescale.prior import LogNormal

__all__ = [
    "Discrepancy",
    "Exact",
    "Process",
    "Sampled",
    "Seen",
    "Slope",
    "Surface",
    "from_json",
    "get",
    "names",
]


def names() -> tuple[str, ...]:
    """Names of the discrepancies."""
    return ("slope", *KERNELS, "none")


def get(discrepancy: str | Discrepancy) -> Discrepancy:
    """A discrepancy by name: ``"none"``, ``"slope"``, or ``"slope(0.01, 0.6)"``.

    The numbers of a slope are the median of its scale per e-fold, and the standard deviation of the
    logarithm of that scale; without them it is what was learned for the law. ``"matern"`` and,
    for laws of one input, ``"wiener"`` take the same two numbers of their scale, in units of the
    log range of the losses.

    Raises
    ------
    LawError, ExpressionError, PriorError
        Where there is no such discrepancy.
    """
    if isinstance(discrepancy, Discrepancy):
        return discrepancy
    examples = '"slope", "slope(0.01, 0.6)", "matern" or "none"'
    match grammar.parse(discrepancy, "discrepancy", examples):
        case grammar.Name(name=name) if name in KERNELS:
            return Process.named(name)
        case grammar.Call(name=name, args=(float(median), float(sd)), kwargs=()) if name in KERNELS:
            return Process.named(name, median, sd)
        case grammar.Name(name="none"):
            return Exact()
        case grammar.Name(name="slope"):
            return Slope()
        case grammar.Call(name="slope", args=(float(median), float(sd)), kwargs=()):
            return Slope(LogNormal(median, sd))
    raise LawError(
        f"There is no discrepancy {discrepancy!r}. Choose none, slope, or slope(MEDIAN, SD) with "
        "the scale per e-fold beyond the data and the sd of its logarithm, e.g. slope(0.01, 0.6); "
        "or matern or matern(MEDIAN, SD); for one input also wiener."
    )


def from_json(description: dict[str, Any]) -> Discrepancy:
    """Rebuild a discrepancy from :meth:`Discrepancy.to_json`."""
    if description.get("name") == "none":
        return Exact(str(description.get("why", "")))
    if "inputs" in description:
        return Surface(
            tuple(description["inputs"]),
            prior_library.from_json(description["wander"]),
            prior_library.from_json(description["tau"]),
            prior_library.from_json(description["length"]),
            str(description["source"]),
            str(description["slope_source"]),
        )
    if description.get("name") in KERNELS:
        return Process(
            str(description["name"]),
            prior_library.from_json(description["wander"]),
            prior_library.from_json(description["length"]),
            str(description["source"]),
        )
    if description.get("name") == "slope":
        return Slope(prior_library.from_json(description["tau"]), str(description["source"]))
    raise LawError(f"There is no discrepancy {description!r}. Choose one of: {', '.join(names())}.")
