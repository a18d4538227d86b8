"""Noise that reads columns, and pooling, from the command line."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

QUICK = ("--method", "quick", "--draws", "500", "--law", "irreducible + power(N)")


@pytest.fixture
def corpora(folder: Path) -> str:
    """Forty-five runs of three corpora with floors of their own."""
    rng = np.random.default_rng(4)
    lines = ["n_params,loss,loss_se,corpus"]
    for corpus, floor in (("web", 1.9), ("books", 2.1), ("code", 1.5)):
        for size in np.geomspace(1e7, 1e10, 15):
            loss = (floor + 400 / size**0.34) * np.exp(0.004 * rng.standard_normal())
            lines.append(f"{size:.5g},{loss:.5f},0.002,{corpus}")
    (folder / "corpora.csv").write_text("\n".join(lines) + "\n")
    return "corpora.csv"


def test_pooled_fit_and_forecasts(bayescale, corpora: str) -> None:
    options = ("--noise", "measured(normal)", "--pool", "corpus(E)", "--out", "fit.nc", "--json")
    fitted = bayescale("fit", corpora, *QUICK, *options)
    assert fitted.code == 0, fitted.err
    document = json.loads(fitted.out)
    assert document["noise"] == "measured(normal)"
    assert document["pooling"]["groups"] == ["books", "code", "web"]
    found = document["parameters"]
    assert found["E[code]"]["q50"] == pytest.approx(1.5, rel=0.05)
    assert {"E", "E_sd", "E[web]"} <= set(found)
    at = ("--at", "N=1e10", "--json")
    widths = {}
    for group in ("code", "books", None):
        own = ("--group", group) if group else ()
        ahead = bayescale("forecast", "fit.nc", *at, *own)
        (point,) = json.loads(ahead.out)
        # Three corpora hardly tell how much corpora differ: a new one is not vouched for.
        assert ahead.code == (0 if group else 3), ahead.out
        assert any("rests on the prior: E_sd" in m for m in point["messages"]) == (group is None)
        widths[group] = point["upper"] - point["lower"]
        if group:
            truth = {"code": 1.5, "books": 2.1}[group] + 400 / 1e10**0.34
            assert point["median"] == pytest.approx(truth, rel=0.01)
    assert widths[None] > 5 * widths["code"]
    refused = bayescale("forecast", "fit.nc", *at, "--group", "nobody")
    assert refused.code == 2
    assert "'nobody' is none of the groups" in refused.err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--noise", "heteroscedastic"), "no C"),
        (("--noise", "effects(seed)"), "no column 'seed'"),
        (("--noise", "curve(N)"), "no column 'run'"),
        (("--noise", "bounded(2)"), "not below the ceiling 2"),
        (("--pool", "family"), "no column 'family' to pool by"),
        (("--pool", "corpus(beta)"), "no parameter 'beta' to pool"),
    ],
)
def test_what_cannot_be_fitted_is_refused(bayescale, corpora, options, message) -> None:
    refused = bayescale("fit", corpora, *QUICK, *options)
    assert refused.code == 2
    assert message in refused.err
    assert not refused.out
