"""Pooling: the declaration, and that it shrinks as it should."""

from __future__ import annotations

import json

import numpy as np
import pytest
import scipy.stats as ss

import bayescale as bs
from bayescale import laws, pooling
from bayescale.errors import BayescaleError, LawError, RunsError
from bayescale.evidence.target import problem
from bayescale.fitting import build_model
from bayescale.pooling import MEMBER, Pooling
from bayescale.runs.read import read_quietly

LAW = "irreducible + power(N)"
TRUTH = {"E": 1.7, "T_N": 0.9, "alpha": 0.3}
SD = 0.12
SIZES = {"a": 30, "b": 30, "c": 30, "d": 30, "few": 8}
SIGMA = 0.01


def grouped(number: int, sd: float = SD, sizes: dict[str, int] = SIZES) -> tuple[bs.Runs, dict]:
    """Groups whose irreducible losses differ by a factor; one has few runs."""
    rng = np.random.default_rng(number)
    z = rng.standard_normal(len(sizes))
    z = (z - z.mean()) / z.std(ddof=1)  # a spread of sd, whatever the number
    floors = {g: TRUTH["E"] * np.exp(sd * v) for g, v in zip(sizes, z, strict=True)}
    family = np.repeat(list(sizes), list(sizes.values()))
    x = rng.uniform(6.5, 9.5, len(family))
    law = np.array([floors[g] for g in family])
    law = law + TRUTH["T_N"] * 10 ** (-TRUTH["alpha"] * (x - 8.0))
    loss = law * np.exp(SIGMA * rng.standard_normal(len(family)))
    return read_quietly({"N": 10**x, "loss": loss, "family": family}), floors


@pytest.fixture(scope="module")
def truth() -> tuple[bs.Runs, dict]:
    return grouped(1)


@pytest.fixture(scope="module")
def fit(truth: tuple[bs.Runs, dict]) -> bs.Fit:
    return bs.fit(
        LAW, truth[0], noise="normal", pool="family(E)", method="quick", draws=500, progress=False
    )


def alone(runs: bs.Runs, group: str) -> bs.Fit:
    """No pooling: one group's runs by themselves."""
    own = runs.where(f'family == "{group}"')
    return bs.fit(LAW, own, noise="normal", method="quick", draws=500, progress=False)


# --- what the fit says ---------------------------------------------------------------------------


def test_the_groups_and_the_population_are_recovered(fit: bs.Fit, truth) -> None:
    assert fit.diagnosis.converged
    assert not fit.diagnosis.prior_dominated
    for group, floor in truth[1].items():
        draws = fit.parameters[f"E[{group}]"]
        assert abs(draws.mean() - floor) < 3.5 * draws.std(), group
    low, high = np.quantile(fit.draws["E_sd"], [0.02, 0.98])
    assert low < SD < high
    assert abs(np.log(fit.draws["E"] / TRUTH["E"]).mean()) < 0.2
    assert fit.unknown_spreads == ()


def test_the_table_has_a_row_for_each_group_and_the_population(fit: bs.Fit) -> None:
    table = fit.table()
    assert {"E", "E_sd", *(f"E[{group}]" for group in SIZES), "sigma"} <= set(table.index)
    assert not [name for name in table.index if name.startswith("E_z")]
    assert table.loc["E[few]", "meaning"] == "E of the family few"
    assert "Pooled: E by family (5 groups)" in fit.text()
    assert fit.to_json()["pooling"]["groups"] == sorted(SIZES)


def test_a_group_of_few_runs_borrows_from_the_others(fit: bs.Fit, truth) -> None:
    """Eight runs leave floor and exponent open; the exponent that the others know settles it."""
    runs, floors = truth
    own = alone(runs, "few").parameters["E"]
    pooled = fit.parameters["E[few]"]
    assert pooled.std() < 0.6 * own.std()
    assert abs(pooled.mean() - floors["few"]) < 2.5 * pooled.std()


