"""`Runs`: a validated table of training runs that nothing changes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from bayescale.errors import RunsError
from bayescale.runs.cautions import cautions
from bayescale.runs.describe import describe, describe_json, describe_short
from bayescale.runs.fingerprint import fingerprint
from bayescale.runs.match import ALIASES, NUMERIC
from bayescale.runs.schedule import COLUMN
from bayescale.runs.where import parse_where
from bayescale.runs.wording import counted, did_you_mean, listed, quoted
from bayescale.units import INPUTS

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Runs"]


@dataclass(frozen=True, eq=False, repr=False)
class Runs:
    """A validated table of training runs. Make one with `read_runs`.

    Parameters
    ----------
    columns : mapping of str to array
        Canonical columns (``N``, ``D``, ... ``loss``) as numbers, then every other column
        under its own name as numbers or text. The arrays cannot be written to.
    mapping : mapping of str to str
        How each canonical column was obtained: the name of a column of the table, or a
        formula such as ``6*N*D``.
    labels : tuple of str
        A name for each row: that of the run, or ``row 7`` in the table as it was read.
    loss_unit : str
        The unit of the loss.
    count : str
        What ``N`` counts: ``total``, ``non-embedding``, ``active`` or ``unspecified``.
    source : str
        Where the table came from.
    warnings : tuple of str
        What limits these rows, a sentence or two each.
    """

    columns: Mapping[str, npt.NDArray[Any]]
    mapping: Mapping[str, str]
    labels: tuple[str, ...]
    loss_unit: str = "nats/token"
    count: str = "unspecified"
    source: str = "memory"
    warnings: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        frozen = {name: _frozen(name, values) for name, values in self.columns.items()}
        object.__setattr__(self, "columns", MappingProxyType(frozen))
        object.__setattr__(self, "mapping", MappingProxyType(dict(self.mapping)))
        object.__setattr__(self, "labels", tuple(self.labels))
        object.__setattr__(self, "warnings", tuple(self.warnings))

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, name: str) -> npt.NDArray[Any]:
        """Return a column by its canonical name or by its name in the table."""
        columns = self.named()
        if name not in columns:
            remedy = f"Map one with --column {name}=NAME" if name in ALIASES else "Use one of them"
            if name in ALIASES:
                remedy += f' (in Python: read_runs(..., columns={{"{name}": "NAME"}}))'
            raise RunsError(
                f"The runs have no column {quoted(name)} among {listed(self.columns, 40)}."
                f"{did_you_mean(str(name), list(columns))} {remedy}."
            )
        return columns[name]

    def __contains__(self, name: object) -> bool:
        return name in self.named()

    def __reduce__(self) -> tuple[Any, ...]:
        parts = (self.labels, self.loss_unit, self.count, self.source, self.warnings)
        return Runs, (dict(self.columns), dict(self.mapping), *parts)

    def __repr__(self) -> str:
        return describe_short(self)

    @property
    def inputs(self) -> tuple[str, ...]:
        """The inputs of laws that the runs have, given or derived."""
        return tuple(symbol for symbol in INPUTS if symbol in self.columns)

    @property
    def loss(self) -> npt.NDArray[np.float64]:
        """The loss of each run."""
        return self.columns["loss"]

    @property
    def fingerprint(self) -> str:
        """A hash of what the canonical columns hold, row by row; see `fingerprint`."""
        return fingerprint(self.columns)

    def named(self) -> dict[str, npt.NDArray[Any]]:
        """Return the columns under every name they have, canonical names first."""
        columns = dict(self.columns)
        for symbol, name in self.mapping.items():
            if symbol in self.columns:
                columns.setdefault(name, self.columns[symbol])
        return columns

    def where(self, expression: str) -> Runs:
        """Keep the rows that meet a condition such as ``C < 1e21 and family == "a"``.

        Raises
        ------
        ExpressionError
            If the condition cannot be read.
        RunsError
            If no row meets it.
        """
        keep = parse_where(expression).mask(self.named())
        if not keep.any():
            raise RunsError(
                f"None of the {counted(len(self), 'run')} meets {quoted(expression, 120)}. "
                "Widen the condition."
            )
        return self.select(keep)

    def select(self, mask: npt.ArrayLike) -> Runs:
        """Keep the rows of a mask, or the rows at given positions in that order.

        Parameters
        ----------
        mask : array of bool or of int
            One truth value a row, or positions from 0 on.

        Returns
        -------
        Runs
            The rows, with `warnings` made anew.
        """
        chosen = np.asarray(mask)
        if chosen.ndim != 1 or (chosen.dtype.kind not in "biu" and len(chosen)):
            raise RunsError("The mask is not a list of truth values or positions. Give one.")
        if chosen.dtype.kind == "b":
            if len(chosen) != len(self):
                raise RunsError(
                    f"The mask has {len(chosen)} values and there are {counted(len(self), 'run')}. "
                    "Give one truth value a run."
                )
            chosen = np.flatnonzero(chosen)
        if not len(chosen):
            raise RunsError("The mask keeps no runs. Keep at least one.")
        if chosen.min() < -len(self) or chosen.max() >= len(self):
            raise RunsError(
                f"A position lies outside the {counted(len(self), 'run')}. "
                f"Give positions from 0 to {len(self) - 1}."
            )
        columns = {name: values[chosen] for name, values in self.columns.items()}
        labels = tuple(self.labels[place] for place in chosen)
        return replace(self, columns=columns, labels=labels, warnings=()).cautioned()

    def cautioned(self) -> Runs:
        """Return these runs with `warnings` made from what they hold."""
        return replace(self, warnings=cautions(self))

    def require(self, names: Iterable[str]) -> None:
        """Refuse if an input is missing.

        Parameters
        ----------
        names : iterable of str
            Canonical names that are needed.

        Raises
        ------
        RunsError
            For the first that is missing: what there is, and how to map it.
        """
        for name in (names,) if isinstance(names, str) else names:
            if name == COLUMN and name not in self.columns:
                raise RunsError(
                    "The runs have no learning-rate schedules; they are made from several rows of "
                    "each run, with columns run, steps and lr (the learning rate at the step). Map "
                    "them, e.g. --column run=curve_id, or give a column lr_schedule such as "
                    '"0:0 2000:3e-4 24000:3e-5".'
                )
            if name not in self.columns:
                info = INPUTS.get(name)
                meaning = f" ({info.meaning})" if info else ""
                raise RunsError(
                    f"The runs have no {name}{meaning}; their columns are "
                    f"{listed(self.columns, 40)}. Map one with --column {name}=NAME (in Python: "
                    f'read_runs(..., columns={{"{name}": "NAME"}})), or use what does not need '
                    f"{name}."
                )

    def table(self) -> pd.DataFrame:
        """Return the columns as a pandas DataFrame with the labels as its index."""
        import pandas as pd

        columns = {name: values.copy() for name, values in self.columns.items()}
        return pd.DataFrame(columns, index=pd.Index(list(self.labels)))

    def text(self) -> str:
        """Return what was understood: a line for each column, then the warnings."""
        return describe(self)

    def to_json(self) -> dict[str, Any]:
        """Return what was understood as plain values."""
        return describe_json(self)


def _frozen(name: str, values: npt.ArrayLike) -> npt.NDArray[Any]:
    numeric = name in NUMERIC or name == "epochs"
    array = np.asarray(values, dtype=np.float64 if numeric else None)
    if array.flags.writeable:
        array = array.copy()
        array.setflags(write=False)
    return array
