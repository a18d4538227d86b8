"""The verb ``fit``: published numbers, verdicts, retries, precision, and what it refuses."""

from __future__ import annotations

import warnings

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import bayescale as bs
from bayescale.errors import BayescaleError, LawError, RunsError
from bayescale.inference import nuts
from bayescale.inference.nuts import Chains
from bayescale.runs.read import read_quietly

BESIROGLU = {
    "E": (1.817, 0.026),
    "alpha": (0.348, 0.015),
    "beta": (0.366, 0.021),
    "a": (0.513, 0.020),
}
"""Besiroglu et al. 2024, arXiv 2404.10102: estimates and standard errors without outliers."""


def grid(seed: int = 0) -> bs.Runs:
    rng = np.random.default_rng(seed)
    n, d = (a.ravel() for a in np.meshgrid([1e7, 4e7, 1.6e8, 6.4e8], [5e8, 2e9, 8e9, 3.2e10]))
    loss = (1.8 + 480 / n**0.35 + 2000 / d**0.37) * np.exp(0.004 * rng.standard_normal(16))
    return read_quietly({"N": n, "D": d, "loss": loss})


# --- published numbers ----------------------------------------------------------------------


@pytest.fixture(scope="module")
def chinchilla(shared_data) -> bs.Runs:
    return read_quietly(shared_data / "chinchilla_epoch.csv")


@pytest.fixture(scope="module")
def without_outliers(chinchilla) -> bs.Runs:
    runs = chinchilla.where("outlier_epoch == 0")
    assert len(runs) == 240
    return runs


def test_the_replication_of_chinchilla(without_outliers):
    """Within one published standard error, with the default settings, and converged."""
    fit = bs.fit("chinchilla", without_outliers)
    table = fit.table()
    for name, (value, se) in BESIROGLU.items():
        assert abs(table.loc[name, "mean"] - value) < se, name
        assert table.loc[name, "sd"] < 2 * se
    found = fit.diagnosis
    assert found.ok and not found.retried
    assert found.divergences == 0 and found.rhat_max < 1.01 and found.ess_bulk_min > 1000


def test_all_of_chinchilla_names_the_runs_that_pull(chinchilla):
    fit = bs.fit("chinchilla", chinchilla)
    assert fit.diagnosis.converged
    text = fit.text()
    assert "heavy tails" in text
    for run in ("chinchilla-000", "chinchilla-001", "chinchilla-003"):
        assert run in text
    lower, upper = np.quantile(fit.parameters["nu"], [0.05, 0.95])
    assert 2 <= lower < upper < 5


def eliminated(runs: bs.Runs) -> dict[str, float]:
    """Least squares in log loss: E, A and B by reweighting, the exponents on a refined grid."""
    y = np.log(runs.loss)
    log_n, log_d = np.log(runs["N"]), np.log(runs["D"])
    shift_n, shift_d = log_n.mean(), log_d.mean()

    def best(alpha: float, beta: float) -> tuple[float, np.ndarray]:
        columns = [np.exp(-alpha * (log_n - shift_n)), np.exp(-beta * (log_d - shift_d))]
        design = np.column_stack([np.ones_like(y), *columns])
        theta = np.linalg.lstsq(design, np.exp(y), rcond=None)[0]
        for _ in range(12):
            fitted = design @ theta
            if np.any(fitted <= 0):
                return np.inf, theta
            weighted, residual = design / fitted[:, None], y - np.log(fitted)
            theta = theta + np.linalg.lstsq(weighted, residual, rcond=None)[0]
        return float(np.sum((y - np.log(design @ theta)) ** 2)), theta

    centre, half = np.array([0.35, 0.4]), 0.25
    while half > 1e-6:
        steps = np.linspace(-half, half, 7)
        tried = [(best(centre[0] + i, centre[1] + j)[0], i, j) for i in steps for j in steps]
        _, i, j = min(tried)
        centre, half = centre + np.array([i, j]), half * 0.4
    theta = best(*centre)[1]
    return {
        "E": theta[0],
        "A": theta[1] * np.exp(centre[0] * shift_n),
        "alpha": centre[0],
        "B": theta[2] * np.exp(centre[1] * shift_d),
        "beta": centre[1],
    }


def test_maximum_likelihood_agrees_with_an_independent_computation(without_outliers):
    """Flat priors and normal noise, to three digits."""
    found = bs.point_fit("chinchilla", without_outliers, noise="normal", objective="ml")
    assert found.converged
    for name, value in eliminated(without_outliers).items():
        assert found.values[name] == pytest.approx(value, rel=1e-3), name


def test_the_field_recipe_gives_the_published_optimum(without_outliers):
    """Huber loss of log residuals, delta 1e-3, as in the data's own README."""
    found = bs.point_fit("chinchilla", without_outliers, noise="huber(1e-3)", objective="ml")
    published = {"E": 1.817, "A": 477, "alpha": 0.347, "B": 2142, "beta": 0.367}
    for name, value in published.items():
        assert found.values[name] == pytest.approx(value, rel=3e-3), name


