"""From raw cells to numbers or text, without refusing anything yet."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from bayescale.errors import BayescaleError
from bayescale.runs.source import Cells
from bayescale.units import parse_size

__all__ = ["numbers", "plain_text", "values"]

_MISSING = frozenset({"", "na", "n/a", "nan", "none", "null", "<na>"})
_LOGICAL = {"true": 1.0, "false": 0.0}
_FIXED_WIDTH_BYTES = 2e8


def numbers(cells: Cells) -> tuple[npt.NDArray[np.float64], dict[int, str]]:
    """Read a recognised column as numbers, sizes such as ``70B`` among them.

    Returns
    -------
    array of float
        The numbers; nan where a cell is missing or is not a number.
    dict of int to str
        The cells that are not numbers, by position.
    """
    if isinstance(cells, np.ndarray):
        return cells, {}
    found = np.full(len(cells), np.nan)
    bad: dict[int, str] = {}
    for place, cell in enumerate(cells):
        text = "" if cell is None else cell.strip()
        if text.lower() in _MISSING:
            continue
        value = _number(text)
        if value is None:
            try:
                value = parse_size(text)
            except BayescaleError:
                bad[place] = text
                continue
        found[place] = value
    return found, bad


def values(cells: Cells) -> npt.NDArray[np.float64] | npt.NDArray[np.str_]:
    """Read any other column: numbers where every cell is one, else text."""
    if isinstance(cells, np.ndarray):
        return cells
    found = np.full(len(cells), np.nan)
    for place, cell in enumerate(cells):
        text = "" if cell is None else cell.strip()
        if text.lower() in _MISSING:
            continue
        value = _LOGICAL.get(text.lower())
        if value is None and not (text[:1] == "0" and text[1:2].isdigit()):
            value = _number(text)
        if value is None:
            return _as_text(cells)
        found[place] = value
    return found


def plain_text(cells: Cells, place: int) -> str:
    """Return one cell as text, whole numbers without a point, missing as nothing."""
    if isinstance(cells, np.ndarray):
        value = float(cells[place])
        if not np.isfinite(value):
            return ""
        return str(int(value)) if value.is_integer() and abs(value) < 2**53 else repr(value)
    return (cells[place] or "").strip()


def _number(text: str) -> float | None:
    if "_" in text:
        return None
    try:
        return float(text)
    except ValueError:
        return None


def _as_text(cells: list[str | None]) -> npt.NDArray[np.str_]:
    texts = ["" if cell is None else cell.strip() for cell in cells]
    width = max(map(len, texts), default=0)
    if width * len(texts) * 4 > _FIXED_WIDTH_BYTES:
        return np.array(texts, dtype=object)
    return np.array(texts, dtype=np.str_)
