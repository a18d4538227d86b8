"""``allocate``: quantiles over draws, the near-optimal region, what is not vouched for."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import bayescale as bs
from bayescale.allocation.pooled import pooled_quantiles, sure_interval
from bayescale.errors import BayescaleError, LawError, RunsError
from bayescale.inference.diagnosis import Diagnosis
from bayescale.runs.read import read_quietly

NEAR, FAR = 1e20, 1e26


def simulated(seed: int = 5) -> bs.Runs:
    """Thirty-six runs of Besiroglu's refit, off the frontier."""
    rng = np.random.default_rng(seed)
    law = bs.laws.get("chinchilla")
    n, d = (a.ravel() for a in np.meshgrid(np.geomspace(3e7, 3e9, 6), np.geomspace(1e9, 1e11, 6)))
    loss = law.loss({"N": n, "D": d}, law.preset("besiroglu2024"))
    noisy = loss * np.exp(0.003 * rng.standard_normal(n.size))
    return bs.read_runs({"N": n, "D": d, "loss": noisy}, count="total")


@pytest.fixture(scope="module")
def fit() -> bs.Fit:
    return bs.fit("chinchilla", simulated(), method="laplace")


@pytest.fixture(scope="module")
def found(fit) -> bs.Allocation:
    return bs.allocate(fit, [NEAR, 1e22])


def test_the_truth_is_recovered(found):
    law = bs.laws.get("chinchilla")
    truth = bs.consequences.published(law, law.preset("besiroglu2024"))
    known = bs.consequences.optimum(truth, found.flops)
    for name in ("N", "D", "tokens_per_param"):
        low, high = found.interval(0.99, name)
        assert np.all((low < getattr(known, name)[0]) & (getattr(known, name)[0] < high))
    low, high = found.ahead.interval(0.99, "latent")
    assert np.all((low < known.loss[0]) & (known.loss[0] < high))


def test_quantiles_are_over_draws(fit, found):
    p = {name: v.ravel() for name, v in fit.parameters.items()}
    g = (p["alpha"] * p["A"] / (p["beta"] * p["B"])) ** (1 / (p["alpha"] + p["beta"]))
    n = g * (NEAR / 6) ** (p["beta"] / (p["alpha"] + p["beta"]))
    np.testing.assert_allclose(found.draws("N")[:, 0], n, rtol=1e-9)
    assert found.quantile(0.5)[0] == pytest.approx(np.median(n), rel=1e-3)
    low, high = found.interval(0.8)
    assert low[0] == pytest.approx(np.quantile(n, 0.1), rel=1e-3)
    assert high[0] == pytest.approx(np.quantile(n, 0.9), rel=1e-3)
    np.testing.assert_allclose(found.draws("a")[:, 0], p["a"], rtol=1e-8)
    with pytest.raises(RunsError, match="no 'Q'"):
        found.draws("Q")
    with pytest.raises(RunsError, match="probability"):
        found.interval(1.0)


def test_the_table_and_the_document_agree(found):
    table, document = found.table(0.9), found.to_json((0.5, 0.9))
    assert [e["prob"] for e in document] == [0.5, 0.5, 0.9, 0.9]
    entry, row = document[2], table.iloc[0]
    assert entry["flops"] == NEAR
    for name in ("N", "D", "tokens_per_param", "loss", "a"):
        assert entry[name]["lower"] == row[f"{name}_lower"] < entry[name]["median"]
        assert entry[name]["median"] == row[name] < entry[name]["upper"] == row[f"{name}_upper"]
    assert entry["loss"]["lower"] < entry["loss"]["latent_lower"]
    near = entry["near_optimal"]
    assert near["N"]["lower"] < entry["N"]["median"] < near["N"]["upper"]
    assert near["within"] == 0.001 and 0.01 < near["compute_worth"] < 0.2
    for name in ("N", "D", "tokens_per_param"):
        inner = near["sure"][name]
        assert near[name]["lower"] < inner["lower"] < inner["upper"] < near[name]["upper"]
    assert near["N"]["lower"] * near["D"]["upper"] * 6 == pytest.approx(NEAR)
    assert entry["trustworthy"] and not entry["messages"]


