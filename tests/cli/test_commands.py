"""Every command: help with an example, unknown options, and the small commands' output."""

from __future__ import annotations

import json

import pytest

COMMANDS = (
    *("demo", "laws", "inspect", "fit", "summary", "forecast", "compare", "backtest", "plot"),
    "score",
)


@pytest.mark.parametrize("command", COMMANDS)
def test_help_shows_an_example(command, bayescale):
    done = bayescale(command, "--help")
    assert done.code == 0 and done.err == ""
    assert f"Example: bayescale {command}" in done.out
    assert "--json" in done.out or command == "plot"


def test_no_command_shows_all_of_them(bayescale):
    for done in (bayescale(), bayescale("--help")):
        assert done.code == 0
        assert all(command in done.out for command in COMMANDS)
        assert "Exit codes: 0" in done.out


def test_version(bayescale):
    import bayescale as bs

    assert bayescale("--version").out.strip() == bs.__version__


def test_an_unknown_command(bayescale):
    bayescale("frobnicate").refused("frobnicate", "forecast")


@pytest.mark.parametrize("command", COMMANDS)
def test_an_unknown_option(command, bayescale):
    bayescale(command, "--bogus", "1").refused("--bogus")


@pytest.mark.parametrize("command", ["inspect", "fit", "summary", "forecast", "compare", "plot"])
def test_a_missing_argument(command, bayescale):
    bayescale(command).refused()


# --- laws -----------------------------------------------------------------------------------


def test_laws_lists_them(bayescale):
    done = bayescale("laws", "--json")
    assert done.code == 0 and done.err == ""
    found = {law["name"]: law for law in json.loads(done.out)}
    assert "chinchilla" in found and "skaling" in found
    assert "chinchilla" in bayescale("laws").out


def test_one_law(bayescale):
    law = json.loads(bayescale("laws", "chinchilla", "--json").out)
    assert law["field_parameters"] == ["E", "A", "alpha", "B", "beta"]
    assert law["presets"]["besiroglu2024"]["values"]["E"] == pytest.approx(1.8169)
    text = bayescale("laws", "chinchilla").out
    for word in ("E + A / N^alpha", "lognormal(0.3, 0.5)", "besiroglu2024", "2203.15556"):
        assert word in text
    assert bayescale("laws", "irreducible + power(N)").code == 0


@pytest.mark.parametrize("name", ["nope", "__import__('os').mkdir('pwned')", "power(N", ""])
def test_a_law_that_is_not_one(name, bayescale):
    bayescale("laws", name).refused()


# --- inspect --------------------------------------------------------------------------------


def test_inspect(bayescale, runs):
    done = bayescale("inspect", runs, "--where", "N > 2e7", "--json")
    assert done.code == 0 and done.err == ""
    document = json.loads(done.out)
    assert document["n_runs"] == 12
    assert {"N", "D", "C", "M", "loss"} <= document["columns"].keys()
    assert "16 runs from runs.csv" in bayescale("inspect", runs).out


# --- plot -----------------------------------------------------------------------------------


def test_plot_draws_a_picture(bayescale, saved, folder):
    done = bayescale("plot", str(saved), "--out", "band.png", "--dpi", "50")
    assert done.code == 0 and done.new_files == {"band.png"}
    assert (folder / "band.png").read_bytes().startswith(b"\x89PNG")


PLOTS = {
    "no output": ([], ["--out"]),
    "not a picture": (["--out", "band.txt"], ["band.txt", ".png"]),
    "an unknown kind": (["--out", "p.png", "--kind", "pie"], ["pie", "band"]),
    "an unknown input": (["--out", "p.png", "--x", "Q"], ["Q"]),
    "no resolution": (["--out", "p.png", "--dpi", "0"], ["0"]),
    "a negative resolution": (["--out", "p.png", "--dpi", "-50"], ["-50"]),
    "held-out runs that are not there": (["--out", "p.png", "--held-out", "a.csv"], ["a.csv"]),
}


@pytest.mark.parametrize("case", PLOTS)
def test_a_plot_that_cannot_be_drawn(case, bayescale, saved):
    options, words = PLOTS[case]
    bayescale("plot", str(saved), *options).refused(*words)


# --- demo -----------------------------------------------------------------------------------


def test_demo_into_a_place_that_cannot_be_a_folder(bayescale, folder):
    (folder / "taken").write_text("")
    bayescale("demo", "--out", "taken").refused("taken")
    bayescale("demo", "--out", "taken/below").refused("taken/below")


@pytest.mark.slow
def test_demo_does_the_main_job(bayescale):
    done = bayescale("demo", "--out", "demo", "--json")
    assert done.code in (0, 3) and done.err == ""
    document = json.loads(done.out)
    assert len(document) >= 2
    for law, entry in document.items():
        assert entry["n_held_out"] == len(entry["forecast"]) > 0
        assert {f"demo/{law}.nc", f"demo/{law}-forecast.csv"} <= done.new_files
    assert not any(".bayescale-" in name for name in done.new_files)
