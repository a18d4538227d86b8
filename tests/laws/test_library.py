"""The laws of the library beyond the first: formulas in plain NumPy, gradients, units, limits."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np
import pytest

from bayescale import laws
from bayescale.inference.runtime import float64
from bayescale.laws import Law
from bayescale.laws.registry import NAMED

P = dict[str, Any]
X = dict[str, np.ndarray]


@dataclass(frozen=True)
class Case:
    """A law, its formula written once more, and ranges to try it in."""

    law: str
    formula: Callable[[X, P], Any]
    ranges: dict[str, tuple[float, float]]
    """Evenly in the logarithm; evenly as they are where the lower end is not above zero."""


def bnsl(count: int) -> Callable[[X, P], Any]:
    def formula(x: X, p: P) -> Any:
        z = x["D"]
        value = p["A"] * z ** -p["c0"]
        for i in range(1, count + 1):
            inner = 1 + (z / p[f"d{i}"]) ** (1 / p[f"f{i}"])
            value = value * inner ** (-p[f"c{i}"] * p[f"f{i}"])
        return p["E"] + value

    return formula


D = {"D": (1e7, 1e13)}
BASE = {"E": (0.5, 3.0), "A": (10.0, 3000.0)}
BREAK = {
    **{f"c{i}": (-0.3, 0.3) for i in (1, 2, 3)},
    **{f"d{i}": (1e8, 1e11) for i in (1, 2, 3)},
    **{f"f{i}": (0.2, 2.0) for i in (1, 2, 3)},
}

CASES = [
    *(
        Case(f"bnsl{n if n > 1 else ''}(D)", bnsl(n), {**BASE, **BREAK, **D, "c0": (0.1, 0.6)})
        for n in (1, 2, 3)
    ),
]


def draw(names: Any, ranges: dict[str, tuple[float, float]], n: int, seed: int) -> X:
    rng, found = np.random.default_rng(seed), {}
    for name in names:
        low, high = ranges[name]
        even = rng.uniform(low, high, n)
        found[name] = even if low <= 0 else np.exp(rng.uniform(np.log(low), np.log(high), n))
    return found


def by_name(case: Case) -> str:
    return case.law


def middle(law: Law, x: X) -> dict[str, float]:
    """The reference point of runs at ``x``, as a fit would have it."""
    from bayescale.laws.law import reference_point

    return reference_point(x, law)


def draws_of(law: Law, n: int, seed: int) -> X:
    rng = np.random.default_rng(seed)
    return {p.name: p.prior.draws(n, rng, 3.0, p.positive) for p in law.parameters if p.prior}


def test_every_new_law_is_tested_here() -> None:
    first = {"power", "power_floor", "chinchilla", "kaplan", "kaplan_floor", "skaling"}
    assert {case.law.split("(")[0] for case in CASES} == set(NAMED) - first - {"subscaling"}


@pytest.mark.parametrize("case", CASES, ids=by_name)
def test_formula(case: Case) -> None:
    law = laws.get(case.law)
    params = draw(law.field_names, case.ranges, 300, seed=1)
    x = draw(law.inputs, case.ranges, 300, seed=2)
    np.testing.assert_allclose(law.loss(x, params), case.formula(x, params), rtol=1e-9)


@pytest.mark.parametrize("case", CASES, ids=by_name)
def test_reference_and_field_form_are_one_curve(case: Case) -> None:
    """Draws from the prior, at a reference point that is not the points' own."""
    law = laws.get(case.law)
    x = draw(law.inputs, case.ranges, 40, seed=3)
    reference = middle(law, x)
    log_x = {name: np.log(value) for name, value in x.items()}
    with float64():
        for i in range(5):
            params = {name: np.float64(v[i]) for name, v in draws_of(law, 5, seed=4).items()}
            field = {k: np.asarray(v) for k, v in law.term.to_field(params, reference).items()}
            assert set(field) == set(law.field_names)
            back = law.term.from_field(field, reference)
            for name, value in params.items():
                np.testing.assert_allclose(back[name], value, rtol=1e-7, atol=1e-9, err_msg=name)
            mine = np.exp(np.asarray(law.term.log_value(params, log_x, reference)))
            np.testing.assert_allclose(law.loss(x, field), mine, rtol=1e-9)


