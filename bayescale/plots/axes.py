"""Axes of scaling laws: logarithmic, with ticks and labels that people read at a glance."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from bayescale.plots.style import quiet_ticks, symbol
from bayescale.units import INPUTS, format_size, is_linear

if TYPE_CHECKING:
    from collections.abc import Callable

    from bayescale.runs import Runs

__all__ = [
    "BENT",
    "draw_colour_bar",
    "input_label",
    "loss_axis",
    "parameter_axis",
    "residual_axis",
    "short",
    "size_axis",
    "size_ticks",
]

LINEAR = 8.0
"""A loss axis that spans less than this factor has evenly spaced ticks."""

BENT = 25.0
"""Residuals beyond this many scales bend their axis to a logarithmic one far out."""


def input_label(name: str, runs: Runs) -> str:
    """Return the label of an input's axis: meaning, symbol, unit."""
    info = INPUTS.get(name)
    if info is None:
        return name
    own = runs.mapping.get(name, name)
    if name == "x":
        return f"{own.replace('_', ' ').capitalize()}" if own != "x" else "x"
    meaning = info.meaning.split(",")[0]
    meaning = meaning[0].upper() + meaning[1:]
    unit = info.unit
    if name == "N":
        unit = "" if runs.count == "unspecified" else runs.count
    elif name == "M":
        unit = ""
    elif unit in meaning:
        unit = ""
    sign = "D/N" if name == "M" else name
    return f"{meaning} ${sign}$" + (f" ({unit})" if unit else "")


def short(name: str, value: float) -> str:
    """Return a value of an input for people: ``70B``, ``6e21``."""
    return format_size(value, kind="compute" if name == "C" else "count", digits=2)


def size_ticks(name: str) -> Callable[[float, object], str]:
    """Return the writer of an input's ticks: 10M, 1B for counts, powers of ten for compute."""

    def write(value: float, _: object = None) -> str:
        if value <= 0:
            return ""
        power = math.floor(math.log10(value) + 1e-9)
        if name in ("C", "lr", "parameter") or not 3 <= power < 15:
            if -3 <= power < 4:
                return f"{value:g}"
            lead = round(value / 10.0**power)
            return f"$10^{{{power}}}$" if lead == 1 else rf"${lead}{{\times}}10^{{{power}}}$"
        return format_size(value, digits=2)

    return write


def size_axis(axis: Any, name: str, most: int = 8) -> None:
    """Make an axis logarithmic, unless the input is linear, with ticks for it.

    Parameters
    ----------
    axis : matplotlib.axis.Axis
        Its limits must be set already.
    name : str
        The input.
    most : int
        Most labelled ticks.
    """
    from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

    if is_linear(name):
        axis.set_major_locator(MaxNLocator(most))
        return
    axis.axes.set_xscale("log")
    low, high = axis.get_view_interval()
    decades = math.log10(high / low)
    subs = (1.0,) if decades > 1.7 else (1.0, 3.0) if decades > 0.9 else (1.0, 2.0, 5.0)
    axis.set_major_locator(LogLocator(subs=subs, numticks=most))
    axis.set_major_formatter(FuncFormatter(size_ticks(name)))
    axis.set_minor_locator(LogLocator(subs=tuple(range(1, 10)), numticks=99))
    axis.set_minor_formatter(NullFormatter())


def loss_axis(ax: Any, runs: Runs) -> None:
    """Make the vertical axis a logarithmic loss with plain decimals; set its limits first."""
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullFormatter, NullLocator

    low, high = ax.get_ylim()
    ax.set_yscale("log")
    ax.set_ylim(low, high)
    ticks = loss_ticks(low, high)
    ax.yaxis.set_major_locator(FixedLocator(ticks))
    ax.yaxis.set_major_formatter(FuncFormatter(loss_writer(ticks)))
    ax.yaxis.set_minor_locator(NullLocator())
    ax.yaxis.set_minor_formatter(NullFormatter())
    ax.set_ylabel(f"Loss ({runs.loss_unit})")
    quiet_ticks(ax)


