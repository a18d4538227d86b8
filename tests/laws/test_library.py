"""The laws of the library beyond the first: formulas in plain NumPy, gradients, units, limits."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np
import pytest
from scipy.optimize import brentq

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


def m4(x: X, p: P) -> Any:
    """By bisection, one point at a time."""

    def one(z: float, q: P) -> float:
        size = q["L_0"] - q["E"]

        def excess(logit: float) -> float:
            log_above, log_left = -np.logaddexp(0, -logit), -np.logaddexp(0, logit)
            left = np.log(size) + log_above - q["alpha"] * (np.log(size) + log_left)
            return float(left - np.log(q["A"]) + q["c"] * np.log(z))

        logit = brentq(excess, -200.0, 1e5, xtol=1e-13, rtol=1e-13)
        return float(q["E"] + size / (1 + np.exp(-logit)))

    rows = ({k: v[i] for k, v in p.items()} for i in range(len(x["D"])))
    return np.array([one(z, q) for z, q in zip(x["D"], rows, strict=True)])


def worth(x: Any, unique: Any, constant: Any) -> Any:
    base = np.minimum(x, unique)
    repeats = x / base - 1
    return base + base * constant * (1 - np.exp(-repeats / constant))


def repetition(x: X, p: P) -> Any:
    capacity = worth(x["N"], p["r_N"] * x["U"], p["R_N"])
    data = worth(x["D"], x["U"], p["R_D"])
    return p["E"] + p["A"] * capacity ** -p["alpha"] + p["B"] * data ** -p["beta"]


def overfitting(x: X, p: P) -> Any:
    repeats = np.maximum(x["D"] / x["U"] - 1, 0)
    penalty = p["P"] * repeats ** p["delta"] * (x["N"] / x["U"]) ** p["kappa"]
    return chinchilla(x, p) + penalty


def chinchilla(x: X, p: P, tokens: Any = None) -> Any:
    tokens = x["D"] if tokens is None else tokens
    return p["E"] + p["A"] * x["N"] ** -p["alpha"] + p["B"] * tokens ** -p["beta"]


def dense_exponent(x: X, p: P) -> Any:
    data = np.exp(p["kappa_0"] * x["z"]) * x["D"] ** -(p["beta"] - p["kappa"] * x["z"])
    return p["E"] + p["A"] * x["N"] ** -p["alpha"] + p["B"] * data


def dense(x: X, p: P) -> Any:
    data = p["B"] * np.exp(p["kappa"] * x["z"]) * x["D"] ** -p["beta"]
    return p["E"] + p["A"] * x["N"] ** -p["alpha"] + data


def dense_effective(x: X, p: P) -> Any:
    store = p["U_0"] * np.exp(-p["kappa"] * x["z"])
    return chinchilla(x, p, store * -np.expm1(-x["D"] / store))


def gadre(x: X, p: P) -> Any:
    ratio = x["M"] ** p["eta"]
    return p["E"] + (p["a"] * ratio + p["b"] / ratio) * x["C"] ** -p["eta"]


def per_otr(x: X, p: P) -> Any:
    log_m, log_c = np.log(x["M"]), np.log(x["C"])
    h = 0.3 * np.log1p(np.exp((np.log(p["M_t"]) - log_m) / 0.3))
    level = np.log(p["lambda_C"]) + p["g_1"] * log_m + p["g_2"] * log_m**2 + p["g_h"] * h
    return np.exp(level - (p["mu"] + p["delta"] * h) * log_c)


def isoflop(x: X, p: P) -> Any:
    off = np.log(x["N"] / (p["N_1"] * x["C"] ** p["a"]))
    return p["E"] + p["lambda_C"] * x["C"] ** -p["gamma"] * (1 + 0.5 * p["kappa"] * off**2)


def kaplan_steps(x: X, p: P) -> Any:
    """By bisection, one point at a time."""

    def one(i: int) -> float:
        q, n, s, b = {k: v[i] for k, v in p.items()}, x["N"][i], x["S"][i], x["B"][i]

        def law(steps: float) -> float:
            return float((q["N_c"] / n) ** q["alpha_N"] + (q["S_c"] / steps) ** q["alpha_S"])

        def excess(loss: float) -> float:
            critical = q["B_star"] / loss ** (1 / q["alpha_B"])
            return loss - law(s / (1 + critical / b))

        return float(brentq(excess, law(s) * 0.999, 1e9, xtol=1e-13, rtol=1e-13))

    return np.array([one(i) for i in range(len(x["N"]))])


def three_term(x: X, p: P) -> Any:
    steps, batch = p["P"] * x["S"] ** -p["beta"], p["Q"] * x["B"] ** -p["gamma"]
    return p["E"] + p["A"] * x["N"] ** -p["alpha"] + steps + batch


def shape(x: X, p: P) -> Any:
    factor = np.exp(0.5 * p["c_shape"] * np.log(x["aspect"] / p["r_star"]) ** 2)
    return p["E"] + (chinchilla(x, p) - p["E"]) * factor


D = {"D": (1e7, 1e13)}
BASE = {"E": (0.5, 3.0), "A": (10.0, 3000.0)}
BREAK = {
    **{f"c{i}": (-0.3, 0.3) for i in (1, 2, 3)},
    **{f"d{i}": (1e8, 1e11) for i in (1, 2, 3)},
    **{f"f{i}": (0.2, 2.0) for i in (1, 2, 3)},
}
ND = {
    **BASE,
    "B": (10.0, 9000.0),
    "alpha": (0.1, 0.6),
    "beta": (0.1, 0.6),
    "N": (1e7, 1e12),
    "D": (1e8, 1e13),
    "U": (1e8, 1e12),
}
DENSE = {**ND, "z": (-2.0, 2.0), "kappa": (-0.05, 0.05)}
CM = {"C": (1e17, 1e25), "M": (1.0, 1e4), "E": (0.5, 3.0)}
LOSS = {"L": (2.0, 8.0)}
BATCH = {"S": (1e3, 1e6), "B": (1e4, 1e8)}

CASES = [
    *(
        Case(f"bnsl{n if n > 1 else ''}(D)", bnsl(n), {**BASE, **BREAK, **D, "c0": (0.1, 0.6)})
        for n in (1, 2, 3)
    ),
    Case(
        "m3(D)",
        lambda x, p: p["A"] * (1 / x["D"] + p["gamma"]) ** p["c"],
        {**D, "A": (1.0, 1e4), "gamma": (1e-12, 1e-8), "c": (0.1, 0.6)},
    ),
    Case(
        "m4(D)",
        m4,
        {**BASE, **D, "c": (0.1, 0.6), "alpha": (0.01, 3.0), "L_0": (3.5, 12.0)},
    ),
    Case(
        "repetition",
        repetition,
        {**ND, "r_N": (1e-3, 1.0), "R_N": (1.0, 60.0), "R_D": (1.0, 60.0)},
    ),
    Case(
        "overfitting",
        overfitting,
        {**ND, "P": (1e-4, 1e-1), "delta": (0.4, 2.5), "kappa": (0.4, 2.5)},
    ),
    Case("dense", dense, DENSE),
    Case("dense_exponent", dense_exponent, {**DENSE, "kappa_0": (-1.0, 1.0)}),
    Case("dense_effective", dense_effective, {**DENSE, "kappa": (-1.0, 1.0), "U_0": (1e9, 1e13)}),
    Case("gadre", gadre, {**CM, "a": (50.0, 500.0), "b": (50.0, 500.0), "eta": (0.05, 0.3)}),
    Case(
        "per_otr",
        per_otr,
        {
            **CM,
            **{"lambda_C": (5.0, 50.0), "mu": (0.03, 0.08), "delta": (-0.01, 0.02)},
            **{"M_t": (10.0, 100.0), "g_1": (-0.05, 0.05), "g_2": (-0.01, 0.01)},
            "g_h": (-0.2, 0.2),
        },
    ),
    Case(
        "isoflop",
        isoflop,
        {
            **CM,
            **{"N": (1e7, 1e12), "lambda_C": (100.0, 3000.0), "gamma": (0.1, 0.3)},
            **{"kappa": (0.02, 0.3), "a": (0.4, 0.6), "N_1": (0.01, 1.0)},
        },
    ),
    Case(
        "allocation(C)",
        lambda x, p: p["k"] * x["C"] ** p["a"],
        {**CM, "k": (1e-3, 10.0), "a": (0.2, 0.8)},
    ),
    Case(
        "kaplan_steps",
        kaplan_steps,
        {
            **BATCH,
            **{"N": (1e6, 1e11), "N_c": (1e12, 1e15), "alpha_N": (0.04, 0.1)},
            **{"S_c": (500.0, 5000.0), "alpha_S": (0.5, 1.0)},
            **{"B_star": (1e7, 1e9), "alpha_B": (0.1, 0.4)},
        },
    ),
    Case(
        "three_term",
        three_term,
        {**ND, **BATCH, "P": (10.0, 100.0), "Q": (1.0, 30.0), "gamma": (0.1, 0.6)},
    ),
    Case(
        "critical_batch",
        lambda x, p: p["S_min"] * (1 + p["B_crit"] / x["B"]),
        {**BATCH, "S_min": (1e3, 1e5), "B_crit": (1e5, 1e7)},
    ),
    Case(
        "critical_batch_loss",
        lambda x, p: p["B_star"] * x["L"] ** -p["p_B"],
        {"L": (2.0, 8.0), "B_star": (1e7, 1e9), "p_B": (3.0, 7.0)},
    ),
    Case(
        "critical_batch_data",
        lambda x, p: p["k"] * x["D"] ** p["g"],
        {**D, "k": (0.1, 100.0), "g": (0.3, 0.6)},
    ),
    Case(
        "shape",
        shape,
        {**ND, "aspect": (1.0, 1000.0), "c_shape": (1e-3, 0.1), "r_star": (10.0, 200.0)},
    ),
    Case(
        "loss_to_loss",
        lambda x, p: p["K"] * (x["L"] - p["E_1"]) ** p["kappa"] + p["E_2"],
        {**LOSS, **{"K": (0.3, 3.0), "E_1": (0.2, 1.9), "kappa": (0.5, 2.0), "E_2": (0.2, 3.0)}},
    ),
    Case(
        "loss_to_error",
        lambda x, p: p["eps"] - p["k"] * np.exp(-p["gamma"] * x["L"]),
        {**LOSS, "eps": (0.7, 1.0), "k": (0.5, 2.0), "gamma": (0.6, 1.5)},
    ),
    Case(
        "loss_to_error_sigmoid",
        lambda x, p: p["E"] + p["h"] / (1 + np.exp(-p["k"] * (x["L"] - p["L_0"]))),
        {**LOSS, **{"E": (0.05, 0.4), "h": (0.2, 0.8), "k": (0.3, 9.0), "L_0": (1.0, 6.0)}},
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


def coordinates(x: X) -> X:
    return {name: value if name == "z" else np.log(value) for name, value in x.items()}


def draws_of(law: Law, n: int, seed: int) -> X:
    rng = np.random.default_rng(seed)
    return {p.name: p.prior.draws(n, rng, 3.0, p.positive) for p in law.parameters if p.prior}


def test_every_new_law_is_tested_here() -> None:
    first = {"curve", "power", "power_floor", "chinchilla", "kaplan", "kaplan_floor", "skaling"}
    others = first | {
        "subscaling",
        "multi_power",
        "annealing",
    }  # test_schedules.py has the last two
    assert {case.law.split("(")[0] for case in CASES} == set(NAMED) - others


@pytest.mark.parametrize("case", CASES, ids=by_name)
def test_formula(case: Case) -> None:
    law = laws.get(case.law)
    params = draw(law.field_names, case.ranges, 300, seed=1)
    x = draw(law.inputs, case.ranges, 300, seed=2)
    np.testing.assert_allclose(law.loss(x, params), case.formula(x, params), rtol=1e-8)


@pytest.mark.parametrize("case", CASES, ids=by_name)
def test_reference_and_field_form_are_one_curve(case: Case) -> None:
    """Draws from the prior, at a reference point that is not the points' own."""
    law = laws.get(case.law)
    x = draw(law.inputs, case.ranges, 40, seed=3)
    reference = middle(law, x)
    log_x = coordinates(x)
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
    """With repeats at the reference the penalty would come on top: it is that of one repeat."""
    law = laws.get(case.law)
    x = draw(law.inputs, case.ranges, 40, seed=5)
    if case.law == "overfitting":
        x["U"] = x["D"]
    reference = middle(law, x)
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
    log_x = coordinates(x)

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


