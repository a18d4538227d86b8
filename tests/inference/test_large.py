"""Large tables: blocks, devices, groups, and what is kept of them."""

from __future__ import annotations

import functools
import json
import math
import os
import subprocess
import sys
from dataclasses import replace
from typing import Any

import jax
import numpy as np
import pytest
import scipy.stats as ss

import bayescale as bs
from bayescale import fitting, forecasting
from bayescale.errors import BayescaleError
from bayescale.fitting import build_model
from bayescale.inference import cost, density, point, rows, runtime
from bayescale.inference import evaluate as evaluate_module
from bayescale.inference.cost import Cost
from bayescale.inference.evaluate import evaluate, prepare
from bayescale.inference.runtime import float64
from bayescale.model import LARGE, Model, bucket
from bayescale.plots import layers, residuals
from bayescale.plots.layers import MOST

TRUTH = {"E": 1.8, "T_N": 0.5, "T_D": 0.5, "alpha": 0.34, "beta": 0.36, "sigma": 0.0045, "nu": 4.0}


def simulated(n: int, *, inputs: int | None = None, noise: str = "student_t") -> bs.Runs:
    """Runs that all differ, or that share a number of inputs; five rows to a run."""
    rng = np.random.default_rng(n)
    k = inputs or n
    size = np.exp(rng.uniform(16, 23, k))
    tokens = size * np.exp(rng.uniform(1, 5, k))
    which = np.arange(k) if inputs is None else rng.integers(k, size=n)
    error = rng.standard_t(4, n) if noise == "student_t" else rng.standard_normal(n)
    mean = 1.8169 + 482.01 * size**-0.3478 + 2085.43 * tokens**-0.3658
    return bs.Runs(
        columns={
            "N": size[which],
            "D": tokens[which],
            "C": 6 * size[which] * tokens[which],
            "loss": mean[which] * np.exp(0.0045 * error),
            "run": np.array([f"r{i // 5}" for i in range(n)]),
        },
        mapping={},
        labels=tuple(f"row {i}" for i in range(n)),
    )


def params_of(model: Model) -> dict[str, np.float64]:
    return {p.name: np.float64(TRUTH[p.name]) for p in model.parameters}


def value_and_slope(model: Model, data: dict[str, Any]) -> tuple[float, np.ndarray]:
    signature = model.signature
    with float64():
        u = density.to_unconstrained(params_of(model), signature, data)
        value, slope = jax.jit(
            jax.value_and_grad(lambda u, data: density.potential(u, signature, data))
        )(u, data)
        return float(value), np.asarray(slope)


@pytest.mark.parametrize("n", [LARGE + 1, 9001])
def test_blocks_change_nothing(n: int) -> None:
    model = build_model("chinchilla")
    data = model.data(simulated(n))
    blocks = rows.arranged(data, jax.devices()[:1])
    assert blocks["mask"].ndim == 3
    assert rows.n_rows(blocks) == n
    np.testing.assert_array_equal(rows.flat(blocks)["loss"], data["loss"][:n])
    value, slope = value_and_slope(model, data)
    in_blocks, slope_in_blocks = value_and_slope(model, blocks)
    assert in_blocks == pytest.approx(value, rel=1e-13)
    np.testing.assert_allclose(slope_in_blocks, slope, rtol=1e-9)


def test_a_small_table_lies_in_one_piece() -> None:
    data = build_model("chinchilla").data(simulated(LARGE))
    assert rows.arranged(data) is data


def test_little_padding() -> None:
    for n in (LARGE + 1, 10_000, 99_856, 1_000_000, 1_048_577):
        assert n <= bucket(n) <= 1.13 * n
        data = {"mask": np.ones(n, bool)}
        assert rows.arranged(data, jax.devices()[:1])["mask"].size <= 1.13 * n + 4096


@pytest.mark.parametrize("name", ["student_t", "laplace", "huber(0.001)"])
def test_other_noise_is_not_grouped(name: str) -> None:
    model = build_model("chinchilla", name)
    assert rows.grouped(model.data(simulated(5000, inputs=40)), model.signature) is None


def test_inputs_that_hardly_repeat_are_not_grouped() -> None:
    model = build_model("chinchilla", "normal")
    assert rows.grouped(model.data(simulated(5000)), model.signature) is None
    assert rows.grouped(model.data(simulated(400, inputs=40)), model.signature) is None


