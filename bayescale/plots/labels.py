"""Names beside points that do not cover one another."""

from __future__ import annotations

from typing import Any

import numpy as np

from bayescale.plots.style import INK

__all__ = ["place_labels"]

SIZE = 5.5
LONGEST = 22
WIDTH = 0.6
"""Mean width of a letter, in font sizes."""


def place_labels(ax: Any, x: np.ndarray, y: np.ndarray, names: list[str]) -> None:
    """Write a name beside each point: towards the middle of the axes, one beneath the other.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        Its limits must be set already.
    x, y : array, shape (point,)
        Places of the points in data coordinates.
    names : list of str
        Long names are cut in the middle.
    """
    if not names:
        return
    figure = ax.figure
    figure.draw_without_rendering()  # so that the layout, and with it every distance, is final
    to_points = 72.0 / figure.dpi
    places = ax.transData.transform(np.column_stack([x, y])) * to_points
    box = ax.get_window_extent()
    left, right, bottom, top = (v * to_points for v in (box.x0, box.x1, box.y0, box.y1))
    taken: list[tuple[float, float, float]] = []
    for i in np.argsort(-places[:, 1]):
        at_x, at_y = places[i]
        rightward = at_x < (left + right) / 2
        room = right - at_x if rightward else at_x - left
        name = shortened(names[i], min(LONGEST, max(8, int((room - 4.0) / (WIDTH * SIZE)))))
        width, height = WIDTH * SIZE * len(name), 1.15 * SIZE
        start = at_x + 4.0 if rightward else at_x - 4.0 - width
        wanted = float(np.clip(at_y, bottom + height / 2, top - height / 2))
        for other_start, other_width, other_y in taken:
            across = start < other_start + other_width and other_start < start + width
            if across and abs(wanted - other_y) < height:
                wanted = other_y - height
        taken.append((start, width, wanted))
        ax.annotate(
            name.replace("$", r"\$"), (x[i], y[i]), (4.0 if rightward else -4.0, wanted - at_y),
            textcoords="offset points", fontsize=SIZE, color=INK, va="center",
            ha="left" if rightward else "right",
            arrowprops={"arrowstyle": "-", "lw": 0.3, "color": INK, "shrinkA": 0, "shrinkB": 1}
            if abs(wanted - at_y) > height / 2
            else None,
        ).set_gid("outlier")  # fmt: skip


def shortened(name: str, longest: int) -> str:
    """Return a name of bearable length, cut in the middle where it is longer."""
    if len(name) <= longest:
        return name
    head, tail = longest // 2, longest - longest // 2 - 1
    return f"{name[:head]}…{name[-tail:]}"
