"""Prior predictive curves: what the law and its priors hold possible before any run is seen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from bayescale.errors import BayescaleError
from bayescale.plots.axes import input_label, loss_axis, size_axis
from bayescale.plots.density import prior_fit
from bayescale.plots.layers import MARGIN, dot_size, drawn_runs
from bayescale.plots.path import Path, along, default_input, iso_lines, linear_grid, values_of
from bayescale.plots.style import COLUMN, GREY, INK, PURPLE, new_figure, quiet_ticks, styled
from bayescale.posterior import Fit
from bayescale.units import is_linear

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["plot_prior"]

GRID = 60
ROOM = 1.6
"""The picture shows at most this factor of loss above and below the data."""


@styled
def plot_prior(
    fit: Fit,
    *,
    x: str | None = None,
    probs: tuple[float, ...] = (0.5, 0.9),
    n_curves: int = 40,
    n: int = 8000,
    extend: float = 1.0,
    tokens_per_param: float | None = None,
    seed: int = 0,
    size: tuple[float, float] | None = None,
) -> Figure:
    """Draw the law at draws from its prior, in the unit of the loss, over the data.

    The default priors are stated relative to the geometric mean of the losses, so the curves pass
    near it; what they leave open is how the loss falls from there. A law of N and D is drawn
    against compute along D = tokens_per_param x N, and against N or D at the middle of the other.

    Parameters
    ----------
    fit : Fit
        A fit, for its law, priors and runs; its posterior is not used.
    x : str, optional
        The horizontal input; C where the law has N and D, else the law's first.
    probs : tuple of float
        Masses of the central bands of the law over the prior.
    n_curves : int
        Curves drawn one by one.
    n : int
        Draws for the bands.
    extend : float
        Decades beyond the data.
    tokens_per_param : float, optional
        The ratio of the line against compute; the geometric mean of the runs unless said.
    seed : int
        Seed of the draws.
    size : (float, float), optional
        Width and height in inches.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    BayescaleError
        Where the law has no such input.
    """
    chosen = sorted(float(p) for p in np.atleast_1d(probs))
    if not chosen or not all(0.0 < p < 1.0 for p in chosen):
        raise BayescaleError(f"The masses of the bands are {probs}. Give some between 0 and 1.")
    x = default_input(fit.law, x, fit.runs)
    data = values_of(fit.runs, x)
    if is_linear(x):
        grid = linear_grid(data, GRID)
    else:
        grid = np.geomspace(data.min() * 10**-MARGIN, data.max() * 10 ** max(extend, MARGIN), GRID)
    path = _path(fit, x, grid, tokens_per_param)
    drawn = prior_fit(fit, max(n, n_curves), seed)
    loss = np.exp(drawn.log_law(path.inputs))[0]

    figure = new_figure(*(size or (COLUMN, 2.75)))
    ax = figure.add_subplot()
    entries = [_runs(ax, fit, data)]
    for rank, prob in enumerate(reversed(chosen)):
        low, high = np.quantile(loss, [(1 - prob) / 2, (1 + prob) / 2], axis=0)
        band = ax.fill_between(
            grid, low, high, color=PURPLE, alpha=0.22 + 0.2 * rank, lw=0, zorder=1,
            label=f"{100 * prob:g} % of the prior",
        )  # fmt: skip
        band.set_gid(f"band {prob:g}")
        entries.append(band)
    for curve in loss[:n_curves]:
        (line,) = ax.plot(grid, curve, color=GREY, lw=0.4, alpha=0.6, zorder=2)
        line.set_gid("prior draw")
    if n_curves:
        line.set_label("draws from the prior" + (f", {path.label}" if path.label else ""))
        entries.insert(1, line)
    _frame(ax, fit, x, grid, loss)
    figure.legend(handles=entries, loc="outside upper left", ncols=2)
    return figure


def _path(fit: Fit, x: str, grid: np.ndarray, ratio: float | None) -> Path:
    if x != "C" or x in fit.law.inputs:
        return iso_lines(fit, x, grid, 1)[0]
    if ratio is None:
        ratio = float(f"{np.exp(fit.reference['D'] - fit.reference['N']):.2g}")
    return along(fit.law, fit.reference, x, grid, ratio)


def _runs(ax: Any, fit: Fit, data: np.ndarray) -> Any:
    n = len(data)
    some = drawn_runs(n)
    cloud = ax.scatter(
        data[some], fit.runs.loss[some], s=dot_size(n), color=INK, lw=0, zorder=3,
        label=f"runs ({n})",
    )  # fmt: skip
    cloud.set_gid("runs")
    return cloud


def _frame(ax: Any, fit: Fit, x: str, grid: np.ndarray, loss: np.ndarray) -> None:
    """Set limits that hold most of the prior, but not its tails."""
    seen = fit.runs.loss
    span = max(float(seen.max() / seen.min()), 1.2)
    low = max(float(np.quantile(loss, 0.03)), float(seen.min()) / span / ROOM)
    high = min(float(np.quantile(loss[:, 0], 0.97)), float(seen.max()) * span * ROOM)
    ax.set_xlim(grid[0], grid[-1])
    ax.set_ylim(min(low, 0.97 * float(seen.min())), max(high, 1.03 * float(seen.max())))
    size_axis(ax.xaxis, x)
    ax.set_xlabel(input_label(x, fit.runs))
    loss_axis(ax, fit.runs)
    quiet_ticks(ax)
