"""What the runs cannot tell of a break is named in the verdict."""

from __future__ import annotations

import numpy as np

import bayescale as bs
from bayescale.runs.read import read_quietly


def fitted(loss: np.ndarray, x: np.ndarray, seed: int) -> bs.Fit:
    noisy = loss * np.exp(0.003 * np.random.default_rng(seed).standard_normal(len(x)))
    runs = read_quietly({"D": x, "loss": noisy})
    return bs.fit("bnsl(D)", runs, noise="normal", method="laplace", draws=200, progress=False)


def test_without_a_break_its_place_and_width_are_the_priors() -> None:
    x = np.geomspace(1e8, 1e11, 40)
    loss = bs.laws.get("power_floor(D)").loss({"D": x}, {"E": 1.7, "A": 60.0, "alpha": 0.22})
    fit = fitted(loss, x, 0)
    assert not fit.diagnosis.ok
    assert {"t1", "f1"} <= set(fit.diagnosis.prior_dominated)
    assert any("t1" in message for message in fit.diagnosis.messages)


def test_a_sharp_break_within_the_runs_is_found() -> None:
    x = np.geomspace(1e7, 1e12, 80)
    truth = {"E": 1.7, "A": 100.0, "c0": 0.25, "c1": -0.15, "d1": 3e9, "f1": 0.3}
    fit = fitted(bs.laws.get("bnsl(D)").loss({"D": x}, truth), x, 1)
    low, high = np.quantile(fit.parameters["d1"], [0.005, 0.995])
    assert low < truth["d1"] < high
    assert high / low < 10.0
    assert "t1" not in fit.diagnosis.prior_dominated
