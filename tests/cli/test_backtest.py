"""``bayescale backtest`` and ``bayescale score``: the contract of their documents and codes."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest

KEYS = "group law n_fit n_test rmsle elpd crps cover50 cover80 cover90 cover95 width90 diagnosis_ok"


@pytest.fixture
def grid(folder) -> str:
    rng = np.random.default_rng(4)
    n, d = (a.ravel() for a in np.meshgrid(np.geomspace(1e7, 6e8, 5), np.geomspace(5e8, 3e10, 5)))
    loss = (1.8 + 480 / n**0.35 + 2000 / d**0.37) * np.exp(0.004 * rng.standard_normal(25))
    lines = [f"{a:.6g},{b:.6g},{c:.6f}" for a, b, c in zip(n, d, loss, strict=True)]
    (folder / "runs.csv").write_text("\n".join(["N,D,loss", *lines]))
    return "runs.csv"


def test_json_has_the_keys_of_the_contract(bayescale, grid):
    done = bayescale(
        *("backtest", grid, "--laws", "power_floor(C),power(C)", "--fit-where", "C<1e19"),
        *("--method", "laplace", "--draws", "500", "--workers", "1", "--json"),
        *("--out", "scores.csv", "--targets", "runs-ahead.csv", "--plot", "scores.png"),
    )
    assert done.code in (0, 3), done.err
    document = json.loads(done.out)
    for row in document["groups"]:
        assert set(KEYS.split()) <= row.keys()
    assert {row["law"] for row in document["groups"]} == {
        "power_floor(C)",
        "power(C)",
        "mixture: equal",
    }
    assert "elpd_diff_se" in document["means"]["power(C)"]
    assert done.new_files == {"scores.csv", "runs-ahead.csv", "scores.png"}


def test_what_is_no_picture_is_refused_before_anything_is_fitted(bayescale, grid):
    split = ("--fit-where", "C<1e19", "--laws", "power(C)")
    for place in ("scores.xyz", "scores"):
        bayescale("backtest", grid, *split, "--plot", place).refused("is not a picture")
    bayescale("backtest", grid, *split, "--mixtures", "foo").refused("no mixture 'foo'")


def test_a_split_is_needed(bayescale, grid):
    bayescale("backtest", grid, "--laws", "power(C)").refused("--fit-where", "--rolling")


def test_a_forecast_is_registered_once_and_scored(bayescale, saved, folder):
    shutil.copy(saved, folder / "fit.nc")
    at = ("--at", "N=3e9,D=1.2e11")
    done = bayescale("forecast", "fit.nc", *at, "--register", "ahead.json")
    assert done.new_files == {"ahead.json"} and "SHA-256" in done.err
    assert bayescale("forecast", "fit.nc", *at, "--register", "ahead.json").code == 2
    (folder / "new.csv").write_text("N,D,loss\n3e9,1.2e11,2.2\n")
    scored = json.loads(bayescale("score", "ahead.json", "--runs", "new.csv", "--json").out)
    two = ("--at", "N=3e9,D=1.2e11", "--at", "N=4e9,D=2e11")
    bayescale("forecast", "fit.nc", *two, "--register", "two.json")
    (folder / "more.csv").write_text("N,D,loss\n3e9,1.2e11,2.2\n5e9,1e11,2.1\n")
    told = bayescale("score", "two.json", "--runs", "more.csv").out
    assert "points without a run: 1 of 2" in told and "left out: 1" in told
    told = json.loads(bayescale("score", "two.json", "--runs", "more.csv", "--json").out)
    assert len(told["points_without_a_run"]) == 1 and told["runs_left_out"] == 1
    (run,) = scored["runs"]
    assert run["observed"] == 2.2 and 0 <= run["pit"] <= 1
    assert scored["sha256"] == json.loads((folder / "ahead.json").read_text())["sha256"]


def test_a_discrepancy_on_the_command_line(bayescale, saved, folder):
    shutil.copy(saved, folder / "fit.nc")
    at = ("--at", "N=3e9,D=1.2e11", "--json", "--discrepancy")
    found = {
        text: json.loads(bayescale("forecast", "fit.nc", *at, text).out)[0]
        for text in ("none", "slope", "slope(0.05, 0.3)")
    }
    width = [v["upper"] - v["lower"] for v in found.values()]
    assert width == sorted(width) and width[0] < width[1]
    assert found["none"]["shares"]["discrepancy"] == 0
    bayescale("forecast", "fit.nc", *at, "gp").refused("no discrepancy 'gp'")
