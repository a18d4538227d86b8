"""Which rows belong together, for noise that they share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from bayescale.errors import RunsError

if TYPE_CHECKING:
    from bayescale.runs import Runs

__all__ = ["members", "predecessors"]


def members(runs: Runs, by: str, noise: str) -> np.ndarray:
    """A number for each row, equal within a group.

    Raises
    ------
    RunsError
        Where the runs have no such column.
    """
    if by not in runs:
        raise RunsError(
            f"The runs have no column {by!r}, by which the noise {noise!r} tells rows that belong "
            f"together. Map one with --column {by}=NAME, or name another: {_stem(noise)}(COLUMN)."
        )
    return np.unique(np.asarray(runs[by]).astype(str), return_inverse=True)[1]


def _stem(noise: str) -> str:
    return noise.partition("(")[0]


def predecessors(codes: np.ndarray, along: np.ndarray) -> np.ndarray:
    """The row before each row in its group, ordered by ``along``; itself where it is the first."""
    order = np.lexsort((np.arange(len(codes)), along, codes))
    before = np.concatenate([order[:1], order[:-1]])
    same = codes[order] == codes[before]
    found = np.empty(len(codes), dtype=np.int64)
    found[order] = np.where(same, before, order)
    return found


def taken(tree: Mapping[str, Any], rows: np.ndarray) -> dict[str, Any]:
    """The given rows of every array."""
    return {name: np.asarray(values)[rows] for name, values in tree.items()}
