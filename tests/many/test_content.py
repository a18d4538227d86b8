"""Keys: the same content has the same key, another content another."""

from __future__ import annotations

import functools
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest

import bayescale as bs
from bayescale.errors import LawError
from bayescale.fitting import build_model
from bayescale.many.content import _bare, computation, digest, model_content, seed_of


def first(fit: Any, at: float = 1.0) -> float:
    return at


def second(fit: Any, at: float = 2.0) -> float:
    return at


@dataclass(frozen=True)
class Threshold:
    value: float


def closing_over(number: float) -> Any:
    return lambda fit: number


DIFFERENT = [
    None,
    True,
    False,
    1,
    1.0,
    "1",
    "True",
    [1],
    [[1]],
    {"a": 1},
    [["a", 1]],
    np.array([1.0]),
    np.array([1]),
    np.array([[1.0]]),
    np.array(["a", None], dtype=object),
    first,
    second,
    functools.partial(first, at=3.0),
    functools.partial(first, at=4.0),
    closing_over(1.0),
    closing_over(2.0),
    Threshold(1.0),
    Threshold(2.0),
    bs.prior.Normal(1.0, 2.0),
    bs.prior.Normal(1.0, 3.0),
    bs.prior.LogNormal(1.0, 2.0),
]


def test_different_things_have_different_digests() -> None:
    found = [digest(value) for value in DIFFERENT]
    assert len(set(found)) == len(found)
    assert found == [digest(value) for value in DIFFERENT]


def test_order_of_a_mapping_and_layout_of_an_array_do_not_count() -> None:
    assert digest({"a": 1, "b": 2}) == digest({"b": 2, "a": 1})
    grid = np.arange(6.0).reshape(2, 3)
    assert digest(grid.T) == digest(np.ascontiguousarray(grid.T))
    assert digest(grid.astype(">f8")) == digest(grid)


def test_what_has_no_content_is_refused() -> None:
    with pytest.raises(LawError, match="cannot be told"):
        digest(object())


def test_runs(small: bs.Runs) -> None:
    named = replace(small, labels=tuple(f"other{i}" for i in range(len(small))))
    remark = replace(small, columns={**small.columns, "remark": np.array(["x"] * len(small))})
    family = replace(small, columns={**small.columns, "family": np.array(["x"] * len(small))})
    noisy = replace(small, columns={**small.columns, "loss": small.loss * (1 + 1e-15)})
    moved = replace(small, columns={**small.columns, "loss": small.loss * (1 + 1e-9)})
    assert digest(small) == digest(remark) == digest(noisy)
    assert len({digest(runs) for runs in (small, named, family, moved)}) == 4


@pytest.fixture
def small() -> bs.Runs:
    size = np.geomspace(1e6, 1e9, 12)
    return bs.read_runs({"N": size, "loss": 1.8 + 400.0 / size**0.34})


def test_models(small: bs.Runs) -> None:
    prior = {"E": bs.prior.Normal(1.6, 0.1)}
    models = [
        build_model("chinchilla"),
        build_model("skaling"),
        build_model("chinchilla", "normal"),
        build_model("chinchilla", "huber(1e-3)"),
        build_model("chinchilla", "huber(1e-2)"),
        build_model("chinchilla", priors=prior),
    ]
    found = [digest(model_content(model, small)) for model in models]
    assert len(set(found)) == len(found)
    assert digest(model_content(build_model("chinchilla", priors=prior), small)) == found[-1]


def test_which_runs_belong_together_counts(small: bs.Runs) -> None:
    """A column of any name that groups runs is part of the content, by what it groups."""
    model = build_model("irreducible + power(N)", "effects(rack)", pool="corpus")

    def content(rack: list[str], corpus: list[str]) -> str:
        columns = {"rack": np.array(rack), "corpus": np.array(corpus)}
        runs = replace(small, columns={**small.columns, **columns})
        return digest(model_content(model.resolved(runs), runs))

    half, third = ["a"] * 6 + ["b"] * 6, ["a"] * 4 + ["b"] * 8
    base = content(half, half)
    assert content(["x"] * 6 + ["y"] * 6, half) == base  # the rack's name says nothing
    assert len({base, content(third, half), content(half, third)}) == 3


def test_seeds_are_spread_and_follow_from_the_content() -> None:
    found = {seed_of(0, i) for i in range(200)}
    assert len(found) == 200
    assert all(0 <= seed < 2**31 for seed in found)
    assert seed_of(0, 1) == seed_of(0, 1) != seed_of(1, 1)


def test_the_version_counts_code_and_not_comments() -> None:
    assert computation().startswith("bayescale ")
    one = 'def f(x):\n    """Doc."""\n    return x + 1\n'
    assert _bare(one) == _bare("def f(x):\n    # why\n    return x + 1\n")
    assert _bare(one) != _bare("def f(x):\n    return x + 2\n")
