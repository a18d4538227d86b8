"""Pictures of ``single.py``: coverage, error against distance, and the worst curves."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from bayescale.backtesting.scores import PROBS

METHODS = {
    "one break, least squares": ("#999999", "x"),
    "curve, no discrepancy": ("#D55E00", "o"),
    "curve (default)": ("#0072B2", "D"),
}
GROUPS = ("IC", "NLP", "double descent", "long training curves")
WORST = (("cal", 2), ("double descent", 2), ("BB", 1), ("training logs", 1))
"""How many curves of which data sets are drawn: those of the largest error."""


def summary(
    curves: pd.DataFrame, targets: pd.DataFrame, group_of: Callable[[str], str], path: Path
) -> None:
    """Above, coverage against nominal; below, error of the median against distance."""
    figure = Figure(figsize=(9.0, 5.0), layout="constrained")
    axes = figure.subplots(2, len(GROUPS), sharey="row")
    groups, of_targets = curves["set"].map(group_of), targets["set"].map(group_of)
    for (above, below), group in zip(axes.T, GROUPS, strict=True):
        own = curves[groups == group]
        above.plot([0.5, 0.95], [0.5, 0.95], color="#444444", linewidth=0.8)
        for method, (colour, marker) in METHODS.items():
            mean = own[own["method"] == method][[f"cover{100 * p:.0f}" for p in PROBS]].mean()
            above.plot(PROBS, mean, marker, color=colour, label=method, markersize=4)
            aims = targets[(of_targets == group) & (targets["method"] == method)]
            if len(aims):
                below.plot(*by_distance(aims), marker, color=colour, ls="-", lw=0.8, markersize=4)
        above.set_title(f"{group}\n{own['curve_id'].nunique()} curves", fontsize="medium")
        above.set_xlabel("nominal mass")
        above.set_ylim(0, 1.02)
        below.set_xlabel("x over the last fitted x")
        below.set_xscale("log")
        below.set_yscale("log")
        ticks = [t for t in (1.2, 1.5, 2, 3, 4, 10, 100) if t < below.get_xlim()[1]]
        below.set_xticks(ticks, [f"{t:g}" for t in ticks])
        below.set_xticks([], minor=True)
        for one in (above, below):
            one.spines[["top", "right"]].set_visible(False)
    axes[0, 0].set_ylabel("share of targets inside")
    axes[1, 0].set_ylabel("error of ln loss (RMS)")
    handles = axes[0, 0].get_legend_handles_labels()
    figure.legend(*handles, loc="outside upper center", ncols=3, frameon=False, fontsize="small")
    figure.savefig(path, dpi=150)


def by_distance(targets: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Factor beyond the last fitted x, and root mean square error, in bins of equal size.

    The error of a bin is the mean of the curves' own errors there, curves alike.
    """
    off = np.log(targets["observed"] / targets["median"]) ** 2
    bins = pd.qcut(targets["beyond"], 6, labels=False, duplicates="drop")
    each = off.groupby([bins, targets["curve_id"]]).mean()
    at = 10.0 ** targets["beyond"].groupby(bins).median()
    return at.to_numpy(), np.sqrt(each.groupby(level=0).mean()).to_numpy()


def worst(curves: pd.DataFrame, targets: pd.DataFrame, fitted: pd.DataFrame, path: Path) -> None:
    """The curves on which the default did worst, with 90 % bands of a new measurement."""
    own = curves[curves["method"] == "curve (default)"]
    names = [
        name
        for group, n in WORST
        for name in own[own["set"] == group].nlargest(n, "rmsle")["curve_id"]
    ]
    figure = Figure(figsize=(9.0, 5.2), layout="constrained")
    for axes, name in zip(figure.subplots(2, 3).flat, names, strict=False):
        past = fitted[fitted["curve_id"] == name]
        aims = targets[(targets["curve_id"] == name) & (targets["method"] == "curve (default)")]
        aims = aims.sort_values("at")
        axes.plot(past["x"], past["loss"], ".", color="#999999", markersize=3)
        axes.fill_between(
            aims["at"], aims["lower90"], aims["upper90"], color="#0072B2", alpha=0.25, lw=0
        )
        axes.plot(aims["at"], aims["median"], color="#0072B2", lw=1.2)
        axes.plot(aims["at"], aims["observed"], ".", color="#D55E00", markersize=3)
        axes.set_xscale("log")
        axes.set_title(name, fontsize="small")
        axes.spines[["top", "right"]].set_visible(False)
    figure.supylabel("loss", fontsize="medium")
    figure.savefig(path, dpi=150)
