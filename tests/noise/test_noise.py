"""Noise models: densities of the loss, against SciPy and numerical integration."""

from __future__ import annotations

import json
from typing import Any

import jax
import numpy as np
import pytest
import scipy.stats as ss
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate, special

from bayescale import noise
from bayescale.errors import BayescaleError, LawError

LOG_MEAN = np.log(2.3)


class HuberReference:
    """exp(-Huber_delta(r) / sigma^2), normalised by quadrature."""

    def __init__(self, sigma: float, delta: float) -> None:
        self.sigma, self.delta = sigma, delta
        core, _ = integrate.quad(lambda r: np.exp(-self.cost(r)), -delta, delta)
        tail = sigma**2 / delta * np.exp(-self.cost(delta))  # the integral of an exponential
        self.log_total = np.log(core + 2 * tail)

    def cost(self, r: Any) -> Any:
        return special.huber(self.delta, r) / self.sigma**2

    def logpdf(self, u: Any) -> Any:
        return -self.cost(u - LOG_MEAN) - self.log_total


CASES: dict[str, tuple[noise.Noise, dict[str, float], Any]] = {
    "normal": (noise.Normal(), {"sigma": 0.02}, ss.norm(LOG_MEAN, 0.02)),
    "laplace": (noise.Laplace(), {"sigma": 0.02}, ss.laplace(LOG_MEAN, 0.02)),
    "student_t": (
        noise.StudentT(),
        {"sigma": 0.02, "nu": 3.5},
        ss.t(3.5, LOG_MEAN, 0.02),
    ),
    "huber": (noise.Huber(0.01), {"sigma": 0.02}, HuberReference(0.02, 0.01)),
    "huber, wide core": (noise.Huber(0.05), {"sigma": 0.02}, HuberReference(0.02, 0.05)),
    "huber, as in the field": (noise.Huber(), {"sigma": 0.004}, HuberReference(0.004, 0.001)),
}
EACH = pytest.mark.parametrize("case", CASES)


def grid(sigma: float) -> tuple[np.ndarray, np.ndarray]:
    """Log losses spread like a sinh: dense at the middle, far into the tails; and their steps."""
    t = np.linspace(-9.0, 9.0, 40_001)
    step = t[1] - t[0]
    return LOG_MEAN + sigma * np.sinh(t), sigma * np.cosh(t) * step


def log_density(distribution: Any, value: Any) -> np.ndarray:
    return np.asarray(distribution.log_prob(np.asarray(value)))


@EACH
def test_density_of_the_log_loss(case: str) -> None:
    model, params, reference = CASES[case]
    u = LOG_MEAN + params["sigma"] * np.array([-30, -3, -1, -0.4, 0, 0.2, 1, 2.5, 8])
    with jax.enable_x64(True):
        mine = log_density(model.log_loss(LOG_MEAN, params), u)
    np.testing.assert_allclose(mine, reference.logpdf(u), rtol=1e-9, atol=1e-9)


@EACH
def test_density_of_the_loss_has_the_jacobian(case: str) -> None:
    model, params, reference = CASES[case]
    loss = 2.3 * np.exp(params["sigma"] * np.array([-9.0, -1.2, 0.0, 0.3, 4.0]))
    with jax.enable_x64(True):
        mine = log_density(model.loss(LOG_MEAN, params), loss)
    expected = reference.logpdf(np.log(loss)) - np.log(loss)
    np.testing.assert_allclose(mine, expected, rtol=1e-9, atol=1e-9)


@EACH
def test_density_of_the_loss_integrates_to_one_and_its_cdf_is_the_integral(case: str) -> None:
    model, params, _ = CASES[case]
    u, du = grid(params["sigma"])
    loss = np.exp(u)
    with jax.enable_x64(True):
        law = model.loss(LOG_MEAN, params)
        density, cdf = np.exp(log_density(law, loss)), np.asarray(law.cdf(loss))
    integral = integrate.cumulative_trapezoid(density * loss * du, dx=1.0, initial=0.0)
    assert integral[-1] == pytest.approx(1.0, abs=1e-5)
    np.testing.assert_allclose(cdf - cdf[0], integral, atol=1e-5)
    assert np.all(np.diff(cdf) >= -1e-12)


@pytest.mark.parametrize("case", ["student_t", "huber"])
def test_the_integral_over_the_loss_by_adaptive_quadrature(case: str) -> None:
    """The same over the loss itself, as scipy does it."""
    model, params, _ = CASES[case]
    with jax.enable_x64(True):
        law = model.loss(LOG_MEAN, params)
        density = jax.jit(lambda value: jax.numpy.exp(law.log_prob(value)))
        corners = [2.3 * np.exp(s * 0.01) for s in (-30, -4, -1, 0, 1, 4, 30)]
        total, _ = integrate.quad(
            lambda x: float(density(x)), 0.2, 20.0, points=corners, limit=400, epsabs=1e-9
        )
    assert total == pytest.approx(1.0, abs=2e-5)  # the tails beyond a factor of nine hold the rest


@EACH
def test_draws_follow_the_cdf(case: str) -> None:
    model, params, _ = CASES[case]
    with jax.enable_x64(True):
        law = model.loss(LOG_MEAN, params)
        draws = np.asarray(law.sample(jax.random.key(3), (4000,)))
        uniform = np.asarray(law.cdf(draws))
    assert draws.shape == (4000,)
    assert np.all(draws > 0)
    assert ss.kstest(uniform, "uniform").pvalue > 1e-3


