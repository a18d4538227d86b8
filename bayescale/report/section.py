"""What a report is made of: sections of paragraphs, tables and pictures, all as plain text."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Figure", "Section", "Table", "picture", "tabled"]

DPI = 160


@dataclass(frozen=True)
class Table:
    """A table as text.

    Parameters
    ----------
    caption : str
    columns : tuple of str
    rows : tuple of tuple of str
    """

    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Figure:
    """A picture.

    Parameters
    ----------
    caption : str
    uri : str
        The PNG as a data URI.
    """

    caption: str
    uri: str


@dataclass(frozen=True)
class Section:
    """A part of a report.

    Parameters
    ----------
    title : str
    paragraphs : tuple of str
    tables : tuple of Table
    figures : tuple of Figure
    """

    title: str
    paragraphs: tuple[str, ...] = ()
    tables: tuple[Table, ...] = ()
    figures: tuple[Figure, ...] = ()


def tabled(caption: str, table: pd.DataFrame, most: int = 40) -> Table:
    """A data frame as text: numbers to four digits, nothing for what is not a number."""
    head = (str(table.index.name or ""), *(str(name) for name in table.columns))
    rows = tuple(
        (str(key), *(_cell(value) for value in row))
        for key, row in zip(table.index, table.head(most).itertuples(index=False), strict=False)
    )
    more = f" (the first {most} of {len(table)} rows)" if len(table) > most else ""
    return Table(f"{caption}{more}", head, rows)


def _cell(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return "" if value != value else f"{value:.4g}"
    return str(value)


def picture(caption: str, figure: Any) -> Figure:
    """A matplotlib figure as a PNG within the page."""
    out = io.BytesIO()
    figure.savefig(out, format="png", dpi=DPI)
    text = base64.b64encode(out.getvalue()).decode("ascii")
    return Figure(caption, f"data:image/png;base64,{text}")
