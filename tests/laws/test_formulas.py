"""Named laws of N and D against their published formulas, written here once more in NumPy.

The others are in ``test_library.py``, which checks that none is left out.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bayescale import laws

P = dict[str, Any]


def chinchilla(N: Any, D: Any, p: P) -> Any:
    return p["E"] + p["A"] / N ** p["alpha"] + p["B"] / D ** p["beta"]


def kaplan(N: Any, D: Any, p: P) -> Any:
    ratio = p["alpha_N"] / p["alpha_D"]
    return ((p["N_c"] / N) ** ratio + p["D_c"] / D) ** p["alpha_D"]


def kaplan_floor(N: Any, D: Any, p: P) -> Any:
    return p["E"] + kaplan(N, D, p)


def skaling(N: Any, D: Any, p: P) -> Any:
    return p["E"] + (p["A"] / N ** p["alpha"] + p["B"] / D ** p["beta"]) ** p["k"]


def subscaling(N: Any, D: Any, p: P) -> Any:
    capacity = p["A"] / N ** p["alpha"] * (1 + p["rho"] * np.tanh(p["k_N"] * D / N / 2))
    data = p["B"] / D ** p["beta"] * (1 + p["rho"] * np.tanh(p["k_D"] * D / N / 2))
    return p["E"] + capacity + data


def chen(N: Any, D: Any) -> Any:
    """The sub-scaling law as its paper prints it, 1 + sigmoid, with its constants."""

    def growth(k: float) -> Any:
        return 1 + 1 / (1 + np.exp(-k * D / N))

    return 455.345 * growth(0.00810) / D**0.289 + 61.929 * growth(0.00114) / N**0.272 + 1.372


FORMULAS: dict[str, Callable[[Any, Any, P], Any]] = {
    "chinchilla": chinchilla,
    "kaplan": kaplan,
    "kaplan_floor": kaplan_floor,
    "skaling": skaling,
    "subscaling": subscaling,
}

RANGES = {
    "E": (0.1, 3.0),
    "A": (10.0, 3000.0),
    "B": (10.0, 9000.0),
    "alpha": (0.05, 0.8),
    "beta": (0.05, 0.8),
    "k": (0.2, 3.0),
    "rho": (0.0, 2.0),
    "k_N": (1e-5, 1.0),
    "k_D": (1e-5, 1.0),
    "N_c": (1e12, 1e16),
    "D_c": (1e12, 1e16),
    "alpha_N": (0.02, 0.5),
    "alpha_D": (0.02, 0.5),
}
SIZES = {"N": (1e5, 1e13), "D": (1e6, 1e15)}


def draw(names: Any, rng: np.random.Generator, n: int) -> dict[str, np.ndarray]:
    """Numbers spread evenly over the logarithm of each range."""
    found = {}
    for name in names:
        low, high = (RANGES | SIZES)[name]
        start = np.log(max(low, 1e-4))
        found[name] = np.exp(rng.uniform(start, np.log(high), n))
    return found


@pytest.mark.parametrize("name", FORMULAS)
def test_formula_at_random_parameters(name: str) -> None:
    rng = np.random.default_rng(20200123)
    law = laws.get(name)
    params, x = draw(law.field_names, rng, 500), draw(("N", "D"), rng, 500)
    expected = FORMULAS[name](x["N"], x["D"], params)
    np.testing.assert_allclose(law.loss(x, params), expected, rtol=1e-12)


@pytest.mark.parametrize("name", FORMULAS)
def test_formula_at_every_preset(name: str) -> None:
    law = laws.get(name)
    x = draw(("N", "D"), np.random.default_rng(7), 200)
    for preset in law.presets:
        params = law.preset(preset)
        expected = FORMULAS[name](x["N"], x["D"], params)
        np.testing.assert_allclose(law.loss(x, params), expected, rtol=1e-12)


@pytest.mark.parametrize("symbol", ["N", "D", "C", "x"])
def test_single_input_formulas(symbol: str) -> None:
    rng = np.random.default_rng(3)
    x, p = 10 ** rng.uniform(3, 25, 300), draw(("A", "alpha", "E"), rng, 300)
    plain = laws.get(f"power({symbol})")
    floored = laws.get("power_floor", symbol)
    falling = p["A"] / x ** p["alpha"]
    both = {"A": p["A"], "alpha": p["alpha"]}
    np.testing.assert_allclose(plain.loss({symbol: x}, both), falling, rtol=1e-12)
    np.testing.assert_allclose(floored.loss({symbol: x}, p), p["E"] + falling, rtol=1e-12)


@given(
    log_n=st.floats(11, 30),
    log_d=st.floats(13, 34),
    alpha=st.floats(0.01, 2),
    beta=st.floats(0.01, 2),
    floor=st.floats(0, 10),
)
def test_chinchilla_by_property(
    log_n: float, log_d: float, alpha: float, beta: float, floor: float
) -> None:
    n, d = float(np.exp(log_n)), float(np.exp(log_d))
    params = {"E": floor, "A": 400.0, "alpha": alpha, "B": 2000.0, "beta": beta}
    loss = laws.get("chinchilla").loss({"N": n, "D": d}, params)
    np.testing.assert_allclose(loss, chinchilla(n, d, params), rtol=1e-12)


# --- published numbers -------------------------------------------------------------------------


def test_hoffmann_presets_are_the_unrounded_published_fit() -> None:
    law = laws.get("chinchilla")
    p = law.preset("hoffmann2022")
    assert p["E"] == pytest.approx(1.6934, abs=5e-5)
    assert p["A"] == pytest.approx(406.4, abs=0.05)
    assert p["B"] == pytest.approx(410.7, abs=0.05)
    # Chinchilla itself: 70B parameters, 1.4T tokens.
    expected = 1.6934 + 406.4 / 70e9**0.33917084 + 410.7 / 1.4e12**0.2849083
    assert float(law.loss({"N": 70e9, "D": 1.4e12}, p)) == pytest.approx(expected, abs=1e-4)


def test_besiroglu_at_chinchilla() -> None:
    law = laws.get("chinchilla")
    loss = float(law.loss({"N": 70e9, "D": 1.4e12}, law.preset("besiroglu2024")))
    assert 1.973 <= loss <= 1.974
    assert law.presets["besiroglu2024"].se["alpha"] == 0.015


def test_kaplan_data_bound() -> None:
    """Overfitting by 2 % at D = 5.5e3 N^0.738, the paper's rule of thumb."""
    law = laws.get("kaplan")
    p = law.preset("kaplan2020")
    for n in (1e7, 1e9, 1e11):
        tokens = 5.5e3 * n**0.738
        here, ample = law.loss({"N": n, "D": np.array([tokens, 1e40])}, p)
        assert here / ample - 1 == pytest.approx(0.02, abs=2e-4)


