"""Loss against compute or an input: the data, the law, its bands, and runs that were held out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from bayescale.errors import BayescaleError
from bayescale.plots.axes import draw_colour_bar, input_label, loss_axis, size_axis
from bayescale.plots.layers import MARGIN, draw_band, draw_frontier, draw_runs, keys
from bayescale.plots.path import (
    Path,
    along,
    default_input,
    iso_lines,
    linear_grid,
    optimal,
    values_of,
)
from bayescale.plots.strip import draw_strip
from bayescale.plots.style import BLUE, COLUMN, new_figure, quiet_ticks, styled
from bayescale.plots.targets import draw_targets, targets
from bayescale.posterior import Fit
from bayescale.units import is_linear

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["plot_band"]

GRID = 60
"""Points along each line."""


@styled
def plot_band(
    fit: Fit,
    *,
    x: str | None = None,
    held_out: Any = None,
    probs: tuple[float, ...] = (0.5, 0.9),
    of: str = "new",
    extend: float | None = None,
    tokens_per_param: float | None = None,
    n_lines: int = 3,
    strip: bool | None = None,
    size: tuple[float, float] | None = None,
) -> Figure:
    """Draw loss against compute or an input, with bands.

    Against compute, a law of N and D is drawn along the compute-optimal line of its posterior
    (at each C the N that minimises the median law, C = 6ND), so runs that are off that line lie
    above the band. Against N or D it is drawn at a few values of the other. Inputs beside those
    are held at the reference point. Where a line is outside the data in any input it is broken.

    Parameters
    ----------
    fit : Fit
        A posterior.
    x : str, optional
        The horizontal input; C where the law has N and D, else the law's first.
    held_out : Runs, Forecast or mapping, optional
        Runs left out of the fit, or targets. Each is shown with its own interval for a new run,
        predicted at its own inputs.
    probs : tuple of float
        Masses of the central bands; the largest is also that of the intervals of ``held_out``.
    of : {"new", "latent"}
        Bands of a new run's loss, or of the law's. With ``new`` the law's largest band is drawn
        as dotted lines.
    extend : float, optional
        Decades beyond the data; as far as ``held_out`` reaches unless said, else one.
    tokens_per_param : float, optional
        Against C, draw the line D = tokens_per_param x N and not the compute-optimal one.
    n_lines : int
        Number of values of the other input, against N or D.
    strip : bool, optional
        Whether a strip beneath shows every run's distance from its own prediction; unless said,
        where losses were held out.
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
    probs = _checked(probs, of, extend, tokens_per_param, n_lines)
    x = default_input(fit.law, x, fit.runs)
    shown = None if held_out is None else targets(fit, held_out, probs[-1])
    if strip is None:
        strip = shown is not None and shown.observed is not None
    data = values_of(fit.runs, x)
    ahead = None if shown is None else values_of(shown.points, x)
    grid = _grid(x, data, ahead, extend)
    paths, hue = _paths(fit, x, grid, tokens_per_param, n_lines)

    width, height = size or (COLUMN + (0.35 if hue else 0.0), 3.5 if strip else 2.75)
    figure = new_figure(width, height)
    ratios = {"height_ratios": [3.2, 1.0]} if strip else {}
    axes = figure.subplots(2 if strip else 1, 1, sharex=True, squeeze=False, gridspec_kw=ratios)
    ax, foot = axes[0, 0], axes[-1, 0]

    cloud, colour_of = draw_runs(ax, fit, x, hue)
    extent, lines = [fit.runs.loss], []
    several = len(paths) > 1
    for path in paths:
        colour = colour_of(path.inputs[path.other][0]) if several and path.other else BLUE
        line, span = draw_band(ax, fit, path, probs, of, colour, several)
        lines.append(line)
        extent.append(span)
    markers = [cloud]
    if shown is not None:
        markers += draw_targets(ax, shown, x, probs[-1], intervals=bool(hue))
        extent.append(shown.extent)

    foot.set_xlim(grid[0], grid[-1])
    size_axis(foot.xaxis, x)
    foot.set_xlabel(input_label(x, fit.runs))
    _fit_height(ax, np.concatenate(extent))
    loss_axis(ax, fit.runs)
    if strip:
        draw_strip(foot, fit, shown, x, hue)
        quiet_ticks(foot)
    for each in axes.ravel():
        if not is_linear(x):
            draw_frontier(each, data.max(), grid[-1], named=each is ax)
    if hue:
        draw_colour_bar(figure, list(axes.ravel()), cloud, hue, input_label(hue, fit.runs))
    figure.align_ylabels(axes.ravel())
    _legend(figure, markers, [*lines, *keys(probs, of, several)])
    return figure


