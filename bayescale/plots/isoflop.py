"""IsoFLOP slices: the loss over sizes at fixed compute, with the posterior of each minimum."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from bayescale.allocation import Allocation
from bayescale.errors import BayescaleError
from bayescale.evidence.ranking import Ranking
from bayescale.plots.allocations import allocated, compute_of, runs_of
from bayescale.plots.axes import input_label, loss_axis, size_axis
from bayescale.plots.layers import dot_size
from bayescale.plots.style import COLUMN, GREY, INK, colours, new_figure, quiet_ticks, styled
from bayescale.posterior import Fit
from bayescale.units import format_size

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["plot_isoflop"]

SLICES = 5
"""Budgets within the data, unless some are given."""

GRID = 61
"""Sizes along each slice."""

REACH = 1.1
"""Decades of N that a slice goes to either side of its minimum."""

NEAR = 0.2
"""Runs within this share of a budget are drawn with its slice."""

MOST = 12


@styled
def plot_isoflop(
    result: Fit | Ranking | Allocation,
    *,
    flops: Any = None,
    prob: float = 0.9,
    size: tuple[float, float] | None = None,
) -> Figure:
    """Draw the law's loss over sizes under budgets, C = 6ND.

    Each slice has the band of the law. At its minimum a bar holds the posterior of the best size
    (thick: its half mass), and the heavy part of the line the sizes that are nearly optimal. Runs
    within a fifth of a budget are drawn in its colour.

    Parameters
    ----------
    result : Fit, Ranking or Allocation
        A comparison is drawn as its mixture.
    flops : float or sequence, optional
        Budgets; those of the allocation, or five within the data, unless given.
    prob : float, default 0.9
        Mass of the bands and of the bars.
    size : (float, float), optional
        Width and height in inches.

    Returns
    -------
    matplotlib.figure.Figure
    """
    if not 0.0 < prob < 1.0:
        raise BayescaleError(f"The mass of the bands is {prob:g}. Give one between 0 and 1.")
    runs = runs_of(result)
    compute = compute_of(runs)
    if flops is None:
        if isinstance(result, Allocation):
            flops = result.flops
        else:
            low, high = np.quantile(np.log10(compute), [0.02, 0.98])
            flops = [float(f"{c:.1e}") for c in np.logspace(low, high, SLICES)]
    found = allocated(result, np.sort(np.atleast_1d(np.asarray(flops, np.float64)).ravel()))
    if len(found) > MOST:
        raise BayescaleError(f"There are {len(found)} slices. Draw at most {MOST}.")
    middle = found.quantile(0.5, "N")
    if not np.all(np.isfinite(middle) & (middle > 0)):
        raise BayescaleError(
            "A budget has no compute-optimal size by this fit. Draw others, or another law."
        )
    figure = new_figure(*(size or (COLUMN + 1.0, 3.0)))
    ax = figure.subplots()
    palette = colours()
    shades = [palette(i / max(len(found) - 1, 1)) for i in range(len(found))]
    extent, wide, entries = [], [], []
    p = np.array([(1 - prob) / 2, 0.5, (1 + prob) / 2])
    for i, shade in enumerate(shades):
        sizes = middle[i] * np.logspace(-REACH, REACH, GRID)
        low, line, high = found.losses(i, sizes, p)
        ax.fill_between(sizes, low, high, color=shade, alpha=0.22, lw=0, zorder=1)
        label = format_size(found.flops[i], kind="compute")
        (curve,) = ax.plot(sizes, line, color=shade, lw=0.8, zorder=2, label=label)
        curve.set_gid("slice")
        entries.append(curve)
        near = (sizes >= found.near_optimal[0][i]) & (sizes <= found.near_optimal[1][i])
        ax.plot(sizes[near], line[near], color=shade, lw=2.4, alpha=0.55, zorder=2)
        close = np.abs(np.log(compute / found.flops[i])) < np.log1p(NEAR)
        ax.scatter(
            runs["N"][close], runs.loss[close], s=dot_size(len(runs)), color=shade, ec="white",
            lw=0.2, zorder=3,
        ).set_gid("runs of a slice")  # fmt: skip
        extent += [low, high]
        wide += [sizes[[0, -1]]]
    _minima(ax, found, prob)
    every = np.concatenate(extent)
    room = np.log(every.max() / every.min()) * 0.04 + 1e-3
    ax.set_ylim(every.min() * np.exp(-room), every.max() * np.exp(room))
    ax.set_xlim(np.min(wide), np.max(wide))
    size_axis(ax.xaxis, "N")
    ax.set_xlabel(input_label("N", runs))
    loss_axis(ax, runs)
    quiet_ticks(ax)
    figure.legend(
        handles=[*entries[::-1], *_keys(found, prob)], loc="outside right upper",
        title="$C = 6ND$ (FLOP)", title_fontsize=6.5, labelspacing=0.4, alignment="left",
    )  # fmt: skip
    return figure


def _keys(found: Allocation, prob: float) -> list[Any]:
    """Return entries of the legend that say what the marks are."""
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    return [
        Patch(color="none", label=" "),
        Patch(color=GREY, alpha=0.3, label=f"{100 * prob:g} % of the law"),
        Line2D([], [], color=GREY, lw=2.4, alpha=0.6, label=f"within {found.within:.2%}\nof best"),
        Line2D(
            [], [], color=INK, lw=0.9, marker="D", ms=3, mfc="white", mew=0.7,
            label=f"best $N$,\n50 and {100 * prob:g} %",
        ),
    ]  # fmt: skip


def _minima(ax: Any, found: Allocation, prob: float) -> None:
    """Draw the posterior of the best size of every slice, at the median of its loss."""
    loss = found.ahead.quantile(0.5, "latent")
    for mass, width in ((prob, 0.9), (0.5, 2.2)):
        low, high = found.interval(mass, "N")
        ax.hlines(loss, low, high, colors=INK, lw=width, zorder=4).set_gid(f"minima {mass:g}")
    ax.plot(found.quantile(0.5, "N"), loss, color=INK, lw=0.6, ls=(0, (3, 1.5)), zorder=3)
    ax.scatter(
        found.quantile(0.5, "N"), loss, s=9, marker="D", c="white", ec=INK, lw=0.7, zorder=5
    ).set_gid("minima")
