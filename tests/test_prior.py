"""Priors: quantiles and densities against SciPy, text and JSON round trips, refusals."""

from __future__ import annotations

import json
from typing import Any

import jax
import numpy as np
import pytest
import scipy.stats as ss
from hypothesis import given
from hypothesis import strategies as st

from bayescale import prior
from bayescale.errors import BayescaleError, PriorError
from bayescale.prior import Beta, Gamma, HalfNormal, LogitNormal, LogNormal, Normal, Prior, Uniform


class LogitNormalReference:
    """Logit-normal by SciPy's normal and the change of variable."""

    def __init__(self, loc: float, scale: float) -> None:
        self.base = ss.norm(loc, scale)

    def logpdf(self, x: Any) -> Any:
        return self.base.logpdf(np.log(x / (1 - x))) - np.log(x * (1 - x))

    def ppf(self, p: Any) -> Any:
        return 1 / (1 + np.exp(-self.base.ppf(p)))

    def cdf(self, x: Any) -> Any:
        return self.base.cdf(np.log(x / (1 - x)))


def cut(mean: float, sd: float) -> Any:
    return ss.truncnorm(-mean / sd, np.inf, mean, sd)


CASES: list[tuple[Prior, bool, Any]] = [
    (Normal(1.6, 0.1), True, ss.norm(1.6, 0.1)),
    (Normal(1.6, 0.01), True, ss.norm(1.6, 0.01)),
    (Normal(0.3, 0.5), True, cut(0.3, 0.5)),
    (Normal(0.0, 2.0), True, cut(0.0, 2.0)),
    (Normal(-1.0, 0.5), True, cut(-1.0, 0.5)),
    (Normal(-2.0, 0.2), True, cut(-2.0, 0.2)),
    (Normal(-0.5, 0.7), False, ss.norm(-0.5, 0.7)),
    (LogNormal(0.3, 0.5), True, ss.lognorm(0.5, scale=0.3)),
    (HalfNormal(0.02), True, ss.halfnorm(scale=0.02)),
    (Gamma(2.0, 0.1), True, ss.gamma(2.0, scale=10.0)),
    (Gamma(2.0, 0.1, low=2.0), True, ss.gamma(2.0, loc=2.0, scale=10.0)),
    (Beta(2.0, 3.0), True, ss.beta(2.0, 3.0)),
    (Uniform(0.5, 2.5), True, ss.uniform(0.5, 2.0)),
    (Uniform(-1.0, 2.0), False, ss.uniform(-1.0, 3.0)),
    (LogitNormal(0.4, 1.2), True, LogitNormalReference(0.4, 1.2)),
]
IDS = [f"{spec}{'' if positive else ' real'}" for spec, positive, _ in CASES]
P = np.array([1e-6, 0.01, 0.1, 0.5, 0.9, 0.99, 1 - 1e-6])
ALL = [spec for spec, *_ in CASES] + [LogNormal(0.2, 0.8, relative=True), Beta(1, 2, relative=True)]


@pytest.mark.parametrize(("spec", "positive", "reference"), CASES, ids=IDS)
def test_quantiles(spec: Prior, positive: bool, reference: Any) -> None:
    np.testing.assert_allclose(spec.quantile(P, positive), reference.ppf(P), rtol=1e-6)


