"""Bridge and importance sampling against evidence known in closed form."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest

from bayescale.evidence.bridge import bridge
from bayescale.evidence.estimate import Density, Estimate, Gaussian, moments
from bayescale.evidence.importance import Mixture, mixture_importance, pareto_k, weigh

_spec = importlib.util.spec_from_file_location("_analytic", Path(__file__).with_name("analytic.py"))
assert _spec is not None and _spec.loader is not None
analytic = importlib.util.module_from_spec(_spec)
sys.modules["_analytic"] = analytic
_spec.loader.exec_module(analytic)

CHAINS, DRAWS = 4, 1000


def chains(problem, rng, n=DRAWS):
    u = problem.posterior(CHAINS * n, rng).reshape(CHAINS, n, problem.d)
    return u, problem.target(u.reshape(-1, problem.d)).joint.reshape(CHAINS, n)


def by_bridge(problem, seed, warp=False, n=DRAWS) -> Estimate:
    rng = np.random.default_rng(seed)
    u, log_density = chains(problem, rng, n)
    return bridge(u, log_density, problem.target, rng, warp=warp)


def by_importance(problem, seed) -> Estimate:
    rng = np.random.default_rng(seed)
    u, _ = chains(problem, rng)
    return mixture_importance(u, problem.target, problem.prior(500, rng), rng)[0]


@pytest.mark.parametrize("d", [2, 5, 10])
@pytest.mark.parametrize("warp", [False, True])
def test_bridge_is_right_every_time(d: int, warp: bool) -> None:
    problem = analytic.regression(d)
    errors = [by_bridge(problem, s, warp).log_evidence - problem.log_evidence for s in range(20)]
    assert np.max(np.abs(errors)) < 0.02
    assert abs(np.mean(errors)) < 0.005


@pytest.mark.parametrize("d", [2, 5, 10])
def test_importance_is_right_every_time(d: int) -> None:
    problem = analytic.regression(d)
    found = [by_importance(problem, s) for s in range(8)]
    errors = [e.log_evidence - problem.log_evidence for e in found]
    assert np.max(np.abs(errors)) < 0.05
    assert max(e.pareto_k for e in found) < 0.7
    assert min(e.ess for e in found) > 1000


@pytest.mark.parametrize("warp", [False, True])
def test_standard_error_is_calibrated(warp: bool) -> None:
    problem = analytic.regression(5)
    found = [by_bridge(problem, s, warp) for s in range(30)]
    spread = np.std([e.log_evidence for e in found])
    assert 0.7 < np.mean([e.se for e in found]) / spread < 1.5


def test_standard_error_of_importance_is_calibrated() -> None:
    problem = analytic.regression(5)
    found = [by_importance(problem, s) for s in range(25)]
    spread = np.std([e.log_evidence for e in found])
    assert 0.7 < np.mean([e.se for e in found]) / spread < 2.0


def test_slow_chains_are_told() -> None:
    """Draws that repeat themselves are worth fewer, and the standard error says so."""
    problem = analytic.regression(5)
    rng = np.random.default_rng(0)
    errors, said, fresh = [], [], []
    for _ in range(15):
        u = problem.posterior(CHAINS * DRAWS, rng).reshape(CHAINS, DRAWS, problem.d)
        slow = np.stack([analytic.autocorrelated(chain, rng, 100) for chain in u])
        log_density = problem.target(slow.reshape(-1, 5)).joint.reshape(CHAINS, DRAWS)
        estimate = bridge(slow, log_density, problem.target, rng)
        errors.append(estimate.log_evidence - problem.log_evidence)
        said.append(estimate.se)
        fresh.append(by_bridge(problem, int(rng.integers(1000))).se)
    assert np.mean(said) > 1.4 * np.mean(fresh)
    assert 0.6 < np.mean(said) / np.sqrt(np.mean(np.square(errors))) < 1.8


def test_error_falls_with_draws() -> None:
    problem = analytic.regression(5)
    few, many = by_bridge(problem, 0, n=200), by_bridge(problem, 0, n=3200)
    assert 2.5 < few.se / many.se < 7.0  # sixteen times the draws: a quarter


def test_a_shift_of_the_density_shifts_the_evidence() -> None:
    problem = analytic.regression(3)
    rng = np.random.default_rng(0)
    u, log_density = chains(problem, rng)

    def shifted(points: np.ndarray) -> Density:
        found = problem.target(points)
        return Density(found.joint + 700.0, found.prior)

    plain = bridge(u, log_density, problem.target, np.random.default_rng(1))
    moved = bridge(u, log_density + 700.0, shifted, np.random.default_rng(1))
    assert moved.log_evidence - plain.log_evidence == pytest.approx(700.0, abs=1e-8)
    assert moved.se == pytest.approx(plain.se, rel=1e-6)


def test_linear_maps_change_nothing() -> None:
    """Coordinates stretched and mixed: the evidence is that of the density with its Jacobian."""
    problem = analytic.regression(4)
    rng = np.random.default_rng(0)
    u, log_density = chains(problem, rng)
    matrix = rng.standard_normal((4, 4)) * np.array([1e-3, 1.0, 50.0, 1e4])
    log_det = np.linalg.slogdet(matrix)[1]

    def mapped(v: np.ndarray) -> Density:
        found = problem.target(np.linalg.solve(matrix, v.T).T)
        return Density(found.joint - log_det, found.prior - log_det)

    estimate = bridge(u @ matrix.T, log_density - log_det, mapped, np.random.default_rng(1))
    assert estimate.log_evidence == pytest.approx(problem.log_evidence, abs=0.02)


def test_points_without_a_density_count_as_impossible() -> None:
    """A density that is not a number at some proposals: zero there, not poison."""
    problem = analytic.regression(2)
    rng = np.random.default_rng(0)
    u, log_density = chains(problem, rng)
    edge = u[..., 0].max() + 1e-9

    def partial(points: np.ndarray) -> Density:
        found = problem.target(points)
        outside = points[:, 0] > edge
        return Density(np.where(outside, np.nan, found.joint), found.prior)

    estimate = bridge(u, log_density, partial, np.random.default_rng(1))
    assert estimate.log_evidence == pytest.approx(problem.log_evidence, abs=0.03)
    check, _ = mixture_importance(u, partial, problem.prior(500, rng), rng)
    assert check.log_evidence == pytest.approx(problem.log_evidence, abs=0.03)


def test_the_mixture_integrates_to_one() -> None:
    """The proposal's own density, by quadrature in two dimensions."""
    problem = analytic.regression(2)
    rng = np.random.default_rng(0)
    u, _ = chains(problem, rng)
    mixture = Mixture.over(u)
    points = mixture.points(10_000, problem.prior(500, rng), rng)
    log_density = mixture.log_density(points, problem.target(points).prior)
    # With a normalised q, the reciprocals average the volume of a region A: E_q[1(A)/q] = |A|.
    low, high = np.quantile(u.reshape(-1, 2), [0.1, 0.9], axis=0)
    inside = np.all((points > low) & (points < high), axis=1)
    volume = np.sum(np.exp(-log_density[inside])) / len(points)
    assert volume == pytest.approx(np.prod(high - low), rel=0.03)