# --- what the data leave open ---------------------------------------------------------------


def test_the_prior_comes_back_where_the_data_say_nothing():
    """Repeats of one run: the exponents do not enter the likelihood at all."""
    rng = np.random.default_rng(0)
    loss = 3.0 * np.exp(0.01 * rng.standard_normal(10))
    runs = read_quietly({"N": np.full(10, 1e8), "D": np.full(10, 2e9), "loss": loss})
    fit = bs.fit("chinchilla", runs, seed=0)
    assert fit.diagnosis.converged, fit.diagnosis.text()
    for name in ("alpha", "beta"):
        for p in (0.05, 0.25, 0.5, 0.75, 0.95):
            edge = float(fit.model.priors[name].quantile(p))
            below = float(np.mean(fit.draws[name] < edge))
            assert abs(below - p) < 5 * np.sqrt(p * (1 - p) / 1000), (name, p, below)
    assert not fit.diagnosis.ok
    assert {"alpha", "beta"} <= set(fit.diagnosis.prior_dominated)
    total = sum(fit.draws[name] for name in ("E", "T_N", "T_D"))
    assert np.mean(total) == pytest.approx(np.exp(np.log(loss).mean()), rel=0.01)
    ahead = bs.forecast(fit, {"N": 3e8, "D": 6e9})
    assert not ahead.trustworthy[0]


def swapped() -> bs.Runs:
    """With D = 20 N the two terms may change places: a posterior of two equal halves."""
    n = np.geomspace(1e6, 1e10, 16)
    rng = np.random.default_rng(0)
    loss = 1.0 + 1.2 * (n / 1e8) ** -0.15 + 0.3 * (n / 1e8) ** -0.7
    loss *= np.exp(1e-3 * rng.standard_normal(16))
    return read_quietly({"N": n, "D": 20 * n, "loss": loss})


@pytest.mark.parametrize("method", ["nuts", "laplace"])
def test_two_halves_of_a_posterior_are_flagged(method, monkeypatch):
    monkeypatch.setattr(nuts.Settings, "cautious", lambda self, **_: self)  # compiles nothing
    fit = bs.fit("chinchilla", swapped(), method=method, draws=500)
    first, second = fit.optima[:2]
    assert first.weight == pytest.approx(0.5, abs=0.01) == second.weight
    assert any("2 maxima" in message and "alpha" in message for message in fit.diagnosis.messages)
    assert not fit.diagnosis.converged and not fit.diagnosis.ok


# --- the verdict and the retry --------------------------------------------------------------


def stuck(calls: list[nuts.Settings]):
    """A sampler that never moves: each chain repeats its start."""

    def sample(signature, data, mode, factor, starts, value, seed, settings, progress=None):
        calls.append(settings)
        shape = (settings.chains, settings.thin * settings.draws)
        u = np.repeat((mode + starts @ factor.T)[:, None], shape[1], axis=1)
        one = np.ones(shape)
        return Chains(u, one, one, one.astype(int), one, np.zeros(shape, bool), one)

    return sample


def test_a_broken_sampler_is_retried_once_and_then_not_trusted(monkeypatch):
    calls: list[nuts.Settings] = []
    monkeypatch.setattr(nuts, "sample", stuck(calls))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        fit = bs.fit("chinchilla", grid(), draws=200)
    first, second = calls
    assert second.warmup > first.warmup and second.target_accept > first.target_accept
    found = fit.diagnosis
    assert not found.converged and not found.ok and found.retried
    assert "NOT TRUSTWORTHY" in fit.text() and "Second attempt" in fit.text()
    ahead = bs.forecast(fit, {"N": 1e8, "D": 4e9})
    assert not ahead.trustworthy[0] and "not converged" in ahead.messages[0][0]


def test_a_bad_first_attempt_is_mended_by_the_second(monkeypatch):
    real, calls = nuts.sample, []

    def sample(*arguments, **options) -> Chains:
        calls.append(1)
        chains = real(*arguments, **options)
        if len(calls) > 1:
            return chains
        return chains._replace(diverging=np.ones_like(chains.diverging))

    monkeypatch.setattr(nuts, "sample", sample)
    monkeypatch.setattr(nuts.Settings, "cautious", lambda self, **_: self)  # compiles nothing
    fit = bs.fit("chinchilla", grid(), seed=0)
    assert len(calls) == 2
    assert fit.diagnosis.ok and fit.diagnosis.retried
    plain = bs.fit("chinchilla", grid(), seed=0)  # patched still, but good from the third call on
    for name in ("E", "alpha", "beta"):
        error = abs(fit.draws[name].mean() - plain.draws[name].mean()) / plain.draws[name].std()
        assert error < 0.15, name


