"""Known standard errors of the losses."""

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


OWN = {"sigma": 0.01}
SE = 0.06 * np.random.default_rng(0).integers(0, 2, 120)
NOISE = "measured(normal)"


def test_the_variances_add() -> None:
    runs = simulated(NOISE, OWN, 1, loss_se=SE)
    scale = np.hypot(OWN["sigma"], SE / runs.loss)
    expected = ss.norm.logpdf(residuals(runs), 0, scale) - np.log(runs.loss)
    np.testing.assert_allclose(densities(NOISE, runs, OWN), expected, rtol=1e-8, atol=1e-8)


def test_recovery_of_the_scatter_beside_the_errors_and_forecasts_without_them() -> None:
    fit = recovered(NOISE, OWN, 2, loss_se=SE)
    plain = bs.fit(LAW, fit.runs, noise="normal", method="laplace", progress=False)
    assert np.median(plain.draws["sigma"]) > 1.5 * np.quantile(fit.draws["sigma"], 0.95)
    width = bs.forecast(fit, {"N": 1e8}).predictive.parts(0.9)["noise"][0]
    assert width == pytest.approx(2 * 1.645 * np.median(fit.draws["sigma"]), rel=0.1)
    # A target that was measured is scored with its own error.
    target = {"N": [1e8, 1e8], "loss": [2.5, 2.5], "loss_se": [0.0, 0.1]}
    widths = bs.forecast(fit, target).predictive.parts(0.9)["noise"]
    assert widths[1] > 2.0 * widths[0]


def test_a_missing_column_is_refused() -> None:
    runs = simulated("normal", OWN, 3, n=20)
    with pytest.raises(RunsError, match="no loss_se .*--column loss_se=NAME"):
        bs.fit(LAW, runs, noise="measured", progress=False)
