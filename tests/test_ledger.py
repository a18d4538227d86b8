"""The ledger: dated, hashed, never changed, and scored by the runs that landed."""

from __future__ import annotations

import json

import numpy as np
import pytest

import bayescale as bs
from bayescale.errors import FileError, RunsError
from bayescale.ledger import read_register, register, score
from bayescale.runs.read import read_quietly

AT = {"N": [2e9, 4e9], "D": [4e10, 8e10]}


@pytest.fixture(scope="module")
def ahead() -> bs.Forecast:
    rng = np.random.default_rng(8)
    n, d = (a.ravel() for a in np.meshgrid([1e7, 4e7, 1.6e8, 6.4e8], [5e8, 2e9, 8e9, 3.2e10]))
    loss = (1.8 + 480 / n**0.35 + 2000 / d**0.37) * np.exp(0.004 * rng.standard_normal(16))
    runs = read_quietly({"N": n, "D": d, "loss": loss})
    return bs.forecast(bs.fit("chinchilla", runs, method="laplace", progress=False), AT)


def test_it_is_scored_as_the_forecast_itself(ahead, tmp_path):
    made = register(ahead, tmp_path / "f.json")
    again = read_register(tmp_path / "f.json")
    assert again == made and again.made.endswith("+00:00")
    landed = read_quietly({**AT, "loss": [2.35, 2.6]})
    scores = score(again, landed)
    direct = bs.forecast(ahead.fit, landed)
    assert np.allclose(scores["pit"], direct.pit, atol=0.01)
    assert list(scores["covered"]) == list(direct.covered(0.9))
    assert np.allclose(scores["crps"], direct.crps, rtol=0.02)
    assert np.allclose(scores["median"], direct.quantile(0.5), rtol=1e-3)


def test_it_is_never_overwritten(ahead, tmp_path):
    register(ahead, tmp_path / "f.json")
    before = (tmp_path / "f.json").read_bytes()
    with pytest.raises(FileError, match="never changed"):
        register(ahead, tmp_path / "f.json")
    assert (tmp_path / "f.json").read_bytes() == before


def test_a_changed_register_is_refused(ahead, tmp_path):
    register(ahead, tmp_path / "f.json")
    document = json.loads((tmp_path / "f.json").read_text())
    document["forecast"]["points"][0]["quantiles"][500] *= 1.01
    (tmp_path / "g.json").write_text(json.dumps(document))
    with pytest.raises(FileError, match="does not match its hash"):
        read_register(tmp_path / "g.json")


@pytest.mark.parametrize("text", ["", "{}", "[1]", '{"forecast": {"kind": "x"}, "sha256": ""}'])
def test_what_is_no_register_is_refused(tmp_path, text):
    (tmp_path / "f.json").write_text(text)
    with pytest.raises(FileError, match="no registered forecast"):
        read_register(tmp_path / "f.json")
    with pytest.raises(FileError, match="cannot be read"):
        read_register(tmp_path / "absent.json")


def test_runs_elsewhere_are_not_scored(ahead, tmp_path):
    made = register(ahead, tmp_path / "f.json")
    with pytest.raises(RunsError, match="None of the runs"):
        score(made, read_quietly({"N": [3e9], "D": [5e10], "loss": [2.4]}))
    other = read_quietly({**AT, "loss": [2.3, 2.2], "extra": [1, 2]})
    assert len(score(made, other.select(np.array([True, False])))) == 1
