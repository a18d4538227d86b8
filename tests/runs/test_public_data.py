"""Public tables of runs as they are: each is read, or refused with a reason."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import pytest

from bayescale.errors import RunsError
from bayescale.runs import read_runs

# File, options, inputs, rows, warnings (a few words each)
READ: list[tuple[str, dict[str, Any], tuple[str, ...], int, list[str]]] = [
    ("bnsl_addition", {}, ("x",), 17, []),
    ("chinchilla_epoch", {}, ("N", "D", "C", "M"), 245, []),
    ("chinchilla_epoch", {"where": "outlier_epoch == 0"}, ("N", "D", "C", "M"), 240, []),
    (
        "clark_routing",
        {"where": "loss > 0"},
        ("N", "D", "C", "M", "S"),
        5568,
        ["differ in D", "times 6ND"],
    ),
    (
        "double_descent",
        {"where": 'metric == "test_error" and x_kind == "model_size"'},
        ("x",),
        633,
        [],
    ),
    ("gadre_downstream", {"columns": {"loss": "error"}}, ("N", "D", "C", "M"), 4784, ["eval_set"]),
    ("gadre_overtraining", {}, ("N", "D", "C", "M", "lr"), 832, ["eval_set"]),
    (
        "gadre_overtraining",
        {"where": 'eval_set == "c4_val" and train_corpus == "c4_original"'},
        ("N", "D", "C", "M", "lr"),
        -1,
        [],
    ),
    ("gemstones", {}, ("N", "D", "C", "M", "S"), 1169, ["checkpoints"]),
    (
        "hitchhiker_curves",
        {"where": "N > 0 and D > 0 and loss_scale == 'nats_per_token'"},
        ("N", "D", "C", "M"),
        -1,
        ["checkpoints"],
    ),
    ("llama3_isoflop", {"loss_unit": "normalised"}, ("N", "D", "C", "M"), 133, []),
    ("loss_to_loss", {"where": 'eval_set == "c4"'}, ("N", "D", "C", "M", "S"), -1, []),
    ("muennighoff_data_constrained", {}, ("N", "D", "C", "U", "M"), 305, []),
    ("multipower_curves", {}, ("N", "S", "lr"), 4162, ["differ in S"]),
    ("nanogpt_width", {"columns": {"x": "n_embd"}}, ("x",), 168, []),
    (
        "obs_scaling_benchmarks",
        {"columns": {"loss": "error"}, "where": "D > 0"},
        ("N", "D", "C", "M"),
        -1,
        ["ranges from"],
    ),
    (
        "olmo_ladder_curves",
        {"where": 'eval_set == "c4_en" and is_final'},
        ("N", "D", "C", "M", "B", "S", "lr"),
        -1,
        [],
    ),
    (
        "openclip",
        {"columns": {"loss": "error"}, "where": 'eval_set == "cars"'},
        ("N", "D", "C", "M", "x"),
        -1,
        ["differ in D", '"metric" says'],
    ),
    ("parscale", {"where": 'eval_set == "pile"'}, ("N",), 24, []),
    ("porian_isoflop", {}, ("N", "D", "C", "M"), 1745, ["slip of units"]),
    (
        "regmix",
        {"columns": {"loss": "loss_pile_cc", "x": "w_pile_cc"}, "where": "x > 0.05"},
        ("x",),
        -1,
        [],
    ),
    ("revisiting_benchmark", {}, ("x",), 9139, []),
    ("sft_curves", {"where": "train_examples > 0"}, ("N", "x"), 840, []),
    ("steplaw_dense", {}, ("N", "D", "C", "M", "B", "S", "lr"), 1911, []),
    (
        "steplaw_moe",
        {"columns": {"N": "n_active_params"}, "count": "active"},
        ("N", "D", "C", "M", "B", "S", "lr"),
        708,
        [],
    ),
    ("steplaw_moe", {}, ("N", "D", "C", "M", "B", "S", "lr"), 708, ["N is within"]),
    ("xlstm_isoflop", {"where": "loss < 3.5"}, ("N", "D", "C", "M", "S", "lr"), -1, []),
]

REFUSED = [
    ("clark_routing", {}, '"loss" is empty or nan in row 25 (line 26 of clark_routing.csv)'),
    ("gadre_downstream", {}, 'perhaps "error"'),
    ("hitchhiker_curves", {}, '"n_params", read as N, is empty or nan in row'),
    ("nanogpt_width", {}, "recognised as an input among curve_id, statistic, n_embd, loss"),
    ("obs_scaling_benchmarks", {"columns": {"loss": "error"}}, '"d_tokens", read as D, is empty'),
    ("olmo_ladder_final", {}, "recognised as the loss"),
    ("regmix", {}, 'perhaps "loss_arxiv"'),
    ("sft_curves", {}, '"train_examples", read as x, holds 0'),
    (
        "vocab_scaling",
        {"columns": {"loss": "loss_unigram_normalised"}},
        "Laws are fitted on the log scale and need positive losses",
    ),
]


@pytest.mark.parametrize(("name", "options", "inputs", "rows", "cautions"), READ)
def test_a_table_is_read(
    name: str,
    options: dict[str, Any],
    inputs: tuple[str, ...],
    rows: int,
    cautions: list[str],
    shared_data: Path,
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        runs = read_runs(shared_data / f"{name}.csv", **options)
    assert runs.inputs == inputs
    assert rows in (-1, len(runs))
    if cautions:
        for words in cautions:
            assert any(words in warning for warning in runs.warnings), runs.warnings
    else:
        assert runs.warnings == ()
    assert len(repr(runs).splitlines()) <= 12


@pytest.mark.parametrize(("name", "options", "words"), REFUSED)
def test_a_table_is_refused(
    name: str, options: dict[str, Any], words: str, shared_data: Path
) -> None:
    with pytest.raises(RunsError) as error:
        read_runs(shared_data / f"{name}.csv", **options)
    assert words in str(error.value)


def test_every_table_has_an_expectation(shared_data: Path) -> None:
    known = {entry[0] for entry in READ} | {entry[0] for entry in REFUSED}
    assert {path.stem for path in shared_data.glob("*.csv")} <= known