def _checked(
    probs: Any, of: str, extend: float | None, ratio: float | None, n_lines: int
) -> tuple[float, ...]:
    chosen = tuple(sorted(float(p) for p in np.atleast_1d(probs)))
    if not chosen or not all(0.0 < p < 1.0 for p in chosen):
        raise BayescaleError(f"The masses of the bands are {probs}. Give some between 0 and 1.")
    if of not in ("new", "latent"):
        raise BayescaleError(f"There is no band of {of!r}. Choose new or latent.")
    if extend is not None and not 0.0 <= extend <= 12.0:
        raise BayescaleError(f"The picture cannot go {extend} decades on. Give from 0 to 12.")
    if ratio is not None and not 0.0 < ratio < np.inf:
        raise BayescaleError(f"tokens_per_param is {ratio}. Give a number above zero.")
    if not 1 <= n_lines <= 8:
        raise BayescaleError(f"The number of lines is {n_lines}. Give from 1 to 8.")
    return chosen


def _grid(x: str, data: np.ndarray, ahead: np.ndarray | None, extend: float | None) -> np.ndarray:
    if is_linear(x):
        return linear_grid(data if ahead is None else np.concatenate([data, ahead]), GRID)
    low, high = np.log10(data.min()), np.log10(data.max())
    if extend is not None:
        end = high + extend
    else:
        end = high + (1.0 if ahead is None else MARGIN)
    if ahead is not None:
        low, end = min(low, np.log10(ahead.min())), max(end, np.log10(ahead.max()) + MARGIN)
    return np.logspace(low - MARGIN, max(end, low + MARGIN), GRID)


def _paths(
    fit: Fit, x: str, grid: np.ndarray, ratio: float | None, n_lines: int
) -> tuple[list[Path], str | None]:
    """Return the lines to draw, and the input that colours the runs."""
    if x != "C" or x in fit.law.inputs:
        lines = iso_lines(fit, x, grid, n_lines)
        return lines, lines[0].other
    if ratio is None:
        return [optimal(fit, grid)], "N"
    return [along(fit.law, fit.reference, x, grid, ratio)], "N"


def _fit_height(ax: Any, extent: np.ndarray) -> None:
    finite = extent[np.isfinite(extent) & (extent > 0)]
    if not len(finite):
        raise BayescaleError(
            "The bands of the fit have no finite value to draw. Its summary says what went wrong: "
            "bayescale summary."
        )
    low, high = float(finite.min()), float(finite.max())
    room = 0.04 * np.log(high / low) + 1e-3
    ax.set_ylim(low * np.exp(-room), high * np.exp(room))


def _legend(figure: Figure, left: list[Any], right: list[Any]) -> None:
    """Put runs in the first column and lines in the others, above the picture."""
    from matplotlib.patches import Patch

    columns = [left, right] if len(right) <= 3 else [left, right[:3], right[3:]]
    rows = max(len(column) for column in columns)
    blank = Patch(color="none", label=" ")
    handles = [entry for c in columns for entry in (*c, *[blank] * (rows - len(c)))]
    figure.legend(
        handles=handles, loc="outside upper left", ncols=len(columns), columnspacing=1.2,
        labelspacing=0.3,
    )  # fmt: skip
