"""What a picture of the loss is made of: runs, bands, the frontier of the data."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from bayescale.forecasting import forecast
from bayescale.plots.path import Path, thinned, values_of
from bayescale.plots.style import BLUE, GREY, SHADE, colours
from bayescale.posterior import Fit
from bayescale.runs import Runs

__all__ = ["MARGIN", "draw_band", "draw_frontier", "draw_runs", "drawn_runs", "hues", "keys"]

MARGIN = 0.12
"""Decades that a picture goes beyond its outermost points."""

DRAWS = 1000
"""Posterior draws behind a band."""

MOST = 20_000
"""Runs drawn at most: more make a picture slow to draw and no clearer."""

DOTS = (0, (1, 1.2))
DASHES = (0, (3, 1.5))


def drawn_runs(n: int) -> Any:
    """Return which of ``n`` runs to draw: all, or some of many, always the same."""
    if n <= MOST:
        return slice(None)
    return np.sort(np.random.default_rng(0).choice(n, MOST, replace=False))


def hues(runs: Runs, name: str | None, some: Any = slice(None)) -> dict[str, Any]:
    """Return what ``scatter`` needs to colour runs, or some of them, by an input."""
    from matplotlib.colors import LogNorm

    if name is None:
        return {"c": GREY}
    values = values_of(runs, name)
    low, high = float(values.min()), float(values.max())
    norm = LogNorm(low, high if high > low * 1.01 else low * 1.1)
    return {"c": values[some], "cmap": colours(), "norm": norm}


def dot_size(n: int) -> float:
    """Return the area of a marker, smaller where there are many."""
    return 12.0 if n < 60 else 7.0 if n < 400 else 3.0


def draw_runs(ax: Any, fit: Fit, x: str, hue: str | None) -> tuple[Any, Callable[[float], Any]]:
    """Draw the fitted runs; return them, and the colour of a value of ``hue``."""
    n = len(fit.runs)
    some = drawn_runs(n)
    looks = hues(fit.runs, hue, some)
    label = f"fitted runs ({n})" if n <= MOST else f"fitted runs ({n:,}; {MOST:,} drawn)"
    cloud = ax.scatter(
        values_of(fit.runs, x)[some], fit.runs.loss[some], s=dot_size(n),
        alpha=0.9 if n < 400 else 0.6, lw=0, zorder=3, label=label, **looks,
    )  # fmt: skip
    cloud.set_gid("fitted runs")
    return cloud, lambda value: looks["cmap"](looks["norm"](value)) if hue else GREY


def draw_band(
    ax: Any, fit: Fit, path: Path, probs: tuple[float, ...], of: str, colour: Any, several: bool
) -> tuple[Any, np.ndarray]:
    """Draw one line with its bands; return its entry in the legend and the losses it spans."""
    ahead = forecast(thinned(fit, DRAWS), path.inputs)
    for rank, prob in enumerate(reversed(probs)):
        low, high = ahead.interval(prob, of)
        band = ax.fill_between(
            path.x, low, high, color=colour, alpha=0.16 + 0.16 * rank, lw=0, zorder=1
        )
        band.set_gid(f"band {prob:g}")
    if of == "new" and not several:
        for end in ahead.interval(probs[-1], "latent"):
            ax.plot(path.x, end, color=colour, lw=0.5, ls=DOTS, zorder=2)
    middle = ahead.quantile(0.5, of)
    outside = np.any([v > 0 for v in ahead.beyond.values()], axis=0)
    ax.plot(path.x, middle, color=colour, lw=0.8, ls=DASHES, zorder=2)
    label = path.label if several else f"{path.label} median".strip()
    inside = np.where(outside, np.nan, middle)
    (line,) = ax.plot(path.x, inside, color=colour, lw=1.1, zorder=2, label=label)
    line.set_gid("median")
    return line, np.concatenate(ahead.interval(probs[-1], of))


def draw_frontier(ax: Any, edge: float, end: float, *, named: bool) -> None:
    """Mark where the data end."""
    if np.log10(end / edge) < 1.5 * MARGIN:
        return
    ax.axvspan(edge, end, color=SHADE, lw=0, zorder=0).set_gid("beyond the data")
    ax.axvline(edge, color=GREY, lw=0.6, ls=(0, (4, 2)), zorder=1).set_gid("frontier")
    if named:
        low, high = ax.get_xlim()
        narrow = np.log(end / edge) < 0.27 * np.log(high / low)
        note = ax.annotate(
            "beyond the data", (edge, 1.0), (2 if narrow else 3, -3),
            xycoords=("data", "axes fraction"), textcoords="offset points", ha="left", va="top",
            rotation=90 if narrow else 0, fontsize=6.0, color=GREY,
        )  # fmt: skip
        note.set_in_layout(False)


def keys(probs: tuple[float, ...], of: str, several: bool) -> list[Any]:
    """Return entries of the legend that say what the bands are."""
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    colour = GREY if several else BLUE
    masses = ", ".join(f"{100 * p:g}" for p in probs) + " %"
    what = "of new runs" if of == "new" else "of the law"
    found: list[Any] = [Patch(color=colour, alpha=0.3, label=f"{masses} {what}")]
    if several:
        found.append(Line2D([], [], color=GREY, lw=0.8, ls=DASHES, label="outside the data"))
    elif of == "new":
        masses = f"{100 * probs[-1]:g} %"
        found.append(Line2D([], [], color=colour, lw=0.6, ls=DOTS, label=f"{masses} of the law"))
    return found