def test_kaplan_single_input_presets() -> None:
    day = 1e15 * 86400.0  # a petaflop-day in FLOP
    published = {
        "N": (0.076, 8.8e13),
        "D": (0.095, 5.4e13),
        "C": (0.050, 3.1e8 * day),
    }
    for symbol, (exponent, scale) in published.items():
        law = laws.get(f"power({symbol})")
        x = scale * np.array([1e-12, 1e-6, 1.0])
        expected = (scale / x) ** exponent
        loss = law.loss({symbol: x}, law.preset(f"kaplan2020_{symbol}"))
        np.testing.assert_allclose(loss, expected, rtol=1e-12)


def test_busbridge_preset() -> None:
    law = laws.get("skaling")
    n, d = 7e9, 140e9
    expected = 1.220 + (3355.0 / n**0.408 + 18186.0 / d**0.431) ** 0.452
    loss = law.loss({"N": n, "D": d}, law.preset("busbridge2025"))
    assert float(loss) == pytest.approx(expected, rel=1e-12)


def test_chen_preset_is_the_paper_in_its_own_notation() -> None:
    law = laws.get("subscaling")
    x = draw(("N", "D"), np.random.default_rng(1), 300)
    loss = law.loss(x, law.preset("chen2025"))
    np.testing.assert_allclose(loss, chen(x["N"], x["D"]), rtol=1e-12)


