"""Every warning: what sets it off, and what does not."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

from bayescale.errors import RunsWarning
from bayescale.runs import Runs, read_runs

RNG = np.random.default_rng(0)
SIZES, TOKENS = (
    v.ravel() for v in np.meshgrid(np.geomspace(5e3, 1e6, 5), np.geomspace(1e6, 3e7, 4))
)
LOSS = 1.7 + 30 / SIZES**0.3 + 90 / TOKENS**0.3
GRID: dict[str, Any] = {"N": SIZES, "D": TOKENS, "loss": LOSS}
FAMILY = np.tile(["a", "b", "c", "b"], 5)


def read(source: Any, **options: Any) -> Runs:
    """Read, and check that each warning is issued once and points here."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        runs = read_runs(source, **options)
    assert [str(item.message) for item in caught] == list(runs.warnings)
    assert {item.category for item in caught} <= {RunsWarning}
    assert {item.filename for item in caught} <= {__file__}
    return runs


@pytest.mark.parametrize(
    "source",
    [
        GRID,
        GRID | {"C": 11.0 * SIZES * TOKENS},
        GRID | {"family": FAMILY, "loss": LOSS * np.where(FAMILY == "a", 1.1, 1.0)},
        GRID | {"run": [f"r{n}" for n in range(20)]},
        GRID | {"lr": [1e-3] * 20, "B": [1e4] * 20, "S": TOKENS / 1e4},
        GRID | {"U": TOKENS / 2, "seed": np.arange(20)},
        {"x": np.geomspace(10, 1e4, 20), "loss": np.linspace(3, 2, 20)},
        {"N": [1e6], "D": [1e8], "loss": [3.0]},
    ],
)
def test_good_runs_are_not_warned_about(source: Any) -> None:
    assert read(source).warnings == ()


def changed(**places: dict[int, Any]) -> dict[str, Any]:
    source = {key: list(values) for key, values in GRID.items()}
    for name, cells in places.items():
        for place, cell in cells.items():
            source[name][place] = cell
    return source


def repeated(*rows: int) -> dict[str, Any]:
    return {key: np.concatenate([v, v[list(rows)]]) for key, v in GRID.items()}


