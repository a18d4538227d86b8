"""A Gaussian process beside a law of one input: what is sampled, forecast and refused."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

import bayescale as bs
from bayescale.discrepancy import Process, Seen, from_json, get
from bayescale.discrepancy.process import loss_span
from bayescale.errors import BayescaleError, LawError, RunsError
from bayescale.fitting import build_model
from bayescale.inference.runtime import float64
from bayescale.model import LOSS_SPAN, log_likelihood
from bayescale.prior import LogNormal, Uniform
from bayescale.runs.read import read_quietly

TRUTH = {"L0": 0.36, "s": 0.15, "k": 0.4, "c1": 0.3, "t1": -0.5, "f1": 0.4}
BESIDE = {"sigma": 0.01, "wander": 0.07, "length": 2.0}


@pytest.fixture(scope="module")
def runs() -> bs.Runs:
    rng = np.random.default_rng(0)
    x = np.geomspace(1e6, 1e8, 24)[rng.permutation(24)]
    loss = (0.2 + 40 * x**-0.3) * np.exp(0.005 * rng.standard_normal(24))
    return read_quietly({"x": x, "loss": loss, "n_averaged": np.where(np.arange(24) % 2, 1, 4)})


@pytest.fixture(scope="module")
def fit(runs) -> bs.Fit:
    return bs.fit("curve", runs, method="quick", draws=500, seed=0, progress=False)


def dense(runs: bs.Runs, log_law: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Covariance of the process at the runs, that of the noise, and the residuals."""
    r = np.sqrt(3.0) * np.abs(np.subtract.outer(*2 * [np.log(runs["x"])])) / BESIDE["length"]
    scale = BESIDE["wander"] * loss_span(runs.columns, "x")
    noise = np.diag(BESIDE["sigma"] ** 2 / runs["n_averaged"])
    return scale**2 * (1 + r) * np.exp(-r), noise, np.log(runs.loss) - log_law


def test_the_likelihood_is_that_of_a_dense_normal_whatever_the_order_of_the_runs(runs):
    model = build_model("curve")
    data = model.data(runs)
    with float64():
        params = {name: jnp.asarray(v) for name, v in (TRUTH | BESIDE).items()}
        each = np.asarray(log_likelihood(model.signature, params, data))
        reference = {k: v for k, v in model.reference(runs).items() if k != "loss"}
        law = model.law.term.log_value(params, {"x": np.log(runs["x"])}, reference)
    process, noise, residual = dense(runs, np.asarray(law))
    whole = stats.multivariate_normal(np.zeros(24), process + noise).logpdf(residual)
    assert each.sum() == pytest.approx(whole - np.log(runs.loss).sum(), abs=1e-8)
    assert np.all(each[24:] == 0.0)


def test_the_process_given_the_runs_is_that_of_dense_algebra(runs):
    process = get("matern")
    law = np.log(0.21 + 39 * runs["x"] ** -0.3)
    covariance, noise, residual = dense(runs, law)
    params = {name: np.array([v]) for name, v in BESIDE.items()}
    span = loss_span(runs.columns, "x")
    with float64():
        mean, sd = process.given(
            Seen(runs.columns, ("x",), span), residual[None], params, {"x": runs["x"]}
        )
    gain = np.linalg.solve(covariance + noise, covariance).T
    assert np.allclose(mean[0], gain @ residual, atol=1e-9)
    assert np.allclose(sd[0] ** 2, np.diag(covariance - gain @ covariance), atol=1e-9)


def test_far_beyond_the_runs_the_process_is_its_prior_and_wiener_starts_at_the_first(runs):
    params = {name: np.array([v]) for name, v in BESIDE.items()}
    residual, points = np.zeros((1, 24)), {"x": np.array([1e4, 1e30])}
    seen = Seen(runs.columns, ("x",), 1.5)
    with float64():
        far = get("matern").given(seen, residual + 0.1, params, points)
        wiener = get("wiener").given(seen, residual, params, points)
    assert far[0][0, 1] == pytest.approx(0.0, abs=1e-9)
    assert far[1][0, 1] == pytest.approx(1.5 * BESIDE["wander"])
    assert wiener[1][0, 0] == 0.0 and wiener[1][0, 1] > 1.0


def test_the_curve_is_continued_with_an_honest_band(fit):
    at = {"x": [2e8, 4e8]}
    ahead = bs.forecast(fit, at)
    low, high = ahead.interval(0.95)
    truth = 0.2 + 40 * np.array(at["x"]) ** -0.3
    assert np.all((low < truth) & (truth < high))
    assert np.all(np.log(high / low) < 0.3)
    assert fit.diagnosis.ok, fit.diagnosis.text()


def test_the_forecast_tells_its_parts_apart_and_says_so(fit):
    ahead = bs.forecast(fit, {"x": [3e8]})
    shares = ahead.shares().iloc[0]
    assert shares[["parameters", "discrepancy", "noise"]].sum() == pytest.approx(1.0)
    assert shares["discrepancy"] > 0.1
    bands = ahead.sensitivity()
    widths = np.log(bands["upper"] / bands["lower"])
    assert list(bands.index.get_level_values("factor")) == [0.5, 1.0, 2.0]
    assert np.all(np.diff(widths) > 0)
    assert "Matern-3/2" in ahead.text() and "twice" in ahead.text()


