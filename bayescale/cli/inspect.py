"""``bayescale inspect``."""

from __future__ import annotations

from bayescale.cli.common import Columns, Json, print_json

__all__ = ["inspect"]


def inspect(
    runs: str,
    /,
    *,
    where: str | None = None,
    column: Columns = None,
    loss_unit: str = "nats/token",
    count: str = "unspecified",
    json: Json = False,
) -> int:
    """Show what is understood of a table of runs, and what to beware of.

    Example: bayescale inspect runs.csv --column N=params

    Parameters
    ----------
    runs
        A table of runs: .csv, .tsv or .parquet.
    where
        Which runs to keep.
    column
        Which column is which.
    loss_unit
        Unit of the loss.
    count
        What N counts: total, non-embedding, active or unspecified.
    json
        Print one JSON document.
    """
    from bayescale.runs import parse_columns
    from bayescale.runs.read import read_quietly

    table = read_quietly(
        runs,
        columns=parse_columns(list(column or ())),
        where=where,
        loss_unit=loss_unit,
        count=count,
    )
    if json:
        print_json(table.to_json())
    else:
        print(table.text())
    return 0
