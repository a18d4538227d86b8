"""``bayescale plan``: the document, files, codes."""

from __future__ import annotations

import json
import shutil

import pytest

OPTIONS = ("--budget", "1e19", "--most", "3")


@pytest.fixture
def fit(saved, folder):
    shutil.copy(saved, folder / "fit.nc")
    return "fit.nc"


def test_the_document(bayescale, fit):
    done = bayescale("plan", fit, *OPTIONS, "--target", "N=1B,D=30B", "--json")
    assert done.code == 0 and not done.new_files, done.err
    document = json.loads(done.out)
    assert document["spent"] <= document["budget"] == 1e19
    assert document["sd_after"]["total"] < document["sd_before"]["total"]
    assert {"N", "D", "flops", "tokens_per_param", "sd_after"} <= document["runs"][0].keys()


def test_text_and_files(bayescale, fit):
    options = ("--target-flops", "1e20", "--out", "p.csv", "--plot", "p.png")
    done = bayescale("plan", fit, *OPTIONS, *options)
    assert done.code == 0 and done.new_files == {"p.csv", "p.png"}
    assert "Assumed: the law holds" in done.out


BAD = {
    "no target": (["--budget", "1e19"], ["target"]),
    "two budgets": (["--budget", "1e19,1e20", "--target", "N=1e9,D=1e10"], ["Give one"]),
    "no budget": (["--budget", "0", "--target", "N=1e9,D=1e10"], ["0"]),
    "a bad target": (["--budget", "1e19", "--target", "N1e9"], ["'N1e9'"]),
    "too little": (["--budget", "1e6", "--target", "N=1e9,D=1e10"], ["buys no run"]),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input(case, bayescale, fit):
    options, words = BAD[case]
    bayescale("plan", fit, "--out", "p.csv", *options).refused(*words)
