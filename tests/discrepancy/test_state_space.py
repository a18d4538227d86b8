"""The Kalman filter and smoother against the dense algebra of Gaussian processes."""

from __future__ import annotations

import numpy as np
import pytest

from bayescale.discrepancy.state_space import IntegratedWiener, Matern32, filtered, smoothed
from bayescale.inference.runtime import float64

A, LENGTH = 1.3, 0.9


def covariance(kernel, x: np.ndarray) -> np.ndarray:
    """Textbook covariances, not by way of a state."""
    if isinstance(kernel, Matern32):
        r = np.sqrt(3.0) * np.abs(x[:, None] - x) / LENGTH
        return A**2 * (1 + r) * np.exp(-r)
    low, high = np.minimum(x[:, None], x), np.maximum(x[:, None], x)
    return 3 * A**2 * (low**3 / 3 + (high - low) * low**2 / 2)


@pytest.mark.parametrize("kernel", [Matern32(), IntegratedWiener()], ids=["matern", "wiener"])
def test_density_and_smoother_are_those_of_the_process(kernel):
    rng = np.random.default_rng(0)
    x = np.sort(np.append(rng.uniform(0, 5, 11), 0.0))
    x[5] = x[4]  # two runs at one place
    y, v = rng.normal(size=12), rng.uniform(0.05, 0.3, 12)
    seen = np.array([1, 1, 0, 1, 1, 1, 0, 1, 1, 1, 0, 0], bool)
    gaps = np.diff(x, prepend=x[0])
    with float64():
        each = np.asarray(filtered(kernel, A, LENGTH, gaps, y, v, seen))
        mean, variance = map(np.asarray, smoothed(kernel, A, LENGTH, gaps, y, v, seen))

    k = covariance(kernel, x)
    noisy = k[np.ix_(seen, seen)] + np.diag(v[seen])
    gain = np.linalg.solve(noisy, k[seen]).T
    log_det = np.linalg.slogdet(2 * np.pi * noisy)[1]
    whole = -0.5 * (y[seen] @ np.linalg.solve(noisy, y[seen]) + log_det)
    assert each.sum() == pytest.approx(whole, abs=1e-10)
    assert np.all(each[~seen] == 0.0)
    assert np.allclose(mean, gain @ y[seen], atol=1e-10)
    assert np.allclose(variance, np.diag(k - gain @ k[seen]), atol=1e-10)


def test_a_short_gap_loses_no_digits():
    """The gained covariance of a tiny step, where 1 - exp cancels, against its series."""
    with float64():
        step = Matern32().step(A, LENGTH, np.float64(1e-4))
    rate = np.sqrt(3.0) / LENGTH
    assert float(step.q22) == pytest.approx(4 * A**2 * rate**3 * 1e-4, rel=1e-3)
    assert float(step.q11) == pytest.approx(4 * A**2 * rate**3 * 1e-12 / 3, rel=1e-2)
