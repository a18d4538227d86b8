"""``plan``: the update by brute force, budgets kept, and a check by refitting."""

from __future__ import annotations

import numpy as np
import pytest

import bayescale as bs
from bayescale.errors import LawError, RunsError
from bayescale.planning.check import noise_variance, reweighted
from bayescale.planning.design import best_design

LAW = bs.laws.get("chinchilla")
TRUTH = LAW.preset("besiroglu2024")
TARGET = {"N": 2e9, "D": 4e10}


def observed(n: np.ndarray, d: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return LAW.loss({"N": n, "D": d}, TRUTH) * np.exp(0.004 * rng.standard_normal(len(n)))


@pytest.fixture(scope="module")
def fit() -> bs.Fit:
    rng = np.random.default_rng(4)
    n, d = (a.ravel() for a in np.meshgrid(np.geomspace(2e7, 5e8, 5), np.geomspace(1e9, 2e10, 5)))
    runs = bs.read_runs({"N": n, "D": d, "loss": observed(n, d, rng)}, count="total")
    return bs.fit("chinchilla", runs, method="laplace")


@pytest.fixture(scope="module")
def found(fit) -> bs.Plan:
    return bs.plan(fit, 1e20, target=TARGET, most=5)


def test_the_budget_is_kept_and_runs_are_like_those_fitted(fit, found):
    assert 1 <= len(found.runs) <= 5
    assert found.spent <= found.budget == 1e20
    ratio = fit.runs["D"] / fit.runs["N"]
    for run in found.runs:
        assert ratio.min() * 0.99 <= run.D / run.N <= ratio.max() * 1.01
        assert run.N <= TARGET["N"] * 1.001 and run.D <= TARGET["D"] * 1.001
    after = [run.sd_after for run in found.runs]
    assert after == sorted(after, reverse=True) and after[-1] == pytest.approx(found.sd[1])
    assert found.sd[1] < found.sd[0]
    assert found.law[1] < found.law[0] and found.discrepancy[1] < found.discrepancy[0]


def test_the_variance_before_is_that_of_the_forecast(fit, found):
    ahead = bs.forecast(fit, TARGET)
    assert found.law[0] == pytest.approx(np.var(np.log(ahead.latent), ddof=1))
    slopes = ahead.predictive.slopes
    assert found.discrepancy[0] == pytest.approx(np.var(slopes) * ahead.distance[0] ** 2, rel=0.15)


def test_a_plan_holds_when_its_runs_are_trained(fit, found):
    """Simulate the planned runs, fit again: the law's variance at the target falls as was said."""
    rng = np.random.default_rng(9)
    n, d = (np.array([getattr(run, name) for run in found.runs]) for name in "ND")
    variances = []
    for _ in range(3):
        more = {
            "N": np.concatenate([fit.runs["N"], n]),
            "D": np.concatenate([fit.runs["D"], d]),
            "loss": np.concatenate([fit.runs.loss, observed(n, d, rng)]),
        }
        again = bs.fit("chinchilla", bs.read_runs(more, count="total"), method="laplace")
        variances.append(np.var(np.log(bs.forecast(again, TARGET).latent)))
    assert np.mean(variances) < 0.8 * found.law[0]
    assert np.sqrt(np.mean(variances)) == pytest.approx(np.sqrt(found.law[1]), rel=0.3)


def test_the_check_agrees(found):
    assert found.check is not None and found.check.ess > 100
    assert np.sqrt(found.check.variance) == pytest.approx(np.sqrt(found.law[1]), rel=0.15)


def test_a_larger_budget_tells_more(fit, found):
    more = bs.plan(fit, 4e20, target=TARGET, most=5)
    assert more.sd[1] < found.sd[1]


def test_an_allocation_as_the_target(fit):
    size = bs.plan(fit, 1e20, target_flops=1e21, most=4)
    sizes = bs.consequences.optimum(fit, 1e21).log_n[:, 0]
    assert size.law[0] == pytest.approx(np.var(sizes, ddof=1))
    assert size.discrepancy == (0.0, 0.0) and size.law[1] < 0.9 * size.law[0]
    assert "the best size at 1e+21 FLOP" in size.text()


def test_the_result(found):
    table, document = found.table(), found.to_json()
    assert list(table["N"]) == [run["N"] for run in document["runs"]]
    assert document["sd_after"]["total"] == found.sd[1] and document["spent"] == found.spent
    assert table["share"].sum() == pytest.approx(found.spent / found.budget)
    text = found.text()
    assert "by chinchilla" in text and "Assumed: the law holds" in text
    assert repr(found).startswith("Plan for the loss at N=2B, D=40B")
    by_gid = {a.get_gid(): a for a in found.plot().axes[0].get_children() if a.get_gid()}
    assert len(by_gid["planned"].get_offsets()) == len(found.runs)


def test_far_targets_are_not_vouched_for(fit):
    far = bs.plan(fit, 1e20, target={"N": 1e12, "D": 2e13}, most=2)
    assert not far.trustworthy and "far: the target" in " ".join(far.messages)
    assert "only runs nearer to the target" in " ".join(far.messages)


def test_a_law_that_does_not_fit_its_runs_plans_nothing_to_be_vouched_for(fit):
    rng = np.random.default_rng(5)
    at = {"N": fit.runs["N"], "D": fit.runs["D"]}
    truth = {**TRUTH, "E": 0.9, "k": 0.4}
    loss = bs.laws.get("skaling").loss(at, truth) * np.exp(0.002 * rng.standard_normal(25))
    wrong = bs.fit("chinchilla", bs.read_runs({**at, "loss": loss}), method="laplace")
    plan = bs.plan(wrong, 1e20, target=TARGET, most=2)
    assert not plan.trustworthy
    assert "misfit: the law leaves structure" in " ".join(plan.messages)


def test_what_cannot_be_planned(fit):
    with pytest.raises(RunsError, match="exactly one target"):
        bs.plan(fit, 1e20)
    with pytest.raises(RunsError, match="exactly one target"):
        bs.plan(fit, 1e20, target=TARGET, target_flops=1e21)
    with pytest.raises(RunsError, match="buys no run"):
        bs.plan(fit, 1e9, target=TARGET)
    with pytest.raises(RunsError, match="not one point"):
        bs.plan(fit, 1e20, target={"N": [1e9, 2e9], "D": 1e10})
    with pytest.raises(LawError, match="budget is 0"):
        bs.plan(fit, 0.0, target=TARGET)
    with pytest.raises(RunsError, match="0 runs"):
        bs.plan(fit, 1e20, target=TARGET, most=0)


def test_the_gaussian_update_by_linear_algebra():
    """One run, then two, against the conditional variance of a joint Gaussian."""
    rng = np.random.default_rng(0)
    draws = rng.standard_normal((50_000, 3)) @ np.array([[1.0, 0.8, 0.3], [0, 0.5, 0.2], [0, 0, 1]])
    target, runs = draws[:, 0], draws[:, 1:]
    design = best_design(target, runs, 0.1, np.array([1.0, 1.0]), 2.0, 2, lambda taken: np.zeros(3))
    k = np.cov(draws, rowvar=False)
    assert design.chosen[0] == 0
    assert design.law[1] == pytest.approx(k[0, 0] - k[0, 1] ** 2 / (k[1, 1] + 0.1))
    second = design.chosen[1] + 1
    own = k[np.ix_([1, second], [1, second])] + 0.1 * np.eye(2)
    cross = k[0, [1, second]]
    assert design.law[2] == pytest.approx(k[0, 0] - cross @ np.linalg.solve(own, cross))
    assert (
        best_design(
            target, runs, 0.1, np.array([1.0, 1.0]), 0.5, 2, lambda taken: np.zeros(3)
        ).chosen
        == ()
    )


def test_the_information_of_the_noise():
    """Of a normal noise its variance; of Student's t (nu + 3)/(nu + 1) sigma squared."""
    sigma, nu = np.full(10, 0.01), np.full(10, 4.0)
    normal = noise_variance(bs.noise.get("normal"), {"sigma": sigma})
    assert normal == pytest.approx(1e-4, rel=0.02)
    heavy = noise_variance(bs.noise.get("student_t"), {"sigma": sigma, "nu": nu})
    assert heavy == pytest.approx(7 / 5 * 1e-4, rel=0.02)


def test_reweighting_by_the_conjugate_normal():
    rng = np.random.default_rng(1)
    mean = rng.standard_normal(4000)
    sigma = {"sigma": np.full(4000, 1.0)}
    check = reweighted(mean, np.stack([mean, mean], 1), bs.noise.get("normal"), sigma, rng)
    assert check.variance == pytest.approx(1 / 3, rel=0.1)
