"""Published claims held to runs: how probable each is, and what each Bayes factor says."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from bayescale.claiming import Claims
from bayescale.claiming.answer import CLEAR, SURE
from bayescale.errors import BayescaleError
from bayescale.plots.style import (
    BLUE,
    COLUMN,
    GREY,
    INK,
    SHADE,
    VERMILION,
    new_figure,
    quiet_ticks,
    styled,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["plot_claims"]

COLOURS = {"supported": BLUE, "contradicted": VERMILION}

RESOLUTION = 1e-4
"""Probabilities nearer to zero or one than this are not told apart by draws."""

LIMIT = 60.0
"""Log odds beyond this are drawn at the edge."""


@styled
def plot_claims(claims: Claims, *, size: tuple[float, float] | None = None) -> Figure:
    """Draw the log odds of every tested claim.

    For a Bayes factor these are its logarithm, at even odds beforehand; for a posterior probability
    the odds that it gives. Claims about a published number that a posterior holds or not have a
    word alone. Within the grey band nothing is decided. An open mark is an answer that is not to be
    vouched for.

    Parameters
    ----------
    claims : Claims
        From :func:`bayescale.claims`.
    size : (float, float), optional
        Width and height in inches.

    Returns
    -------
    matplotlib.figure.Figure
    """
    if not claims.tested:
        raise BayescaleError("None of the claims could be tested: there is nothing to draw.")
    rows = list(claims.tested.items())
    figure = new_figure(*(size or (1.4 * COLUMN, 0.7 + 0.22 * len(rows))))
    ax = figure.subplots()
    undecided = float(np.log(SURE / (1.0 - SURE)))
    ax.axvspan(-undecided, undecided, color=SHADE, lw=0, zorder=0)
    ax.axvline(0.0, color=GREY, lw=0.6, zorder=1)
    for place, (_, answer) in enumerate(reversed(rows)):
        colour = COLOURS.get(answer.verdict, INK)
        odds = answer.log_bayes_factor
        if np.isnan(odds) and not np.isnan(answer.probability):
            p = np.clip(answer.probability, RESOLUTION, 1.0 - RESOLUTION)
            odds = float(np.log(p) - np.log1p(-p))
        if np.isnan(odds):
            ax.text(
                0.0, place, answer.verdict, color=colour, ha="center", va="center", fontsize=6.5
            )
            continue
        ax.plot(
            np.clip(odds, -LIMIT, LIMIT), place, marker="o", ms=4.0, color=colour, mew=0.9,
            mfc=colour if answer.ok else "white", zorder=3,
        )  # fmt: skip
    names = [claim.key for claim, _ in reversed(rows)]
    ax.set_yticks(range(len(rows)), names)
    ax.set_ylim(-0.6, len(rows) - 0.4)
    ax.set_xscale("symlog", linthresh=CLEAR)
    ax.set_xlim(-1.2 * LIMIT, 1.2 * LIMIT)
    ax.set_xticks([-30, -10, -3, 0, 3, 10, 30], ["−30", "−10", "−3", "0", "3", "10", "30"])
    ax.minorticks_off()
    ax.set_xlabel("log odds of the claim")
    quiet_ticks(ax)
    return figure
