"""Roots of many rising functions at once: Newton's method inside a bracket."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

__all__ = ["root"]

MOST = 80
TOLERANCE = 1e-13

type Function = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]


def root(function: Function, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Where each of many functions rises through zero.

    Newton's steps, replaced by bisection where one leaves the bracket or does not halve the last
    [1]_: as many evaluations as bisection at worst, few where the function is smooth.

    Parameters
    ----------
    function : callable
        From points to values and derivatives there, elementwise.
    low, high : array
        Brackets: the function is at most zero at the first and at least zero at the second.

    Returns
    -------
    array
        Roots, to thirteen digits of one plus their size. Where a bracket is not finite, NaN.

    References
    ----------
    .. [1] Press et al. 2007, "Numerical Recipes", 3rd edition, section 9.4 (rtsafe).
    """
    low, high = np.array(low, np.float64), np.array(high, np.float64)
    known = np.isfinite(low) & np.isfinite(high)
    low, high = np.where(known, low, 0.0), np.where(known, high, 0.0)
    at = 0.5 * (low + high)
    last = high - low
    for _ in range(MOST):
        value, slope = function(at)
        low, high = np.where(value <= 0, at, low), np.where(value >= 0, at, high)
        with np.errstate(all="ignore"):
            newton = at - value / slope
        step = np.abs(newton - at)
        good = np.isfinite(newton) & (newton > low) & (newton < high) & (step <= 0.5 * last)
        target = np.where(good, newton, 0.5 * (low + high))
        last = np.abs(target - at)
        at = target
        if np.all(last <= TOLERANCE * (1.0 + np.abs(at))):
            break
    return np.where(known, at, np.nan)
