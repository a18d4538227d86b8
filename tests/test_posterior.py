"""What a fit says of itself: tables, text, residuals, and which runs pull."""

from __future__ import annotations

import json

import numpy as np
import pytest

import bayescale as bs
from bayescale.runs.read import read_quietly


@pytest.fixture(scope="module")
def runs() -> bs.Runs:
    """Sixteen runs near a law like Chinchilla's; the last lies 2 % above it."""
    rng = np.random.default_rng(3)
    n, d = (a.ravel() for a in np.meshgrid([1e7, 4e7, 1.6e8, 6.4e8], [5e8, 2e9, 8e9, 3.2e10]))
    loss = (1.8 + 480 / n**0.35 + 2000 / d**0.37) * np.exp(0.004 * rng.standard_normal(16))
    loss[-1] *= 1.01
    return read_quietly({"run": [f"r{i}" for i in range(16)], "N": n, "D": d, "loss": loss})


@pytest.fixture(scope="module")
def fit(runs) -> bs.Fit:
    return bs.fit("chinchilla", runs, seed=1)


def test_influence_foretells_a_refit(fit, runs):
    """First order against the truth: the fit without the run."""
    influence = fit.influence()
    assert list(influence.index) == list(runs.labels)
    strength = influence.drop(columns="residual").abs().max(axis=1)
    strongest = strength.sort_values().index[-2:]
    foretold, found = [], []
    for label in strongest:
        rest = bs.fit("chinchilla", runs.select([x != label for x in runs.labels]), seed=1)
        for name in ("E", "alpha", "beta", "a"):
            draws = fit.parameters[name]
            foretold.append(influence.loc[label, name])
            found.append((rest.parameters[name].mean() - draws.mean()) / draws.std())
    foretold_, found_ = np.array(foretold), np.array(found)
    assert np.corrcoef(foretold_, found_)[0, 1] > 0.8
    large = np.abs(foretold_) > 0.3
    assert large.any() and np.all(np.sign(foretold_[large]) == np.sign(found_[large]))
    assert np.all(np.abs(found_ - foretold_) < 0.3 + 0.6 * np.abs(foretold_))


def test_the_table_is_that_of_the_draws(fit):
    table = fit.table()
    assert list(table.columns[:5]) == ["mean", "sd", "q05", "q50", "q95"]
    for name, row in table.iterrows():
        values = fit.parameters[name].ravel()
        assert row["mean"] == pytest.approx(values.mean())
        assert row["sd"] == pytest.approx(values.std(ddof=1))
        assert row["q05"] == pytest.approx(np.quantile(values, 0.05))
    assert list(fit.table(0.5).columns[2:5]) == ["q25", "q50", "q75"]


def test_the_field_parameters_give_the_same_loss(fit, runs):
    """A, B and the exponents, draw by draw, by the formula as printed."""
    p = fit.parameters
    at = {"N": np.array([3e8, 7e10]), "D": np.array([1e9, 1e12])}
    formula = (
        p["E"][..., None]
        + p["A"][..., None] / at["N"] ** p["alpha"][..., None]
        + p["B"][..., None] / at["D"] ** p["beta"][..., None]
    )
    assert np.allclose(np.exp(fit.log_law(at)), formula, rtol=1e-9)
    assert np.allclose(p["a"], p["beta"] / (p["alpha"] + p["beta"]))


def test_residuals_and_text(fit, runs):
    assert fit.residuals.shape == (16,) and np.abs(np.median(fit.residuals)) < 0.01
    text = fit.text()
    for word in ("chinchilla", "16 runs", "student_t", "seed 1", "Converged", "reference point"):
        assert word in text
    assert len(repr(fit).splitlines()) <= 12 and "alpha" in repr(fit)


def test_json_is_plain(fit):
    document = json.loads(json.dumps(fit.to_json(), allow_nan=False))
    assert document.keys() == fit.to_json().keys()
    assert document["parameters"] == fit.to_json()["parameters"]


def test_the_log_likelihood_is_that_of_the_losses(fit, runs):
    """Density per unit of loss, by scipy."""
    from scipy import stats

    law = fit.log_law({"N": runs["N"], "D": runs["D"]})
    nu, sigma = fit.draws["nu"][..., None], fit.draws["sigma"][..., None]
    expected = stats.t.logpdf((np.log(runs.loss) - law) / sigma, nu) - np.log(sigma * runs.loss)
    assert np.allclose(fit.log_likelihood, expected, atol=1e-8)


def test_the_log_prior_is_that_of_the_parameters(fit):
    from scipy import stats

    scale, nu = fit.reference["loss"], fit.model.priors["nu"].numbers
    draws = {name: values[0, :50] for name, values in fit.draws.items()}
    z = np.log(draws["E"] / scale) - np.log1p(-draws["E"] / scale)
    expected = {
        "E": stats.norm.logpdf(z, 0.4, 1.2)
        - np.log(draws["E"] / scale)
        - np.log1p(-draws["E"] / scale)
        - np.log(scale),
        "T_N": stats.lognorm.logpdf(draws["T_N"], 0.8, scale=0.2 * scale),
        "alpha": stats.lognorm.logpdf(draws["alpha"], 0.5, scale=0.3),
        "sigma": stats.lognorm.logpdf(draws["sigma"], 1.5, scale=0.01),
        "nu": stats.gamma.logpdf(draws["nu"] - nu["low"], nu["shape"], scale=1 / nu["rate"]),
    }
    for name, values in expected.items():
        assert np.allclose(fit.log_prior[name][0, :50], values, atol=1e-9), name
