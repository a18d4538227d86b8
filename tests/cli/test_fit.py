"""``bayescale fit`` and ``bayescale summary``: the JSON document, files and exit codes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import pytest

import bayescale as bs

DIAGNOSIS = {"ok", "rhat_max", "ess_bulk_min", "ess_tail_min", "divergences", "messages"}
NUMBERS = {"mean", "sd", "q05", "q50", "q95", "unit"}


@pytest.fixture(scope="module")
def document(saved):
    return json.loads(json.dumps(bs.load(saved).to_json()))


def test_json_has_the_keys_of_the_contract(bayescale, runs):
    done = bayescale("fit", runs, "--law", "chinchilla", "--json")
    assert done.code == 0 and done.err == "" and not done.new_files
    document = json.loads(done.out)
    assert {"law", "noise", "n_runs", "seconds", "diagnosis", "parameters"} <= document.keys()
    assert (document["law"], document["noise"]) == ("chinchilla", "student_t")
    assert document["n_runs"] == 16 and document["seconds"] > 0
    diagnosis = document["diagnosis"]
    assert diagnosis.keys() >= DIAGNOSIS
    assert diagnosis["ok"] is True and diagnosis["divergences"] == 0
    assert isinstance(diagnosis["messages"], list)
    assert {"E", "A", "alpha", "B", "beta"} <= document["parameters"].keys()
    for numbers in document["parameters"].values():
        assert numbers.keys() == NUMBERS
        assert numbers["q05"] < numbers["q50"] < numbers["q95"]
        assert isinstance(numbers["unit"], str)


def test_a_seed_makes_the_numbers_reproducible(bayescale, runs):
    one, again = (
        json.loads(bayescale("fit", runs, "--law", "chinchilla", "--json").out) for _ in range(2)
    )
    assert one.pop("seconds") > 0
    assert again.pop("seconds") > 0
    assert again == one
    other = json.loads(bayescale("fit", runs, "--law", "chinchilla", "--json", "--seed", "1").out)
    assert other["parameters"] != again["parameters"]


def test_the_table_and_the_next_step(bayescale, runs):
    done = bayescale("fit", runs, "--law", "chinchilla", "--out", "fit.nc")
    assert done.code == 0 and done.err == "" and done.new_files == {"fit.nc"}
    for word in ("Converged", "alpha", "q05", "nats/token", "bayescale forecast fit.nc"):
        assert word in done.out
    assert bs.load("fit.nc").seed == 0


def test_options_reach_the_fit(bayescale, runs):
    done = bayescale(
        *("fit", runs, "--law", "chinchilla", "--method", "laplace", "--json"),
        *("--where", "N < 2e8", "--column", "C=none", "--prior", "E=normal(1.8,0.01)"),
        *("--noise", "student_t", "--loss-unit", "bits/byte", "--count", "total"),
    )
    document = json.loads(done.out)
    assert document["n_runs"] == 12 and document["method"] == "laplace"
    assert document["parameters"]["E"]["sd"] < 0.012
    assert document["parameters"]["E"]["unit"] == "bits/byte"


def test_summary_shows_what_was_fitted(bayescale, saved, document):
    done = bayescale("summary", str(saved), "--json", "--influence")
    assert done.code == 0
    shown = json.loads(done.out)
    assert shown["priors"].keys() == {"E", "T_N", "alpha", "T_D", "beta", "sigma", "nu"}
    assert len(shown["influence"]) == 16
    assert {k: shown[k] for k in document} == document
    text = bayescale("summary", str(saved), "--influence")
    assert text.code == 0 and "lognormal(0.3, 0.5)" in text.out and "left out" in text.out


def test_a_fit_that_is_not_trustworthy_stays_so(bayescale, folder, table):
    """Saved, summarised, forecast and drawn: the code is 3 each time."""
    (folder / "few.csv").write_text(table(n=3))
    options = ("--law", "chinchilla", "--method", "laplace", "--out", "fit.nc")
    assert bayescale("fit", "few.csv", *options).code == 3
    done = bayescale("summary", "fit.nc")
    assert done.code == 3 and ("NOT TRUSTWORTHY" in done.out or "prior-dominated" in done.out)
    done = bayescale("forecast", "fit.nc", "--at", "N=1e7,D=6e8", "--json")
    assert done.code == 3 and json.loads(done.out)[0]["messages"]
    assert bayescale("plot", "fit.nc", "--kind", "posterior", "--out", "p.png").code == 3


# --- interrupted ---------------------------------------------------------------------------


def test_an_interrupt_while_sampling_writes_nothing(bayescale, runs, monkeypatch):
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("bayescale.inference.nuts.sample", interrupted)
    done = bayescale("fit", runs, "--law", "chinchilla", "--out", "fit.nc")
    assert done.code == 130 and not done.new_files and done.out == ""
    assert done.err == "Interrupted; nothing was written.\n"


def test_an_interrupt_while_saving_leaves_the_old_file(bayescale, runs, folder, monkeypatch):
    import xarray as xr

    def half(self: object, path: object, **_: object) -> None:
        with open(str(path), "wb") as file:
            file.write(b"half a file")
        raise KeyboardInterrupt

    (folder / "fit.nc").write_text("the old one")
    monkeypatch.setattr(xr.DataTree, "to_netcdf", half)
    fast = ("--method", "laplace", "--out", "fit.nc")
    done = bayescale("fit", runs, "--law", "chinchilla", *fast)
    assert done.code == 130 and not done.new_files
    assert (folder / "fit.nc").read_text() == "the old one"


def test_a_disk_that_fills_up_leaves_the_old_file(bayescale, runs, folder, monkeypatch):
    import xarray as xr

    def full(self: object, path: object, **_: object) -> None:
        raise OSError(28, "No space left on device")

    (folder / "fit.nc").write_text("the old one")
    monkeypatch.setattr(xr.DataTree, "to_netcdf", full)
    fast = ("--method", "laplace", "--out", "fit.nc")
    bayescale("fit", runs, "--law", "chinchilla", *fast).refused("fit.nc", "No space left")
    assert (folder / "fit.nc").read_text() == "the old one"


# --- a process of its own -------------------------------------------------------------------

COMMAND = [sys.executable, "-c", "from bayescale.cli import main; main()"]


def test_a_real_process_keeps_its_streams_apart(folder, table):
    """One JSON document on standard output, also by what is not Python; warnings elsewhere."""
    (folder / "runs.csv").write_text(table() + table().splitlines()[-1] + "\n")
    arguments = ["fit", "runs.csv", "--law", "chinchilla", "--method", "laplace", "--json"]
    done = subprocess.run(
        [*COMMAND, *arguments, "--out", "fit.nc"], capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["n_runs"] == 17
    lines = done.stderr.splitlines()
    assert len(lines) == 1 and lines[0].startswith("warning: 1 row repeats another"), lines
    assert sorted(os.listdir()) == ["fit.nc", "runs.csv"]


@pytest.mark.parametrize("kind", [signal.SIGINT, signal.SIGKILL])
def test_a_killed_process_leaves_nothing(kind, folder, table):
    (folder / "runs.csv").write_text(table())
    arguments = ["fit", "runs.csv", "--law", "chinchilla", "--draws", "1000000", "--out", "fit.nc"]
    process = subprocess.Popen([*COMMAND, *arguments], stderr=subprocess.PIPE, text=True)
    time.sleep(6.0)  # importing, compiling or sampling, as the machine has it
    assert process.poll() is None
    process.send_signal(kind)
    _, err = process.communicate(timeout=120)
    assert process.returncode == (130 if kind == signal.SIGINT else -signal.SIGKILL), err
    if kind == signal.SIGINT:
        assert err == "Interrupted; nothing was written.\n"
    assert os.listdir() == ["runs.csv"]
