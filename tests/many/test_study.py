"""The verb ``fit_many`` in one process: seeds, the store, failures, what is reported."""

from __future__ import annotations

import os
import time
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import bayescale as bs
from bayescale.errors import BayescaleError, BayescaleWarning, FileError, LawError
from bayescale.inference import adaptive
from bayescale.many import study as module
from bayescale.many.store import STALE, Store

type Make = Callable[..., dict[str, bs.Task]]


def median(fit: bs.Fit, at: float = 1e10) -> float:
    return float(bs.forecast(fit, {"N": [at]}).quantile(0.5)[0])


def test_each_fit_is_what_fit_gives(make_tasks: Make, options: dict[str, Any]) -> None:
    tasks = make_tasks(3)
    many = bs.fit_many(tasks, **options)
    assert list(many) == ["set0", "set1", "set2"]
    assert len(many) == 3
    for name, task in tasks.items():
        seed = many.records[name]["seed"]
        alone = bs.fit(task.law, task.runs, noise=task.noise, seed=seed, **options)
        for parameter, values in alone.draws.items():
            np.testing.assert_array_equal(many[name].draws[parameter], values)
        assert many[name].diagnosis.text() == alone.diagnosis.text()
    table, parameters = many.table(), many.parameters()
    assert list(table.index) == list(tasks)
    assert (table["method"] == "laplace").all()
    assert table["seed"].nunique() == 3
    assert parameters.loc[("set1", "E"), "q50"] == pytest.approx(
        np.median(many["set1"].parameters["E"])
    )
    assert len(repr(many).splitlines()) <= 12


def test_names_order_and_company_do_not_matter(
    make_tasks: Make, options: dict[str, Any], same: Callable[..., None]
) -> None:
    tasks = make_tasks(4)
    many = bs.fit_many(tasks, **options)
    turned = bs.fit_many(list(reversed(tasks.values())), **options)
    renamed = dict(zip(reversed(tasks), turned, strict=True))
    for name, number in renamed.items():
        np.testing.assert_array_equal(many[name].draws["E"], turned[number].draws["E"])
    alone = bs.fit_many({"set2": tasks["set2"]}, **options)
    np.testing.assert_array_equal(many["set2"].draws["E"], alone["set2"].draws["E"])
    other = bs.fit_many({"set2": tasks["set2"]}, seed=1, **options)
    assert not np.array_equal(many["set2"].draws["E"], other["set2"].draws["E"])
    given = {"set2": replace(tasks["set2"], seed=many.records["set2"]["seed"])}
    same(bs.fit_many(given, seed=1, **options), alone)


def test_threads_give_the_same(
    make_tasks: Make, options: dict[str, Any], same: Callable[..., None]
) -> None:
    tasks = make_tasks(6)
    with ThreadPoolExecutor(2) as executor:
        same(bs.fit_many(tasks, executor=executor, **options), bs.fit_many(tasks, **options))


