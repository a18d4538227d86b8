"""A backtest: coverage, error against distance, and the worst curves."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import numpy as np

from bayescale.backtesting import Backtest
from bayescale.backtesting.scores import PROBS
from bayescale.errors import LawError
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

    from bayescale.backtesting.result import Scored

__all__ = ["plot_backtest"]

COLOURS = (BLUE, ORANGE, VERMILION, INK)
STYLES = tuple((colour, dash) for dash in ("-", "--", ":") for colour in COLOURS)
"""Of the lines; after the last they begin again."""

WORST = 3


@styled
def plot_backtest(
    backtest: Backtest, *, law: str | None = None, size: tuple[float, float] | None = None
) -> Figure:
    """Draw what the forecasts were worth.

    Above, the coverage of the central intervals against their nominal mass, and the error of the
    predictive median against the distance beyond the data, for every law and mixture. Below, the
    splits on which one law's forecasts were least probable, with 90 % bands of a new run.

    Parameters
    ----------
    backtest : Backtest
    law : str, optional
        Law or mixture whose worst splits are drawn; the last, which is a mixture where there is
        one.
    size : (float, float), optional
        Width and height in inches.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    LawError
        Where there are no scores of the law.
    """
    names = [n for n in backtest.names if any(s.law == n for s in backtest.scored)]
    if law is not None and law not in names:
        raise LawError(f"The backtest has no scores of {law!r}. Choose among: {', '.join(names)}.")
    shown = law or names[-1]
    own = [s for s in backtest.scored if s.law == shown]
    worst = sorted(own, key=lambda s: s.scores["elpd"])[:WORST]
    figure = new_figure(*(size or (PAGE, 5.0)))
    grid = figure.add_gridspec(2, 6)
    _coverage(figure.add_subplot(grid[0, :3]), backtest, names)
    _error(figure.add_subplot(grid[0, 3:]), backtest, names)
    width = 6 // max(len(worst), 1)
    for i, scored in enumerate(worst):
        _curve(figure.add_subplot(grid[1, i * width : (i + 1) * width]), scored, i == 0)
    return figure


def _coverage(axes: Any, backtest: Backtest, names: list[str]) -> None:
    means = backtest.means()
    axes.plot([0.4, 1.0], [0.4, 1.0], color=GREY, linewidth=0.8)
    for (colour, dash), name in zip(itertools.cycle(STYLES), names, strict=False):
        if name in means.index:
            row = means.loc[name]
            cover = [row[f"cover{round(100 * p)}"] for p in PROBS]
            axes.plot(PROBS, cover, marker="o", markersize=3, color=colour, ls=dash, label=name)
    axes.set_xlabel("nominal mass of the interval")
    axes.set_ylabel("share of runs inside")
    axes.legend(frameon=False, fontsize="small")
    quiet_ticks(axes)


def _error(axes: Any, backtest: Backtest, names: list[str]) -> None:
    targets = backtest.targets
    off = np.abs(np.log(targets["observed"] / targets["median"]))
    edges = np.unique(np.quantile(targets["beyond"], np.linspace(0.0, 1.0, 7)))
    if len(edges) > 1:
        middle = 0.5 * (edges[1:] + edges[:-1])
        which = np.clip(np.searchsorted(edges, targets["beyond"], side="right") - 1, 0, None)
        which = np.minimum(which, len(middle) - 1)
        for (colour, dash), name in zip(itertools.cycle(STYLES), names, strict=False):
            mine = (targets["law"] == name).to_numpy()
            error = [
                float(np.sqrt(np.mean(off[mine & (which == k)] ** 2))) for k in range(len(middle))
            ]
            axes.plot(middle, error, marker="o", markersize=3, color=colour, ls=dash)
    axes.set_yscale("log")
    axes.set_xlabel(f"decades of {backtest.scored[0].axis} beyond the fitted runs")
    axes.set_ylabel("error of the log loss")


def _curve(axes: Any, scored: Scored, first: bool) -> None:
    targets = scored.targets.sort_values("at")
    x, y = scored.fitted
    axes.plot(x, y, ".", color=GREY, markersize=2)
    middle = targets["median"]
    spread = [middle - targets["lower90"], targets["upper90"] - middle]
    axes.errorbar(
        targets["at"], middle, yerr=spread, fmt="none", ecolor=BLUE, elinewidth=1.5, alpha=0.4
    )
    axes.plot(targets["at"], targets["observed"], ".", color=VERMILION, markersize=3)
    axes.set_xscale("log")
    axes.set_title(f"{scored.group}: {scored.split}", fontsize="small")
    axes.set_xlabel(scored.axis)
    if first:
        axes.set_ylabel(f"loss ({scored.law})")
