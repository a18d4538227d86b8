"""A family whose losses are a constant factor off, as bits are from nats."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from bayescale.runs.cautions.grouping import codes
from bayescale.runs.wording import quoted

if TYPE_CHECKING:
    from bayescale.runs.table import Runs

__all__ = ["families"]

_FACTOR = 1.35
_BITS = 1 / np.log(2.0)
_LEAST_ROWS = 3


def families(runs: Runs) -> list[str]:
    """Say which family lies off the others at the same size and tokens.

    A line in log N, log D and one offset a family is fitted to log loss; it is crude, and
    serves only to see factors as large as the one between nats and bits.
    """
    family = runs.columns.get("family")
    inputs = [np.log(runs.columns[s]) for s in ("N", "D") if s in runs.columns]
    if family is None or not inputs or len(runs) < 8:
        return []
    groups = codes(family)
    sizes = np.bincount(groups)
    if len(sizes) < 2 or sizes.min() < _LEAST_ROWS or len(runs) < len(sizes) + len(inputs) + 2:
        return []
    if not _overlap(groups, inputs[0]):
        return []
    offsets = np.eye(len(sizes))[groups]
    design = np.column_stack([offsets, *(v - v.mean() for v in inputs)])
    answer = np.linalg.lstsq(design, np.log(runs.columns["loss"]), rcond=None)[0]
    shift = np.exp(answer[: len(sizes)] - np.median(answer[: len(sizes)]))
    if len(sizes) == 2:
        shift = np.array([1.0, np.exp(answer[1] - answer[0])])
    worst = int(np.argmax(np.abs(np.log(shift))))
    factor = float(max(shift[worst], 1 / shift[worst]))
    if factor < _FACTOR:
        return []
    way = "above" if shift[worst] > 1 else "below"
    bits = ""
    if abs(factor / _BITS - 1) < 0.05:
        bits = ", which is the factor between bits and nats"
    return [
        f"The losses of family {quoted(np.unique(family)[worst])} lie a factor of {factor:.3g} "
        f"{way} the others at the same size and tokens{bits}. Bring all losses to one unit, or "
        "pool over family."
    ]


def _overlap(groups: npt.NDArray[np.intp], values: npt.NDArray[np.float64]) -> bool:
    """Tell whether every family shares some of the range of the rest."""
    for group in range(int(groups.max()) + 1):
        own, rest = values[groups == group], values[groups != group]
        if own.max() <= rest.min() or own.min() >= rest.max():
            return False
    return True
