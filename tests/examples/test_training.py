"""The training code, on models and texts small enough to train in a test."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest


@pytest.fixture(scope="module")
def text():
    words = ["sea", "stone", "river", "light", "house", "under", "over", "green", "the", "a"]
    rng = np.random.default_rng(0)
    return " ".join(rng.choice(words, 60_000)).encode()


@pytest.fixture(scope="module")
def base(study, text):
    raw = np.frombuffer(text, np.uint8)
    return study("corpus").Corpus(raw[:-70_000], raw[-70_000:], "0" * 64)


@pytest.fixture(scope="module")
def run(study):
    shape = study("train").Shape(n_layers=1, d_model=8, n_heads=1)
    return study("run").Run("test", "test", shape, steps=96, batch=4, lr=0.02, seed=5)


@pytest.fixture(scope="module")
def record(study, base, run, few):
    measured = dataclasses.replace(run, curve=True, noise_scale=True, schedule="wsd")
    return study("record").train_run(measured, base, base.train)


@pytest.fixture(scope="module")
def few(study):
    """Score on few held-out sequences, at few points."""
    patch = pytest.MonkeyPatch()
    for name, value in {"CURVE_POINTS": 7, "CURVE_SEQUENCES": 64, "NOISE_SEQUENCES": 16}.items():
        patch.setattr(study("record"), name, value)
    evaluate = study("train").evaluate
    patch.setattr(study("record"), "evaluate", lambda p, t, h, n=256: evaluate(p, t, h, n))
    yield
    patch.undo()


def test_the_loss_falls_and_everything_is_recorded(record, run):
    row, curve = record["row"], record["curve"]
    assert row["status"] == "ok" and row["d_tokens"] == 96 * 4 * 128
    assert row["loss"] < 2.5 < np.log(256)
    assert [point["step"] for point in curve] == sorted({point["step"] for point in curve})
    assert curve[-1]["step"] == run.steps and curve[0]["loss"] > curve[-1]["loss"] + 1
    measured = [point for point in curve if "gradient_variance" in point]
    assert curve[-1] in measured and len(measured) == 3
    assert all(point["gradient_variance"] > 0 for point in measured)
    assert curve[-1]["loss"] == pytest.approx(row["loss"], abs=0.1)
    assert curve[-1]["lr_sum"] > curve[0]["lr_sum"] > 0


def test_a_seed_gives_the_same_run_and_another_seed_another(study, base, run, few):
    train_run = study("record").train_run
    first, again = (train_run(run, base, base.train)["row"]["loss"] for _ in range(2))
    other = train_run(dataclasses.replace(run, seed=6), base, base.train)["row"]["loss"]
    assert first == again != other


def test_the_held_out_text_is_the_same_whatever_was_trained_on(study, base, run, few):
    seen = []
    record = study("record")
    inner = record.evaluate
    patch = pytest.MonkeyPatch()
    patch.setattr(record, "evaluate", lambda p, t, *r: (seen.append(t), inner(p, t, *r))[1])
    record.train_run(run, base, base.train[:100_000])
    record.train_run(run, base, base.train[100_000:])
    patch.undo()
    assert len(seen) == 2 and all(held_out is base.held_out for held_out in seen)


def test_epochs_repeat_the_same_sequences_in_another_order(study):
    order = study("train").order_of_text(128 * 1000, 64, 4, np.random.default_rng(1))
    passes = order.reshape(4, 16)
    assert len(set(passes[0])) == 16
    assert all(sorted(each) == sorted(passes[0]) for each in passes)
    assert not (passes[0] == passes[1]).all()
    once = study("train").order_of_text(128 * 1000, 64, 1, np.random.default_rng(1))
    assert (once[:16] == passes[0]).all() and len(set(once)) == 64
    for sequences, epochs in ((65, 4), (2000, 1)):
        with pytest.raises(ValueError, match="whole number"):
            study("train").order_of_text(128 * 1000, sequences, epochs, np.random.default_rng(1))


def test_the_cosine_is_that_of_optax(study):
    optax = pytest.importorskip("optax")
    for steps in (96, 400, 5000):
        warmup = max(16, round(0.05 * steps))
        schedule = optax.warmup_cosine_decay_schedule(0.02 / warmup, 0.02, warmup, steps)
        expected = [float(schedule(step)) for step in range(steps)]
        found = study("schedules").learning_rates("cosine", 0.02, steps)
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-8)


def test_schedules_share_their_warm_up_and_differ_after_it(study):
    rates = {
        name: study("schedules").learning_rates(name, 0.01, 1000)
        for name in study("schedules").SCHEDULES
    }
    assert len(rates) >= 3
    for name, rate in rates.items():
        np.testing.assert_allclose(rate[:50], rates["cosine"][:50])
        assert rate.max() == pytest.approx(0.01) and (rate > 0).all()
        assert np.isfinite(rate).all(), name
    assert rates["constant"][-1] == pytest.approx(0.01)
    assert rates["wsd"][799] == pytest.approx(0.01) and rates["wsd"][900] == pytest.approx(0.005)
    assert rates["step"][499] == pytest.approx(0.01) and rates["step"][500] == pytest.approx(0.0025)
    with pytest.raises(ValueError, match="no schedule 'flat'"):
        study("schedules").learning_rates("flat", 0.01, 100)


def test_the_noise_scale_is_unbiased_where_the_truth_is_known(study):
    """Of |w - x|^2 / 2 with x normal, the gradient is w - E x and its covariance that of x."""
    rng = np.random.default_rng(0)
    w, mean = np.ones(5, np.float32), np.array([0.5, 0.0, 0.0, 1.0, 0.8])

    def loss(w, x):
        return 0.5 * ((w - x) ** 2).sum()

    draws = rng.normal(mean, 2.0, (400, 16, 5)).astype(np.float32)
    found = np.array([study("noise_scale").noise_scale(loss, w, x) for x in draws])
    truth = [((1 - mean) ** 2).sum(), 5 * 4.0]
    error = found.std(axis=0) / len(draws) ** 0.5
    assert (abs(found.mean(axis=0) - truth) < 3.5 * error).all()
    naive = found[:, 0].mean() + found[:, 1].mean() / 16  # the squared norm of the mean gradient
    assert abs(naive - truth[0]) > 10 * error[0]


def test_a_study_goes_on_where_it_stopped(study, tmp_path, record):
    store = study("record").Store(tmp_path / "results")
    assert store.names() == set()
    store.add(record)
    (tmp_path / "results" / "other.partial7").write_text('{"row": {"run"')  # killed while writing
    again = study("record").Store(tmp_path / "results")
    assert again.names() == {"test"}
    assert again.records() == [json.loads(json.dumps(record))]


def test_finished_runs_are_not_trained_again(study, tmp_path, base, run, record, monkeypatch, few):
    module = study("study")
    trained = []

    def train(run, *_):
        trained.append(run.name)
        return {"row": record["row"] | {"run": run.name, "seconds": 1.0}, "curve": []}

    monkeypatch.setattr(module, "train_run", train)
    runs = [dataclasses.replace(run, name=name) for name in ("a", "b", "c")]
    store = study("record").Store(tmp_path)
    texts = module.Texts(base, {}, tmp_path)
    module.train_all(runs, {"b"}, texts, store)
    module.train_all(runs, {"b"} | store.names(), texts, store)
    assert trained == ["a", "c"] and store.names() == {"a", "c"}