@EACH
def test_noise_broadcasts_over_draws_and_runs(case: str) -> None:
    model, params, _ = CASES[case]
    log_mean = np.full((3, 5), LOG_MEAN)
    batched = {name: np.full((3, 1), value) for name, value in params.items()}
    law = model.loss(log_mean, batched)
    assert log_density(law, np.full(5, 2.3)).shape == (3, 5)
    assert law.batch_shape == (3, 5)


# --- Huber -------------------------------------------------------------------------------------


@pytest.mark.parametrize("delta", [1e-4, 1e-3, 1e-2, 0.1])
@pytest.mark.parametrize("sigma", [0.001, 0.01, 0.1])
def test_huber_is_the_fields_objective(delta: float, sigma: float) -> None:
    """Minus the log density is Huber_delta(r)/sigma^2 plus a constant, at every scale."""
    r = np.linspace(-0.05, 0.05, 101)
    with jax.enable_x64(True):
        mine = -log_density(noise.Huber(delta).log_loss(0.0, {"sigma": sigma}), r)
    objective = special.huber(delta, r) / sigma**2
    np.testing.assert_allclose(mine - objective, mine[50] - objective[50], atol=1e-8)


def test_huber_of_a_wide_core_is_normal() -> None:
    r = np.linspace(-0.1, 0.1, 41)
    with jax.enable_x64(True):
        law = noise.Huber(10.0).log_loss(0.0, {"sigma": 0.02})
        density, cdf = log_density(law, r), np.asarray(law.cdf(r))
        p = np.array([1e-6, 0.1, 0.5, 0.9, 1 - 1e-6])
        quantiles = np.asarray(law.icdf(p))
    np.testing.assert_allclose(density, ss.norm.logpdf(r, 0, 0.02), rtol=1e-10)
    np.testing.assert_allclose(cdf, ss.norm.cdf(r, 0, 0.02), atol=1e-12)
    np.testing.assert_allclose(quantiles, ss.norm.ppf(p, 0, 0.02), rtol=1e-6, atol=1e-12)


def test_huber_of_a_tiny_core_is_laplace() -> None:
    sigma, delta = 0.02, 1e-6
    scale = sigma**2 / delta
    r = scale * np.linspace(-8, 8, 41)
    with jax.enable_x64(True):
        law = noise.Huber(delta).log_loss(0.0, {"sigma": sigma})
        density, cdf = log_density(law, r), np.asarray(law.cdf(r))
    np.testing.assert_allclose(density, ss.laplace.logpdf(r, 0, scale), atol=1e-7)
    np.testing.assert_allclose(cdf, ss.laplace.cdf(r, 0, scale), atol=1e-7)


@pytest.mark.parametrize(("sigma", "delta"), [(0.02, 0.01), (0.02, 0.1)])
def test_huber_quantiles_invert_its_cdf(sigma: float, delta: float) -> None:
    p = np.array([1e-9, 1e-3, 0.2, 0.5, 0.77, 0.999, 1 - 1e-9])
    with jax.enable_x64(True):
        law = noise.Huber(delta).log_loss(LOG_MEAN, {"sigma": sigma})
        back = np.asarray(law.cdf(law.icdf(p)))
    np.testing.assert_allclose(back, p, rtol=1e-6, atol=1e-13)


# --- names, priors, refusals -------------------------------------------------------------------


@pytest.mark.parametrize("name", noise.names())
def test_json_round_trip(name: str) -> None:
    model = noise.get(name)
    assert model.name == name
    assert noise.from_json(json.loads(json.dumps(model.to_json()))) == model
    assert noise.get(model) is model


def test_huber_takes_its_corner() -> None:
    assert noise.get("huber(1/100)") == noise.Huber(0.01)
    assert noise.from_json(noise.Huber(0.03).to_json()) == noise.Huber(0.03)


@pytest.mark.parametrize("name", noise.names())
def test_every_noise_parameter_has_a_prior(name: str) -> None:
    for parameter in noise.get(name).parameters:
        assert parameter.prior is not None
        assert float(parameter.prior.quantile(0.0)) >= (2.0 if parameter.name == "nu" else 0.0)


@pytest.mark.parametrize(
    "text",
    (
        *("", "gauss", "huber()()", "huber(0)", "huber(-1)", "huber(1e999)", "huber(N)"),
        *("huber('a')", "huber(1, 2)", "huber(delta=1, delta=2)", "huber(width=1)", "normal(1)"),
        *("student_t(4)", "normal + laplace", "3", "'normal'", "normal.x", "(" * 300, "\x00"),
        "huber(huber(1))",
    ),
)
def test_malformed(text: str) -> None:
    with pytest.raises(BayescaleError) as caught:
        noise.get(text)
    message = str(caught.value)
    assert message.endswith(".")
    assert message.count(". ") >= 1


@given(st.text(max_size=30))
def test_any_text_is_a_noise_or_a_refusal(text: str) -> None:
    for candidate in (text, f"huber({text})"):
        try:
            assert isinstance(noise.get(candidate), noise.Noise)
        except BayescaleError:
            pass


@pytest.mark.parametrize(
    "description",
    [{}, {"name": "gauss"}, {"name": "normal", "x": 1}, {"name": "huber", "delta": 0}],
)
def test_a_bad_description_is_refused(description: dict[str, Any]) -> None:
    with pytest.raises(LawError):
        noise.from_json(description)


def test_the_scale_of_huber_noise_is_that_of_its_tails() -> None:
    """Where delta lies far below the residuals, the noise is Laplace with scale sigma^2/delta."""
    from bayescale.noise.huber import Huber

    scale = float(Huber(1e-4).scale({"sigma": 0.001}))
    assert scale == pytest.approx(0.01 * -np.log(2 * (1 - 0.8413447)), rel=0.02)
    assert float(Huber(1.0).scale({"sigma": 0.001})) == pytest.approx(0.001, rel=1e-6)
