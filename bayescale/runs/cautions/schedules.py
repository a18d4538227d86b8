"""Schedules whose start is not told."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from bayescale.runs.schedule import COLUMN, parse_schedule
from bayescale.runs.wording import counted

if TYPE_CHECKING:
    from bayescale.runs.table import Runs

__all__ = ["schedules"]


def schedules(runs: Runs) -> list[str]:
    """Say where the learning rate before a run's first row is a guess."""
    texts = dict.fromkeys(text for text in map(str, runs.columns.get(COLUMN, ())) if text)
    firsts = [float(parse_schedule(text).steps[0]) for text in texts]
    late = [step for step in firsts if step > 1.0]
    if not late or "S1" not in runs.columns:
        return []
    return [
        f"The learning rate before the first row is not told by {counted(len(late), 'schedule')}, "
        f"which start at step {np.max(late):.6g} at the latest: it is held from step 1 on. "
        "A column warmup_steps says over how many steps it rose from zero; laws of the schedule "
        "sum over those steps too."
    ]
