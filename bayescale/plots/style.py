"""One style for all pictures: sizes of a two-column paper, colours that everyone can tell apart.

The style holds within :func:`styled`; the user's Matplotlib settings are left alone.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.colors import Colormap
    from matplotlib.figure import Figure

__all__ = [
    "BLUE",
    "COLUMN",
    "GREEN",
    "GREY",
    "INK",
    "ORANGE",
    "PAGE",
    "PURPLE",
    "SHADE",
    "VERMILION",
    "colours",
    "new_figure",
    "quiet_ticks",
    "styled",
    "symbol",
]

COLUMN, PAGE = 3.5, 7.0
"""Width of one column and of the page, in inches."""

# Okabe and Ito's palette, safe for the colour-blind.
BLUE, VERMILION, GREEN = "#0072B2", "#D55E00", "#009E73"
ORANGE, PURPLE = "#E69F00", "#CC79A7"
INK, GREY, SHADE = "#222222", "#777777", "#f1f1f1"

SETTINGS: dict[str, Any] = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 7.0,
    "mathtext.fontset": "dejavusans",
    "axes.labelsize": 7.5,
    "axes.titlesize": 7.5,
    "axes.linewidth": 0.6,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.unicode_minus": True,
    "axes.axisbelow": True,
    "text.color": INK,
    "legend.fontsize": 6.5,
    "legend.frameon": False,
    "legend.handlelength": 1.8,
    "legend.borderaxespad": 0.3,
    "lines.linewidth": 1.1,
    "patch.linewidth": 0.0,
    "figure.facecolor": "white",
    "figure.constrained_layout.h_pad": 0.03,
    "figure.constrained_layout.w_pad": 0.03,
}


def styled[**P, T](function: Callable[P, T]) -> Callable[P, T]:
    """Run a drawing function with the package's settings over Matplotlib's defaults."""

    @functools.wraps(function)
    def inner(*args: P.args, **kwargs: P.kwargs) -> T:
        from matplotlib import style

        with style.context(["default", SETTINGS]):
            return function(*args, **kwargs)

    return inner


def new_figure(width: float, height: float, *, layout: bool = True) -> Figure:
    """Return an empty figure of a size in inches that pyplot knows nothing of."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), dpi=250, layout="constrained" if layout else None)


def quiet_ticks(ax: Any) -> None:
    """Fix the ticks' looks now: Matplotlib makes them late, when the style is gone."""
    ax.tick_params(
        which="major", labelsize=6.5, length=2.5, width=0.6, color=INK, labelcolor=INK, pad=2.0
    )
    ax.tick_params(which="minor", length=1.5, width=0.4, color=INK)


def colours() -> Colormap:
    """The colours of a continuous input: viridis without its pale end."""
    from matplotlib import colormaps
    from matplotlib.colors import ListedColormap

    return ListedColormap([colormaps["viridis"](i / 255 * 0.88) for i in range(256)])


_GREEK = "alpha beta gamma delta epsilon kappa lambda mu nu rho sigma tau phi omega".split()


def symbol(name: str) -> str:
    r"""Return a parameter's name as mathematics: ``alpha_N`` becomes :math:`\alpha_N`."""
    match = re.fullmatch(r"([A-Za-z]+)_?(.*)", name)
    if match is None:
        return name.replace("_", " ")
    head, foot = match[1], match[2].replace("_", ",")
    if head in _GREEK:
        head = rf"\{head}"
    elif len(head) > 1:
        head = rf"\mathrm{{{head}}}"
    return f"${head}$" if not foot else rf"${head}_{{\mathrm{{{foot}}}}}$"
