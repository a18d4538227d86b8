"""Quantiles of pooled, weighted draws that may be infinite."""

from __future__ import annotations

import numpy as np

__all__ = ["pooled_quantiles", "sure_interval"]


def pooled_quantiles(draws: np.ndarray, weights: np.ndarray, p: np.ndarray) -> np.ndarray:
    """Quantiles by the inverse of the distribution function, which bears infinite draws.

    Parameters
    ----------
    draws : array, shape (draw, point)
    weights : array, shape (draw,)
        Weights that add up to one.
    p : array, shape (probability,)

    Returns
    -------
    array, shape (probability, point)
    """
    out = np.empty((len(p), draws.shape[1]))
    for point in range(draws.shape[1]):
        order = np.argsort(draws[:, point])
        mass = np.cumsum(weights[order])
        place = np.searchsorted(mass, p * mass[-1], side="left")
        out[:, point] = draws[order, point][np.minimum(place, len(order) - 1)]
    return out


def sure_interval(
    low: np.ndarray, high: np.ndarray, weights: np.ndarray, prob: float
) -> tuple[float, float]:
    """The numbers that lie in at least a share of weighted intervals.

    Parameters
    ----------
    low, high : array, shape (draw,)
        Ends of the intervals.
    weights : array, shape (draw,)
        Weights that add up to one.
    prob : float
        The share.

    Returns
    -------
    tuple of float
        The ends of the stretch about the number that lies in most of them; NaN where none lies in
        enough.
    """
    places = np.concatenate([low, high])
    change = np.concatenate([weights, -weights])
    order = np.argsort(places, kind="stable")  # at a tie an interval opens before another ends
    places, covered = places[order], np.cumsum(change[order])
    enough = covered >= prob - 1e-9
    best = int(np.argmax(covered))
    if not enough[best]:
        return float("nan"), float("nan")
    first = best - int(np.argmin(enough[best::-1])) + 1 if not enough[: best + 1].all() else 0
    last = best + int(np.argmin(enough[best:]))  # where the cover ends: never after the last place
    return float(places[first]), float(places[last])
