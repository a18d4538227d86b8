"""Cells and tables that no law can use, and how the message names them."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bayescale.errors import BayescaleError, RunsError, RunsWarning
from bayescale.runs import read_runs

N = [1e6, 4e6, 16e6, 70e6]
LOSS = [3.9, 3.7, 3.1, 3.0]
PLAIN: dict[str, Any] = {"N": N, "D": [9e8, 1e8, 4e9, 2e8], "loss": LOSS}


@pytest.mark.parametrize("column", ["N", "D", "C", "U", "M", "B", "S", "lr", "x", "loss"])
@pytest.mark.parametrize(
    ("cell", "words"),
    [
        (None, "is empty"),
        (float("nan"), "is empty"),
        ("n/a", "is empty"),
        (float("inf"), "not finite"),
        ("-inf", "not finite"),
        pytest.param(10**400, "not finite", id="huge"),
        (0, "holds 0, which is not positive"),
        (-3.5, "holds -3.5, which is not positive"),
        ("-3", "holds -3, which is not positive"),
        ("12 monkeys", 'holds the text "12 monkeys"'),
        ("70b", 'holds the text "70b"'),
        ("\x1b[31m" + "x" * 99, 'holds the text "?[31mxxx'),
    ],
)
def test_bad_cells_are_named(column: str, cell: Any, words: str) -> None:
    source = PLAIN | {column: [5.0, cell, 7.0, 8.0], "run": list("abcd")}
    with pytest.raises(RunsError) as error:
        read_runs(source)
    message = str(error.value)
    assert f'Column "{column}"' in message
    assert words in message
    assert 'row 2 ("b")' in message
    assert f'--where "{column} > 0"' in message
    assert ("log scale" in message) == (column == "loss" and "not positive" in words)
    assert message.isprintable()


@pytest.mark.parametrize("cell", [-0.1, None, "x", float("inf")])
def test_bad_standard_errors(cell: Any) -> None:
    assert len(read_runs(PLAIN | {"loss_se": [0, 0.1, 0.1, 0.1]})) == 4
    with pytest.raises(RunsError, match='"loss_se" .* in row 3.*--where "loss_se >= 0"'):
        read_runs(PLAIN | {"loss_se": [0, 0.1, cell, 0.1]})


def test_redundancy_may_be_any_number() -> None:
    assert read_runs(PLAIN | {"z": [-1, 0, 1, 2]})["z"].tolist() == [-1, 0, 1, 2]
    with pytest.raises(RunsError, match='"density", read as z, is empty or nan in row 4'):
        read_runs(PLAIN | {"density": [1, 2, 3, None]})


def test_more_bad_rows_are_counted() -> None:
    with pytest.raises(RunsError, match=r"in row 1 and in 2 more rows\."):
        read_runs(PLAIN | {"loss": [0, 0, 1, -1]})
    with pytest.raises(RunsError, match=r"in row 3 and in 1 more row\."):
        read_runs(PLAIN | {"loss": [1, 2, 0, -1]})


def test_a_derived_column_that_overflows_is_refused() -> None:
    with pytest.raises(RunsError, match=r"derived as 6\*N\*D"):
        read_runs(PLAIN | {"N": [1e200] * 4, "D": [1e200] * 4})


def test_an_optional_column_that_was_never_filled_in_is_absent() -> None:
    runs = read_runs(PLAIN | {"lr": [None] * 4, "loss_se": ["", "", "", ""], "C": [None] * 4})
    assert runs.inputs == ("N", "D", "C", "M")
    assert runs.mapping["C"] == "6*N*D"
    with pytest.raises(RunsError, match="is empty or nan in row 1"):
        read_runs(PLAIN | {"lr": [None] * 4}, columns={"lr": "lr"})
    with pytest.raises(RunsError, match="is empty or nan in row 1"):
        read_runs(PLAIN | {"loss": [None] * 4})


def test_without_a_loss_or_an_input() -> None:
    with pytest.raises(RunsError, match=r'perhaps "error".*--column loss=NAME'):
        read_runs({"N": N, "error": LOSS})
    with pytest.raises(RunsError, match="recognised as the loss"):
        read_runs(PLAIN, columns={"loss": None})
    with pytest.raises(RunsError, match=r"recognised as an input among width, loss.*--column x="):
        read_runs({"width": N, "loss": LOSS})


HEADERS = st.sampled_from(
    [
        "N",
        "D",
        "n_params",
        "C",
        "U",
        "S",
        "B",
        "x",
        "z",
        "lr",
        "M",
        "loss",
        "family",
        "run",
        "",
        "é",
    ]
)
CELLS = st.one_of(
    st.floats().map(repr),
    st.integers().map(str),
    st.sampled_from(
        ["", "70B", "nan", "1e-300", "1e300", "5e-324", "a,b", '"', "\r\n", "1_0", "True"]
    ),
    st.text(max_size=5),
)


@st.composite
def tables(draw: st.DrawFn) -> bytes:
    names = draw(st.lists(HEADERS, min_size=1, max_size=5, unique=True))
    rows = draw(st.lists(st.lists(CELLS, min_size=len(names), max_size=len(names)), max_size=9))
    lines = [",".join(f'"{c}"' if draw(st.booleans()) else c for c in r) for r in [names, *rows]]
    return "\n".join(lines).encode("utf-8", "surrogatepass")


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.one_of(tables(), st.binary(max_size=60)))
def test_any_file_is_read_or_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "runs.csv"
    path.write_bytes(content)
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # numpy's, of numbers that overflow
        warnings.simplefilter("ignore", category=RunsWarning)
        try:
            runs = read_runs(path)
        except BayescaleError as error:
            assert str(error).isprintable()
            assert str(error).endswith(".")
        else:
            assert runs.text() and repr(runs) and runs.to_json()
            assert len(runs.table()) == len(runs)


@settings(max_examples=100)
@given(
    st.lists(st.one_of(st.floats(min_value=1e-300, max_value=1e300)), min_size=6, max_size=6),
    st.lists(st.one_of(st.floats(), st.integers(), st.none(), st.text(), st.dates())),
)
def test_any_mapping_is_read_or_refused(sizes: list[float], cells: list[Any]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.simplefilter("ignore", category=RunsWarning)
        runs = read_runs({"x": sizes, "loss": sizes[::-1], "family": list("abcabc")})
        assert runs.to_json()
        try:
            read_runs({"N": cells, "loss": cells, "family": cells})
        except BayescaleError as error:
            assert str(error).isprintable()


@settings(max_examples=200)
@given(
    st.lists(
        st.lists(st.floats(min_value=5e-324, allow_infinity=False), min_size=9, max_size=9),
        min_size=6,
        max_size=6,
    )
)
def test_extreme_numbers_are_read_or_refused(columns: list[list[float]]) -> None:
    source = dict(zip(["N", "D", "C", "U", "M", "loss"], columns, strict=True))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.simplefilter("ignore", category=RunsWarning)
        try:
            runs = read_runs(source | {"family": list("abcabcabc")})
        except RunsError as error:
            assert "derived as" in str(error)
        else:
            assert runs.text()
            assert runs.to_json()
            assert runs.fingerprint
