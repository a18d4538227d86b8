"""The compute-optimal line: parameters and tokens per parameter against compute."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from bayescale.allocation import Allocation
from bayescale.errors import BayescaleError
from bayescale.evidence.ranking import Ranking
from bayescale.plots.allocations import allocated, compute_of, runs_of
from bayescale.plots.axes import input_label, size_axis, size_ticks
from bayescale.plots.layers import MARGIN, dot_size, draw_frontier, drawn_runs
from bayescale.plots.style import (
    BLUE,
    COLUMN,
    GREY,
    INK,
    VERMILION,
    new_figure,
    quiet_ticks,
    styled,
)
from bayescale.posterior import Fit

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["plot_frontier"]

GRID = 31
"""Budgets along the line."""

AHEAD = 2.0
"""Decades beyond the data, unless budgets are given."""


@styled
def plot_frontier(
    result: Fit | Ranking | Allocation,
    *,
    flops: Any = None,
    probs: tuple[float, ...] = (0.5, 0.9),
    size: tuple[float, float] | None = None,
) -> Figure:
    """Draw the compute-optimal N, and D/N, against compute, with bands and the runs.

    Dotted lines hold the sizes that are nearly optimal. Budgets that were given are marked with
    their intervals.

    Parameters
    ----------
    result : Fit, Ranking or Allocation
        A comparison is drawn as its mixture.
    flops : float or sequence, optional
        Budgets to mark; those of the allocation unless given.
    probs : tuple of float
        Masses of the central bands.
    size : (float, float), optional
        Width and height in inches.

    Returns
    -------
    matplotlib.figure.Figure
    """
    probs = tuple(sorted(float(p) for p in np.atleast_1d(np.asarray(probs))))
    if not probs or not all(0.0 < p < 1.0 for p in probs):
        raise BayescaleError(f"The masses of the bands are {probs}. Give some between 0 and 1.")
    runs = runs_of(result)
    compute = compute_of(runs)
    if flops is None and isinstance(result, Allocation):
        flops = result.flops
    marks = None if flops is None else allocated(result, flops)
    low, high = np.log10(compute.min()), np.log10(compute.max())
    if marks is None:
        high += AHEAD
    else:
        low, high = min(low, np.log10(marks.flops.min())), max(high, np.log10(marks.flops.max()))
    line = allocated(result, np.logspace(low - MARGIN, high + MARGIN, GRID))

    figure = new_figure(*(size or (COLUMN, 4.2)))
    top, foot = figure.subplots(2, 1, sharex=True)
    entries = []
    for ax, quantity, seen in (
        (top, "N", runs["N"]),
        (foot, "tokens_per_param", runs["D"] / runs["N"]),
    ):
        some = drawn_runs(len(runs))
        dots = ax.scatter(
            compute[some], seen[some], s=0.6 * dot_size(len(runs)), c=GREY, alpha=0.6, lw=0,
            zorder=1, label=f"fitted runs ({len(runs)})",
        )  # fmt: skip
        dots.set_gid("fitted runs")
        own = _draw_line(ax, line, quantity, probs)
        if marks is not None:
            _mark(ax, marks, quantity, probs[-1])
        entries = [dots, *own]
        _height(ax, line, quantity, seen)
    foot.set_xlim(line.flops[0], line.flops[-1])
    size_axis(foot.xaxis, "C")
    for ax, name in ((top, "N"), (foot, "M")):
        _sizes(ax, name)
        ax.set_ylabel(input_label(name, runs))
        draw_frontier(ax, compute.max(), line.flops[-1], named=ax is top)
        quiet_ticks(ax)
    foot.set_xlabel("Training compute $C = 6ND$ (FLOP)")
    figure.align_ylabels([top, foot])
    figure.legend(handles=entries, loc="outside upper left", ncols=2, labelspacing=0.3)
    return figure


def _draw_line(ax: Any, line: Allocation, quantity: str, probs: tuple[float, ...]) -> list[Any]:
    from matplotlib.patches import Patch

    for rank, prob in enumerate(reversed(probs)):
        low, high = (_finite(v) for v in line.interval(prob, quantity))
        ax.fill_between(
            line.flops, low, high, color=BLUE, alpha=0.18 + 0.18 * rank, lw=0, zorder=2
        ).set_gid(f"band {prob:g}")
    middle = _finite(line.quantile(0.5, quantity))
    (median,) = ax.plot(line.flops, middle, color=BLUE, lw=1.1, zorder=3, label="median optimum")
    median.set_gid("median")
    for size in line.near_optimal:
        values = size if quantity == "N" else line.flops / 6.0 / size**2
        (edge,) = ax.plot(
            line.flops, _finite(values), color=INK, lw=0.7, ls=(0, (1, 1.4)), zorder=3,
            label=f"within {line.within:.2%} of the best loss",
        )  # fmt: skip
        edge.set_gid("nearly optimal")
    masses = ", ".join(f"{100 * p:g}" for p in probs) + " %"
    return [median, Patch(color=BLUE, alpha=0.35, label=f"{masses} of the posterior"), edge]


def _mark(ax: Any, marks: Allocation, quantity: str, prob: float) -> None:
    low, high = marks.interval(prob, quantity)
    ax.vlines(marks.flops, low, high, colors=VERMILION, lw=0.9, zorder=4)
    ax.scatter(
        marks.flops, marks.quantile(0.5, quantity), s=14, marker="D", c="white", ec=VERMILION,
        lw=0.8, zorder=5,
    ).set_gid("budgets")  # fmt: skip


def _height(ax: Any, line: Allocation, quantity: str, seen: np.ndarray) -> None:
    low, high = (_finite(v) for v in line.interval(0.9, quantity))
    values = np.concatenate([low, high, seen])
    values = values[np.isfinite(values)]
    room = (values.max() / values.min()) ** 0.04
    ax.set_ylim(values.min() / room, values.max() * room)


def _sizes(ax: Any, name: str) -> None:
    """Make the vertical axis logarithmic, with the ticks of an input."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    low, high = ax.get_ylim()
    ax.set_yscale("log")
    ax.set_ylim(low, high)
    decades = np.log10(high / low)
    subs = (1.0,) if decades > 2.0 else (1.0, 3.0) if decades > 1.2 else (1.0, 2.0, 5.0)
    ax.yaxis.set_major_locator(LogLocator(subs=subs, numticks=8))
    ax.yaxis.set_major_formatter(FuncFormatter(size_ticks(name)))
    ax.yaxis.set_minor_formatter(NullFormatter())


def _finite(values: np.ndarray) -> np.ndarray:
    """Sizes, with none drawn where there is no optimum."""
    return np.where(np.isfinite(values) & (values > 0), values, np.nan)
