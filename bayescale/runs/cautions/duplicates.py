"""Rows that are the same in everything but their name."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from bayescale.runs.cautions.grouping import joint_codes
from bayescale.runs.wording import counted, listed

if TYPE_CHECKING:
    from bayescale.runs.table import Runs

__all__ = ["duplicates"]

_NAMES = frozenset({"run", "run_id", "run_name", "name", "label", "id", "index", "column 1"})


def duplicates(runs: Runs) -> list[str]:
    """Say which rows repeat another."""
    columns = [values for name, values in runs.columns.items() if name.lower() not in _NAMES]
    groups = joint_codes(columns, len(runs))
    _, first, sizes = np.unique(groups, return_index=True, return_counts=True)
    extra = int(np.sum(sizes - 1))
    if not extra:
        return []
    pairs = []
    for group in np.flatnonzero(sizes > 1)[np.argsort(first[sizes > 1])][:5]:
        same = [runs.labels[place] for place in np.flatnonzero(groups == group)[:3]]
        pairs.append(" = ".join(same) + (" = ..." if sizes[group] > 3 else ""))
    more = f", among {counted(int(np.sum(sizes > 1)), 'group')}" if np.sum(sizes > 1) > 5 else ""
    verb = "repeats" if extra == 1 else "repeat"
    return [
        f"{counted(extra, 'row')} {verb} another in every column but the name "
        f"({listed(pairs)}{more}). Drop them unless they are runs of their own: each counts twice."
    ]
