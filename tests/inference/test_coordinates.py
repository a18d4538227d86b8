"""The sampler's coordinates: a bijection whose Jacobian is what it says."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats as ss

from bayescale import laws, noise, prior
from bayescale.inference import density, score, steep
from bayescale.inference.bends import bends
from bayescale.inference.coordinates import Slopes, slopes
from bayescale.inference.runtime import float64
from bayescale.laws import Law, Modifier, Pair, Parameter, Power, Saturating
from bayescale.model import Model


@dataclass(frozen=True)
class Density(Modifier):
    """A user's modifier with a signed parameter: z^kappa."""

    inputs = ("z",)
    parameters = (
        Parameter("kappa", "rate", "1", "effect of z", prior.Normal(0.0, 0.5), positive=False),
    )
    expression = "density(z)"

    def log_factor(self, params: Any, x: Any) -> Any:
        return params["kappa"] * x["z"]


@dataclass(frozen=True)
class Repetition(Saturating):
    """A user's saturating modifier: 1 + damage (1 - exp(-wear D/U))."""

    strength = "damage"
    rate = "wear"
    inputs = ("D", "U")
    parameters = (
        Parameter("damage", "strength", "1", "largest growth by repetition"),
        Parameter("wear", "rate", "1", "how soon repetition shows"),
    )
    expression = "repetition(D)"

    def log_lever(self, x: Any) -> Any:
        return x["D"] - x["U"]

    def rise(self, z: Any) -> Any:
        return -jnp.expm1(-z)


FAST = {"xla_backend_optimization_level": 0}  # compiled often, run a few times
CHINCHILLA = laws.get("chinchilla")
LAWS: dict[str, Law] = {
    "chinchilla": CHINCHILLA,
    "kaplan": laws.get("kaplan"),
    "kaplan_floor": laws.get("kaplan_floor"),
    "skaling": laws.get("skaling"),
    "subscaling": laws.get("subscaling"),
    "power": laws.get("power(N)"),
    "a steep pair": laws.get("loss_to_loss"),
    "a pair that saturates": laws.get("loss_to_error_sigmoid"),
    "power_floor": laws.get("power_floor(N)"),
    "uniform exponent": CHINCHILLA.with_priors(alpha=prior.Uniform(0.1, 0.9)),
    "normal floor": CHINCHILLA.with_priors(E=prior.Normal(1.7, 0.2)),
    "beta floor": CHINCHILLA.with_priors(E=prior.Beta(2.0, 2.0, relative=True)),
    "fixed exponent": laws.get("irreducible + power(N) + power(D, exponent=0.5)"),
    "a user's": Law(name="dense", term=Power("N") + Power("D") * Density()),
    "one bend": laws.get("irreducible + power(N) + power(D)*overtraining(D)"),
    "one rate": laws.get(
        'irreducible + power(N)*overtraining(N, rate="k") + power(D)*overtraining(N, rate="k")'
    ),
    "fixed strengths": laws.get(
        "power(N)*overtraining(N, strength=0.3) + power(D)*overtraining(D, strength=0.6)"
    ),
    "no strength": laws.get("power(N) + power(D)*overtraining(D, strength=0.0)"),
    "bent twice": laws.get(
        'irreducible + (power(N)*overtraining(N) + power(D))*overtraining(D, strength="tau")'
    ),
    "uniform rate": laws.get("subscaling").with_priors(k_N=prior.Uniform(0.0, 0.01)),
    "a user's bend": Law(name="worn", term=Power("N") + Power("D") * Repetition()),
}
IN_SLOPES = {
    "chinchilla": ("E", "T_N", "T_D", "alpha", "beta"),
    "kaplan": ("T_N", "T_D", "alpha_N", "alpha_D"),
    "kaplan_floor": ("E", "T_N", "T_D", "alpha_N", "alpha_D"),
    "skaling": ("E", "T_N", "T_D", "alpha", "beta"),
    "subscaling": ("E", "T_N", "T_D", "alpha", "beta"),
    "power": ("T_N", "alpha"),
    "a steep pair": ("E_2", "T_L", "kappa"),
    "a pair that saturates": ("E", "T_L", "s"),
    "power_floor": ("E", "T_N", "alpha"),
    "uniform exponent": None,
    "normal floor": ("E", "T_N", "T_D", "alpha", "beta"),
    "beta floor": None,
    "fixed exponent": ("E", "T_N", "alpha"),
    "a user's": ("T_N", "T_D", "alpha", "beta"),
    "one bend": ("E", "T_N", "T_D", "alpha", "beta"),
    "one rate": ("E", "T_N", "T_D", "alpha", "beta"),
    "fixed strengths": ("T_N", "T_D", "alpha", "beta"),
    "no strength": ("T_N", "T_D", "alpha", "beta"),
    "bent twice": ("E", "T_N", "T_D", "alpha", "beta"),
    "uniform rate": ("E", "T_N", "T_D", "alpha", "beta"),
    "a user's bend": ("T_N", "T_D", "alpha", "beta"),
}
IN_BENDS = {
    "subscaling": [("rho", "k_N", "k_D")],
    "one bend": [("rho", "k_D")],
    "one rate": [("rho", "k")],
    "fixed strengths": [("k_N", "k_D")],
    "bent twice": [("rho", "k_N"), ("tau", "k_D")],
    "a user's bend": [("damage", "wear")],
}
REFERENCE = {"N": 20.5, "D": 23.5, "U": 22.0, "z": 0.4, "L": 1.1}
CORNER = {"N": 19.5, "D": 24.5, "U": 21.0, "z": 0.5}


