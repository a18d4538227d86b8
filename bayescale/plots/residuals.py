"""Residuals: where the law misses, and whether the noise model describes the misses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from bayescale.errors import BayescaleError
from bayescale.plots.axes import BENT, draw_colour_bar, input_label, residual_axis, size_axis
from bayescale.plots.labels import place_labels
from bayescale.plots.layers import MOST, dot_size, drawn_runs, hues
from bayescale.plots.path import values_of
from bayescale.plots.style import BLUE, GREY, INK, PAGE, SHADE, new_figure, quiet_ticks, styled
from bayescale.posterior import OUTLIER, Fit
from bayescale.units import coordinate, natural

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["plot_residuals"]

REPLICATES = 400
"""Sets of residuals simulated for the envelope of the quantile plot."""

NAMED = 6
"""Outliers are named up to this many; more are counted."""


@styled
def plot_residuals(
    fit: Fit,
    *,
    names: tuple[str, ...] | None = None,
    hue: str | None = None,
    prob: float = 0.9,
    size: tuple[float, float] | None = None,
) -> Figure:
    """Draw residuals against compute and each input, and their quantiles against the noise's.

    A residual is the log of the observed loss over the median fitted one, in units of the median
    scale of the noise at the run; the shade is two scales wide to each side. Runs beyond five
    scales are named, or counted where there are many. Of more than 20,000 runs as many are drawn,
    and the envelope is that of the noise at its median parameters.

    Parameters
    ----------
    fit : Fit
        A posterior.
    names : tuple of str, optional
        Columns of the runs to draw against; C and the law's inputs unless said.
    hue : str, optional
        Column that colours the runs; D/N where the law has N and D.
    prob : float
        Mass of the pointwise envelope in the quantile plot: where as many runs would lie if the
        law and the noise were exact.
    size : (float, float), optional
        Width and height in inches.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    BayescaleError
        Where the runs have no such column, or the probability is out of range.
    """
    if not 0.0 < prob < 1.0:
        raise BayescaleError(f"The mass of the envelope is {prob:g}. Give one between 0 and 1.")
    runs = fit.runs
    both = {"N", "D"} <= set(fit.law.inputs)
    against = names or tuple(dict.fromkeys((*(("C",) if both else ()), *fit.law.inputs)))
    if hue is None and both and "M" in runs.columns:
        hue = "M"
    scale, unit = fit.noise_scale, r"noise scales $\sigma$"
    z = fit.residuals / scale
    panels = len(against) + 1
    columns = min(panels, 4)
    rows = -(-panels // columns)
    figure = new_figure(*(size or (PAGE * max(columns, 2) / 4, 2.0 * rows)))
    axes = figure.subplots(rows, columns, sharey=True, squeeze=False).ravel()
    clouds = [_against(ax, fit, z, name, hue) for ax, name in zip(axes, against, strict=False)]
    _quantiles(axes[len(against)], fit, z, prob)
    for ax in axes[panels:]:
        ax.remove()
    for place, ax in enumerate(axes[:panels]):
        residual_axis(ax, z)
        quiet_ticks(ax)
        if place % columns == 0:
            ax.set_ylabel(f"Residual ({unit})")
    for ax, name in zip(axes, against, strict=False):
        place_labels(ax, *_outliers(values_of(runs, name), z, runs.labels))
    far = int(np.sum(np.abs(z) > OUTLIER))
    if far > NAMED:
        note = f"{far} runs beyond {OUTLIER:.0f} scales"
        axes[0].set_title(note, fontsize=6.5, loc="left", pad=3.0)
    if hue:
        label = input_label(hue, runs)
        draw_colour_bar(figure, list(axes[:panels]), clouds[0], hue, label)
    return figure


def _against(ax: Any, fit: Fit, z: np.ndarray, name: str, hue: str | None) -> Any:
    x = values_of(fit.runs, name)
    n = len(z)
    ax.axhspan(-2.0, 2.0, color=SHADE, lw=0, zorder=0)
    ax.axhline(0.0, color=GREY, lw=0.6, zorder=1)
    some = drawn_runs(n)
    looks = hues(fit.runs, hue, some) if hue else {"c": BLUE}
    alpha = 0.9 if n < 400 else 0.6
    cloud = ax.scatter(x[some], z[some], s=dot_size(n), alpha=alpha, lw=0, zorder=2, **looks)
    cloud.set_gid(f"residuals against {name}")
    low, high = coordinate(name, [x.min(), x.max()])
    room = 0.06 * (high - low) + 0.05
    ax.set_xlim(*natural(name, [low - room, high + room]))
    size_axis(ax.xaxis, name, most=4)
    label = input_label(name, fit.runs)
    ax.set_xlabel(label.replace(" (", "\n(") if len(label) > 28 else label)
    return cloud


def _outliers(
    x: np.ndarray, z: np.ndarray, labels: tuple[str, ...]
) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Return the places and names of the runs far off, unless there are many."""
    far = np.flatnonzero(np.abs(z) > OUTLIER)
    far = far[np.argsort(-np.abs(z[far]))] if len(far) <= NAMED else far[:0]
    return x[far], z[far], [labels[i] for i in far]


