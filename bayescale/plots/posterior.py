"""Marginal posteriors of the parameters, with their priors."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from bayescale.errors import BayescaleError
from bayescale.model import LOSS_SCALE
from bayescale.plots.axes import parameter_axis
from bayescale.plots.density import (
    density,
    drawn_names,
    on_log_axis,
    prior_density,
    prior_draws,
    window,
)
from bayescale.plots.style import (
    BLUE,
    GREEN,
    GREY,
    INK,
    ORANGE,
    PAGE,
    PURPLE,
    VERMILION,
    new_figure,
    styled,
)
from bayescale.posterior import Fit
from bayescale.units import format_size

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["chosen_names", "plot_posterior"]

DASHES = (0, (3, 1.5))
PRESETS = (VERMILION, GREEN, ORANGE, PURPLE)


@styled
def plot_posterior(
    fit: Fit,
    *,
    names: Sequence[str] | None = None,
    probs: tuple[float, float] = (0.5, 0.9),
    prior: bool = True,
    presets: Sequence[str] | bool = False,
    columns: int = 4,
    size: tuple[float, float] | None = None,
) -> Figure:
    """Draw the marginal posterior of each parameter.

    Parameters
    ----------
    fit : Fit
        A posterior.
    names : sequence of str, optional
        Parameters, of ``fit.parameters``; the field's, ``a`` and the noise's unless said.
    probs : (float, float)
        Masses of the thick and the thin central interval under each density.
    prior : bool
        Whether priors are drawn. That of a derived parameter, such as A, is what the priors of
        the sampled ones imply. On a narrow posterior a wide prior is all but flat.
    presets : sequence of str, or bool
        Published fits of the law to mark; True for all.
    columns : int
        Panels in a row.
    size : (float, float), optional
        Width and height in inches.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    BayescaleError
        Where there is no such parameter or preset.
    """
    shown = chosen_names(fit, names)
    published = _presets(fit, presets)
    before = prior_draws(fit) if prior else {}
    columns = min(max(columns, 1), len(shown))
    rows = math.ceil(len(shown) / columns)
    figure = new_figure(*(size or (PAGE * columns / 4, 1.35 * rows + 0.3)))
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    entries: dict[str, Any] = {}
    for ax, name in zip(axes, shown, strict=False):
        entries |= _marginal(ax, fit, name, probs, before.get(name))
        outside = 0
        for colour, (preset, values) in zip(PRESETS * 9, published.items(), strict=False):
            if name in values and ax.get_xlim()[0] <= values[name] <= ax.get_xlim()[1]:
                ax.axvline(values[name], color=colour, lw=0.9, ls=DASHES).set_gid(preset)
                entries.setdefault(preset, _dashes(colour, preset))
            elif name in values:
                _arrow(ax, values[name], colour, outside)
                entries.setdefault(preset, _dashes(colour, preset))
                outside += 1
    for ax in axes[len(shown) :]:
        ax.remove()
    handles = sorted(entries.values(), key=lambda entry: entry.get_label() in published)
    figure.legend(handles=handles, loc="outside upper left", ncols=max(2, round(1.5 * columns)))
    return figure


def chosen_names(fit: Fit, names: Sequence[str] | None, noise: bool = True) -> list[str]:
    """Return the parameters that were asked for, or the usual ones."""
    if names is None:
        return drawn_names(fit, noise)
    asked = [names] if isinstance(names, str) else list(names)
    for name in asked:
        if name not in fit.parameters:
            raise BayescaleError(
                f"The fit has no parameter {name!r}. Choose of: {', '.join(fit.parameters)}."
            )
    if not asked:
        raise BayescaleError("There are no parameters to draw. Name at least one.")
    return asked


def _presets(fit: Fit, presets: Sequence[str] | bool) -> dict[str, dict[str, float]]:
    if presets is True:
        presets = tuple(fit.law.presets)
    elif presets is False:
        presets = ()
    asked = [presets] if isinstance(presets, str) else presets
    found = {name: fit.law.preset(name) for name in asked}
    if fit.law.allocation_exponents:
        on_n, on_d = fit.law.allocation_exponents
        for values in found.values():
            values["a"] = values[on_d] / (values[on_n] + values[on_d])
    return found


def _marginal(
    ax: Any, fit: Fit, name: str, probs: tuple[float, float], before: np.ndarray | None
) -> dict[str, Any]:
    """Draw one parameter; return entries of the legend by label."""
    values = fit.parameters[name].ravel()
    log = on_log_axis(fit, name)
    low, high = window(values, log)
    x = np.geomspace(low, high, 400) if log else np.linspace(low, high, 400)
    x = np.maximum(x, 1e-9 * high) if low == 0 else x
    sampled = {p.name: p for p in fit.model.parameters}
    edge = float(fit.model.priors[name].quantile(0.0)) if name in sampled else 0.0
    height = density(values, x, log, edge)
    top = float(height.max()) or 1.0
    ax.fill_between(x, 0.0, height, color=BLUE, alpha=0.25, lw=0)
    (line,) = ax.plot(x, height, color=BLUE, label="posterior")
    entries: dict[str, Any] = {"posterior": line}
    if before is not None:
        if name in sampled:
            scale = fit.reference[LOSS_SCALE]
            prior = prior_density(fit.model.priors[name], sampled[name], scale, x, log)
        else:
            prior = density(before, x, log)
        top = max(top, min(float(prior.max()), 1.5 * top))
        (entries["prior"],) = ax.plot(x, prior, color=GREY, lw=0.9, label="prior", zorder=1)
    for prob, width in zip(probs, (2.6, 1.0), strict=True):
        ends = np.quantile(values, [(1 - prob) / 2, (1 + prob) / 2])
        label = f"{100 * prob:g} % interval"
        (entries[label],) = ax.plot(
            ends, [-0.09 * top] * 2, color=INK, lw=width, solid_capstyle="butt", label=label
        )
    middle = np.median(values)
    ax.plot(middle, -0.09 * top, "o", ms=3.0, mfc="white", mec=INK, mew=0.7)
    ax.set_ylim(-0.17 * top, 1.08 * top)
    ax.set_yticks([])
    ax.spines["left"].set_visible(False)
    ax.set_xlim(low, high)
    parameter_axis(ax.xaxis, name, log)
    return entries


def _dashes(colour: str, label: str) -> Any:
    from matplotlib.lines import Line2D

    return Line2D([], [], color=colour, lw=0.9, ls=DASHES, label=label)


def _arrow(ax: Any, value: float, colour: str, rank: int) -> None:
    """Point to a published value that lies outside the panel."""
    low, _ = ax.get_xlim()
    right = value > low
    ax.annotate(
        format_size(value, kind="compute"), (float(right), 0.95 - 0.12 * rank),
        (-10 if right else 10, 0),
        xycoords="axes fraction", textcoords="offset points", color=colour, fontsize=6.0,
        ha="right" if right else "left", va="center",
        arrowprops={"arrowstyle": "->", "color": colour, "lw": 0.8, "shrinkA": 0, "shrinkB": 0},
    )  # fmt: skip