def test_m3_without_a_shift_is_the_power_law() -> None:
    x = {"D": np.geomspace(1e6, 1e14, 30)}
    p = {**params_of("m3(D)"), "gamma": 1e-300}
    parent = laws.get("power(D)")
    same(laws.get("m3(D)").loss(x, p), parent.loss(x, {"A": p["A"], "alpha": p["c"]}))


def test_m3_of_exponent_one_is_the_power_law_with_a_floor() -> None:
    x = {"D": np.geomspace(1e6, 1e14, 30)}
    p = {"A": 1e9, "gamma": 2e-9, "c": 1.0}
    parent = laws.get("power_floor(D)").loss(x, {"E": 2.0, "A": 1e9, "alpha": 1.0})
    same(laws.get("m3(D)").loss(x, p), parent)


def test_m4_with_chance_far_or_without_alpha_is_the_power_law_with_a_floor() -> None:
    x = {"D": np.geomspace(1e8, 1e14, 30)}
    law, parent = laws.get("m4(D)"), laws.get("power_floor(D)")
    p = {"E": 1.7, "A": 300.0, "c": 0.3}
    expected = parent.loss(x, {"E": 1.7, "A": 300.0, "alpha": 0.3})
    same(law.loss(x, {**p, "alpha": 0.0, "L_0": 11.0}), expected)
    far = {**p, "alpha": 0.5, "L_0": 1e14, "A": 300.0 / 1e14**0.5}
    same(law.loss(x, far), expected)