def test_chains_that_missed_a_mode_are_found_out() -> None:
    """Draws of one of two modes: the prior's share of the mixture finds the other."""
    truth, target, draw = analytic.two_modes(apart=12.0)
    rng = np.random.default_rng(0)
    u = draw(4000, rng).reshape(4, 1000, 2)
    log_density = target(u.reshape(-1, 2)).joint.reshape(4, 1000)
    by_chain = bridge(u, log_density, target, rng)
    assert by_chain.log_evidence == pytest.approx(0.0, abs=0.05)  # half of it, and sure of it
    check, _ = mixture_importance(u, target, 20.0 * rng.standard_normal((500, 2)), rng)
    apart = abs(check.log_evidence - by_chain.log_evidence)
    assert check.pareto_k > 0.7 or apart > 3 * np.hypot(check.se, by_chain.se)
    assert truth == pytest.approx(np.log(2.0))


def test_the_maxima_that_chains_missed_are_weighed() -> None:
    """A narrow second mode that no prior draw meets: the point fit's maxima bring it in."""
    truth, target, draw = analytic.two_modes(d=4, apart=40.0)
    rng = np.random.default_rng(0)
    u = draw(4000, rng).reshape(4, 1000, 4)
    log_density = target(u.reshape(-1, 4)).joint.reshape(4, 1000)
    by_chain = bridge(u, log_density, target, rng)
    assert by_chain.log_evidence == pytest.approx(0.0, abs=0.05)
    prior = 20.0 * rng.standard_normal((500, 4))
    blind, _ = mixture_importance(u, target, prior, rng)
    assert blind.log_evidence == pytest.approx(0.0, abs=0.1)  # as sure, and as wrong
    modes = tuple(Gaussian(np.full(4, at), np.eye(4)) for at in (0.0, 20.0))
    check, _ = mixture_importance(u, target, prior, rng, modes)
    assert check.log_evidence == pytest.approx(truth, abs=0.05)
    assert check.pareto_k < 0.7
    assert abs(check.log_evidence - by_chain.log_evidence) > 3 * np.hypot(check.se, by_chain.se)


def test_several_maxima_cost_the_check_little() -> None:
    """Maxima where nothing is: the estimate is as good as without them."""
    problem = analytic.regression(5)
    rng = np.random.default_rng(0)
    u, _ = chains(problem, rng)
    prior = problem.prior(500, rng)
    modes = tuple(Gaussian(np.full(5, at), np.eye(5)) for at in (3.0, -3.0))
    check, _ = mixture_importance(u, problem.target, prior, rng, modes)
    assert check.log_evidence == pytest.approx(problem.log_evidence, abs=0.04)
    assert check.ess > 1000


def test_a_tail_heavier_than_the_proposal_is_told() -> None:
    rng = np.random.default_rng(0)
    assert pareto_k(np.log(rng.pareto(1.0, 10_000))) > 0.7
    assert pareto_k(rng.standard_normal(10_000) * 0.3) < 0.5
    assert weigh(np.zeros(1000)) == Estimate(0.0, 0.0, 1000.0, -float("inf"))
    assert weigh(np.full(10, -np.inf)).se == float("inf")


def test_moments_round_trip() -> None:
    rng = np.random.default_rng(0)
    u = rng.standard_normal((500, 3)) @ rng.standard_normal((3, 3)) + 5.0
    found = moments(u)
    np.testing.assert_allclose(found.place(found.standard(u)), u, atol=1e-9)
    np.testing.assert_allclose(found.factor @ found.factor.T, np.cov(u.T), rtol=1e-6)
    z = Gaussian(np.zeros(1), np.eye(1)).log_density(np.zeros((1, 1)))
    assert z[0] == pytest.approx(-0.5 * np.log(2 * np.pi))
