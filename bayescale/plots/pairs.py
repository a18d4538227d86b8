"""Pairs of parameters: what the data leave tied together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import ndimage

from bayescale.plots.axes import parameter_axis
from bayescale.plots.density import density, on_log_axis, window
from bayescale.plots.posterior import chosen_names
from bayescale.plots.style import BLUE, INK, PAGE, new_figure, quiet_ticks, styled, symbol
from bayescale.posterior import Fit

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["plot_pairs"]

CELLS = 70
"""Cells along each side of a panel on which a density is estimated."""


@styled
def plot_pairs(
    fit: Fit,
    *,
    names: Sequence[str] | None = None,
    probs: tuple[float, ...] = (0.5, 0.9),
    size: tuple[float, float] | None = None,
) -> Figure:
    """Draw the joint posterior of each two parameters, with the marginals on the diagonal.

    Contours hold the stated shares of the posterior, highest density on the log scale first for
    positive parameters. Amplitudes that spread far are on logarithmic axes.

    Parameters
    ----------
    fit : Fit
        A posterior.
    names : sequence of str, optional
        Parameters, of ``fit.parameters``; the field's and ``a`` unless said.
    probs : tuple of float
        Masses of the contours.
    size : (float, float), optional
        Width and height in inches.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    BayescaleError
        Where there is no such parameter.
    """
    shown = chosen_names(fit, names, noise=False)
    n = len(shown)
    side = min(PAGE, 1.15 * n + 0.4)
    width, height = size or (side, side)
    figure = new_figure(width, height, layout=False)  # a fixed grid; finding one takes long
    axes = figure.subplots(n, n, squeeze=False)
    figure.subplots_adjust(
        left=0.58 / width, right=1 - 0.1 / width, bottom=0.5 / height, top=1 - 0.2 / height,
        wspace=0.1, hspace=0.26 if n < 7 else 0.36,
    )  # fmt: skip
    values = {name: fit.parameters[name].ravel() for name in shown}
    log = {name: on_log_axis(fit, name) for name in shown}
    limits = {name: window(values[name], log[name]) for name in shown}
    for row, below in enumerate(shown):
        for column, left in enumerate(shown):
            ax = axes[row, column]
            if column > row:
                ax.remove()
                continue
            if row == column:
                _marginal(ax, values[left], limits[left], log[left], left, 6.5 if n < 7 else 5.5)
            else:
                _joint(ax, values, limits, (left, below), probs)
                parameter_axis(ax.yaxis, below, log[below])
            parameter_axis(ax.xaxis, left, log[left])
            _inner(ax, last=row == n - 1, first=column == 0 and row > 0)
    _key(figure, axes, probs)
    return figure


def _marginal(
    ax: Any, values: np.ndarray, limits: tuple[float, float], log: bool, name: str, font: float
) -> None:
    low, high = limits
    x = np.geomspace(low, high, 300) if log else np.linspace(low, high, 300)
    height = density(values, np.maximum(x, 1e-9 * abs(high)) if values.min() > 0 else x, log)
    ax.fill_between(x, 0.0, height, color=BLUE, alpha=0.25, lw=0)
    ax.plot(x, height, color=BLUE, lw=0.9)
    ax.set_xlim(low, high)
    ax.set_ylim(0.0, 1.08 * (float(height.max()) or 1.0))
    ax.set_yticks([])
    ax.spines["left"].set_visible(False)
    middle, lower, upper = np.quantile(values, [0.5, 0.05, 0.95])
    ax.set_title(_measured(name, middle, lower, upper), fontsize=font, pad=3.0)


def _measured(name: str, middle: float, lower: float, upper: float) -> str:
    """Return a median with the distances to the ends of its 90 % interval."""
    name = symbol(name).rstrip("$")
    power = int(np.floor(np.log10(abs(middle)))) if middle else 0
    power = power if not -3 < power < 4 else 0
    middle, lower, upper = (v / 10.0**power for v in (middle, lower, upper))
    nearest = min((d for d in (middle - lower, upper - middle) if d > 0), default=1.0)
    digits = int(np.clip(1 - np.floor(np.log10(nearest)), 0, 4))
    down, up = f"{middle - lower:.{digits}f}", f"{upper - middle:.{digits}f}"
    body = f"{middle:.{digits}f}_{{-{down}}}^{{+{up}}}"
    return f"{name} = ({body}){{\\times}}10^{{{power}}}$" if power else f"{name} = {body}$"


def _joint(
    ax: Any,
    values: dict[str, np.ndarray],
    limits: dict[str, tuple[float, float]],
    pair: tuple[str, str],
    probs: tuple[float, ...],
) -> None:
    """Draw the contours of two parameters' density."""
    ax.set_xlim(*limits[pair[0]])
    ax.set_ylim(*limits[pair[1]])
    logs = [values[name].min() > 0 for name in pair]
    draws = np.vstack(
        [
            np.log(values[name]) if log else values[name]
            for name, log in zip(pair, logs, strict=True)
        ]
    )
    spread = draws.std(axis=1)
    if not np.all(spread > 1e-12 * np.abs(draws).max(axis=1)):
        ax.plot(values[pair[0]][:200], values[pair[1]][:200], ".", ms=1.5, color=BLUE)
        return
    places, height, levels = contoured(draws, probs)
    x, y = (np.exp(v) if log else v for v, log in zip(places, logs, strict=True))
    top = max(float(height.max()), levels[-1]) * 1.01
    for rank, level in enumerate(levels):
        filled = ax.contourf(x, y, height, [level, top], colors=[BLUE], alpha=0.18 + 0.17 * rank)
        filled.set_gid("contour")
    ax.contour(x, y, height, levels, colors=[BLUE], linewidths=0.6)


