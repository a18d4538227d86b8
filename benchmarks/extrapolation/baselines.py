"""What people do without a posterior: the published point fit, with a bootstrap.

Independent of bayescale: the Chinchilla form on log loss, Huber loss with delta = 1e-3, by SciPy
from a grid of starts; then refits to resampled runs, from the best optimum.
"""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
from scipy import optimize

DELTA = 1e-3
BOOTSTRAPS = 60
STARTS = list(itertools.product((0.25, 0.5), (0.25, 0.5), (-1.0, 0.0, 0.5)))


def _log_loss(p: np.ndarray, n: np.ndarray, d: np.ndarray) -> np.ndarray:
    a, b, e, alpha, beta = p
    terms = [a - alpha * n, b - beta * d, np.full(len(n), e)]
    return np.asarray(np.logaddexp.reduce(terms, axis=0))


def _fit(start: np.ndarray, n: np.ndarray, d: np.ndarray, log_loss: np.ndarray) -> Any:
    return optimize.least_squares(
        lambda p: _log_loss(p, n, d) - log_loss, start, loss="huber", f_scale=DELTA, max_nfev=300
    )


def bootstrap(
    small: dict[str, np.ndarray], large: dict[str, np.ndarray], rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Log losses at the targets, shape (bootstrap, target), and the residuals of the point fit."""
    n0, d0 = np.log(small["N"]).mean(), np.log(small["D"]).mean()
    n, d, log_loss = np.log(small["N"]) - n0, np.log(small["D"]) - d0, np.log(small["loss"])
    at = np.log(large["N"]) - n0, np.log(large["D"]) - d0
    middle = float(log_loss.mean())
    found = []
    for alpha, beta, e in STARTS:
        start = np.array([middle - 1.5, middle - 1.5, middle + min(e, 0.0) - 0.3, alpha, beta])
        found.append(_fit(start, n, d, log_loss))
    best = min(found, key=lambda f: f.cost)
    draws = []
    for _ in range(BOOTSTRAPS):
        i = rng.integers(len(n), size=len(n))
        draws.append(_log_loss(_fit(best.x, n[i], d[i], log_loss[i]).x, *at))
    return np.array(draws), log_loss - _log_loss(best.x, n, d)
