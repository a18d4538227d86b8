"""Checkpoints of one run err alike."""

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


OWN = {"sigma": 0.01, "length": 0.4}
NOISE = "curve(N)"


def curves(n_runs: int, checkpoints: int) -> dict[str, np.ndarray]:
    """Checkpoints at uneven places, rows in no order."""
    rng = np.random.default_rng(7)
    size = 10 ** rng.uniform(6.5, 9.5, n_runs * checkpoints)
    return {"N": size, "run": np.repeat([f"r{i}" for i in range(n_runs)], checkpoints)}


def test_the_rows_add_up_to_the_joint_normal_density() -> None:
    table = curves(3, 20)
    runs = simulated(NOISE, OWN, 1, **table)
    along, same = np.log(runs["N"]), table["run"][:, None] == table["run"][None, :]
    gaps = np.abs(along[:, None] - along[None, :])
    covariance = OWN["sigma"] ** 2 * same * np.exp(-gaps / OWN["length"])
    joint = ss.multivariate_normal(cov=covariance).logpdf(residuals(runs))
    joint -= np.log(runs.loss).sum()
    assert densities(NOISE, runs, OWN).sum() == pytest.approx(joint, abs=1e-6)


def test_recovery_and_a_thousand_checkpoints_are_not_a_thousand_runs() -> None:
    fit = recovered(NOISE, OWN, 2, **curves(4, 250))
    plain = bs.fit(LAW, fit.runs, noise="normal", method="laplace", progress=False)
    assert np.std(fit.draws["E"]) > 3.0 * np.std(plain.draws["E"])
    # The noise itself is as wide as it looks.
    width = bs.forecast(fit, {"N": 1e8}).predictive.parts(0.9)["noise"][0]
    assert width == pytest.approx(2 * 1.645 * OWN["sigma"], rel=0.3)


def test_two_checkpoints_at_one_place_are_refused() -> None:
    runs = bs.read_runs({"N": [1e7, 1e8, 1e8], "loss": [3.0, 2.5, 2.4], "run": ["a", "a", "a"]})
    with pytest.raises(RunsError, match="the same N: 'row 2' and 'row 3'.*Keep one"):
        bs.fit(LAW, runs, noise=NOISE, progress=False)
