"""Laws of the learning-rate schedule: the double sum, limits, units, gradients, recovery."""

from __future__ import annotations

import time
import warnings
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest

import bayescale as bs
from bayescale.errors import BayescaleError, LawError, RunsError
from bayescale.inference.runtime import float64
from bayescale.laws import Annealed, Irreducible, Law, Momentum, Power
from bayescale.laws.law import reference_point
from bayescale.runs import Runs
from bayescale.runs.read import read_quietly
from bayescale.runs.schedule import COLUMN, parse_schedule

P = dict[str, float]

SHORT = "0:0 20:3e-4 900:3e-4 901:1e-4 1500:1e-4 1501:2e-4 2000:2e-4 2010:1e-5"
"""Fewer changes than nodes: nothing is lost."""

ANNEALING: P = {"L_0": 3.0, "A": 0.5, "alpha": 0.5, "C": 1.7, "lambda": 0.995}


def table(texts: list[str], last: float, n: int = 40, first: float = 100.0) -> Runs:
    """Points along curves, evenly in the logarithm of the step; losses that mean nothing."""
    steps = np.unique(np.geomspace(first, last, n).round())
    return read_quietly(
        {
            "run": np.repeat([f"run {i}" for i in range(len(texts))], len(steps)),
            "steps": np.tile(steps, len(texts)),
            COLUMN: np.repeat(texts, len(steps)),
            "loss": np.linspace(4.0, 3.0, len(texts) * len(steps)),
        }
    )


def curves(peak: float = 3e-4, total: int = 20_000, n: int = 40) -> Runs:
    """Four schedules of one peak: constant, two stages, linear at the end, and up again."""
    w = total // 10
    up = f"0:0 {w}:{peak}"
    half, late = total // 2, 8 * total // 10
    texts = [
        f"{up} {total}:{peak}",
        f"{up} {half}:{peak} {half + 1}:{0.3 * peak}",
        f"{up} {late}:{peak} {total}:{0.1 * peak}",
        f"{up} {half}:{0.1 * peak} {late}:{0.6 * peak}",
    ]
    return table(texts, total, n, first=total / 12)


def multi_power(text: str, t: int, p: P) -> float:
    """The law as it is written, step by step."""
    lr = parse_schedule(text).at(t)
    drop, before = 0.0, 0.0
    for k in range(t):
        since = lr[k:].sum()
        if before != lr[k]:
            response = 1 - (p["C"] * lr[k] ** -p["gamma"] * since + 1) ** -p["beta"]
            drop += (before - lr[k]) * response
        before = lr[k]
    return float(p["L_0"] + p["A"] * lr.sum() ** -p["alpha"] - p["B"] * drop)


def annealing(text: str, t: int, p: P) -> float:
    """By the recursion of the momentum."""
    lr = parse_schedule(text).at(t)
    area = momentum = before = 0.0
    for rate in lr:
        momentum = p["lambda"] * momentum + before - rate
        area += momentum
        before = rate
    return float(p["L_0"] + p["A"] * lr.sum() ** -p["alpha"] - p["C"] * area)


@pytest.mark.parametrize("preset", ["luo2025_25m", "luo2025_100m", "luo2025_400m"])
def test_presets_are_the_double_sum(preset: str) -> None:
    law = bs.laws.get("multi_power")
    runs = table([SHORT], 3_000, 25, first=2)
    exact = [multi_power(SHORT, int(t), law.preset(preset)) for t in runs["S"]]
    np.testing.assert_allclose(law.loss(runs.columns, law.preset(preset)), exact, rtol=1e-10)


def test_annealing_is_the_recursion() -> None:
    runs = table([SHORT], 3_000, 25, first=2)
    exact = [annealing(SHORT, int(t), ANNEALING) for t in runs["S"]]
    found = bs.laws.get("annealing").loss(runs.columns, ANNEALING)
    np.testing.assert_allclose(found, exact, rtol=1e-10)


def test_a_long_schedule_is_met_to_a_ten_thousandth_of_a_nat() -> None:
    law = bs.laws.get("multi_power")
    runs = curves(n=8)
    values = law.preset("luo2025_25m")
    exact = [
        multi_power(text, int(t), values) for text, t in zip(runs[COLUMN], runs["S"], strict=True)
    ]
    np.testing.assert_allclose(law.loss(runs.columns, values), exact, atol=2e-4)


