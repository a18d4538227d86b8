"""What the commands share: options, tables, JSON, progress, output files."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from bayescale.errors import FileError

if TYPE_CHECKING:
    import pandas as pd

    from bayescale.prior import Prior
    from bayescale.runs import Runs

__all__ = [
    "Columns",
    "Json",
    "exit_code",
    "picture",
    "print_json",
    "print_table",
    "read",
    "read_priors",
    "replacing",
    "writable",
]

NOT_TRUSTWORTHY = 3

SUFFIXES = (".png", ".pdf", ".svg")
"""How the name of a picture ends."""

Json = Annotated[bool, Parameter(name="--json", negative="", help="Print one JSON document.")]
Columns = Annotated[
    list[str] | None,
    Parameter(
        name="--column",
        negative="",
        help="Which column is which, as SYMBOL=NAME; SYMBOL=none ignores one. Repeatable.",
    ),
]


def read(
    runs: str,
    column: Sequence[str] | None,
    where: str | None,
    loss_unit: str = "nats/token",
    count: str = "unspecified",
) -> Runs:
    """Read a table of runs as the commands do."""
    from bayescale.runs import parse_columns, read_runs

    return read_runs(
        runs,
        columns=parse_columns(list(column or ())),
        where=where,
        loss_unit=loss_unit,
        count=count,
    )


def read_priors(texts: Sequence[str] | None) -> dict[str, Prior]:
    """Priors from ``--prior NAME=family(numbers)``."""
    from bayescale.prior import parse

    return dict(parse(text) for text in texts or ())


def exit_code(good: bool, doubt: str) -> int:
    """0 where all is good; else 3, with the reason on standard error."""
    if good:
        return 0
    print(
        f"exit code {NOT_TRUSTWORTHY}, computed but not to be vouched for: {doubt}.",
        file=sys.stderr,
    )
    return NOT_TRUSTWORTHY


def print_json(document: Any) -> None:
    """Print one JSON document to standard output; what is not a number becomes null."""
    print(json.dumps(_plain(document), indent=2, allow_nan=False))


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    if isinstance(value, float) and (value != value or value in (float("inf"), -float("inf"))):
        return None
    return value


def print_table(table: pd.DataFrame, *, index: bool = True) -> None:
    """Print a table of numbers to four significant digits."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    out = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    names = ([str(table.index.name or "")] if index else []) + [str(c) for c in table.columns]
    kinds = (["O"] if index else []) + [table[c].dtype.kind for c in table.columns]
    for name, kind in zip(names, kinds, strict=True):
        out.add_column(name, justify="right" if kind in "fiu" else "left", overflow="fold")
    for key, row in table.iterrows():
        cells = ([str(key)] if index else []) + [_cell(value) for value in row]
        out.add_row(*cells)
    width = None if sys.stdout.isatty() else 160
    Console(width=width, markup=False, highlight=False).print(out)


def _cell(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return "" if value != value else f"{value:.4g}"
    return str(value)


def writable(path: str) -> Path:
    """Refuse a place that cannot be written, before anything is computed.

    Raises
    ------
    FileError
        Where the folder is not there, or cannot be written, or the path is a folder.
    """
    target = Path(path).expanduser()
    remedy = "Choose a file in a folder that exists and can be written."
    if target.is_dir():
        raise FileError(f"The output {path!r} is a folder. {remedy}")
    if not target.parent.is_dir():
        raise FileError(f"The folder {str(target.parent)!r} of the output is not there. {remedy}")
    try:
        with tempfile.TemporaryFile(dir=target.parent):
            pass
    except OSError as error:
        raise FileError(
            f"The output {path!r} cannot be written ({error.strerror}). {remedy}"
        ) from None
    return target


def picture(path: str) -> Path:
    """Refuse a place that cannot be written, or is none of a picture, before anything is computed.

    Raises
    ------
    FileError
        As for :func:`writable`, or where the name does not end as a picture's.
    """
    target = writable(path)
    if target.suffix.lower() not in SUFFIXES:
        raise FileError(f"The output {path!r} is not a picture. End it with {', '.join(SUFFIXES)}.")
    return target


@contextmanager
def replacing(target: Path) -> Iterator[Path]:
    """A temporary file beside the target that takes its place when the block succeeds."""
    try:
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=".bayescale-") as folder:
            temporary = Path(folder) / target.name
            yield temporary
            os.replace(temporary, target)
    except OSError as error:
        raise FileError(
            f"The output {str(target)!r} cannot be written ({error.strerror or error}). "
            "Choose a file in a folder that exists and can be written."
        ) from None
