"""Laws of another loss come back from data that they made; where they have no value is said."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest

import bayescale as bs
from bayescale.runs.read import read_quietly

P = dict[str, float]


@dataclass(frozen=True)
class Made:
    """A law, its formula as printed, constants, the losses of its runs."""

    law: str
    formula: Callable[[np.ndarray, P], np.ndarray]
    truth: P
    ends: tuple[float, float]


def transferred(x: np.ndarray, p: P) -> np.ndarray:
    return np.asarray(p["K"] * (x - p["E_1"]) ** p["kappa"] + p["E_2"])


def exponential(x: np.ndarray, p: P) -> np.ndarray:
    return np.asarray(p["eps"] - p["k"] * np.exp(-p["gamma"] * x))


def sigmoid(x: np.ndarray, p: P) -> np.ndarray:
    return np.asarray(p["E"] + p["h"] / (1 + np.exp(-p["k"] * (x - p["L_0"]))))


TO_LOSS = Made(
    "loss_to_loss", transferred, {"E_2": 1.2, "K": 0.9, "kappa": 1.15, "E_1": 1.5}, (2.0, 4.5)
)
TO_ERROR = Made("loss_to_error", exponential, {"eps": 0.85, "k": 2.08, "gamma": 0.756}, (2.2, 4.5))
BY_SIGMOID = Made(
    "loss_to_error_sigmoid", sigmoid, {"E": 0.15, "h": 0.6, "k": 6.0, "L_0": 1.0}, (0.5, 1.6)
)
SIGMA = 0.01
TIMES = 10
LEAST = 6
"""Of ten 90 % intervals, fewer than six hold the truth once in 600 times."""


def fitted(made: Made, seed: int) -> bs.Fit:
    rng = np.random.default_rng(seed)
    x = np.linspace(*made.ends, 40)
    loss = made.formula(x, made.truth) * np.exp(SIGMA * rng.standard_normal(40))
    return bs.fit(made.law, read_quietly({"L": x, "loss": loss}), seed=3)


@pytest.fixture(scope="module")
def to_loss() -> bs.Fit:
    return fitted(TO_LOSS, 0)


@pytest.fixture(scope="module")
def to_error() -> bs.Fit:
    return fitted(TO_ERROR, 0)


@pytest.fixture(scope="module")
def by_sigmoid() -> bs.Fit:
    return fitted(BY_SIGMOID, 0)


@pytest.mark.parametrize("made", [TO_LOSS, TO_ERROR, BY_SIGMOID], ids=lambda made: made.law)
def test_a_law_of_another_loss_comes_back(made):
    """At its default settings, constants, noise and curve."""
    truth = made.truth | {"sigma": SIGMA}
    x = np.linspace(*made.ends, 4)
    curve = made.formula(x, made.truth)
    inside, covered = dict.fromkeys(truth, 0), np.zeros(4)
    for seed in range(TIMES):
        fit = fitted(made, seed)
        assert fit.diagnosis.converged, fit.diagnosis.text()
        assert fit.diagnosis.divergences == 0
        if made is not TO_LOSS:
            assert not fit.diagnosis.prior_dominated
        for name, value in truth.items():
            low, high = np.quantile(fit.parameters[name], [0.05, 0.95])
            inside[name] += int(low < value < high)
        low, high = bs.forecast(fit, {"L": x}).interval(0.9, "latent")
        covered += (low < curve) & (curve < high)
        assert np.all(np.log(high / low) < 3 * SIGMA)
    assert min(inside.values()) >= LEAST, inside
    assert np.all(covered >= LEAST), covered


def test_the_floors_of_loss_to_loss_are_called_open(to_loss):
    """Over a factor of two in L the curve is known, its two floors are not."""
    assert {"E_2", "phi_1"} <= set(to_loss.diagnosis.prior_dominated)


def test_a_run_far_off_is_told_where_no_parameter_is_sampled_as_it_is_read():
    rng = np.random.default_rng(0)
    x = np.linspace(*TO_ERROR.ends, 40)
    loss = exponential(x, TO_ERROR.truth) * np.exp(SIGMA * rng.standard_t(8.0, 40))
    loss[7] *= 1.3
    fit = bs.fit("loss_to_error", read_quietly({"L": x, "loss": loss}), seed=3, method="quick")
    assert not {"eps", "k", "gamma"} & set(fit.draws)
    told = [message for message in fit.diagnosis.messages if "noise scales off" in message]
    assert len(told) == 1 and "row 8 (" in told[0]


def test_below_its_floor_a_forecast_says_so(to_loss):
    ahead = bs.forecast(to_loss, {"L": [3.0, 1.0]})
    share = np.mean(to_loss.parameters["E_1"] >= 1.0)
    assert ahead.undefined == pytest.approx([0.0, share]) and share > 0.5
    assert not ahead.trustworthy[1]
    assert any("no value here" in m for m in ahead.messages[1])
    assert not any("no value here" in m for m in ahead.messages[0])


def test_an_error_that_would_fall_below_zero_is_said(to_error):
    ahead = bs.forecast(to_error, {"L": [1.0, 2.5]})
    p = {name: values.ravel() for name, values in to_error.parameters.items()}
    share = np.mean(p["eps"] - p["k"] * np.exp(-p["gamma"]) <= 0)
    assert ahead.undefined == pytest.approx([share, 0.0]) and share > 0.5
    assert any("no value here" in m for m in ahead.messages[0])


def test_a_sigmoid_has_a_value_everywhere(by_sigmoid):
    assert not np.any(bs.forecast(by_sigmoid, {"L": [0.01, 1.0, 100.0]}).undefined)
