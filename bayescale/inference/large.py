"""What a reader of a fit to a large table must know."""

from __future__ import annotations

import math

from bayescale.inference.cost import TOO_LONG, Cost
from bayescale.inference.nuts import Settings
from bayescale.model import LARGE
from bayescale.runs import Runs
from bayescale.runs.cautions.grouping import named_runs

__all__ = ["chosen", "notes"]


def notes(runs: Runs, groups: int | None) -> tuple[str, ...]:
    """Whether rows are runs, and whether they were grouped; nothing for a table that is not large.

    Parameters
    ----------
    runs : Runs
        The table.
    groups : int or None
        Number of groups of runs with the same inputs, where they were grouped.
    """
    n = len(runs)
    if n <= LARGE:
        return ()
    return (_rows(runs), *([_grouped(n, groups)] if groups else []))


def _rows(runs: Runs) -> str:
    n, named = len(runs), named_runs(runs)
    if named is None:
        return (
            f"All {n:,} rows count as runs, with independent errors, and no column says which "
            "belong to one run. Where rows are checkpoints of fewer runs the bands are too narrow; "
            "name the runs in a column called run to be told by how much."
        )
    column, number = named
    if number == n:
        return f"All {n:,} rows are runs of their own, by column {column!r}."
    return (
        f"{n:,} rows are {number:,} runs (column {column!r}), yet each counts as a run with an "
        "error of its own. Where the checkpoints of a run err together the posterior is too "
        f"narrow, by a factor of up to {math.sqrt(n / number):.2g}; fit one row of each run to see."
    )


def _grouped(n: int, groups: int) -> str:
    return (
        f"{n:,} rows have {groups:,} distinct inputs. With normal noise the number, mean and sum "
        "of squares of their log losses hold all that the rows say, so those were fitted: the same "
        "posterior, up to rounding."
    )


def chosen(cost: Cost, n: int, settings: Settings, method: str) -> str:
    """What method was chosen for a large table, and why."""
    length = settings.warmup + settings.draws
    measured = (
        f"A gradient over {n:,} rows takes {1000 * cost.gradient:.3g} ms here, so that NUTS "
        f"({settings.chains} chains of {length:,} draws) was expected to take "
        f"{_duration(cost.nuts)}"
    )
    if method == "nuts":
        return f"{measured}: it was run."
    return (
        f"{measured}, more than {_duration(TOO_LONG)}: the Laplace approximation was weighed by "
        "importance in its place, and its Pareto k says whether that serves. Ask for NUTS by "
        "method nuts."
    )


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} seconds"
    minutes = seconds / 60
    return f"{minutes:.0f} minutes" if minutes < 90 else f"{minutes / 60:.1f} hours"