CASES: dict[str, tuple[Any, list[str]]] = {
    "duplicate": (repeated(3), ["1 row repeats another", "(row 4 = row 21)"]),
    "duplicates": (
        repeated(3, 3, 5) | {"run_id": range(23)},
        ["3 rows repeat another", "3 = 20 = 21, 5 = 22"],
    ),
    "many duplicates": (repeated(*range(7)), ["7 rows repeat", "among 7 groups"]),
    "compute": (
        GRID | {"flops": 2.0 * SIZES * TOKENS},
        ['"flops" (C) is 0.33 times 6ND', "20 of 20 rows", "--column C=none"],
    ),
    "compute in some rows": (
        GRID | {"C": 6.0 * SIZES * TOKENS * np.r_[np.ones(19), 3]},
        ["1 to 3 times 6ND", "1 of 20 rows"],
    ),
    "ratio": (GRID | {"M": 1.5 * TOKENS / SIZES}, ['"M" (M) is 1.5 times D/N']),
    "N in millions": (GRID | {"N": SIZES / 1e6}, ["N has a median of", "millions or billions"]),
    "D in billions": (GRID | {"D": TOKENS / 1e6}, ["D has a median of", "such as 70B"]),
    "one slip": (changed(N={4: 0.5}), ["2M tokens a parameter in row 5, which"]),
    "one slip in D": (changed(D={4: 9.0}), ["tokens a parameter in row 5, which"]),
    "a few thousand beside a billion": (changed(N={0: 7e3}, D={0: 1e9}), ["143k tokens"]),
    "proportional": (GRID | {"D": 20 * SIZES}, ["D is proportional to N (correlation"]),
    "in step": (GRID | {"D": 5e3 * np.sqrt(SIZES)}, ["D moves in step with N"]),
    "one budget": (GRID | {"D": 1e12 / SIZES}, ["moves in step", "-1.000"]),
    "constant": (GRID | {"D": [1e8] * 20}, ["D is the same in all rows (100M)"]),
    "narrow": (GRID | {"N": np.geomspace(1e6, 2e6, 20)}, ["N is within a factor of 2 (1M to 2M)"]),
    "very narrow": (GRID | {"N": np.geomspace(1e6, 1.001e6, 20)}, ["N is within 0.1 %"]),
    "narrow x": ({"x": [1, 2, 2.5], "loss": [3, 2, 1.5]}, ["x is within a factor of 2.5"]),
    "narrow C": ({"C": [1e20, 2e20], "loss": [3, 2]}, ["C is within a factor of 2"]),
    "constant U": (GRID | {"U": [1e6] * 20}, ["U is the same in all rows (1M)"]),
    "constant z": (GRID | {"z": [0.5] * 20}, ["z is the same in all rows (0.5)"]),
    "checkpoints": (
        GRID | {"run": np.arange(20) // 2},
        ['"run" names 10 runs in 20 rows that differ in D', "several checkpoints"],
    ),
    "steps": (
        GRID | {"run_id": np.arange(20) // 2, "D": SIZES * 20, "S": np.arange(1, 21)},
        ["differ in"],
    ),
    "evaluation sets": (
        {key: np.repeat(v, 2) for key, v in GRID.items()}
        | {
            "loss": np.repeat(LOSS, 2) + np.tile([0, 0.1], 20),
            "run_id": np.repeat(np.arange(20), 2),
            "eval_set": ["c4", "pile"] * 20,
        },
        ['same inputs differ in "eval_set" (2 values)', "--where 'eval_set == \"c4\"'"],
    ),
    "perplexity": (GRID | {"loss": np.exp(LOSS)}, ["looks like a perplexity"]),
    "range": (changed(loss={0: 0.2}), ["more than a factor of 10"]),
    "two groups": (
        GRID | {"loss": LOSS / np.where(np.arange(20) % 2, 4.0, 1.0)},
        ["fall into two groups", "two scales may be mixed"],
    ),
    "scale column": (
        GRID | {"loss_scale": ["bits", "nats"] * 10},
        ["(bits, nats)", "--where 'loss_scale == \"bits\"'"],
    ),
    "bits": (
        GRID | {"family": FAMILY, "loss": LOSS / np.where(FAMILY == "a", np.log(2), 1.0)},
        ['family "a" lie a factor of 1.45 above', "factor between bits and nats"],
    ),
    "two families": (
        GRID | {"family": FAMILY, "loss": LOSS / np.where(FAMILY == "b", 1.7, 1.0)},
        ['family "b" lie a factor of 1.69', "below"],
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_a_warning(case: str) -> None:
    source, words = CASES[case]
    runs = read(source)
    found = [w for w in runs.warnings if words[0] in w]
    assert len(found) == 1, runs.warnings
    for word in words:
        assert word in found[0]
    assert found[0].endswith(".")
    assert found[0].isprintable()


def test_counts_are_no_losses() -> None:
    batches = {"L": np.geomspace(2.0, 4.0, 20), "loss": np.geomspace(500.0, 9000.0, 20)}
    assert any("perplexity" in w for w in read(batches).warnings)
    assert not any(
        "scale" in w or "perplexity" in w for w in read(batches, loss_unit="tokens").warnings
    )


def test_a_perplexity_that_says_so_is_no_surprise() -> None:
    runs = read(GRID | {"loss": np.exp(LOSS)}, loss_unit="perplexity")
    assert not any("looks like" in w for w in runs.warnings)


def test_families_that_do_not_overlap_are_not_compared() -> None:
    apart = np.where(SIZES < 1e5, "small", "large")
    assert read(GRID | {"family": apart, "loss": LOSS}).warnings == ()


def test_a_run_seen_along_x_is_a_curve() -> None:
    source = {"x": np.geomspace(1, 100, 9), "loss": np.linspace(3, 2, 9), "curve_id": ["a"] * 9}
    assert read(source).warnings == ()


def test_selection_makes_warnings_anew_and_issues_none() -> None:
    with pytest.warns(RunsWarning, match="repeats another"):
        runs = read_runs(repeated(3))
    assert len(runs.warnings) == 1
    assert runs.select(np.arange(20)).warnings == ()
    narrow = runs.where("N < 6k")
    assert [w[:20] for w in narrow.warnings] == ["N is the same in all"]


def test_where_is_applied_before_warnings() -> None:
    assert read(repeated(3) | {"copy": [0] * 20 + [1]}, where="copy == 0").warnings == ()
