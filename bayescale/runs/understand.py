"""From a raw table to canonical and other columns; nothing is refused cell by cell yet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from bayescale.runs.cells import numbers, values
from bayescale.runs.derive import derive
from bayescale.runs.match import GROUPS, NUMERIC, match_columns
from bayescale.runs.refuse import refuse_without
from bayescale.runs.schedule import COLUMN
from bayescale.runs.scheduled import scheduled
from bayescale.runs.source import RawTable

__all__ = ["Understood", "understand"]


@dataclass(frozen=True)
class Understood:
    """A table with every column in its place.

    Parameters
    ----------
    numeric : mapping of str to array
        Canonical columns, given and derived; nan in cells that are missing or no numbers.
    others : mapping of str to array
        Grouping columns and every column that was not recognised.
    mapping : mapping of str to str
        Where canonical and grouping columns came from.
    groups : mapping of str to str
        The grouping columns by canonical name.
    texts : mapping of str to mapping of int to str
        Cells of canonical columns that are no numbers, by position.
    non_embedding : bool
        Whether the column taken for ``N`` says that it leaves embeddings out.
    """

    numeric: Mapping[str, npt.NDArray[np.float64]]
    others: Mapping[str, npt.NDArray[Any]]
    mapping: Mapping[str, str]
    groups: Mapping[str, str]
    texts: Mapping[str, Mapping[int, str]]
    non_embedding: bool

    @property
    def rows(self) -> int:
        """The number of rows."""
        return len(self.numeric["loss"])

    def named(self) -> dict[str, npt.NDArray[Any]]:
        """Return the columns under every name they have."""
        columns: dict[str, npt.NDArray[Any]] = {**self.numeric, **self.others}
        for symbol, name in self.mapping.items():
            columns.setdefault(name, columns[symbol])
        return columns


def understand(
    raw: RawTable, chosen: Mapping[str, str | None], one_curve: bool = False
) -> Understood:
    """Recognise the columns of a table and derive those that follow.

    Parameters
    ----------
    raw : RawTable
        The table as it came.
    chosen : mapping of str to str or None
        What the user said about columns.
    one_curve : bool
        Whether a table that does not tell runs apart may be the rows of one.

    Raises
    ------
    RunsError
        If there is no loss, no input, or a choice that cannot be met.
    """
    match = match_columns(list(raw.columns), chosen)
    refuse_without(match.names, list(raw.columns))
    numeric: dict[str, npt.NDArray[np.float64]] = {}
    texts: dict[str, Mapping[int, str]] = {}
    for symbol, name in match.names.items():
        if symbol in NUMERIC:
            found, bad = numbers(raw.columns[name])
            empty = len(found) and not bad and bool(np.isnan(found).all())
            if empty and symbol != "loss" and symbol not in match.chosen:
                continue  # an optional column that was never filled in
            numeric[symbol], texts[symbol] = found, bad
    refuse_without(numeric, list(raw.columns))
    groups = {symbol: match.names[symbol] for symbol in GROUPS if symbol in match.names}
    others = {symbol: values(raw.columns[name]) for symbol, name in groups.items()}
    used = {match.names[symbol] for symbol in numeric} | set(groups.values())
    for name, cells in raw.columns.items():
        if name not in used and name not in NUMERIC and name not in GROUPS:
            others[name] = values(cells)
    derived = derive(numeric, others)
    schedules = scheduled(numeric | {s: v for s, (v, _) in derived.items()}, others, one_curve)
    if schedules is not None:
        others[COLUMN] = schedules[0]
        if schedules[1] is not None and "S1" not in chosen:
            derived["S1"] = schedules[1], "sum of lr"
    mapping = {symbol: match.names[symbol] for symbol in numeric}
    mapping |= {symbol: formula for symbol, (_, formula) in derived.items()}
    both = numeric | {symbol: found for symbol, (found, _) in derived.items()}
    order = [symbol for symbol in (*NUMERIC, "epochs") if symbol in both]
    return Understood(
        numeric={symbol: both[symbol] for symbol in order},
        others=others,
        mapping={symbol: mapping[symbol] for symbol in order} | groups,
        groups=groups,
        texts={symbol: bad for symbol, bad in texts.items() if bad},
        non_embedding=match.non_embedding,
    )
