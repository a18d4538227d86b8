"""A Gaussian process beside a law of several inputs: density, forecasts, places, refusals."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

import bayescale as bs
from bayescale.discrepancy import Seen, Surface, from_json, get
from bayescale.discrepancy.surface import MOST, Places
from bayescale.errors import BayescaleError, LawError
from bayescale.fitting import build_model
from bayescale.inference.runtime import float64
from bayescale.model import LOSS_SPAN, log_likelihood
from bayescale.runs.read import read_quietly

TRUTH = {"E": 1.8, "A": 480.0, "alpha": 0.35, "B": 2085.0, "beta": 0.37}
BESIDE = {"sigma": 0.004, "wander": 0.02, "length": 1.5, "tau": 0.004}
INPUTS = ("N", "D")


def chinchilla(n: np.ndarray, d: np.ndarray) -> np.ndarray:
    return np.asarray(1.8 + 480 / n**0.35 + 2085 / d**0.37)


@pytest.fixture(scope="module")
def runs() -> bs.Runs:
    """Forty runs, ten of them twice."""
    rng = np.random.default_rng(0)
    n, d = np.exp(rng.uniform(np.log([3e7, 1e9]), np.log([1e9, 5e10]), (30, 2))).T
    n, d = (np.concatenate([v, v[:10]]) for v in (n, d))
    wave = 0.01 * np.sin(np.log(n) + 0.7 * np.log(d))
    loss = chinchilla(n, d) * np.exp(wave + 0.003 * rng.standard_normal(40))
    averaged = np.where(np.arange(40) % 3, 1, 4)
    return read_quietly({"N": n, "D": d, "C": 6 * n * d, "loss": loss, "n_averaged": averaged})


@pytest.fixture(scope="module")
def surface() -> Surface:
    found = get("matern").resolved(bs.laws.get("chinchilla"))
    assert isinstance(found, Surface)
    return found


@pytest.fixture(scope="module")
def fit(runs) -> bs.Fit:
    options = {"noise": "normal", "discrepancy": "matern", "method": "quick", "draws": 500}
    return bs.fit("chinchilla", runs, **options, seed=0, progress=False)


def dense(columns, points, surface) -> tuple[np.ndarray, np.ndarray]:
    """Covariance of the process between points and runs, and that of the noise."""
    a, b = (np.log(np.column_stack([v[n] for n in INPUTS])) for v in (points, columns))
    r = np.sqrt(3.0) * np.linalg.norm(a[:, None] - b[None], axis=-1) / BESIDE["length"]
    scale = BESIDE["wander"] * surface.span(columns, INPUTS)
    return scale**2 * (1 + r) * np.exp(-r), np.diag(BESIDE["sigma"] ** 2 / columns["n_averaged"])


def test_the_likelihood_is_that_of_a_dense_normal_over_all_runs(runs, surface):
    model = build_model("chinchilla", noise="normal", discrepancy="matern")
    data = model.data(runs)
    law = model.law
    reference = {k: v for k, v in model.reference(runs).items() if k not in ("loss", LOSS_SPAN)}
    with float64():
        own = law.term.from_field(TRUTH, reference)
        params = {name: jnp.asarray(v) for name, v in (own | BESIDE).items()}
        each = np.asarray(log_likelihood(model.signature, params, data))
    process, noise = dense(runs.columns, runs.columns, surface)
    residual = np.log(runs.loss) - np.log(chinchilla(runs["N"], runs["D"]))
    whole = stats.multivariate_normal(np.zeros(40), process + noise).logpdf(residual)
    assert each.sum() == pytest.approx(whole - np.log(runs.loss).sum(), abs=1e-7)
    assert np.all(each[40:] == 0.0)

    def total(changed: dict[str, jnp.ndarray]) -> jnp.ndarray:
        return jnp.sum(log_likelihood(model.signature, changed, data))

    with float64():
        slopes = jax.grad(total)(params)
        for name in ("wander", "length", "sigma", "alpha", "tau"):
            step = 1e-5 * params[name]
            up, down = (total(params | {name: params[name] + s}) for s in (step, -step))
            middle = float((up - down) / (2 * step))
            assert float(slopes[name]) == pytest.approx(middle, rel=1e-5, abs=1e-6), name


def test_given_the_runs_it_is_that_of_dense_algebra_and_beyond_them_a_slope(runs, surface):
    residual = np.log(runs.loss) - np.log(chinchilla(runs["N"], runs["D"]))
    at = {"N": np.array([1e8, 3e9]), "D": np.array([2e10, 1e12])}
    at["C"] = 6 * at["N"] * at["D"]
    params = {name: np.array([v]) for name, v in BESIDE.items()}
    span = surface.span(runs.columns, INPUTS)
    with float64():
        mean, sd = surface.given(Seen(runs.columns, INPUTS, span), residual[None], params, at)
    covariance, noise = dense(runs.columns, runs.columns, surface)
    across, _ = dense(runs.columns, at, surface)
    gain = np.linalg.solve(covariance + noise, across.T).T
    assert np.allclose(mean[0], gain @ residual, atol=1e-9)
    alone = covariance[0, 0] - np.sum(gain * across, axis=1)
    beyond = np.log(max(1e12 / runs["D"].max(), at["C"][1] / runs["C"].max()))
    slope = np.array([0.0, BESIDE["tau"] * beyond])
    assert np.allclose(sd[0] ** 2, alone + slope**2, atol=1e-9)
    doubled = surface.scaled(2.0)
    with float64():
        far = {name: values[1:] * 1e9 for name, values in at.items()}
        once, twice = (
            s.given(Seen(runs.columns, INPUTS, span), residual[None], params, far)[1]
            for s in (surface, doubled)
        )
    assert twice[0, 0] == pytest.approx(2 * once[0, 0])


def test_simulated_runs_have_the_covariance_that_the_density_takes(runs, surface):
    rng = np.random.default_rng(1)
    span = surface.span(runs.columns, INPUTS)
    draws = np.stack(
        [surface.simulate(rng, Seen(runs.columns, INPUTS, span), BESIDE) for _ in range(4000)]
    )
    process, noise = dense(runs.columns, runs.columns, surface)
    expected, scale = process + noise, process[0, 0]
    assert np.allclose(np.cov(draws.T), expected, atol=0.1 * scale)
    assert np.allclose(draws.mean(axis=0), 0.0, atol=5 * np.sqrt(scale / 4000))


def test_many_inputs_share_places_and_the_fit_says_so():
    rng = np.random.default_rng(2)
    n, d = np.exp(rng.uniform(np.log([1e7, 1e9]), np.log([1e9, 1e11]), (1000, 2))).T
    columns = {"N": n, "D": d, "loss": chinchilla(n, d)}
    places = Places.among(columns, INPUTS)
    assert 30 < len(places.at) <= MOST
    off = np.log(np.column_stack([n, d])) - places.at[places.of]
    assert np.max(np.abs(off)) < places.width
    found = get("matern").resolved(bs.laws.get("chinchilla"))
    told = found.note(columns, INPUTS, 2.0)
    assert f"1000 runs at {len(places.at)} places" in told and "coarse" not in told
    assert "coarse" in found.note(columns, INPUTS, places.width)
    few = {name: values[:100] for name, values in columns.items()}
    assert Places.among(few, INPUTS).width == 0.0 and found.note(few, INPUTS, 2.0) == ""


def test_a_wave_that_the_law_does_not_know_is_taken_up_and_the_forecast_tells_its_parts(fit, runs):
    assert fit.diagnosis.ok, fit.diagnosis.text()
    plain = bs.fit("chinchilla", runs, noise="normal", method="quick", draws=500, progress=False)
    assert np.std(fit.residuals) < 0.7 * np.std(plain.residuals)
    ahead = bs.forecast(fit, {"N": [5e9, 2e8], "D": [2e11, 1e10]})
    low, high = ahead.interval(0.95)
    truth = chinchilla(ahead.points["N"], ahead.points["D"])
    assert np.all((low < truth * np.exp(0.01)) & (truth * np.exp(-0.01) < high))
    shares = ahead.shares()
    assert np.allclose(shares[["parameters", "discrepancy", "noise"]].sum(axis=1), 1.0)
    widths = np.log(ahead.sensitivity()["upper"] / ahead.sensitivity()["lower"])
    first = widths.xs(ahead.labels[0], level="point")
    assert np.all(np.diff(first) > 0)
    assert "logs of N and D" in ahead.text() and "which the runs cannot tell" in fit.text()
    assert set(fit.draws) >= {"wander", "length", "tau"}


def test_what_follows_from_the_fit_has_a_band_or_says_why_not(fit, tmp_path):
    split = bs.allocate(fit, [1e22])
    assert np.all(np.isfinite(split.loss if hasattr(split, "loss") else 0.0))
    fit.save(tmp_path / "fit.nc")
    again = bs.load(tmp_path / "fit.nc")
    at = {"N": 3e9, "D": 1e11}
    assert again.discrepancy == fit.discrepancy
    assert bs.forecast(again, at).quantile(0.9) == pytest.approx(bs.forecast(fit, at).quantile(0.9))
    assert bs.forecast(again, at, discrepancy="none").quantile(0.5) > 1.8
    with pytest.raises(LawError, match="slope"):
        bs.plan(fit, 1e21, target=at)


def test_backtest_scores_the_bands_that_forecast_gives(runs):
    options = {"noise": "normal", "discrepancy": "matern", "draws": 500, "progress": False}
    threshold = float(np.sort(runs["C"])[27])
    found = bs.backtest("chinchilla", runs, fit_where=f"C <= {threshold}", **options)
    assert found.ok
    small, large = runs.where(f"C <= {threshold}"), runs.where(f"C > {threshold}")
    own = bs.fit("chinchilla", small, method="quick", **options)
    ahead = bs.forecast(own, large)
    assert np.allclose(found.targets["median"], ahead.quantile(0.5), rtol=0.01)
    assert found.table()["elpd"][0] == pytest.approx(ahead.log_density.mean(), abs=0.25)


def test_a_process_goes_with_a_law_by_its_name_and_into_a_mixture(runs, fit, tmp_path):
    law = bs.laws.get("chinchilla:matern")
    assert (law.noise, law.discrepancy) == ("normal", "matern")
    named = bs.fit("chinchilla:matern", runs, method="quick", draws=500, seed=0, progress=False)
    assert all(np.array_equal(named.draws[name], fit.draws[name]) for name in fit.draws)
    named.save(tmp_path / "named.nc")
    assert bs.load(tmp_path / "named.nc").law.name == law.name
    threshold = float(np.sort(runs["C"])[27])
    found = bs.backtest(
        ["chinchilla", "chinchilla:matern"],
        runs,
        fit_where=f"C <= {threshold}",
        mixtures=["half"],
        draws=500,
        progress=False,
    )
    assert found.ok, found.text()
    table = found.table()
    assert list(table["law"]) == ["chinchilla", "chinchilla:matern", "mixture: half"]
    assert np.all(np.isfinite(table["elpd"]))
    for wrong in ("chinchilla:slope", "chinchilla:", ":matern"):
        with pytest.raises(BayescaleError):
            bs.laws.get(wrong)


def test_laws_with_and_without_a_process_are_compared_by_evidence_and_forecast_together(runs):
    ranking = bs.compare(
        ["chinchilla", "chinchilla:matern"],
        runs,
        noise="normal",
        draws=400,
        prior_sensitivity=False,
        progress=False,
    )
    with_process = next(law for law in ranking.laws if law.name == "chinchilla:matern")
    assert with_process.evidence.ok and with_process.loo is None and not ranking.nested
    assert "ties the runs" in " ".join(with_process.messages)
    probability = ranking.weights("probability")
    assert probability["chinchilla:matern"] > 0.95  # the runs have a wave that the law does not
    ahead = ranking.forecast({"N": [3e9], "D": [1e11]})
    alone = bs.forecast(with_process.fit, {"N": [3e9], "D": [1e11]})
    assert ahead.quantile(0.5) == pytest.approx(alone.quantile(0.5), rel=0.01)


def test_nothing_is_vouched_for_that_the_law_alone_would_not_be(runs, fit):
    below = bs.forecast(fit, {"N": [1e6], "D": [1e8]})
    assert below.unguarded[0] and not below.trustworthy[0]
    assert fit.structure.share > 0.2  # the wave, which ends with the runs, is looked for in the law
    ahead = bs.forecast(fit, {"N": [2e9], "D": [1e11]})
    assert not ahead.unguarded[0]
    bare = get("matern").resolved(bs.laws.get("power(N)+power(D)"))
    assert bare.is_guess and not fit.discrepancy.is_guess
    with pytest.raises(LawError, match="has the priors"):
        bs.forecast(fit, {"N": 2e9, "D": 1e11}, discrepancy="matern(2, 0.1)").interval(0.9)
    with pytest.raises(LawError, match="names its process"):
        bs.fit("chinchilla:matern", runs, discrepancy="none", progress=False)
    assert "those of the law alone" in bs.allocate(fit, [1e20]).text()


def test_json_brings_it_back_and_what_cannot_be_used_is_refused(surface):
    assert from_json(surface.to_json()) == surface
    given = get("matern(0.02, 0.4)").resolved(bs.laws.get("skaling"))
    assert given.wander.median == 0.02 and given.source == "given"
    with pytest.raises(LawError, match="laws of one input"):
        build_model("chinchilla", discrepancy="wiener", noise="normal")
    with pytest.raises(LawError, match="normal noise"):
        build_model("chinchilla", discrepancy="matern", noise="student_t")
    with pytest.raises(LawError, match="not known"):
        build_model("dense", discrepancy="matern", noise="normal")
