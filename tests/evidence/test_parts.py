"""Stacking, Savage-Dickey, nested laws, mixtures, and the picture."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from scipy import stats

import bayescale as bs
from bayescale.errors import BayescaleError, LawError
from bayescale.evidence.mixture import MixtureForecast, mix
from bayescale.evidence.nested import nested_in, same_priors
from bayescale.evidence.savage_dickey import _density
from bayescale.evidence.stacking import stacking
from bayescale.fitting import build_model


def test_stacking_is_that_of_arviz() -> None:
    import arviz
    import xarray as xr
    from arviz_stats.utils import ELPDData

    rng = np.random.default_rng(0)
    pointwise = rng.normal(0.0, 1.0, (3, 200)) + np.array([[0.0], [0.3], [-2.0]])

    def data(values: np.ndarray) -> ELPDData:
        return ELPDData(
            elpd=float(values.sum()), se=1.0, p=1.0, n_samples=4000, n_data_points=200,
            scale="log", warning=False, good_k=0.7, elpd_i=xr.DataArray(values, dims="run"),
            pareto_k=xr.DataArray(np.zeros(200), dims="run"),
        )  # fmt: skip

    names = ["a", "b", "c"]
    theirs = arviz.compare(
        {n: data(v) for n, v in zip(names, pointwise, strict=True)}, round_to="none"
    )
    np.testing.assert_allclose(stacking(pointwise), theirs["weight"][names], atol=2e-3)


def test_stacking_finds_the_truth_and_bears_extremes() -> None:
    rng = np.random.default_rng(0)
    y = np.where(rng.random(4000) < 0.3, rng.normal(-2, 1, 4000), rng.normal(2, 1, 4000))
    pointwise = np.stack([stats.norm.logpdf(y, -2), stats.norm.logpdf(y, 2)])
    assert stacking(pointwise)[0] == pytest.approx(0.3, abs=0.02)
    np.testing.assert_allclose(stacking(pointwise - 5000.0), stacking(pointwise), atol=1e-8)
    assert stacking(np.array([[0.0, 0.0], [-4000.0, -4000.0]]))[0] == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("draw", "at", "edge", "density"),
    [
        (lambda r, n: r.standard_normal(n), 0.0, False, stats.norm.pdf(0.0)),
        (lambda r, n: r.standard_normal(n), 1.0, False, stats.norm.pdf(1.0)),
        (lambda r, n: np.abs(r.standard_normal(n)), 0.0, True, 2 * stats.norm.pdf(0.0)),
        (lambda r, n: r.exponential(size=n), 0.0, True, 1.0),
        (lambda r, n: r.gamma(2.0, size=n), 0.0, True, 0.0),
    ],
)
def test_the_density_at_a_null(draw, at, edge, density) -> None:  # type: ignore[no-untyped-def]
    rng = np.random.default_rng(0)
    found = [_density(draw(rng, (4, 1000)), at, edge)[0] for _ in range(20)]
    assert np.mean(found) == pytest.approx(density, rel=0.06, abs=0.1)


def test_savage_dickey_of_a_known_posterior() -> None:
    """k = 1 with a log-normal prior and a log-normal posterior."""
    model = build_model("skaling")
    rng = np.random.default_rng(0)
    k = np.exp(0.1 + 0.15 * rng.standard_normal((4, 2000)))
    c = np.geomspace(1e19, 1e21, 12)
    n = np.sqrt(c / 120) * np.resize([0.3, 1.0, 3.0], 12)
    runs = bs.read_runs({"N": n, "D": c / 6 / n, "loss": 2.0 + 0.1 * rng.random(12)})
    fit = SimpleNamespace(
        model=model, law=model.law, draws={"k": k}, runs=runs, reference=model.reference(runs),
        diagnosis=SimpleNamespace(converged=True),
    )  # fmt: skip
    answer = bs.savage_dickey(fit, "k")
    truth = stats.norm.logpdf(0.0, 0.0, 0.5) - stats.norm.logpdf(0.0, 0.1, 0.15)
    assert answer.log_bayes_factor == pytest.approx(truth, abs=0.05)
    assert answer.se < 0.1
    assert "for it" in answer.text()
    far = bs.savage_dickey(fit, "k", null=3.0)
    assert np.isnan(far.log_bayes_factor)
    assert "tail of the posterior" in far.text()
    with pytest.raises(LawError, match="no parameter 'rho'"):
        bs.savage_dickey(fit, "rho")
    with pytest.raises(LawError, match="Give the value"):
        bs.savage_dickey(fit, "alpha")
    with pytest.raises(LawError, match="below zero"):
        bs.savage_dickey(fit, "k", null=-1.0)


@pytest.mark.parametrize(
    ("wide", "simple", "parameter"),
    [
        ("skaling", "chinchilla", "k"),
        ("subscaling", "chinchilla", "rho"),
        ("irreducible + power(N) + power(D)*overtraining(D)", "chinchilla", "rho"),
        (
            "irreducible + coupled(power(N) + power(D)*overtraining(D))",
            "irreducible + power(N) + power(D)*overtraining(D)",
            "k",
        ),
        ("irreducible + coupled(power(N) + power(D)*overtraining(D))", "skaling", "rho"),
    ],
)
def test_nested_laws_are_known(wide: str, simple: str, parameter: str) -> None:
    found = {q.parameter: q.expression for q in nested_in(bs.laws.get(wide))}
    assert found[parameter] == bs.laws.get(simple).expression
    assert same_priors(build_model(wide), build_model(simple))


def test_laws_that_nest_nothing() -> None:
    for law in ("kaplan", "kaplan_floor", "chinchilla", "power(N)"):
        assert nested_in(bs.laws.get(law)) == ()
    moved = build_model("chinchilla", priors={"E": bs.prior.Normal(1.7, 0.1)})
    assert not same_priors(build_model("skaling"), moved)


# --- mixtures -------------------------------------------------------------------------------------

AT = {"x": [10.0, 1e5]}


def test_variance_is_within_and_between(ranking: bs.Ranking) -> None:
    found = ranking.forecast(AT, weights="equal")
    assert isinstance(found, MixtureForecast)
    pooled = np.log(np.concatenate([f.latent for f in found.forecasts.values()]))
    np.testing.assert_allclose(found.within**2 + found.between**2, pooled.var(axis=0), rtol=1e-6)
    assert found.between[1] > found.between[0]  # the laws part beyond the data
    low, high = found.interval(0.9)
    each = [f.interval(0.9) for f in found.forecasts.values()]
    assert np.all(low >= np.min([e[0] for e in each], axis=0) - 1e-9)
    assert np.all(high <= np.max([e[1] for e in each], axis=0) + 1e-9)


def test_one_law_alone_is_its_forecast(ranking: bs.Ranking) -> None:
    fits = {law.name: law.fit for law in ranking.laws}
    alone = mix(fits, {"power(x)": 1.0, "power_floor(x)": 0.0}, AT, 0)
    plain = bs.forecast(fits["power(x)"], AT)
    assert list(alone.forecasts) == ["power(x)"]
    np.testing.assert_allclose(alone.quantile(0.3), plain.quantile(0.3), rtol=1e-4)
    np.testing.assert_allclose(alone.between, 0.0, atol=1e-12)


def test_scores_of_a_mixture(ranking: bs.Ranking, runs: bs.Runs) -> None:
    found = ranking.forecast(runs, weights="equal")
    each = np.stack([f.log_density for f in found.forecasts.values()])
    np.testing.assert_allclose(found.log_density, np.log(np.exp(each).mean(axis=0)))
    assert np.all((found.pit > 0) & (found.pit < 1))
    assert found.covered(0.9).mean() > 0.7
    table = found.table()
    assert {"between", "within", "median_power(x)", "log_density"} <= set(table.columns)
    assert found.rmsle < 0.05
    assert "between the laws" in found.text()
    assert len(found.to_json((0.5, 0.9))) == 2 * len(runs)
    with pytest.raises(BayescaleError, match="between 0 and 1"):
        found.interval(1.0)
    with pytest.raises(BayescaleError, match="no observed loss"):
        _ = ranking.forecast(AT, weights="equal").log_density


@pytest.mark.parametrize("kind", ["probability", "loo", "forward", "half", "equal"])
def test_weights_add_up(ranking: bs.Ranking, kind: str) -> None:
    assert sum(ranking.weights(kind).values()) == pytest.approx(1.0)
    assert len(repr(ranking.forecast(AT, weights=kind)).splitlines()) == 3
    with pytest.raises(LawError, match="no weights 'best'"):
        ranking.weights("best")


# --- the picture ----------------------------------------------------------------------------------


def test_the_picture(ranking: bs.Ranking, tmp_path) -> None:  # type: ignore[no-untyped-def]
    figure = ranking.plot()
    titles = [ax.get_title() for ax in figure.axes]
    assert titles == ["evidence", "leave-one-out", "leave-one-family-out", "forward"]
    figure.savefig(tmp_path / "compare.png")
    with pytest.raises(BayescaleError, match="cannot be drawn as 'compare'"):
        bs.plots.plot(ranking.laws[0].fit, "compare")
    with pytest.raises(BayescaleError, match="cannot be drawn as 'band'"):
        bs.plots.plot(ranking, "band")
