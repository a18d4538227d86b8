"""N and D that move together, so that their exponents cannot be told apart."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from bayescale.runs.table import Runs

__all__ = ["together"]

_CORRELATION = 0.995
_SPREAD = 0.05


def together(runs: Runs) -> list[str]:
    """Say so where log N and log D lie on one line."""
    if not {"N", "D"} <= runs.columns.keys() or len(runs) < 3:
        return []
    n, d = np.log(runs.columns["N"]), np.log(runs.columns["D"])
    if min(np.ptp(n), np.ptp(d)) < 1e-9:
        return []
    correlation = float(np.corrcoef(n, d)[0, 1])
    if abs(correlation) <= _CORRELATION and np.std(d - n) >= _SPREAD * np.std(n):
        return []
    way = "is proportional to" if np.std(d - n) < _SPREAD * np.std(n) else "moves in step with"
    return [
        f"D {way} N (correlation of their logs {correlation:.3f}), so the exponents of N and D "
        "cannot be told apart. Add runs with other tokens per parameter, or fit a law of C alone."
    ]