def test_m4_inverts_in_closed_form() -> None:
    law, p = laws.get("m4(D)"), params_of("m4(D)")
    x = np.geomspace(1e5, 1e14, 200)
    loss = law.loss({"D": x}, p)
    assert np.all(np.diff(loss) < 0)
    inverse = (p["A"] * (p["L_0"] - loss) ** p["alpha"] / (loss - p["E"])) ** (1 / p["c"])
    np.testing.assert_allclose(inverse, x, rtol=1e-6)


def test_m4_with_a_known_chance_is_m4() -> None:
    x = {"D": np.geomspace(1e6, 1e13, 30)}
    p = {**params_of("m4(D)"), "L_0": 10.8}
    fixed = laws.get("from_chance(D, chance=10.8)")
    own = {name: v for name, v in p.items() if name != "L_0"}
    same(fixed.loss(x, own), laws.get("m4(D)").loss(x, p))
    reference = {"D": 20.0}
    with float64():
        draws = draws_of(fixed, 500, seed=12)
        curve = np.exp(np.asarray(fixed.term.log_value(draws, {"D": np.float64(2.0)}, reference)))
    assert np.all(curve < 10.8 + 1e-12)


@pytest.mark.parametrize("alpha", [1e-5, 1e-3, 0.1, 1.0, 3.0, 20.0])
def test_m4_is_solved_whatever_alpha(alpha: float) -> None:
    """Far on both sides and at the corner between them."""
    from bayescale.laws.from_chance import _logit

    target = np.concatenate([np.linspace(-40, 40, 161), [0.0, 1e-9, -1e-9]])
    with float64():
        y = np.asarray(_logit(target, np.float64(alpha)))
    back = -np.logaddexp(0, -y) + alpha * np.logaddexp(0, y)
    np.testing.assert_allclose(back, target, atol=1e-9)


