"""``bayescale claims``: the document, what cannot be tested, codes."""

from __future__ import annotations

import json

OPTIONS = ("--method", "laplace", "--only", "joint-power-law, density")


def test_the_document(bayescale, runs):
    done = bayescale("claims", runs, *OPTIONS, "--json")
    document = json.loads(done.out)
    assert done.code in (0, 3) and not done.new_files
    (tested,), (untestable,) = document["tested"], document["untestable"]
    assert tested["key"] == "joint-power-law" and untestable["key"] == "density"
    assert done.code == (0 if tested["ok"] else 3)
    assert {"claim", "published", "verdict", "probability", "sentence"} <= tested.keys()
    assert "z" in " ".join(untestable["missing"])


def test_text_and_files(bayescale, runs):
    done = bayescale("claims", runs, *OPTIONS, "--out", "c.csv", "--plot", "c.png")
    assert done.new_files == {"c.csv", "c.png"}
    assert "2001.08361" in done.out and "Missing: " in done.out


def test_bad_input(bayescale, runs):
    bayescale("claims", runs, "--only", "everything").refused("'everything'")
    bayescale("claims", "absent.csv").refused("absent.csv")
    bayescale("claims", runs, "--out", "nowhere/c.csv").refused("nowhere")
