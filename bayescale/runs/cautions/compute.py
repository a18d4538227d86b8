"""Columns that contradict each other: C against 6ND, M against D/N."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from bayescale.runs.derive import FORMULAS
from bayescale.runs.wording import quoted
from bayescale.units import format_size

if TYPE_CHECKING:
    from bayescale.runs.table import Runs

__all__ = ["compute"]

_FACTOR = 2.0
_RATIO_FACTOR = 1.05


def compute(runs: Runs) -> list[str]:
    """Say where given compute is far from 6ND, or a given ratio from D/N."""
    found: list[str] = []
    columns, mapping = runs.columns, runs.mapping
    if not {"N", "D"} <= columns.keys():
        return found
    derived = {symbol for symbol in "NDCM" if mapping.get(symbol, symbol) in FORMULAS}
    if "C" in columns and not derived & {"C"} and not _from_compute(runs):
        ratio = columns["C"] / (6.0 * columns["N"] * columns["D"])
        far = (ratio > _FACTOR) | (ratio < 1 / _FACTOR)
        if far.any():
            found.append(
                f"Column {quoted(mapping.get('C', 'C'))} (C) is {_range(ratio)} times 6ND, and "
                f"off by more than a factor of 2 in {int(far.sum())} of {len(runs)} rows. Check "
                "its unit and what it counts, or derive it with --column C=none."
            )
    if "M" in columns and not derived & {"M", "D"}:
        ratio = columns["M"] * columns["N"] / columns["D"]
        far = (ratio > _RATIO_FACTOR) | (ratio < 1 / _RATIO_FACTOR)
        if far.any():
            found.append(
                f"Column {quoted(mapping.get('M', 'M'))} (M) is {_range(ratio)} times D/N. "
                "Check which parameters it counts, or derive it with --column M=none."
            )
    return found


def _from_compute(runs: Runs) -> bool:
    return any(runs.mapping.get(symbol, "").startswith("C/") for symbol in "ND")


def _range(ratio: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> str:
    low, high = (format_size(float(v), digits=2) for v in (ratio.min(), ratio.max()))
    return low if low == high else f"{low} to {high}"