XND = {
    "N": np.geomspace(1e7, 1e11, 12),
    "D": np.geomspace(5e9, 1e12, 12),
    "U": np.geomspace(4e9, 1e11, 12),
}
CHINCHILLA = {"E": 1.7, "A": 450.0, "alpha": 0.34, "B": 1500.0, "beta": 0.36}


def of_chinchilla(x: X = XND) -> Any:
    return laws.get("chinchilla").loss({k: x[k] for k in ("N", "D")}, CHINCHILLA)


def test_repeats_that_do_not_decay_are_chinchilla() -> None:
    law = laws.get("repetition")
    p = {**CHINCHILLA, "R_N": 1e13, "R_D": 1e13, "r_N": 1e-4}
    same(law.loss(XND, p), of_chinchilla())


def test_ample_unique_data_are_chinchilla() -> None:
    law = laws.get("repetition")
    p = {**CHINCHILLA, "R_N": 5.3, "R_D": 15.4, "r_N": 1.0}
    same(law.loss({**XND, "U": XND["D"] * 2}, p), of_chinchilla())


def test_repetition_as_published() -> None:
    """The cap of repeated data at 16.4 U, and r_N where alpha equals beta."""
    law = laws.get("repetition")
    p = law.preset("muennighoff2023")
    assert p["r_N"] == pytest.approx(0.051, abs=5e-4)
    for name, printed in {"A": 521, "B": 1488, "E": 1.87}.items():
        assert p[name] == pytest.approx(printed, rel=2e-3)
    inputs = {"N": 1e6, "U": 1e9}
    most = law.loss({**inputs, "D": 1e15}, p)
    capped = laws.get("chinchilla").loss(
        {"N": 1e6, "D": 1e9 * (1 + p["R_D"])}, {k: p[k] for k in CHINCHILLA}
    )
    same(most, capped)


