"""Cells that no law can use, named by column, row and value."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from bayescale.errors import RunsError
from bayescale.runs.derive import FORMULAS
from bayescale.runs.wording import counted, listed, quoted, shown
from bayescale.units import INPUTS

__all__ = ["refuse_bad_cells", "refuse_without"]


def refuse_without(found: Mapping[str, object], names: Sequence[str]) -> None:
    """Refuse a table without a loss, or without any input."""
    if "loss" not in found:
        near = [n for n in names if any(w in n.lower() for w in ("loss", "error", "perplex"))]
        perhaps = f"; perhaps {listed(map(quoted, near))}" if near else ""
        raise RunsError(
            f"No column was recognised as the loss among {listed(names)}{perhaps}. "
            'Name it with --column loss=NAME (in Python: columns={"loss": "NAME"}).'
        )
    if not any(symbol in found for symbol in INPUTS):
        raise RunsError(
            f"No column was recognised as an input among {listed(names)}. "
            "Name one of "
            f'{", ".join(INPUTS)} with --column x=NAME (in Python: columns={{"x": "NAME"}}).'
        )


def refuse_bad_cells(
    columns: Mapping[str, npt.NDArray[np.float64]],
    mapping: Mapping[str, str],
    texts: Mapping[str, Sequence[str | None]],
    row: Callable[[int], str],
    zero_allowed: Collection[str] = (),
) -> None:
    """Refuse missing, infinite and non-positive cells and text, in recognised columns.

    Parameters
    ----------
    columns : mapping of str to array
        The canonical columns of the rows kept.
    mapping : mapping of str to str
        Where each came from.
    texts : mapping of str to sequence of str or None
        For columns that were text: the cells that are no numbers, None for the others.
    row : callable
        Says which row a position is.
    zero_allowed : collection of str
        Canonical columns that may be zero here, beside ``loss_se``.

    Raises
    ------
    RunsError
        For the first cell of the first such column.
    """
    from_zero = {"loss_se", *zero_allowed}
    for symbol, values in columns.items():
        bad = ~np.isfinite(values)
        if symbol in from_zero:
            bad |= values < 0
        elif symbol != "z":
            bad |= values <= 0
        if bad.any():
            places = np.flatnonzero(bad)
            first = int(places[0])
            text = texts[symbol][first] if symbol in texts else None
            reason, loss = _reason(float(values[first]), text, symbol, symbol in from_zero)
            more = f" and in {counted(len(places) - 1, 'more row')}" if len(places) > 1 else ""
            name = mapping[symbol]
            where = f"{quoted(name)}, read as {symbol}," if name != symbol else f"{quoted(name)}"
            raise RunsError(
                f"Column {where} {reason} in {row(first)}{more}.{loss} "
                f"{_remedy(symbol, name, symbol in from_zero)}"
            )


def _reason(value: float, text: str | None, symbol: str, from_zero: bool) -> tuple[str, str]:
    hint = ""
    if text is not None:
        return f"holds the text {quoted(text)}", hint
    if np.isnan(value):
        return "is empty or nan", hint
    if np.isinf(value):
        return f"holds {value}, which is not finite,", hint
    if symbol == "loss":
        hint = " Laws are fitted on the log scale and need positive losses."
    least = "negative" if from_zero else "not positive"
    return f"holds {value:.10g}, which is {least},", hint


def _remedy(symbol: str, name: str, from_zero: bool) -> str:
    if name in FORMULAS:
        return f"It was derived as {name} ({FORMULAS[name]}). Correct the columns it comes from."
    keep = f"{symbol} >= 0" if from_zero else f"{symbol} > 0"
    if symbol == "z":
        keep = "z < 1e300"
    rest = "" if symbol == "loss" else f", or ignore the column with --column {symbol}=none"
    return f'Correct the cell of {shown(name)}, keep other rows with --where "{keep}"{rest}.'
