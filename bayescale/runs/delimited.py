"""CSV and TSV files as text cells, with the line on which each row starts."""

from __future__ import annotations

import csv
import gzip
import io
import zlib
from dataclasses import dataclass
from pathlib import Path

from bayescale.errors import FileError, RunsError
from bayescale.runs.wording import quoted, shown

__all__ = ["DelimitedRows", "read_delimited"]


@dataclass(frozen=True)
class DelimitedRows:
    """The columns of a delimited file as text, and the first line of each row."""

    columns: dict[str, list[str | None]]
    lines: list[int]


def read_delimited(path: Path, delimiter: str) -> DelimitedRows:
    """Read a delimited file; rows with nothing in them are passed over, ragged rows refused.

    The standard library's reader is used because it says on which line a row starts,
    guesses no types and no missing values, and rounds decimal numbers correctly.

    Parameters
    ----------
    path : Path
        The file, compressed where its name ends in ``.gz``.
    delimiter : str
        What stands between two cells.

    Raises
    ------
    FileError
        If the file is not text in UTF-8, has no header, or a row of another length.
    RunsError
        If two columns have the same name.
    """
    lines: list[int] = []
    rows: list[list[str]] = []
    header: list[str] | None = None
    last = 0
    reader = csv.reader(io.StringIO(_text(path), newline=""), delimiter=delimiter)
    try:
        for row in reader:
            start, last = last + 1, reader.line_num
            if not any(cell.strip() for cell in row):
                continue
            if header is None:
                header = _header(row, path, delimiter)
            elif len(row) != len(header):
                raise FileError(
                    f"Line {start} of {quoted(path.name)} has {len(row)} cells and the header has "
                    f"{len(header)}. Give every row one cell a column; put a cell that holds the "
                    "delimiter between double quotes."
                )
            else:
                rows.append(row)
                lines.append(start)
    except csv.Error as error:
        raise FileError(
            f"Line {reader.line_num} of {quoted(path.name)} cannot be read ({shown(error, 100)}). "
            "Correct the line, or write the file again."
        ) from error
    if header is None:
        raise FileError(f"The file {quoted(path.name)} is empty. Give a file with a header row.")
    cells = zip(*rows, strict=True) if rows else ([] for _ in header)
    columns: dict[str, list[str | None]] = {
        name: [cell if cell.strip() else None for cell in column]
        for name, column in zip(header, cells, strict=True)
    }
    return DelimitedRows(columns, lines)


def _text(path: Path) -> str:
    data = path.read_bytes()
    if path.name.lower().endswith(".gz"):
        try:
            data = gzip.decompress(data)
        except (OSError, EOFError, zlib.error) as error:
            raise FileError(
                f"The file {quoted(path.name)} is not a whole gzip file. Compress it again."
            ) from error
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise FileError(
            f"The file {quoted(path.name)} is not text in UTF-8 (byte {error.start}). "
            "Save it as CSV in UTF-8."
        ) from error
    if "\x00" in text:
        raise FileError(
            f"The file {quoted(path.name)} holds zero bytes and is not a text table. "
            "Save it as CSV in UTF-8."
        )
    return text


def _header(row: list[str], path: Path, delimiter: str) -> list[str]:
    names = [cell.strip() or f"column {place}" for place, cell in enumerate(row, start=1)]
    if len(names) == 1:
        for other, word in ((";", "semicolons"), ("\t", "tabs"), (",", "commas")):
            if other != delimiter and other in names[0]:
                raise FileError(
                    f"The header of {quoted(path.name)} is one cell, {quoted(names[0])}: its "
                    f"columns are separated by {word}. Separate them by commas in a .csv file "
                    "or by tabs in a .tsv file."
                )
    for name in names:
        if names.count(name) > 1:
            raise RunsError(
                f"The file {quoted(path.name)} has two columns called {quoted(name)}. "
                "Rename one of them."
            )
    return names
