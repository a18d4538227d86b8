"""Training runs inside the package, and public data sets that are fetched."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import as_file, files
from importlib.resources.abc import Traversable
from types import MappingProxyType

from bayescale.datasets.public import PublicSet, catalogue, fetch
from bayescale.errors import BayescaleError, FileError
from bayescale.runs.read import read_quietly
from bayescale.runs.table import Runs

__all__ = ["PublicSet", "catalogue", "fetch", "load", "names"]


@dataclass(frozen=True)
class _Packaged:
    file: str
    usual_rows: str
    count: str
    loss_unit: str


_PACKAGED: Mapping[str, _Packaged] = MappingProxyType(
    {
        "tiny": _Packaged(
            file="tiny.csv",
            usual_rows='role in ("grid", "seed") and status == "ok"',
            count="total",
            loss_unit="nats/token",
        ),
        "tiny_subscaling": _Packaged(
            file="tiny_subscaling.csv",
            usual_rows=(
                'role in ("grid", "seed", "density", "density_seed", "repetition", '
                '"over_training") and status == "ok"'
            ),
            count="total",
            loss_unit="nats/token",
        ),
        "tiny_curves": _Packaged(
            file="tiny_curves.csv",
            usual_rows="loss > 0",
            count="total",
            loss_unit="nats/token",
        ),
    }
)


def names() -> tuple[str, ...]:
    """Return the names of the tables inside the package."""
    return tuple(sorted(_PACKAGED))


def load(name: str, *, all_rows: bool = False) -> Runs:
    """Load a table of training runs from inside the package.

    ``tiny`` holds language models of 6.6e3 to 6.8e5 parameters, trained for bayescale: a grid
    over parameters and tokens, repeats with other seeds, and sweeps of the learning rate, badly
    tuned on purpose. ``tiny_subscaling`` holds those and the runs of the second part of that
    study: texts of graded redundancy, repeated text, batches, schedules and shapes.
    ``tiny_curves`` holds the loss along some of these runs. Their columns and defects are in
    ``tiny.md`` and ``tiny_subscaling.md`` beside the tables.

    Parameters
    ----------
    name : str
        One of `names`.
    all_rows : bool
        Whether to return rows that a law should not be fitted to: sweeps, runs held out to
        score forecasts, and runs that did not end well but have a loss.

    Returns
    -------
    Runs
        The rows. What limits them is in ``Runs.warnings``; no warning is issued.

    Raises
    ------
    BayescaleError
        If there is no such table.
    """
    packaged = _PACKAGED.get(name) if isinstance(name, str) else None
    if packaged is None:
        raise BayescaleError(
            f"There is no table called {name!r:.60} in the package. "
            f"Load one of {', '.join(names())}, fetch a public one (datasets.catalogue()), or read "
            "your own with read_runs."
        )
    resource = _folder() / packaged.file
    if not resource.is_file():
        raise FileError(
            f"The table {packaged.file} is missing from this installation. Install bayescale again."
        )
    with as_file(resource) as path:
        return read_quietly(
            path,
            where="loss > 0" if all_rows else packaged.usual_rows,
            loss_unit=packaged.loss_unit,
            count=packaged.count,
        )


def _folder() -> Traversable:
    return files("bayescale.datasets")
