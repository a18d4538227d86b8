"""Error rates below that of guessing."""

from __future__ import annotations

import runpy
from pathlib import Path

import numpy as np
import pytest

import bayescale as bs
from bayescale.errors import RunsError

EXAMPLES = runpy.run_path(str(Path(__file__).with_name("examples.py")))
LAW, recovered, simulated = (
    EXAMPLES[name]
    for name in (
        "LAW",
        "recovered",
        "simulated",
    )
)


# The law of the examples lies between 1.8 and 4.6 here, so near the ceiling at the small end.
NOISE = "bounded(5, normal)"
OWN = {"sigma": 0.05}


def test_recovery_and_no_forecast_above_the_ceiling() -> None:
    fit = recovered(NOISE, OWN, 2)
    ahead = bs.forecast(fit, {"N": [1e4, 1e8]})
    assert ahead.new.max() <= 5.0
    assert 0.0 < bs.forecast(fit, {"N": [1e8], "loss": [2.6]}).pit[0] < 1.0
    small = fit.runs["N"] < 1e7
    assert np.abs(fit.influence()["residual"]).max() < 6.0
    assert np.std(fit.residuals[small]) < np.std(fit.residuals[~small])


def test_a_loss_above_the_ceiling_is_refused() -> None:
    runs = simulated("normal", {"sigma": 0.01}, 3, n=20)
    with pytest.raises(RunsError, match="not below the ceiling 2"):
        bs.fit(LAW, runs, noise="bounded(2)", progress=False)
