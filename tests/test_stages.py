"""Two stages: the posterior of a forecast loss goes through a law of that loss."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import bayescale as bs
from bayescale.errors import LawError, RunsError
from bayescale.ledger import register, score
from bayescale.runs.read import read_quietly

N, D = (a.ravel() for a in np.meshgrid([1e7, 4e7, 1.6e8, 6.4e8], [5e8, 2e9, 8e9, 3.2e10]))
TARGET = {"N": [1e9, 1e8], "D": [4e10, 8e9]}


def law(n: np.ndarray, d: np.ndarray) -> np.ndarray:
    return np.asarray(1.8 + 480 / n**0.35 + 2000 / d**0.37)


def error(loss: np.ndarray) -> np.ndarray:
    return np.asarray(0.85 - 2.08 * np.exp(-0.756 * loss))


@pytest.fixture(scope="module")
def tables() -> tuple[bs.Runs, bs.Runs]:
    rng = np.random.default_rng(0)
    loss = law(N, D) * np.exp(0.004 * rng.standard_normal(16))
    tasks = error(loss) * np.exp(0.01 * rng.standard_normal(16))
    return (
        read_quietly({"N": N, "D": D, "loss": loss}),
        read_quietly({"N": N, "D": D, "L": loss, "loss": tasks}),
    )


@pytest.fixture(scope="module")
def first(tables) -> bs.Fit:
    return bs.fit("chinchilla", tables[0], seed=1)


@pytest.fixture(scope="module")
def second(tables) -> bs.Fit:
    return bs.fit("loss_to_error", tables[1], seed=2)


@pytest.fixture(scope="module")
def ahead(first, second) -> bs.Forecast:
    return bs.forecast(second, TARGET, through=first)


def test_the_truth_lies_in_the_bands(ahead):
    truth = error(law(*(np.array(TARGET[name]) for name in ("N", "D"))))
    for kind in ("latent", "new"):
        low, high = ahead.interval(0.99, kind)
        assert np.all((low < truth) & (truth < high)), kind
    low, high = ahead.interval(0.9)
    assert np.all(np.log(high / low) < 0.2)


def test_draws_meet_as_an_independent_computation_has_it(first, second):
    """Without discrepancy, from the printed parameters alone, with a generator of its own."""
    exact = {"discrepancy": bs.discrepancy.get("none")}
    first, second = (replace(fit, model=replace(fit.model, **exact)) for fit in (first, second))
    ahead = bs.forecast(second, {"N": 1e8, "D": 8e9}, through=first)
    rng = np.random.default_rng(7)
    rows = rng.integers(first.draws["sigma"].size, size=200_000)
    p = {name: v.ravel()[rows] for name, v in first.parameters.items()}
    loss = p["E"] + p["A"] / 1e8 ** p["alpha"] + p["B"] / 8e9 ** p["beta"]
    new = loss * np.exp(p["sigma"] * rng.standard_t(p["nu"]))
    rows = rng.integers(second.draws["sigma"].size, size=200_000)
    q = {name: v.ravel()[rows] for name, v in second.parameters.items()}
    for kind, at in (("latent", loss), ("new", new)):
        expected = q["eps"] - q["k"] * np.exp(-q["gamma"] * at)
        if kind == "new":
            expected = expected * np.exp(q["sigma"] * rng.standard_t(q["nu"]))
        for prob in (0.05, 0.5, 0.95):
            found = ahead.quantile(prob, kind)[0]
            assert found == pytest.approx(np.quantile(expected, prob), rel=2e-3), (kind, prob)


def test_a_known_loss_gives_the_second_stage_alone(first, second):
    """A first stage of next to no width changes nothing."""
    sure = {name: np.full_like(v, v.mean()) for name, v in first.draws.items()}
    sure["sigma"] = np.full_like(sure["sigma"], 1e-9)
    at = {"N": 1e8, "D": 8e9}
    through = bs.forecast(second, at, through=first.at_draws(sure))
    loss = bs.forecast(first.at_draws(sure), at).quantile(0.5, "latent")
    alone = bs.forecast(second, {"L": loss})
    np.testing.assert_allclose(np.sort(through.latent[:, 0]), np.sort(alone.latent[:, 0]), 1e-9)
    assert through.shares()["first stage"].iloc[0] < 1e-6


def test_the_first_stage_widens_the_band_and_is_told(ahead, second):
    loss = ahead.points["L"]
    alone = bs.forecast(second, {"L": loss})
    wide, narrow = (np.log(f.interval(0.9)[1] / f.interval(0.9)[0]) for f in (ahead, alone))
    assert np.all(wide > narrow)
    shares = ahead.shares()
    assert list(shares.columns) == ["width", "first stage", "parameters", "discrepancy", "noise"]
    np.testing.assert_allclose(shares.drop(columns="width").sum(axis=1), 1.0)
    assert shares["first stage"].min() > 0.01
    table = ahead.table()
    assert list(table.columns[:3]) == ["N", "D", "L"]
    np.testing.assert_array_equal(table["L"], ahead.stages.first.quantile(0.5))
    assert ahead.text().startswith("N = 1B, D = 40B: ")
    assert "first stage" in ahead.to_json()[0]["shares"]


def test_what_the_first_stage_does_not_vouch_for_is_not_vouched_for(first, second):
    near, far = {"N": 1e8, "D": 8e9}, {"N": 1e13, "D": 8e9}
    assert bs.forecast(second, near, through=first).trustworthy[0]
    out = bs.forecast(second, far, through=first)
    assert not out.trustworthy[0]
    assert any(m.startswith("first stage: far outside the data") for m in out.messages[0])
    doubted = replace(first, diagnosis=replace(first.diagnosis, converged=False))
    told = bs.forecast(second, near, through=doubted)
    assert not told.trustworthy[0]
    assert any(m.startswith("first stage: not converged") for m in told.messages[0])


def test_draws_without_a_value_are_counted_by_draw(first, second):
    """Where the second law has a value depends on the loss, draw by draw."""
    wide = {name: v.copy() for name, v in first.draws.items()}
    rng = np.random.default_rng(0)
    wide["E"] = np.exp(rng.uniform(np.log(0.01), np.log(3.0), wide["E"].shape))
    ahead = bs.forecast(second, {"N": 1e9, "D": 4e10}, through=first.at_draws(wide))
    loss = ahead.stages.loss[..., 0]
    q = {name: v.ravel() for name, v in second.parameters.items()}
    share = np.mean(q["eps"] - q["k"] * np.exp(-q["gamma"] * loss) <= 0)
    assert 0.05 < share < 0.95
    assert ahead.undefined[0] == pytest.approx(share, abs=1e-12)


def test_the_same_seed_gives_the_same_forecast(ahead, first, second):
    again, other = (bs.forecast(second, TARGET, through=first, seed=s) for s in (0, 1))
    assert np.array_equal(ahead.new, again.new)
    assert not np.array_equal(ahead.new, other.new)


def test_it_is_scored_and_registered_by_what_was_given(ahead, tmp_path):
    registered = register(ahead, tmp_path / "ahead.json")
    point = registered.document["points"][0]
    assert point["at"] == {"N": 1e9, "D": 4e10}
    assert registered.document["through"]["law"] == ahead.stages.first.fit.law.expression
    runs = read_quietly({"N": TARGET["N"], "D": TARGET["D"], "loss": [0.4, 0.45]})
    assert len(score(registered, runs)) == 2


def test_targets_with_losses_are_those_of_the_second_stage(first, second):
    runs = read_quietly({"N": TARGET["N"], "D": TARGET["D"], "loss": [0.42, 0.48]})
    scored = bs.forecast(second, runs, through=first)
    assert scored.observed.tolist() == [0.42, 0.48]
    assert np.all(np.isfinite(scored.log_density))


def simulated(seed: int, shared: float = 0.0, n: int = 16) -> tuple[bs.Runs, bs.Runs]:
    """Both tables; the error moves ``shared`` times as much as the loss's noise makes it."""
    rng = np.random.default_rng(seed)
    curve = law(N, D)
    loss = curve * np.exp(0.02 * rng.standard_normal(16))
    at = curve * (loss / curve) ** (1.0 + shared)
    tasks = error(at) * np.exp(0.003 * rng.standard_normal(16))
    own = read_quietly({"N": N, "D": D, "loss": loss})
    return own, read_quietly({"N": N[:n], "D": D[:n], "L": loss[:n], "loss": tasks[:n]})