@pytest.mark.parametrize("inputs", [40, LARGE + 500])
def test_groups_hold_all_that_their_rows_say(inputs: int) -> None:
    """Few groups, and so many that they lie in blocks."""
    model = build_model("chinchilla", "normal")
    runs = simulated(20_000, inputs=inputs, noise="normal")
    data = model.data(runs)
    groups = rows.grouped(data, model.signature)
    assert groups is not None
    assert rows.n_runs(groups) == 20_000
    assert rows.n_rows(groups) == len(set(runs["N"]))
    laid = rows.arranged(groups)
    assert (laid["mask"].ndim == 3) == (inputs > LARGE)
    value, slope = value_and_slope(model, data)
    grouped_value, grouped_slope = value_and_slope(model, laid)
    assert grouped_value == pytest.approx(value, rel=1e-12)
    np.testing.assert_allclose(grouped_slope, slope, rtol=1e-8)


def test_a_grouped_fit_is_the_fit_of_the_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    runs = simulated(6000, inputs=40, noise="normal")
    options: dict[str, Any] = {"noise": "normal", "method": "laplace", "progress": False}
    grouped = bs.fit("chinchilla", runs, **options)
    assert "40 distinct inputs" in grouped.diagnosis.text()
    monkeypatch.setattr(fitting, "grouped", lambda data, signature: None)
    plain = bs.fit("chinchilla", runs, **options)
    assert "distinct inputs" not in plain.diagnosis.text()
    for name, values in plain.draws.items():
        np.testing.assert_allclose(grouped.draws[name], values, rtol=1e-6)
    np.testing.assert_allclose(grouped.log_likelihood_sum, plain.log_likelihood_sum, atol=1e-5)
    np.testing.assert_allclose(grouped.residuals, plain.residuals, atol=1e-7)


def test_single_precision_errs_where_ours_does_not() -> None:
    """Against SciPy's density, added up exactly."""
    n = 100_000
    runs = simulated(n)
    model = build_model("chinchilla")
    signature, data, p = model.signature, model.data(runs), params_of(model)
    n0, d0 = (np.exp(np.mean(np.log(runs[x]))) for x in "ND")
    mean = p["E"] + p["T_N"] * (runs["N"] / n0) ** -p["alpha"]
    mean += p["T_D"] * (runs["D"] / d0) ** -p["beta"]
    residual = np.log(runs.loss) - np.log(mean)
    each = ss.t.logpdf(residual, p["nu"], scale=p["sigma"]) - np.log(runs.loss)
    exact = math.fsum(each)

    def total(p: Any, data: Any) -> Any:
        return density.log_likelihood_sum(p, signature, data)

    with float64():
        ours = float(jax.jit(total)(p, rows.arranged(data)))
    with jax.enable_x64(False):
        single = jax.tree.map(
            lambda v: np.asarray(v, np.float32) if np.asarray(v).dtype.kind == "f" else v, (p, data)
        )
        theirs = float(jax.jit(total)(*single))
    assert abs(ours - exact) < 1e-6
    assert abs(theirs - exact) > 0.01


def test_the_whole_table_finds_what_a_look_at_some_rows_began() -> None:
    """As all starts do, had they gone downhill on every row."""
    model = build_model("chinchilla")
    data = model.data(simulated(LARGE + 300))
    found = point.optimise(model, data)
    whole = rows.flat(data)
    with float64():
        starts = np.asarray(
            point._programs(model.signature).enter(point._starts(model, whole), whole)
        )
        u, value, decrement, _ = point._minimise(model, whole, starts[:4], (1.0, 1.0))
    best = int(np.argmin(value))
    assert decrement[best] < 1e-6
    assert found.value[0] == pytest.approx(value[best], abs=1e-6)
    np.testing.assert_allclose(found.u[0], u[best], atol=1e-5)
    assert found.decrement[0] < 1e-6


def note(ticks: list[tuple[int, int]], done: int, total: int) -> None:
    ticks.append((done, total))


