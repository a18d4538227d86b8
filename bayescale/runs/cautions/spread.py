"""Inputs that hardly vary."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from bayescale.units import format_size

if TYPE_CHECKING:
    from bayescale.runs.table import Runs

__all__ = ["spread"]

_FACTOR = 3.0


def spread(runs: Runs) -> list[str]:
    """Say which size or data input spans less than a factor of three.

    Batch, steps and learning rate are left out: keeping them fixed is good practice.
    """
    found: list[str] = []
    symbols = ["N", "D", "U", "x"]
    if not {"N", "D"} <= runs.columns.keys():
        symbols.append("C")
    for symbol in symbols:
        values = runs.columns.get(symbol)
        if values is None or len(runs) < 2:
            continue
        low, high = float(values.min()), float(values.max())
        if high < _FACTOR * low:
            kind = f"the same in all rows ({format_size(low)})"
            if high > low:
                kind = f"within a factor of {high / low:.3g}"
                if high < 1.1 * low:
                    kind = f"within {100 * (high / low - 1):.2g} %"
                kind += f" ({format_size(low)} to {format_size(high)})"
            found.append(
                f"{symbol} is {kind}, so the runs say little about how the loss depends on "
                f"{symbol}. Add runs at other values, or leave {symbol} out of the law."
            )
    if "z" in runs.columns and len(runs) > 1 and np.ptp(runs.columns["z"]) == 0:
        found.append(
            f"z is the same in all rows ({runs.columns['z'][0]:.4g}), so the runs say nothing "
            "about it. Leave z out of the law."
        )
    return found
