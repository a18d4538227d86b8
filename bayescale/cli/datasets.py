"""``bayescale datasets list`` and ``bayescale datasets fetch``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cyclopts import App

from bayescale.cli.common import Json, print_json, print_table, replacing, writable

if TYPE_CHECKING:
    from bayescale.datasets import PublicSet

__all__ = ["datasets"]

datasets = App(
    name="datasets",
    help="List the data sets of training runs, or fetch a public one.",
    help_format="plaintext",
)


@datasets.command(name="list")
def list_sets(*, json: Json = False) -> int:
    """List the data sets inside the package, and the public ones that can be fetched.

    Example: bayescale datasets list

    Parameters
    ----------
    json
        Print one JSON document.
    """
    import pandas as pd

    from bayescale.datasets import catalogue, names

    public = catalogue()
    if json:
        print_json(
            {"packaged": list(names()), "public": [entry.to_json() for entry in public.values()]}
        )
        return 0
    print(f"Inside the package: {', '.join(names())} (in Python: datasets.load).\n\nPublic:")
    rows = {name: {"what": entry.title, "licence": entry.licence} for name, entry in public.items()}
    print_table(pd.DataFrame.from_dict(rows, orient="index").rename_axis("name"))
    print("One of them, with what is wrong with it: bayescale datasets fetch NAME --out runs.csv")
    return 0


@datasets.command
def fetch(
    name: str, /, *, out: str | None = None, all_rows: bool = False, json: Json = False
) -> int:
    """Fetch a public data set, show what it is and what is wrong with it.

    The files are downloaded once, checked, and kept in the user's cache folder.

    Example: bayescale datasets fetch chinchilla --out runs.csv

    Parameters
    ----------
    name
        A name from bayescale datasets list.
    out
        Write the runs as a CSV file that the other commands read.
    all_rows
        Keep rows that the set's own analysis leaves out.
    json
        Print one JSON document.
    """
    from bayescale.datasets import catalogue
    from bayescale.datasets import fetch as fetch_runs

    target = writable(out) if out else None
    runs = fetch_runs(name, all_rows=all_rows)
    entry = catalogue()[name]
    if target is not None:
        with replacing(target) as temporary:
            runs.table().to_csv(temporary, index="run" not in runs, index_label="run")
    if json:
        print_json(entry.to_json() | {"runs": runs.to_json()})
        return 0
    print(f"{entry.title}\n")
    for label, text in _facts(entry).items():
        print(f"{label}: {text}")
    print(f"\n{runs.text()}")
    return 0


def _facts(entry: PublicSet) -> dict[str, str]:
    return {
        "Source": entry.source,
        "Licence": entry.licence,
        "Cite": entry.cite,
        "Known defects": entry.defects,
        "Loss": entry.loss_unit,
    }