def test_another_unit_is_found_out(first, second, tables):
    bits = {"N": N, "D": D, "loss": tables[0].loss / np.log(2.0)}
    other = bs.fit("chinchilla", read_quietly(bits), seed=1, method="quick")
    told = bs.forecast(second, {"N": 1e8, "D": 8e9}, through=other)
    assert not told.trustworthy[0]
    assert any("another loss, or in another unit" in m for m in told.messages[0])
    assert "-31% off" in " ".join(told.messages[0])
    fine = bs.forecast(second, {"N": 1e8, "D": 8e9}, through=first)
    assert fine.trustworthy[0] and fine.messages == ((),)


@pytest.mark.parametrize(("shared", "said"), [(2.0, "too narrow"), (-1.0, "too wide")])
def test_errors_that_go_together_are_not_vouched_for(shared, said):
    tables = simulated(3, shared)
    first = bs.fit("chinchilla", tables[0], seed=1, method="quick")
    second = bs.fit("loss_to_error", tables[1], seed=1, method="quick")
    told = bs.forecast(second, {"N": 1e8, "D": 8e9}, through=first)
    assert not told.trustworthy[0]
    assert any("errors of the two stages go together" in m for m in told.messages[0])
    assert any(said in m for m in told.messages[0])


def test_what_cannot_be_checked_is_said(first, tables):
    runs = read_quietly({"L": tables[1]["L"], "loss": tables[1].loss})
    second = bs.fit("loss_to_error", runs, seed=2, method="quick")
    told = bs.forecast(second, {"N": 1e8, "D": 8e9}, through=first)
    assert "could not be checked: the second stage's runs have no N" in told.caution
    assert told.text().endswith(told.caution)


