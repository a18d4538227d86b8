from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bayescale.errors import BayescaleError
from bayescale.flops import flops_6nd
from bayescale.units import INPUTS, coordinate, format_size, is_linear, natural, parse_size


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("70B", 7e10),
        ("70G", 7e10),
        ("1.4T", 1.4e12),
        ("1.1B", 1.1e9),
        ("6e23", 6e23),
        ("6E+23", 6e23),
        ("300M", 3e8),
        ("12k", 12e3),
        ("12K", 12e3),
        (" .5M ", 5e5),
        ("7.", 7.0),
        ("-0.5", -0.5),
        (12, 12.0),
        (np.float32(2.0), 2.0),
    ],
)
def test_sizes_are_read(text: str | float, value: float) -> None:
    assert parse_size(text) == value


@pytest.mark.parametrize(
    "text",
    [
        *("", " ", "70b", "70m", "70t", "70 B", "B", "1,000", "1_000", "0x10", "1e3M", "70BB"),
        *("nan", "inf", "-inf", "1e999", "٣", "--3", "1e", "1" * 5000, "7٠B"),
        *(math.nan, math.inf, 10**400, True, None, [1], 1j, b"70B"),
    ],
)
def test_anything_else_is_refused(text: Any) -> None:
    with pytest.raises(BayescaleError, match="size") as error:
        parse_size(text)
    assert len(str(error.value)) < 250


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (7e10, "70B"),
        (1.4e12, "1.4T"),
        (5.9e23, "5.9e23"),
        (1e24, "1e24"),
        (999.9e6, "1B"),
        (999.4e6, "999M"),
        (5000, "5k"),
        (124, "124"),
        (100, "100"),
        (0, "0"),
        (0.5, "0.5"),
        (3e-4, "3e-4"),
        (-2e6, "-2M"),
        (1e15, "1e15"),
        (math.inf, "inf"),
        (math.nan, "nan"),
    ],
)
def test_sizes_are_written(value: float, text: str) -> None:
    assert format_size(value) == text


def test_compute_takes_an_exponent() -> None:
    assert format_size(6.2e9, kind="compute") == "6.2e9"
    assert format_size(7e10, kind="compute", digits=1) == "7e10"


@given(st.floats(allow_nan=False, allow_infinity=False), st.sampled_from(["count", "compute"]))
def test_what_is_written_is_read_back(value: float, kind: Any) -> None:
    assert parse_size(format_size(value, kind=kind)) == pytest.approx(value, rel=0.0051, abs=0)
    assert parse_size(format_size(value, kind=kind, digits=17)) == pytest.approx(value, abs=0)


@given(st.text(max_size=20))
def test_text_is_a_finite_size_or_is_refused(text: str) -> None:
    try:
        assert math.isfinite(parse_size(text))
    except BayescaleError:
        pass


def test_the_inputs_are_those_of_the_design() -> None:
    assert list(INPUTS) == ["N", "D", "C", "U", "M", "B", "S", "lr", "S1", "z", "L", "aspect", "x"]
    for symbol, info in INPUTS.items():
        assert info.symbol == symbol
        assert info.meaning
        assert symbol in info.aliases
    assert {"n_params", "params", "parameters"} <= set(INPUTS["N"].aliases)
    assert {"density", "redundancy"} <= set(INPUTS["z"].aliases)


def test_no_alias_belongs_to_two_inputs() -> None:
    names = [alias for info in INPUTS.values() for alias in info.aliases]
    assert len(names) == len(set(names))


def test_six_nd() -> None:
    assert flops_6nd(70e9, 1.4e12) == 5.88e23
    np.testing.assert_array_equal(flops_6nd(np.array([1.0, 2.0]), 3.0), [18.0, 36.0])


def test_the_score_is_taken_as_it_is_and_all_else_by_its_logarithm() -> None:
    assert [symbol for symbol in INPUTS if is_linear(symbol)] == ["z"]
    values = np.array([0.5, 1.0, 7.0])
    np.testing.assert_allclose(coordinate("D", values), np.log(values))
    np.testing.assert_array_equal(coordinate("z", -values), -values)
    for symbol in ("D", "z"):
        np.testing.assert_allclose(natural(symbol, coordinate(symbol, values)), values)