def _quantiles(ax: Any, fit: Fit, z: np.ndarray, prob: float) -> None:
    """Draw sorted residuals against those that the fitted noise would show."""
    n, seen = len(z), np.sort(z)
    probs = np.array([(1 - prob) / 2, 0.5, (1 + prob) / 2])
    if n > MOST:
        ranks = _ranks(n)
        seen = seen[ranks - 1]
        low, middle, high = _order_statistics(fit, ranks, n, probs)
    else:
        low, middle, high = np.quantile(_sets(fit, n), probs, axis=0)
    band = ax.fill_between(
        middle, low, high, color=BLUE, alpha=0.22, lw=0,
        label=f"{100 * prob:g} % if {fit.noise.name.partition('(')[0].replace('_', ' ')}",
    )  # fmt: skip
    band.set_gid("envelope")
    reach = float(np.abs(middle).max())
    if np.abs(z).max() > BENT:  # bent like the vertical axis, so that equal is straight
        ax.set_xscale("symlog", linthresh=5.0)
        ax.set_xticks([-10, -5, 0, 5, 10], ["−10", "", "0", "", "10"])
        ax.minorticks_off()
    ax.plot([-reach, reach], [-reach, reach], color=GREY, lw=0.6, zorder=1)
    points = ax.scatter(middle, seen, s=0.7 * dot_size(n), color=INK, lw=0, zorder=3)
    points.set_gid("quantiles")
    ax.set_xlim(-1.08 * reach, 1.08 * reach)
    ax.set_xlabel(r"Quantile of the noise ($\sigma$)")
    ax.legend(loc="upper left", handlelength=1.2, fontsize=6.0)


def _sets(fit: Fit, n: int) -> np.ndarray:
    """Sorted residuals, in scales, of as many simulated tables as there are replicates."""
    rng = np.random.default_rng(0)
    total = next(iter(fit.draws.values())).size
    pick = rng.integers(0, total, REPLICATES)
    noise = {p.name: fit.draws[p.name].ravel()[pick][:, None] for p in fit.noise.parameters}
    log_mean = np.broadcast_to(np.log(fit.runs.loss) - fit.residuals, (REPLICATES, n))
    drawn = fit.noise.simulate(rng, log_mean, noise, fit.noise_rows)
    return np.sort(drawn / fit.noise_scale, axis=1)


def _ranks(n: int) -> np.ndarray:
    """Ranks to draw of very many: every one far out, few in the middle."""
    tail = np.unique(np.geomspace(1, n / 2, MOST // 10).round().astype(int))
    return np.concatenate([tail, n + 1 - tail[::-1]])


def _order_statistics(fit: Fit, ranks: np.ndarray, n: int, probs: np.ndarray) -> np.ndarray:
    """Quantiles of residuals of given ranks: the rank k of n uniform numbers is Beta(k, n+1-k).

    In scales, and at the run of middle scale, where they differ.
    """
    from scipy import special

    noise = {p.name: float(np.median(fit.draws[p.name])) for p in fit.noise.parameters}
    uniform = special.betaincinv(ranks, n + 1 - ranks, probs[:, None])
    at = int(np.argsort(fit.noise_scale)[n // 2])
    rows = fit.noise.ahead({k: v[[at]] for k, v in fit.runs.columns.items()}, fit.runs)
    log_mean = float(np.log(fit.runs.loss[at]) - fit.residuals[at])
    found = fit.noise.quantile(uniform, noise, rows, log_mean)
    return np.asarray(found / fit.noise_scale[at])