@pytest.mark.parametrize("case", CASES, ids=by_name)
def test_at_the_reference_the_contributions_add_up(case: Case) -> None:
    law = laws.get(case.law)
    reference = middle(law, draw(law.inputs, case.ranges, 40, seed=5))
    params = draws_of(law, 50, seed=6)
    amplitudes = [p.name for p in law.parameters if p.role in ("floor", "contribution")]
    with float64():
        here = np.exp(np.asarray(law.term.log_value(params, reference, reference)))
    np.testing.assert_allclose(here, sum(params[name] for name in amplitudes), rtol=1e-9)


@pytest.mark.parametrize("case", CASES, ids=by_name)
def test_gradient_is_finite_over_the_prior(case: Case) -> None:
    """With respect to every parameter and every input, at 300 draws from the prior."""
    law = laws.get(case.law)
    x = draw(law.inputs, case.ranges, 300, seed=7)
    reference = middle(law, x)
    log_x = {name: np.log(value) for name, value in x.items()}

    def value(params: Any, at: Any) -> Any:
        return law.term.log_value(params, at, reference)

    with float64():
        found = jax.jit(jax.vmap(jax.value_and_grad(value, argnums=(0, 1))))(
            draws_of(law, 300, seed=8), log_x
        )
    for leaf in jax.tree.leaves(found):
        assert np.all(np.isfinite(leaf))


@pytest.mark.parametrize("case", CASES, ids=by_name)
def test_a_law_survives_its_own_text_and_a_pickle(case: Case) -> None:
    law = laws.get(case.law)
    assert laws.parse(law.expression).term == law.term
    assert pickle.loads(pickle.dumps(law)).term == law.term
    assert law.title and law.formula and "arXiv" in law.source and law.notes


# --- limits ------------------------------------------------------------------------------------


def params_of(case: str, seed: int = 11) -> P:
    found = next(c for c in CASES if c.law == case)
    values = draw(laws.get(case).field_names, found.ranges, 1, seed)
    return {name: float(v[0]) for name, v in values.items()}


def same(one: Any, other: Any) -> None:
    np.testing.assert_allclose(one, other, rtol=1e-10)


def test_no_break_is_the_power_law_with_a_floor() -> None:
    x = {"D": np.geomspace(1e6, 1e14, 30)}
    p = {**params_of("bnsl(D)"), "c1": 0.0}
    parent = laws.get("power_floor(D)")
    same(
        laws.get("bnsl(D)").loss(x, p),
        parent.loss(x, {"E": p["E"], "A": p["A"], "alpha": p["c0"]}),
    )
    two = params_of("bnsl2(D)")
    one = {name: v for name, v in two.items() if name not in ("c2", "d2", "f2")}
    same(laws.get("bnsl2(D)").loss(x, {**two, "c2": 0.0}), laws.get("bnsl(D)").loss(x, one))


def test_the_exponents_before_and_after_a_break() -> None:
    law, p = laws.get("bnsl(D)"), {**params_of("bnsl(D)"), "E": 0.0, "f1": 0.3}
    for side, expected in ((1e-9, p["c0"]), (1e9, p["c0"] + p["c1"])):
        x = p["d1"] * side * np.array([1.0, np.e])
        slope = -np.diff(np.log(law.loss({"D": x}, p)))
        np.testing.assert_allclose(slope, expected, atol=1e-10)


def test_breaks_come_in_order() -> None:
    """Whatever the draw: their labels cannot change places."""
    law = laws.get("bnsl3(D)")
    with float64():
        field = law.term.to_field(draws_of(law, 200, seed=9), {"D": 20.0, "spread of D": 1.3})
    places = np.stack([np.asarray(field[f"d{i}"]) for i in (1, 2, 3)])
    assert np.all(np.diff(places, axis=0) > 0)
