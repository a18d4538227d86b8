"""Rows that share values: codes, and what varies within a group."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from bayescale.runs.table import Runs

__all__ = ["RUN_NAMES", "codes", "joint_codes", "named_runs", "varies_within"]

RUN_NAMES = ("run", "run_id", "run_name", "curve_id")
"""Columns that name a training run."""

_Codes = npt.NDArray[np.intp]


def codes(values: npt.NDArray[Any]) -> _Codes:
    """Number the distinct values of a column."""
    return np.unique(values, return_inverse=True)[1].reshape(-1)


def joint_codes(columns: Sequence[npt.NDArray[Any]], rows: int) -> _Codes:
    """Number the distinct combinations of several columns."""
    joint: _Codes = np.zeros(rows, dtype=np.intp)
    for values in columns:
        own = codes(values)
        joint = codes(joint * (int(own.max(initial=0)) + 1) + own)
    return joint


def varies_within(groups: _Codes, values: npt.NDArray[Any]) -> bool:
    """Tell whether a column takes two values within any group."""
    return int(joint_codes([groups, values], len(groups)).max(initial=0)) > int(
        groups.max(initial=0)
    )


def named_runs(runs: Runs) -> tuple[str, int] | None:
    """The column that names training runs and how many it names, or None without one."""
    name = next((n for n in RUN_NAMES if n in runs.columns), None)
    return None if name is None else (name, len(np.unique(runs.columns[name])))
