"""Schedules: text, what is read of rows, and nodes against the direct sum over every step."""

from __future__ import annotations

import pickle
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import bayescale as bs
from bayescale.errors import RunsError
from bayescale.runs import read_targets
from bayescale.runs.read import read_quietly
from bayescale.runs.schedule import (
    COLUMN,
    NODES,
    from_rows,
    nodes,
    parse_schedule,
    sums,
    write_schedule,
)

TOTAL, WARMUP, PEAK = 24_000, 2_160, 3e-4

SHAPES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "constant": lambda x: np.ones_like(x),
    "cosine": lambda x: 0.1 + 0.45 * (1 + np.cos(np.pi * x)),
    "linear to zero": lambda x: 1 - x,
    "exponential at the end": lambda x: np.where(x < 0.8, 1.0, 0.1 ** ((x - 0.8) / 0.2)),
    "two stages": lambda x: np.where(x < 0.5, 1.0, 0.3),
    "three cycles": lambda x: 0.55 + 0.45 * np.cos(6 * np.pi * x),
}


def schedule(shape: str) -> str:
    steps = np.arange(TOTAL + 1.0)
    after = SHAPES[shape]((steps - WARMUP) / (TOTAL - WARMUP))
    return write_schedule(steps, PEAK * np.where(steps < WARMUP, steps / WARMUP, after))


def direct(text: str, t: int, kernel: Callable[[Any, Any, Any], Any]) -> float:
    """The sum over every change, step by step; nothing shared with what is tested but the text."""
    lr = parse_schedule(text).at(t)
    fall = np.concatenate([[0.0], lr[:-1]]) - lr
    since = np.cumsum(lr[::-1])[::-1]
    age = np.arange(t, 0, -1)
    used = fall != 0
    at = np.maximum(lr, 1e-9 * PEAK)
    return float(np.sum(fall[used] * kernel(at[used], since[used], age[used])))


def by_nodes(text: str, steps: np.ndarray, kernel: Callable[[Any, Any, Any], Any]) -> np.ndarray:
    fall, *arguments = np.moveaxis(nodes(np.full(len(steps), text, object), steps), -1, 0)
    return np.asarray(np.sum(fall * kernel(*(np.exp(a) for a in arguments)), axis=1))


def multi_power(c: float, beta: float, gamma: float) -> Callable[[Any, Any, Any], Any]:
    return lambda lr, since, age: 1 - (c * lr**-gamma * since + 1) ** -beta


KERNELS = {
    "25M of Luo et al.": multi_power(2.066, 0.583, 0.641),
    "slow": multi_power(2.0, 0.2, 0.3),
    "steep": multi_power(0.05, 1.2, 0.9),
    "momentum": lambda lr, since, age: -np.expm1(-age / 300),
}


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("shape", SHAPES)
def test_the_nodes_lose_a_thousandth_of_the_drop_at_most(shape: str, kernel: str) -> None:
    """Of the drop from the peak to zero; of cycles, three thousandths."""
    text = schedule(shape)
    steps = np.unique(np.geomspace(200, TOTAL, 40).astype(int)).astype(float)
    exact = np.array([direct(text, int(t), KERNELS[kernel]) for t in steps])
    off = np.abs(by_nodes(text, steps, KERNELS[kernel]) - exact) / PEAK
    assert off.max() < (3.5e-3 if shape == "three cycles" else 1e-3)
    assert np.abs(exact).max() / PEAK > 0.1  # there was something to lose


@pytest.mark.parametrize("kernel", KERNELS)
def test_few_changes_lose_nothing(kernel: str) -> None:
    text = "0:0 20:3e-4 900:3e-4 901:1e-4 1500:1e-4 1501:2e-4 2000:2e-4 2010:0"
    steps = np.array([1.0, 7, 20, 500, 901, 1400, 2005, 2010, 5000])
    exact = [direct(text, int(t), KERNELS[kernel]) for t in steps]
    np.testing.assert_allclose(by_nodes(text, steps, KERNELS[kernel]), exact, rtol=1e-11)


def test_falls_and_rises_add_up_to_minus_the_learning_rate() -> None:
    for shape in SHAPES:
        steps = np.geomspace(100, TOTAL, 30).round()
        total = nodes(np.full(30, schedule(shape), object), steps)[..., 0].sum(axis=1)
        lr = parse_schedule(schedule(shape)).at(TOTAL)[steps.astype(int) - 1]
        np.testing.assert_allclose(total, -lr, atol=1e-15)


