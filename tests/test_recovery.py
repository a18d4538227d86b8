"""Laws come back from data that they made, and forecasts of larger runs are calibrated."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from scipy import stats

import bayescale as bs
from bayescale.runs.read import read_quietly

SIGMA = 0.004
TRUTHS: dict[str, dict[str, float]] = {
    "chinchilla": {"E": 1.8, "A": 480.0, "alpha": 0.35, "B": 2000.0, "beta": 0.37},
    "skaling": {"E": 1.7, "A": 3000.0, "alpha": 0.55, "B": 40_000.0, "beta": 0.6, "k": 0.6},
}


def chinchilla(n: np.ndarray, d: np.ndarray, p: dict[str, float]) -> np.ndarray:
    return np.asarray(p["E"] + p["A"] / n ** p["alpha"] + p["B"] / d ** p["beta"])


def skaling(n: np.ndarray, d: np.ndarray, p: dict[str, float]) -> np.ndarray:
    return np.asarray(p["E"] + (p["A"] / n ** p["alpha"] + p["B"] / d ** p["beta"]) ** p["k"])


FORMULAS: dict[str, Callable[..., np.ndarray]] = {"chinchilla": chinchilla, "skaling": skaling}


def simulated(law: str, seed: int, n: np.ndarray, d: np.ndarray) -> bs.Runs:
    """Runs of a law with log-normal noise, by the formula as printed."""
    rng = np.random.default_rng(seed)
    loss = FORMULAS[law](n, d, TRUTHS[law]) * np.exp(SIGMA * rng.standard_normal(len(n)))
    return read_quietly({"N": n, "D": d, "loss": loss})


def small() -> tuple[np.ndarray, np.ndarray]:
    n, d = np.meshgrid([1e7, 5e7, 2.5e8, 1.25e9], [4e8, 3e9, 2.4e10, 1.9e11])
    return n.ravel(), d.ravel()


def large() -> tuple[np.ndarray, np.ndarray]:
    n, d = np.meshgrid([2.5e9, 5e9, 1e10, 2e10], [1e10, 5e10, 2e11, 4e11, 8e11])
    return n.ravel(), d.ravel()


@pytest.fixture(scope="module", params=["chinchilla", "skaling"])
def fits(request) -> tuple[str, list[bs.Fit]]:
    law = request.param
    return law, [bs.fit(law, simulated(law, 100 + i, *small()), seed=i) for i in range(3)]


def test_the_truth_lies_inside(fits):
    law, found = fits
    for i, fit in enumerate(found):
        assert fit.diagnosis.converged, (i, fit.diagnosis.text())
        for name, truth in TRUTHS[law].items():
            # Wide, since the draws know the rank of a truth to .002 alone.
            low, high = np.quantile(fit.parameters[name], [0.001, 0.999])
            assert low < truth < high, (i, name, low, truth, high)
        low, high = np.quantile(fit.parameters["sigma"], [0.005, 0.995])
        assert low < SIGMA < high


def test_forecasts_of_larger_runs_are_calibrated(fits):
    """The law is true here, so that nominal is what intervals must be."""
    law, found = fits
    pits, covered = [], []
    for i, fit in enumerate(found):
        ahead = bs.forecast(fit, simulated(law, 200 + i, *large()))
        pits.append(ahead.pit)
        covered.append(ahead.covered(0.9))
    pit, inside = np.concatenate(pits), np.concatenate(covered)
    assert len(pit) == 60
    # Points of one fit share its error, so 60 points are worth far fewer: the limits are wide.
    assert 0.7 <= inside.mean() <= 1.0
    # The bound is the 5 % critical value of three points.
    assert stats.kstest(pit, "uniform").statistic < 0.7
    assert pit.std() > 0.1
