"""Points to forecast, from a table that may or may not carry a loss."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from bayescale.runs.match import match_columns
from bayescale.runs.read import read_quietly
from bayescale.runs.source import read_source
from bayescale.runs.table import Runs

__all__ = ["read_targets"]


def read_targets(
    source: Any, *, columns: Mapping[str, str | None] | None = None
) -> tuple[Runs, bool]:
    """Read points at which to forecast.

    A table with steps that increase, a learning rate and no column ``run`` is one new curve.

    Parameters
    ----------
    source, columns
        As for :func:`bayescale.read_runs`; a loss column is not needed.

    Returns
    -------
    tuple of Runs and bool
        The points, and whether their loss was observed. Where it was not, the loss of the
        returned runs is a placeholder of one.

    Raises
    ------
    FileError, RunsError
        As for :func:`bayescale.read_runs`.
    """
    raw = read_source(source)
    if "loss" in match_columns(list(raw.columns), columns or {}).names:
        return read_quietly(source, columns=columns, one_curve=True), True
    n_rows = len(next(iter(raw.columns.values()), ()))
    placeholder = replace(raw, columns={**raw.columns, "loss": np.ones(n_rows)})
    return read_quietly(placeholder, columns=columns, one_curve=True), False
