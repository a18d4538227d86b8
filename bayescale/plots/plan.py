"""A plan: the runs there are, those to train, and the target."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from bayescale.planning import Plan
from bayescale.plots.axes import input_label, size_axis, size_ticks
from bayescale.plots.layers import dot_size, drawn_runs
from bayescale.plots.style import COLUMN, GREY, INK, VERMILION, new_figure, quiet_ticks, styled

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["plot_plan"]


@styled
def plot_plan(plan: Plan, *, size: tuple[float, float] | None = None) -> Figure:
    """Draw the candidates by what one run there would tell, the planned runs, and the target.

    Parameters
    ----------
    plan : Plan
        From :func:`bayescale.plan`.
    size : (float, float), optional
        Width and height in inches.

    Returns
    -------
    matplotlib.figure.Figure
    """
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    figure = new_figure(*(size or (COLUMN + 0.7, 3.0)))
    ax = figure.subplots()
    runs, some = plan.fit.runs, plan.candidates
    cells = ax.scatter(
        some["N"], some["D"], c=100 * some["share"], cmap="Blues", vmin=0.0, s=22, marker="s",
        lw=0, zorder=1,
    )  # fmt: skip
    cells.set_gid("candidates")
    shown = drawn_runs(len(runs))
    ax.scatter(
        runs["N"][shown], runs["D"][shown], s=0.6 * dot_size(len(runs)), c=GREY, lw=0, zorder=2,
        label=f"fitted runs ({len(runs)})",
    )  # fmt: skip
    if plan.runs:
        n, d = (np.array([getattr(run, name) for run in plan.runs]) for name in "ND")
        ax.scatter(
            n, d, s=16, marker="D", c="white", ec=VERMILION, lw=0.9, zorder=3, label="to train"
        ).set_gid("planned")
    ax.scatter(*plan.at, s=45, marker="*", c=INK, lw=0, zorder=3, label="target").set_gid("target")
    ax.set_yscale("log")
    for axis, values, end in (("x", some["N"], plan.at[0]), ("y", some["D"], plan.at[1])):
        known = np.concatenate([values, runs["N" if axis == "x" else "D"], [end]])
        getattr(ax, f"set_{axis}lim")(known.min() / 1.4, known.max() * 1.4)
    size_axis(ax.xaxis, "N")
    ax.yaxis.set_major_locator(LogLocator(subs=(1.0,), numticks=8))
    ax.yaxis.set_major_formatter(FuncFormatter(size_ticks("D")))
    ax.yaxis.set_minor_formatter(NullFormatter())
    ax.set_xlabel(input_label("N", runs))
    ax.set_ylabel(input_label("D", runs))
    quiet_ticks(ax)
    bar = figure.colorbar(cells, ax=ax, aspect=32, pad=0.02, fraction=0.06)
    bar.outline.set_linewidth(0.0)
    bar.set_label("variance removed by one run (%)", size=7.0)
    quiet_ticks(bar.ax)
    figure.legend(loc="outside upper left", ncols=3)
    return figure
