"""Bands and kinds, on problems whose posterior is known in closed form."""

from __future__ import annotations

import numpy as np
import pytest

from bayescale.checks.uniformity import bands, judge, spread_out

N, DRAWS = 100, 255
NOISE = 0.5
SHRINK, WIDTH = 1.0 / (1.0 + NOISE**2), NOISE / np.sqrt(1.0 + NOISE**2)


def conjugate(
    rng: np.random.Generator, scale: float = 1.0, shift: float = 0.0
) -> tuple[np.ndarray, np.ndarray]:
    """Ranks for theta ~ N(0, 1), y ~ N(theta, 0.5): of theta, and of its log likelihood.

    The posterior is N(0.8 y, 0.2); its standard deviation is multiplied and its mean shifted.
    """
    theta = rng.standard_normal((N, 1))
    y = theta + NOISE * rng.standard_normal((N, 1))
    draws = SHRINK * y + WIDTH * shift + scale * WIDTH * rng.standard_normal((N, DRAWS))
    return np.sum(draws < theta, axis=1), np.sum(-((y - draws) ** 2) < -((y - theta) ** 2), axis=1)


@pytest.mark.parametrize(("n", "prob"), [(20, 0.95), (100, 0.95), (100, 0.994)])
def test_a_band_has_its_nominal_size(n: int, prob: float) -> None:
    band = bands(n, prob)
    rng = np.random.default_rng(7)
    alarms = np.mean([not band.hold(rng.uniform(size=n)) for _ in range(6000)])
    # Three standard errors of 6000 trials; the bands move in steps of a count, so they may be a
    # little conservative, never liberal.
    error = 3.0 * np.sqrt((1.0 - prob) * prob / 6000)
    assert 0.6 * (1.0 - prob) - error < alarms < 1.0 - prob + error


def test_bands_begin_and_end_with_the_uniform_one_and_are_symmetric() -> None:
    band = bands(50, 0.95)
    assert (band.lower[0], band.upper[0]) == (0.0, 0.0)
    assert (band.lower[-1], band.upper[-1]) == (1.0, 1.0)
    assert np.all(band.lower <= band.at)
    assert np.all(band.upper >= band.at)
    np.testing.assert_allclose(band.lower, 1.0 - band.upper[::-1], atol=1.01 / 50)


def test_a_right_posterior_passes_at_the_nominal_rate() -> None:
    rng = np.random.default_rng(1)
    band = bands(N, 0.95)
    studies = [conjugate(rng) for _ in range(600)]
    for which in (0, 1):
        held = np.mean([band.hold(spread_out(ranks[which], DRAWS)) for ranks in studies])
        assert 0.92 < held < 0.985


@pytest.mark.parametrize(
    ("scale", "shift", "kind"),
    [
        (0.5, 0.0, "too narrow"),
        (2.0, 0.0, "too wide"),
        (1.0, 0.7, "biased high"),
        (1.0, -0.7, "biased low"),
    ],
)
def test_a_wrong_posterior_fails_by_its_kind(scale: float, shift: float, kind: str) -> None:
    ranks, _ = conjugate(np.random.default_rng(2), scale, shift)
    found = judge(spread_out(ranks, DRAWS), bands(N, 0.99))
    assert not found.inside
    assert found.kinds == (kind,)
    assert kind in found.text("theta")
    assert found.text("theta").startswith("theta: ")


def test_only_the_log_likelihood_sees_a_posterior_that_ignored_the_data() -> None:
    rng = np.random.default_rng(3)
    theta = rng.standard_normal((N, 1))
    y = theta + NOISE * rng.standard_normal((N, 1))
    draws = rng.standard_normal((N, DRAWS))  # of the prior
    band = bands(N, 0.99)
    assert band.hold(spread_out(np.sum(draws < theta, axis=1), DRAWS))
    below = np.sum(-((y - draws) ** 2) < -((y - theta) ** 2), axis=1)
    found = judge(spread_out(below, DRAWS), band)
    assert not found.inside
    assert found.kinds[0] == "biased low"  # the draws fit the data worse than the truth does


def test_ranks_are_spread_over_their_own_cells() -> None:
    ranks = np.arange(256)
    uniform = spread_out(ranks, 255)
    np.testing.assert_array_equal(np.floor(256 * uniform), ranks)


def test_a_strange_shape_is_called_one() -> None:
    # Symmetric, of the right spread, but with nothing in between: neither biased nor too narrow.
    off = np.tile([-1.0, 1.0], 50) / np.sqrt(3.0)
    found = judge(0.5 + 0.5 * off + np.linspace(-1e-3, 1e-3, 100), bands(100, 0.95))
    assert not found.inside
    assert found.kinds == ("of the wrong shape",)
