"""What limits a table of runs that can be used: one caution, one file."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from bayescale.runs.cautions.checkpoints import checkpoints
from bayescale.runs.cautions.compute import compute
from bayescale.runs.cautions.duplicates import duplicates
from bayescale.runs.cautions.families import families
from bayescale.runs.cautions.scales import scales
from bayescale.runs.cautions.schedules import schedules
from bayescale.runs.cautions.spread import spread
from bayescale.runs.cautions.together import together
from bayescale.runs.cautions.unit_slip import unit_slip

if TYPE_CHECKING:
    from bayescale.runs.table import Runs

__all__ = ["CAUTIONS", "cautions"]

CAUTIONS: tuple[Callable[[Runs], list[str]], ...] = (
    duplicates,
    checkpoints,
    unit_slip,
    compute,
    together,
    spread,
    scales,
    families,
    schedules,
)
"""Every caution, in the order in which they are shown."""


def cautions(runs: Runs) -> tuple[str, ...]:
    """Return a sentence for everything about `runs` that limits what they can tell."""
    with np.errstate(all="ignore"):
        return tuple(sentence for caution in CAUTIONS for sentence in caution(runs))