def test_the_log_density_is_that_of_the_hierarchy(fit: bs.Fit) -> None:
    """At one draw, by hand: the likelihood with each group's floor, and every prior."""
    runs, n = fit.runs, 17
    at = {name: float(values.ravel()[n]) for name, values in fit.draws.items()}
    groups = sorted(SIZES)
    floor = {g: at["E"] * np.exp(at["E_sd"] * at[f"E_z{i}"]) for i, g in enumerate(groups)}
    x = np.log(runs["N"])
    law = np.array([floor[g] for g in runs["family"]])
    law = law + at["T_N"] * np.exp(-at["alpha"] * (x - x.mean()))
    expected = ss.norm.logpdf(np.log(runs.loss / law), 0, at["sigma"]) - np.log(runs.loss)
    found = fit.log_likelihood.reshape(-1, len(runs))[n]
    np.testing.assert_allclose(found, expected, rtol=1e-7, atol=1e-7)
    log_prior = {name: float(v.ravel()[n]) for name, v in fit.log_prior.items()}
    assert log_prior["E_z2"] == pytest.approx(ss.norm.logpdf(at["E_z2"]))
    assert log_prior["E_sd"] == pytest.approx(ss.halfnorm.logpdf(at["E_sd"], scale=0.3))
    np.testing.assert_allclose(fit.log_density_of(runs).reshape(-1, len(runs))[n], expected)


def test_the_evidence_sees_the_same_density(fit: bs.Fit) -> None:
    assert problem(fit).draws.shape[-1] == len(fit.draws) == 4 + 1 + 5


# --- forecasts -----------------------------------------------------------------------------------


def test_forecasts_of_a_group_and_of_a_new_one(fit: bs.Fit, truth) -> None:
    at = {"N": 1e9}
    for group, floor in truth[1].items():
        ahead = bs.forecast(fit, at, group=group)
        true = floor + TRUTH["T_N"] * 10 ** -TRUTH["alpha"]
        low, high = ahead.interval(0.998)
        assert low[0] < true < high[0], group
        assert ahead.text().startswith(f"Of the family {group}:")
        assert set(ahead.fit.runs["family"]) == {group}
    new = bs.forecast(fit, at)
    assert new.text().startswith("Of a new family:")
    one = bs.forecast(fit, at, group="a")
    spread, own = (np.log(f.latent).std() for f in (new, one))
    assert spread > 10 * own
    # The population's spread of the floor, at its share of the loss; wider for what is not known.
    share = 1.7 / (1.7 + 0.45)
    assert 0.8 * SD * share < spread < 3.0 * SD * share
    assert new.doubt == ""


def test_a_spread_that_two_groups_leave_to_the_prior_is_told() -> None:
    runs, _ = grouped(3, sizes={"a": 20, "b": 20})
    fit = bs.fit(
        LAW, runs, noise="normal", pool="family(E)", method="quick", draws=500, progress=False
    )
    assert fit.unknown_spreads == ("E_sd",)
    assert fit.diagnosis.ok  # what is said of the two groups is good
    assert any("left to the prior by 2 groups" in m for m in fit.diagnosis.messages)
    new, old = bs.forecast(fit, {"N": 1e9}), bs.forecast(fit, {"N": 1e9}, group="a")
    assert not new.trustworthy[0]
    assert "rests on the prior: E_sd" in new.messages[0][0]
    assert old.trustworthy[0]


def test_alike_groups_have_a_small_spread_that_is_known() -> None:
    """A spread near zero is wide on the log scale, and yet the data decide it."""
    runs, _ = grouped(4, sd=1e-6)
    fit = bs.fit(
        LAW, runs, noise="normal", pool="family(E)", method="quick", draws=500, progress=False
    )
    assert fit.unknown_spreads == ()
    assert np.quantile(fit.draws["E_sd"], 0.9) < 0.03
    few = np.std(np.log(fit.parameters["E[few]"]))
    assert few < 1.7 * np.std(np.log(fit.parameters["E[a]"]))  # complete shrinkage


