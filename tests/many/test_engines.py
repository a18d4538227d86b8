"""Several processes: the same draws from every engine, and workers that die."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import bayescale as bs
from bayescale.errors import BayescaleWarning
from bayescale.many.store import Store

type Make = Callable[..., dict[str, bs.Task]]

pytestmark = pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="kills processes")


@pytest.fixture(scope="module")
def reference(make_tasks: Make, options: dict[str, Any]) -> bs.Many:
    """Eight fits made in this process."""
    return bs.fit_many(make_tasks(8), workers=1, **options)


def killing(marker: Path, at: int) -> Callable[..., Any]:
    """A reducing function that kills its worker at one fit, unless the marker is there already.

    It is made here so that it travels by value: workers cannot import this file.
    """
    place, seed = str(marker), at

    def medians(fit: bs.Fit) -> dict[str, float]:
        import os
        import signal

        if fit.seed == seed and not os.path.exists(place):
            if not place.endswith("never"):
                open(place, "w").close()
            os.kill(os.getpid(), signal.SIGKILL)
        return {name: float(values.mean()) for name, values in fit.draws.items()}

    return medians


def means(many: bs.Many) -> dict[str, dict[str, float]]:
    return {name: {k: float(v.mean()) for k, v in fit.draws.items()} for name, fit in many.items()}


def test_two_processes_and_the_death_of_one(
    make_tasks: Make, options: dict[str, Any], reference: bs.Many, tmp_path: Path
) -> None:
    """Each worker writes to the folder itself; the worker that dies once is replaced."""
    reduce = killing(tmp_path / "died", reference.records["set5"]["seed"])
    with pytest.warns(BayescaleWarning, match="worker process died"):
        many = bs.fit_many(
            make_tasks(8), workers=2, reduce=reduce, folder=tmp_path / "fits", **options
        )
    assert (tmp_path / "died").exists()
    assert not many.failures
    assert dict(many.items()) == means(reference)
    assert len(list((tmp_path / "fits").rglob("*.npz"))) == 8
    assert not list((tmp_path / "fits").glob(".study-*"))


def test_a_fit_that_always_kills_its_worker_is_told_from_its_neighbours(
    make_tasks: Make, options: dict[str, Any], reference: bs.Many, tmp_path: Path
) -> None:
    reduce = killing(tmp_path / "never", reference.records["set5"]["seed"])
    with pytest.warns(BayescaleWarning):
        many = bs.fit_many(make_tasks(8), workers=2, reduce=reduce, **options)
    assert list(many.failures) == ["set5"]
    assert "Its worker died" in many.failures["set5"].message
    assert dict(many.items()) == {k: v for k, v in means(reference).items() if k != "set5"}


def test_a_broken_executor_is_reported_and_the_study_goes_on_later(
    make_tasks: Make, options: dict[str, Any], reference: bs.Many, tmp_path: Path
) -> None:
    reduce = killing(tmp_path / "died", reference.records["set5"]["seed"])
    spawn = multiprocessing.get_context("spawn")
    with (
        ProcessPoolExecutor(1, mp_context=spawn) as executor,
        pytest.warns(BayescaleWarning, match="Start a new one and run the study again"),
    ):
        first = bs.fit_many(
            make_tasks(8), executor=executor, reduce=reduce, folder=tmp_path / "fits", **options
        )
    assert 0 < len(first) < 8
    assert len(first) + len(first.failures) == 8
    assert "set5" in first.failures
    many = bs.fit_many(make_tasks(8), workers=1, reduce=reduce, folder=tmp_path / "fits", **options)
    assert many.reused == set(first)
    assert dict(many.items()) == means(reference)


STUDY = """
import sys
import numpy as np
import bayescale as bs
from bayescale.runs.read import read_quietly

def runs(seed, n=14):
    rng = np.random.default_rng(seed)
    size = np.geomspace(1e6, 1e9, n)
    loss = (1.8 + 400.0 / size**0.34) * np.exp(0.01 * rng.standard_normal(n))
    return read_quietly({"N": size, "loss": loss})

tasks = {f"set{i}": bs.Task("power_floor(N)", runs(i), noise="normal") for i in range(400)}
print("start", flush=True)
bs.fit_many(tasks, method="laplace", draws=200, chains=2, workers=2, folder=sys.argv[1])
"""
"""A script without a guard against being run again by its workers."""


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_a_study_killed_in_the_middle(
    how: signal.Signals,
    make_tasks: Make,
    options: dict[str, Any],
    reference: bs.Many,
    tmp_path: Path,
    same: Callable[..., None],
) -> None:
    script, folder = tmp_path / "study.py", tmp_path / "fits"
    script.write_text(STUDY)
    process = subprocess.Popen(
        [sys.executable, str(script), str(folder)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    limit = time.time() + 120
    while len(list(folder.rglob("*.npz"))) < 12 and process.poll() is None:
        assert time.time() < limit
        time.sleep(0.05)
    if how == signal.SIGINT:
        os.killpg(process.pid, how)  # as the keyboard does
    else:
        process.send_signal(how)
    out, err = process.communicate(timeout=60)
    assert process.returncode != 0
    assert out == "start\n"
    if how == signal.SIGINT:
        assert "of 400 fits are finished in" in err
        assert err.count("Traceback") == 1
    workers_end(process.pid)
    store = Store(folder)
    found = [store.record(file.stem) for file in folder.rglob("*.npz")]
    assert 12 <= len(found) < 400  # all whole
    tasks = make_tasks(8)
    many = bs.fit_many(tasks, workers=1, folder=folder, **options)
    assert many.reused
    same(many, reference)


def workers_end(session: int) -> None:
    """Wait until no process of a session is left."""
    for _ in range(100):
        try:
            os.killpg(session, 0)
        except ProcessLookupError:
            return
        time.sleep(0.1)
    raise AssertionError("workers outlive their study")


def test_dask_and_the_death_of_a_worker(
    make_tasks: Make, options: dict[str, Any], reference: bs.Many, tmp_path: Path
) -> None:
    """A cluster of two worker processes, one of which is killed in the middle."""
    distributed = pytest.importorskip("distributed")
    reduce = killing(tmp_path / "died", reference.records["set5"]["seed"])
    with (
        distributed.LocalCluster(
            n_workers=2,
            threads_per_worker=1,
            processes=True,
            dashboard_address=None,
            silence_logs=50,
            worker_dashboard_address=None,
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        many = bs.fit_many(make_tasks(8), executor=client, reduce=reduce, **options)
        assert (tmp_path / "died").exists()
        assert not many.failures
        assert dict(many.items()) == means(reference)
        folder = tmp_path / "fits"
        whole = bs.fit_many(make_tasks(3), executor=client.get_executor(), folder=folder, **options)
    for name in whole:
        for parameter, values in whole[name].draws.items():
            np.testing.assert_array_equal(values, reference[name].draws[parameter])
    assert len(list(folder.rglob("*.npz"))) == 3