def test_chen_preset_at_eight_billion_parameters() -> None:
    law = laws.get("subscaling")
    p = law.preset("chen2025")
    x = {"N": 8e9, "D": 1875 * 8e9}
    grown = float(law.loss(x, p))
    without = float(law.loss(x, {**p, "rho": 0.0}))
    assert grown == pytest.approx(1.751, abs=5e-4)
    assert without == pytest.approx(1.666, abs=5e-4)


def test_presets_name_every_field_parameter_and_their_source() -> None:
    for name in laws.names():
        for symbol in ("N", "D", "C") if name.startswith("power") else (None,):
            law = laws.get(name, symbol)
            for preset in law.presets.values():
                assert set(preset.values) == set(law.field_names)
                assert set(preset.se) <= set(preset.values)
                assert "arXiv" in preset.source
                counts = ("total", "non-embedding")
                if not {"N", "C"} & set(law.inputs):
                    counts += ("unspecified",)
                assert preset.count in counts


# --- limits ------------------------------------------------------------------------------------

X = {"N": np.array([[1e6], [3e8], [7e10]]), "D": np.array([1e8, 2e10, 1.4e12])}


def same(law: Any, params: P, parent: Any, parent_params: P, x: Any = X) -> None:
    mine = {name: params[name] for name in law.field_names}
    theirs = {name: parent_params[name] for name in parent.field_names}
    np.testing.assert_allclose(law.loss(x, mine), parent.loss(x, theirs), rtol=1e-10)


def params_of(law: Any, seed: int = 0) -> P:
    return {
        k: float(v[0]) for k, v in draw(law.field_names, np.random.default_rng(seed), 1).items()
    }


def test_no_strength_is_chinchilla() -> None:
    law = laws.get("subscaling")
    p = params_of(law)
    same(law, {**p, "rho": 0.0}, laws.get("chinchilla"), p)
    same(law, {**p, "k_N": 0.0, "k_D": 0.0}, laws.get("chinchilla"), p)


def test_no_coupling_is_chinchilla() -> None:
    law = laws.get("skaling")
    p = params_of(law)
    same(law, {**p, "k": 1.0}, laws.get("chinchilla"), p)


def test_no_floor() -> None:
    for name, parent in (("kaplan_floor", "kaplan"), ("skaling", "coupled(power(N) + power(D))")):
        law = laws.get(name)
        p = params_of(law)
        same(law, {**p, "E": 0.0}, laws.get(parent), p)
    law = laws.get("power_floor(N)")
    p = params_of(law)
    same(law, {**p, "E": 0.0}, laws.get("power(N)"), p, {"N": X["N"]})


def test_kaplan_tends_to_the_single_input_laws() -> None:
    law, p = laws.get("kaplan"), params_of(laws.get("kaplan"))
    n, d = np.array([1e6, 1e9, 1e12]), np.array([1e7, 1e10, 1e13])
    ample_data = law.loss({"N": n, "D": 1e200}, p)
    np.testing.assert_allclose(ample_data, (p["N_c"] / n) ** p["alpha_N"], rtol=1e-10)
    ample_size = law.loss({"N": 1e300, "D": d}, {**p, "alpha_N": 0.2, "alpha_D": 0.1})
    np.testing.assert_allclose(ample_size, (p["D_c"] / d) ** 0.1, rtol=1e-10)


def test_one_plus_sigmoid_is_a_tanh() -> None:
    """The modifier at strength 1/3 is the paper's 1 + sigmoid, times 2/3."""
    law = laws.get("power(N) * overtraining(N, strength=1/3)")
    ratio = np.geomspace(1e-3, 1e5, 60)
    p = {"A": 1.5, "alpha": 1e-300, "k_N": 0.01}  # so flat that only the modifier is left
    expected = 1 + 1 / (1 + np.exp(-0.01 * ratio))
    np.testing.assert_allclose(law.loss({"N": 1.0, "D": ratio}, p), expected, rtol=1e-10)


def test_no_amplitude_overflows_on_the_way() -> None:
    """A = 1e12^3000 is no number, yet the loss near N = 1e12 is an ordinary one."""
    law = laws.get('power(N, form="scale", field="N_c")')
    loss = law.loss({"N": 1e12}, {"N_c": 1.0001e12, "alpha": 3000.0})
    assert float(loss) == pytest.approx(1.0001**3000, rel=1e-9)