def test_the_near_optimal_region_by_brute_force(fit, found):
    """The probability that each size is within the share of its draw's best, on a fine grid."""
    n = np.geomspace(1e8, 1e10, 4001)
    losses = bs.consequences.isoflop(fit, NEAR, n)
    best = bs.consequences.optimum(fit, NEAR).loss
    inside = (losses <= best * 1.001).mean(axis=0)
    low, high = (ends[0] for ends in found.sure(0.9))
    sure = n[inside >= 0.9]
    assert low == pytest.approx(sure.min(), rel=2e-3)
    assert high == pytest.approx(sure.max(), rel=2e-3)
    ends = [n[(row <= b * 1.001)][[0, -1]] for row, b in zip(losses, best, strict=True)]
    medians = np.median(ends, axis=0)
    np.testing.assert_allclose([e[0] for e in found.near_optimal], medians, rtol=2e-3)


def test_a_stricter_share_is_a_smaller_region(fit, found):
    strict = bs.allocate(fit, NEAR, within=0.0001)
    assert found.near_optimal[0][0] < strict.near_optimal[0][0]
    assert strict.compute_worth[0] < found.compute_worth[0]
    none = bs.allocate(fit, NEAR, within=1e-9)
    assert np.isnan(none.sure(0.9)[0][0])
    assert "no size is so with a probability of 90%" in none.text()
    assert "with a probability of 90% those from" in found.text()
    assert none.to_json()[0]["near_optimal"]["sure"]["N"] == {
        "lower": pytest.approx(np.nan, nan_ok=True),
        "upper": pytest.approx(np.nan, nan_ok=True),
    }
    with pytest.raises(LawError, match="share of the best loss"):
        bs.allocate(fit, NEAR, within=0.0)


def test_far_beyond_the_data_is_not_vouched_for(fit):
    found = bs.allocate(fit, [NEAR, FAR])
    assert found.trustworthy.tolist() == [True, False]
    said = " ".join(found.messages[1])
    assert "outside the data: N" in said and "far outside the data in" in said
    assert "not to be vouched for" in repr(found)
    assert "the band of the loss includes the discrepancy" in found.caution
    exact = bs.allocate(fit, FAR, discrepancy="none")
    assert "exact" in exact.caution
    np.testing.assert_allclose(exact.draws("N")[:, 0], found.draws("N")[:, 1], rtol=1e-12)
    wide, narrow = found.ahead.interval(0.9), exact.ahead.interval(0.9)
    assert wide[1][1] - wide[0][1] > narrow[1][0] - narrow[0][0]


def test_what_did_not_converge_and_what_the_prior_decides(fit):
    def judged(**changes: object) -> bs.Allocation:
        diagnosis: Diagnosis = replace(fit.diagnosis, **changes)
        return bs.allocate(replace(fit, diagnosis=diagnosis), NEAR)

    bad = judged(converged=False)
    assert not bad.trustworthy[0] and "not converged" in bad.messages[0][0]
    prior = judged(prior_dominated=("alpha", "beta", "T_N", "T_D"))
    assert not prior.trustworthy[0] and "variance of log N*" in " ".join(prior.messages[0])
    assert prior.prior_share[0] > 0.9


def test_a_budget_without_an_optimum_says_so():
    """Data with a D that does nothing: the law's bend leaves draws without an optimum."""
    rng = np.random.default_rng(0)
    n, d = (a.ravel() for a in np.meshgrid(np.geomspace(3e7, 3e9, 5), np.geomspace(1e9, 1e11, 5)))
    loss = (1.8 + 480 / n**0.35) * np.exp(0.003 * rng.standard_normal(n.size))
    runs = bs.read_runs({"N": n, "D": d, "loss": loss})
    law = bs.laws.parse("irreducible + power(N)*overtraining(N)")
    fit = bs.fit(law, runs, method="laplace", draws=100)
    found = bs.allocate(fit, NEAR)
    assert found.interior[0] < 0.01 and not found.trustworthy[0]
    assert "no optimum: in" in " ".join(found.messages[0])
    entry = found.to_json()[0]
    assert np.isnan(entry["N"]["median"]) and np.isfinite(entry["loss"]["median"])
    with pytest.raises(BayescaleError, match="no compute-optimal size"):
        found.plot("isoflop")


