"""Laws typed as text: every one reads back, and nothing else gets through."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bayescale import laws
from bayescale.errors import BayescaleError

GOOD = [
    "irreducible + power(N) + power(D)",
    "irreducible + coupled(power(N) * overtraining(N) + power(D))",
    "irreducible + (power(N) + power(D)) * overtraining(D, strength=1/3)",
    'irreducible(name="E0") + power(C, level="T0", exponent="gamma", field="A0")',
    'power(N, form="scale", field="N_c", per="gamma") + power(D, exponent="gamma")',
    'coupled(coupled(power(N) + power(D)) + power(C), k="k2")',
    'coupled(power(N) + power(D, exponent=1), role="exponent", inner="D")',
    'power(D) * overtraining(D, rate="r") * overtraining(N, strength="rho2")',
    "power(D, exponent=0.5)",
    "  irreducible+power( D )  ",
]

MALFORMED = [
    "",
    " ",
    "+",
    "irreducible",
    "irreducible + ",
    "chinchila",
    "chinchilla(N)",
    "power()",
    "power(Q)",
    'power("Q")',
    "power(3)",
    "power(N, D)",
    "power(N, 1, 2, 3, 4, 5, 6, 7)",
    "power(power(N))",
    "power(N) - power(D)",
    "power(N) / power(D)",
    "power(N) ** 2",
    "power(N) * 2",
    "2 * power(N)",
    "2",
    "'power'",
    "power(N) + 1",
    "power(N) * power(D)",
    "overtraining(D)",
    "overtraining(D) * power(D)",
    "power(D) + overtraining(D)",
    "power(D) * overtraining",
    "power(D) * overtraining(power(N))",
    "irreducible * overtraining(D) + power(N)",
    "(irreducible + power(N)) * overtraining(D)",
    "coupled(irreducible + power(N))",
    "coupled(irreducible)",
    "coupled(N)",
    "coupled()",
    "coupled(power)",
    "coupled(overtraining(N))",
    "coupled(power(N) + power(D), k=2)",
    'coupled(power(N), role="noise")',
    'coupled(power(N), inner="D")',
    'coupled(power(N), k="T_N")',
    "irreducible(name=3) + power(N)",
    'irreducible(name="a b") + power(N)',
    "irreducible + irreducible + power(N)",
    "power(N, level=2)",
    'power(N, level="a b")',
    'power(N, level="<script>")',
    'power(N, field="alpha")',
    'power(N, field="T_N")',
    "power(N, exponent=0)",
    "power(N, exponent=-0.3)",
    "power(N, exponent=1e400)",
    "power(N, exponent=True)",
    "power(N, exponent=None)",
    "power(N, exponent=[1])",
    'power(N, exponent="T_N")',
    'power(N, form="logarithmic")',
    'power(N, per="gamma")',
    'power(N, per="T_N")',
    "power(N, per=1)",
    "power(N, width=2)",
    "power(N) * overtraining(N, strength=-1)",
    "power(N) * overtraining(N, rate=1)",
    'power(N) * overtraining(N, rate="alpha")',
    "power(N) + power(N)",
    'power(N) + power(N, level="T_2", exponent="alpha2")',
    'power(N) + power(N, exponent="alpha2")',
    "power(N",
    "power N",
    "power(N); power(D)",
    "power(N)\npower(D)",
    "power(*N)",
    "power(**N)",
    "power(N)(D)",
    "lambda: 1",
    "laws.power(N)",
    "power(N) if N else power(D)",
    "power(N) + \x00",
    "\ufeffpower(N)-1",
    "\ud800",
    "power(\uff2e)x",
    "(" * 300,
    "-" * 900 + "1",
    "power(N) + " * 500 + "power(D)",
    "N*" * 400 + "N",
]

HOSTILE = [
    "__import__('pathlib').Path({path!r}).touch()",
    "power(__import__('pathlib').Path({path!r}).touch())",
    "power(N, level=open({path!r}, 'w').name)",
    "(lambda: open({path!r}, 'w'))()",
    "[open({path!r}, 'w') for _ in (1,)]",
    "power(N) + (x := open({path!r}, 'w'))",
    "f'{{open({path!r}, \"w\")}}'",
    "power.__class__.__bases__",
    "eval(\"open({path!r}, 'w')\")",
]


@pytest.mark.parametrize("text", GOOD)
def test_an_expression_reads_back(text: str) -> None:
    law = laws.parse(text)
    again = laws.parse(law.expression)
    assert again.term == law.term
    assert again.expression == law.expression
    assert laws.get(text).term == law.term


@pytest.mark.parametrize("name", [*laws.names(), "power(D)", "power_floor(C)"])
def test_named_laws_read_back(name: str) -> None:
    law = laws.get(name)
    again = laws.parse(law.expression)
    assert again.term == law.term
    assert again.priors == law.priors


def a_helpful_refusal(text: str) -> bool:
    """Whether the text is refused; the message must say what is wrong and what to do."""
    try:
        laws.get(text)
    except BayescaleError as error:
        message = str(error)
        assert message.endswith(".")
        assert message.count(". ") >= 1 or message.count(": ") >= 1
        return True
    return False


@pytest.mark.parametrize("text", MALFORMED)
def test_malformed(text: str) -> None:
    assert a_helpful_refusal(text)


@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_is_evaluated(text: str, tmp_path: Path) -> None:
    trace = tmp_path / "touched"
    assert a_helpful_refusal(text.format(path=str(trace)))
    assert not trace.exists()


@given(st.text(max_size=40))
def test_any_text_is_a_law_or_a_refusal(text: str) -> None:
    a_helpful_refusal(text)


TOKENS = st.sampled_from(
    (
        *"NDCxk()+*,=/-.\"' 0123\né",
        *("power", "irreducible", "coupled", "overtraining", "chinchilla"),
        *("level=", "exponent=", "form=", "per=", "strength=", "rate=", "name=", "role=", "inner="),
        *("power(N)", "power(D)", '"alpha"', '"T_N"', '"A"', "1/3", " + ", " * ", "1e9"),
    )
)


@settings(max_examples=300)
@given(st.lists(TOKENS, max_size=14).map("".join))
def test_scrambled_algebra_is_a_law_or_a_refusal(text: str) -> None:
    a_helpful_refusal(text)


WORDS = st.sampled_from(["a", "T_N", "alpha", "A", "E", "k", "N", "k_N", "", "a b"])
VALUES = st.one_of(WORDS.map('"{}"'.format), st.sampled_from(["1", "0", "-2", "1/3", "1e308", "N"]))


def options(*keys: str) -> st.SearchStrategy[str]:
    picked = st.dictionaries(st.sampled_from(keys), VALUES, max_size=2)
    return picked.map(lambda chosen: "".join(f", {k}={v}" for k, v in chosen.items()))


POWERS = st.builds(
    "power({}{})".format,
    st.sampled_from("NDCx"),
    options("level", "exponent", "field", "form", "per"),
)
MODIFIERS = st.builds(
    "overtraining({}{})".format, st.sampled_from("NDx"), options("strength", "rate")
)
ALGEBRA = st.recursive(
    POWERS | st.just("irreducible"),
    lambda inner: (
        st.builds("{} + {}".format, inner, inner)
        | st.builds("({}) * {}".format, inner, MODIFIERS)
        | st.builds("coupled({}{})".format, inner, options("k", "role", "inner"))
    ),
    max_leaves=4,
)


@settings(max_examples=200)
@given(ALGEBRA)
def test_any_algebra_is_refused_or_reads_back_and_has_priors(text: str) -> None:
    if a_helpful_refusal(text):
        return
    law = laws.get(text)
    assert laws.parse(law.expression).term == law.term
    assert all(p.prior is not None for p in law.parameters)
    assert len(law.field_names) == len(law.parameters)
