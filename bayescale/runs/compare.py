"""Comparisons of columns and constants that refuse to mix numbers with text."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["compare", "contains", "is_logical"]

_Operand = npt.NDArray[Any] | float | str
_OPERATORS: Mapping[str, Callable[[Any, Any], Any]] = {
    "Lt": np.less,
    "LtE": np.less_equal,
    "Gt": np.greater,
    "GtE": np.greater_equal,
    "Eq": np.equal,
    "NotEq": np.not_equal,
}


def is_logical(values: npt.NDArray[Any]) -> bool:
    """Tell whether a column holds only 0, 1 and missing numbers."""
    return values.dtype.kind == "f" and bool(np.all(np.isin(values, (0, 1)) | np.isnan(values)))


def compare(left: _Operand, operator: str, right: _Operand) -> npt.NDArray[np.bool_]:
    """Compare by the name of a node of ``ast``, such as ``LtE``.

    Raises
    ------
    TypeError
        If one side is text and the other numbers, or text is ordered.
    """
    if _is_text(left) != _is_text(right):
        raise TypeError("text meets a number")
    if _is_text(left):
        if operator not in ("Eq", "NotEq"):
            raise TypeError("text has no order (use ==, != or in)")
        same = np.asarray(np.asarray(left, dtype=object) == np.asarray(right, dtype=object))
        return same.astype(np.bool_) if operator == "Eq" else ~same.astype(np.bool_)
    return np.asarray(_OPERATORS[operator](left, right), dtype=np.bool_)


def contains(left: _Operand, items: Sequence[float | str]) -> npt.NDArray[np.bool_]:
    """Tell which values are among `items`."""
    found = np.zeros(np.shape(left), dtype=np.bool_)
    for item in items:
        found = found | compare(left, "Eq", item)
    return np.asarray(found)


def _is_text(value: _Operand) -> bool:
    return isinstance(value, str) or (isinstance(value, np.ndarray) and value.dtype.kind != "f")
