"""Simulation-based calibration: distribution functions of ranks, less the uniform one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from bayescale.checks.calibration import Calibration
from bayescale.plots.style import (
    BLUE,
    GREY,
    PAGE,
    VERMILION,
    new_figure,
    quiet_ticks,
    styled,
    symbol,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["plot_sbc"]

ACROSS = 4
WIDE, HIGH = PAGE / ACROSS, 1.45


@styled
def plot_sbc(result: Calibration, *, size: tuple[float, float] | None = None) -> Figure:
    """Draw the distribution function of the ranks of every quantity, less the uniform one.

    The bands hold all lines of all quantities with the stated probability where the posterior is
    right (Säilynoja, Bürkner and Vehtari 2022). A line that rises and then falls below zero: the
    posterior is too narrow; the other way round: too wide; on one side of zero: biased.

    Parameters
    ----------
    result : Calibration
        From :func:`bayescale.checks.sbc`.
    size : (float, float), optional
        Width and height in inches.

    Returns
    -------
    matplotlib.figure.Figure
    """
    names, band = result.quantities, result.bands()
    across = min(ACROSS, len(names))
    down = -(-len(names) // across)
    figure = new_figure(*(size or (WIDE * across, HIGH * down + 0.35)))
    axes = figure.subplots(down, across, sharex=True, sharey=True, squeeze=False)
    for ax in axes.ravel()[len(names) :]:
        ax.set_visible(False)
    for ax, name in zip(axes.ravel(), names, strict=False):
        verdict = result.verdicts[name]
        found = band.distribution(result.uniform[name].to_numpy())
        ax.fill_between(
            band.at, band.lower - band.at, band.upper - band.at, step="post", color=GREY,
            alpha=0.25, lw=0,
        ).set_gid("band")  # fmt: skip
        ax.axhline(0.0, color=GREY, lw=0.5)
        colour = BLUE if verdict.inside else VERMILION
        (line,) = ax.step(band.at, found - band.at, where="post", color=colour)
        line.set_gid(f"ranks {name}")
        title = name if " " in name else symbol(name)
        ax.set_title(title if verdict.inside else f"{title}: {', '.join(verdict.kinds)}")
        ax.set_xlim(0.0, 1.0)
        ax.set_xticks(np.array([0.0, 0.5, 1.0]), ["0", ".5", "1"])
        quiet_ticks(ax)
    for ax in axes[:, 0]:
        ax.set_ylabel("ECDF $-$ uniform")
    for column in range(across):
        shown = [ax for ax in axes[:, column] if ax.get_visible()]
        shown[-1].set_xlabel("rank / draws")
        shown[-1].tick_params(labelbottom=True)
    return figure
