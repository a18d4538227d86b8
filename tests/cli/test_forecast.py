"""``bayescale forecast``: the contract of the JSON document, points, probabilities, codes."""

from __future__ import annotations

import csv
import json
import shutil

import numpy as np
import pytest
import xarray as xr

KEYS = {"at", "prob", "median", "lower", "upper", "latent_lower", "latent_upper", "messages"}
NEAR = "N=3e8,D=1.2e10"


@pytest.fixture
def fit(saved, folder):
    shutil.copy(saved, folder / "fit.nc")
    return "fit.nc"


def test_json_has_the_keys_of_the_contract(bayescale, fit):
    done = bayescale("forecast", fit, "--at", NEAR, "--prob", "0.5,0.9", "--json")
    assert done.code == 0 and done.err == "" and not done.new_files
    document = json.loads(done.out)
    assert [entry["prob"] for entry in document] == [0.5, 0.9]
    for entry in document:
        assert entry.keys() >= KEYS
        assert not {"pit", "log_density", "covered"} & entry.keys()
        assert entry["at"]["N"] == 3e8 and entry["at"]["D"] == 1.2e10
        assert entry["messages"] == []
        ends = [entry[k] for k in ("lower", "latent_lower", "median", "latent_upper", "upper")]
        assert ends == sorted(ends) and len(set(ends)) == 5
    half, most = document
    assert most["lower"] < half["lower"] < half["upper"] < most["upper"]
    assert half["median"] == most["median"]


def test_sizes_and_several_points(bayescale, fit):
    done = bayescale(*("forecast", fit, "--at", "N=300M,D=12B", "--at", "N=1.6e8, D=8e9", "--json"))
    first, second = json.loads(done.out)
    plain = json.loads(bayescale("forecast", fit, "--at", NEAR, "--json").out)[0]
    assert first["at"] == plain["at"]
    assert first["latent_lower"] == plain["latent_lower"]
    assert second["at"]["N"] == 1.6e8


def test_compute_and_one_input_give_the_other(bayescale, fit):
    at = json.loads(bayescale("forecast", fit, "--at", "N=3e8,C=2.16e19", "--json").out)[0]["at"]
    assert at["D"] == pytest.approx(1.2e10)


def test_a_seed_makes_the_numbers_reproducible(bayescale, fit):
    def numbers(seed: str) -> object:
        return json.loads(bayescale("forecast", fit, "--at", NEAR, "--json", "--seed", seed).out)

    assert numbers("3") == numbers("3")
    assert numbers("3")[0]["lower"] != numbers("4")[0]["lower"]
    assert numbers("3")[0]["latent_lower"] == numbers("4")[0]["latent_lower"]


def test_far_outside_the_data_is_not_vouched_for(bayescale, fit):
    done = bayescale("forecast", fit, "--at", "N=70e9,D=1.4e12", "--json")
    assert done.code == 3
    messages = " ".join(json.loads(done.out)[0]["messages"])
    assert "far outside the data" in messages
    text = bayescale("forecast", fit, "--at", "N=70e9,D=1.4e12")
    assert text.code == 3
    assert "far outside" in text.out and "include a discrepancy" in text.out


def test_one_far_point_among_near_ones_decides(bayescale, fit):
    done = bayescale("forecast", fit, "--at", NEAR, "--at", "N=1e12,D=1e14", "--json")
    near, far = json.loads(done.out)
    assert done.code == 3 and not near["messages"] and far["messages"]


def test_where_the_formula_has_no_value_is_not_vouched_for(bayescale, folder):
    """Near the runs, of a converged fit: there is no other reason for the code."""
    rng = np.random.default_rng(0)
    losses = np.linspace(1.3, 4.5, 40)
    errors = (0.85 - 2.08 * np.exp(-0.756 * losses)) * np.exp(0.01 * rng.standard_normal(40))
    rows = "".join(f"{x},{y}\n" for x, y in zip(losses, errors, strict=True))
    (folder / "runs.csv").write_text("c4,error\n" + rows)
    columns = ("--column", "L=c4", "--column", "loss=error", "--loss-unit", "error")
    done = bayescale("fit", "runs.csv", "--law", "loss_to_error", *columns, "--out", "error.nc")
    assert done.code == 0, done.err
    near = bayescale("forecast", "error.nc", "--at", "L=1.28", "--json")
    assert near.code == 0 and "no value" not in near.out
    done = bayescale("forecast", "error.nc", "--at", "L=1.17", "--json")
    assert done.code == 3
    outside, undefined = json.loads(done.out)[0]["messages"]
    assert "not to be vouched for" not in outside
    assert "the formula has no value here in" in undefined
    assert "not to be vouched for" in undefined


