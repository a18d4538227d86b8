"""Columns whose cells are paths: what a law reads where a number a row is not enough.

A law lists its paths beside its inputs (:attr:`bayescale.laws.Term.paths`). Each is turned, row by
row, into an array of its own shape, which travels with the logs of the inputs. A new kind of path
is one line in :data:`PATHS`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from bayescale.runs.schedule import COLUMN, nodes

__all__ = ["PATHS", "Path", "read_paths"]


@dataclass(frozen=True)
class Path:
    """How cells become arrays.

    Parameters
    ----------
    meaning : str
        A few words of prose.
    read : callable
        From the columns of a table, each of shape ``(row,)``, to an array ``(row, ...)``.
    """

    meaning: str
    read: Callable[[Mapping[str, Any]], np.ndarray]


PATHS: Mapping[str, Path] = {
    COLUMN: Path(
        "the learning rate at every step, from columns run, steps and lr",
        lambda columns: nodes(columns[COLUMN], columns["S"]),
    ),
}
"""The paths that there are, by column."""


def read_paths(names: tuple[str, ...], columns: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """The arrays of the named paths at the rows of columns."""
    return {name: PATHS[name].read(columns) for name in names}
