"""``bayescale compare``: the JSON document, files, exit codes and refusals."""

from __future__ import annotations

import json

import pandas as pd
import pytest

from bayescale.cli.compare import separated

QUICK = ("--draws", "500", "--no-prior-sensitivity")


def test_the_contract(bayescale, runs):
    done = bayescale(
        "compare", runs, "--laws", "chinchilla, kaplan_floor", "--json", "--out", "table.csv",
        "--plot", "picture.png", *QUICK,
    )  # fmt: skip
    document = json.loads(done.out)
    assert set(document["laws"]) == {"chinchilla", "kaplan_floor"}
    keys = {
        "log_evidence", "log_evidence_se", "probability", "elpd_loo", "elpd_loo_se",
        "elpd_forward", "weight", "diagnosis_ok",
    }  # fmt: skip
    for law in document["laws"].values():
        assert keys <= set(law)
    assert isinstance(document["messages"], list)
    probabilities = [law["probability"] for law in document["laws"].values()]
    if done.code == 0:
        assert sum(probabilities) == pytest.approx(1.0)
        assert document["ok"] is True
    else:
        assert done.code == 3
        assert probabilities == [None, None]
    assert done.new_files == {"table.csv", "picture.png"}
    table = pd.read_csv("table.csv", index_col="law")
    for name, law in document["laws"].items():
        if law["ok"]:
            assert table.loc[name, "log_evidence"] == pytest.approx(law["log_evidence"])
        else:
            assert law["log_evidence"] is None
            assert pd.isna(table.loc[name, "log_evidence"])
            assert law["refusals"]


def test_words(bayescale, runs):
    done = bayescale("compare", runs, "--laws", "power(N),power(D)", "--prior",
                     "sigma=uniform(0.001,0.5)", *QUICK)  # fmt: skip
    assert "2 laws compared on 16 runs" in done.out
    assert "Forward (fitted to the other runs, scored where C > " in done.out
    assert not done.new_files


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--laws", "chinchilla"], ["one law to compare"]),
        (["--laws", ""], ["one law to compare"]),
        (["--laws", "chinchilla,nonesuch"], ["nonesuch"]),
        (["--laws", "chinchilla,chinchilla"], ["called 'chinchilla'"]),
        (["--laws", "chinchilla,kaplan", "--forward-split", "C>1e30"], ["None of the 16 runs"]),
        (["--laws", "chinchilla,kaplan", "--forward-split", "C>>1"], ["C>>1"]),
        (["--laws", "chinchilla,kaplan", "--noise", "cauchy"], ["cauchy"]),
        (["--laws", "chinchilla,kaplan", "--prior", "zeta=halfnormal(1)"], ["zeta"]),
        (["--laws", "chinchilla,kaplan", "--out", "nowhere/table.csv"], ["nowhere"]),
        (["--laws", "chinchilla,kaplan", "--plot", "nowhere/table.png"], ["nowhere"]),
        (["--laws", "chinchilla,kaplan", "--draws", "7"], ["7"]),
        (["--laws", "chinchilla,kaplan", "--where", "C>1e30"], ["C>1e30"]),
        ([], ["--laws"]),
    ],
)
def test_bad_usage_is_refused_before_any_fit(bayescale, runs, arguments, words):
    bayescale("compare", runs, *arguments).refused(*words)


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("a,b", ["a", "b"]),
        (" a , ,b,", ["a", "b"]),
        ("power(D, exponent=0.3),b", ["power(D, exponent=0.3)", "b"]),
        ('power(D, level="x,y"), coupled(power(N) + power(D), k="q")',
         ['power(D, level="x,y")', 'coupled(power(N) + power(D), k="q")']),
        ("", []),
    ],
)  # fmt: skip
def test_laws_are_separated_outside_parentheses(text, pieces):
    assert separated(text) == pieces
