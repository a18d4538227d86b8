"""What becomes of columns and cells."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from bayescale.errors import ExpressionError, RunsError
from bayescale.runs import parse_columns, read_runs

N = [1e6, 4e6, 16e6, 70e6]
D = [9e8, 1e8, 4e9, 2e8]
LOSS = [3.9, 3.7, 3.1, 3.0]
PLAIN: dict[str, Any] = {"N": N, "D": D, "loss": LOSS}


@pytest.mark.parametrize(
    ("name", "symbol"),
    [
        *(("n_params", "N"), ("Params", "N"), ("N Params", "N"), ("parameters", "N")),
        *(("num-params", "N"), ("n_params_no_embed", "N")),
        *(("d_tokens", "D"), ("TOKENS", "D"), ("train_tokens", "D")),
        *(("flops", "C"), ("FLOPs", "C"), ("Compute", "C")),
        *(("unique_tokens", "U"), ("tokens_per_param", "M")),
        *(("batch_tokens", "B"), ("steps", "S"), ("step", "S")),
        *(("learning_rate", "lr"), ("LR", "lr"), ("lr_peak", "lr")),
        *(("density", "z"), ("redundancy", "z"), ("X", None), ("x", "x"), ("seen_examples", "x")),
        *(("n", None), ("d", None), ("c", None), ("embed", None), ("flop_count", None)),
    ],
)
def test_aliases(name: str, symbol: str | None) -> None:
    source = {name: [1e6, 5e6, 9e7], "y": [1, 9, 30], "Val/Loss": [3, 2, 1.5]}
    runs = read_runs(source, columns={"x": "y"} if symbol != "x" else None)
    assert runs.mapping["loss"] == "Val/Loss"
    if symbol is None:
        assert name in runs.columns
        assert name not in runs.mapping.values()
    else:
        assert runs.mapping[symbol] == name
        assert runs[name] is runs[symbol]


def test_an_exact_symbol_comes_first() -> None:
    runs = read_runs(PLAIN | {"n_params": [1, 2, 3, 4], "val_loss": [9, 9, 9, 9]})
    assert runs.mapping["N"] == "N"
    assert runs.mapping["loss"] == "loss"
    assert runs["n_params"].tolist() == [1, 2, 3, 4]


def test_two_columns_for_one_input_are_refused() -> None:
    source = {"n_params": N, "params": N, "D": D, "loss": LOSS}
    with pytest.raises(RunsError, match='"n_params" and "params" could both be N.*--column "N='):
        read_runs(source)
    assert read_runs(source, columns={"N": "params"}).mapping["N"] == "params"
    runs = read_runs(source, columns={"N": None})
    assert runs.inputs == ("D",)
    with pytest.raises(RunsError, match="could both be loss"):
        read_runs({"N": N, "val_loss": LOSS, "final_loss": LOSS})


def test_a_count_without_embeddings_is_second_choice() -> None:
    source = {"n_params_no_embed": N, "d_tokens": D, "loss": LOSS}
    runs = read_runs(source)
    assert (runs.mapping["N"], runs.count) == ("n_params_no_embed", "non-embedding")
    assert read_runs(source, count="active").count == "active"
    both = read_runs(source | {"n_params": [2e6, 5e6, 17e6, 71e6]})
    assert (both.mapping["N"], both.count) == ("n_params", "unspecified")
    assert "n_params_no_embed" in both.columns
    chosen = read_runs(source, columns={"N": "n_params_no_embed"})
    assert chosen.count == "non-embedding"


def test_columns_are_overridden_and_left_out() -> None:
    source = PLAIN | {"C": [1.0, 2, 3, 4], "model_family": ["a", "b", "c", "d"], "width": N}
    with pytest.warns(match="6ND"):
        read_runs(source)
    runs = read_runs(source, columns={"C": None, "family": "model_family"})
    assert runs.mapping["C"] == "6*N*D"
    assert runs.mapping["family"] == "model_family"
    assert runs["family"].tolist() == runs["model_family"].tolist() == ["a", "b", "c", "d"]
    np.testing.assert_array_equal(runs["C"], 6 * np.array(N) * np.array(D))
    swapped = read_runs(source, columns={"x": "width", "N": None, "D": None, "C": None})
    assert swapped.inputs == ("x",)
    one = read_runs({"loss": LOSS, "n_params": N}, columns={"x": "n_params"})
    assert one.inputs == ("x",)
    assert read_runs(source, columns={"N": "width", "C": None}).mapping["N"] == "width"


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({"Q": "N"}, '"Q" is not an input'),
        ({"Loss": "N"}, "Did you mean loss?"),
        ({"N": "params"}, 'no column "params"'),
        ({"N": "los"}, "Did you mean loss?"),
    ],
)
def test_a_choice_that_names_nothing(columns: dict[str, str | None], words: str) -> None:
    with pytest.raises(RunsError) as error:
        read_runs(PLAIN, columns=columns)
    assert words in str(error.value)


def test_columns_that_are_no_mapping() -> None:
    columns: Any = ["N=params"]
    with pytest.raises(RunsError, match="as list and not as a mapping"):
        read_runs(PLAIN, columns=columns)


def test_columns_as_typed() -> None:
    assert parse_columns([" N = params ", "C=none", "x=a=b"]) == {
        "N": "params",
        "C": None,
        "x": "a=b",
    }
    for items in (["N"], ["=a"], ["N="], ["N=a", "N=b"]):
        with pytest.raises(RunsError, match="--column"):
            parse_columns(items)


@pytest.mark.parametrize(
    ("given", "symbol", "formula", "values"),
    [
        ({"N": [2.0, 60], "D": [3.0, 90]}, "C", "6*N*D", [36, 32400]),
        ({"N": [2.0, 60], "C": [36, 32400.0]}, "D", "C/(6*N)", [3, 90]),
        ({"D": [3.0, 90], "C": [36, 32400.0]}, "N", "C/(6*D)", [2, 60]),
        ({"N": [2.0, 60], "M": [3.0, 4]}, "D", "M*N", [6, 240]),
        ({"B": [2.0, 60], "S": [3.0, 90]}, "D", "B*S", [6, 5400]),
        ({"B": [2.0, 60], "S": [3.0, 90], "D": [7.0, 70]}, "D", "D", [7, 70]),
        ({"N": [2.0, 60], "B": [2, 2], "S": [3.0, 90], "C": [9, 9.0]}, "D", "B*S", [6, 180]),
        ({"N": [2.0, 60], "D": [3.0, 90]}, "M", "D/N", [1.5, 1.5]),
        ({"N": [2.0, 60], "D": [3.0, 90], "M": [1.5, 1.5]}, "M", "M", [1.5, 1.5]),
        ({"D": [3.0, 90], "U": [1.5, 90]}, "epochs", "D/U", [2, 1]),
    ],
)
@pytest.mark.filterwarnings("ignore::bayescale.errors.RunsWarning")
def test_derived_columns(given: Any, symbol: str, formula: str, values: list[float]) -> None:
    runs = read_runs(given | {"loss": [3, 2]})
    assert runs.mapping[symbol] == formula
    np.testing.assert_allclose(runs[symbol], values, rtol=1e-15)


def test_a_column_of_epochs_stays() -> None:
    runs = read_runs(PLAIN | {"U": [1e8, 1e8, 1e9, 1e8], "epochs": [1, 2, 3, 4]})
    assert runs["epochs"].tolist() == [1, 2, 3, 4]
    assert "epochs" not in runs.mapping


def test_where_comes_before_the_cells_are_checked() -> None:
    source = {
        "run": list("abcd"),
        "N": ["1M", "4M", "?", "70M"],
        "D": [9e8, None, 4e9, 2e8],
        "loss": [3.9, 3.7, 3.1, "diverged"],
        "good": [1, 0, 0, 0],
    }
    with pytest.raises(RunsError, match=r'text "\?" in row 3'):
        read_runs(source)
    with pytest.raises(RunsError, match=r'"diverged" in row 4 \("d"\)'):
        read_runs(source, where="C > 0")
    assert read_runs(source, where="N > 0 and D > 0 and loss > 0").labels == ("a",)
    assert read_runs(source, where="good == 1").labels == ("a",)
    with pytest.raises(RunsError, match="None of the 4 rows"):
        read_runs(source, where="good > 1")
    with pytest.raises(ExpressionError):
        read_runs(source, where="good >")
    with pytest.raises(ExpressionError):
        read_runs(source, where="")


def test_where_knows_every_name_of_a_column() -> None:
    source = {"n_params": N, "d_tokens": D, "val loss": LOSS, "size": ["1M", "4M", "16M", "70M"]}
    for where in ("n_params < 10M", "N < 10M", "`val loss` > 3.5", 'size in ("1M", "4M")'):
        runs = read_runs(source, where=where, columns={"loss": "val loss"})
        assert runs.labels == ("row 1", "row 2")
    assert read_runs(source, where="C > 5e16 and M > 2").labels == ("row 3", "row 4")


@pytest.mark.parametrize(
    ("name", "cells", "labels"),
    [
        ("run", list("abcd"), ("a", "b", "c", "d")),
        ("run_id", ["001", "002", "003", "4"], ("001", "002", "003", "4")),
        ("id", [1, 2, 3, 4.0], ("1", "2", "3", "4")),
        ("run", list("abca"), ("row 1", "row 2", "row 3", "row 4")),
        ("run", ["a", "b", "c", None], ("row 1", "row 2", "row 3", "row 4")),
        ("other", list("abcd"), ("row 1", "row 2", "row 3", "row 4")),
    ],
)
@pytest.mark.filterwarnings("ignore::bayescale.errors.RunsWarning")
def test_labels(name: str, cells: list[Any], labels: tuple[str, ...]) -> None:
    runs = read_runs(PLAIN | {name: cells})
    assert runs.labels == labels
    assert runs.select([2]).labels == labels[2:3]


def test_units_and_counts() -> None:
    runs = read_runs(PLAIN, loss_unit="bits/byte", count="total")
    assert (runs.loss_unit, runs.count) == ("bits/byte", "total")
    with pytest.raises(RunsError, match="Use one of unspecified, total"):
        read_runs(PLAIN, count="all")
    with pytest.raises(RunsError, match="unit of the loss is empty"):
        read_runs(PLAIN, loss_unit=" ")


def test_other_columns_are_numbers_or_text() -> None:
    runs = read_runs(
        PLAIN
        | {
            "size": ["1M", "4M", "16M", "70M"],
            "width": ["1", "2.5", "", "1e3"],
            "hash": ["01", "2", "3", "4"],
            "done": ["True", "FALSE", "true", ""],
            "none": [None] * 4,
        }
    )
    assert runs["size"].tolist() == ["1M", "4M", "16M", "70M"]
    np.testing.assert_array_equal(runs["width"], [1, 2.5, np.nan, 1000])
    assert runs["hash"].tolist() == ["01", "2", "3", "4"]
    np.testing.assert_array_equal(runs["done"], [1, 0, 1, np.nan])
    assert np.isnan(runs["none"]).all()
