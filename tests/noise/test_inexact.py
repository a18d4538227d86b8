"""Errors in N and D."""

from __future__ import annotations

import runpy
from pathlib import Path

import numpy as np
import pytest
import scipy.stats as ss

import bayescale as bs
from bayescale.errors import RunsError
from bayescale.runs.read import read_quietly

EXAMPLES = runpy.run_path(str(Path(__file__).with_name("examples.py")))
LAW, TRUTH, densities, residuals, simulated = (
    EXAMPLES[name]
    for name in (
        "LAW",
        "TRUTH",
        "densities",
        "residuals",
        "simulated",
    )
)


ERROR = 0.1
NOISE = f"inexact(normal, N={ERROR})"


def slopes(runs: bs.Runs) -> np.ndarray:
    x = np.log(runs["N"])
    term = TRUTH["T_N"] * np.exp(-TRUTH["alpha"] * (x - x.mean()))
    return np.asarray(-TRUTH["alpha"] * term / (TRUTH["E"] + term))


def test_the_density_has_the_laws_own_slope() -> None:
    runs = simulated("normal", {"sigma": 0.01}, 1, n=30)
    scale = np.hypot(0.01, ERROR * slopes(runs))
    expected = ss.norm.logpdf(residuals(runs), 0, scale) - np.log(runs.loss)
    found = densities(NOISE, runs, {"sigma": 0.01})
    np.testing.assert_allclose(found, expected, rtol=1e-8, atol=1e-8)


def test_the_density_is_that_of_the_errors_integrated_out() -> None:
    """Against the integral over the true N, for runs a typical distance off the law."""
    runs = simulated("normal", {"sigma": 0.01}, 1, n=12)
    found = densities(NOISE, runs, {"sigma": 0.01})
    nodes, weights = np.polynomial.hermite_e.hermegauss(60)
    x = np.log(runs["N"])
    off = x[:, None] + ERROR * nodes - x.mean()
    law = TRUTH["E"] + TRUTH["T_N"] * np.exp(-TRUTH["alpha"] * off)
    each = ss.norm.pdf(np.log(runs.loss)[:, None], np.log(law), 0.01)
    exact = np.log(each @ weights / weights.sum()) - np.log(runs.loss)
    np.testing.assert_allclose(found, exact, atol=0.02)


def test_recovery_of_the_scatter_beside_the_errors() -> None:
    runs = simulated("normal", {"sigma": 0.004}, 2, n=200)
    reported = runs["N"] * np.exp(ERROR * np.random.default_rng(9).standard_normal(200))
    roughly = read_quietly({"N": reported, "loss": runs.loss})
    fit = bs.fit(LAW, roughly, noise=NOISE, method="laplace", progress=False)
    plain = bs.fit(LAW, roughly, noise="normal", method="laplace", progress=False)
    low, high = np.quantile(fit.draws["sigma"], [0.005, 0.995])
    assert low < 0.004 < high
    assert np.median(plain.draws["sigma"]) > high
    # Residuals are in units of both, so that roughly known inputs make no outliers.
    z = fit.influence()["residual"]
    assert np.std(z) == pytest.approx(1.0, abs=0.2)
    np.testing.assert_allclose(fit.noise_rows["slope of N"], slopes(runs), rtol=0.2)


def test_an_error_of_an_input_that_the_law_does_not_read_is_refused() -> None:
    runs = simulated("normal", {"sigma": 0.01}, 1, n=30)
    with pytest.raises(RunsError, match="error of D"):
        bs.fit(LAW, runs, noise="inexact(D=0.1)", progress=False)