# --- limits ------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "amplitude"), [("multi_power", "B"), ("annealing", "C")])
def test_without_drop_it_is_a_power_law_of_the_sum(name: str, amplitude: str) -> None:
    law = bs.laws.get(name)
    values = law.preset("luo2025_25m") if name == "multi_power" else ANNEALING
    runs = curves()
    plain = values["L_0"] + values["A"] * runs["S1"] ** -values["alpha"]
    found = law.loss(runs.columns, {**values, amplitude: 0.0})
    np.testing.assert_allclose(found, plain, rtol=1e-12)


def test_a_constant_learning_rate_ends_a_whole_drop_above_and_never_falls_below() -> None:
    law, runs = bs.laws.get("annealing"), table(["0:3e-4"], 1e5, 30)
    above = ANNEALING["L_0"] + ANNEALING["A"] * runs["S1"] ** -ANNEALING["alpha"]
    drop = ANNEALING["C"] * 3e-4 / (1 - ANNEALING["lambda"])
    off = law.loss(runs.columns, ANNEALING) - above
    share = 1 - ANNEALING["lambda"] ** runs["S"]
    np.testing.assert_allclose(off, drop * share, rtol=1e-9)


def test_a_learning_rate_brought_to_zero_leaves_the_power_law() -> None:
    law = bs.laws.get("annealing")
    runs = table(["0:3e-4 5000:3e-4 6000:0"], 1e5, 10, first=2e4)
    plain = ANNEALING["L_0"] + ANNEALING["A"] * runs["S1"] ** -ANNEALING["alpha"]
    np.testing.assert_allclose(law.loss(runs.columns, ANNEALING), plain, rtol=1e-9)


def test_at_zero_learning_rate_the_multi_power_law_stands_still() -> None:
    law = bs.laws.get("multi_power")
    runs = table(["0:3e-4 5000:3e-4 5010:0"], 1e5, 10, first=6e3)
    found = law.loss(runs.columns, law.preset("luo2025_100m"))
    np.testing.assert_allclose(found, found[0], rtol=1e-12)


# --- the algebra -------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["multi_power", "annealing"])
def test_expression_and_field_form(name: str) -> None:
    law = bs.laws.get(name)
    assert bs.laws.parse(law.expression).term == law.term
    runs = curves()
    point = reference_point(runs.columns, law)
    assert point["peak lr"] == pytest.approx(np.log(3e-4))
    x = law.coordinates(runs.columns)
    with float64():
        for params in drawn(law, 20, 1):
            field = law.term.to_field(params, point)
            assert tuple(field) == law.field_names
            back = law.term.from_field(field, point)
            for parameter, value in params.items():
                np.testing.assert_allclose(back[parameter], value, rtol=1e-9)
            here = np.exp(law.term.log_value(params, x, point))
            there = law.loss(runs.columns, {k: float(v) for k, v in field.items()})
            np.testing.assert_allclose(here, there, rtol=1e-8)


def drawn(law: Law, n: int, seed: int) -> list[dict[str, Any]]:
    """Draws from the priors for a loss of three, with a drop that leaves most of it."""
    rng = np.random.default_rng(seed)
    own = {p.name: (law.priors[p.name], p.positive) for p in law.parameters}
    found = [
        {k: float(q.draws(1, rng, 3.0, pos)[0]) for k, (q, pos) in own.items()} for _ in range(n)
    ]
    return [{**values, "drop": min(values["drop"], 0.3 * values["L_0"])} for values in found]


@pytest.mark.parametrize("name", ["multi_power", "annealing"])
def test_the_gradient_is_finite_all_over_the_prior(name: str) -> None:
    """The drop is not held back here: where it takes more than the loss, the log goes on."""
    law = bs.laws.get(name)
    runs = curves()
    point, x = reference_point(runs.columns, law), law.coordinates(runs.columns)
    rng = np.random.default_rng(0)
    params = {p.name: law.priors[p.name].draws(300, rng, 3.0, p.positive) for p in law.parameters}
    params["drop"][:20] *= 1e3
    with float64():
        both = jax.vmap(
            jax.value_and_grad(lambda q: law.term.log_value(q, x, point).sum()), in_axes=(0,)
        )
        value, slopes = both(params)
    assert np.all(np.isfinite(value))
    for parameter, slope in slopes.items():
        assert np.all(np.isfinite(slope)), parameter


