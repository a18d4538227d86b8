"""A user's law under each noise of independent runs, and a user's noise that is no density."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import jax.numpy as jnp
import numpy as np
import pytest
from scipy import special, stats

import bayescale as bs
from bayescale.evidence.marginal import marginal
from bayescale.evidence.proper import unnormalised
from bayescale.laws import Law, Parameter, Term
from bayescale.noise import Normal
from bayescale.prior import HalfNormal, LogNormal
from bayescale.prior import Normal as NormalPrior


@dataclass(frozen=True)
class Curved(Term):
    """ln L = ln T - a u - b u^2, u the log of the input over its reference."""

    inputs = ("x",)
    expression = "curved(x)"
    parameters = (
        Parameter("T", "contribution", "loss", "loss at the reference", LogNormal(2.0, 0.3)),
        Parameter("a", "exponent", "1", "slope there", NormalPrior(0.2, 0.1), positive=False),
        Parameter("b", "exponent", "1", "its change", NormalPrior(0.0, 0.01), positive=False),
    )

    def log_value(self, params, x, reference):  # type: ignore[no-untyped-def]
        u = x["x"] - reference["x"]
        return jnp.log(params["T"]) - params["a"] * u - params["b"] * u**2

    def to_field(self, params, reference, log_gain=0.0):  # type: ignore[no-untyped-def]
        return {name: params[name] for name in ("T", "a", "b")}

    from_field = to_field


MINE = Law("mine", Curved())
SIZE = 60_000


def huber(r: np.ndarray, sigma: np.ndarray, delta: float = 1e-3) -> np.ndarray:
    """Log of exp(-Huber_delta(r) / sigma^2), with its constant in closed form."""
    core = sigma * np.sqrt(2 * np.pi) * (2 * stats.norm.cdf(delta / sigma) - 1)
    tails = 2 * sigma**2 / delta * np.exp(-0.5 * (delta / sigma) ** 2)
    return -special.huber(delta, r) / sigma**2 - np.log(core + tails)


DENSITY = {
    "normal": lambda r, p: stats.norm.logpdf(r, scale=p["sigma"]),
    "laplace": lambda r, p: stats.laplace.logpdf(r, scale=p["sigma"]),
    "huber": lambda r, p: huber(r, p["sigma"]),
    "student_t": lambda r, p: stats.t.logpdf(r, p["nu"], scale=p["sigma"]),
}


def by_hand(fit: bs.Fit, noise: str) -> tuple[float, float]:
    """Log evidence and its error, in SciPy alone: a Student-t laid over the draws, in logs."""
    names = ["T", "a", "b", "sigma", *(["nu"] if noise == "student_t" else [])]
    onto = {"T": np.log, "sigma": np.log, "nu": lambda v: np.log(v - 2.0)}
    back = {"T": np.exp, "sigma": np.exp, "nu": lambda v: 2.0 + np.exp(v)}
    draws = np.column_stack([onto.get(n, np.asarray)(fit.draws[n].ravel()) for n in names])
    rng = np.random.default_rng(0)
    shape = 1.3 * np.cov(draws.T)
    proposal = stats.multivariate_t(draws.mean(axis=0), shape, df=4)
    u = proposal.rvs(SIZE, random_state=rng)
    p = {n: back.get(n, np.asarray)(u[:, i])[:, None] for i, n in enumerate(names)}
    prior = (
        stats.lognorm.logpdf(p["T"], 0.3, scale=2.0)
        + stats.norm.logpdf(p["a"], 0.2, 0.1)
        + stats.norm.logpdf(p["b"], 0.0, 0.01)
        + stats.halfnorm.logpdf(p["sigma"], scale=0.02)
        + np.log(p["T"] * p["sigma"])  # Jacobians
    )
    if noise == "student_t":
        prior = prior + stats.expon.logpdf(p["nu"], loc=2.0, scale=10.0) + np.log(p["nu"] - 2.0)
    x = np.log(fit.runs["x"])
    x = x - x.mean()
    residual = np.log(fit.runs.loss) - (np.log(p["T"]) - p["a"] * x - p["b"] * x**2)
    each = DENSITY[noise](residual, p) - np.log(fit.runs.loss)
    log_w = prior[:, 0] + each.sum(axis=1) - proposal.logpdf(u)
    w = np.exp(log_w - log_w.max())
    return (
        float(np.log(w.mean()) + log_w.max()),
        float(np.std(w) / w.mean() / np.sqrt(SIZE)),
    )


@pytest.fixture(scope="module")
def everywhere(runs: bs.Runs) -> bs.Ranking:
    sigma = {"sigma": HalfNormal(0.02)}
    return bs.compare({"mine": MINE}, runs, noise=list(DENSITY), priors=sigma, draws=500)


@pytest.mark.parametrize("noise", list(DENSITY))
def test_the_evidence_of_a_users_law_is_that_by_hand(everywhere: bs.Ranking, noise: str) -> None:
    law = everywhere[f"mine, {noise}"]
    truth, error = by_hand(law.fit, noise)
    assert error < 0.01
    assert law.evidence.ok, law.evidence.refusals
    assert law.evidence.log_evidence == pytest.approx(truth, abs=0.02 + 3 * error)
    assert law.evidence.check.log_evidence == pytest.approx(truth, abs=0.04 + 3 * error)


def test_everything_else_is_there_for_it_too(everywhere: bs.Ranking) -> None:
    """Scores, sensitivity, contraction, mixture, picture and words."""
    table = everywhere.table()
    for column in ("elpd_loo", "elpd_forward", "elpd_families", "weight_loo", "weight_forward"):
        assert np.isfinite(table[column]).all(), (column, everywhere.notes())
    assert sum(everywhere.probability.values()) == pytest.approx(1.0)
    moved = everywhere.sensitivity()
    assert {"sigma", "T", "a", "b"} >= set(moved["parameter"]) - {"nu"}
    assert moved["log_bf_changed"].notna().all()
    assert everywhere.parameters()["contraction"].notna().all()
    assert len(everywhere.forecast({"x": [1e4]}).forecasts) >= 2
    assert "mine, huber" in everywhere.text()
    everywhere.plot()


def test_savage_dickey_of_a_users_parameter(runs: bs.Runs) -> None:
    """b = 0 is the power law: the ratio agrees with the evidence of the two.

    By 500 draws a chain its standard error is 0.05 to 0.12.
    """
    sigma = {"sigma": HalfNormal(0.02)}
    fit = bs.fit(MINE, runs, noise="normal", priors=sigma, draws=4000)
    priors = {
        "T_x": LogNormal(2.0, 0.3),
        "alpha": NormalPrior(0.2, 0.1),
        "sigma": HalfNormal(0.02),
    }
    straight = bs.fit("power(x)", runs, noise="normal", priors=priors)
    answer = bs.savage_dickey(fit, "b", 0.0)
    gap = marginal(fit).evidence.log_evidence - marginal(straight).evidence.log_evidence
    # The exponent of power(x) must be positive, here by two standard deviations of its prior.
    cut = stats.norm.logcdf(2.0)
    assert answer.se < 0.1
    assert answer.log_bayes_factor == pytest.approx(gap - cut, abs=0.03 + 3 * answer.se)


# --- a user's noise -------------------------------------------------------------------------------


class OfTheLog(Normal):
    """The density of the log of the loss, passed for one of the loss: another response scale."""

    name = "of_the_log"

    def loss(self, log_mean, params, rows=None):  # type: ignore[no-untyped-def]
        import numpyro.distributions as dist

        class Logged(dist.Normal):
            def log_prob(self, value):  # type: ignore[no-untyped-def]
                return super().log_prob(jnp.log(value))

        return Logged(log_mean, params["sigma"])


class Good(Normal):
    """A user's noise that is what it says."""

    name = "good"


def test_a_noise_on_another_response_scale_is_refused(runs: bs.Runs) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", bs.BayescaleWarning)
        fits = {
            name: bs.fit("power(x)", runs, noise=noise, method="laplace")
            for name, noise in (("logs", OfTheLog()), ("losses", Good()))
        }
    assert unnormalised(fits["losses"]) == ""
    found = bs.compare(fits, forward_split=False, loo=False, prior_sensitivity=False)
    assert "no density of the loss" in found["logs"].evidence.refusals[0]
    assert found["losses"].evidence.ok
    assert found.probability == {}
    assert np.isnan(found.log_bayes_factor("logs", "losses")).all()