def test_sums_are_those_of_the_runs() -> None:
    model = build_model("chinchilla")
    small, large = simulated(300), simulated(LARGE + 300)
    rng = np.random.default_rng(0)
    for runs in (small, large):
        data = model.data(runs)
        u = point.optimise(model, data).u[0] + 0.001 * rng.standard_normal((130, 7))
        prepare(model.signature, data, len(u))
        ticks: list[tuple[int, int]] = []
        found = evaluate(model.signature, u, data, functools.partial(note, ticks))
        again = evaluate(model.signature, u[-3:], data)  # another block of draws
        np.testing.assert_allclose(again.log_density, found.log_density[-3:], rtol=1e-12)
        if runs is small:
            np.testing.assert_allclose(found.log_likelihood.sum(axis=1), found.log_likelihood_sum)
            assert found.take(np.array([2, 0])).log_likelihood.shape == (2, 300)
        else:
            assert ticks == [(100, 130), (130, 130)]
            assert found.take(np.array([2, 0])).pointwise is None
            with pytest.raises(BayescaleError, match="not kept run by run"):
                _ = found.log_likelihood


@pytest.fixture(scope="module")
def fit() -> bs.Fit:
    return bs.fit("chinchilla", simulated(5000), method="laplace", draws=500, progress=False)


def test_a_large_fit_finds_the_truth(fit: bs.Fit) -> None:
    assert fit.diagnosis.converged
    assert fit.pointwise is None
    table = fit.table()
    for name, value in {"E": 1.8169, "alpha": 0.3478, "beta": 0.3658, "sigma": 0.0045}.items():
        assert abs(table.loc[name, "mean"] - value) < 4 * table.loc[name, "sd"]


def test_a_large_fit_says_what_its_rows_are(fit: bs.Fit) -> None:
    assert "5,000 rows are 1,000 runs (column 'run')" in fit.diagnosis.text()
    assert "factor of up to 2.2" in fit.diagnosis.text()
    unnamed = replace(fit.runs, columns={k: v for k, v in fit.runs.columns.items() if k != "run"})
    assert "no column says which" in fitting.large.notes(unnamed, None)[0]
    assert fitting.large.notes(simulated(100), None) == ()


def test_what_needs_every_run_is_refused_or_to_first_order(fit: bs.Fit) -> None:
    with pytest.raises(BayescaleError, match="5,000 runs at 2,000 draws was not kept"):
        _ = fit.log_likelihood
    log_law = fit.log_law({name: fit.runs[name] for name in fit.law.inputs})
    exact = np.log(fit.runs.loss) - np.median(log_law, axis=(0, 1))
    np.testing.assert_allclose(fit.residuals, exact, atol=3e-5)
    influence = fit.influence()
    assert list(influence.index[:2]) == ["row 0", "row 1"]
    # The covariance itself, of some runs, from SciPy's density at every draw.
    some = np.arange(0, 5000, 25)
    p = {name: values.reshape(-1, 1) for name, values in fit.draws.items()}
    residual = np.log(fit.runs.loss[some]) - log_law.reshape(-1, 5000)[:, some]
    likelihood = ss.t.logpdf(residual, p["nu"], scale=p["sigma"])
    for name in ("E", "beta", "a"):
        values = fit.parameters[name].ravel()
        covariance = [np.cov(values, column)[0, 1] for column in likelihood.T]
        expected = -np.array(covariance) / values.std()
        np.testing.assert_allclose(influence[name].to_numpy()[some], expected, atol=3e-3)
        assert np.corrcoef(influence[name].to_numpy()[some], expected)[0, 1] > 0.999


def test_a_large_fit_is_saved_and_forecasts(fit: bs.Fit, tmp_path: Any) -> None:
    assert {"log_likelihood", "posterior_predictive"}.isdisjoint(fit.tree.children)
    fit.save(tmp_path / "fit.nc")
    again = bs.load(tmp_path / "fit.nc")
    assert again.pointwise is None
    np.testing.assert_array_equal(again.log_likelihood_sum, fit.log_likelihood_sum)
    np.testing.assert_array_equal(again.residuals, fit.residuals)
    ahead = [bs.forecast(each, {"N": 1e11, "D": 1e12}).quantile(0.5) for each in (fit, again)]
    np.testing.assert_array_equal(*ahead)


