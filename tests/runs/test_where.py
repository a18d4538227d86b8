from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bayescale.errors import ExpressionError
from bayescale.runs import parse_where

COLUMNS: dict[str, Any] = {
    "C": np.array([1e19, 1e22, np.nan]),
    "D": np.array([1.0, 7e10, 3.0]),
    "z": np.array([-1.0, 0.0, 1.0]),
    "family": np.array(["a", "b", ""]),
    "val/loss": np.array([2.0, 3.0, 4.0]),
    "outlier": np.array([0.0, 1.0, np.nan]),
    "_bayescale_column_0": np.array([1.0, 1.0, 1.0]),
}


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("C < 1e21", [0]),
        ("C<1e21 or D == 3", [0, 2]),
        ("1e18 <= C < 1e20", [0]),
        ("1e25 > C > 1e20 and D >= 70B", [1]),
        ("not C < 1e21", [1, 2]),
        ("not (C < 1e21 or D == 3)", [1]),
        ("D == 70B", [1]),
        ("D == 0.07T", [1]),
        ("D <= .07T", [0, 1, 2]),
        ("z < -0.5", [0]),
        ("z >= +0", [1, 2]),
        ('family == "a"', [0]),
        ("family != 'a'", [1, 2]),
        ('family in ("a", "b")', [0, 1]),
        ('family in ["b"]', [1]),
        ('family in ("b")', [1]),
        ('family not in ("a",)', [1, 2]),
        ('"a" == family', [0]),
        ('family == "70B"', []),
        ("D in (1, 70B)", [0, 1]),
        ("D != C", [0, 1, 2]),
        ("C == C", [0, 1]),
        ("outlier == 0", [0]),
        ("outlier", [1]),
        ("not outlier", [0, 2]),
        ("outlier == True", [1]),
        ("`val/loss` > 2.5 and `val/loss` < 3.5", [1]),
        ("_bayescale_column_0 == 1", [0, 1, 2]),
        ("C\n<\n1e21", [0]),
        ("1 < 2", [0, 1, 2]),
        ("not " * 200 + "C < 1e21", [0]),
        ("C < 1e21 or " * 150 + "D == 3", [0, 2]),
    ],
)
def test_rows_that_meet_a_condition(text: str, rows: list[int]) -> None:
    assert np.flatnonzero(parse_where(text).mask(COLUMNS)).tolist() == rows


@pytest.mark.parametrize(
    ("text", "piece"),
    [
        ("__import__('os').system('true')", "a call"),
        ("C.real < 1", "an attribute"),
        ("C[0] < 1", "a subscript"),
        ("lambda: 1", "a lambda"),
        ("C < 1 if D < 1 else 2", "an if"),
        ("C / D < 1", "C / D"),
        ("C < 1 & D < 1", "write and, or"),
        ("(C < 1) | (D < 1)", "write and, or"),
        ("C < 1 && D < 1", "use and, or"),
        ("C = 1", "use =="),
        ("(C := 1) < 1", "an assignment"),
        ("C is 1", "use =="),
        ("C == None", "None"),
        ("C < 1j", "1j"),
        ("b'a' == family", "b'a'"),
        ("f'{C}' == family", "f-string"),
        ("(C < 1) == (D < 1)", "comparison inside"),
        ("[C < 1]", "something else"),
        ("(x for x in C)", "something else"),
        ("~C", "something else"),
        ("C < 1; D < 1", "invalid syntax"),
        ("C <", "invalid syntax"),
        ("C < 70b", "sizes end with"),
        ("C < 1e3M", "sizes end with"),
        ("C < 1e999", "too large"),
        ("C < " + "9" * 1900, "too large"),
        ("-" * 1500 + "1 < C", "too deeply"),
        ("(" * 900 + "C" + ")" * 900 + " < 1", "nested"),
        ("C < D" + " < C" * 600, "characters"),
        ("x" * 2001, "characters"),
        ("C in D", "needs a list"),
        ("C in (D, 1)", "constant is needed"),
        ("C < 1 in (1, 2)", "chain"),
        ("1", "alone"),
        ("True", "alone"),
        ("", "empty"),
        (" \n", "empty"),
        ("C < 1\x00", "null"),
        ("\ud800 < 1", "cannot be read"),
        ("-'a' == family", "sign"),
    ],
)
def test_anything_else_is_refused_with_an_example(text: str, piece: str) -> None:
    with pytest.raises(ExpressionError) as error:
        parse_where(text)
    assert piece in str(error.value)
    assert "Write for example" in str(error.value)
    assert str(error.value).isprintable()
    assert len(str(error.value)) < 500


@pytest.mark.parametrize(
    ("text", "piece"),
    [
        ("famly == 'a'", "Did you mean family?"),
        ("a < 1", "put text between quotes"),
        ("C < 'a'", "text meets a number"),
        ("C < 1 or D == 'a'", "text meets a number"),
        ("family < 'b'", "no order"),
        ("family == 3", "text meets a number"),
        ("family in (1, 2)", "text meets a number"),
        ("family", "neither true nor false"),
        ("not D", "neither true nor false"),
        ("`nothing like it` < 1", "not a column"),
    ],
)
def test_a_condition_that_the_columns_cannot_meet_is_refused(text: str, piece: str) -> None:
    with pytest.raises(ExpressionError, match="condition") as error:
        parse_where(text).mask(COLUMNS)
    assert piece in str(error.value)


def test_the_names_are_listed() -> None:
    assert parse_where("C < 1 and (`val/loss` > C or not outlier)").names == (
        "C",
        "val/loss",
        "outlier",
    )


def test_no_columns_no_rows() -> None:
    assert parse_where("1 < 2").mask({}).shape == (0,)


PIECES = st.sampled_from(
    [
        *("C", "D", "family", "outlier", "`val/loss`", "70B", "1e21", "-1", "'a'", '"b"', "True"),
        *("<", ">", "==", "!=", "<=", "=", "in", "not", "and", "or", "(", ")", "[", "]", ",", "&"),
        *(".", "lambda", ":", "is", "None", "`", "'", "\\", "\n", "#", "if", "else", "*", "9" * 40),
    ]
)


@settings(max_examples=300)
@given(st.one_of(st.text(max_size=40), st.lists(PIECES, max_size=12).map(" ".join)))
def test_text_is_a_condition_or_is_refused(text: str) -> None:
    try:
        mask = parse_where(text).mask(COLUMNS)
    except ExpressionError as error:
        assert str(error).isprintable()
    else:
        assert mask.shape == (3,)
        assert mask.dtype == np.bool_