def test_laplace_agrees_with_nuts():
    slow, fast = (bs.fit("chinchilla", grid(), method=m, seed=0) for m in ("nuts", "laplace"))
    assert fast.diagnosis.ok and fast.diagnosis.pareto_k < 0.7
    for name in ("E", "alpha", "beta", "a", "sigma"):
        one, two = slow.parameters[name].ravel(), fast.parameters[name].ravel()
        assert abs(one.mean() - two.mean()) < 0.15 * one.std(), name
        assert two.std() == pytest.approx(one.std(), rel=0.15), name


# --- the user's process ---------------------------------------------------------------------


def test_the_users_precision_is_left_alone():
    default = jnp.zeros(()).dtype
    fit = bs.fit("chinchilla", grid(), method="laplace", draws=100)
    bs.forecast(fit, {"N": 1e9, "D": 1e10}).table()
    assert jnp.zeros(()).dtype == default == jnp.float32
    assert all(values.dtype == np.float64 for values in fit.draws.values())


def test_a_user_of_float64_gets_the_same_numbers():
    plain = bs.fit("chinchilla", grid(), method="laplace", draws=100)
    with jax.enable_x64(True):
        wide = bs.fit("chinchilla", grid(), method="laplace", draws=100)
        assert jnp.zeros(()).dtype == jnp.float64
    assert np.array_equal(plain.draws["alpha"], wide.draws["alpha"])


def test_seeds():
    one, again, other = (
        bs.fit("chinchilla", grid(), seed=s, draws=100).draws["alpha"] for s in (1, 1, 2)
    )
    assert np.array_equal(one, again) and not np.array_equal(one, other)


def test_the_order_of_the_runs_does_not_matter():
    runs = grid()
    turned = runs.select(np.arange(16)[::-1])
    one, two = (bs.point_fit("chinchilla", r).values for r in (runs, turned))
    assert all(one[name] == pytest.approx(two[name], rel=1e-6) for name in one)


# --- what is refused ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("law", "options"),
    [
        ("nope", {}),
        ("chinchilla", {"noise": "cauchy"}),
        ("chinchilla", {"method": "svi"}),
        ("chinchilla", {"draws": 150}),
        ("chinchilla", {"draws": 0}),
        ("chinchilla", {"warmup": -100}),
        ("chinchilla", {"chains": 1}),
        ("chinchilla", {"seed": -1}),
        ("chinchilla", {"priors": {"Q": bs.prior.Normal(1, 1)}}),
        ("chinchilla", {"priors": {"A": bs.prior.Normal(1, 1)}}),
        ("power(U)", {}),
    ],
)
def test_what_cannot_be_fitted(law, options):
    with pytest.raises(BayescaleError) as caught:
        bs.fit(law, grid(), **options)
    assert str(caught.value).endswith(".")


def test_an_unknown_objective():
    with pytest.raises(BayescaleError, match="map or ml"):
        bs.point_fit("chinchilla", grid(), objective="wls")


def test_a_point_fit_says_what_it_is():
    rng = np.random.default_rng(0)
    truth = bs.laws.get("chinchilla").preset("besiroglu2024")
    size, tokens = np.meshgrid(np.geomspace(1e8, 1e10, 5), np.geomspace(1e9, 1e11, 5))
    columns = {"N": size.ravel(), "D": tokens.ravel()}
    mean = bs.laws.get("chinchilla").loss(columns, truth)
    runs = read_quietly({**columns, "loss": mean * np.exp(0.01 * rng.standard_cauchy(25))})
    found = bs.point_fit("chinchilla", runs, objective="ml")
    assert "maximum of the likelihood" in found.text()
    assert found.values["nu"] == pytest.approx(2.0, abs=1e-3)
    assert "lower bound of 2" in found.text()
    assert set(found.table().index) >= {"E", "A", "alpha", "B", "beta", "sigma", "nu"}
    assert "converged=True" in repr(found)


def test_losses_without_noise_are_refused() -> None:
    size = np.geomspace(1e6, 1e9, 12)
    runs = read_quietly({"N": size, "loss": 1.8 + 400.0 / size**0.34})
    with pytest.raises(RunsError, match="to the last digit"):
        bs.fit("power_floor(N)", runs, method="laplace", progress=False)
    estimate = bs.point_fit("power_floor(N)", runs, objective="ml")
    assert estimate.values["E"] == pytest.approx(1.8, rel=1e-3)


@pytest.mark.parametrize("n", [1, 2])
def test_too_few_runs_are_refused(n: int) -> None:
    runs = read_quietly({"N": [1e6, 1e7][:n], "loss": [3.0, 2.5][:n]})
    with pytest.raises(RunsError, match=f"{n} run.*at least 3"):
        bs.fit("power(N)", runs)


def test_what_is_no_table_or_no_law_is_told() -> None:
    runs = read_quietly({"N": [1e6, 1e7, 1e8], "loss": [3.0, 2.5, 2.2]})
    with pytest.raises(RunsError, match="are a str"):
        bs.fit("power(N)", "runs.csv")  # type: ignore[arg-type]
    with pytest.raises(LawError, match="The law is a Runs"):
        bs.fit(runs, "power(N)")  # type: ignore[arg-type]
