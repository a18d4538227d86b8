"""A comparison of laws: evidence, scores and what the priors do to them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from bayescale.evidence.ranking import Ranking
from bayescale.plots.style import (
    BLUE,
    GREY,
    INK,
    ORANGE,
    PAGE,
    VERMILION,
    new_figure,
    quiet_ticks,
    styled,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["plot_compare"]

LONGEST = 34
FAR = 150.0
"""Differences beyond this many nats make the axis logarithmic."""


@styled
def plot_compare(ranking: Ranking, *, size: tuple[float, float] | None = None) -> Figure:
    """Draw every law's distance to the best, by evidence and by each score.

    On the left the log Bayes factors with the range that they take as each prior's scale is divided
    and multiplied by three; then leave-one-out and the forward score, as paired differences to the
    best law with two standard errors. Differences are on a scale that is linear near zero and
    logarithmic beyond. A law whose evidence may not be used has an open mark and no Bayes factor.

    Parameters
    ----------
    ranking : Ranking
        From :func:`bayescale.compare`.
    size : (float, float), optional
        Width and height in inches.

    Returns
    -------
    matplotlib.figure.Figure
    """
    table = ranking.table()
    kinds = [
        kind
        for kind in ("loo", "families", "forward")
        if f"elpd_{kind}" in table and table[f"elpd_{kind}"].notna().any()
    ]
    figure = new_figure(*(size or (PAGE, 0.9 + 0.28 * len(table))))
    axes = figure.subplots(1, 1 + len(kinds), sharey=True, squeeze=False)[0]
    places = np.arange(len(table))[::-1]
    _evidence(axes[0], ranking, table, places)
    titles = {"loo": "leave-one-out", "families": "leave-one-family-out", "forward": "forward"}
    for ax, kind in zip(axes[1:], kinds, strict=True):
        gap, error = table[f"elpd_{kind}_diff"], table[f"elpd_{kind}_diff_se"]
        ax.errorbar(gap, places, xerr=2 * error, fmt="o", ms=3.2, color=BLUE, elinewidth=0.8)
        ax.set_title(titles[kind])
        ax.set_xlabel("log density, less the best's\n(sum over runs, ± 2 se)")
        _scale(ax, np.concatenate([gap - 2 * error, gap + 2 * error]))
    axes[0].set_yticks(places, [_short(str(name)) for name in table.index])
    axes[0].set_ylim(-0.6, len(table) - 0.4)
    return figure


def _evidence(ax: Any, ranking: Ranking, table: Any, places: np.ndarray) -> None:
    log_bf = table["log_bf"].to_numpy(float)
    ends = [log_bf]
    sensitivity = ranking.sensitivity()
    for place, name in zip(places, table.index, strict=True):
        moved = sensitivity.loc[sensitivity["law"] == name, "log_bf_changed"].dropna()
        if len(moved):
            ax.plot([moved.min(), moved.max()], [place, place], color=ORANGE, lw=2.5, alpha=0.6)
            ends.append(moved.to_numpy(float))
    ax.plot(log_bf, places, "o", ms=3.2, color=INK, zorder=3)
    for place, name in zip(places, table.index, strict=True):
        if np.isnan(table.loc[name, "log_bf"]):
            ax.text(0.0, place, "refused", color=VERMILION, ha="center", va="center", fontsize=6.5)
    ax.set_title("evidence")
    ax.set_xlabel("log Bayes factor over the best\n(bar: prior scales over and times 3)")
    _scale(ax, np.concatenate(ends))


def _scale(ax: Any, values: np.ndarray) -> None:
    """A line at zero, and an axis that is logarithmic beyond ten nats where anything lies far."""
    ax.axvline(0.0, color=GREY, lw=0.6, zorder=0)
    known = np.abs(values[np.isfinite(values)])
    if known.size and known.max() > FAR:
        from matplotlib.ticker import FuncFormatter, SymmetricalLogLocator

        ax.set_xscale("symlog", linthresh=10.0)
        ax.xaxis.set_major_locator(SymmetricalLogLocator(base=10.0, linthresh=10.0))
        ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    ax.margins(x=0.08)  # no mark is cut by the frame
    quiet_ticks(ax)
    ax.grid(axis="x", lw=0.3, color="#dddddd")


def _short(name: str) -> str:
    return name if len(name) <= LONGEST else name[: LONGEST - 3] + "..."