def test_the_method_follows_from_what_a_gradient_costs(monkeypatch: pytest.MonkeyPatch) -> None:
    runs = simulated(5000)
    monkeypatch.setattr(cost, "UNMEASURED", 4999)
    monkeypatch.setattr(cost, "measure", lambda *_: Cost(0.0658, 1369.0))
    quick = bs.fit("chinchilla", runs, draws=500, progress=False)
    assert quick.method == "laplace"
    assert "takes 65.8 ms here" in quick.diagnosis.text()
    assert "expected to take 23 minutes, more than 5 minutes" in quick.diagnosis.text()

    class SampledError(Exception):
        pass

    def sampled(*_: Any) -> None:
        raise SampledError

    monkeypatch.setattr(fitting, "_by_nuts", sampled)
    with pytest.raises(SampledError):  # asked for
        bs.fit("chinchilla", runs, method="nuts", progress=False)
    monkeypatch.setattr(cost, "measure", lambda *_: Cost(0.001, 10.0))
    with pytest.raises(SampledError):  # cheap
        bs.fit("chinchilla", runs, progress=False)
    monkeypatch.setattr(cost, "UNMEASURED", 5000)
    monkeypatch.setattr(cost, "measure", lambda *_: pytest.fail("was measured"))
    with pytest.raises(SampledError):  # small enough not to ask
        bs.fit("chinchilla", runs, progress=False)


def test_the_gradient_is_timed() -> None:
    model = build_model("chinchilla", "normal")
    data = model.data(simulated(5000))
    found = cost.measure(model.signature, data, np.zeros(6), fitting.Settings())
    assert 0 < found.gradient < found.nuts


DEVICES = """
import json
import jax
import numpy as np
from bayescale.fitting import build_model
from bayescale.inference import density, nuts, point, rows
from bayescale.inference.evaluate import evaluate, summarise_rows
from bayescale.inference.runtime import float64
from tests_large import simulated

model = build_model("chinchilla", "normal")
data, signature = model.data(simulated(9001)), model.signature
found = []
for n in (1, 4):
    laid = rows.arranged(data, jax.devices()[:n])
    optima = point.optimise(model, laid)
    u = optima.u[0] + 1e-3 * np.random.default_rng(0).standard_normal((30, 6))
    total = evaluate(signature, u, laid).log_likelihood_sum
    centre = {name: float(v[0]) for name, v in optima.params.items()}
    covariance = {name: np.array([1.0, 2.0]) for name in centre}
    summary = summarise_rows(signature, centre, covariance, laid)
    factor = np.linalg.cholesky(np.linalg.inv(optima.hessian[0]))
    chains = nuts.sample(
        signature, laid, optima.u[0], factor, np.zeros((2, 6)), float(optima.value[0]), 0,
        nuts.Settings(100, 100, 2),
    )
    with float64():
        gradient = jax.jit(jax.grad(density.potential), static_argnums=1)
        compiled = gradient.lower(u[0], signature, laid).compile()
    found.append({
        "shards": len(laid["loss"].sharding.device_set),
        "rows": [s.data.shape for s in laid["loss"].addressable_shards],
        "value": float(optima.value[0]), "u": optima.u[0].tolist(), "total": total.tolist(),
        "summary": summary.covariance[:, 0].tolist(), "mean": chains.u.mean((0, 1)).tolist(),
        "hlo": compiled.as_text(),
    })
print(json.dumps(found))
"""