def test_what_is_latent_beside_a_process_is_said(bayescale, folder):
    x = [10.0**k for k in range(3, 13)]
    lines = [f"{a:.6g},{1 + a**-0.2 * (1 + 0.01 * (-1) ** i):.6f}" for i, a in enumerate(x)]
    (folder / "curve.csv").write_text("\n".join(["x,loss", *lines]))
    bayescale("fit", "curve.csv", "--law", "curve", "--method", "quick", "--out", "curve.nc")
    done = bayescale("forecast", "curve.nc", "--at", "x=1e13")
    assert "latent for the law without the process" in done.out


def test_targets_with_a_loss_are_scored(bayescale, fit, folder):
    (folder / "t.csv").write_text("params,tokens,loss\n300M,12B,2.62\n1.6e8,8e9,9.0\n")
    columns = ("--column", "N=params", "--column", "D=tokens")
    done = bayescale("forecast", fit, "--at-file", "t.csv", *columns, "--json")
    assert done.code == 0
    good, bad = json.loads(done.out)
    for entry in (good, bad):
        assert {"log_density", "pit", "covered"} <= entry.keys()
        assert 0 <= entry["pit"] <= 1
    assert bad["covered"] is False and bad["pit"] > 0.999
    assert bad["log_density"] < good["log_density"]


def test_targets_without_a_loss_are_not(bayescale, fit, folder):
    (folder / "t.csv").write_text("N,D\n3e8,1.2e10\n1.6e8,8e9\n")
    entries = json.loads(bayescale("forecast", fit, "--at-file", "t.csv", "--json").out)
    assert len(entries) == 2
    assert not {"log_density", "pit", "covered", "observed"} & entries[0].keys()


