"""What every noise model that reads columns must be: a density of the loss, invertible, stable."""

from __future__ import annotations

import json
from typing import Any

import jax
import numpy as np
import pytest
import scipy.stats as ss
from scipy import integrate

from bayescale import noise
from bayescale.errors import BayescaleError

CASES: dict[str, tuple[str, dict[str, float], dict[str, float]]] = {
    "heteroscedastic": ("heteroscedastic(normal)", {"sigma": 0.02, "gamma": -0.4}, {"size": 2.0}),
    "heteroscedastic, heavy": (
        "heteroscedastic",
        {"sigma": 0.02, "gamma": 0.3, "nu": 4.0},
        {"size": -1.0},
    ),
    "measured": ("measured(normal)", {"sigma": 0.01}, {"measurement": 0.03}),
    "measured, heavy": ("measured", {"sigma": 0.01, "nu": 3.0}, {"measurement": 0.03}),
    "one-sided": ("one_sided", {"sigma": 0.01, "excess": 0.03}, {}),
    "one-sided, hardly": ("one_sided", {"sigma": 0.02, "excess": 1e-6}, {}),
    "one-sided, entirely": ("one_sided", {"sigma": 1e-4, "excess": 0.03}, {}),
    "both": (
        "measured(heteroscedastic(one_sided))",
        {"sigma": 0.01, "gamma": -0.2, "excess": 0.02},
        {"size": 1.0, "measurement": 0.01},
    ),
    "effects": ("effects", {"sigma": 0.01, "between": 0.02}, {}),
    "curve": ("curve", {"sigma": 0.02, "length": 0.3}, {}),
    "bounded": ("bounded(0.75, normal)", {"sigma": 0.1}, {}),
    "bounded, heavy": ("bounded(0.75)", {"sigma": 0.1, "nu": 3.0}, {}),
    "inexact": ("inexact(normal, N=0.1)", {"sigma": 0.02}, {}),
}
EACH = pytest.mark.parametrize("case", CASES)


def example(case: str) -> tuple[noise.Noise, dict[str, Any], dict[str, Any], float]:
    text, params, rows = CASES[case]
    mean = 0.6 if "bounded" in case else 2.3
    as_arrays = {name: np.float64(value) for name, value in params.items()}
    return noise.get(text), as_arrays, {k: np.float64(v) for k, v in rows.items()}, np.log(mean)


@EACH
def test_density_of_the_loss_integrates_to_one_and_its_cdf_is_the_integral(case: str) -> None:
    model, params, rows, log_mean = example(case)
    scale = float(model.scale(params, rows, log_mean))
    t = np.linspace(-7.0, 8.0, 40_001)
    u = log_mean + scale * np.sinh(t)
    if isinstance(model, noise.Bounded):
        u = u[u < np.log(0.75)]
    u = u[u > -200.0]
    with jax.enable_x64(True):
        law = model.loss(log_mean, params, rows)
        density = np.exp(np.asarray(law.log_prob(np.exp(u))))
    integral = integrate.cumulative_trapezoid(density * np.exp(u), u, initial=0.0)
    # What a Student-t leaves beyond the grid; a bounded metric has a grid that ends at its ceiling.
    assert integral[-1] == pytest.approx(1.0, abs=2e-4)
    cdf = model.cdf(u - log_mean, params, rows, log_mean)
    np.testing.assert_allclose(cdf - cdf[0], integral, atol=2e-4)
    assert np.all(np.diff(cdf) >= -1e-12)


@EACH
def test_quantiles_invert_the_cdf(case: str) -> None:
    model, params, rows, log_mean = example(case)
    p = np.array([1e-9, 1e-3, 0.1, 0.5, 0.93, 0.999, 1 - 1e-9])
    back = model.cdf(model.quantile(p, params, rows, log_mean), params, rows, log_mean)
    np.testing.assert_allclose(back, p, rtol=2e-5, atol=1e-12)


@EACH
def test_quantiles_broadcast_over_draws_and_points(case: str) -> None:
    model, params, rows, log_mean = example(case)
    draws = {name: np.full((3, 1), value) for name, value in params.items()}
    points = {name: np.full(5, value) for name, value in rows.items()}
    found = model.quantile(np.full((3, 5), 0.7), draws, points, np.full((3, 5), log_mean))
    one = model.quantile(np.float64(0.7), params, rows, log_mean)
    np.testing.assert_allclose(found, np.full((3, 5), one), rtol=1e-6)


@EACH
def test_the_far_tails_and_their_slopes_are_finite(case: str) -> None:
    model, params, rows, log_mean = example(case)
    far = np.array([-8.0, -1.0, -1e-3, 1e-3, 0.2]) + log_mean
    if not isinstance(model, noise.Bounded):
        far = np.append(far, log_mean + np.array([1.0, 8.0]))

    def total(params: Any, log_mean: Any) -> Any:
        return model.loss(log_mean, params, rows).log_prob(np.exp(far)).sum()

    with jax.enable_x64(True):
        value, slopes = jax.value_and_grad(total, argnums=(0, 1))(
            {k: float(v) for k, v in params.items()}, float(log_mean)
        )
    assert np.isfinite(value)
    assert np.all(np.isfinite(jax.tree.leaves(slopes)))


@EACH
def test_json_round_trip(case: str) -> None:
    model = noise.get(CASES[case][0])
    assert noise.from_json(json.loads(json.dumps(model.to_json()))) == model
    assert noise.get(model.name) == model


def test_one_sided_is_the_exponentially_modified_gaussian() -> None:
    """As SciPy has it, and where SciPy's formula overflows, the normal that it tends to."""
    z = np.array([-5.0, -1.0, 0.0, 2.0, 9.0])
    with jax.enable_x64(True):
        model = noise.OneSided()
        mine = model.log_loss(0.3, {"sigma": 0.02, "excess": 0.05}).log_prob(0.3 + 0.02 * z)
        tiny = model.log_loss(0.3, {"sigma": 0.02, "excess": 1e-9}).log_prob(0.3 + 0.02 * z[:4])
    reference = ss.exponnorm(0.05 / 0.02, 0.3, 0.02)
    np.testing.assert_allclose(mine, reference.logpdf(0.3 + 0.02 * z), rtol=1e-9)
    np.testing.assert_allclose(tiny, ss.norm.logpdf(z[:4], 0, 1) - np.log(0.02), atol=1e-6)


@pytest.mark.parametrize(
    "text",
    (
        *("heteroscedastic(3)", "heteroscedastic(normal, Q)", "heteroscedastic(curve)"),
        *("heteroscedastic(heteroscedastic)", "measured(heteroscedastic(measured))"),
        *("measured(3)", "measured(bounded)", "bounded(0)", "bounded(measured)", "bounded(1, 2)"),
        *("bounded(1, measured)", "bounded(1, bounded)", "bounded(1, effects)"),
        *("inexact(normal, N=2)", "inexact(N=-1)", "inexact(Q=0.1)", "curve(Q)", "curve(3)"),
        *("effects(3)", "effects('no word')", "one_sided(normal)"),
    ),
)
def test_malformed(text: str) -> None:
    with pytest.raises(BayescaleError) as caught:
        noise.get(text)
    assert str(caught.value).count(". ") >= 1