def test_no_penalty_is_chinchilla() -> None:
    law = laws.get("overfitting")
    penalty = {"delta": 0.7, "kappa": 0.8}
    same(law.loss(XND, {**CHINCHILLA, **penalty, "P": 0.0}), of_chinchilla())
    once = {**XND, "U": XND["D"]}
    same(law.loss(once, {**CHINCHILLA, **penalty, "P": 0.3}), of_chinchilla())


def test_no_effect_of_density_is_chinchilla() -> None:
    x = {**{k: XND[k] for k in ("N", "D")}, "z": np.linspace(-2, 2, 12)}
    for name, own in (
        ("dense", {"kappa": 0.0}),
        ("dense_exponent", {"kappa": 0.0, "kappa_0": 0.0}),
        ("dense_effective", {"kappa": 0.3, "U_0": 1e25}),
    ):
        same(laws.get(name).loss(x, {**CHINCHILLA, **own}), of_chinchilla())
    exponent = {**CHINCHILLA, "kappa": 0.0, "kappa_0": 0.4}
    amplitude = {**CHINCHILLA, "kappa": 0.4}
    same(laws.get("dense_exponent").loss(x, exponent), laws.get("dense").loss(x, amplitude))


def test_gadre_is_chinchilla_of_equal_exponents() -> None:
    p = {**CHINCHILLA, "alpha": 0.3, "beta": 0.3}
    own = {"E": p["E"], "a": p["A"] * 6**0.15, "b": p["B"] * 6**0.15, "eta": 0.15}
    c, m = 6 * XND["N"] * XND["D"], XND["D"] / XND["N"]
    inputs = {k: XND[k] for k in ("N", "D")}
    same(laws.get("gadre").loss({"C": c, "M": m}, own), laws.get("chinchilla").loss(inputs, p))


