"""Each conversion against the tidy copies in ``../shared/data``, where they are.

Those copies were made from the same public files by another program. Here each is turned back into
the form that the public file has, served on this machine, fetched, and compared with the copy.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bayescale import datasets
from bayescale.datasets.public import catalogue
from bayescale.datasets.public.convert import CONVERSIONS

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"


def csv(frame: pd.DataFrame) -> bytes:
    return frame.to_csv(index=False).encode()


def chinchilla(tidy: pd.DataFrame) -> Mapping[str, bytes]:
    names = {"n_params": "Model Size", "flops": "Training FLOP", "loss": "loss"}
    return {"points.csv": csv(tidy.rename(columns=names)[list(names.values())])}


def llama3_isoflop(tidy: pd.DataFrame) -> Mapping[str, bytes]:
    names = {"n_params": "params", "d_tokens": "tokens", "flops": "budget"}
    raw = tidy.rename(columns=names).assign(condition="raw_loss")
    twice = pd.concat([raw, raw.assign(condition="exp_loss", loss=np.exp(raw["loss"]))])
    return {"points.csv": csv(twice)}


def muennighoff(tidy: pd.DataFrame) -> Mapping[str, bytes]:
    losses = dict(zip(tidy["run_id"], tidy["loss"], strict=True)) | {"14m1b5opt": 3.0, "7m1b1b": 0}
    sizes = {
        "7m": 7.098752e6, "14m": 1.41e7, "20m": 19703712.0, "25m": 35.5e6, "44m": 4.4e7,
        "83m": 8.27e7, "146m": 1.465e8, "196m": 201236224.0, "220m": 2.205e8, "221m": 2.205e8,
        "280m": 2.81e8, "421m": 4.212e8, "574m": 5.737e8, "619m": 6.187e8, "1b1": 1.0963e9,
        "1b5": 1.5173e9, "2b2": 2160013824.0, "2b8": 2.81e9, "3b8": 3581186048.0,
        "3b9": 3899710720.0, "4b2": 4.2465e9, "8b7": 8.67e9,
    }  # fmt: skip
    source = (
        f"# data\nNAMES_TO_VAL_LOSSES = {losses!r}\nOTHER = {{'a': 1}}\nPARAMS_MAP = {sizes!r}\n"
    )
    cells = [
        {"cell_type": "markdown", "source": ["# PARAMS_MAP = nothing"]},
        {"cell_type": "code", "source": source.splitlines(keepends=True)},
        {"cell_type": "code", "source": ["%matplotlib inline\n"]},
    ]
    return {"notebook.ipynb": json.dumps({"cells": cells}).encode()}


def gemstones(tidy: pd.DataFrame) -> Mapping[str, bytes]:
    names = {"n_params": "params_active_precise", "d_tokens": "tokens", "steps": "step"}
    raw = tidy.rename(columns={**names, "loss": "final_loss"})
    prefix = raw["run_id"].str.extract(r"^([a-z]+_)?")[0].fillna("")
    shape = raw["run_id"].str.replace(r"^[a-z]+_", "", regex=True)
    raw["run_name"] = prefix + "PyGemma-" + shape + "_pretrain"
    return {
        f"{variant}.jsonl": raw[raw["variant"] == variant]
        .to_json(orient="records", lines=True)
        .encode()
        for variant in ("hot", "cooldown", "lr_ablation")
    }


def steplaw_dense(tidy: pd.DataFrame) -> Mapping[str, bytes]:
    names = {
        "run_id": "exp_name", "n_params_no_embed": "N", "d_tokens": "D", "hidden": "h",
        "ffn_hidden": "ffnh", "heads": "numh", "layers": "numl", "batch_sequences": "bs",
        "steps": "ti", "loss_smoothed": "smooth loss",
    }  # fmt: skip
    return {"grid.csv": csv(tidy.drop(columns="batch_tokens").rename(columns=names))}


def clark_routing(tidy: pd.DataFrame) -> Mapping[str, bytes]:
    names = {
        "run_id": "hyper_id", "steps": "step", "router": "router_type", "experts": "num_experts",
        "top_k": "k", "n_params": "total_parameter_count", "blocks": "num_blocks",
        "n_params_dense": "dense_parameter_count", "loss": "loss_validation",
    }  # fmt: skip
    raw = tidy.rename(columns=names)
    raw["flops_per_step"] = raw["flops"] / raw["step"]
    start = raw.iloc[:3].assign(step=0)
    return {"curves.csv.gz": gzip.compress(csv(pd.concat([start, raw])))}


def obs_scaling(tidy: pd.DataFrame) -> Mapping[str, bytes]:
    wide = tidy.pivot(
        index=["model", "family", "n_params", "d_tokens", "flops"],
        columns="eval_set",
        values="accuracy",
    ).reset_index()
    tokens = wide["d_tokens"] / 1e12
    tokens[wide["model"].str.endswith("btlm-3b-8k-base")] *= 1e3
    about = {
        "Model": wide["model"],
        "Model Family": wide["family"],
        "Model Size (B)": wide["n_params"] / 1e9,
        "Pretraining Data Size (T)": tokens,
        "FLOPs (1E21)": wide["flops"] / 1e21,
    }
    scores = wide[sorted(set(tidy["eval_set"]))].rename(columns={"mmlu": "MMLU", "arc_c": "ARC-C"})
    return {"scores.csv": csv(pd.DataFrame(about).join(scores))}


def openclip(tidy: pd.DataFrame) -> Mapping[str, bytes]:
    raw = tidy.assign(score=1 - tidy["error"], metric=tidy["metric"].str.replace("_at_", "@"))
    about = ["run_id", "arch", "samples_seen", "corpus", "eval_set", "task"]
    wide = raw.pivot_table(index=about, columns="metric", values="score").reset_index()
    names = {"run_id": "name", "corpus": "upstream_dataset", "eval_set": "downstream_dataset"}
    wide["run_id"] += ".pt"
    shapes = tidy.drop_duplicates("arch")
    sizes = pd.DataFrame({"model": shapes["arch"], "mparams": shapes["n_params"] / 1e6})
    return {
        "scores.csv": csv(wide.rename(columns=names).assign(acc5=0.9)),
        "shapes.csv": csv(sizes),
    }


def revisiting(tidy: pd.DataFrame) -> Mapping[str, bytes]:
    names = {"domain": "Domain", "task": "Task", "model": "Model", "loss": "Loss"}
    raw = tidy.rename(columns={**names, "seen_examples": "Seen Examples"})
    raw["Training"] = (raw["split"] == "fit").astype(int)
    raw = raw.drop(columns=["curve_id", "split"])
    images = raw["Domain"] == "IC"
    repeated = pd.concat([raw[~images]] * 4)
    return {"vision.csv": csv(raw[images]), "lang.csv": csv(repeated)}


def sft_curves(tidy: pd.DataFrame) -> Mapping[str, bytes]:
    names = {"model": "config name", "n_params": "size"}
    return {
        f"{task}.csv": csv(
            rows.pivot(
                index=["model", "n_params", "family"], columns="train_examples", values="loss"
            )
            .reset_index()
            .rename(columns=names)
        )
        for task, rows in tidy.groupby("task")
    }


def bnsl_addition(tidy: pd.DataFrame) -> Mapping[str, bytes]:
    x, y = tidy["train_examples"].tolist(), tidy["loss"].tolist()
    text = f"import numpy as np\nx = np.array({x})\ny = np.array({y})\nz = x[:14]\n"
    return {"script.py": text.encode()}


FILES = {
    "chinchilla": "chinchilla_epoch",
    "muennighoff": "muennighoff_data_constrained",
    "obs_scaling": "obs_scaling_benchmarks",
    "revisiting": "revisiting_benchmark",
}
"""Names of the copies, where they are not those of the sets."""

ROWS: Mapping[str, str] = {
    "obs_scaling": "d_tokens > 0",
    "sft_curves": "train_examples > 0",
    "clark_routing": "loss > 0",
}
"""Rows of the copies that a conversion keeps, where it leaves some out."""

SAME: Mapping[str, Mapping[str, str]] = {
    "chinchilla": {"N": "n_params", "D": "d_tokens", "C": "flops", "loss": "loss"}
    | {"outlier": "outlier_epoch"},
    "llama3_isoflop": {"N": "n_params", "D": "d_tokens", "C": "flops", "loss": "loss"},
    "muennighoff": {"run": "run_id", "N": "n_params", "D": "d_tokens", "U": "unique_tokens"}
    | {"loss": "loss", "corpus": "corpus", "kept_by_notebook": "kept_by_notebook", "C": "flops"},
    "gemstones": {"N": "n_params", "D": "d_tokens", "S": "steps", "loss": "loss", "C": "flops"}
    | {"variant": "variant", "width": "width", "depth": "depth"},
    "steplaw_dense": {"run": "run_id", "N": "n_params_no_embed", "D": "d_tokens", "S": "steps"}
    | {"lr": "lr", "B": "batch_tokens", "loss": "loss_smoothed", "loss_last": "loss"},
    "clark_routing": {"run": "run_id", "N": "n_params_dense", "D": "d_tokens", "loss": "loss"}
    | {"router": "router", "n_params_with_experts": "n_params", "experts": "experts"},
    "obs_scaling": {"run": "model", "family": "family", "N": "n_params", "D": "d_tokens"}
    | {"loss": "error"},
    "openclip": {"N": "n_params", "x": "samples_seen", "loss": "error", "eval_set": "eval_set"}
    | {"metric": "metric", "corpus": "corpus", "task": "task"},
    "revisiting": {"x": "seen_examples", "loss": "loss", "split": "split", "domain": "domain"},
    "sft_curves": {"x": "train_examples", "loss": "loss", "N": "n_params", "family": "family"},
    "bnsl_addition": {"x": "train_examples", "loss": "loss", "split": "split"},
}
"""Columns of the fetched runs, and what they are called in the copy."""

INVERSES: Mapping[str, Callable[[pd.DataFrame], Mapping[str, bytes]]] = {
    inverse.__name__: inverse
    for inverse in (
        *(chinchilla, llama3_isoflop, muennighoff, gemstones, steplaw_dense, clark_routing),
        *(obs_scaling, openclip, revisiting, sft_curves, bnsl_addition),
    )
}


def test_every_set_has_a_conversion_and_a_test() -> None:
    assert set(catalogue()) == set(CONVERSIONS) == set(INVERSES) == set(SAME)


@pytest.mark.parametrize("name", sorted(INVERSES))
def test_a_fetched_set_equals_the_tidy_copy(name, offer):
    path = SHARED / f"{FILES.get(name, name)}.csv"
    if not path.exists():
        pytest.skip(f"{path.name} is not in ../shared/data beside this checkout")
    tidy = pd.read_csv(path)
    offer(name, INVERSES[name](tidy))
    runs = datasets.fetch(name, all_rows=True)
    expected = tidy.query(ROWS[name]) if name in ROWS else tidy
    assert len(runs) == len(expected)
    assert runs.loss_unit == catalogue()[name].loss_unit
    found = sort(pd.DataFrame({column: runs[column] for column in SAME[name]}))
    wanted = sort(
        pd.DataFrame({column: expected[own].to_numpy() for column, own in SAME[name].items()})
    )
    for column in SAME[name]:
        if pd.api.types.is_numeric_dtype(wanted[column]):
            np.testing.assert_allclose(found[column], wanted[column], rtol=2e-7, err_msg=column)
        else:
            assert found[column].astype(str).tolist() == wanted[column].astype(str).tolist(), column


def sort(frame: pd.DataFrame) -> pd.DataFrame:
    """Put rows in an order that rounding to eight digits does not change."""
    keys = frame.apply(
        lambda values: (
            values.round(9 - int(np.log10(values.max())) - 3)
            if values.dtype.kind in "fiu"
            else values.astype(str)
        )
    )
    return frame.loc[keys.sort_values(list(keys.columns)).index].reset_index(drop=True)


def test_usual_rows(offer):
    path = SHARED / "chinchilla_epoch.csv"
    if not path.exists():
        pytest.skip(f"{path.name} is not in ../shared/data beside this checkout")
    offer("chinchilla", chinchilla(pd.read_csv(path)))
    assert len(datasets.fetch("chinchilla")) == 240