def test_the_file_of_a_forecast(bayescale, fit, folder):
    (folder / "t.csv").write_text("N,D,loss\n3e8,1.2e10,2.6\n1.6e8,8e9,2.8\n")
    options = ("--at-file", "t.csv", "--prob", "0.5,0.9", "--out", "f.csv")
    done = bayescale("forecast", fit, *options)
    assert done.code == 0 and done.new_files == {"f.csv"}
    with open("f.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["prob"] for row in rows] == ["0.5", "0.5", "0.9", "0.9"]
    assert {"point", "median", "lower", "upper", "latent_lower", "pit"} <= rows[0].keys()
    listed = json.loads(bayescale("forecast", fit, *options[:4], "--json").out)
    assert np.allclose([float(r["lower"]) for r in rows], [e["lower"] for e in listed])


POINTS = {
    "nothing": ([], ["--at"]),
    "both": (["--at", NEAR, "--at-file", "t.csv"], ["--at"]),
    "an empty point": (["--at", ""], ["N=70e9,D=1.4e12"]),
    "no equals": (["--at", "N70e9"], ["'N70e9'"]),
    "no value": (["--at", "N=1e9,D="], ["'N=1e9,D='"]),
    "no name": (["--at", "=1e9,D=1e10"], ["'=1e9,D=1e10'"]),
    "an input twice": (["--at", "N=1e9,N=2e9,D=1e10"], ["twice"]),
    "text": (["--at", "N=big,D=1e10"], ["N", "'big'"]),
    "Python": (["--at", "N=__import__('os'),D=1e10"], ["N", "__import__"]),
    "NaN": (["--at", "N=nan,D=1e10"], ["N", "'nan'"]),
    "infinite": (["--at", "N=1e9,D=inf"], ["D", "'inf'"]),
    "too large": (["--at", "N=1e9,D=1e999"], ["D", "1e999"]),
    "zero": (["--at", "N=0,D=1e10"], ["N", "0"]),
    "negative": (["--at", "N=1e9,D=-5"], ["D", "-5"]),
    "an unknown input": (["--at", "N=1e9,D=1e10,Q=2"], ["'Q'"]),
    "a missing input": (["--at", "N=1e9"], ["no D", "chinchilla"]),
    "unlike points": (["--at", NEAR, "--at", "N=1e9"], ["'N=1e9'"]),
    "a probability of one": (["--at", NEAR, "--prob", "1"], ["'1'"]),
    "a probability of zero": (["--at", NEAR, "--prob", "0"], ["'0'"]),
    "a percentage": (["--at", NEAR, "--prob", "90"], ["'90'"]),
    "a probability that is text": (["--at", NEAR, "--prob", "half"], ["'half'"]),
    "a trailing comma": (["--at", NEAR, "--prob", "0.5,"], ["'0.5,'"]),
    "no probability": (["--at", NEAR, "--prob", ""], ["''"]),
    "a probability of NaN": (["--at", NEAR, "--prob", "nan"], ["'nan'"]),
    "a negative seed": (["--at", NEAR, "--seed", "-3"], ["-3"]),
    "a file that is not there": (["--at-file", "absent.csv"], ["absent.csv"]),
}


@pytest.mark.parametrize("case", POINTS)
def test_points_that_cannot_be_used(case, bayescale, fit):
    options, words = POINTS[case]
    bayescale("forecast", fit, "--out", "f.csv", *options).refused(*words)


TARGETS = {
    "empty": ("", ["empty"]),
    "no rows": ("N,D\n", ["no rows"]),
    "no D": ("N,loss\n1e9,2\n", ["no D"]),
    "a missing loss": ("N,D,loss\n1e9,1e10,\n", ['"loss"', "line 2"]),
    "a negative N": ("N,D\n1e9,1e10\n-1,1e10\n", ['"N"', "-1", "line 3"]),
}


@pytest.mark.parametrize("case", TARGETS)
def test_targets_that_cannot_be_used(case, bayescale, fit, folder):
    text, words = TARGETS[case]
    (folder / "t.csv").write_text(text)
    bayescale("forecast", fit, "--at-file", "t.csv", "--out", "f.csv").refused(*words)


def test_what_is_not_a_fit(bayescale, fit, folder):
    whole = (folder / "fit.nc").read_bytes()
    for n in (0, 100, len(whole) // 2, len(whole) - 1000):
        (folder / f"short-{n}.nc").write_bytes(whole[:n])
    (folder / "text.nc").write_text("N,D,loss\n1,2,3\n")
    xr.Dataset({"a": ("x", np.arange(3.0))}).to_netcdf("other.nc")
    one = xr.Dataset({"E": (("chain", "draw"), np.ones((2, 5)))})
    xr.DataTree.from_dict({"posterior": one}).to_netcdf("arviz.nc")
    (folder / "a-folder").mkdir()
    names = [p.name for p in folder.iterdir() if p.name != "fit.nc"]
    assert len(names) == 8
    for name in (*names, "absent.nc"):
        bayescale("forecast", name, "--at", NEAR, "--out", "f.csv").refused(name)
        bayescale("summary", name).refused(name)
        bayescale("plot", name, "--out", "p.png").refused(name)


def test_a_forecast_loss_goes_through_a_law_of_it(bayescale, fit, folder):
    """An error by the loss of the saved fit, at N and D that the second stage has not seen."""
    rng = np.random.default_rng(4)
    with (folder / "tasks.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("loss_on_text", "error"))
        for loss in np.linspace(2.2, 3.6, 20):
            error = 0.85 - 2.08 * np.exp(-0.756 * loss)
            writer.writerow((loss, error * np.exp(0.01 * rng.standard_normal())))
    columns = ("--column", "L=loss_on_text", "--column", "loss=error")
    made = bayescale(
        *("fit", "tasks.csv", "--law", "loss_to_error", *columns, "--loss-unit", "error"),
        *("--out", "tasks.nc"),
    )
    assert made.code == 0, made.err
    at = ("--at", NEAR, "--json")
    done = bayescale("forecast", "tasks.nc", "--through", fit, *at)
    assert done.code == 0, done.err
    found = json.loads(done.out)[0]
    loss = json.loads(bayescale("forecast", fit, *at).out)[0]["median"]
    assert (found["at"]["N"], found["at"]["D"]) == (3e8, 1.2e10)
    assert found["at"]["L"] == pytest.approx(loss)
    assert found["lower"] < 0.85 - 2.08 * np.exp(-0.756 * loss) < found["upper"]
    assert found["shares"]["first stage"] > 0
    bayescale("forecast", "tasks.nc", *at).refused("no L")
    bayescale("forecast", fit, "--through", "tasks.nc", *at).refused("another loss, L")
