"""``bayescale allocate``: the contract of the JSON document, budgets, codes, pictures."""

from __future__ import annotations

import csv
import json
import shutil

import pytest

KEYS = {"flops", "N", "D", "tokens_per_param", "loss", "near_optimal", "messages"}
ENDS = {"median", "lower", "upper"}


@pytest.fixture
def fit(saved, folder):
    shutil.copy(saved, folder / "fit.nc")
    return "fit.nc"


def test_json_has_the_keys_of_the_contract(bayescale, fit):
    done = bayescale("allocate", fit, "--flops", "1e19, 3e19", "--json")
    assert done.code == 0 and done.err == "" and not done.new_files
    document = json.loads(done.out)
    assert [entry["flops"] for entry in document] == [1e19, 3e19]
    for entry in document:
        assert entry.keys() >= KEYS
        for name in ("N", "D", "tokens_per_param", "loss"):
            assert entry[name].keys() >= ENDS
            assert entry[name]["lower"] < entry[name]["median"] < entry[name]["upper"]
        assert 6 * entry["N"]["median"] * entry["D"]["median"] == pytest.approx(
            entry["flops"], rel=1e-3
        )
        assert entry["near_optimal"]["N"].keys() == {"lower", "upper"}
    assert document[0]["N"]["median"] < document[1]["N"]["median"]


def test_probabilities_and_the_table(bayescale, fit):
    options = ("--flops", "1e19", "--prob", "0.5,0.9")
    half, most = json.loads(bayescale("allocate", fit, *options, "--json").out)
    assert most["N"]["lower"] < half["N"]["lower"] < half["N"]["upper"] < most["N"]["upper"]
    done = bayescale("allocate", fit, *options, "--out", "a.csv")
    assert done.code == 0 and done.new_files == {"a.csv"}
    assert "N*" in done.out and "Intervals hold 50 %" in done.out
    with open("a.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [float(row["N_lower"]) for row in rows] == [half["N"]["lower"], most["N"]["lower"]]


def test_far_beyond_the_data_is_not_vouched_for(bayescale, fit):
    done = bayescale("allocate", fit, "--flops", "1e19,1e25", "--json")
    near, far = json.loads(done.out)
    assert done.code == 3 and near["trustworthy"] and not far["trustworthy"]
    assert "far outside the data" in " ".join(far["messages"])
    text = bayescale("allocate", fit, "--flops", "1e25")
    assert text.code == 3 and "far outside" in text.out and "includes the discrepancy" in text.out


BAD = {
    "no number": (["--flops", "lots"], ["'lots'"]),
    "zero": (["--flops", "0"], ["0"]),
    "negative": (["--flops=-1e20"], ["-1e+20"]),
    "a trailing comma": (["--flops", "1e20,"], ["'1e20,'"]),
    "nothing": (["--flops", ""], ["''"]),
    "a probability of one": (["--flops", "1e20", "--prob", "1"], ["'1'"]),
    "a share of nothing": (["--flops", "1e20", "--within", "0"], ["share"]),
    "an unknown input": (["--flops", "1e20", "--hold", "Q=1"], ["'Q=1'"]),
    "an unreadable discrepancy": (["--flops", "1e20", "--discrepancy", "big"], ["'big'"]),
}


@pytest.mark.parametrize("case", BAD)
def test_what_cannot_be_used(case, bayescale, fit):
    options, words = BAD[case]
    bayescale("allocate", fit, "--out", "a.csv", *options).refused(*words)


@pytest.mark.parametrize("kind", ["frontier", "isoflop"])
def test_pictures(kind, bayescale, fit):
    done = bayescale("plot", fit, "--kind", kind, "--flops", "1e19,1e20", "--out", "p.png")
    assert done.code == 0 and done.new_files == {"p.png"}