@pytest.mark.parametrize("name", ["multi_power", "annealing"])
def test_another_unit_of_the_learning_rate_changes_nothing(name: str) -> None:
    law = bs.laws.get(name)
    ours, theirs = curves(), curves(peak=3e-4 * 1000)
    with float64():
        for params in drawn(law, 10, 2):
            values = [
                law.term.log_value(
                    params, law.coordinates(runs.columns), reference_point(runs.columns, law)
                )
                for runs in (ours, theirs)
            ]
            # Which node a change at an edge belongs to is decided by rounding.
            np.testing.assert_allclose(*values, atol=1e-6)


def test_composition() -> None:
    """A law of size and schedule; and what is put around a schedule is refused."""
    law = bs.laws.parse("annealed(irreducible + power(N) + power(S1), momentum)")
    assert law.inputs == ("N", "S1", "S")
    assert law.paths == (COLUMN,)
    assert law.term == Annealed(Irreducible() + Power("N") + Power("S1"), Momentum())
    outside = bs.laws.parse("annealed(power(S1)) + power(N)")
    assert outside.paths == (COLUMN,)
    for text in ("coupled(annealed(power(S1)))", "annealed(power(S1))*overtraining(D)"):
        with pytest.raises(BayescaleError, match="outside of all but a sum"):
            bs.laws.parse(text)
    with pytest.raises(LawError, match="not given lr_schedule"):
        bs.laws.get("multi_power").loss({"S1": 1.0, "S": 1.0}, {})


def test_what_a_schedule_is_missing_is_said() -> None:
    runs = read_quietly({"S": [10.0, 20, 30], "S1": [1.0, 2, 3], "loss": [3.0, 2.5, 2.2]})
    with pytest.raises(RunsError, match=r"no learning-rate schedules.*--column run=curve_id"):
        bs.fit("multi_power", runs, noise="normal")


def test_a_law_costs_the_same_however_many_steps_there_are() -> None:
    """Rows of a thousand and of a million steps: the arrays have one shape, and so one cost."""
    law = bs.laws.get("multi_power")
    shapes = set()
    for total in (1_000, 1_000_000):
        started = time.perf_counter()
        x = law.coordinates(curves(total=total).columns)
        assert time.perf_counter() - started < 10.0
        shapes.add(x[COLUMN].shape[1:])
    assert shapes == {(64, 4)}


# --- fits --------------------------------------------------------------------------------------

TRUTH: P = {
    **{"L_0": 3.04, "A": 0.525, "alpha": 0.508, "B": 363.8},
    **{"C": 2.066, "beta": 0.583, "gamma": 0.641},
}


def simulated(law: str, values: P, seed: int, sigma: float = 0.002, length: float = 0.3) -> Runs:
    """Losses of the law with an Ornstein-Uhlenbeck process in ln S along each run."""
    runs = curves(n=25)
    mean = bs.laws.get(law).loss(runs.columns, values)
    noise = bs.noise.get("curve(S)")
    rng = np.random.default_rng(seed)
    rows = noise.rows(runs, {}, runs)
    off = noise.simulate(rng, np.zeros(len(runs)), {"sigma": sigma, "length": length}, rows)
    return read_quietly({**runs.columns, "loss": mean * np.exp(off)})


