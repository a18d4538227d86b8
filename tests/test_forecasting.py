"""Forecasts: the law and a new run kept apart, scores by brute force, distance told."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

import bayescale as bs
from bayescale.discrepancy import Exact
from bayescale.errors import BayescaleError, RunsError
from bayescale.runs.read import read_quietly

NEAR = {"N": [2e8, 5e8, 1e9], "D": [1e10, 3e10, 4e10]}


@pytest.fixture(scope="module")
def fit() -> bs.Fit:
    rng = np.random.default_rng(8)
    n, d = (a.ravel() for a in np.meshgrid([1e7, 4e7, 1.6e8, 6.4e8], [5e8, 2e9, 8e9, 3.2e10]))
    loss = (1.8 + 480 / n**0.35 + 2000 / d**0.37) * np.exp(0.004 * rng.standard_normal(16))
    return bs.fit("chinchilla", read_quietly({"N": n, "D": d, "loss": loss}), seed=2)


def test_a_new_run_scatters_about_the_law(fit):
    ahead = bs.forecast(fit, NEAR)
    for prob in (0.2, 0.5, 0.9, 0.99):
        low, high = ahead.interval(prob)
        latent_low, latent_high = ahead.interval(prob, "latent")
        assert np.all(low < latent_low) and np.all(latent_high < high)
        assert np.all(latent_low < latent_high)
    inner, outer = ahead.interval(0.5), ahead.interval(0.9)
    assert np.all(outer[0] < inner[0]) and np.all(inner[1] < outer[1])


def test_the_latent_loss_is_the_formula(fit):
    p = {name: values.ravel()[:, None] for name, values in fit.parameters.items()}
    n, d = (np.array(NEAR[k]) for k in "ND")
    formula = p["E"] + p["A"] / n ** p["alpha"] + p["B"] / d ** p["beta"]
    assert np.allclose(bs.forecast(fit, NEAR).latent, formula, rtol=1e-9)


@pytest.mark.parametrize("p", [0.025, 0.05, 0.5, 0.9, 0.995])
def test_quantiles_of_a_new_run_are_those_of_the_mixture(fit, p):
    """The distribution function of the mixture over draws, by scipy, at the quantile."""
    ahead = bs.forecast(fit, NEAR, discrepancy="none")
    nu, sigma = fit.draws["nu"].ravel()[:, None], fit.draws["sigma"].ravel()[:, None]
    z = (np.log(ahead.quantile(p)) - np.log(ahead.latent)) / sigma
    assert np.allclose(stats.t.cdf(z, nu).mean(axis=0), p, atol=0.15 * np.sqrt(p * (1 - p)) / 10)


def test_scores_are_those_of_the_mixture(fit):
    observed = np.array([2.75, 2.5, 2.6])
    ahead = bs.forecast(fit, {**NEAR, "loss": observed}, discrepancy="none")
    nu, sigma = fit.draws["nu"].ravel()[:, None], fit.draws["sigma"].ravel()[:, None]
    z = (np.log(observed) - np.log(ahead.latent)) / sigma
    assert np.allclose(ahead.pit, stats.t.cdf(z, nu).mean(axis=0), rtol=1e-9)
    density = stats.t.pdf(z, nu) / (sigma * observed)
    assert np.allclose(ahead.log_density, np.log(density.mean(axis=0)), rtol=1e-8)
    low, high = ahead.interval(0.9)
    assert np.array_equal(ahead.covered(0.9), (low <= observed) & (observed <= high))
    log_error = np.log(ahead.quantile(0.5) / observed)
    assert ahead.rmsle == pytest.approx(np.sqrt(np.mean(log_error**2)))
    table = ahead.table()
    assert {"observed", "covered", "pit", "log_density"} <= set(table.columns)


def test_the_density_integrates_to_one(fit):
    grid = np.geomspace(1.5, 5.0, 4001)
    ahead = bs.forecast(fit, {"N": np.full(4001, 5e8), "D": np.full(4001, 3e10), "loss": grid})
    density = np.exp(ahead.log_density)
    assert np.trapezoid(density, grid) == pytest.approx(1.0, abs=2e-3)
    pit = np.concatenate([[0.0], np.cumsum(0.5 * (density[1:] + density[:-1]) * np.diff(grid))])
    assert np.allclose(pit, ahead.pit, atol=2e-3)


@pytest.mark.parametrize("score", ["pit", "log_density", "covered"])
def test_points_without_a_loss_have_no_score(fit, score):
    ahead = bs.forecast(fit, NEAR)
    with pytest.raises(RunsError, match="no observed loss"):
        found = getattr(ahead, score)
        found(0.9)
    assert np.isnan(ahead.rmsle)
    assert not {"observed", "covered", "pit"} & set(ahead.table().columns)


def test_the_same_points_in_other_forms(fit):
    plain = bs.forecast(fit, {"N": 7e8, "D": 1.4e10})
    for at in (
        {"N": "700M", "D": "14B"},
        {"N": 7e8, "C": 6 * 7e8 * 1.4e10},
        {"D": [1.4e10], "C": 6 * 7e8 * 1.4e10},
        read_quietly({"N": [7e8], "D": [1.4e10], "loss": [2.5]}),
    ):
        assert np.allclose(bs.forecast(fit, at).latent, plain.latent, rtol=1e-9)
    several = bs.forecast(fit, {"N": 7e8, "D": [1.4e10, 2e10]})
    assert len(several) == 2 and np.array_equal(several.points["N"], [7e8, 7e8])


def test_seeds(fit):
    first, again, other = (bs.forecast(fit, NEAR, seed=s) for s in (1, 1, 2))
    assert np.array_equal(first.new, again.new) and not np.array_equal(first.new, other.new)
    assert np.array_equal(first.latent, other.latent)
    assert np.allclose(first.quantile(0.95), other.quantile(0.95), rtol=2e-3)


@pytest.mark.parametrize(
    "at",
    [
        {},
        {"N": 1e9},
        {"N": 1e9, "D": 0},
        {"N": -1, "D": 1e9},
        {"N": np.nan, "D": 1e9},
        {"N": np.inf, "D": 1e9},
        {"N": None, "D": 1e9},
        {"N": True, "D": 1e9},
        {"N": "many", "D": 1e9},
        {"N": [1e9, 2e9], "D": [1e9, 2e9, 3e9]},
        {"N": 1e9, "D": 1e9, "Q": 3},
        "absent.csv",
    ],
)
def test_points_that_cannot_be_used(fit, at):
    with pytest.raises(BayescaleError) as caught:
        bs.forecast(fit, at)
    assert str(caught.value).endswith(".")


@pytest.mark.parametrize("prob", [0.0, 1.0, -0.5, 90, float("nan")])
def test_probabilities_that_cannot_be_used(fit, prob):
    with pytest.raises(RunsError, match="between 0 and 1"):
        bs.forecast(fit, NEAR).interval(prob)


@pytest.mark.parametrize("seed", [-1, 2**31])
def test_seeds_that_cannot_be_used(fit, seed):
    with pytest.raises(RunsError, match="seed"):
        bs.forecast(fit, NEAR, seed=seed)


# --- distance from the data -----------------------------------------------------------------


def test_inside_the_data_nothing_is_said(fit):
    ahead = bs.forecast(fit, {"N": 1e8, "D": 4e9})
    assert ahead.messages == ((),) and ahead.trustworthy.all() and not ahead.far.any()
    assert all(np.all(v == 0) for v in ahead.beyond.values())
    assert "exactly right" not in ahead.text()


def test_distance_is_told_in_decades(fit):
    ahead = bs.forecast(fit, {"N": [6.4e9, 1e6, 6.4e12], "D": [3.2e10, 5e8, 3.2e10]})
    assert np.allclose(ahead.beyond["N"], [1.0, 1.0, 4.0])
    assert np.all(ahead.beyond["D"] == 0)
    assert list(ahead.far) == [False, False, True]
    assert list(ahead.trustworthy) == [True, False, False]  # below, no discrepancy guards it
    assert "1.00 decades above" in ahead.messages[0][0]
    assert "1.00 decades below" in ahead.messages[1][0]
    assert any("far outside" in m for m in ahead.messages[2])
    assert "include a discrepancy" in ahead.text() and "twice" in ahead.text()
    assert "exactly right beyond the data" in replace(ahead, discrepancy=Exact()).text()
    assert "not to be vouched for" in repr(ahead)


def test_the_discrepancy_acts_beyond_the_data_alone(fit):
    at = {"N": [1e8, 6.4e9, 6.4e10], "D": [4e9, 3.2e10, 3.2e11]}
    slope, none = bs.forecast(fit, at), bs.forecast(fit, at, discrepancy="none")
    assert np.array_equal(slope.latent, none.latent)
    assert np.allclose(slope.distance, [0.0, np.log(10), np.log(1000)])
    assert np.allclose(slope.quantile(0.05)[0], none.quantile(0.05)[0])
    width = [np.log(np.divide(*f.interval(0.9)[::-1])) for f in (slope, none)]
    assert np.all(width[0][1:] > 1.05 * width[1][1:])
    shares = slope.shares()
    assert np.allclose(shares[["parameters", "discrepancy", "noise"]].sum(axis=1), 1.0)
    assert shares["discrepancy"].iloc[0] == 0 and np.all(np.diff(shares["discrepancy"]) > 0)
    bands = slope.sensitivity()
    widths = np.log(bands["upper"] / bands["lower"]).unstack()
    assert np.all(np.diff(widths.loc[slope.labels[2]]) > 0)
    assert np.allclose(bands.xs(0.0, level="factor")["upper"], none.interval(0.9)[1])
    assert "shares" in slope.to_json()[0]


def test_scores_hold_the_discrepancy(fit):
    """Density and PIT by numerical integration over the slope and its scale."""
    at = {"N": [6.4e10], "D": [3.2e11], "loss": [1.9]}
    ahead = bs.forecast(fit, at, discrepancy="slope(0.02, 0.3)")
    rng = np.random.default_rng(3)
    nu, sigma = fit.draws["nu"].ravel()[:, None], fit.draws["sigma"].ravel()[:, None]
    n = (len(nu), 400)
    off = 0.02 * np.exp(0.3 * rng.standard_normal(n)) * rng.standard_normal(n) * np.log(1000)
    z = (np.log(1.9) - np.log(ahead.latent) - off) / sigma
    assert ahead.pit[0] == pytest.approx(stats.t.cdf(z, nu).mean(), abs=0.01)
    density = (stats.t.pdf(z, nu) / (sigma * 1.9)).mean()
    assert ahead.log_density[0] == pytest.approx(np.log(density), abs=0.05)
    assert ahead.crps[0] == pytest.approx(
        np.abs(ahead.new[:, 0] - 1.9).mean()
        - 0.5 * np.abs(ahead.new[:, 0] - rng.permutation(ahead.new[:, 0])).mean(),
        rel=0.05,
    )


def test_a_saved_fit_keeps_its_discrepancy(fit, tmp_path):
    assert not fit.discrepancy.is_exact and "Discrepancy: a random log-slope" in fit.text()
    fit.save(tmp_path / "fit.nc")
    assert bs.load(tmp_path / "fit.nc").discrepancy == fit.discrepancy


def test_bands_widen_with_distance(fit):
    ahead = bs.forecast(fit, {"N": [1e8, 1e9, 1e10, 1e11], "D": [4e9, 4e10, 4e11, 4e12]})
    low, high = ahead.interval(0.9, "latent")
    assert np.all(np.diff(np.log(high / low)) > 0)


def test_json_has_one_entry_for_each_point_and_probability(fit):
    entries = bs.forecast(fit, {**NEAR, "loss": [2.7, 2.5, 2.4]}).to_json((0.5, 0.9))
    assert [e["prob"] for e in entries] == [0.5] * 3 + [0.9] * 3
    keys = "at prob median lower upper latent_lower latent_upper messages log_density pit covered"
    assert all(set(keys.split()) <= e.keys() for e in entries)
    many = bs.forecast(fit, {"N": np.geomspace(1e7, 1e9, 50), "D": 1e9})
    assert len(repr(many).splitlines()) <= 12


def test_a_point_that_contradicts_itself_is_refused(fit):
    with pytest.raises(RunsError, match="N=1B, D=20B, C=1e19 contradicts itself.*0.0833"):
        bs.forecast(fit, {"N": 1e9, "D": 2e10, "C": 1e19})
    bs.forecast(fit, {"N": 1e9, "D": 2e10, "C": 2e20})  # other ways to count FLOP


# --- numbers that must not be vouched for -----------------------------------------------------


def _line(ratio: tuple[float, float]) -> bs.Runs:
    """Runs of the law, noise 0.4 %, with D/N within a narrow range."""
    rng = np.random.default_rng(3)
    n = np.exp(rng.uniform(np.log(2e7), np.log(2e10), 60))
    d = n * np.exp(rng.uniform(*np.log(ratio), 60))
    loss = (1.8 + 480 / n**0.35 + 2000 / d**0.37) * np.exp(0.004 * rng.standard_normal(60))
    return read_quietly({"N": n, "D": d, "loss": loss})


@pytest.fixture(scope="module")
def narrow() -> bs.Fit:
    return bs.fit("skaling", _line((10.0, 40.0)), method="laplace", priors=K_ONE, seed=1)


K_ONE = {"k": bs.prior.LogNormal(1.0, 0.001)}


def test_another_ratio_of_tokens_to_parameters_is_outside_the_data(fit):
    # Inside the ranges of N, D and C of a design that is square in the logs, so inside its D/N.
    assert bs.forecast(fit, {"N": 1e8, "D": 4e9}).trustworthy.all()
    line = bs.fit("chinchilla", _line((10.0, 40.0)), method="laplace", seed=1)
    inside, corner = (bs.forecast(line, {"N": 1e8, "D": d}) for d in (3e9, 1e11))
    assert inside.beyond["M"][0] == 0
    assert corner.beyond["N"][0] == corner.beyond["D"][0] == corner.beyond["C"][0] == 0
    assert corner.beyond["M"][0] == pytest.approx(np.log10(1000 / line.runs["M"].max()))
    assert not corner.trustworthy[0]
    assert any("M" in m and "takes the law to be exact" in m for m in corner.messages[0])


def test_no_band_beyond_the_data_is_vouched_for_without_a_discrepancy(fit):
    at = {"N": [1e8, 6.4e9], "D": [4e9, 3.2e10]}
    assert list(bs.forecast(fit, at, discrepancy="none").trustworthy) == [True, False]
    assert list(bs.forecast(fit, at).trustworthy) == [True, True]


def test_a_guessed_scale_is_not_vouched_for(fit):
    floorless = bs.fit("power(N) + power(D)", fit.runs, method="laplace", seed=1)
    ahead = bs.forecast(floorless, {"N": [1e8, 6.4e9], "D": [4e9, 3.2e10]})
    assert ahead.discrepancy.is_guess and list(ahead.guessed) == [False, True]
    assert not ahead.trustworthy[1]
    given = bs.forecast(floorless, ahead.points, discrepancy="slope(0.02, 0.5)")
    assert not given.guessed.any()


@pytest.mark.parametrize(
    ("prior", "conflict"),
    [
        (bs.prior.Normal(2.6, 0.075), True),  # far off
        (bs.prior.Normal(1.2, 0.001), False),  # holds E, and the noise takes up the rest
    ],
)
def test_a_prior_that_holds_a_parameter_off_the_data_is_told(fit, prior, conflict):
    again = bs.fit("chinchilla", fit.runs, priors={"E": prior}, method="quick", seed=1)
    assert again.diagnosis.prior_conflict == (("E",) if conflict else ())
    ahead = bs.forecast(again, {"N": 1e8, "D": 4e9})
    assert "E" in again.diagnosis.prior_dominated
    assert not again.diagnosis.ok and not ahead.trustworthy[0]
    assert ahead.held == ("E",)
    assert ("prior conflict" in " ".join(ahead.messages[0])) == conflict


def test_an_informative_prior_that_agrees_with_the_data_is_no_conflict(fit):
    prior = {"E": bs.prior.Normal(1.8, 0.2)}
    again = bs.fit("chinchilla", fit.runs, priors=prior, method="quick", seed=1)
    assert not again.diagnosis.prior_conflict and again.diagnosis.ok
    assert bs.forecast(again, {"N": 1e8, "D": 4e9}).trustworthy.all()


def test_a_band_that_rests_on_a_given_prior_says_so(narrow):
    assert "k" in narrow.diagnosis.prior_dominated
    ahead = bs.forecast(narrow, {"N": 1e8, "D": 3e9})
    assert ahead.held == ("k",) and not ahead.trustworthy[0]
    assert "conditional on the prior given for k" in " ".join(ahead.messages[0])


def test_a_saved_fit_knows_which_priors_were_given(narrow, tmp_path):
    plain = bs.fit("skaling", _line((10.0, 40.0)), method="laplace", seed=1)
    assert plain.diagnosis.prior_dominated
    for fitted in (plain, narrow):
        fitted.save(tmp_path / "fit.nc")
        before, after = (
            bs.forecast(f, {"N": 1e8, "D": 3e9}) for f in (fitted, bs.load(tmp_path / "fit.nc"))
        )
        assert after.held == before.held == (("k",) if fitted is narrow else ())
        assert after.messages == before.messages


def test_json_of_many_points_is_linear(fit):
    points = {"N": np.geomspace(1e7, 6e8, 150), "D": 4e9, "loss": np.full(150, 2.5)}
    ahead = bs.forecast(fit, {**points, "D": np.full(150, 4e9)})
    calls = []
    original = type(ahead).quantile
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            type(ahead), "quantile", lambda self, *a: (calls.append(a), original(self, *a))[1]
        )
        ahead.to_json((0.9,))
    assert len(calls) < 12


def test_runs_by_another_measure_are_refused(fit):
    bits = replace(fit.runs, loss_unit="bits/byte")
    with pytest.raises(RunsError, match="are in bits/byte"):
        bs.forecast(fit, bits)
    total = replace(fit, runs=replace(fit.runs, count="total"))
    assert len(bs.forecast(total, fit.runs)) == 16
    with pytest.raises(RunsError, match="counts non-embedding"):
        bs.forecast(total, replace(fit.runs, count="non-embedding"))
