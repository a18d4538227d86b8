"""`read_runs`: from a file, a dataframe or a mapping to validated `Runs`."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np

from bayescale.errors import RunsError, RunsWarning
from bayescale.runs.refuse import refuse_bad_cells
from bayescale.runs.rows import row_in_words, run_names
from bayescale.runs.schedule import COLUMN
from bayescale.runs.source import read_source
from bayescale.runs.table import Runs
from bayescale.runs.understand import understand
from bayescale.runs.where import parse_where
from bayescale.runs.wording import counted, quoted

__all__ = ["COUNTS", "read_quietly", "read_runs"]

COUNTS = ("unspecified", "total", "non-embedding", "active")
"""What ``N`` may count."""


def read_runs(
    source: str | os.PathLike[str] | Mapping[str, Any] | Any,
    *,
    columns: Mapping[str, str | None] | None = None,
    where: str | None = None,
    loss_unit: str = "nats/token",
    count: str = "unspecified",
) -> Runs:
    """Read and check a table of training runs.

    Parameters
    ----------
    source : path, dataframe or mapping
        A ``.csv``, ``.csv.gz``, ``.tsv``, ``.tsv.gz`` or ``.parquet`` file; a pandas, polars or
        pyarrow table; or a mapping of column names to sequences.
    columns : mapping of str to str or None, optional
        Which column is which input, as in ``{"N": "params"}``, before any guess. None leaves
        an input out, as in ``{"lr": None}``.
    where : str, optional
        Which rows to keep, as in ``"C < 1e21 and outlier == 0"``. It is applied before the
        cells are checked, so it can leave out rows with bad cells.
    loss_unit : str
        The unit of the loss.
    count : {"unspecified", "total", "non-embedding", "active"}
        What ``N`` counts. A column such as ``n_params_no_embed`` says so itself.

    Returns
    -------
    Runs
        The rows, with C = 6ND and other columns derived where they are not given.

    Raises
    ------
    FileError
        If the file is not there or cannot be read.
    RunsError
        If a cell, a column or the whole table cannot be used.
    ExpressionError
        If `where` cannot be read.

    Warns
    -----
    RunsWarning
        Once for each of ``Runs.warnings``.

    Examples
    --------
    >>> runs = read_runs({"N": ["1M", "4M", "16M"], "D": [6e7, 2e7, 9e7], "loss": [4, 3.9, 3.3]})
    >>> runs.inputs
    ('N', 'D', 'C', 'M')
    """
    runs = read_quietly(source, columns=columns, where=where, loss_unit=loss_unit, count=count)
    for sentence in runs.warnings:
        warnings.warn(sentence, RunsWarning, stacklevel=2)
    return runs


def read_quietly(
    source: Any,
    *,
    columns: Mapping[str, str | None] | None = None,
    where: str | None = None,
    loss_unit: str = "nats/token",
    count: str = "unspecified",
    one_curve: bool = False,
) -> Runs:
    """Do as `read_runs`, keeping warnings on the result only.

    With ``one_curve`` a table that does not tell runs apart, of steps that increase, is one run.
    """
    if count not in COUNTS:
        raise RunsError(f"{quoted(count)} is not a count. Use one of {', '.join(COUNTS)}.")
    if not isinstance(loss_unit, str) or not loss_unit.strip():
        raise RunsError("The unit of the loss is empty. Name it, as in nats/token.")
    if isinstance(source, Runs):
        if columns or loss_unit != "nats/token" or count != "unspecified":
            raise RunsError("These runs are read already. Give columns and units at first reading.")
        return source.where(where) if where else source
    condition = parse_where(where) if where is not None else None
    raw = read_source(source)
    table = understand(raw, columns or {}, one_curve)
    if not table.rows:
        raise RunsError(f"{quoted(raw.source)} has no rows. Give at least one run.")
    places = np.arange(table.rows)
    if condition is not None:
        places = np.flatnonzero(condition.mask(table.named()))
        if not len(places):
            raise RunsError(
                f"None of the {counted(table.rows, 'row')} of {quoted(raw.source)} meets "
                f"{quoted(where, 120)}. Widen the condition."
            )
    names = run_names(raw, table, places)
    numeric = {symbol: values[places] for symbol, values in table.numeric.items()}
    refuse_bad_cells(
        numeric,
        table.mapping,
        {symbol: [bad.get(int(place)) for place in places] for symbol, bad in table.texts.items()},
        lambda kept: row_in_words(raw, int(places[kept]), names[kept] if names else None),
        ("lr",) if COLUMN in table.others else (),  # along a run it may well end at zero
    )
    return Runs(
        columns=numeric | {name: values[places] for name, values in table.others.items()},
        mapping=table.mapping,
        labels=tuple(names or (f"row {place + 1}" for place in places)),
        loss_unit=loss_unit,
        count="non-embedding" if table.non_embedding and count == "unspecified" else count,
        source=raw.source,
    ).cautioned()