def test_several_devices_agree_with_one(tmp_path: Any, root: Any) -> None:
    """Four devices of the host, in a process of their own, which must be told before JAX starts."""
    (tmp_path / "tests_large.py").write_text(
        (root / "tests" / "inference" / "test_large.py").read_text(encoding="utf-8"), "utf-8"
    )
    flags = f"{os.environ.get('XLA_FLAGS', '')} --xla_force_host_platform_device_count=4"
    done = subprocess.run(
        [sys.executable, "-c", DEVICES],
        env={**os.environ, "XLA_FLAGS": flags, "JAX_PLATFORMS": "cpu", "PYTHONPATH": str(tmp_path)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    one, four = json.loads(done.stdout.splitlines()[-1])
    assert (one["shards"], four["shards"]) == (1, 4)
    assert four["rows"] == [[1, *four["rows"][0][1:]]] * 4
    assert four["value"] == pytest.approx(one["value"], rel=1e-13)
    np.testing.assert_allclose(four["u"], one["u"], rtol=1e-9)
    np.testing.assert_allclose(four["total"], one["total"], rtol=1e-12)
    np.testing.assert_allclose(four["summary"], one["summary"], rtol=1e-7, atol=1e-9)
    np.testing.assert_allclose(four["mean"], one["mean"], rtol=1e-4)
    # Rows stay where they are: the devices meet in sums, and only once the loop is over.
    assert "all-gather" not in four["hlo"]
    assert "all-to-all" not in four["hlo"]
    assert "collective-permute" not in four["hlo"]
    assert "all-reduce" in four["hlo"]
    assert "all-reduce" not in one["hlo"]


MILLION = """
import resource, sys
import numpy as np
import bayescale as bs
from tests_large import simulated

fit = bs.fit("chinchilla", simulated(1_000_000), method="laplace", progress=False)
assert fit.diagnosis.converged, fit.diagnosis.text()
fit.influence()
fit.save(sys.argv[1])
bs.load(sys.argv[1])
unit = 1 if sys.platform == "darwin" else 1024
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit)
"""


@pytest.mark.slow
def test_a_million_rows_fit_within_four_gigabytes(tmp_path: Any, root: Any) -> None:
    (tmp_path / "tests_large.py").write_text(
        (root / "tests" / "inference" / "test_large.py").read_text(encoding="utf-8"), "utf-8"
    )
    done = subprocess.run(
        [sys.executable, "-c", MILLION, str(tmp_path / "fit.nc")],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert float(done.stdout.split()[-1]) < 4e9


def test_more_points_than_memory_holds_are_refused(fit: bs.Fit) -> None:
    points = {"N": np.full(20_001, 1e10), "D": 1e12}
    with pytest.raises(BayescaleError, match="20,001 points.*at most 20,000 points at a time"):
        bs.forecast(fit, points)


def test_the_page_agrees_with_the_package(root: Any) -> None:
    page = " ".join((root / "docs" / "large-tables.md").read_text("utf-8").split())
    for sentence in (
        f"above {LARGE:,} rows",
        f"Up to {cost.UNMEASURED:,} rows",
        f"{cost.TOO_LONG / 60:.0f} minutes".replace("5", "five"),
        f"starts go downhill on {point.LOOK:,} rows",
        f"no more than {evaluate_module.KEPT // 10**6} million numbers",
        f"{evaluate_module.KEPT // 4000:,} runs at 4000 draws",
        f"{MOST:,} of the runs drawn",
        f"{forecasting.MOST // 10**6} million numbers",
        f"{forecasting.MOST // 4000:,} points at 4000 draws",
        f"blocks of {runtime.rows_at_once():,}",
        f"lanes of {evaluate_module.LANES}",
    ):
        assert sentence in page, sentence


def test_many_runs_are_drawn_in_part(fit: bs.Fit, monkeypatch: pytest.MonkeyPatch) -> None:
    """The envelope by order statistics is the one by simulation, where both can be had."""
    whole = fit.plot("residuals")
    monkeypatch.setattr(layers, "MOST", 400)
    monkeypatch.setattr(residuals, "MOST", 400)
    some = fit.plot("residuals")

    def part(figure: Any, gid: str) -> Any:
        return next(a for ax in figure.axes for a in ax.collections if a.get_gid() == gid)

    assert len(part(whole, "residuals against N").get_offsets()) == 5000
    assert len(part(some, "residuals against N").get_offsets()) == 400
    simulated_at = part(whole, "quantiles").get_offsets()
    exact_at = part(some, "quantiles").get_offsets()
    middle = exact_at[np.abs(exact_at[:, 0]) < 5]
    again = np.interp(middle[:, 0], *np.asarray(simulated_at).T)
    np.testing.assert_allclose(middle[:, 1], again, atol=0.15)
    tops = [part(f, "envelope").get_paths()[0].get_extents().ymax for f in (whole, some)]
    assert tops[1] == pytest.approx(tops[0], rel=0.15)
    entries = fit.plot("band").legends[0].get_texts()
    assert any("5,000; 400 drawn" in entry.get_text() for entry in entries)
