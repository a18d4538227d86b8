"""The law of single-input curves, in both of its forms."""

from __future__ import annotations

import numpy as np
import pytest

from bayescale import laws
from bayescale.inference.runtime import float64

FIELD = {"E": 0.2, "A": 30.0, "alpha": 0.25, "c1": 0.2, "d1": 1e7, "f1": 0.6}
REFERENCE = {"x": np.log(1e9), "x span": np.log(1e3)}
PARAMS = {"L0": 0.3, "s": 0.15, "k": 0.4, "c1": 0.2, "t1": -0.6, "f1": 0.5}


def value(params, x, reference=REFERENCE):
    term = laws.get("curve").term
    with float64():
        return np.asarray(term.log_value(params, {"x": np.log(x)}, reference))


def test_the_field_form_is_the_published_one():
    x = np.geomspace(1e5, 1e12, 9)
    broken = (1 + (x / 1e7) ** (1 / 0.6)) ** (-0.2 * 0.6)
    assert np.allclose(laws.get("curve").loss({"x": x}, FIELD), 0.2 + 30.0 * x**-0.25 * broken)


def test_sampled_and_field_parameters_are_one_curve():
    law = laws.get("curve")
    x = np.geomspace(1e5, 1e12, 9)
    with float64():
        field = {k: float(v) for k, v in law.term.to_field(PARAMS, REFERENCE).items()}
        back = law.term.from_field(field, REFERENCE)
    assert np.allclose(np.log(law.loss({"x": x}, field)), value(PARAMS, x))
    assert {k: float(v) for k, v in back.items()} == pytest.approx(PARAMS)


def test_at_the_frontier_the_parameters_are_what_they_say():
    """With the break long over: the loss, its log-slope, and the decay of that."""
    over = PARAMS | {"t1": -20.0}
    h = 1e-3
    before, here, after = (value(over, 1e9 * np.exp(d)) for d in (-h, 0.0, h))
    assert here == pytest.approx(np.log(0.3))
    assert (before - after) / (2 * h) == pytest.approx(0.15, rel=1e-5)
    curvature = (before - 2 * here + after) / h**2
    assert curvature / 0.15 == pytest.approx(0.4, rel=1e-4)


def test_the_reference_is_the_frontier_and_the_name_reads_back():
    law = laws.get("curve(D)")
    point = law.term.reference_point({"D": np.array([1e6, 1e9, 1e7])})
    assert point == pytest.approx({"D": np.log(1e9), "D span": np.log(1e3)})
    assert laws.parse(law.expression).expression == law.expression == "frontier(D)"
