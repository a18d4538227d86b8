"""The laws and the reading of curves of ``examples/tiny_subscaling.py``; no fit."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import bayescale as bs
from bayescale.runs.read import read_quietly

FIELD = {"E": 1.2, "A": 30.0, "alpha": 0.4, "B": 90.0, "beta": 0.35}
INPUTS = {"N": np.array([1e4, 1e5, 1e5]), "D": np.array([1e6, 1e6, 8e6])}


@pytest.fixture(scope="module")
def example(script):
    return script("examples/tiny_subscaling.py")


def plain():
    return bs.laws.get("chinchilla").loss(INPUTS, FIELD)


def test_on_the_base_text_redundancy_changes_nothing(example):
    law = example.dense_law()
    base = law.loss({**INPUTS, "z": np.ones(3)}, {**FIELD, "kappa": 0.4, "delta": 0.1})
    np.testing.assert_allclose(base, plain())


def test_kappa_is_an_amplitude_and_delta_an_exponent(example):
    law, z = example.dense_law(), 4.0
    data = 90.0 * INPUTS["D"] ** -0.35
    for kappa, delta in ((0.4, 0.0), (0.0, 0.1), (0.4, 0.1)):
        found = law.loss({**INPUTS, "z": np.full(3, z)}, {**FIELD, "kappa": kappa, "delta": delta})
        factor = z**kappa * (INPUTS["D"] / example.REFERENCE_TOKENS) ** (delta * np.log(z))
        np.testing.assert_allclose(found, plain() + data * (factor - 1))


def test_text_seen_once_is_worth_itself_and_repeats_are_worth_ever_less(example):
    law, params = example.REPETITION, {**FIELD, "R_star": 5.0}
    once = law.loss({**INPUTS, "U": INPUTS["D"]}, params)
    np.testing.assert_allclose(once, plain())
    unique = 1e5
    many = law.loss({"N": np.full(3, 1e5), "D": np.array([1e6, 1e8, 1e10]), "U": unique}, params)
    limit = 1.2 + 30.0 * 1e5**-0.4 + 90.0 * (unique * 6.0) ** -0.35
    assert many[0] > many[1] >= many[2] == pytest.approx(limit)


def test_runs_past_the_lowest(example):
    table = {"N": [1e5] * 5, "D": [1e6, 2e6, 4e6, 1e6, 2e6], "loss": [3.0, 2.5, 2.7, 3.1, 2.9]}
    runs = read_quietly({**table, "corpus": ["a", "a", "a", "b", "b"]})
    assert example.past_the_lowest(runs).tolist() == [False, False, True, False, False]


def test_steps_to_a_loss(example):
    curve = pd.DataFrame({"S": [10, 100, 1000], "loss": [3.0, 2.0, 1.0]})
    assert example.steps_to(curve, 1.5) == pytest.approx(np.sqrt(100 * 1000))
    assert example.steps_to(curve, 2.0) == pytest.approx(100)
    assert np.isnan(example.steps_to(curve, 0.5)) and np.isnan(example.steps_to(curve, 3.5))


def test_the_critical_batch_is_recovered_from_curves_made_with_one(example, capsys):
    """S = S_min (1 + B_crit / B), with S_min = (loss - 1)^-3."""
    rows = []
    for batch in (256, 1024, 4096, 16384):
        for loss in np.geomspace(5.0, 1.7, 40):
            steps = (loss - 1) ** -3.0 * 1e3 * (1 + 3000 / batch)
            rows.append(("critical_batch", 1e4, batch * steps, batch, steps, loss, 900.0))
    names = ["role", "N", "D", "B", "S", "loss", "noise_scale_tokens"]
    table = pd.DataFrame(rows, columns=names)

    class Curves:
        @staticmethod
        def table():
            return table

    example.critical_batch(example.Study(runs=None, curves=Curves()))
    *lines, last = capsys.readouterr().out.splitlines()[1:]
    assert last.startswith("exponent of the loss: ")
    found = [float(line.split()[3]) for line in lines]
    assert len(found) >= 4
    np.testing.assert_allclose(found, 3000, rtol=0.05)