def test_per_otr_without_delta_has_one_exponent() -> None:
    law, p = laws.get("per_otr"), {**params_of("per_otr"), "delta": 0.0}
    c = np.geomspace(1e18, 1e24, 7)
    for m in (1.0, 30.0, 2000.0):
        slope = -np.diff(np.log(law.loss({"C": c, "M": m}, p))) / np.diff(np.log(c))
        np.testing.assert_allclose(slope, p["mu"], rtol=1e-10)
    bent = {**p, "delta": 0.01}
    loss = law.loss({"C": c, "M": 1e4}, bent)
    np.testing.assert_allclose(-np.diff(np.log(loss)) / np.diff(np.log(c)), p["mu"], rtol=1e-6)


def test_isoflop_against_chinchilla_near_the_minimum() -> None:
    """kappa = alpha beta, gamma and a: the second-order shape of the additive law."""
    p = CHINCHILLA
    alpha, beta = p["alpha"], p["beta"]
    g = (alpha * p["A"] / (beta * p["B"])) ** (1 / (alpha + beta))
    a = beta / (alpha + beta)
    reducible = p["A"] * g**-alpha + p["B"] * g**beta
    gamma = alpha * beta / (alpha + beta)
    own = {
        **{"E": p["E"], "lambda_C": reducible * 6**gamma, "gamma": gamma},
        **{"kappa": alpha * beta, "a": a, "N_1": g / 6**a},
    }
    c = np.geomspace(1e18, 1e24, 7)
    n = g * (c / 6) ** a * 1.02
    one = laws.get("isoflop").loss({"N": n, "C": c}, own)
    other = laws.get("chinchilla").loss({"N": n, "D": c / 6 / n}, p)
    np.testing.assert_allclose(one, other, rtol=1e-8)
    flat = laws.get("isoflop").loss({"N": n, "C": c}, {**own, "kappa": 1e-300})
    parent = {"E": p["E"], "A": own["lambda_C"], "alpha": gamma}
    same(flat, laws.get("power_floor(C)").loss({"C": c}, parent))


def test_a_small_critical_batch_is_the_law_of_steps() -> None:
    law = laws.get("kaplan_steps")
    p = {**law.preset("kaplan2020"), "B_star": 1e-200}
    x = {"N": XND["N"], "S": np.geomspace(1e3, 1e6, 12), "B": 5e5}
    plain = (p["N_c"] / x["N"]) ** p["alpha_N"] + (p["S_c"] / x["S"]) ** p["alpha_S"]
    same(law.loss(x, p), plain)


def test_twice_the_steps_at_the_critical_batch() -> None:
    law = laws.get("kaplan_steps")
    p = law.preset("kaplan2020")
    loss = float(law.loss({"N": 1e8, "S": 1e5, "B": 1e30}, p))
    critical = p["B_star"] / loss ** (1 / p["alpha_B"])
    same(law.loss({"N": 1e8, "S": 2e5, "B": critical}, p), loss)


def test_no_batch_term_and_no_shape() -> None:
    p = {"E": 1.7, "A": 450.0, "alpha": 0.34, "P": 30.0, "beta": 0.5, "Q": 1e-300, "gamma": 0.3}
    x = {"N": XND["N"], "S": np.geomspace(1e3, 1e6, 12), "B": 1e6}
    parent = laws.get('irreducible + power(N) + power(S, exponent="beta", field="P")')
    theirs = {name: p[name] for name in parent.field_names}
    inputs = {name: x[name] for name in ("N", "S")}
    same(laws.get("three_term").loss(x, p), parent.loss(inputs, theirs))
    x = {**{k: XND[k] for k in ("N", "D")}, "aspect": np.geomspace(5, 500, 12)}
    own = {**CHINCHILLA, "c_shape": 0.0, "r_star": 60.0}
    same(laws.get("shape").loss(x, own), of_chinchilla())


