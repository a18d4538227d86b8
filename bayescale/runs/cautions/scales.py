"""Losses that may not be on one scale."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from bayescale.runs.wording import listed, quoted, shown

if TYPE_CHECKING:
    from bayescale.runs.table import Runs

__all__ = ["scales"]

_UNIT_COLUMNS = ("loss_unit", "loss_scale", "metric")
_PERPLEXITY = 20.0
_RANGE = 10.0
_GAP = 1.5
_COUNTS = ("tokens", "parameters", "steps", "FLOP")
"""Units of responses that are counts, such as a critical batch: no scale of losses holds there."""


def scales(runs: Runs) -> list[str]:
    """Say where losses look like perplexities, or fall into two groups."""
    found: list[str] = []
    for name in _UNIT_COLUMNS:
        values = runs.columns.get(name)
        if values is not None and values.dtype.kind != "f" and len(np.unique(values)) > 1:
            kinds = np.unique(values)
            found.append(
                f"Column {quoted(name)} says that losses are on several scales ({listed(kinds)}). "
                f"Keep one with --where '{name} == \"{shown(kinds[0])}\"'."
            )
    if runs.loss_unit in _COUNTS:
        return found
    loss = np.sort(runs.columns["loss"])
    low, high = float(loss[0]), float(loss[-1])
    if high > _PERPLEXITY and "perplex" not in runs.loss_unit.lower():
        found.append(
            f"The loss reaches {high:.4g}, which looks like a perplexity or a percentage and not "
            f"like {shown(runs.loss_unit)}. Take the logarithm, or name its unit."
        )
    if high > _RANGE * low:
        found.append(
            f"The loss ranges from {low:.4g} to {high:.4g}, more than a factor of {_RANGE:g}: "
            "scales may be mixed or runs may have diverged. Keep one scale and leave out runs "
            "that diverged with --where."
        )
    elif len(loss) >= 8:
        steps = np.diff(np.log(loss))
        place = int(np.argmax(steps)) + 1
        least = max(2, len(loss) / 10)
        if steps[place - 1] > np.log(_GAP) and least <= place <= len(loss) - least:
            found.append(
                f"The losses fall into two groups, {low:.4g} to {loss[place - 1]:.4g} and "
                f"{loss[place]:.4g} to {high:.4g}: two scales may be mixed. "
                "Check the unit of each group."
            )
    return found