@pytest.mark.parametrize(("law", "values"), [("multi_power", TRUTH), ("annealing", ANNEALING)])
def test_recovery_and_forecast_of_a_new_schedule(law: str, values: P, tmp_path: Path) -> None:
    runs = simulated(law, values, 3)
    fit = bs.fit(law, runs, draws=1200, warmup=400, chains=2, seed=0, progress=False)
    assert fit.noise.name == "curve(S)"
    assert fit.diagnosis.converged
    for name in ("L_0", "A", "alpha"):
        draws = fit.parameters[name].ravel()
        assert abs(draws.mean() - values[name]) < 4 * draws.std(), name
    # A cosine, longer than what was fitted, as a user has it: steps and learning rates.
    steps = np.arange(500.0, 30_001.0, 500.0)
    lr = 3e-4 * (0.1 + 0.45 * (1 + np.cos(np.pi * steps / 30_000)))
    ahead = bs.forecast(fit, {"steps": steps, "lr": lr, "loss": np.full(60, 3.0)})
    truth = bs.laws.get(law).loss(ahead.points, values)
    low, high = (np.quantile(ahead.latent, p, axis=0) for p in (0.0005, 0.9995))
    inside = (low < truth) & (truth < high)
    assert inside.mean() > 0.9
    assert np.abs(ahead.quantile(0.5, "latent") - truth)[10:].max() < 0.02
    # By schedule in words, and from a file again.
    at = {"S": [10_000, 20_000], COLUMN: "0:0 2000:3e-4 16000:3e-4 20000:3e-5"}
    here = bs.forecast(fit, at)
    fit.save(tmp_path / "fit.nc")
    again = bs.load(tmp_path / "fit.nc")
    assert list(again.runs[COLUMN]) == list(runs[COLUMN])
    np.testing.assert_allclose(bs.forecast(again, at).latent, here.latent)
    with pytest.raises(RunsError, match="lr_schedule"):
        bs.forecast(fit, {"S": 10_000, "S1": 3.0})


def test_rescaled_learning_rates_give_the_same_forecast() -> None:
    runs = simulated("multi_power", TRUTH, 4)
    other = read_quietly(
        {
            **{name: runs[name] for name in ("run", "S", "loss")},
            COLUMN: curves(peak=0.3, n=25)[COLUMN],
        }
    )
    found = [bs.point_fit("multi_power", table) for table in (runs, other)]
    losses = [fit.loss(table.columns) for fit, table in zip(found, (runs, other), strict=True)]
    np.testing.assert_allclose(*losses, rtol=2e-5)
    assert found[1].values["B"] == pytest.approx(found[0].values["B"] / 1000, rel=0.05)


def test_tiny_curves_can_be_fitted() -> None:
    runs = bs.datasets.load("tiny_curves").where('role == "schedule" and S > 300 and N < 2e4')
    fit = bs.point_fit("multi_power", runs)
    assert fit.converged
    off = np.abs(np.log(fit.loss(runs.columns) / runs.loss))
    flat = bs.point_fit("irreducible + power(S1)", runs, noise="curve(S)")
    assert off.mean() < 0.3 * np.abs(np.log(flat.loss(runs.columns) / runs.loss)).mean()


def test_published_parameters_meet_the_published_curves(shared_data: Path) -> None:
    """Mean absolute error of the six curves that were not fitted: 0.0038 and 0.0044 nats."""
    import pandas as pd

    curves = pd.read_csv(shared_data / "multipower_curves.csv").assign(warmup_steps=2159)
    law = bs.laws.get("multi_power")
    for size, published in (("25M", 0.0038), ("100M", 0.0044)):
        own = curves[curves["curve_id"].str.startswith(f"{size}/") & (curves["split"] != "fit")]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", bs.BayescaleWarning)
            runs = bs.read_runs(own, columns={"run": "curve_id"})
        off = np.abs(law.loss(runs.columns, law.preset(f"luo2025_{size.lower()}")) - runs.loss)
        mean = np.mean([off[runs["run"] == name].mean() for name in np.unique(runs["run"])])
        assert mean == pytest.approx(published, abs=6e-4)


def test_where_a_fall_leaves_no_loss_the_formula_has_no_value() -> None:
    term = Annealed(Irreducible() + Power("S1"))
    runs = table(["0:0 10:1 2000:0"], 2000)
    x = dict(Law(name="annealed", term=term).coordinates(runs.columns))
    x[COLUMN] = x[COLUMN] * np.where(np.arange(4) == 0, -1.0, 1.0)  # the rise as a fall
    reference = {"S1": 1.0}
    params = {"E": 1.0, "T_S1": 1.0, "alpha_S1": 0.5, "h": 10.0, "beta": 0.6, "gamma": 0.6}
    with float64():
        small, large = (
            np.asarray(term.undefined(params | {"drop": drop}, x, reference))
            for drop in (0.01, 100.0)
        )
    assert not small.any()
    assert large.any()
