"""The reader of typed expressions: a white list, and nothing else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bayescale import grammar
from bayescale.errors import ExpressionError
from bayescale.grammar import Call, Name, Operation


def read(text: str) -> grammar.Node:
    return grammar.parse(text, "law", '"power(N)"')


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("N", Name("N")),
        (" N ", Name("N")),
        ("3", 3.0),
        ("-2.5", -2.5),
        ("1/4", 0.25),
        ("1e-3", 0.001),
        ("'a'", "a"),
        ("f()", Call("f", (), ())),
        ("f(N, 2, k='v')", Call("f", (Name("N"), 2.0), (("k", "v"),))),
        ("a + b * c", Operation("+", Name("a"), Operation("*", Name("b"), Name("c")))),
        ("(a + b) * c", Operation("*", Operation("+", Name("a"), Name("b")), Name("c"))),
        ("a + b + c", Operation("+", Operation("+", Name("a"), Name("b")), Name("c"))),
        ("f(g(x))", Call("f", (Call("g", (Name("x"),), ()),), ())),
    ],
)
def test_trees(text: str, tree: grammar.Node) -> None:
    assert read(text) == tree


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a b",
        "a - b",
        "a / b",
        "1/0",
        "1.5/2",
        "a ** b",
        "a // b",
        "a @ b",
        "-a",
        "+1",
        "not a",
        "a if b else c",
        "a < b",
        "a and b",
        "a.b",
        "a[0]",
        "a.b()",
        "f()()",
        "f(*a)",
        "f(**a)",
        "f(k=1, k=2)",
        "[a]",
        "(a, b)",
        "{a}",
        "{a: b}",
        "lambda: a",
        "(a := b)",
        "[x for x in a]",
        "(yield)",
        "await a",
        "f'{a}'",
        "b'a'",
        "1j",
        "True",
        "None",
        "...",
        "1e999",
        "1" * 400,
        "a; b",
        "import os",
        "a\x00",
        "a" * 2000,
        "\ud800",
        '"\\d" + a.b',
        "(" * 400 + ")" * 400,
        "[" * 150,
        "-" * 900 + "1",
        "a*" * 450 + "a.b",
    ],
)
def test_refusals(text: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        read(text)
    assert "Write it like this" in str(caught.value)


def test_a_refusal_names_the_piece() -> None:
    with pytest.raises(ExpressionError, match=r"'os\.system'"):
        read("power(N, level=os.system)")


@given(st.text(max_size=60) | st.text("abN()+*,=/-.'\"\\ \n\r\f\t#1éλ", max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        tree = read(text)
    except ExpressionError:
        return
    assert isinstance(tree, Name | Call | Operation | float | str)
