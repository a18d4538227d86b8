"""The point fit: every maximum is one, and the best agrees with another optimiser."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import optimize

from bayescale.fitting import build_model, point_fit
from bayescale.inference.evaluate import evaluate
from bayescale.inference.laplace import importance, laplace
from bayescale.inference.point import centred, optimise
from bayescale.runs.read import read_quietly


def grid(seed: int = 0):
    rng = np.random.default_rng(seed)
    n, d = (a.ravel() for a in np.meshgrid([1e7, 4e7, 1.6e8, 6.4e8], [5e8, 2e9, 8e9, 3.2e10]))
    loss = (1.8 + 480 / n**0.35 + 2000 / d**0.37) * np.exp(0.004 * rng.standard_normal(16))
    return read_quietly({"N": n, "D": d, "loss": loss})


@pytest.fixture(scope="module")
def found():
    model = build_model("chinchilla")
    data = model.data(grid())
    return model, data, optimise(model, data)


def test_the_best_is_a_minimum_of_the_potential(found):
    model, data, optima = found
    assert optima.decrement[0] < 1e-6
    finite = optima.value[np.isfinite(optima.value)]
    assert np.all(np.diff(finite) >= 0)
    assert np.linalg.eigvalsh(optima.hessian[0]).min() > 0
    around = laplace(optima).draws(500, np.random.default_rng(0))
    log_density = evaluate(model.signature, np.vstack([optima.u[:1], around]), data).log_density
    assert log_density[0] == pytest.approx(-optima.value[0], rel=1e-9)
    assert np.all(log_density[1:] < log_density[0])


def test_the_hessian_is_the_curvature(found):
    """By central differences of the density, in the coordinates that it whitens."""
    model, data, optima = found
    approximation, h = laplace(optima), 0.02
    steps, u = h * approximation.factor.T, approximation.mode
    d = len(u)
    points = [u + s * a + t * b for a in steps for b in steps for s in (1, -1) for t in (1, -1)]
    value = -evaluate(model.signature, np.array(points), data).log_density.reshape(d, d, 4)
    numeric = (value[..., 0] - value[..., 1] - value[..., 2] + value[..., 3]) / (4 * h * h)
    assert np.allclose(numeric, np.eye(d), atol=0.02)


def test_it_is_repeatable(found):
    model, data, optima = found
    again = optimise(model, data)
    assert np.array_equal(optima.u, again.u)


def test_map_agrees_with_another_optimiser():
    """Nelder and Mead on the posterior written out in numpy."""
    from scipy import stats

    runs = grid(1)
    n, d, y = np.log(runs["N"]), np.log(runs["D"]), np.log(runs.loss)
    n, d, scale = n - n.mean(), d - d.mean(), np.exp(y.mean())

    def objective(v: np.ndarray) -> float:
        e, t_n, alpha, t_d, beta, sigma = np.exp(v)
        if e >= scale:
            return np.inf
        mean = np.log(e + t_n * np.exp(-alpha * n) + t_d * np.exp(-beta * d))
        share = e / scale
        prior = stats.norm.logpdf(np.log(share / (1 - share)), 0.4, 1.2)
        prior -= np.log(share * (1 - share))
        prior += stats.lognorm.logpdf([t_n, t_d], 0.8, scale=0.2 * scale).sum()
        prior += stats.lognorm.logpdf([alpha, beta], 0.5, scale=0.3).sum()
        prior += stats.lognorm.logpdf(sigma, 1.5, scale=0.01)
        return -(stats.norm.logpdf(y, mean, sigma).sum() + prior)

    v = np.log([1.7, 0.8, 0.3, 0.5, 0.35, 0.005])
    for _ in range(6):
        options = {"maxiter": 20_000, "maxfev": 20_000, "xatol": 1e-10, "fatol": 1e-12}
        v = optimize.minimize(objective, v, method="Nelder-Mead", options=options).x
    found = point_fit("chinchilla", runs, noise="normal")
    assert found.converged
    e, _, alpha, _, beta, sigma = np.exp(v)
    values = found.values
    ours = [values[k] for k in ("E", "alpha", "beta", "sigma")]
    assert np.allclose(ours, [e, alpha, beta, sigma], rtol=2e-4)


def test_two_maxima_are_both_found():
    """With D = 20 N the two terms may change places: a posterior of two equal halves."""
    n = np.geomspace(1e6, 1e10, 16)
    rng = np.random.default_rng(0)
    loss = 1.0 + 1.2 * (n / 1e8) ** -0.15 + 0.3 * (n / 1e8) ** -0.7
    loss *= np.exp(1e-3 * rng.standard_normal(16))
    runs = read_quietly({"N": n, "D": 20 * n, "loss": loss})
    found = point_fit("chinchilla", runs)
    first, second = found.optima[:2]
    assert first.log_posterior == pytest.approx(second.log_posterior, abs=1e-5)
    assert first.values["alpha"] == pytest.approx(second.values["beta"], rel=1e-3)
    assert first.values["beta"] == pytest.approx(second.values["alpha"], rel=1e-3)
    assert abs(np.log(first.values["alpha"] / first.values["beta"])) > 1


# --- noise with kinks -----------------------------------------------------------------------------


def test_smooth_noise_is_left_alone(found):
    model, data, optima = found
    assert centred(model, data, optima) is optima


@pytest.mark.parametrize("noise", ["laplace", "huber"])
def test_where_there_are_kinks_the_width_is_the_posteriors(noise):
    """Newton steps stop at any kink; the Gaussian that holds over its width is near enough."""
    model = build_model("chinchilla", noise)
    data = model.data(grid())
    found = centred(model, data, optimise(model, data))
    assert found.decrement[0] == 0.0
    rng = np.random.default_rng(0)
    weighed = importance(laplace(found), model.signature, data, 4000, rng)
    assert weighed.pareto_k < 0.7
    assert weighed.ess > 400
    u, w = weighed.u, np.exp(weighed.log_weights)
    spread = np.sqrt(w @ (u - w @ u) ** 2)
    ratio = np.sqrt(np.diag(np.linalg.inv(found.hessian[0]))) / spread
    assert np.all((ratio > 0.6) & (ratio < 1.6))