def test_a_row_does_not_depend_on_the_other_rows() -> None:
    texts = np.array([schedule(shape) for shape in SHAPES], object)
    steps = np.full(len(texts), 9_000.0)
    together = nodes(texts, steps)
    assert together.shape == (len(texts), NODES, 4)
    alone = np.concatenate([nodes(texts[[i]], steps[[i]]) for i in range(len(texts))])
    np.testing.assert_array_equal(together, alone)
    again = nodes(np.repeat(texts, 2), np.column_stack([steps, steps + 5_000]).ravel())
    np.testing.assert_allclose(again[::2], together, rtol=1e-12)


def test_reading_a_schedule_is_linear_in_its_steps() -> None:
    """Ten times the steps take nowhere near a hundred times as long."""

    def seconds(last: int) -> float:
        text = f"0:0 {last // 10}:1 {last}:0"
        steps = np.linspace(last / 5, last, 50)
        parse_schedule(text)
        best = np.inf
        for _ in range(3):
            started = time.perf_counter()
            nodes(np.full(50, text, object), steps)
            best = min(best, time.perf_counter() - started)
        return best

    assert seconds(2_000_000) < 30 * seconds(200_000)


# --- text --------------------------------------------------------------------------------------


def test_text_goes_there_and_back() -> None:
    text = write_schedule([0, 10, 20, 30, 40], [0.0, 1.0, 1.0, 1.0, 0.25])
    assert text == "0:0 10:1 30:1 40:0.25"
    np.testing.assert_allclose(
        parse_schedule(text).at(50)[[4, 9, 29, 34, 39, 49]], [0.5, 1, 1, 0.625, 0.25, 0.25]
    )


@pytest.mark.parametrize(
    "text",
    ["", "cosine", "1:2:3", "0:1 0:2", "10:1 5:1", "0:-1 5:1", "0:0 5:0", "0:nan 5:1", "0:1 9e9:1"],
)
def test_what_is_no_schedule_is_refused(text: str) -> None:
    with pytest.raises(RunsError, match="schedule"):
        parse_schedule(text)


def test_sums_are_those_of_the_steps() -> None:
    text = schedule("cosine")
    steps = np.array([1.0, 2_160, 9_999, 24_000])
    exact = [parse_schedule(text).at(int(t)).sum() for t in steps]
    np.testing.assert_allclose(sums(np.full(4, text, object), steps), exact, rtol=1e-12)


# --- from rows ---------------------------------------------------------------------------------


def test_between_rows_the_learning_rate_is_linear() -> None:
    lr = parse_schedule(from_rows(np.array([10.0, 20, 40]), np.array([1.0, 0.5, 0.1]))).at(60)
    assert lr[14] == pytest.approx(0.75)
    np.testing.assert_allclose(lr[:10], 1.0)
    np.testing.assert_allclose(lr[39:], 0.1)


def test_a_lone_change_is_a_jump_at_the_row_that_shows_it() -> None:
    text = from_rows(np.array([10.0, 20, 30, 40, 50]), np.array([1.0, 1.0, 0.3, 0.3, 0.3]))
    np.testing.assert_array_equal(np.diff(parse_schedule(text).at(50)).nonzero()[0], [28])


def test_the_warm_up_comes_from_zero() -> None:
    rows = np.array([100.0, 200]), np.array([1.0, 1.0])
    np.testing.assert_allclose(
        parse_schedule(from_rows(*rows, warmup=50.0)).at(50), np.arange(1, 51) / 50
    )
    np.testing.assert_allclose(parse_schedule(from_rows(*rows)).at(50), 1.0)
    late = parse_schedule(from_rows(*rows, warmup=150.0)).at(100)
    np.testing.assert_allclose(late, np.arange(1, 101) / 100)


@pytest.mark.parametrize("shape", [shape for shape in SHAPES if shape != "three cycles"])
def test_a_given_sum_is_met_at_every_row(shape: str) -> None:
    """Rows as thin as those of ``tiny_curves``."""
    full = parse_schedule(schedule(shape)).at(TOTAL)
    steps = np.unique(np.geomspace(8, TOTAL, 25).astype(int))
    total = np.cumsum(full)[steps - 1]
    text = from_rows(steps.astype(float), full[steps - 1], total)
    own = np.cumsum(parse_schedule(text).at(TOTAL))[steps - 1]
    first = own[0] - total[0]  # the learning rate before the first row is held
    np.testing.assert_allclose(own - first, total, atol=2e-5 * PEAK * TOTAL)