def test_the_caution_is_of_each_stage(ahead):
    assert "First stage: Beyond the data the bands of a new run include" in ahead.caution
    assert "could not be checked" not in ahead.caution


def test_losses_outside_the_second_stage_are_counted_by_draw(first, second):
    """The median of L lies among its runs; a third of its draws does not."""
    wide = {name: v.copy() for name, v in first.draws.items()}
    wide["sigma"] = np.full_like(wide["sigma"], 0.3)
    ahead = bs.forecast(second, {"N": 1e9, "D": 4e10}, through=first.at_draws(wide))
    loss, seen = ahead.stages.loss[..., 0], second.runs["L"]
    share = np.mean((loss < seen.min() / 10**0.1) | (loss > seen.max() * 10**0.1))
    assert ahead.straying[0] == pytest.approx(share) and share > 0.1
    assert any("lie outside the runs of the second stage" in m for m in ahead.messages[0])
    assert not ahead.trustworthy[0]


def test_scores_use_every_draw_of_the_loss(first, second):
    """With a second noise far below the first the density would rest on a few draws."""
    small = {name: v.copy() for name, v in second.draws.items()}
    small["sigma"] = np.full_like(small["sigma"], 2e-3)
    runs = read_quietly({"N": [1e8], "D": [8e9], "loss": [0.635]})
    each = [
        bs.forecast(second.at_draws(small), runs, through=first, seed=seed).log_density[0]
        for seed in range(4)
    ]
    assert np.std(each) < 0.05
    assert bs.forecast(second, runs, through=first).stages.loss.shape[0] == 8


def test_counts_and_groups_reach_the_first_stage(first, second, tables):
    counted = bs.read_runs({"N": N, "D": D, "loss": tables[0].loss}, count="total")
    whole = bs.fit("chinchilla", counted, seed=1, method="quick")
    other = bs.read_runs({"N": [1e8], "D": [8e9], "loss": [0.6]}, count="non-embedding")
    with pytest.raises(RunsError, match="N counts"):
        bs.forecast(second, other, through=whole)
    with pytest.raises(LawError, match="is a str, not a fit"):
        bs.forecast(second, TARGET, through="fit.nc")  # type: ignore[arg-type]
    with pytest.raises(RunsError, match="or the fit that forecasts L"):
        bs.forecast(second, TARGET)


def test_stages_that_do_not_fit_are_refused(first, second):
    with pytest.raises(LawError, match="does not read another loss"):
        bs.forecast(first, TARGET, through=second)
    with pytest.raises(RunsError, match="give L, which the first stage"):
        bs.forecast(second, {**TARGET, "L": 2.0}, through=first)
    with pytest.raises(RunsError, match="no D"):
        bs.forecast(second, {"N": 1e9}, through=first)


def test_a_group_of_a_pooled_first_stage(second):
    rng = np.random.default_rng(5)
    families = np.repeat(["a", "b", "c", "d"], 16)
    shift = np.repeat([0.0, 0.5, 0.2, -0.1], 16)
    loss = (np.tile(law(N, D), 4) + shift) * np.exp(0.004 * rng.standard_normal(64))
    runs = read_quietly({"N": np.tile(N, 4), "D": np.tile(D, 4), "family": families, "loss": loss})
    first = bs.fit("chinchilla", runs, pool="family(E)", method="quick", seed=0)
    own = bs.forecast(second, {"N": 1e8, "D": 8e9}, through=first, group="b")
    assert own.stages.first.group == "the family b"
    assert own.points["L"][0] == pytest.approx(law(1e8, 8e9) + 0.5, rel=0.01)
    new = bs.forecast(second, {"N": 1e8, "D": 8e9}, through=first)
    assert new.stages.first.group == "a new family"
    with pytest.raises(RunsError, match="nonesuch"):
        bs.forecast(second, {"N": 1e8, "D": 8e9}, through=first, group="nonesuch")