def test_laws_without_a_trade_are_refused():
    fit = bs.fit("power_floor(D)", simulated(), method="laplace", draws=100)
    with pytest.raises(LawError, match="nothing to allocate"):
        bs.allocate(fit, NEAR)


def test_a_comparison_is_allocated_as_its_mixture(fit):
    other = bs.fit("skaling", fit.runs, method="laplace")
    ranking = bs.compare({"one": fit, "two": other}, loo=False, forward_split=False,
                         prior_sensitivity=False)  # fmt: skip
    mixed = bs.allocate(ranking, NEAR, weights="equal")
    assert mixed.weights == {"one": 0.5, "two": 0.5}
    assert "mixture of one (0.500), two (0.500)" in mixed.text()
    alone = [bs.allocate(f, NEAR).draws("N")[:, 0] for f in (fit, other)]
    pooled = np.concatenate(alone)
    for p in (0.05, 0.5, 0.95):
        assert mixed.quantile(p)[0] == pytest.approx(np.quantile(pooled, p), rel=1e-3)
    assert mixed.to_json()[0]["weights"] == {"one": 0.5, "two": 0.5}
    assert mixed.plot().axes


def test_pictures(fit, found):
    frontier = found.plot()
    by_gid = {a.get_gid(): a for ax in frontier.axes for a in ax.get_children() if a.get_gid()}
    assert {"median", "fitted runs", "frontier", "budgets", "nearly optimal"} <= set(by_gid)
    places = by_gid["budgets"].get_offsets()
    np.testing.assert_allclose(places[:, 0], found.flops)
    np.testing.assert_allclose(places[:, 1], found.quantile(0.5, "tokens_per_param"), rtol=0.02)
    slices = fit.plot("isoflop", flops=[1e19, 1e20]).axes[0]
    curves = [line for line in slices.lines if line.get_gid() == "slice"]
    assert len(curves) == 2
    best = bs.allocate(fit, [1e19, 1e20]).quantile(0.5)
    for curve, size in zip(curves, best, strict=True):
        assert curve.get_xdata()[np.argmin(curve.get_ydata())] == pytest.approx(size, rel=0.1)
    with pytest.raises(BayescaleError, match="Give a fit, an allocation"):
        bs.plots.plot(object(), "frontier")
    with pytest.raises(BayescaleError, match="no option"):
        found.plot("frontier", colour=3)


def test_pooled_quantiles_bear_infinities():
    draws = np.array([[1.0], [2.0], [3.0], [np.inf]])
    each = np.full(4, 0.25)
    found = pooled_quantiles(draws, each, np.array([0.1, 0.5, 0.75, 0.9]))[:, 0]
    assert found.tolist() == [1.0, 2.0, 3.0, np.inf]
    heavy = pooled_quantiles(draws, np.array([0.7, 0.1, 0.1, 0.1]), np.array([0.5]))
    assert heavy[0, 0] == 1.0


def test_sure_intervals():
    low, high = np.array([0.0, 1.0, 2.0, 3.0]), np.array([4.0, 5.0, 6.0, 7.0])
    each = np.full(4, 0.25)
    assert sure_interval(low, high, each, 1.0) == (3.0, 4.0)
    assert sure_interval(low, high, each, 0.75) == (2.0, 5.0)
    assert sure_interval(low, high, each, 0.2) == (0.0, 7.0)
    assert np.isnan(sure_interval(low, np.array([0.5, 1.5, 2.5, 3.5]), each, 0.5)[0])


def test_public_runs(shared_data):
    """Chinchilla's own compute: about twenty tokens per parameter, outliers or not."""
    table = shared_data / "chinchilla_epoch.csv"
    kept = []
    for where in ("outlier_epoch == 0", None):
        fit = bs.fit("chinchilla", read_quietly(table, where=where), method="laplace")
        found = bs.allocate(fit, 5.76e23)
        low, high = (float(v[0]) for v in found.interval(0.9, "tokens_per_param"))
        assert low < 18.4 < high < 58.9  # Besiroglu's refit, and the published constants
        assert 0.48 < found.quantile(0.5, "a")[0] < 0.54
        assert "1.65 decades above" in found.messages[0][0]
        kept.append(float(found.quantile(0.5, "tokens_per_param")[0]))
    np.testing.assert_allclose(kept, [18.9, 17.6], rtol=0.05)
