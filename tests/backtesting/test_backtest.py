"""Backtests: who is fitted, what is scored, and whether the scores are right."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import optimize, special, stats

import bayescale as bs
from bayescale.backtesting.mixtures import stacked, weights
from bayescale.backtesting.scores import score, summary
from bayescale.backtesting.splits import parts
from bayescale.errors import BayescaleError, LawError, RunsError
from bayescale.evidence.mixture import several
from bayescale.noise import Normal
from bayescale.predictive import REPLICATES, Predictive
from bayescale.runs.read import read_quietly


@pytest.fixture(scope="module")
def runs() -> bs.Runs:
    rng = np.random.default_rng(3)
    n, d = (a.ravel() for a in np.meshgrid(np.geomspace(1e7, 6e8, 6), np.geomspace(5e8, 3e10, 6)))
    loss = (1.8 + 480 / n**0.35 + 2000 / d**0.37) * np.exp(0.004 * rng.standard_normal(36))
    group = np.where(np.arange(36) % 2, "odd", "even")
    small = np.where(6 * n * d < 1e19, "fit", "extrapolate")
    return read_quietly({"N": n, "D": d, "loss": loss, "group": group, "split": small})


@pytest.fixture(scope="module")
def found(runs) -> bs.Backtest:
    return bs.backtest(
        ["chinchilla", "power_floor(C)"],
        runs,
        fit_where="C < 1e19",
        by="group",
        mixtures=("equal", "half"),
        method="laplace",
        draws=500,
        workers=1,
        progress=False,
    )


# --- splits -------------------------------------------------------------------------------------


def test_a_threshold_and_a_column_split_alike(runs):
    by_threshold, _ = parts(runs, "C < 1e19", None, False, None)
    by_column, _ = parts(runs, None, "split", False, None)
    (one,), (two,) = by_threshold, by_column
    assert np.array_equal(one.small.loss, two.small.loss)
    assert len(one.small) + len(one.large) == 36 and one.large["C"].min() >= 1e19


def test_rolling_splits_take_ever_more(runs):
    found, _ = parts(runs, None, None, True, None)
    sizes = [len(part.small) for part in found]
    assert sizes == sorted(set(sizes)) and len(sizes) >= 3
    for part in found:
        assert part.small["C"].max() < part.large["C"].min()


def test_parts_too_small_are_told(runs):
    found, left_out = parts(runs, ["C < 1e19", "C < 1e30"], None, False, "group")
    assert len(found) == 2 and len(left_out) == 2
    with pytest.raises(RunsError, match="No split"):
        parts(runs, "C < 1", None, False, None)


@pytest.mark.parametrize(
    "how", [{}, {"fit_where": "C < 1e19", "rolling": True}, {"split_column": "group"}]
)
def test_splits_that_cannot_be_used(runs, how):
    with pytest.raises(BayescaleError):
        bs.backtest("chinchilla", runs, **how)


# --- scores -------------------------------------------------------------------------------------


def normal(n: int, sd: float, seed: int) -> tuple[Predictive, np.ndarray]:
    """Forecasts whose error is N(0, 0.02), predicted as N(0, sd)."""
    rng = np.random.default_rng(seed)
    middle = rng.normal(0.0, 0.3, n)
    predictive = Predictive(
        Normal(),
        np.repeat(middle[None, :], 400, axis=0),
        {"sigma": np.full(400, sd)},
        np.zeros((REPLICATES, 400)),
        np.zeros(n),
        seed,
    )
    return predictive, np.exp(middle + 0.02 * rng.standard_normal(n))


@pytest.mark.parametrize("sd", [0.02, 0.01])
def test_coverage_is_that_of_the_truth(sd):
    predictive, observed = normal(4000, sd, 5)
    scores = summary(score({"a": predictive}, {"a": 1.0}, observed))
    for p in (0.5, 0.8, 0.9, 0.95):
        true = 2 * stats.norm.cdf(stats.norm.ppf((1 + p) / 2) * sd / 0.02) - 1
        assert scores[f"cover{100 * p:.0f}"] == pytest.approx(true, abs=0.03)
    assert scores["rmsle"] == pytest.approx(0.02, rel=0.05)
    assert scores["width90"] == pytest.approx(2 * 1.6449 * sd, rel=0.03)


def test_the_truth_scores_best():
    scores = {}
    for sd in (0.01, 0.02, 0.04):
        predictive, observed = normal(2000, sd, 6)
        scores[sd] = summary(score({"a": predictive}, {"a": 1.0}, observed))
    assert max(scores, key=lambda sd: scores[sd]["elpd"]) == 0.02
    assert min(scores, key=lambda sd: scores[sd]["crps"]) == 0.02


def test_a_mixture_is_scored_as_the_mixture_of_its_densities():
    one, observed = normal(50, 0.01, 7)
    two, _ = normal(50, 0.05, 7)
    table = score({"a": one, "b": two}, {"a": 0.3, "b": 0.7}, observed)
    z = np.log(observed) - one.log_law[0]
    density = (0.3 * stats.norm.pdf(z, 0, 0.01) + 0.7 * stats.norm.pdf(z, 0, 0.05)) / observed
    assert np.allclose(table["log_density"], np.log(density), rtol=1e-6)
    pit = 0.3 * stats.norm.cdf(z, 0, 0.01) + 0.7 * stats.norm.cdf(z, 0, 0.05)
    assert np.allclose(table["pit"], pit, atol=1e-9)


def test_weights():
    evidence = {"a": 0.0, "b": np.log(3.0)}
    assert weights("equal", evidence) == {"a": 0.5, "b": 0.5}
    assert weights("evidence", evidence)["b"] == pytest.approx(0.75)
    assert weights("half", evidence)["b"] == pytest.approx(0.625)


# --- the verb -----------------------------------------------------------------------------------


def test_every_law_and_mixture_is_scored_on_every_group(found):
    table = found.table()
    keys = "group law n_fit n_test rmsle elpd crps cover50 cover80 cover90 cover95 width90"
    assert {*keys.split(), "diagnosis_ok"} <= set(table.columns)
    assert set(table["law"]) == {"chinchilla", "power_floor(C)", "mixture: equal", "mixture: half"}
    assert set(table["group"]) == {"odd", "even"}
    assert len(found.targets) == sum(s.n_test for s in found.scored)


def test_the_scored_bands_are_those_of_forecast(found, runs):
    own = runs.select((runs["group"] == "odd") & (runs["C"] < 1e19))
    large = runs.select((runs["group"] == "odd") & (runs["C"] >= 1e19))
    fit = bs.fit("chinchilla", own, method="laplace", draws=500, progress=False)
    ahead = bs.forecast(fit, large)
    scored = next(s for s in found.scored if (s.group, s.law) == ("odd", "chinchilla"))
    width = np.log(scored.targets["upper90"] / scored.targets["lower90"])
    low, high = ahead.interval(0.9)
    assert np.allclose(width, np.log(high / low), rtol=0.1)
    assert scored.scores["elpd"] == pytest.approx(ahead.log_density.mean(), abs=0.1)


def test_means_are_paired_over_groups(found):
    by_group, means = found.by_group(), found.means()
    gap = by_group.loc["power_floor(C)"]["elpd"] - by_group.loc["chinchilla"]["elpd"]
    row = means.loc["power_floor(C)"]
    assert row["elpd_diff"] == pytest.approx(gap.mean())
    assert row["elpd_diff_se"] == pytest.approx(gap.std(ddof=1) / np.sqrt(2))
    assert means.loc["chinchilla"]["elpd_diff"] == 0.0
    # The runs are of an L(N, D) law, and C alone cannot tell them.
    assert row["rmsle"] > means.loc["chinchilla"]["rmsle"]


def test_it_says_what_it_found(found):
    text = found.text()
    assert "2 splits of 2 groups" in text and "coverage at 50/80/90/95" in text
    assert "Its weights, mean over splits: chinchilla 0.50" in text
    assert "not judged" in text and "too narrow:" not in text
    assert len(repr(found).splitlines()) <= 12
    document = json.loads(json.dumps(found.to_json(), default=float))
    assert len(document["groups"]) == len(found.scored) and "chinchilla" in document["means"]


def test_it_is_drawn(found):
    assert len(found.plot().axes) >= 4
    with pytest.raises(LawError, match="no scores of 'nonsense'"):
        found.plot(law="nonsense")
    many = replace(
        found,
        laws=tuple(f"law {i}" for i in range(9)),
        mixtures=(),
        scored=tuple(replace(found.scored[0], law=f"law {i}") for i in range(9)),
    )
    assert len(many.plot().axes[0].get_legend().get_texts()) == 9
    assert len(found.plot(law="chinchilla").axes) >= 4


def test_failures_are_named_and_the_others_go_on(runs):
    broken = bs.laws.get("power_floor(lr)")
    with pytest.warns(bs.BayescaleWarning):
        found = bs.backtest(
            {"good": "power_floor(C)", "broken": broken},
            runs,
            fit_where="C < 1e19",
            method="laplace",
            draws=500,
            workers=1,
            progress=False,
        )
    assert list(found.failures) == ["all: C < 1e19 | broken"] and not found.ok
    assert set(found.table()["law"]) == {"good"}
    assert isinstance(found.means(), pd.DataFrame)


FAST = {"method": "laplace", "draws": 500, "workers": 1, "progress": False}


@pytest.fixture(scope="module")
def forward(runs) -> bs.Backtest:
    laws = ["chinchilla", "skaling", "power_floor(C)"]
    options = {"mixtures": ("forward",), "discrepancy": "none"} | FAST
    return bs.backtest(laws, runs, fit_where="C < 1e19", **options)


def test_forward_weights_are_those_that_forecast_the_fitted_runs_best(forward, runs):
    """Against the densities of a backtest of the fitted runs, and another optimiser."""
    mixture = forward.scored[-1]
    own = runs.select(runs["C"] < 1e19)
    options = {"mixtures": (), "discrepancy": "none"} | FAST
    inner = bs.backtest(forward.laws, own, rolling=(0.6, 0.8), **options)
    targets = inner.targets
    each = np.stack([targets[targets["law"] == law]["log_density"] for law in forward.laws])
    assert each.shape[1] == sum(s.n_test for s in inner.scored[:: len(forward.laws)])

    def worth(w: np.ndarray) -> float:
        return -float(np.mean(special.logsumexp(each, axis=0, b=w[:, None])))

    simplex = {"type": "eq", "fun": lambda w: w.sum() - 1.0}
    start = np.full(3, 1 / 3)
    best = optimize.minimize(worth, start, bounds=[(1e-12, 1.0)] * 3, constraints=simplex)
    weights = np.array([mixture.weights[law] for law in forward.laws])
    assert mixture.law == "mixture: forward" and weights.sum() == pytest.approx(1.0)
    assert worth(np.maximum(weights, 1e-12)) == pytest.approx(best.fun, abs=1e-5)
    assert mixture.weights["power_floor(C)"] < 0.1  # C alone cannot tell the runs
    told = next(g for g in forward.to_json()["groups"] if g["law"] == "mixture: forward")
    assert told["weights"] == mixture.weights


def test_stacking_says_what_a_law_gains_that_no_run_speaks_for():
    """The weight of the other law goes to nothing; the gain over equal weights is ln 2."""
    own, gain, error = stacked({"right": np.zeros(20), "wrong": np.full(20, -1e4)})
    assert own["right"] == pytest.approx(1.0) and own["wrong"] < 1e-6
    assert gain == pytest.approx(np.log(2.0), abs=1e-6) and error == pytest.approx(0.0, abs=1e-9)


def test_forward_weights_do_not_look_at_the_targets(forward, runs):
    columns = dict(runs.columns)
    columns["loss"] = np.where(columns["C"] < 1e19, columns["loss"], 9.0 * columns["loss"])
    options = {"mixtures": ("forward",), "discrepancy": "none"} | FAST
    other = bs.backtest(forward.laws, read_quietly(columns), fit_where="C < 1e19", **options)
    assert other.scored[-1].weights == forward.scored[-1].weights
    assert other.scored[-1].scores["elpd"] < forward.scored[-1].scores["elpd"] - 1.0


def test_what_cannot_be_split_again_has_no_forward_mixture_and_says_so(runs):
    six = runs.select(np.argsort(runs["C"])[:7])
    last_but_one = float(np.sort(six["C"])[-2])
    found = bs.backtest(
        ["chinchilla", "power_floor(C)"],
        six,
        fit_where=f"C <= {last_but_one}",
        mixtures=("equal", "forward"),
        **FAST,
    )
    assert "mixture: forward" not in set(found.table()["law"])
    assert any("its runs are too few to split again" in message for message in found.messages)


def test_weights_that_may_be_chance_are_said_to_be(runs):
    """A law beside itself: no weights gain anything over equal ones."""
    laws = {"one": "chinchilla", "other": "chinchilla"}
    found = bs.backtest(laws, runs, fit_where="C < 1e19", mixtures=("forward",), **FAST)
    assert any("may be chance" in message for message in found.messages)


def test_laws_of_one_form_are_no_mixture_and_weights_move_the_slope_little_by_little(runs):
    one, other = bs.laws.get("chinchilla"), bs.laws.get("skaling")
    half = {"a": 0.5, "b": 0.5}
    assert several(half, {"a": one, "b": one}) == 0.0
    assert several(half, {"a": one, "b": other}) == pytest.approx(0.5)
    near = several({"a": 0.49, "b": 0.51}, {"a": one, "b": other})
    assert 0.49 < near < 0.5 and several({"a": 1.0, "b": 0.0}, {"a": one, "b": other}) == 0.0
    laws = {"one": "chinchilla", "other": "chinchilla"}
    table = bs.backtest(laws, runs, fit_where="C < 1e19", **FAST).table().set_index("law")
    alone = float(table.loc["one", "width90"])
    assert float(table.loc["mixture: equal", "width90"]) == pytest.approx(alone, rel=0.05)


def test_a_mixture_that_a_group_does_not_have_takes_the_group_from_no_law(found):
    odd = next(s for s in found.scored if (s.group, s.law) == ("odd", "mixture: equal"))
    rare = replace(odd, law="mixture: forward")
    more = replace(found, scored=(*found.scored, rare), mixtures=(*found.mixtures, "forward"))
    before, after = found.means(), more.means()
    assert after.loc[before.index].equals(before)
    assert after.loc["mixture: forward", "groups"] == 1
    assert after.loc["mixture: forward", "elpd"] == odd.scores["elpd"]
    assert "Of mixture: forward in 1 of these splits alone:" in more.text()
    apart = replace(
        found,
        scored=tuple(s for s in found.scored if (s.group == "odd") != (s.law == "chinchilla")),
    )
    assert "No split has every law" in apart.text() and len(apart.means()) == 4


def test_a_group_without_runs_to_fit_is_left_out_whatever_tells_the_split(runs):
    split = np.where(runs["group"] == "odd", "extrapolate", runs["split"])
    marked = read_quietly({**runs.columns, "split": split})
    found, left_out = parts(marked, None, "split", False, "group")
    assert [part.group for part in found] == ["even"] and left_out[0].startswith("odd")


def test_a_split_that_does_not_extrapolate_says_so(runs):
    found = bs.backtest("power_floor(C)", runs, fit_where="C > 1e18", **FAST)
    assert "no forecast run lies beyond the fitted ones in C" in found.text()


def test_an_unknown_mixture_is_refused(runs):
    with pytest.raises(LawError, match="mixture 'best'"):
        bs.backtest(["chinchilla", "skaling"], runs, rolling=True, mixtures=("best",))
