r"""Stacking weights: the mixture of laws that predicts the runs best.

.. math:: \max_w \sum_i \ln \sum_k w_k\,p_k(y_i), \quad w_k \ge 0,\ \sum_k w_k = 1

References
----------
.. [1] Yao, Vehtari, Simpson and Gelman 2018, "Using stacking to average Bayesian predictive
   distributions", Bayesian Analysis 13.
"""

from __future__ import annotations

import numpy as np

__all__ = ["stacking"]

TOLERANCE = 1e-7
MAX_STEPS = 20_000


def stacking(pointwise: np.ndarray) -> np.ndarray:
    """Weights of the laws, shape (law,), from log densities, shape (law, run).

    The objective is concave, and the fixed point of the expectation-maximisation step below, from
    inside the simplex, is its maximum. (ArviZ has the same weights within its comparison table,
    without guard against densities that underflow.)
    """
    density = np.exp(pointwise - pointwise.max(axis=0))  # a factor for each run changes nothing
    weights = np.full(len(density), 1.0 / len(density))
    for _ in range(MAX_STEPS):
        mixed = weights @ density
        gain = (density / mixed).mean(axis=1)
        if np.max(gain) - 1.0 < TOLERANCE:  # the bound on what the optimum can still gain
            break
        weights = weights * gain
    return np.asarray(weights / weights.sum())