def model_and_data(law: Law) -> tuple[Model, dict[str, Any]]:
    """A model with just enough data to say the supports, and the weights of slopes and bends."""
    model = Model(law, noise.get("student_t"))
    numbers = {
        name: {key: np.float64(value) for key, value in spec.numbers.items()}
        for name, spec in model.priors.items()
    }
    spread = dict(zip(law.inputs, map(np.float64, (0.7, 1.9)), strict=False))
    return model, {
        "reference": {"loss": np.float64(2.5), **{x: np.float64(REFERENCE[x]) for x in law.inputs}},
        "corners": tuple({x: np.float64(CORNER[x]) for x in law.inputs} for _ in law.term.bends),
        "spread": spread,
        "priors": numbers,
    }


def prior_draw(model: Model, rng: np.random.Generator) -> dict[str, float]:
    return {
        p.name: float(model.priors[p.name].draws(1, rng, 2.5, p.positive)[0])
        for p in model.parameters
    }


@pytest.mark.parametrize("name", LAWS)
def test_which_parameters_are_in_the_slope_group(name: str) -> None:
    group = slopes(model_and_data(LAWS[name])[0].signature)
    assert (group.names if group else None) == IN_SLOPES[name]


@pytest.mark.parametrize("name", LAWS)
def test_which_parameters_bend(name: str) -> None:
    signature = model_and_data(LAWS[name])[0].signature
    assert [group.names for group in bends(signature)] == IN_BENDS.get(name, [])


@pytest.mark.parametrize("name", LAWS)
def test_inverse_and_jacobian(name: str) -> None:
    """There and back is the identity, and the Jacobian is the determinant of the derivative."""
    model, data = model_and_data(LAWS[name])
    signature = model.signature
    names = [parameter.name for parameter in model.parameters]

    def there(u: Any) -> tuple[Any, Any]:
        params, log_jacobian = density.from_unconstrained(u, signature, data)
        assert list(params) == names
        return jnp.stack([params[n] for n in names]), log_jacobian

    @functools.partial(jax.jit, compiler_options=FAST)
    def everything(params: Any) -> Any:
        u = density.to_unconstrained(params, signature, data)
        (again, log_jacobian), derivative = there(u), jax.jacfwd(lambda v: there(v)[0])(u)
        return u, again, log_jacobian, derivative

    rng = np.random.default_rng(4)
    with float64():
        for _ in range(5):
            params = prior_draw(model, rng)
            u, again, log_jacobian, derivative = map(np.asarray, everything(params))
            assert u.shape == (len(names),)
            assert u.dtype == np.float64
            np.testing.assert_allclose(again, [params[n] for n in names], rtol=1e-9)
            numerical = np.linalg.slogdet(derivative)[1]
            assert float(log_jacobian) == pytest.approx(numerical, abs=1e-8)


