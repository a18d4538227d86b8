"""Rows of one training run that are counted as runs: checkpoints, or evaluation sets."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from bayescale.runs.cautions.grouping import RUN_NAMES, codes, joint_codes, varies_within
from bayescale.runs.wording import counted, quoted, shown

if TYPE_CHECKING:
    from bayescale.runs.table import Runs

__all__ = ["checkpoints"]

_PROGRESS = ("D", "S", "checkpoint", "epoch")


def checkpoints(runs: Runs) -> list[str]:
    """Say where several rows belong to one run."""
    found: list[str] = []
    name = next((n for n in RUN_NAMES if n in runs.columns), None)
    if name is None:
        return found
    groups = codes(runs.columns[name])
    number = int(groups.max(initial=-1)) + 1
    if number == len(runs):
        return found
    many = f"Column {quoted(name)} names {counted(number, 'run')} in {len(runs)} rows"
    progress = next(
        (p for p in _PROGRESS if p in runs.columns and varies_within(groups, runs.columns[p])), None
    )
    if progress:
        found.append(
            f"{many} that differ in {progress}: several checkpoints of one run are counted as "
            "runs, and their errors are correlated. Keep one row a run, or use a noise model "
            "for curves."
        )
    inputs = [runs.columns[symbol] for symbol in runs.inputs if symbol != "lr"]
    alike = joint_codes([groups, *inputs], len(runs))
    if int(alike.max(initial=-1)) + 1 > 0.9 * len(runs):
        return found
    for other, values in runs.columns.items():
        text = values.dtype.kind != "f" and other != name
        if text and varies_within(alike, values):
            kinds = np.unique(values)
            found.append(
                f"{many}; rows of one run with the same inputs differ in {quoted(other)} "
                f"({len(kinds)} values), so unlike losses may be mixed. "
                f"Keep one with --where '{shown(other)} == \"{shown(kinds[0])}\"'."
            )
            break
    return found
