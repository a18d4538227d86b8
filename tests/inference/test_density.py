"""The posterior density against one written with SciPy alone."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import jax
import numpy as np
import pytest
import scipy.stats as ss
from scipy import integrate, special

from bayescale import Runs, laws, noise, prior
from bayescale import model as model_module
from bayescale.inference import density
from bayescale.inference.runtime import float64
from bayescale.model import Model, Signature

RNG = np.random.default_rng(2024)
N = np.exp(RNG.uniform(16, 24, 20))
D = N * np.exp(RNG.uniform(0, 6, 20))
LOSS = (1.7 + 400 / N**0.34 + 900 / D**0.33) * np.exp(RNG.normal(0, 0.01, 20))
RUNS = Runs(
    columns={"N": N, "D": D, "C": 6 * N * D, "loss": LOSS},
    mapping={},
    labels=tuple(f"run {i}" for i in range(20)),
)
FAST = {"xla_backend_optimization_level": 0}  # compiled often, run a few times
NOISES = ["student_t", "normal", "laplace", "huber(0.01)"]


def example(law: laws.Law, noise_name: str = "student_t") -> tuple[Model, dict[str, Any]]:
    model = Model(law, noise.get(noise_name))
    return model, model.data(RUNS)


@functools.cache
def program(signature: Signature) -> Callable[..., Any]:
    def run(params: Any, data: Any, prior_weight: Any, jacobian_weight: Any) -> Any:
        u = density.to_unconstrained(params, signature, data)
        value = density.potential(u, signature, data, prior_weight, jacobian_weight)
        return value, density.parts(params, signature, data)

    return jax.jit(run, compiler_options=FAST)


def evaluate(
    model: Model, data: dict[str, Any], p: dict[str, float], a: float = 1.0, b: float = 1.0
) -> tuple[float, dict[str, float], np.ndarray]:
    """The potential, the log prior by parameter and the log likelihood by row."""
    with float64():
        value, parts = program(model.signature)(p, data, a, b)
        log_prior = {name: float(each) for name, each in parts.log_prior.items()}
        return float(value), log_prior, np.asarray(parts.log_likelihood)


def one_draw(model: Model, seed: int) -> dict[str, float]:
    return {name: float(values[0]) for name, values in prior_draws(model, 1, seed).items()}


def prior_draws(model: Model, n: int, seed: int) -> dict[str, np.ndarray]:
    rng, scale = np.random.default_rng(seed), float(np.exp(np.mean(np.log(LOSS))))
    return {p.name: model.priors[p.name].draws(n, rng, scale, p.positive) for p in model.parameters}


def scipy_log_prior(p: dict[str, float]) -> float:
    """Chinchilla's default priors and the noise's, as documented, by SciPy."""
    scale = np.exp(np.mean(np.log(LOSS)))
    share = p["E"] / scale
    total = ss.norm.logpdf(special.logit(share), 0.4, 1.2) - np.log(share * (1 - share) * scale)
    for name in ("T_N", "T_D"):
        total += ss.lognorm.logpdf(p[name], 0.8, scale=0.2 * scale)
    for name in ("alpha", "beta"):
        total += ss.lognorm.logpdf(p[name], 0.5, scale=0.3)
    total += ss.lognorm.logpdf(p["sigma"], 1.5, scale=0.01)
    if "nu" in p:
        total += ss.expon.logpdf(p["nu"], loc=2.0, scale=10.0)
    return float(total)


def scipy_log_likelihood(p: dict[str, float], noise_name: str) -> np.ndarray:
    n0, d0 = (np.exp(np.mean(np.log(x))) for x in (N, D))
    mean = p["E"] + p["T_N"] * (N / n0) ** -p["alpha"] + p["T_D"] * (D / d0) ** -p["beta"]
    r, sigma = np.log(LOSS) - np.log(mean), p["sigma"]
    if noise_name == "student_t":
        log_density = ss.t.logpdf(r, p["nu"], scale=sigma)
    elif noise_name == "normal":
        log_density = ss.norm.logpdf(r, scale=sigma)
    elif noise_name == "laplace":
        log_density = ss.laplace.logpdf(r, scale=sigma)
    else:
        delta = 0.01

        def weight(z: Any) -> Any:
            return np.exp(-special.huber(delta, z) / sigma**2)

        core, _ = integrate.quad(weight, -delta, delta)
        tails = 2 * sigma**2 / delta * weight(delta)
        log_density = -special.huber(delta, r) / sigma**2 - np.log(core + tails)
    return np.asarray(log_density - np.log(LOSS))


@pytest.mark.parametrize("noise_name", NOISES)
def test_potential_against_scipy(noise_name: str) -> None:
    model, data = example(laws.get("chinchilla"), noise_name)
    for seed in range(4):
        p = one_draw(model, seed)
        log_prior = scipy_log_prior(p)
        log_likelihood = float(scipy_log_likelihood(p, noise_name).sum())
        # Every parameter is sampled by its logarithm, up to a map that keeps volume, and nu by its
        # normal score under its prior: du/dnu = (density of nu) / (normal density of u).
        jacobian = sum(np.log(v) for name, v in p.items() if name != "nu")
        if "nu" in p:
            prior_of_nu = ss.expon(loc=2.0, scale=10.0)
            u = ss.norm.ppf(prior_of_nu.cdf(p["nu"]))
            jacobian += ss.norm.logpdf(u) - prior_of_nu.logpdf(p["nu"])
        for a, b in ((1.0, 1.0), (1.0, 0.0), (0.0, 0.0)):
            expected = -(log_likelihood + a * log_prior + b * jacobian)
            assert evaluate(model, data, p, a, b)[0] == pytest.approx(expected, rel=1e-9)


def test_parts_by_parameter_and_by_run() -> None:
    model, data = example(laws.get("chinchilla"))
    p = one_draw(model, seed=3)
    _, log_prior, log_likelihood = evaluate(model, data, p)
    assert set(log_prior) == {parameter.name for parameter in model.parameters}
    assert sum(log_prior.values()) == pytest.approx(scipy_log_prior(p), rel=1e-10)
    expected = scipy_log_likelihood(p, "student_t")
    np.testing.assert_allclose(log_likelihood[:20], expected, rtol=1e-9)
    np.testing.assert_array_equal(log_likelihood[20:], 0.0)


def test_padding_adds_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Few rows or many, and whatever stands in the rows that are not there."""
    model, data = example(laws.get("chinchilla"))
    monkeypatch.setattr(model_module, "bucket", lambda n: 256)
    long = model.data(RUNS)
    assert data["loss"].shape == (32,)
    assert long["loss"].shape == (256,)
    rubbish = {
        **data,
        "loss": np.where(data["mask"], data["loss"], 7.7),
        "x": {k: np.where(data["mask"], v, 3.0) for k, v in data["x"].items()},
    }
    p = one_draw(model, seed=4)
    value = evaluate(model, data, p)[0]
    assert evaluate(model, long, p)[0] == pytest.approx(value, rel=1e-13)
    assert evaluate(model, rubbish, p)[0] == pytest.approx(value, rel=1e-13)


