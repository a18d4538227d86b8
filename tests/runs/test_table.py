from __future__ import annotations

import copy
import json
import pickle
import subprocess
import sys
from typing import Any

import numpy as np
import pandas as pd
import pytest

from bayescale.errors import ExpressionError, RunsError, RunsWarning
from bayescale.runs import Runs, read_runs

SOURCE: dict[str, Any] = {
    "n_params": [1e6, 4e6, 16e6, 70e6],
    "d_tokens": [9e8, 1e8, 4e9, 2e8],
    "val_loss": [3.9, 3.7, 3.1, 3.0],
    "family": ["a", "a", "b", "b"],
    "note": ["x", "y", "", "z"],
}


@pytest.fixture
def runs() -> Runs:
    return read_runs(SOURCE)


def test_columns_are_canonical_first_and_read_only(runs: Runs) -> None:
    assert list(runs.columns) == ["N", "D", "C", "M", "loss", "family", "note"]
    assert len(runs) == 4
    assert runs.inputs == ("N", "D", "C", "M")
    assert runs.loss is runs["loss"] is runs["val_loss"]
    assert "val_loss" in runs and "N" in runs and "U" not in runs
    with pytest.raises(ValueError, match="read-only"):
        runs["N"][0] = 1
    with pytest.raises(TypeError):
        runs.columns["N"] = runs.loss  # type: ignore[index]
    with pytest.raises(AttributeError):
        runs.source = "x"  # type: ignore[misc]
    assert runs.mapping == {
        "N": "n_params",
        "D": "d_tokens",
        "C": "6*N*D",
        "M": "D/N",
        "loss": "val_loss",
        "family": "family",
    }


def test_the_source_is_not_shared_with_the_runs() -> None:
    sizes = np.array([1e6, 9e6])
    runs = read_runs({"N": sizes, "loss": [3, 2]})
    sizes[0] = 5
    assert runs["N"][0] == 1e6
    assert sizes.flags.writeable


def test_selection(runs: Runs) -> None:
    assert runs.where("N > 2M and family == 'b'").labels == ("row 3", "row 4")
    assert runs.where("n_params > 2M").where("val_loss < 3.05").labels == ("row 4",)
    assert runs.select([True, False, False, True]).labels == ("row 1", "row 4")
    kept = runs.select(np.array([2, 0]))
    assert kept.labels == ("row 3", "row 1")
    assert kept["N"].tolist() == [16e6, 1e6]
    assert kept["note"].tolist() == ["", "x"]
    assert (kept.source, kept.mapping) == (runs.source, runs.mapping)
    assert not kept["N"].flags.writeable


@pytest.mark.parametrize(
    "mask", [[], [True], [False] * 4, [4], [-5], [0.5], "ab", 1, [[True]], [None]]
)
def test_a_mask_that_selects_nothing_good(runs: Runs, mask: Any) -> None:
    with pytest.raises(RunsError):
        runs.select(mask)


def test_where_that_cannot_be(runs: Runs) -> None:
    with pytest.raises(RunsError, match=r"None of the 4 runs meets .*\. Widen"):
        runs.where("N > 70B")
    with pytest.raises(ExpressionError, match="Did you mean family"):
        runs.where("Family == 'a'")


def test_what_is_missing_is_said(runs: Runs) -> None:
    runs.require(["N", "D", "loss"])
    with pytest.raises(RunsError, match=r"no U \(unique training tokens\).*--column U=NAME"):
        runs.require(["N", "U"])
    with pytest.raises(RunsError, match="no U"):
        runs.require("U")
    with pytest.raises(RunsError, match=r'no column "U" among N, D.*--column U=NAME'):
        runs["U"]
    with pytest.raises(RunsError, match="Did you mean note"):
        runs["notes"]


def test_table(runs: Runs) -> None:
    table = runs.table()
    assert isinstance(table, pd.DataFrame)
    assert list(table) == list(runs.columns)
    assert list(table.index) == ["row 1", "row 2", "row 3", "row 4"]
    assert read_runs(table).fingerprint == runs.fingerprint
    table.loc["row 1", "N"] = 5.0
    assert runs["N"][0] == 1e6


def test_text(runs: Runs) -> None:
    assert runs.text().splitlines() == [
        "4 runs from a mapping",
        "  N        n_params  1M to 70M parameters (unspecified)",
        "  D        d_tokens  100M to 4B tokens",
        "  C        6*N*D     2.4e15 to 3.84e17 FLOP",
        "  M        D/N       2.857 to 900 tokens/parameter",
        "  loss     val_loss  3 to 3.9 nats/token",
        "  groups: family",
        "  other columns: note",
    ]


def test_text_holds_the_warnings() -> None:
    with pytest.warns(RunsWarning):
        runs = read_runs(SOURCE | {"d_tokens": [1e8] * 4}, count="total")
    assert "1 warning\n  - D is the same in all rows (100M), so" in runs.text()
    assert "(total)" in runs.text()
    assert "1 warning; see .text()" in repr(runs)


def test_repr_is_a_dozen_lines_at_most() -> None:
    source = SOURCE | {name: [1.0, 2, 3, 4] for name in ("U", "B", "S", "lr", "z", "x", "loss_se")}
    with pytest.warns(RunsWarning):
        runs = read_runs(source | {"d_tokens": [1e8] * 4})
    assert len(repr(runs).splitlines()) == 12
    assert repr(runs).startswith("Runs: 4 runs from a mapping\n  N ")
    assert "more columns" in repr(runs)


def test_json(runs: Runs) -> None:
    found = json.loads(json.dumps(runs.to_json(), allow_nan=False))
    assert list(found) == [
        *("n_runs", "columns", "loss_unit", "count", "fingerprint", "warnings"),
    ]
    assert found["n_runs"] == 4
    assert found["columns"]["N"] == {
        "source": "n_params",
        "unit": "parameters (unspecified)",
        "min": 1e6,
        "max": 70e6,
    }
    assert found["columns"]["loss"]["unit"] == "nats/token"
    assert list(found["columns"]) == ["N", "D", "C", "M", "loss"]
    assert found["fingerprint"] == runs.fingerprint


def test_names_from_a_table_cannot_reach_the_terminal() -> None:
    name = "\x1b[2Jval loss\n"
    runs = read_runs({"N": [1e6, 9e6], name: [3, 2], "a\x07b": [1, 2]}, columns={"loss": name})
    assert all(line.isprintable() for line in (runs.text() + repr(runs)).splitlines())


def test_runs_travel_to_other_processes(runs: Runs) -> None:
    for other in (pickle.loads(pickle.dumps(runs)), copy.deepcopy(runs)):
        assert other.fingerprint == runs.fingerprint
        assert other.labels == runs.labels
        assert other.mapping == runs.mapping
        assert not other["N"].flags.writeable


def test_importing_is_light() -> None:
    heavy = "('jax', 'pandas', 'polars', 'pyarrow', 'narwhals', 'scipy')"
    code = f"import sys, bayescale.runs.read; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.strip() == "[]"
