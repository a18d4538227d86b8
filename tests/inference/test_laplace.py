"""The Laplace approximation and its importance weights, against exact answers."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import integrate, special, stats

from bayescale.fitting import build_model
from bayescale.inference.laplace import Importance, Laplace, importance, laplace
from bayescale.inference.point import optimise
from bayescale.model import LOSS_SCALE
from bayescale.prior import Normal
from bayescale.runs import Runs
from bayescale.runs.read import read_quietly

ALPHA = Normal(0.3, 0.04)


def line(n: int = 12) -> Runs:
    """Runs of L = T (x/x0)^-alpha: a straight line in the logs."""
    rng = np.random.default_rng(4)
    x = np.geomspace(1e3, 1e6, n)
    return read_quietly({"x": x, "loss": 30 * x**-0.28 * np.exp(0.02 * rng.standard_normal(n))})


def exact(runs: Runs) -> tuple[float, np.ndarray, np.ndarray]:
    """Log evidence, and posterior means and sds of (log T, alpha, sigma).

    Given sigma everything is Gaussian; sigma is integrated on a grid. The prior of alpha is cut
    at zero, 7.5 standard deviations below its mean, which is nothing.
    """
    y, x = np.log(runs.loss), np.log(runs["x"]) - np.log(runs["x"]).mean()
    design = np.column_stack([np.ones_like(x), -x])
    mean, sd = np.array([y.mean(), ALPHA.mean]), np.array([0.3, ALPHA.sd])
    sigma = np.geomspace(2e-3, 0.3, 4001)
    log_joint, means, squares = [], [], []
    for s in sigma:
        cover = s**2 * np.eye(len(y)) + (design * sd**2) @ design.T
        log_likelihood = stats.multivariate_normal(design @ mean, cover).logpdf(y) - y.sum()
        log_joint.append(log_likelihood + stats.lognorm(1.5, scale=0.01).logpdf(s))
        precision = design.T @ design / s**2 + np.diag(sd**-2)
        centre = np.linalg.solve(precision, design.T @ y / s**2 + mean / sd**2)
        means.append([*centre, s])
        squares.append([*(np.diag(np.linalg.inv(precision)) + centre**2), s**2])
    top = max(log_joint)
    weight = np.exp(np.array(log_joint) - top)
    total = integrate.trapezoid(weight, sigma)

    def average(values: list[list[float]]) -> np.ndarray:
        found = integrate.trapezoid(weight[:, None] * np.array(values), sigma, axis=0) / total
        return np.asarray(found)

    first, second = average(means), average(squares)
    return top + float(np.log(total)), first, np.sqrt(second - first**2)


@pytest.fixture(scope="module")
def runs() -> Runs:
    return line()


@pytest.fixture(scope="module")
def fitted(runs):
    model = build_model("power(x)", "normal", {"alpha": ALPHA})
    data = model.data(runs)
    assert data["reference"][LOSS_SCALE] == pytest.approx(np.exp(np.log(runs.loss).mean()))
    approximation = laplace(optimise(model, data))
    rng = np.random.default_rng(0)
    return approximation, importance(approximation, model.signature, data, 20_000, rng)


def test_the_evidence_is_the_exact_one(runs, fitted):
    approximation, weighed = fitted
    log_evidence, _, _ = exact(runs)
    assert weighed.pareto_k < 0.5
    assert weighed.log_evidence == pytest.approx(log_evidence, abs=0.02)
    assert approximation.log_evidence == pytest.approx(log_evidence, abs=0.25)


def test_the_weighted_moments_are_the_exact_ones(runs, fitted):
    _, weighed = fitted
    _, mean, sd = exact(runs)
    params = weighed.evaluated.params
    found = np.stack([np.log(params["T_x"]), params["alpha"], params["sigma"]])
    weight = np.exp(weighed.log_weights)
    assert weight.sum() == pytest.approx(1.0)
    own_mean = found @ weight
    own_sd = np.sqrt((found - own_mean[:, None]) ** 2 @ weight)
    assert np.all(np.abs(own_mean - mean) < 0.05 * sd)
    assert np.allclose(own_sd, sd, rtol=0.04)


def test_nuts_gives_the_exact_moments(runs):
    """The sampler, its coordinates and their Jacobian against a closed form."""
    from bayescale.fitting import fit

    result = fit("power(x)", runs, noise="normal", priors={"alpha": ALPHA}, seed=2)
    assert result.diagnosis.converged and not result.diagnosis.retried
    _, mean, sd = exact(runs)
    draws = np.stack([np.log(result.draws["T_x"]), result.draws["alpha"], result.draws["sigma"]])
    flat = draws.reshape(3, -1)
    assert np.all(np.abs(flat.mean(axis=1) - mean) < 0.1 * sd)  # five standard errors
    assert np.allclose(flat.std(axis=1), sd, rtol=0.1)


def test_resampling_keeps_the_weights():
    log_weights = np.log(np.array([0.5, 0.25, 0.125, 0.125]))
    weighed = Importance(np.zeros((4, 1)), None, log_weights, 0.0, 0.0)  # type: ignore[arg-type]
    counts = np.bincount(weighed.resample(800, np.random.default_rng(0)), minlength=4)
    assert np.all(np.abs(counts - [400, 200, 100, 100]) <= 2)
    assert weighed.ess == pytest.approx(1 / np.sum(np.exp(2 * log_weights)))


def test_draws_have_the_shape_of_the_approximation():
    factor = np.array([[2.0, 0.0], [1.0, 0.5]])
    draws = Laplace(np.array([1.0, -3.0]), factor, 0.0).draws(200_000, np.random.default_rng(1))
    assert np.allclose(draws.mean(axis=0), [1.0, -3.0], atol=0.02)
    assert np.allclose(np.cov(draws.T), factor @ factor.T, atol=0.05)


def test_the_log_evidence_of_a_gaussian_is_exact():
    """With a quadratic potential the Laplace estimate is the integral itself."""
    from bayescale.inference.point import Optima

    hessian = np.array([[4.0, 1.0], [1.0, 3.0]])
    at = Optima(np.zeros((1, 2)), np.array([1.5]), np.zeros(1), {}, hessian[None])
    expected = -1.5 + np.log(2 * np.pi) - 0.5 * np.log(np.linalg.det(hessian))
    assert laplace(at).log_evidence == pytest.approx(expected)
    assert special.logsumexp([laplace(at).log_evidence]) == pytest.approx(expected)
