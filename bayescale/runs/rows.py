"""What a row is called, in labels and in messages."""

from __future__ import annotations

from pathlib import PurePath

import numpy as np
import numpy.typing as npt

from bayescale.runs.cells import plain_text
from bayescale.runs.source import Cells, RawTable
from bayescale.runs.understand import Understood
from bayescale.runs.wording import quoted, shown

__all__ = ["row_in_words", "run_names"]

_NAMES = ("run", "run_id", "run_name", "name", "label", "id", "model")


def run_names(
    raw: RawTable, table: Understood, places: npt.NDArray[np.intp]
) -> tuple[str, ...] | None:
    """Return the names of the rows kept, from the first column that names each apart."""
    for column in (table.groups.get("run"), *_NAMES):
        if column is not None and column in raw.columns:
            names = _distinct(raw.columns[column], places)
            if names is not None:
                return names
    return None


def _distinct(cells: Cells, places: npt.NDArray[np.intp]) -> tuple[str, ...] | None:
    """Return the cells as names, or None where one is empty or a second time there."""
    names: dict[str, None] = {}
    for count, place in enumerate(places):
        names.setdefault(shown(plain_text(cells, int(place)), 80))
        if len(names) == count or "" in names:
            return None
    return tuple(names)


def row_in_words(raw: RawTable, place: int, name: str | None) -> str:
    """Return ``row 7 ("llama-7b", line 8 of "runs.csv")``."""
    details = [] if name is None else [quoted(name)]
    if raw.lines is not None:
        details.append(f"line {int(raw.lines[place])} of {shown(PurePath(raw.source).name)}")
    return f"row {place + 1}" + (f" ({', '.join(details)})" if details else "")
