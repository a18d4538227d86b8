"""The predictive distribution, against numerical integration and closed forms."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from bayescale.noise import Normal
from bayescale.predictive import REPLICATES, Predictive, crps, weighted_quantiles

SIGMA, TAU = 0.01, 0.02
DISTANCE = np.array([0.0, 1.0, 3.0])


@pytest.fixture(scope="module")
def known() -> Predictive:
    """Normal law, normal slope, normal noise: the log loss is normal with a known variance."""
    rng = np.random.default_rng(0)
    law = np.log(3.0) + 0.005 * stats.norm.ppf((rng.permutation(4000) + 0.5) / 4000)
    n = REPLICATES * 4000
    slopes = TAU * stats.norm.ppf((rng.permutation(n) + 0.5) / n).reshape(REPLICATES, 4000)
    return Predictive(
        Normal(),
        np.repeat(law[:, None], 3, axis=1),
        {"sigma": np.full(4000, SIGMA)},
        slopes,
        DISTANCE,
        seed=1,
    )


def total() -> np.ndarray:
    return np.sqrt(0.005**2 + SIGMA**2 + (TAU * DISTANCE) ** 2)


def test_draws_have_the_known_distribution(known):
    for p in (0.025, 0.25, 0.5, 0.9, 0.975):
        want = np.log(3.0) + total() * stats.norm.ppf(p)
        assert np.allclose(np.log(np.quantile(known.new, p, axis=0)), want, atol=0.04 * total())


def test_pit_and_density_are_the_known_ones(known):
    for observed in (2.9, 3.0, 3.05):
        z = (np.log(observed) - np.log(3.0)) / total()
        seen = np.full(3, observed)
        assert np.allclose(known.pit(seen), stats.norm.cdf(z), atol=0.01)
        want = stats.norm.logpdf(z) - np.log(total()) - np.log(observed)
        assert np.allclose(known.log_density(seen), want, atol=0.03)


def test_points_of_one_forecast_err_together(known):
    off = np.log(known.new) - np.log(3.0)
    want = (TAU**2 * 3.0 + 0.005**2) / (total()[1] * total()[2])
    assert np.corrcoef(off[:, 1], off[:, 2])[0, 1] == pytest.approx(want, abs=0.02)


def test_parts_are_the_widths_of_each_source(known):
    parts = known.parts(0.9)
    wide = 2 * stats.norm.ppf(0.95)
    assert np.allclose(parts["parameters"], wide * 0.005, rtol=0.03)
    assert np.allclose(parts["discrepancy"], wide * TAU * DISTANCE, rtol=0.03)
    assert np.allclose(parts["noise"], wide * SIGMA, rtol=0.03)


def test_crps_by_closed_form_and_by_brute_force():
    rng = np.random.default_rng(2)
    p = (np.arange(20_000) + 0.5) / 20_000
    draws = stats.norm.ppf(p)[:, None] * [1.0, 2.0] + [0.0, 1.0]
    seen = np.array([0.7, -1.0])
    sd, z = np.array([1.0, 2.0]), (seen - [0.0, 1.0]) / [1.0, 2.0]
    want = sd * (z * (2 * stats.norm.cdf(z) - 1) + 2 * stats.norm.pdf(z) - 1 / np.sqrt(np.pi))
    found = crps(draws, np.full(20_000, 1 / 20_000), seen)
    assert np.allclose(found, want, rtol=2e-3)

    few, weights = rng.normal(size=(30, 1)), rng.dirichlet(np.ones(30))
    x = few[:, 0]
    brute = weights @ np.abs(x - 0.3) - 0.5 * weights @ np.abs(x[:, None] - x) @ weights
    assert crps(few, weights, np.array([0.3]))[0] == pytest.approx(brute)
    grid = np.linspace(-5.0, 5.0, 200_001)
    below = np.array([weights[x <= t].sum() for t in np.sort(x)])
    cdf = np.concatenate([[0.0], below])[np.searchsorted(np.sort(x), grid, side="right")]
    assert brute == pytest.approx(np.trapezoid((cdf - (grid >= 0.3)) ** 2, grid), rel=1e-3)


def test_weighted_quantiles_of_repeated_draws_are_those_of_equal_weights():
    rng = np.random.default_rng(4)
    draws = rng.normal(size=(500, 2))
    repeats = rng.integers(1, 5, 500)
    p = np.array([0.05, 0.5, 0.9])
    weighted = weighted_quantiles(draws, repeats.astype(float), p)
    assert np.allclose(
        weighted, np.quantile(np.repeat(draws, repeats, axis=0), p, axis=0), atol=0.03
    )
