"""Noise that follows compute."""

from __future__ import annotations

import runpy
from pathlib import Path

import numpy as np
import pytest
import scipy.stats as ss

import bayescale as bs
from bayescale.errors import RunsError

EXAMPLES = runpy.run_path(str(Path(__file__).with_name("examples.py")))
LAW, densities, recovered, residuals, simulated = (
    EXAMPLES[name]
    for name in (
        "LAW",
        "densities",
        "recovered",
        "residuals",
        "simulated",
    )
)


OWN = {"sigma": 0.008, "gamma": -0.3}
NOISE = "heteroscedastic(normal, N)"


def test_the_density_is_that_of_each_runs_own_scale() -> None:
    runs = simulated(NOISE, OWN, 1, n=30)
    size = np.log(runs["N"]) - np.log(runs["N"]).mean()
    scale = OWN["sigma"] * np.exp(OWN["gamma"] * size)
    expected = ss.norm.logpdf(residuals(runs), 0, scale) - np.log(runs.loss)
    np.testing.assert_allclose(densities(NOISE, runs, OWN), expected, rtol=1e-8, atol=1e-8)


@pytest.fixture(scope="module")
def fit() -> bs.Fit:
    return recovered(NOISE, OWN, 2)


def test_recovery_and_residuals_in_their_own_scales(fit: bs.Fit) -> None:
    z = fit.influence()["residual"]
    small = fit.runs["N"] < np.median(fit.runs["N"])
    assert np.std(z[small]) == pytest.approx(np.std(z[~small]), rel=0.35)
    assert np.std(fit.residuals[small]) > 2.0 * np.std(fit.residuals[~small])


def test_in_a_forecast_the_noise_is_frozen_at_the_frontier(fit: bs.Fit) -> None:
    edge = float(fit.runs["N"].max())
    ahead = bs.forecast(fit, {"N": [edge, 1e3 * edge]}, discrepancy="none")
    widths = ahead.predictive.parts(0.9)["noise"]
    assert widths[1] == pytest.approx(widths[0], rel=0.03)
    inside = bs.forecast(fit, {"N": float(fit.runs["N"].min())})
    assert inside.predictive.parts(0.9)["noise"][0] > 3.0 * widths[0]


def test_saved_and_loaded(fit: bs.Fit, tmp_path) -> None:
    fit.save(tmp_path / "fit.nc")
    again = bs.load(tmp_path / "fit.nc")
    assert again.noise == fit.noise
    at = {"N": 1e10}
    np.testing.assert_array_equal(bs.forecast(again, at).new, bs.forecast(fit, at).new)


def test_a_missing_column_is_refused() -> None:
    runs = simulated("normal", {"sigma": 0.01}, 3, n=20)
    with pytest.raises(RunsError, match="no C .*--column C=NAME"):
        bs.fit(LAW, runs, noise="heteroscedastic", progress=False)