def test_the_hyperbola() -> None:
    """(S/S_min - 1)(E/E_min - 1) = 1."""
    law, p = laws.get("critical_batch"), {"S_min": 2e4, "B_crit": 1.3e6}
    b = np.geomspace(1e4, 1e8, 20)
    s = law.loss({"B": b}, p)
    product = (s / p["S_min"] - 1) * (b * s / (p["B_crit"] * p["S_min"]) - 1)
    np.testing.assert_allclose(product, 1.0, rtol=1e-10)


def test_published_allocation() -> None:
    law = laws.get("allocation")
    n = law.loss({"C": 8.64e19 * np.array([1.0, 100.0])}, law.preset("kaplan2020_N"))
    np.testing.assert_allclose(n, 1.3e9 * np.array([1.0, 100.0**0.73]), rtol=1e-10)
    d = float(law.loss({"C": 3.8e25}, law.preset("llama2024_D")))
    assert d == pytest.approx(10.5e12, rel=0.01)  # the paper prints 16.55T: a is rounded


def test_one_loss_from_another_at_kappa_one_is_a_straight_line() -> None:
    """Only E_2 - K E_1 is left of the two floors."""
    law, x = laws.get("loss_to_loss"), {"L": np.linspace(2.0, 5.0, 20)}
    first = law.loss(x, {"E_2": 1.0, "K": 0.8, "kappa": 1.0, "E_1": 1.5})
    same(first, 0.8 * x["L"] - 0.2)
    same(law.loss(x, {"E_2": 0.6, "K": 0.8, "kappa": 1.0, "E_1": 1.0}), first)


def test_a_slow_exponential_of_the_loss_is_a_straight_line() -> None:
    law, x = laws.get("loss_to_error"), {"L": np.linspace(2.0, 4.0, 20)}
    gamma = 1e-7  # k gamma is the slope, eps - k the error at no loss
    error = law.loss(x, {"eps": 0.1 + 0.2 / gamma, "k": 0.2 / gamma, "gamma": gamma})
    np.testing.assert_allclose(error, 0.1 + 0.2 * x["L"], rtol=1e-5)


def test_far_above_its_midpoint_the_sigmoid_is_the_exponential() -> None:
    x = {"L": np.linspace(6.0, 9.0, 20)}
    sigmoid = laws.get("loss_to_error_sigmoid")
    error = sigmoid.loss(x, {"E": 0.1, "h": 0.7, "k": 4.0, "L_0": 1.0})
    p = {"eps": 0.8, "k": 0.7 * np.exp(4.0), "gamma": 4.0}
    np.testing.assert_allclose(error, laws.get("loss_to_error").loss(x, p), rtol=1e-8)


@pytest.mark.parametrize("case", CASES, ids=by_name)
def test_units_of_the_inputs_change_no_loss(case: Case) -> None:
    """N in millions, and so on: the same sampled parameters, those in units of inputs carried."""
    law = laws.get(case.law)
    units = {"N": 1e6, "D": 1e9, "U": 1e9, "C": 8.64e19, "S": 1e3, "B": 512.0, "L": 0.7}
    x = draw(law.inputs, case.ranges, 30, seed=13)
    scaled = {name: value / units.get(name, 1.0) for name, value in x.items()}
    carried = {"B_crit": 1 / units["B"], "r_N": units["U"] / units["N"]}
    params = {name: v[0] for name, v in draws_of(law, 1, seed=14).items()}
    moved = {name: v * carried.get(name, 1.0) for name, v in params.items()}
    found = []
    with float64():
        for own, at in ((params, x), (moved, scaled)):
            value = law.term.log_value(own, coordinates(at), middle(law, at))
            found.append(np.asarray(value))
    np.testing.assert_allclose(found[1], found[0], rtol=1e-9, atol=1e-9)