@pytest.mark.parametrize("n", [1, 16, 17, 240, 256])
def test_buckets(n: int) -> None:
    size = model_module.bucket(n)
    assert size >= max(n, 16)
    assert size < 2 * max(n, 9)
    assert size & (size - 1) == 0


def test_no_runs() -> None:
    with pytest.raises(ValueError, match="no runs"):
        model_module.bucket(0)


NAMED = ["chinchilla", "kaplan", "kaplan_floor", "skaling", "subscaling"]


@pytest.mark.parametrize("name", [*NAMED, "power(C)", "power_floor(D)"])
def test_gradients_are_finite_over_the_prior(name: str) -> None:
    # Student's t once: its gamma functions take longer to compile than all the laws.
    model, data = example(laws.get(name), "student_t" if name == "chinchilla" else "normal")
    signature = model.signature

    @functools.partial(jax.jit, compiler_options=FAST)
    @jax.vmap
    def value_and_slope(params: Any) -> Any:
        u = density.to_unconstrained(params, signature, data)
        return jax.value_and_grad(density.potential)(u, signature, data)

    with float64():
        values, slopes = map(np.asarray, value_and_slope(prior_draws(model, 200, seed=5)))
    assert np.all(np.isfinite(values))
    assert np.all(np.isfinite(slopes))
    assert slopes.shape == (200, len(model.parameters))


def test_outside_the_priors_support_the_potential_is_infinite() -> None:
    """A floor above the reference loss has no density under its default prior."""
    model, data = example(laws.get("chinchilla"))
    p = {**one_draw(model, seed=6), "E": 1.5 * float(data["reference"]["loss"])}
    assert evaluate(model, data, p)[0] == np.inf


def test_a_replaced_prior_enters_by_its_numbers() -> None:
    """The same compiled program serves another width: only the data differ."""
    narrow = laws.get("chinchilla").with_priors(alpha=prior.LogNormal(0.3, 0.1))
    model, data = example(laws.get("chinchilla"))
    other, other_data = example(narrow)
    assert model.signature == other.signature
    assert hash(model.signature) == hash(other.signature)
    p = one_draw(model, seed=7)
    change = evaluate(other, other_data, p)[0] - evaluate(model, data, p)[0]
    wide, tight = (ss.lognorm.logpdf(p["alpha"], s, scale=0.3) for s in (0.5, 0.1))
    assert change == pytest.approx(wide - tight, rel=1e-8)


def test_units_of_the_inputs_leave_the_posterior_alone() -> None:
    """N in millions and D in billions: the same numbers, up to rounding."""
    scaled = Runs(
        columns={"N": N / 1e6, "D": D / 1e9, "loss": LOSS}, mapping={}, labels=RUNS.labels
    )
    model, data = example(laws.get("chinchilla"))
    p = one_draw(model, seed=8)
    expected = evaluate(model, data, p)[0]
    assert evaluate(model, model.data(scaled), p)[0] == pytest.approx(expected, rel=1e-11)


def test_units_of_the_loss_shift_the_posterior_by_a_constant() -> None:
    """Bits in place of nats: the density of the loss changes by its Jacobian and nothing else."""
    unit = 1 / np.log(2)
    bits = Runs(columns={"N": N, "D": D, "loss": LOSS * unit}, mapping={}, labels=RUNS.labels)
    model, data = example(laws.get("chinchilla"))
    p = one_draw(model, seed=9)
    q = {k: v * unit if k in ("E", "T_N", "T_D") else v for k, v in p.items()}
    _, log_prior, log_likelihood = evaluate(model, data, p)
    _, log_prior_bits, log_likelihood_bits = evaluate(model, model.data(bits), q)
    change = float(log_likelihood_bits.sum() - log_likelihood.sum())
    assert change == pytest.approx(-20 * np.log(unit), rel=1e-9)
    change = sum(log_prior_bits.values()) - sum(log_prior.values())
    assert change == pytest.approx(-3 * np.log(unit), rel=1e-9)
