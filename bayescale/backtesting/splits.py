"""Which runs are fitted and which are forecast."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bayescale.errors import RunsError
from bayescale.runs import Runs
from bayescale.runs.where import parse_where

__all__ = ["Part", "parts", "within"]

FITTED = ("fit", "train", "small", "1", "True", "true")
"""Values of a split column that mark the runs to fit."""

ALL = "all"
"""Name of the only group, where the runs are not grouped."""

ROLLING = (0.5, 0.6, 0.7, 0.8)
"""Shares of the runs that rolling splits fit, those of least compute first."""

WITHIN = (0.6, 0.8)
"""The same, of the fitted runs, where those are split again to weigh laws."""

FEWEST = 5
"""A part with fewer runs to fit has no forecast."""


@dataclass(frozen=True, eq=False)
class Part:
    """One split of one group.

    Parameters
    ----------
    group : str
    split : str
        The condition that the fitted runs meet.
    small, large : Runs
        The runs to fit, and those to forecast.
    """

    group: str
    split: str
    small: Runs
    large: Runs

    @property
    def name(self) -> str:
        """A name for tables and messages."""
        return f"{self.group}: {self.split}"


def parts(
    runs: Runs,
    fit_where: str | Sequence[str] | None,
    split_column: str | None,
    rolling: bool | Sequence[float],
    by: str | None,
) -> tuple[list[Part], list[str]]:
    """All parts, and why others were left out.

    Raises
    ------
    RunsError
        Where the split is not told in exactly one way, or leaves nothing to fit or to forecast.
    """
    if (fit_where is not None) + (split_column is not None) + bool(rolling) != 1:
        raise RunsError(
            "The backtest needs one way to split the runs. Give fit_where='C < 1e20' "
            "(--fit-where), split_column='split' (--split-column), or rolling=True (--rolling)."
        )
    if split_column is not None:
        _check_marks(np.asarray(runs[split_column]).astype(str), split_column)
    found, left_out = [], []
    for group, own in _groups(runs, by).items():
        for split, small in _masks(own, fit_where, split_column, rolling).items():
            n, m = int(small.sum()), int((~small).sum())
            if n < FEWEST or not m:
                left_out.append(f"{group}: {split} (fits {n} runs, forecasts {m})")
            else:
                found.append(Part(group, split, own.select(small), own.select(~small)))
    if not found:
        raise RunsError(
            f"No split leaves {FEWEST} runs to fit and one to forecast: {'; '.join(left_out[:3])}. "
            "Choose another threshold."
        )
    return found, left_out


def within(part: Part) -> list[Part]:
    """Pseudo-extrapolation: the fitted runs split again; none where they are too few."""
    found = []
    for split, small in _masks(part.small, None, None, WITHIN).items():
        if small.sum() >= FEWEST and not small.all():
            own = f"{split} of {part.split}"
            found.append(Part(part.group, own, part.small.select(small), part.small.select(~small)))
    return found


def _groups(runs: Runs, by: str | None) -> dict[str, Runs]:
    if by is None:
        return {ALL: runs}
    values = np.asarray(runs[by]).astype(str)
    return {str(name): runs.select(values == name) for name in dict.fromkeys(values.tolist())}


def _marked(values: np.ndarray) -> np.ndarray:
    return np.isin(values, FITTED) | np.isin(values, ["1.0"])


def _check_marks(values: np.ndarray, split_column: str) -> None:
    small = _marked(values)
    if not small.any() or small.all():
        seen = ", ".join(dict.fromkeys(values.tolist()[:1000]))
        raise RunsError(
            f"The column {split_column!r} does not tell which runs to fit: it holds {seen}. "
            f"Mark those to fit with one of: {', '.join(FITTED)}."
        )


def _masks(
    runs: Runs,
    fit_where: str | Sequence[str] | None,
    split_column: str | None,
    rolling: bool | Sequence[float],
) -> dict[str, np.ndarray]:
    if fit_where is not None:
        conditions = [fit_where] if isinstance(fit_where, str) else list(fit_where)
        named = runs.named()
        return {c: np.asarray(parse_where(c).mask(named), dtype=bool) for c in conditions}
    if split_column is not None:
        values = np.asarray(runs[split_column]).astype(str)
        small = _marked(values)
        return {f"{split_column} = {values[small][0] if small.any() else FITTED[0]}": small}
    name = "C" if "C" in runs.columns else next(iter(runs.inputs))
    shares = ROLLING if rolling is True else tuple(rolling or ())
    if not all(0.0 < share < 1.0 for share in shares):
        raise RunsError(
            f"The shares of the rolling splits are {', '.join(map(str, shares))}. Give numbers "
            "between 0 and 1."
        )
    values = runs[name]
    edges = dict.fromkeys(
        float(f"{np.quantile(values, share, method='lower'):.3g}") for share in shares
    )
    # Half a per cent above, so that the runs of one budget stay together.
    return {f"{name} <= {edge:g}": values <= edge * 1.005 for edge in edges}
