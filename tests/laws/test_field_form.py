"""Reference parameters and field parameters are the same curve, in any algebra."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np
import pytest

from bayescale import laws

NAMED = ["chinchilla", "kaplan", "kaplan_floor", "skaling", "subscaling", "power_floor(C)"]
NESTED = [
    "irreducible + coupled(power(N) * overtraining(N) + power(D))",
    "irreducible + coupled(power(N) + power(D)) * overtraining(D)",
    "irreducible + (power(N) + power(D)) * overtraining(D, strength=1/3)",
    'irreducible(name="E0") + power(C, level="T0", exponent="gamma", field="A0")',
    'irreducible + power(N, form="scale", field="N_c") + power(D, exponent=0.5)',
    'coupled(coupled(power(N) + power(D)) * overtraining(N) + power(C), k="k2")',
    'power(D) * overtraining(D) * overtraining(N, strength="rho2")',
]
EXPRESSIONS = NAMED + NESTED


def random_values(names: Any, rng: np.random.Generator) -> dict[str, np.ndarray]:
    return {name: np.exp(rng.normal(-0.5, 0.7, size=())) for name in names}


def random_points(law: laws.Law, rng: np.random.Generator, n: int) -> dict[str, np.ndarray]:
    """Log inputs; D is some hundred times N so that over-training is felt."""
    log_n = rng.uniform(12, 28, n)
    every = {"N": log_n, "D": log_n + rng.uniform(-2, 8, n), "C": rng.uniform(35, 60, n)}
    return {name: every[name] for name in law.inputs}


def loss(law: laws.Law, params: Any, log_x: Any, reference: Any) -> np.ndarray:
    with jax.enable_x64(True):
        return np.exp(np.asarray(law.term.log_value(params, log_x, reference)))


def to_field(law: laws.Law, params: Any, reference: Any) -> dict[str, np.ndarray]:
    with jax.enable_x64(True):
        values = law.term.to_field(params, reference)
    return {name: np.asarray(value) for name, value in values.items()}


def from_field(law: laws.Law, field: Any, reference: Any) -> dict[str, np.ndarray]:
    with jax.enable_x64(True):
        values = law.term.from_field(field, reference)
    return {name: np.asarray(value) for name, value in values.items()}


def assert_same(a: dict[str, Any], b: dict[str, Any], rtol: float = 1e-9) -> None:
    assert set(a) == set(b)
    for name in a:
        np.testing.assert_allclose(a[name], b[name], rtol=rtol, err_msg=name)


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_there_and_back(expression: str) -> None:
    law, rng = laws.get(expression), np.random.default_rng(5)
    names = [p.name for p in law.term.parameters]
    for _ in range(3):
        params = random_values(names, rng)
        reference = {k: v[0] for k, v in random_points(law, rng, 1).items()}
        field = to_field(law, params, reference)
        assert tuple(field) == law.field_names
        assert_same(from_field(law, field, reference), params)


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_both_forms_are_one_curve(expression: str) -> None:
    """``Law.loss`` at the field parameters is the sampled form at the reference parameters."""
    law, rng = laws.get(expression), np.random.default_rng(6)
    params = random_values([p.name for p in law.term.parameters], rng)
    reference = {k: v[0] for k, v in random_points(law, rng, 1).items()}
    log_x = random_points(law, rng, 40)
    field = to_field(law, params, reference)
    x = {name: np.exp(value) for name, value in log_x.items()}
    np.testing.assert_allclose(law.loss(x, field), loss(law, params, log_x, reference), rtol=1e-10)


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_at_the_reference_the_contributions_add_up(expression: str) -> None:
    """Whatever the algebra, the loss there is the floor plus the contributions."""
    law, rng = laws.get(expression), np.random.default_rng(8)
    params = random_values([p.name for p in law.term.parameters], rng)
    reference = {k: v[0] for k, v in random_points(law, rng, 1).items()}
    amplitudes = [p.name for p in law.term.parameters if p.role in ("floor", "contribution")]
    expected = sum(params[name] for name in amplitudes)
    np.testing.assert_allclose(loss(law, params, reference, reference), expected, rtol=1e-12)


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_moving_the_reference_point_changes_no_loss(expression: str) -> None:
    law, rng = laws.get(expression), np.random.default_rng(9)
    params = random_values([p.name for p in law.term.parameters], rng)
    here, there = ({k: v[0] for k, v in random_points(law, rng, 1).items()} for _ in range(2))
    moved = from_field(law, to_field(law, params, here), there)
    log_x = random_points(law, rng, 40)
    np.testing.assert_allclose(
        loss(law, moved, log_x, there), loss(law, params, log_x, here), rtol=1e-10
    )


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_units_of_the_inputs_change_no_loss(expression: str) -> None:
    """N in millions, D in billions: the same reference parameters, rates in the new unit."""
    law, rng = laws.get(expression), np.random.default_rng(10)
    params = random_values([p.name for p in law.term.parameters], rng)
    unit = {"N": np.log(1e6), "D": np.log(1e9), "C": np.log(8.64e19)}
    rates = [p.name for p in law.term.parameters if p.role == "rate"]
    rescaled = {k: v * 1e9 / 1e6 if k in rates else v for k, v in params.items()}
    reference = {k: v[0] for k, v in random_points(law, rng, 1).items()}
    log_x = random_points(law, rng, 40)
    before = loss(law, params, log_x, reference)
    after = loss(
        law,
        rescaled,
        {k: v - unit[k] for k, v in log_x.items()},
        {k: v - unit[k] for k, v in reference.items()},
    )
    np.testing.assert_allclose(after, before, rtol=1e-10)


def test_nested_algebra_is_what_it_says() -> None:
    """The two nested forms written out by hand."""
    rng = np.random.default_rng(11)
    n = np.exp(rng.uniform(14, 26, 50))
    d = n * np.exp(rng.uniform(-2, 9, 50))
    p = {"E": 1.1, "A": 300.0, "alpha": 0.31, "B": 700.0, "beta": 0.35, "k": 0.6}
    capacity, data = 300.0 / n**0.31, 700.0 / d**0.35

    inside = laws.get(NESTED[0]).loss({"N": n, "D": d}, {**p, "rho": 0.7, "k_N": 0.003})
    grown = capacity * (1 + 0.7 * np.tanh(0.003 * d / n / 2))
    np.testing.assert_allclose(inside, 1.1 + (grown + data) ** 0.6, rtol=1e-12)

    outside = laws.get(NESTED[1]).loss({"N": n, "D": d}, {**p, "rho": 0.7, "k_D": 0.02})
    factor = 1 + 0.7 * np.tanh(0.02 * d / n / 2)
    np.testing.assert_allclose(outside, 1.1 + (capacity + data) ** 0.6 * factor, rtol=1e-12)

    both = laws.get(NESTED[2]).loss(
        {"N": n, "D": d}, {k: v for k, v in {**p, "k_D": 0.02}.items() if k != "k"}
    )
    factor = 1 + np.tanh(0.02 * d / n / 2) / 3
    np.testing.assert_allclose(both, 1.1 + (capacity + data) * factor, rtol=1e-12)


@pytest.mark.parametrize("expression", ["chinchilla", "kaplan", "skaling", "subscaling"])
def test_raw_coefficients_of_the_published_form(expression: str) -> None:
    """At the reference the raw amplitudes give back the contributions, by the paper's algebra."""
    law, rng = laws.get(expression), np.random.default_rng(12)
    params = random_values([p.name for p in law.term.parameters], rng)
    reference = {"N": np.float64(18.0), "D": np.float64(22.0)}
    f = to_field(law, params, reference)
    n, d = np.exp(18.0), np.exp(22.0)
    if expression == "kaplan":
        total = params["T_N"] + params["T_D"]
        inner = {
            "T_N": (f["N_c"] / n) ** (f["alpha_N"] / f["alpha_D"]),
            "T_D": f["D_c"] / d,
        }
        k = f["alpha_D"]
    else:
        total, k = params["T_N"] + params["T_D"], f.get("k", 1.0)
        inner = {"T_N": f["A"] / n ** f["alpha"], "T_D": f["B"] / d ** f["beta"]}
        if expression == "subscaling":
            for name, rate in (("T_N", "k_N"), ("T_D", "k_D")):
                inner[name] = inner[name] * (1 + f["rho"] * np.tanh(f[rate] * d / n / 2))
    # The inner terms keep their shares, and their sum to the power k is the whole.
    assert (inner["T_N"] + inner["T_D"]) ** k == pytest.approx(total, rel=1e-10)
    assert inner["T_N"] / inner["T_D"] == pytest.approx(params["T_N"] / params["T_D"], rel=1e-9)
