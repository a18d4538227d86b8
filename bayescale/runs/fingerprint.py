"""A name for the content of a table, the same from every file format."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from bayescale.runs.match import NUMERIC
from bayescale.runs.schedule import COLUMN

__all__ = ["fingerprint"]


def fingerprint(columns: Mapping[str, npt.NDArray[Any]]) -> str:
    """Return ``sha256:...`` over the canonical columns and the schedules.

    Numbers count to 12 significant digits, because readers of decimal text differ in the
    last of 17. The order of rows matters; file names, labels and other columns do not.

    Parameters
    ----------
    columns : mapping of str to array
        Columns by name; those that are not canonical are passed over.
    """
    digest = hashlib.sha256()
    for name in NUMERIC:
        if name in columns:
            values = np.asarray(columns[name], dtype=np.float64)
            digest.update(f"{name}\n".encode())
            digest.update("\n".join(f"{value:.12g}" for value in values.tolist()).encode())
            digest.update(b"\n\n")
    if COLUMN in columns:
        digest.update(f"{COLUMN}\n".encode())
        digest.update("\n".join(map(str, columns[COLUMN])).encode())
        digest.update(b"\n\n")
    return f"sha256:{digest.hexdigest()}"
