"""The joint density that evidence rests on is complete: every part integrates to one."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import integrate

import bayescale as bs
from bayescale.evidence.proper import KNOWN, improper, mass
from bayescale.evidence.target import coordinates
from bayescale.fitting import build_model
from bayescale.inference.evaluate import evaluate
from bayescale.inference.runtime import float64
from bayescale.model import prior_distributions
from bayescale.prior import FAMILIES, HalfNormal, Normal, Prior

P = bs.prior
PRIORS = [
    (P.Normal(1.6, 0.1), True),
    (P.Normal(0.1, 1.0), True),  # two fifths of it cut away
    (P.Normal(-1.0, 0.5), True),  # nearly all of it
    (P.Normal(-1.0, 0.5), False),
    (P.Normal(0.5, 0.2, relative=True), True),
    (P.LogNormal(0.3, 0.5), True),
    (P.LogNormal(0.2, 0.8, relative=True), True),
    (P.HalfNormal(0.02), True),
    (P.HalfNormal(0.5, relative=True), True),
    (P.Gamma(1.0, 0.1, 2.0), True),
    (P.Gamma(2.5, 3.0), True),
    (P.Beta(2.0, 5.0), True),
    (P.Beta(2.0, 5.0, relative=True), True),
    (P.Uniform(0.1, 0.9), True),
    (P.Uniform(-0.5, 0.9), False),
    (P.Uniform(0.1, 0.9, relative=True), True),
    (P.LogitNormal(0.4, 1.2), True),
    (P.LogitNormal(0.4, 1.2, relative=True), True),
]


def simple_runs(n: int = 12, seed: int = 0) -> bs.Runs:
    rng = np.random.default_rng(seed)
    x = np.geomspace(1.0, 100.0, n)
    return bs.read_runs({"x": x, "loss": 2.5 * x**-0.3 * np.exp(0.05 * rng.standard_normal(n))})


def test_every_family_is_tested() -> None:
    assert {type(prior) for prior, _ in PRIORS} == set(FAMILIES.values()) == set(KNOWN)


@pytest.mark.parametrize(("prior", "positive"), PRIORS, ids=lambda v: str(v))
def test_priors_integrate_to_one(prior: Prior, positive: bool) -> None:
    """In the loss's own unit, with truncation, by quadrature over quantiles."""
    name = "E" if positive else "shift"
    scale = 2.7
    kinds = ((name, *prior.kind, positive),)
    signature = build_model("chinchilla").signature.__class__(None, None, kinds)
    numbers = {key: np.float64(value) for key, value in prior.numbers.items()}
    data = {"priors": {name: numbers}, "reference": {"loss": np.float64(scale)}}
    edges = prior.quantile(np.linspace(0.0, 1.0, 41), positive)
    edges *= scale if prior.is_relative else 1.0
    low, high = prior.quantile(np.array([1e-13, 1.0 - 1e-13]), positive) * (
        scale if prior.is_relative else 1.0
    )
    edges[0], edges[-1] = low, high
    with float64():
        distribution = prior_distributions(signature, data)[name]
        nodes, weights = np.polynomial.legendre.leggauss(40)
        at = 0.5 * (edges[1:, None] - edges[:-1, None]) * (nodes + 1.0) + edges[:-1, None]
        values = np.exp(np.asarray(distribution.log_prob(at)))
    pieces = 0.5 * np.diff(edges) * (values @ weights)
    np.testing.assert_allclose(pieces[1:-1], 1 / 40, rtol=1e-6)
    assert pieces.sum() == pytest.approx(1.0, abs=2e-3)  # the ends may rise without bound
    assert mass(prior, positive) == pytest.approx(0.98, abs=1e-4)


@pytest.mark.parametrize("noise", ["student_t", "normal", "laplace", "huber(1e-3)", "huber(0.1)"])
def test_noise_is_a_density_of_the_loss(noise: str) -> None:
    model = bs.noise.get(noise)
    params = {"sigma": np.float64(0.07), "nu": np.float64(3.3)}
    scale = np.exp(0.4)
    with float64():
        distribution = model.loss(np.float64(0.4), params)

        def value(loss: float) -> float:
            return float(np.exp(np.asarray(distribution.log_prob(np.float64(loss)))))

        inside = integrate.quad(value, 0.3, 8.0, points=[scale], limit=400)[0]
    ends = model.cdf(np.log(np.array([0.3, 8.0])) - 0.4, params)
    assert inside == pytest.approx(ends[1] - ends[0], rel=1e-5)


