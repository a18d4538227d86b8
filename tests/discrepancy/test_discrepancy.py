"""Discrepancies: what is declared, where it acts, and how large it is."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import integrate, stats

import bayescale as bs
from bayescale.discrepancy import Exact, Slope, from_json, get
from bayescale.discrepancy.learned import MIXTURE
from bayescale.errors import BayescaleError
from bayescale.prior import HalfNormal, LogNormal, Normal

FRONTIER = {"N": 1e9, "D": 2e10, "C": 1.2e20}


def test_the_default_is_learned_law_by_law():
    worst = get("slope").resolved(bs.laws.get("chinchilla"))
    coupled = get("slope").resolved(bs.laws.get("skaling"))
    assert worst.tau.median > coupled.tau.median
    by_algebra = get("slope").resolved(bs.laws.get(bs.laws.get("chinchilla").expression))
    assert by_algebra.tau == worst.tau
    unheard = get("slope").resolved(bs.laws.get("power(N) + power(D)"))
    assert unheard.tau.median >= coupled.tau.median
    assert "public series" in worst.text() and "cannot tell" in worst.text()


def test_a_law_of_inputs_without_a_learned_scale_has_none_and_says_so():
    found = get("slope").resolved(bs.laws.get("power_floor(x)"))
    assert found.is_exact and "no scale has been learned for laws of x" in found.text()


def test_numbers_that_were_given_stay():
    given = get("slope(0.02, 0.3)")
    law = bs.laws.get("chinchilla")
    assert given.resolved(law) == given == Slope(LogNormal(0.02, 0.3))
    assert given.mixed(1.0) == given
    learned = get("slope").resolved(law)
    assert learned.mixed(1.0).tau == MIXTURE and learned.mixed(0.0) == learned
    between = learned.mixed(0.5).tau
    assert between.median == pytest.approx(np.sqrt(learned.tau.median * MIXTURE.median))


@pytest.mark.parametrize("text", ["none", "slope(0.02, 0.3)"])
def test_json_brings_it_back(text):
    found = get(text)
    assert from_json(found.to_json()) == found


@pytest.mark.parametrize(
    "text", ["gp", "slope(1)", "slope(0.1, 0.2, 0.3)", "slope(-1, 1)", "slope(x, 1)", "none()", ""]
)
def test_what_cannot_be_used_is_refused(text):
    with pytest.raises(BayescaleError):
        get(text)


def test_a_scale_below_zero_is_refused():
    with pytest.raises(BayescaleError, match="below zero"):
        Slope(bs.prior.Uniform(-1.0, 1.0))
    assert Slope(Normal(0.01, 0.01)) and Slope(HalfNormal(0.01))  # these are cut at zero


def test_distance_is_e_folds_beyond_the_farthest_input():
    points = {
        "N": np.array([1e8, 1e9, 1e9 * np.e, 1e9]),
        "D": np.array([1e10, 2e10, 2e10, 2e10 * np.e**3]),
    }
    points["C"] = 6 * points["N"] * points["D"]
    assert np.allclose(Slope(LogNormal(0.01, 0.5)).distance(points, FRONTIER), [0, 0, 1, 3])
    assert np.all(Exact().distance(points, FRONTIER) == 0)
    larger = {name: values * 1.0 for name, values in points.items()} | {"C": points["C"] * 10}
    assert np.all(Slope(LogNormal(0.01, 0.5)).distance(larger, FRONTIER)[1:] > np.log(9))


def test_slopes_are_draws_of_tau_times_z():
    slope = Slope(LogNormal(0.01, 0.6))
    draws = slope.slopes((8, 4000), np.random.default_rng(1)).ravel()
    assert abs(draws.mean()) < 1e-4
    # Var(tau z) = E tau^2 = median^2 exp(2 sigma^2).
    assert draws.var() == pytest.approx(0.01**2 * np.exp(2 * 0.6**2), rel=0.05)

    def below(x: float) -> float:
        return integrate.quad(
            lambda u: stats.norm.cdf(x / (0.01 * np.exp(0.6 * u))) * stats.norm.pdf(u), -8, 8
        )[0]

    for x in (-0.02, -0.005, 0.01, 0.03):
        assert np.mean(draws < x) == pytest.approx(below(x), abs=4e-3)
    assert np.all(Exact().slopes((8, 10), np.random.default_rng(0)) == 0)


def test_twice_the_scale_is_twice_the_slope():
    slope = Slope(LogNormal(0.01, 0.6))
    one, two = (s.slopes((8, 50), np.random.default_rng(3)) for s in (slope, slope.scaled(2.0)))
    assert np.allclose(two, 2 * one)
    with pytest.raises(BayescaleError, match="cannot be moved"):
        Slope(HalfNormal(0.01)).scaled(2.0)


def test_a_guess_stays_a_guess_within_a_mixture() -> None:
    guess = Slope().resolved(bs.laws.get("kaplan"))
    assert guess.is_guess and guess.mixed(1.0) == guess
    learned = Slope().resolved(bs.laws.get("chinchilla"))
    assert (
        not learned.is_guess and not learned.mixed(1.0).is_guess and learned.mixed(1.0) != learned
    )
