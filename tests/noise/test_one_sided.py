"""Badly tuned runs above the law."""

from __future__ import annotations

import runpy
from pathlib import Path

import numpy as np

import bayescale as bs

EXAMPLES = runpy.run_path(str(Path(__file__).with_name("examples.py")))
LAW, recovered = (
    EXAMPLES[name]
    for name in (
        "LAW",
        "recovered",
    )
)


def test_recovery_where_a_symmetric_noise_is_biased() -> None:
    fit = recovered("one_sided", {"sigma": 0.003, "excess": 0.03}, 2)
    symmetric = bs.fit(LAW, fit.runs, noise="normal", method="laplace", progress=False)
    at = {"N": 1e8}
    # The law of well tuned runs lies an excess below the middle run.
    gap = np.median(symmetric.log_law({"N": np.array([1e8])})) - np.median(
        fit.log_law({"N": np.array([1e8])})
    )
    assert 0.02 < gap < 0.04
    # New runs are forecast with their excess.
    forecast = bs.forecast(fit, at)
    assert forecast.quantile(0.5)[0] > forecast.quantile(0.99, "latent")[0]