def loss_ticks(low: float, high: float) -> list[float]:
    """Return ticks between two losses: even steps on a short span, 1-2-5 on a long one."""
    from matplotlib.ticker import MaxNLocator

    if high / low < LINEAR:
        even = MaxNLocator(nbins=7, steps=[1, 2, 2.5, 5, 10]).tick_values(low, high)
        found = [float(v) for v in even]
    else:
        powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
        subs = (1, 2, 5) if high / low < 1e3 else (1,)
        found = [lead * 10.0**power for power in powers for lead in subs]
    return [float(f"{v:.6g}") for v in found if low * 0.999 <= v <= high * 1.001 and v > 0]


def loss_writer(ticks: list[float]) -> Callable[[float, object], str]:
    """Return the writer of losses: as many decimals on every tick of a short span."""
    plain = [f"{tick:.6f}".rstrip("0").partition(".")[2] for tick in ticks]
    decimals = max((len(p) for p in plain), default=0)
    even = not ticks or max(ticks) / min(ticks) < LINEAR
    return lambda value, _: f"{value:.{decimals}f}" if even else f"{value:g}"


def draw_colour_bar(figure: Any, axes: Any, mappable: Any, name: str, label: str) -> Any:
    """Draw a slim colour bar for an input on a logarithmic norm."""
    bar = figure.colorbar(mappable, ax=axes, aspect=32, pad=0.02, fraction=0.06)
    bar.solids.set_alpha(1.0)
    bar.outline.set_linewidth(0.0)
    size_axis_of_bar(bar, name)
    bar.set_label(label, size=7.0)
    return bar


def size_axis_of_bar(bar: Any, name: str) -> None:
    """Give a colour bar an input's ticks."""
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

    low, high = bar.norm.vmin, bar.norm.vmax
    decades = math.log10(high / low)
    subs = (1,) if decades > 3.0 else (1, 3) if decades > 1.2 else (1, 2, 5)
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    ticks = [lead * 10.0**power for power in powers for lead in subs]
    inside = [v for v in ticks if low * 0.999 <= v <= high * 1.001]
    if len(inside) < 2:
        inside = [low, high]
    bar.ax.yaxis.set_major_locator(FixedLocator(inside))
    bar.ax.yaxis.set_minor_locator(NullLocator())
    bar.ax.yaxis.set_major_formatter(FuncFormatter(size_ticks(name)))
    quiet_ticks(bar.ax)


def parameter_axis(axis: Any, name: str, log: bool) -> None:
    """Give an axis the ticks and the label of a parameter; set its limits first."""
    from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

    ax, horizontal = axis.axes, axis.axis_name == "x"
    low, high = axis.get_view_interval()
    power = 0
    if log:
        ax.set_xscale("log") if horizontal else ax.set_yscale("log")
        axis.set_view_interval(low, high, ignore=True)
        decades = math.log10(high / low)
        subs = (1.0,) if decades > 1.5 else (1.0, 3.0) if decades > 1.0 else (1.0, 2.0, 5.0)
        axis.set_major_locator(LogLocator(subs=subs, numticks=5))
        axis.set_minor_locator(LogLocator(subs=tuple(range(1, 10)), numticks=20))
        axis.set_major_formatter(FuncFormatter(size_ticks("parameter")))
        axis.set_minor_formatter(NullFormatter())
    else:
        axis.set_major_locator(MaxNLocator(nbins=4, steps=[1, 2, 2.5, 5, 10]))
        power = math.floor(math.log10(max(abs(low), abs(high)) or 1.0))
        power = power if not -4 < power < 5 else 0
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value / 10.0**power:.6g}"))
    axis.set_label_text(symbol(name) + (f" ($10^{{{power}}}$)" if power else ""))
    quiet_ticks(ax)


def residual_axis(ax: Any, z: np.ndarray) -> None:
    """Scale a vertical axis for residuals: linear near zero, logarithmic far out if need be."""
    from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator

    reach = max(3.0, 1.12 * float(np.abs(z).max()))
    if reach > BENT:
        ax.set_yscale("symlog", linthresh=5.0, linscale=1.0)
        powers = [m * 10.0**k for k in range(1, 9) for m in (1, 3) if m * 10.0**k <= reach]
        ax.yaxis.set_major_locator(FixedLocator([-v for v in powers] + [-5, 0, 5] + powers))
        ax.yaxis.set_minor_locator(NullLocator())
    else:
        ax.yaxis.set_major_locator(MaxNLocator(nbins=7, steps=[1, 2, 5, 10]))
    ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}".replace("-", "−")))
    ax.set_ylim(min(-3.0, 1.12 * float(z.min())), max(3.0, 1.12 * float(z.max())))
