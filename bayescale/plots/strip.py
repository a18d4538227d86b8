"""A strip beneath a picture of the loss: how far every run lies from its own prediction."""

from __future__ import annotations

from typing import Any

import numpy as np

from bayescale.plots.layers import dot_size, drawn_runs, hues
from bayescale.plots.path import values_of
from bayescale.plots.style import BLUE, GREY, VERMILION
from bayescale.plots.targets import Targets
from bayescale.posterior import Fit

__all__ = ["draw_strip"]


def draw_strip(ax: Any, fit: Fit, shown: Targets | None, x: str, hue: str | None) -> None:
    """Draw observed over predicted loss, less one, in percent.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
    fit : Fit
    shown : Targets, optional
        Held-out runs, each with its own interval.
    x, hue : str
        The horizontal input and the one that colours the fitted runs.
    """
    n = len(fit.runs)
    ax.axhline(0.0, color=GREY, lw=0.6, zorder=1)
    off = 100 * np.expm1(fit.residuals)
    some = drawn_runs(n)
    ax.scatter(
        values_of(fit.runs, x)[some], off[some], s=0.6 * dot_size(n), alpha=0.8, lw=0, zorder=2,
        **hues(fit.runs, hue, some),
    )  # fmt: skip
    reach = [np.quantile(np.abs(off), 0.98)]
    if shown is not None and shown.observed is not None:
        at = values_of(shown.points, x)
        low, high, seen = (
            100 * (v / shown.median - 1) for v in (shown.lower, shown.upper, shown.observed)
        )
        size = 0.7 * dot_size(len(at))
        for mask, colour, marker in (
            (shown.inside, BLUE, "D"),
            (~shown.inside, VERMILION, "X"),
        ):
            ax.vlines(at[mask], low[mask], high[mask], colors=colour, lw=0.6, alpha=0.5, zorder=3)
            ax.scatter(
                at[mask], seen[mask], s=size * (1.6 if marker == "X" else 1.0), marker=marker,
                c=colour, ec="white", lw=0.25, zorder=4,
            )  # fmt: skip
        reach += [np.abs(v).max() for v in (low, high, seen)]
    top = 1.08 * max(reach)
    ax.set_ylim(-top, top)
    ax.set_ylabel("off prediction\n(%)")
