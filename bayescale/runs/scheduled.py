"""The schedule of each row's run, from the rows of the run or as it is given."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from bayescale.errors import RunsError
from bayescale.runs.schedule import COLUMN, from_rows, parse_schedule, sums
from bayescale.runs.wording import quoted

__all__ = ["WARMUP", "scheduled"]

WARMUP = ("warmup_steps", "warmup", "n_warmup", "warm_up_steps")
"""Columns read as the steps of a linear warm-up from zero."""


def scheduled(
    numeric: Mapping[str, npt.NDArray[np.float64]],
    others: Mapping[str, npt.NDArray[Any]],
    one_curve: bool = False,
) -> tuple[npt.NDArray[Any], npt.NDArray[np.float64] | None] | None:
    """Return the schedule of each row and the sum of the learning rate so far, where they are told.

    Either the table has a column of schedules, or it has steps and a learning rate along runs: a
    run of several rows at different steps. The learning rate is then linear between the rows of a
    run, or meets ``S1`` where that is given; before the first row it is held, or comes from zero
    over the steps of a column ``warmup_steps``.

    Parameters
    ----------
    numeric, others : mapping of str to array, shape (row,)
        Canonical columns, and all others.
    one_curve : bool
        Whether a table that does not tell runs apart is one curve, if its steps increase.

    Returns
    -------
    tuple of array of str and array, or None
        The sum is None where ``S1`` is given, or where there are no steps.

    Raises
    ------
    RunsError
        Where a schedule cannot be read, or a run has two learning rates at one step.
    """
    if COLUMN in others:
        texts = _given(others[COLUMN])
    elif {"S", "lr"} <= numeric.keys():
        found = _from_runs(numeric, others, one_curve)
        if found is None:
            return None
        texts = found
    else:
        return None
    if "S1" in numeric or "S" not in numeric:
        return texts, None
    steps = numeric["S"]
    known = np.isfinite(steps) & (steps > 0) & (texts != "")
    total = np.full(len(texts), np.nan)
    if np.any(known):
        total[known] = sums(texts[known], steps[known])
    return texts, total


def _given(cells: npt.NDArray[Any]) -> npt.NDArray[Any]:
    texts = np.empty(len(cells), dtype=object)
    shared: dict[str, str] = {}
    for row, cell in enumerate(cells):
        text = shared.setdefault(str(cell), str(cell))
        if text:
            try:
                parse_schedule(text)
            except RunsError as error:
                raise RunsError(f"Row {row + 1}: {error}") from None
        texts[row] = text
    return texts


def _from_runs(
    numeric: Mapping[str, npt.NDArray[np.float64]],
    others: Mapping[str, npt.NDArray[Any]],
    one_curve: bool,
) -> npt.NDArray[Any] | None:
    steps, lr = numeric["S"], numeric["lr"]
    usable = np.isfinite(steps) & np.isfinite(lr) & (steps > 0) & (lr >= 0)
    if "run" in others:
        codes = np.unique(others["run"].astype(str), return_inverse=True)[1]
    elif one_curve and np.all(np.diff(steps) > 0):
        codes = np.zeros(len(steps), dtype=np.intp)
    else:
        return None
    warmup = next((others[n] for n in WARMUP if n in others and others[n].dtype.kind == "f"), None)
    texts = np.full(len(steps), "", dtype=object)
    order = np.argsort(codes, kind="stable")
    several = False
    for rows in np.split(order, np.flatnonzero(np.diff(codes[order])) + 1):
        own = rows[usable[rows]]
        if not len(own) or not np.any(lr[own] > 0):
            continue
        several |= len(np.unique(steps[own])) > 1
        total = numeric["S1"][own] if "S1" in numeric else None
        if total is not None and not np.all(np.isfinite(total)):
            total = None
        warm = float(warmup[own[0]]) if warmup is not None else None
        try:
            texts[rows] = from_rows(
                steps[own], lr[own], total, warm if warm is None or np.isfinite(warm) else None
            )
        except RunsError as error:
            name = str(others["run"][own[0]]) if "run" in others else "the curve"
            raise RunsError(f"Run {quoted(name)}: {error}") from None
    return texts if several else None
