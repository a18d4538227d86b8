"""Loss against compute or an input: the data, the law, its bands, and runs that were held out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from bayescale.errors import BayescaleError
from bayescale.forecasting import Forecast, forecast
from bayescale.plots.axes import draw_colour_bar, input_label, loss_axis, size_axis
from bayescale.plots.path import Path, along, default_input, iso_lines, optimal, values_of
from bayescale.plots.style import (
    BLUE,
    COLUMN,
    GREY,
    SHADE,
    colours,
    new_figure,
    quiet_ticks,
    styled,
)
from bayescale.plots.targets import draw_targets, targets
from bayescale.posterior import Fit

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["plot_band"]

GRID = 90
MARGIN = 0.12
"""Decades that the picture goes beyond its outermost points."""


@styled
def plot_band(
    fit: Fit,
    *,
    x: str | None = None,
    held_out: Any = None,
    probs: tuple[float, ...] = (0.5, 0.9),
    kind: str = "new",
    extend: float | None = None,
    tokens_per_param: float | None = None,
    n_lines: int = 3,
    size: tuple[float, float] | None = None,
) -> Figure:
    """Draw loss against compute or an input, with bands.

    Against compute, a law of N and D is drawn along the compute-optimal line of its posterior
    (at each C the N that minimises the median law, C = 6ND), so runs that are off that line lie
    above the band. Against N or D it is drawn at a few values of the other. Inputs beside those
    are held at the reference point. Beyond the data in any input the line is broken.

    Parameters
    ----------
    fit : Fit
        A posterior.
    x : str, optional
        The horizontal input; C where the law has N and D, else the law's first.
    held_out : Runs, Forecast or mapping, optional
        Runs left out of the fit, or targets. Each is shown with its own interval, predicted at
        its own inputs.
    probs : tuple of float
        Masses of the central bands; the largest is also that of the intervals of ``held_out``.
    kind : {"new", "latent"}
        Bands for a new run, or for the law itself. With ``new`` the law's largest band is drawn
        as thin lines.
    extend : float, optional
        Decades beyond the data; as far as ``held_out`` reaches unless said, else one.
    tokens_per_param : float, optional
        Against C, draw the line D = tokens_per_param x N and not the compute-optimal one.
    n_lines : int
        Number of values of the other input, against N or D.
    size : (float, float), optional
        Width and height in inches.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    BayescaleError
        Where the law has no such input, or an option is out of range.
    """
    probs = _checked(probs, kind, extend, tokens_per_param, n_lines)
    x = default_input(fit.law, x, fit.runs)
    shown = None if held_out is None else targets(fit, held_out, probs[-1])
    data = values_of(fit.runs, x)
    grid = _grid(data, None if shown is None else values_of(shown.points, x), extend)
    if x == "C" and x not in fit.law.inputs:
        if tokens_per_param is None:
            paths = [optimal(fit, grid)]
        else:
            paths = [along(fit.law, fit.runs, fit.reference, x, grid, tokens_per_param)]
        hue: str | None = "N"
    else:
        paths = iso_lines(fit, x, grid, n_lines)
        hue = paths[0].other

    figure = new_figure(*(size or (COLUMN + (0.35 if hue else 0.0), 2.75)))
    ax = figure.add_subplot()
    cloud, colour_of = _points(ax, fit, x, hue)
    entries, extent = [cloud], [fit.runs.loss]
    several = len(paths) > 1
    for path in paths:
        colour = colour_of(path.inputs[path.other][0]) if several and path.other else BLUE
        handles, ends = _band(ax, fit, path, probs, kind, colour, several)
        entries += handles
        extent.append(ends)
    if shown is not None:
        entries += draw_targets(ax, shown, x, probs[-1])
        extent.append(shown.extent)
    _frame(ax, fit, x, grid, np.concatenate(extent))
    _frontier(ax, data.max(), grid[-1])
    if hue:
        draw_colour_bar(figure, ax, cloud, hue, input_label(hue, fit.runs))
    entries += _key(ax, probs, kind, several)
    figure.legend(handles=entries, loc="outside upper left", ncols=2, columnspacing=1.2)
    return figure


def _checked(
    probs: Any, kind: str, extend: float | None, ratio: float | None, n_lines: int
) -> tuple[float, ...]:
    chosen = tuple(sorted(float(p) for p in np.atleast_1d(probs)))
    if not chosen or not all(0.0 < p < 1.0 for p in chosen):
        raise BayescaleError(f"The masses of the bands are {probs}. Give some between 0 and 1.")
    if kind not in ("new", "latent"):
        raise BayescaleError(f"There is no kind of band {kind!r}. Choose new or latent.")
    if extend is not None and not 0.0 <= extend <= 12.0:
        raise BayescaleError(f"The picture cannot go {extend} decades on. Give from 0 to 12.")
    if ratio is not None and not 0.0 < ratio < np.inf:
        raise BayescaleError(f"tokens_per_param is {ratio}. Give a number above zero.")
    if not 1 <= n_lines <= 8:
        raise BayescaleError(f"The number of lines is {n_lines}. Give from 1 to 8.")
    return chosen


def _grid(data: np.ndarray, ahead: np.ndarray | None, extend: float | None) -> np.ndarray:
    low, high = np.log10(data.min()), np.log10(data.max())
    if extend is not None:
        end = high + extend
    else:
        end = high + 1.0 if ahead is None else high + MARGIN
    if ahead is not None:
        low, end = min(low, np.log10(ahead.min())), max(end, np.log10(ahead.max()) + MARGIN)
    return np.logspace(low - MARGIN, max(end, low + MARGIN), GRID)


def _points(ax: Any, fit: Fit, x: str, hue: str | None) -> tuple[Any, Any]:
    """Draw the fitted runs; return them, and the colour of a value of ``hue``."""
    from matplotlib.colors import LogNorm

    n = len(fit.runs)
    looks: dict[str, Any] = {"c": GREY}
    colour_of: Any = None
    if hue:
        values = values_of(fit.runs, hue)
        low, high = float(values.min()), float(values.max())
        norm = LogNorm(low, high if high > low * 1.01 else low * 1.1)
        looks = {"c": values, "cmap": colours(), "norm": norm}

        def colour_of(value: float) -> Any:
            return colours()(norm(value))

    cloud = ax.scatter(
        values_of(fit.runs, x), fit.runs.loss, s=12 if n < 60 else 7 if n < 400 else 3,
        alpha=0.9 if n < 400 else 0.6, lw=0, zorder=3, label=f"fitted runs ({n})", **looks,
    )  # fmt: skip
    cloud.set_gid("fitted runs")
    return cloud, colour_of


def _band(
    ax: Any, fit: Fit, path: Path, probs: tuple[float, ...], kind: str, colour: Any, several: bool
) -> tuple[list[Any], np.ndarray]:
    """Draw one line with its bands; return entries of the legend and the losses it spans."""
    ahead: Forecast = forecast(fit, path.inputs)
    for rank, prob in enumerate(reversed(probs)):
        low, high = ahead.interval(prob, kind)
        band = ax.fill_between(
            path.x, low, high, color=colour, alpha=0.16 + 0.16 * rank, lw=0, zorder=1
        )
        band.set_gid(f"band {prob:g}")
    outer = np.concatenate(ahead.interval(probs[-1], kind))
    if kind == "new" and not several:
        for end in ahead.interval(probs[-1], "latent"):
            ax.plot(path.x, end, color=colour, lw=0.5, ls=(0, (1, 1.2)), zorder=2)
    middle = ahead.quantile(0.5, kind)
    beyond = np.any([v > 0 for v in ahead.beyond.values()], axis=0)
    label = f"{path.label} median" if not several else path.label
    known = np.where(beyond, np.nan, middle)
    (line,) = ax.plot(path.x, middle, color=colour, lw=0.9, ls=(0, (3, 1.5)), zorder=2)
    (line,) = ax.plot(path.x, known, color=colour, lw=1.3, zorder=2, label=label.strip())
    return [line], outer


def _frame(ax: Any, fit: Fit, x: str, grid: np.ndarray, extent: np.ndarray) -> None:
    """Set limits, scales and labels."""
    ax.set_xlim(grid[0], grid[-1])
    low, high = float(extent.min()), float(extent.max())
    room = 0.04 * np.log(high / low) + 1e-3
    ax.set_ylim(low * np.exp(-room), high * np.exp(room))
    size_axis(ax.xaxis, x)
    ax.set_xlabel(input_label(x, fit.runs))
    loss_axis(ax, fit.runs)
    quiet_ticks(ax)


def _frontier(ax: Any, edge: float, end: float) -> None:
    """Mark where the data end."""
    if end < edge * 10 ** (MARGIN * 1.5):
        return
    ax.axvspan(edge, end, color=SHADE, lw=0, zorder=0).set_gid("beyond the data")
    ax.axvline(edge, color=GREY, lw=0.6, ls=(0, (4, 2)), zorder=1).set_gid("frontier")
    ax.annotate(
        "beyond the data", (edge, 1.0), (3, -3), xycoords=("data", "axes fraction"),
        textcoords="offset points", va="top", fontsize=6.0, color=GREY,
    )  # fmt: skip


def _key(ax: Any, probs: tuple[float, ...], kind: str, several: bool) -> list[Any]:
    """Return entries of the legend that say what the bands are."""
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    colour = GREY if several else BLUE
    masses = ", ".join(f"{100 * p:g}" for p in probs) + " %"
    what = "of new runs" if kind == "new" else "of the law itself"
    found: list[Any] = [Patch(color=colour, alpha=0.3, label=f"{masses} {what}")]
    if kind == "new" and not several:
        dots = Line2D([], [], color=colour, lw=0.6, ls=(0, (1, 1.2)))
        dots.set_label(f"{100 * probs[-1]:g} % of the law itself")
        found.append(dots)
    return found
