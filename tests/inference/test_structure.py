"""Structure in residuals: found where it is, not where it is not, and what follows."""

from __future__ import annotations

import numpy as np
import pytest

import bayescale as bs
from bayescale.inference.structure import structure
from bayescale.runs.read import read_quietly

N = 60


def inputs(rng):
    return [rng.uniform(10, 20, N), rng.uniform(15, 25, N)]


def test_noise_alone_is_seldom_taken_for_structure_and_p_is_uniform():
    rng = np.random.default_rng(0)
    found = [structure(inputs(rng), rng.standard_t(3, N)) for _ in range(400)]
    p = np.array([f.p for f in found])
    assert sum(f.found for f in found) <= 4
    assert np.mean(p < 0.1) == pytest.approx(0.1, abs=0.05)
    assert np.mean(p) == pytest.approx(0.5, abs=0.06)


def test_an_interaction_is_found_and_a_few_runs_far_off_do_not_hide_it():
    rng = np.random.default_rng(1)
    u = inputs(rng)
    bent = 0.2 * (u[0] - 15) * (u[1] - 20) + rng.standard_normal(N)
    clean = structure(u, bent)
    bent[:3] += 1e6
    assert clean.found
    assert structure(u, bent).found
    assert clean.share > 0.5


@pytest.mark.parametrize("n", [6, 7])
def test_it_is_not_looked_for_in_too_few_runs(n):
    found = structure([np.arange(float(n)) ** 2], np.random.default_rng(2).standard_normal(n))
    assert np.isnan(found.p)
    assert not found.found


def test_an_input_that_does_not_vary_explains_nothing():
    assert np.isnan(structure([np.ones(40)], np.random.default_rng(2).standard_normal(40)).p)


def test_the_order_of_equal_residuals_does_not_matter():
    rng = np.random.default_rng(4)
    u, coarse = np.sort(rng.uniform(10, 20, N)), rng.integers(0, 3, N).astype(float)
    swapped = rng.permutation(N)
    one, other = structure([u], coarse), structure([u[swapped]], coarse[swapped])
    assert (one.share, one.p) == pytest.approx((other.share, other.p))


@pytest.fixture(scope="module")
def fits():
    """The law of the runs, and one that lacks their coupling, at the same runs."""
    rng = np.random.default_rng(3)
    n = np.exp(rng.uniform(np.log(1e7), np.log(1e9), N))
    d = np.exp(rng.uniform(np.log(1e8), np.log(1e11), N))
    field = {"E": 0.9, "A": 482.0, "alpha": 0.348, "B": 2085.0, "beta": 0.366, "k": 0.4}
    loss = bs.laws.get("skaling").loss({"N": n, "D": d}, field)
    runs = read_quietly({"N": n, "D": d, "loss": loss * np.exp(0.004 * rng.standard_normal(N))})
    return {law: bs.fit(law, runs, method="laplace") for law in ("chinchilla", "skaling")}


def said(fit):
    return any("structure in its residuals" in message for message in fit.diagnosis.messages)


def test_a_fit_says_that_its_law_is_wrong_within_the_data(fits):
    assert fits["chinchilla"].structure.found
    assert said(fits["chinchilla"])
    assert not fits["skaling"].structure.found
    assert not said(fits["skaling"])


def test_beyond_the_data_a_law_that_misfits_is_not_vouched_for_and_within_them_it_may_be(fits):
    points = {"N": np.array([1e8, 3e9]), "D": np.array([1e10, 3e11])}
    ahead = bs.forecast(fits["chinchilla"], points)
    assert ahead.misfit.tolist() == [False, True]
    assert not ahead.trustworthy[1]
    assert any("wrong within its data" in m for m in ahead.messages[1])
    assert not any("wrong within its data" in m for m in ahead.messages[0])
    assert not bs.forecast(fits["skaling"], points).misfit.any()


def test_a_comparison_names_the_law_that_is_wrong_within_the_data(fits):
    said = bs.compare(fits, seed=0).text()
    assert "Structure is left in the residuals of chinchilla" in said
    assert "skaling (" not in said.partition("Structure is left")[2].partition("\n")[0]
