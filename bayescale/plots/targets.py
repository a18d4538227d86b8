"""Runs and points that a picture shows beside the fitted ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from bayescale.forecasting import Forecast, forecast
from bayescale.plots.path import values_of
from bayescale.plots.style import BLUE, INK, VERMILION
from bayescale.posterior import Fit

__all__ = ["Targets", "draw_targets", "targets"]


@dataclass(frozen=True)
class Targets:
    """Points with the central interval that is predicted for a new run at each.

    Parameters
    ----------
    points : mapping of str to array, shape (point,)
        Inputs.
    lower, median, upper : array, shape (point,)
        The predicted loss of a new run.
    observed : array, shape (point,), optional
        The observed loss.
    """

    points: Mapping[str, np.ndarray]
    lower: np.ndarray
    median: np.ndarray
    upper: np.ndarray
    observed: np.ndarray | None

    @property
    def inside(self) -> np.ndarray:
        """Which observed losses lie in their interval."""
        if self.observed is None:
            return np.ones(len(self.median), bool)
        return np.asarray((self.lower <= self.observed) & (self.observed <= self.upper))

    @property
    def extent(self) -> np.ndarray:
        """All losses that the picture must hold."""
        seen = self.median if self.observed is None else self.observed
        return np.concatenate([self.lower, self.upper, seen])


def targets(fit: Fit, held_out: Any, prob: float) -> Targets:
    """Return the targets of a forecast, or of what :func:`bayescale.forecast` takes."""
    ahead = held_out if isinstance(held_out, Forecast) else forecast(fit, held_out)
    lower, upper = ahead.interval(prob)
    return Targets(ahead.points, lower, ahead.quantile(0.5), upper, ahead.observed)


def draw_targets(
    ax: Any, shown: Targets, x: str, prob: float, *, intervals: bool = True
) -> list[Any]:
    """Draw each target's loss and its own interval; return the entries of the legend."""
    at, inside = values_of(shown.points, x), shown.inside
    size = 11.0 if len(at) < 60 else 7.0
    width = 0.9 if len(at) < 60 else 0.5
    text = f"{prob:.0%}".replace("%", " %")
    if shown.observed is None:
        ax.vlines(at, shown.lower, shown.upper, colors=INK, lw=1.0, zorder=5)
        points = ax.scatter(
            at, shown.median, s=14, marker="D", c="white", ec=INK, lw=0.8, zorder=6,
            label=f"target, {text} for a new run",
        )  # fmt: skip
        points.set_gid("targets")
        return [points]
    entries = []
    looks = (("inside", inside, BLUE, "D"), ("outside", ~inside, VERMILION, "X"))
    for name, mask, colour, marker in looks:
        if not mask.any():
            continue
        if intervals:
            ax.vlines(
                at[mask], shown.lower[mask], shown.upper[mask],
                colors=colour, lw=width, alpha=0.45, zorder=4,
            )  # fmt: skip
        points = ax.scatter(
            at[mask], shown.observed[mask], s=size * (1.4 if marker == "X" else 1.0),
            marker=marker, c=colour, ec="white", lw=0.3, zorder=6,
            label=f"held out: {mask.sum()} {name} {text}",
        )  # fmt: skip
        points.set_gid(f"held out {name}")
        entries.append(points)
    return entries
