"""Sizes that look as if they were written in millions or billions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from bayescale.runs.derive import FORMULAS
from bayescale.runs.wording import counted
from bayescale.units import format_size

if TYPE_CHECKING:
    from bayescale.runs.table import Runs

__all__ = ["unit_slip"]

_LEAST_SIZE = 1e3
_RATIO = (1e-2, 1e6)
_FEW, _MANY = 1e4, 1e9


def unit_slip(runs: Runs) -> list[str]:
    """Say where parameters or tokens have an unlikely size."""
    found: list[str] = []
    for symbol in ("N", "D"):
        values = runs.columns.get(symbol)
        if values is not None and runs.mapping.get(symbol, symbol) not in FORMULAS:
            middle = float(np.median(values))
            if middle < _LEAST_SIZE:
                found.append(
                    f"{symbol} has a median of {format_size(middle)}, as if it were in millions or "
                    "billions. Give plain units, or a suffix such as 70B."
                )
    if {"N", "D"} <= runs.columns.keys():
        ratio = runs.columns["D"] / runs.columns["N"]
        few_with_many = (runs.columns["N"] < _FEW) & (runs.columns["D"] >= _MANY)
        odd = np.flatnonzero((ratio < _RATIO[0]) | (ratio > _RATIO[1]) | few_with_many)
        if len(odd):
            place = int(odd[0])
            more = f" and in {counted(len(odd) - 1, 'more row')}" if len(odd) > 1 else ""
            found.append(
                f"D/N is {format_size(float(ratio[place]))} tokens a parameter in "
                f"{runs.labels[place]}{more}, which looks like a slip of units. "
                "Check that N and D are in plain parameters and tokens."
            )
    return found