@pytest.mark.parametrize("law", ["chinchilla", "skaling", "subscaling", "kaplan", "power(C)"])
@pytest.mark.parametrize("noise", ["student_t", "huber(1e-3)"])
def test_the_jacobian_is_that_of_the_map(law: str, noise: str) -> None:
    """The log Jacobian against differences of the whole map, law by law."""
    rng = np.random.default_rng(1)
    c = np.repeat(np.geomspace(1e19, 1e21, 5), 3)
    n = np.sqrt(c / 120) * np.tile([0.3, 1.0, 3.0], 5)
    inputs = {"N": n, "D": c / 6 / n}
    truth = bs.laws.get("chinchilla")
    loss = truth.loss(inputs, truth.preset("besiroglu2024"))
    model = build_model(law, noise)
    data = model.data(bs.read_runs({**inputs, "loss": loss}))
    scale = float(data["reference"]["loss"])
    draw = {p.name: model.priors[p.name].draws(3, rng, scale, p.positive) for p in model.parameters}
    for u in coordinates(draw, model.signature, data):
        step = 1e-6
        moved = np.concatenate([u + step * np.eye(len(u)), u - step * np.eye(len(u)), u[None]])
        found = evaluate(model.signature, moved, data)
        values = np.stack([found.params[p.name] for p in model.parameters], axis=1)
        d = len(u)
        slope = (values[:d] - values[d : 2 * d]) / (2 * step)
        # In units of each parameter, so that the determinant is of order one.
        log_det = np.linalg.slogdet(slope / values[-1])[1] + np.log(values[-1]).sum()
        assert found.log_jacobian[-1] == pytest.approx(log_det, abs=1e-4)


def test_coordinates_and_parameters_are_inverse() -> None:
    model = build_model("subscaling")
    rng = np.random.default_rng(0)
    c = np.geomspace(1e19, 1e21, 20)
    n = np.sqrt(c / 120)
    n = n * np.resize([0.3, 1.0, 3.0], 20)
    data = model.data(bs.read_runs({"N": n, "D": c / 6 / n, "loss": 2.0 + 0.1 * rng.random(20)}))
    draw = {p.name: model.priors[p.name].draws(50, rng, 2.0, p.positive) for p in model.parameters}
    u = coordinates(draw, model.signature, data)
    back = evaluate(model.signature, u, data).params
    for name, values in draw.items():
        np.testing.assert_allclose(back[name], values, rtol=1e-8, err_msg=name)


def test_the_joint_density_is_the_sum_of_its_parts() -> None:
    """Prior, likelihood and Jacobian of a small model, computed by SciPy alone."""
    from scipy import stats

    runs = simple_runs()
    model = build_model("power(x)", "student_t", {"sigma": HalfNormal(0.02)})
    data = model.data(runs)
    reference = model.reference(runs)
    scale = reference["loss"]
    at = {p.name: np.array([0.3]) for p in model.parameters} | {"nu": np.array([4.0])}
    u = coordinates(at, model.signature, data)
    found = evaluate(model.signature, u, data)
    values = {name: float(v[0]) for name, v in found.params.items()}
    level, exponent = (p.name for p in model.law.parameters)
    own = {name: model.priors[name] for name in (level, exponent)}
    prior = (
        stats.lognorm.logpdf(values[level], own[level].sigma, scale=own[level].median * scale)
        + stats.lognorm.logpdf(values[exponent], own[exponent].sigma, scale=own[exponent].median)
        + stats.halfnorm.logpdf(values["sigma"], scale=0.02)
        + stats.expon.logpdf(values["nu"], loc=2.0, scale=10.0)
    )
    mean = np.log(values[level]) - values[exponent] * (np.log(runs["x"]) - reference["x"])
    residual = np.log(runs.loss) - mean
    likelihood = stats.t.logpdf(residual, values["nu"], scale=values["sigma"]) - np.log(runs.loss)
    assert found.log_density[0] - found.log_jacobian[0] == pytest.approx(
        prior + likelihood.sum(), abs=1e-8
    )


class Flat(Normal):
    """A user's family that is not a density: one everywhere."""

    @staticmethod
    def distribution(numbers, positive):
        from numpyro.distributions import ImproperUniform, constraints

        return ImproperUniform(constraints.real, (), ())


def test_an_improper_prior_is_seen() -> None:
    model = build_model("power(x)", priors={"sigma": Flat(0.1, 0.05)})
    found = improper(model)
    assert list(found) == ["sigma"]
    assert "quantiles" in found["sigma"]
    assert improper(build_model("power(x)")) == {}