def test_the_same_content_is_fitted_once(
    make_tasks: Make, options: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    task, fit = make_tasks(1)["set0"], module_fit()
    count: list[int] = []
    monkeypatch.setattr(
        "bayescale.many.work.fit_model", lambda *args: count.append(1) or fit(*args)
    )
    many = bs.fit_many({"a": task, "b": replace(task, given={"unused": 1})}, **options)
    assert len(count) == 1
    assert many["a"].seed == many["b"].seed


def module_fit() -> Any:
    from bayescale.many import work

    return work.fit_model


def test_a_study_goes_on_where_it_was_killed(
    make_tasks: Make,
    options: dict[str, Any],
    same: Callable[..., None],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tasks, fit, count = make_tasks(4), module_fit(), []

    def interrupted(*args: Any) -> bs.Fit:
        count.append(1)
        if len(count) == 3:
            raise KeyboardInterrupt
        return fit(*args)

    monkeypatch.setattr("bayescale.many.work.fit_model", interrupted)
    with pytest.raises(KeyboardInterrupt) as caught:
        bs.fit_many(tasks, folder=tmp_path, **options)
    assert "2 of 4 fits are finished" in caught.value.__notes__[0]
    assert not list(tmp_path.rglob("*.tmp"))
    many = bs.fit_many(tasks, folder=tmp_path, **options)
    assert len(count) == 5
    assert many.reused == {"set0", "set1"}
    assert many.table()["reused"].tolist() == [True, True, False, False]
    same(many, bs.fit_many(tasks, **options))
    bs.fit_many(dict(reversed(tasks.items())), folder=tmp_path, **options)
    assert len(count) == 9  # the four without a folder, and none for the last
    bs.fit_many(tasks, folder=tmp_path, **{**options, "draws": 300})
    assert len(count) == 13


def test_damaged_files_are_computed_again(
    make_tasks: Make, options: dict[str, Any], same: Callable[..., None], tmp_path: Path
) -> None:
    tasks = make_tasks(3)
    before = bs.fit_many(tasks, folder=tmp_path, **options)
    first, second, third = (Store(tmp_path).path(before.records[n]["key"]) for n in tasks)
    first.write_bytes(first.read_bytes()[:1000])
    changed = bytearray(second.read_bytes())
    changed[5000] ^= 0xFF
    second.write_bytes(changed)
    with pytest.raises(FileError, match="lost or changed"):
        before["set1"]
    with pytest.warns(BayescaleWarning, match="damaged and is computed again") as caught:
        after = bs.fit_many(tasks, folder=tmp_path, **options)
    assert len(caught) == 1
    assert after.reused == {"set2"}
    assert "'set0'" in after.text()
    same(after, bs.fit_many(tasks, **options))
    third.unlink()
    with pytest.raises(FileError, match="Run the study again"):
        after["set2"]


def test_what_a_killed_process_left_is_swept(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.write("ab" + "0" * 62, b"x")
    old, young = (tmp_path / "ab" / name for name in (".old.1.a.tmp", ".young.1.b.tmp"))
    for file in (old, young):
        file.write_bytes(b"half")
    long_ago = time.time() - 2 * STALE
    os.utime(old, (long_ago, long_ago))
    store.sweep()
    assert not old.exists()
    assert young.exists()


def test_a_folder_that_cannot_be_written_to(tmp_path: Path, make_tasks: Make) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(FileError, match="cannot be written to"):
        bs.fit_many(make_tasks(1), folder=tmp_path / "file" / "study")


def test_failures_are_reported_by_name_and_the_rest_goes_on(
    make_tasks: Make, make_runs: Callable[..., bs.Runs], options: dict[str, Any]
) -> None:
    good = make_tasks(2)
    runs = make_runs(0)
    below = replace(runs, columns={"N": runs["N"] - 1e6, "loss": runs.loss})
    tasks = {
        "no such law": bs.Task("chinchila", runs),
        "no D": bs.Task("chinchilla", runs),
        "zero": bs.Task("power_floor(N)", below, noise="normal"),
        **good,
    }
    with pytest.warns(BayescaleWarning, match="Failed: no such law, no D, zero. The first said"):
        many = bs.fit_many(tasks, **options)
    assert list(many.failures) == ["no such law", "no D", "zero"]
    assert list(many) == list(good)
    assert "There is no law 'chinchila'" in many.failures["no such law"].message
    assert many.failures["no D"].error == "RunsError"
    assert "takes its logarithm" in many.failures["zero"].message
    assert many.failures["zero"].trace == ""
    table = many.table()
    assert list(table.index) == list(tasks)
    assert (table["error"] != "").tolist() == [True, True, True, False, False]
    assert table["n_runs"].tolist() == [len(task.runs) for task in tasks.values()]
    with pytest.raises(LawError, match="'zero' failed"):
        many["zero"]
    with pytest.raises(LawError, match="no task 'other'"):
        many["other"]
    assert "zero" not in many
    assert many.get("zero") is None
    assert many != dict(many)


def test_reduce(make_tasks: Make, options: dict[str, Any], tmp_path: Path) -> None:
    tasks = make_tasks(3)
    aims = {name: replace(task, given={"at": 1e10}) for name, task in tasks.items()}
    whole = bs.fit_many(tasks, **options)
    many = bs.fit_many(aims, reduce=median, folder=tmp_path, **options)
    for name, value in many.items():
        assert value == median(whole[name])
    assert many.parameters().equals(whole.parameters())
    again = bs.fit_many(aims, reduce=median, folder=tmp_path, **options)
    assert len(again.reused) == 3
    farther = {**aims, "set0": replace(tasks["set0"], given={"at": 1e11})}
    some = bs.fit_many(farther, reduce=median, folder=tmp_path, **options)
    assert some.reused == {"set1", "set2"}
    assert some["set0"] < many["set0"]


def test_a_failing_reduce_has_a_trace(make_tasks: Make, options: dict[str, Any]) -> None:
    def reduce(fit: bs.Fit) -> float:
        raise ZeroDivisionError("of my own")

    with pytest.warns(BayescaleWarning, match="of my own"):
        many = bs.fit_many(make_tasks(1), reduce=reduce, **options)
    assert "in reduce" in many.failures["set0"].trace
    assert many.parameters().empty


def test_quick_moves_the_proposal_then_samples(
    make_runs: Callable[..., bs.Runs], monkeypatch: pytest.MonkeyPatch
) -> None:
    tasks = {
        "many runs": bs.Task("power_floor(N)", make_runs(1, 16), noise="normal"),
        "few runs": bs.Task("power_floor(N)", make_runs(3, 5), noise="normal"),
    }
    laplace = bs.fit_many(tasks, method="laplace", draws=500, progress=False)
    assert laplace.doubtful == ("few runs",)
    assert "Did not converge: few runs." in laplace.text()
    moved = bs.fit_many(tasks, draws=500, progress=False)
    table = moved.table()
    assert table["method"].tolist() == ["laplace", "laplace"]
    assert table["converged"].all()
    fit = moved["few runs"]
    assert "did not serve (" in fit.diagnosis.messages[-1]
    assert "a proposal that was moved" in fit.diagnosis.messages[-1]
    assert fit.diagnosis.quick_k == laplace.table().loc["few runs", "pareto_k"]
    assert fit.diagnosis.pareto_k < fit.diagnosis.quick_k

    monkeypatch.setattr(adaptive, "ROUNDS", 1)  # the proposal stays where it was
    many = bs.fit_many(tasks, draws=1000, progress=False)
    table = many.table()
    assert table["method"].tolist() == ["laplace", "nuts"]
    assert table["converged"].all()
    assert table["pareto_k"].tolist() == laplace.table()["pareto_k"].tolist()
    assert np.isnan(table.loc["many runs", "rhat_max"])
    assert table.loc["few runs", "rhat_max"] < 1.01
    sampled = many["few runs"]
    assert "The Laplace approximation did not serve (" in sampled.diagnosis.messages[-1]
    assert sampled.diagnosis.quick_k == table.loc["few runs", "pareto_k"]
    assert "1 by Laplace, 1 by NUTS, 0 failed" in many.text()
    # Two ways to one posterior: five runs leave heavy tails, so the middle half is compared.
    for name, draws in sampled.draws.items():
        wide = np.ptp(np.quantile(draws, [0.25, 0.75]))
        for p in (0.25, 0.5, 0.75):
            assert abs(np.quantile(fit.draws[name], p) - np.quantile(draws, p)) < 0.2 * wide


def test_progress_is_told(make_tasks: Make, options: dict[str, Any]) -> None:
    told: list[tuple[int, int]] = []
    bs.fit_many(make_tasks(3), **{**options, "progress": lambda *seen: told.append(seen)})
    assert told == [(0, 3), (1, 3), (2, 3), (3, 3)]


@pytest.mark.parametrize(
    ("tasks", "change", "message"),
    [
        ([], {}, "There are no tasks"),
        ("chinchilla", {}, "a single str"),
        ([("chinchilla",)], {}, "The task '0' is tuple"),
        ({"a": ("chinchilla", {"N": 1})}, {}, "The runs of the task 'a' are dict"),
        (None, {"method": "vi"}, "no method 'vi'"),
        (None, {"workers": 0}, "number of workers is 0"),
        (None, {"executor": print}, "no method submit"),
        (None, {"reduce": 3}, "reduce is int"),
    ],
)
def test_what_is_refused(
    tasks: Any, change: dict[str, Any], message: str, make_tasks: Make
) -> None:
    with pytest.raises(BayescaleError, match=message):
        bs.fit_many(make_tasks(1) if tasks is None else tasks, progress=False, **change)


def test_a_data_frame_of_reduced_values(make_tasks: Make, options: dict[str, Any]) -> None:
    def ends(fit: bs.Fit) -> dict[str, float]:
        low, high = np.quantile(fit.parameters["E"], [0.05, 0.95])
        return {"low": low, "high": high}

    frame = pd.DataFrame(dict(bs.fit_many(make_tasks(2), reduce=ends, **options))).T
    assert (frame["low"] < 1.8).all()
    assert (frame["high"] > 1.7).all()


def test_no_warning_where_all_is_well(make_tasks: Make, options: dict[str, Any]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        many = bs.fit_many(make_tasks(1), **options)
    assert many.messages == ()
    assert module.fit_many is bs.fit_many