@pytest.mark.parametrize(("spec", "positive", "reference"), CASES, ids=IDS)
def test_density(spec: Prior, positive: bool, reference: Any) -> None:
    """The NumPyro distribution is the one that the quantiles and the printed form promise."""
    x = reference.ppf(P)
    with jax.enable_x64(True):
        density = spec.distribution(spec.numbers, positive).log_prob(x)
    np.testing.assert_allclose(np.asarray(density), reference.logpdf(x), rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize(("spec", "positive", "reference"), CASES, ids=IDS)
def test_draws(spec: Prior, positive: bool, reference: Any) -> None:
    own = spec.draws(2000, np.random.default_rng(1), 1.0, positive)
    assert own.shape == (2000,)
    assert ss.kstest(own, reference.cdf).pvalue > 1e-3


def test_numpyro_samples_agree_with_the_quantiles() -> None:
    with jax.enable_x64(True):
        for spec, positive, reference in CASES:
            if spec.family in ("normal", "logitnormal"):  # cut, and put together by hand
                dist = spec.distribution(spec.numbers, positive)
                sample = np.asarray(dist.sample(jax.random.key(0), (2000,)))
                assert ss.kstest(sample, reference.cdf).pvalue > 1e-3, spec


@pytest.mark.parametrize("mean", [-3.0, -0.1, 0.0, 0.1, 1.0, 3.5])
@pytest.mark.parametrize("sd", [0.01, 0.1, 1.0])
def test_a_cut_normal_never_leaves_the_positive_axis(mean: float, sd: float) -> None:
    if mean / sd < -30:
        return
    values = Normal(mean, sd).quantile(np.array([0.0, 1e-15, 1e-3, 0.5, 1 - 1e-12]))
    assert np.all(values >= 0)
    assert np.all(np.diff(values) >= 0)
    assert len(set(values)) >= 4


def test_relative_priors_are_in_units_of_the_reference_loss() -> None:
    rng = np.random.default_rng(0)
    spec = LogNormal(0.2, 0.8, relative=True)
    draws = spec.draws(4000, rng, 2.5, positive=True)
    assert ss.kstest(draws, ss.lognorm(0.8, scale=0.5).cdf).pvalue > 1e-3
    plain = LogNormal(0.2, 0.8).draws(4000, rng, 2.5, positive=True)
    assert ss.kstest(plain, ss.lognorm(0.8, scale=0.2).cdf).pvalue > 1e-3


# --- text and JSON -----------------------------------------------------------------------------


@pytest.mark.parametrize("spec", ALL, ids=str)
def test_json_round_trip(spec: Prior) -> None:
    again = prior.from_json(json.loads(json.dumps(spec.to_json())))
    assert again == spec
    assert again.kind == spec.kind


@pytest.mark.parametrize("spec", [s for s in ALL if not s.is_relative], ids=str)
def test_the_printed_form_reads_back(spec: Prior) -> None:
    assert prior.parse(f"alpha={spec}") == ("alpha", spec)


@pytest.mark.parametrize("spec", [s for s in ALL if s.is_relative], ids=str)
def test_a_relative_prior_says_so(spec: Prior) -> None:
    assert str(spec).endswith("x reference loss")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("E=normal(1.6, 0.1)", ("E", Normal(1.6, 0.1))),
        (" E = normal( mean=1.6, sd=1/10 ) ", ("E", Normal(1.6, 0.1))),
        ("E=Normal(-1, 2)", ("E", Normal(-1, 2))),
        ("nu=gamma(2, 0.1, 2)", ("nu", Gamma(2, 0.1, 2))),
        ("nu=gamma(2, 0.1)", ("nu", Gamma(2, 0.1))),
    ],
)
def test_text(text: str, expected: tuple[str, Prior]) -> None:
    assert prior.parse(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "=",
        "E",
        "E=",
        "=normal(1, 2)",
        "E F=normal(1, 2)",
        "1E=normal(1, 2)",
        "E=1.6",
        "E=normal",
        "E=normal()",
        "E=normal(1)",
        "E=normal(1, 2, 3)",
        "E=normal(1, 2, relative=5)",
        "E=normal(1, mean=2)",
        "E=normal(1, 2, width=3)",
        "E=normal(1, sd)",
        "E=normal('1', 2)",
        "E=normal(1, 0)",
        "E=normal(1, -2)",
        "E=normal(1e999, 2)",
        "E=normal(1, 2) + normal(1, 2)",
        "E=cauchy(0, 1)",
        "E=lognormal(0, 1)",
        "E=lognormal(-1, 1)",
        "E=uniform(2, 1)",
        "E=uniform(1, 1)",
        "E=beta(0, 1)",
        "E=gamma(0, 1)",
        "E=halfnormal(0)",
        "E=logitnormal(0, 0)",
        "E=normal(normal(1, 2), 3)",
        "E=normal(*x)",
        "E=normal(1, 2)(3)",
        "E=__import__('os').getcwd()",
        "E==normal(1, 2)",
        "E=normal(1, 2\x00)",
        "E=" + "(" * 500,
    ],
)
def test_malformed(text: str) -> None:
    with pytest.raises(BayescaleError) as caught:
        prior.parse(text)
    message = str(caught.value)
    assert message.endswith(".")
    assert message.count(". ") >= 1


@given(st.text(max_size=30))
def test_any_text_is_a_prior_or_a_refusal(text: str) -> None:
    for candidate in (text, f"E={text}", f"E=normal({text})"):
        try:
            name, spec = prior.parse(candidate)
        except BayescaleError:
            continue
        assert name.isidentifier()
        assert isinstance(spec, Prior)


@pytest.mark.parametrize(
    "description",
    [
        {},
        {"family": "cauchy", "loc": 0},
        {"family": "normal", "mean": 1.0},
        {"family": "normal", "mean": "a", "sd": 1.0},
        {"family": "normal", "mean": None, "sd": 1.0},
        {"family": "normal", "mean": 1.0, "sd": 1.0, "extra": 2.0},
        {"family": "gamma", "shape": 1.0, "rate": 1.0, "low": 0.0, "relative": True},
        {"family": 3},
    ],
)
def test_a_bad_description_is_refused(description: dict[str, Any]) -> None:
    with pytest.raises(PriorError):
        prior.from_json(description)


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), "1", None])
def test_numbers_must_be_finite(bad: Any) -> None:
    with pytest.raises(PriorError):
        Normal(bad, 1.0)


def test_relative_is_named() -> None:
    with pytest.raises(TypeError):
        Normal(1.0, 2.0, True)  # type: ignore[call-arg, misc]
    with pytest.raises(PriorError):
        Normal(1.0, 2.0, relative=0.5)  # type: ignore[arg-type]


# --- widening ----------------------------------------------------------------------------------


@pytest.mark.parametrize("spec", [s for s in ALL if s.family != "beta"], ids=str)
def test_widened_keeps_the_family_and_spreads(spec: Prior) -> None:
    wide = spec.widened(2.0)
    assert wide.kind == spec.kind
    assert spec.widened(1.0) == spec
    low, high = spec.quantile(np.array([0.1, 0.9]), positive=False)
    wide_low, wide_high = wide.quantile(np.array([0.1, 0.9]), positive=False)
    assert wide_high - wide_low > 1.2 * (high - low)


def test_widened_keeps_the_centre() -> None:
    for spec in (Normal(1, 2), LogNormal(3, 0.5), LogitNormal(0.4, 1.2), Uniform(-1, 3)):
        middle, wide = (s.quantile(0.5, positive=False) for s in (spec, spec.widened(3.0)))
        assert float(wide) == pytest.approx(float(middle))


def test_a_widened_uniform_prior_keeps_above_zero_if_it_was() -> None:
    wide = Uniform(0.05, 0.2).widened(3.0)
    assert (wide.low, wide.high) == (0.0, pytest.approx(0.35))
    assert Uniform(-0.5, 0.5).widened(3.0) == Uniform(-1.5, 1.5)


def test_a_prior_without_a_scale_is_not_widened() -> None:
    with pytest.raises(PriorError, match="no scale"):
        Beta(1, 2).widened(2.0)
