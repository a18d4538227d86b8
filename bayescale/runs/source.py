"""From a path, a dataframe or a mapping to one raw table: cells as numbers or as text."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from bayescale.errors import FileError, RunsError
from bayescale.runs.delimited import read_delimited
from bayescale.runs.wording import quoted, shown

__all__ = ["Cells", "RawTable", "read_source"]

Cells = npt.NDArray[np.float64] | list[str | None]
"""A raw column: numbers with nan where missing, or text with None where missing."""


@dataclass(frozen=True)
class RawTable:
    """A table as it came, before anything in it was understood.

    Parameters
    ----------
    columns : mapping of str to cells
        The columns by name, all of one length.
    source : str
        Where it came from, for people.
    lines : array of int or None
        The line of the file on which each row starts, where it came from a text file.
    """

    columns: Mapping[str, Cells]
    source: str
    lines: npt.NDArray[np.int64] | None = None


def read_source(source: object) -> RawTable:
    """Read whatever the user has into a `RawTable`."""
    if isinstance(source, RawTable):
        return source
    if isinstance(source, (str, os.PathLike)):
        return _read_path(source)
    if isinstance(source, Mapping):
        return _checked(
            {_name(key): _cells(key, value) for key, value in source.items()}, "a mapping"
        )
    return _read_frame(source)


def _read_path(source: str | os.PathLike[Any]) -> RawTable:
    text = os.fsdecode(os.fspath(source))
    if "://" in text:
        raise FileError(f"{quoted(text)} is a web address. Download the file and give its path.")
    path = Path(text).expanduser()
    name = path.name.lower()
    if not name.endswith((".csv", ".csv.gz", ".tsv", ".tsv.gz", ".parquet")):
        raise FileError(
            f"{quoted(text)} is not in a format that is read. "
            "Give a .csv, .csv.gz, .tsv, .tsv.gz or .parquet file."
        )
    try:
        if path.is_dir():
            raise FileError(f"{quoted(text)} is a folder. Give the path of a file in it.")
        if not path.exists():
            raise FileError(f"The file {quoted(text)} is not there. Check the path.")
        if path.stat().st_size == 0:
            raise FileError(f"The file {quoted(text)} is empty. Give a file with a header row.")
        if name.endswith(".parquet"):
            return _read_parquet(path)
        rows = read_delimited(path, "\t" if ".tsv" in name[-7:] else ",")
    except (OSError, ValueError) as error:
        if isinstance(error, (FileError, RunsError)):
            raise
        reason = getattr(error, "strerror", None) or str(error)
        raise FileError(
            f"The file {quoted(text)} cannot be read ({shown(reason, 100)}). "
            "Check the path and the permissions."
        ) from error
    return RawTable(dict(rows.columns), shown(text, 200), np.asarray(rows.lines, dtype=np.int64))


def _read_parquet(path: Path) -> RawTable:
    import narwhals.stable.v2 as nw

    frame: Any = None
    for backend in ("pyarrow", "polars"):
        try:
            frame = nw.read_parquet(str(path), backend=backend)
            break
        except ImportError:
            continue
        except Exception as error:  # each backend has its own errors for a bad file
            raise FileError(
                f"The file {quoted(path)} cannot be read as Parquet ({shown(error, 100)}). "
                "Write it again, or give a .csv file."
            ) from error
    if frame is None:
        raise FileError(
            f"Reading {quoted(path)} needs pyarrow or polars, and neither is installed. "
            "Install pyarrow, or give a .csv file."
        )
    return _read_frame(frame, shown(path, 200))


def _read_frame(source: object, name: str | None = None) -> RawTable:
    import narwhals.stable.v2 as nw

    kind = f"{type(source).__module__.partition('.')[0]}.{type(source).__name__}"
    try:
        frame: Any = nw.from_native(source, eager_only=True)
        columns = [(_name(key), frame.get_column(key)) for key in frame.columns]
    except TypeError as error:
        raise RunsError(
            f"Runs cannot be read from an object of type {shown(kind)}. Give a path, a pandas, "
            "polars or pyarrow table, or a mapping of column names to values; collect a lazy "
            "frame first."
        ) from error
    except Exception as error:
        raise RunsError(
            f"The table of type {shown(kind)} cannot be read ({shown(error, 100)}). "
            "Give every column a name of its own."
        ) from error
    return _checked({key: _series(column, nw) for key, column in columns}, name or kind, columns)


def _series(series: Any, nw: Any) -> Cells:
    """Turn one narwhals series into cells."""
    if series.dtype.is_numeric() or series.dtype == nw.Boolean:
        values = series.cast(nw.Float64).fill_null(float("nan")).to_numpy()
        return np.array(values, dtype=np.float64)
    missing = series.is_null().to_list()
    return _from_list(
        [None if gone else value for gone, value in zip(missing, series.to_list(), strict=True)]
    )


def _cells(name: object, values: Any) -> Cells:
    """Turn the values of one key of a mapping into cells."""
    if isinstance(values, (str, bytes, Mapping)) or not hasattr(values, "__iter__"):
        raise RunsError(
            f"Column {quoted(name)} is a single value and not a column. "
            "Give a sequence with one value a run."
        )
    if isinstance(values, np.ndarray) and values.ndim == 1 and values.dtype.kind in "biuf":
        return np.array(values, dtype=np.float64)
    if isinstance(values, np.ndarray) and values.ndim != 1:
        raise RunsError(
            f"Column {quoted(name)} has {values.ndim} dimensions. Give one value a run."
        )
    return _from_list(list(values))


def _from_list(values: list[Any]) -> Cells:
    """Turn Python values into numbers where all are numbers, else into text."""
    numeric = (bool, int, float, np.number, np.bool_, type(None))
    if all(isinstance(value, numeric) for value in values):
        try:
            return np.array([np.nan if v is None else float(v) for v in values], dtype=np.float64)
        except (OverflowError, TypeError, ValueError):
            pass
    return [_text(value) for value in values]


def _text(value: Any) -> str | None:
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return None
    if isinstance(value, str):
        return value
    if isinstance(value, (float, np.floating)):
        return None if value != value else repr(float(value))
    try:
        return str(value)
    except ValueError:  # an integer with more digits than Python writes
        return "a huge integer"


def _name(key: object) -> str:
    return key if isinstance(key, str) else str(key)


def _checked(
    columns: dict[str, Cells], source: str, pairs: list[tuple[str, Any]] | None = None
) -> RawTable:
    if pairs is not None and len(pairs) != len(columns):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise RunsError(f"The table has two columns called {quoted(twice)}. Rename one of them.")
    lengths = {name: len(cells) for name, cells in columns.items()}
    if len(set(lengths.values())) > 1:
        first, *rest = lengths.items()
        other = next(item for item in rest if item[1] != first[1])
        raise RunsError(
            f"Column {quoted(first[0])} has {first[1]} values and column {quoted(other[0])} has "
            f"{other[1]}. Give every column one value a run."
        )
    return RawTable(columns, source)