def test_another_discrepancy_cannot_be_put_on_afterwards(fit):
    with pytest.raises(LawError, match="Fit again with --discrepancy wiener"):
        bs.forecast(fit, {"x": 3e8}, discrepancy="wiener").interval(0.9)


def test_saved_and_loaded_the_forecast_is_the_same(fit, tmp_path):
    fit.save(tmp_path / "fit.nc")
    again = bs.load(tmp_path / "fit.nc")
    assert again.discrepancy == fit.discrepancy
    assert again.reference[LOSS_SPAN] == fit.reference[LOSS_SPAN]
    at = {"x": [5e6, 3e8]}
    assert np.allclose(bs.forecast(again, at).quantile(0.9), bs.forecast(fit, at).quantile(0.9))


def test_backtest_scores_the_bands_that_forecast_gives(runs):
    x, loss = runs["x"], runs.loss
    split = np.where(x < 4e7, "fit", "extrapolate")
    table = read_quietly({"x": x, "loss": loss, "split": split})
    found = bs.backtest("curve", table, split_column="split", draws=500, progress=False)
    assert found.ok and found.discrepancies["curve"].name == "matern"
    small, large = table.where('split == "fit"'), table.where('split == "extrapolate"')
    own = bs.fit("curve", small, method="quick", draws=500, progress=False)
    ahead = bs.forecast(own, large)
    assert np.allclose(found.targets["median"], ahead.quantile(0.5), rtol=0.01)
    assert found.table()["elpd"][0] == pytest.approx(ahead.log_density.mean(), abs=0.25)


@pytest.mark.parametrize("text", ["matern", "wiener", "matern(0.1, 0.5)"])
def test_json_brings_it_back(text):
    found = get(text)
    assert from_json(found.to_json()) == found and isinstance(found, Process)


def test_what_cannot_be_used_is_refused(runs):
    with pytest.raises(LawError, match="normal noise"):
        build_model("curve", noise="student_t")
    with pytest.raises(BayescaleError, match="positive number"):
        Process("matern", Uniform(-1.0, 1.0))


@pytest.mark.parametrize("bad", [0, -1, np.inf])
def test_a_mean_of_no_measurements_is_refused(runs, bad):
    columns = {"x": runs["x"], "loss": runs.loss, "n_averaged": np.full(24, float(bad))}
    with pytest.raises(RunsError):
        build_model("curve").data(read_quietly(columns))


def test_a_mean_of_many_is_known_better(runs):
    """With n_averaged the noise of a new run is larger than the scatter of the means."""
    model, rng = build_model("curve"), np.random.default_rng(1)
    x = np.geomspace(1e6, 1e8, 40)
    loss = (0.2 + 40 * x**-0.3) * np.exp(0.02 / 4 * rng.standard_normal(40))
    found = {}
    for n in (1, 16):
        table = read_quietly({"x": x, "loss": loss, "n_averaged": np.full(40, n)})
        found[n] = bs.fit(model.law, table, method="quick", draws=500, progress=False)
    scale = {n: np.median(f.draws["sigma"]) for n, f in found.items()}
    assert scale[16] == pytest.approx(4 * scale[1], rel=0.15)
    assert scale[16] == pytest.approx(0.02, rel=0.3)


@pytest.mark.parametrize("kind", ["matern", "wiener"])
def test_what_is_simulated_has_the_covariance_of_dense_algebra(runs, kind):
    process, span = get(kind), 1.5
    params = BESIDE | {"sigma": 0.03}
    rng = np.random.default_rng(1)
    with float64():
        drawn = np.array(
            [process.simulate(rng, Seen(runs.columns, ("x",), span), params) for _ in range(1500)]
        )
    x, scale = np.log(runs["x"]), span * params["wander"]
    if kind == "matern":
        r = np.sqrt(3.0) * np.abs(np.subtract.outer(x, x)) / params["length"]
        covariance = scale**2 * (1 + r) * np.exp(-r)
    else:  # the integral of min(s, t) over both, from the first run on
        u = x - x.min()
        low, high = np.minimum.outer(u, u), np.maximum.outer(u, u)
        covariance = 3.0 * scale**2 * (low**2 * high / 2 - low**3 / 6)
    covariance += np.diag(params["sigma"] ** 2 / runs["n_averaged"])
    white = np.linalg.solve(np.linalg.cholesky(covariance), drawn.T)
    assert np.abs(np.cov(white) - np.eye(24)).max() < 0.15
    assert np.abs(white.mean(axis=1)).max() < 0.12


def test_what_rests_on_a_learned_prior_is_said_and_is_no_failure(fit, runs):
    left = [n for n in ("k", "c1", "t1", "f1", "length") if fit.diagnosis.contraction[n] < 0.5]
    told = next(m for m in fit.diagnosis.messages if m.startswith("Left to the priors"))
    assert left and all(name in told for name in left) and not fit.diagnosis.prior_dominated
    given = bs.fit(
        "curve",
        runs,
        method="quick",
        draws=500,
        priors={"k": LogNormal(0.47, 0.45)},
        progress=False,
    )
    if given.diagnosis.contraction["k"] < 0.5:
        assert "k" in given.diagnosis.prior_dominated