def test_two_learning_rates_at_one_step_are_refused() -> None:
    table = {"run": ["a"] * 3, "steps": [1, 2, 2], "lr": [1.0, 1.0, 0.5], "loss": [3.0, 2.0, 2.0]}
    with pytest.raises(RunsError, match=r'Run "a": Step 2 has two learning rates.*tells the runs'):
        bs.read_runs(table)


# --- tables ------------------------------------------------------------------------------------

STEPS = np.array([100.0, 200, 300, 400])
TABLE: dict[str, Any] = {
    "run": ["a"] * 4 + ["b"] * 4,
    "steps": [*STEPS, *STEPS],
    "lr": [1e-3] * 4 + [1e-3, 1e-3, 5e-4, 0.0],
    "warmup_steps": [50.0] * 8,
    "loss": np.linspace(4.0, 3.0, 8),
}


def test_a_table_of_curves_has_schedules_and_sums() -> None:
    runs = read_quietly(TABLE)
    assert runs[COLUMN][0] == "0:0 50:0.001 400:0.001"
    assert runs[COLUMN][4] == "0:0 50:0.001 200:0.001 400:0"
    assert runs.mapping["S1"] == "sum of lr"
    np.testing.assert_allclose(runs["S1"][:4], 1e-3 * (STEPS - 50 + 25.5))
    # Selected, thinned, pickled: the schedule of the whole run stays.
    assert runs.where('run == "b" and S == 300')[COLUMN][0] == runs[COLUMN][4]
    back = pickle.loads(pickle.dumps(runs))
    assert list(back[COLUMN]) == list(runs[COLUMN])
    assert back.fingerprint == runs.fingerprint


def test_the_fingerprint_tells_schedules_apart() -> None:
    one = bs.read_runs({"S": [10, 20], "S1": [1.0, 2.0], "loss": [3.0, 2.0], COLUMN: ["0:1"] * 2})
    other = bs.read_runs({"S": [10, 20], "S1": [1.0, 2.0], "loss": [3.0, 2.0], COLUMN: ["0:2"] * 2})
    assert one.fingerprint != other.fingerprint


def test_a_run_of_one_row_has_no_schedule() -> None:
    table = {"run": ["a", "b"], "steps": [5, 9], "lr": [0.1, 0.2], "loss": [2.0, 3.0]}
    assert COLUMN not in bs.read_runs(table)
    with pytest.raises(RunsError, match="not positive"):
        bs.read_runs(table | {"lr": [0.1, 0.0]})


def test_a_start_that_is_not_told_is_said() -> None:
    without = {name: values for name, values in TABLE.items() if name != "warmup_steps"}
    runs = read_quietly(without)
    assert any("held from step 1 on" in warning for warning in runs.warnings)
    assert not any("held from" in warning for warning in read_quietly(TABLE).warnings)
    np.testing.assert_allclose(runs["S1"][:4], 1e-3 * STEPS)


def test_a_column_of_schedules_is_read_as_given() -> None:
    table = {"S": [10, 30], "loss": [3.0, 2.0], COLUMN: ["0:0 10:1 20:1"] * 2}
    np.testing.assert_allclose(bs.read_runs(table)["S1"], [5.5, 25.5])
    with pytest.raises(RunsError, match=r"Row 2: .*cannot be read"):
        bs.read_runs(table | {COLUMN: ["0:1", "cosine"]})


def test_targets_without_a_run_are_one_curve() -> None:
    targets, scored = read_targets({"steps": STEPS, "lr": [1e-3, 1e-3, 5e-4, 1e-4]})
    assert not scored
    assert targets[COLUMN][0] == "100:0.001 200:0.001 300:0.0005 400:0.0001"
    unordered, _ = read_targets({"steps": STEPS[::-1], "lr": [1e-3, 1e-3, 5e-4, 1e-4]})
    assert COLUMN not in unordered


def test_the_tiny_curves_meet_their_own_sums() -> None:
    runs = bs.datasets.load("tiny_curves")
    for name in np.unique(runs["run"]):
        own = runs.where(f'run == "{name}"')
        found = sums(own[COLUMN], own["S"])
        np.testing.assert_allclose(np.diff(found), np.diff(own["S1"]), rtol=2e-3)