def test_a_fixed_spread_reaches_from_complete_to_no_pooling(truth) -> None:
    runs, floors = truth
    few = {}
    for sd in (1e-4, 2.0):
        fit = bs.fit(
            *(LAW, runs),
            noise="normal",
            pool=f"family(E, sd={sd})",
            method="quick",
            draws=500,
            progress=False,
        )
        assert "E_sd" not in fit.draws
        few[sd] = fit.parameters["E[few]"].mean(), fit.parameters["E[a]"].mean()
    assert few[1e-4][0] == pytest.approx(few[1e-4][1], rel=1e-3)
    assert few[2.0][0] == pytest.approx(floors["few"], rel=0.05)


def test_saved_and_loaded(fit: bs.Fit, tmp_path) -> None:
    fit.save(tmp_path / "fit.nc")
    again = bs.load(tmp_path / "fit.nc")
    assert again.pooling == fit.pooling
    assert again.model.signature == fit.model.signature
    np.testing.assert_array_equal(again.parameters["E[few]"], fit.parameters["E[few]"])
    at = {"N": 1e9}
    for group in (None, "few"):
        ours, theirs = (bs.forecast(f, at, group=group).new for f in (fit, again))
        np.testing.assert_allclose(ours, theirs, rtol=1e-12)


# --- the declaration -----------------------------------------------------------------------------


def test_reading() -> None:
    law = laws.get("chinchilla")
    assert pooling.get("family", law) == Pooling("family", ("E", "T_N", "T_D"))
    assert pooling.get("corpus(E, alpha, sd=0.1)", law) == Pooling("corpus", ("E", "alpha"), 0.1)
    assert pooling.get(Pooling("seed"), law).parameters == ("E", "T_N", "T_D")
    assert not pooling.get(None, law).active
    own = Pooling("family", ("E",), None, ("a", "b"))
    assert pooling.from_json(json.loads(json.dumps(own.to_json()))) == own


def test_a_compiled_program_serves_groups_of_other_names() -> None:
    def signature(names: list[str]):
        runs = read_quietly({"N": [1e6, 1e7, 1e8], "loss": [3.0, 2.5, 2.4], "family": names})
        return build_model(LAW, pool="family").resolved(runs).signature

    assert signature(["a", "b", "b"]) == signature(["x", "y", "x"])
    assert signature(["a", "b", "b"]) != signature(["a", "b", "c"])


def test_without_a_group_the_parameters_are_the_populations() -> None:
    own = Pooling("family", ("E",), 0.5, ("a", "b"))
    params = {"E": 2.0, "E_z0": 0.0, "E_z1": 1.0}
    assert own.placed(params, {}) == params
    placed = own.placed(params, {MEMBER: np.array([1.0, 0.0])})
    np.testing.assert_allclose(placed["E"], [2.0 * np.exp(0.5), 2.0], rtol=1e-6)


@pytest.mark.parametrize(
    "text",
    ["", "3", "family()()", "family(3)", "family(E, sd='x')", "family(Q)", "family(E, x=1)",
     "family(sd=0)", "family(sd=-1)", "family + run", "'family'"],
)  # fmt: skip
def test_malformed(text: str) -> None:
    with pytest.raises(BayescaleError) as caught:
        pooling.get(text, laws.get("chinchilla"))
    assert str(caught.value).count(". ") >= 1


def test_refusals(fit: bs.Fit, truth) -> None:
    runs = truth[0]
    with pytest.raises(RunsError, match="no column 'corpus' to pool by"):
        bs.fit(LAW, runs, pool="corpus", progress=False)
    with pytest.raises(RunsError, match="single group, 'a'"):
        bs.fit(LAW, runs.where('family == "a"'), pool="family", progress=False)
    with pytest.raises(RunsError, match="'nobody' is none of the groups"):
        bs.forecast(fit, {"N": 1e9}, group="nobody")
    with pytest.raises(LawError, match="not pooled"):
        bs.forecast(fit.group("a"), {"N": 1e9}, group="a")