def contoured(
    draws: np.ndarray, probs: tuple[float, ...]
) -> tuple[np.ndarray, np.ndarray, list[float]]:
    """Return a smooth density of draws on a slanted grid, and the levels that hold given shares.

    The grid lies along the draws' own principal axes, so that a narrow ridge is resolved.

    Parameters
    ----------
    draws : array, shape (2, draw)
    probs : tuple of float

    Returns
    -------
    places : array, shape (2, cell, cell)
    height : array, shape (cell, cell)
    levels : list of float
        Rising.
    """
    centre = draws.mean(axis=1, keepdims=True)
    variances, axes = np.linalg.eigh(np.cov(draws))
    factor = axes * np.sqrt(np.maximum(variances, 1e-300))
    u = np.linalg.lstsq(factor, draws - centre, rcond=None)[0]
    ends = [np.quantile(row, [0.002, 0.998]) + np.array([-0.8, 0.8]) for row in u]
    counts, *edges = np.histogram2d(u[0], u[1], bins=CELLS, range=ends)
    width = 1.3 * draws.shape[1] ** (-1 / 6)
    sigma = [width / (edge[1] - edge[0]) for edge in edges]
    height = ndimage.gaussian_filter(counts, sigma, mode="constant")
    ordered = np.sort(height.ravel())[::-1]
    held = np.cumsum(ordered) / counts.sum()
    levels = sorted({float(ordered[min(np.searchsorted(held, p), held.size - 1)]) for p in probs})
    middles = [(edge[1:] + edge[:-1]) / 2 for edge in edges]
    mesh = np.stack(np.meshgrid(*middles, indexing="ij"))
    places = centre[:, :, None] + np.einsum("ij,jkl->ikl", factor, mesh)
    return places, height, levels


def _inner(ax: Any, *, last: bool, first: bool) -> None:
    """Leave tick labels on the outer panels only."""
    if not last:
        ax.set_xlabel("")
        ax.tick_params(which="both", labelbottom=False)
    if not first:
        ax.set_ylabel("")
        ax.tick_params(which="both", labelleft=False)
    quiet_ticks(ax)
    box, figure = ax.get_position(), ax.figure
    ax.yaxis.set_label_coords(-0.4 / (box.width * figure.get_figwidth()), 0.5)
    ax.xaxis.set_label_coords(0.5, -0.36 / (box.height * figure.get_figheight()))
    ax.tick_params(axis="x", labelrotation=45 if last else 0)


def _key(figure: Any, axes: Any, probs: tuple[float, ...]) -> None:
    """Say what the contours hold, in the empty corner."""
    from matplotlib.patches import Patch

    if len(axes) < 2:
        return
    ordered = sorted(probs, reverse=True)
    handles = [
        Patch(fc=BLUE, alpha=0.25 + 0.3 * rank, label=f"{100 * p:g} % of the posterior")
        for rank, p in enumerate(ordered)
    ]
    figure.legend(handles=handles, loc="upper right", bbox_to_anchor=(0.99, 0.97))
    figure.text(
        0.985, 0.965 - 0.16 / figure.get_figheight() * (len(ordered) + 0.6),
        "above: median and 90 % interval", ha="right", va="top", fontsize=6.5, color=INK,
    )  # fmt: skip