@pytest.mark.parametrize("constant", [False, True])
@pytest.mark.parametrize(("floor", "m"), [(None, 1), ("E", 1), (None, 2), ("E", 3)])
def test_slopes_by_hand(floor: str | None, m: int, constant: bool) -> None:
    """What the coordinates mean, and that the map of the logs keeps volume."""
    pairs = tuple(Pair(f"x{i}", f"T{i}", f"a{i}") for i in range(m))
    group = Slopes(floor, pairs)
    rng = np.random.default_rng(m)
    t, a, e = (np.exp(rng.normal(-1, 0.8, size)) for size in (m, m, 1))
    e = e if floor else e[:0]
    v = np.log(np.concatenate([e, t, a]))
    total = e.sum() + t.sum()
    head = [np.log(total)] + ([np.log(e[0] / t.sum())] if floor else [])  # ln L0, logit(E/L0)
    spread = {f"x{i}": float(s) for i, s in enumerate(rng.uniform(0.5, 2.0, m))}
    if constant:
        spread["x0"] = 1e-6  # an input that does not vary in the runs
    weights = np.array(list(spread.values())) / max(spread.values())
    slopes = a * t
    common = [np.log(np.sum(weights * slopes))]
    expected = np.concatenate([head, common, np.log(slopes[1:] / slopes[0]), np.log(a[1:] / a[0])])
    with float64():
        u = np.asarray(group.from_log(v, spread))
        back = np.asarray(group.to_log(u, spread))
        derivative = np.asarray(jax.jacfwd(lambda w: group.to_log(w, spread))(u))
    np.testing.assert_allclose(u, expected, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(back, v, rtol=1e-12, atol=1e-12)
    assert abs(np.linalg.det(derivative)) == pytest.approx(1.0, abs=1e-10)


def test_a_steep_pair_by_hand() -> None:
    """The coordinates are the loss at the reference, its slope, and about the log exponent."""
    floor, contribution, exponent, factor = 1.2, 1.5, 1.15, 1.7
    with float64():
        v = jnp.log(jnp.array([floor, contribution, exponent]))
        u = np.asarray(steep.from_log(v, jnp.log(factor)))
        back, _ = steep.to_log(jnp.asarray(u), jnp.log(factor))
    level, slope = floor + contribution, factor * exponent * contribution
    assert u[0] == pytest.approx(np.log(level))
    assert u[2] == pytest.approx(np.log(slope))
    assert u[1] == pytest.approx(np.log(exponent) - np.log(slope / level), abs=1e-6)
    np.testing.assert_allclose(back, v, atol=1e-12)
    with float64():
        for w in (-5.0, 5.0):
            logs, log_jacobian = steep.to_log(jnp.array([0.9, w, 0.2]), 0.5)
            assert np.all(np.isfinite(logs)) and np.isfinite(log_jacobian)


def test_the_slope_of_a_sigmoid_is_a_coordinate() -> None:
    """The third coordinate is the log of the law's slope at the reference."""
    model, data = model_and_data(LAWS["a pair that saturates"])
    params = {"E": 0.15, "T_L": 0.3, "H": 0.2, "s": 4.0, "sigma": 0.01, "nu": 5.0}
    at = data["reference"]
    with float64():

        def law(log_x: Any) -> Any:
            return jnp.exp(model.law.term.log_value(params, {"L": log_x}, at))

        slope = float(jax.grad(law)(at["L"])) / float(np.exp(at["L"]))
        known = {name: jnp.asarray(value) for name, value in params.items()}
        u = np.asarray(density.to_unconstrained(known, model.signature, data))
    assert u[0] == pytest.approx(np.log(0.45))
    assert u[2] == pytest.approx(np.log(slope))


def test_extreme_coordinates_stay_finite() -> None:
    """A floor share of almost nothing or almost all loses no digits of the small part."""
    group = Slopes("E", (Pair("N", "T_N", "alpha"), Pair("D", "T_D", "beta")))
    with float64():
        for logit in (-200.0, 200.0):
            u = np.array([1.0, logit, -2.0, -2.5, 0.3])
            v = group.to_log(u, {"N": 1.0, "D": 2.0})
            assert np.all(np.isfinite(v))
            np.testing.assert_allclose(group.from_log(v, {"N": 1.0, "D": 2.0}), u, rtol=1e-9)


def test_bends_by_hand() -> None:
    """What the coordinates of the sub-scaling law mean, with SciPy alone."""
    model, data = model_and_data(LAWS["subscaling"])
    p = {"E": 1.4, "T_N": 0.4, "T_D": 0.7, "alpha": 0.3, "beta": 0.25, "sigma": 0.01, "nu": 5.0}
    p |= {"rho": 0.3, "k_N": 0.001, "k_D": 0.008}
    ratio = np.exp(CORNER["D"] - CORNER["N"])
    weights = np.array(
        [
            p["T_N"] * np.exp(-p["alpha"] * (CORNER["N"] - REFERENCE["N"])),
            p["T_D"] * np.exp(-p["beta"] * (CORNER["D"] - REFERENCE["D"])),
        ]
    )
    weights /= weights.sum()
    z = np.array([p["k_N"], p["k_D"]]) * ratio
    bend = p["rho"] * np.sum(weights * np.tanh(z / 2))
    saturation = 2 * np.log(np.sum(weights * z**1.5) / np.sum(weights * z))
    expected = [ss.norm.ppf(ss.expon.cdf(bend)), saturation, np.log(p["k_D"] / p["k_N"])]
    with float64():
        u = np.asarray(density.to_unconstrained(p, model.signature, data))
    np.testing.assert_allclose(u[-3:], expected, rtol=1e-10)
    assert u[-4] == pytest.approx(ss.norm.ppf(ss.expon.cdf(p["nu"], loc=2.0, scale=10.0)))


def test_arms_have_one_saturation() -> None:
    """Whichever term bends alone, or both alike, the second coordinate is the log of its z."""
    model, data = model_and_data(LAWS["subscaling"])
    p = {"E": 1.4, "T_N": 0.4, "T_D": 0.7, "alpha": 0.3, "beta": 0.25, "sigma": 0.01, "nu": 5.0}
    ratio, found = np.exp(CORNER["D"] - CORNER["N"]), []
    with float64():
        for k_n, k_d in ((0.004, 1e-40), (1e-40, 0.004), (0.004, 0.004)):
            at = {**p, "rho": 0.3, "k_N": k_n, "k_D": k_d}
            found.append(float(density.to_unconstrained(at, model.signature, data)[-2]))
    np.testing.assert_allclose(found, np.log(0.004 * ratio), rtol=1e-12)


def test_normal_score() -> None:
    u = np.linspace(-9.0, 6.0, 31)
    with float64():
        y, log_slope = map(np.asarray, score.positive(u))
        slope = np.asarray(jax.vmap(jax.grad(lambda v: score.positive(v)[0]))(u))
        back = np.asarray(score.of(y))
    np.testing.assert_allclose(y, -ss.norm.logsf(u), rtol=1e-12)
    np.testing.assert_allclose(np.exp(log_slope), slope, rtol=1e-10)
    np.testing.assert_allclose(back, u, rtol=1e-9)
    # Where the quantity is exponential, the coordinate is standard normal.
    np.testing.assert_allclose(-y + log_slope, ss.norm.logpdf(u), rtol=1e-12)
