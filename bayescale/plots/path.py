"""Where a law of several inputs is drawn against one of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from bayescale.errors import BayescaleError
from bayescale.laws.law import Law
from bayescale.plots.axes import short
from bayescale.posterior import Fit
from bayescale.runs import Runs
from bayescale.units import coordinate, natural

__all__ = [
    "Path",
    "along",
    "default_input",
    "iso_lines",
    "linear_grid",
    "optimal",
    "thinned",
    "values_of",
]

PARTNER = {"N": "D", "D": "N"}
WIDE = 2.5
"""Decades of N outside the data that are searched for the compute-optimal size."""

FINE = 16
"""Sizes searched for each decade of N."""


@dataclass(frozen=True)
class Path:
    """A line through the inputs of a law.

    Parameters
    ----------
    x : array, shape (point,)
        The horizontal input.
    inputs : mapping of str to array, shape (point,)
        The law's inputs, and C where N and D are among them.
    label : str
        Which line it is, for the legend; empty where there is only one.
    other : str, optional
        The input that is held along an iso-line.
    """

    x: np.ndarray
    inputs: Mapping[str, np.ndarray]
    label: str = ""
    other: str | None = None


def default_input(law: Law, x: str | None, runs: Runs) -> str:
    """Return the horizontal input: the one that was asked for, or the natural one."""
    inputs = law.inputs
    on_compute = {"N", "D"} <= set(inputs)
    known: tuple[str, ...] = (*(("C",) if on_compute and "C" not in inputs else ()), *inputs)
    if x is None:
        return known[0]
    if x not in known:
        raise BayescaleError(
            f"The law {law.name!r} cannot be drawn against {x!r}. Choose one of: "
            f"{', '.join(known)}."
        )
    if x != "C" or x in inputs:
        runs.require((x,))
    return x


def values_of(runs: Runs | Mapping[str, np.ndarray], name: str) -> np.ndarray:
    """Return an input of runs or points, with C = 6ND where it is not given."""
    columns = runs.columns if isinstance(runs, Runs) else runs
    if name == "C" and "C" not in columns and "N" in columns and "D" in columns:
        return np.asarray(6.0 * columns["N"] * columns["D"])
    if name not in columns:
        raise BayescaleError(f"The points have no {name}, which the picture needs. Give it.")
    return np.asarray(columns[name])


def linear_grid(values: np.ndarray, n: int) -> np.ndarray:
    """Return even points over the range of a linear input, and a tenth of it to each side."""
    room = 0.1 * float(np.ptp(values)) + 1e-3
    return np.linspace(values.min() - room, values.max() + room, n)


def along(law: Law, reference: Mapping[str, float], x: str, grid: np.ndarray, ratio: float) -> Path:
    """Return the line on which D = ratio x N, or all inputs but one are held."""
    held = {
        name: np.full(len(grid), natural(name, reference[name])) for name in law.inputs if name != x
    }
    if x != "C" or x in law.inputs:
        return Path(grid, {**held, x: grid})
    n = np.sqrt(grid / (6.0 * ratio))
    return Path(grid, {**held, "N": n, "D": ratio * n, "C": grid}, f"D = {ratio:.3g} N")


def optimal(fit: Fit, grid: np.ndarray, thin: int = 200) -> Path:
    """Return the compute-optimal line of the posterior median law, C = 6ND.

    At each C the median loss over some draws is minimised over N on a grid, and the minimum
    refined by a parabola. The line ends where the law has no optimum inside the search.
    """
    sizes, compute = np.log10(values_of(fit.runs, "N")), np.log10(values_of(fit.runs, "C"))
    low = sizes.min() - WIDE - max(0.0, compute.min() - np.log10(grid[0]))
    high = sizes.max() + WIDE + max(0.0, np.log10(grid[-1]) - compute.max())
    steps = int(FINE * (high - low))
    size = np.logspace(low, high, steps)
    n, c = np.broadcast_arrays(size[None, :], grid[:, None])
    inputs = {
        name: np.full(n.size, natural(name, fit.reference[name]))
        for name in fit.law.inputs
        if name not in ("N", "D")
    }
    some = thinned(fit, thin)
    log_loss = some.log_law({**inputs, "N": n.ravel(), "D": (c / (6.0 * n)).ravel()})
    middle = np.median(log_loss.reshape(-1, n.size), axis=0).reshape(n.shape)
    best = np.clip(middle.argmin(axis=1), 1, steps - 2)
    row = np.arange(len(grid))
    left, at, right = (middle[row, best + k] for k in (-1, 0, 1))
    bend = left - 2.0 * at + right
    inside = (at <= left) & (at <= right) & (bend > 0)
    if not inside.any():
        raise BayescaleError(
            f"The law {fit.law.name!r} has no compute-optimal size near these runs. "
            "Draw it at a fixed ratio of tokens to parameters, e.g. tokens_per_param=20."
        )
    shift = np.where(inside, 0.5 * (left - right) / np.where(inside, bend, 1.0), 0.0)
    best_n = np.exp(np.log(size[best]) + shift * np.log(size[1] / size[0]))[inside]
    kept = grid[inside]
    other = {name: values.reshape(n.shape)[inside, 0] for name, values in inputs.items()}
    return Path(
        kept, {**other, "N": best_n, "D": kept / (6.0 * best_n), "C": kept}, "compute-optimal"
    )


def thinned(fit: Fit, n: int) -> Fit:
    """Return the fit with some of its draws, evenly spaced, as one chain."""
    total = next(iter(fit.draws.values())).size
    kept = np.linspace(0, total - 1, min(n, total)).astype(int)
    return replace(fit, draws={k: v.reshape(1, -1)[:, kept] for k, v in fit.draws.items()})


def iso_lines(fit: Fit, x: str, grid: np.ndarray, n: int = 3) -> list[Path]:
    """Return lines at representative values of the other input that matters most."""
    law, runs = fit.law, fit.runs
    others = [name for name in law.inputs if name != x]
    if not others:
        return [Path(grid, {x: grid})]
    other = PARTNER.get(x, "")
    if other not in others:
        other = max(others, key=lambda name: float(np.ptp(coordinate(name, runs[name]))))
    middle = {name: np.full(len(grid), natural(name, fit.reference[name])) for name in others}
    chances = np.linspace(0.1, 0.9, n) if n > 1 else np.array([0.5])
    levels = natural(other, np.quantile(coordinate(other, runs[other]), chances))
    rounded = dict.fromkeys(float(f"{level:.1e}") for level in levels)
    return [
        Path(
            grid,
            {**middle, x: grid, other: np.full(len(grid), level)},
            f"{other} = {short(other, level)}",
            other,
        )
        for level in rounded
    ]
