"""From the files of each public data set to one table with the package's columns.

A conversion renames columns, turns units into plain ones, and puts files together. It leaves out
no row and corrects no number, but for those that it names.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["CONVERSIONS"]

CONTEXT = 2048
"""Tokens of a sequence, in the sets that count the batch in sequences."""


def chinchilla(paths: Sequence[Path]) -> pd.DataFrame:
    """Points read off Figure 4; D = C / (6 N), as in the replication."""
    raw = _csv(paths[0])
    table = _frame(n_params=raw["Model Size"], flops=raw["Training FLOP"], loss=raw["loss"])
    table["d_tokens"] = table["flops"] / (6.0 * table["n_params"])
    worst = table["loss"].nlargest(5).index
    table["outlier"] = table.index.isin(worst).astype(int)
    return table


def llama3_isoflop(paths: Sequence[Path]) -> pd.DataFrame:
    """The loss as plotted; a second copy of the points, exponentiated, is left out."""
    raw = _csv(paths[0])
    raw = raw[raw["condition"] == "raw_loss"].reset_index(drop=True)
    return _frame(
        n_params=raw["params"], d_tokens=raw["tokens"], flops=raw["budget"], loss=raw["loss"]
    )


def muennighoff(paths: Sequence[Path]) -> pd.DataFrame:
    """Two dictionaries of a notebook, read by parsing it; unfinished runs have a loss of 0."""
    found = _literals(paths[0], ("NAMES_TO_VAL_LOSSES", "PARAMS_MAP"))
    rows = []
    for name, loss in found["NAMES_TO_VAL_LOSSES"].items():
        if loss != 0 and "opt" not in name:
            rows.append(_repeated_run(name, found["PARAMS_MAP"]) | {"loss": loss})
    return _frame(**{key: [row[key] for row in rows] for key in rows[0]})


_AMOUNT = re.compile(r"(?P<tenths>[1-9]b\d+)|(?P<whole>[1-9]\d{0,2})(?P<unit>[bm])")


def _repeated_run(name: str, sizes: Mapping[str, float]) -> dict[str, Any]:
    """Take apart a name such as ``2b855b11bc4seed1``: size, tokens, unique tokens, suffixes.

    Amounts are written ``1b5`` for 1.5e9, ``11b`` and ``400m``, and follow each other without a
    sign between them.
    """
    seed = re.search(r"seed(\d+)$", name)
    body = re.sub(r"(c4)?(v2)?(seed\d+|dedup)?$", "", name)
    size = next(key for key in sorted(sizes, key=len, reverse=True) if body.startswith(key))
    tokens, unique = _two_amounts(body[len(size) :])
    return {
        "run": name,
        "corpus": "c4_dedup" if name.endswith("dedup") else "c4",
        "n_params": sizes[size],
        "d_tokens": tokens,
        "unique_tokens": unique,
        "seed": seed.group(1) if seed else "",
        "kept_by_notebook": int(seed is None and not name.endswith("dedup")),
    }


def _two_amounts(text: str) -> tuple[float, float]:
    """Split two amounts; of all splits, the one with both valid and the second not larger."""
    splits = []
    for place in range(2, len(text) - 1):
        first, second = _amount(text[:place]), _amount(text[place:])
        if first and second and second <= first:
            splits.append((first, second))
    if len(splits) != 1:
        raise ValueError(f"{text!r} is not two amounts")
    return splits[0]


def _amount(text: str) -> float | None:
    match = _AMOUNT.fullmatch(text)
    if match is None:
        return None
    if match["tenths"]:
        return float(text.replace("b", ".")) * 1e9
    return float(match["whole"]) * {"b": 1e9, "m": 1e6}[match["unit"]]


def gemstones(paths: Sequence[Path]) -> pd.DataFrame:
    """Three of the fitting frames; each row is a checkpoint of a run."""
    import pandas as pd

    frames = []
    for path, variant in zip(paths, ("hot", "cooldown", "lr_ablation"), strict=True):
        raw = pd.DataFrame(_json_lines(path))
        frame = _frame(
            n_params=raw["params_active_precise"],
            d_tokens=raw["tokens"],
            steps=raw["step"],
            loss=raw["final_loss"],
            width=raw["width"],
            depth=raw["depth"],
        )
        shape = raw["run_name"].str.replace("PyGemma-", "").str.replace("_pretrain", "")
        frame["run"] = f"{variant}/" + shape
        frame["variant"] = variant
        frames.append(frame)
    return pd.concat(frames, ignore_index=True)


def steplaw_dense(paths: Sequence[Path]) -> pd.DataFrame:
    """The grid of learning rates and batches; the loss is the smoothed last one."""
    raw = _csv(paths[0])
    return _frame(
        run=raw["exp_name"],
        n_params_no_embed=raw["N"],
        d_tokens=raw["D"],
        lr=raw["lr"],
        batch_tokens=raw["bs"] * CONTEXT,
        steps=raw["ti"],
        loss=raw["smooth loss"],
        loss_last=raw["loss"],
        width=raw["h"],
        depth=raw["numl"],
        ffn_width=raw["ffnh"],
        heads=raw["numh"],
    )


def clark_routing(paths: Sequence[Path]) -> pd.DataFrame:
    """Loss curves of routed models; N is that of the dense model of the same compute."""
    raw = _csv(paths[0])
    raw = raw[(raw["step"] > 0) & raw["loss_validation"].notna()].reset_index(drop=True)
    last = raw.groupby("hyper_id")["step"].transform("max")
    return _frame(
        run=raw["hyper_id"],
        n_params=raw["dense_parameter_count"],
        n_params_with_experts=raw["total_parameter_count"],
        d_tokens=raw["step"] * 256.0 * CONTEXT,
        steps=raw["step"],
        loss=raw["loss_validation"],
        router=raw["router_type"],
        experts=raw["num_experts"],
        top_k=raw["k"],
        routing_frequency=raw["routing_frequency"],
        is_last=(raw["step"] == last).astype(int),
        forward_flops_per_step=raw["flops_per_step"],
    )


def obs_scaling(paths: Sequence[Path]) -> pd.DataFrame:
    """Benchmarks of public models, one row each; one model's tokens are corrected.

    Models without a token count are left out.
    """
    raw = _csv(paths[0]).dropna(subset=["Pretraining Data Size (T)"])
    about = ["Model", "Model Family", "Model Size (B)", "Pretraining Data Size (T)"]
    names = {
        benchmark: re.sub(r"\W", "_", benchmark).lower()
        for benchmark in raw.columns
        if benchmark not in (*about, "FLOPs (1E21)")
    }
    long = raw.melt(about, list(names), var_name="benchmark", value_name="accuracy").dropna(
        subset=["accuracy"]
    )
    tokens = long["Pretraining Data Size (T)"] * 1e12
    # 627 in a column of trillions is meant as billions.
    tokens = tokens.where(tokens < 1e14, tokens / 1e3)
    return _frame(
        run=long["Model"],
        family=long["Model Family"],
        n_params=long["Model Size (B)"] * 1e9,
        d_tokens=tokens,
        eval_set=long["benchmark"].map(names),
        error=1.0 - long["accuracy"],
    )


def sft_curves(paths: Sequence[Path]) -> pd.DataFrame:
    """Wide tables of loss against fine-tuning examples, one row for each loss.

    The column of models that saw no example is left out.
    """
    import pandas as pd

    frames = []
    for path in paths:
        raw = _csv(path)
        sizes = [column for column in raw.columns if column.isdigit() and column != "0"]
        long = raw.melt(
            ["config name", "size", "family"], sizes, var_name="examples", value_name="loss"
        ).dropna(subset=["loss"])
        frames.append(
            _frame(
                run=long["config name"] + "/" + path.stem,
                task=[path.stem] * len(long),
                family=long["family"],
                n_params=long["size"],
                train_examples=long["examples"].astype(float),
                loss=long["loss"],
            )
        )
    return pd.concat(frames, ignore_index=True)


def bnsl_addition(paths: Sequence[Path]) -> pd.DataFrame:
    """Two arrays of a script, read by parsing it."""
    tree = ast.parse(paths[0].read_text(encoding="utf-8"))
    arrays = {
        statement.targets[0].id: ast.literal_eval(statement.value.args[0])
        for statement in tree.body
        if isinstance(statement, ast.Assign)
        and isinstance(statement.targets[0], ast.Name)
        and isinstance(statement.value, ast.Call)
    }
    table = _frame(train_examples=arrays["x"], loss=arrays["y"])
    table["split"] = np.where(table.index < 14, "fit", "extrapolate")
    return table


def revisiting(paths: Sequence[Path]) -> pd.DataFrame:
    """Learning curves; exact repeats of a row, of which the origin has many, are left out."""
    import pandas as pd

    raw = pd.concat([_csv(path) for path in paths], ignore_index=True).drop_duplicates()
    table = _frame(
        domain=raw["Domain"],
        task=raw["Task"],
        model=raw["Model"].astype(str),
        seen_examples=raw["Seen Examples"],
        loss=raw["Loss"],
        split=np.where(raw["Training"] == 1, "fit", "extrapolate"),
    )
    table["run"] = table["domain"] + "/" + table["task"] + "/" + table["model"]
    return table


def openclip(paths: Sequence[Path]) -> pd.DataFrame:
    """Zero-shot errors, one row for each metric; parameters joined by architecture."""
    raw, shapes = _csv(paths[0]), _csv(paths[1])
    metrics = {
        "acc1": "acc1",
        "mean_per_class_recall": "mean_per_class_recall",
        "image_retrieval_recall@5": "image_retrieval_recall_at_5",
        "text_retrieval_recall@5": "text_retrieval_recall_at_5",
        "mean_average_precision": "mean_average_precision",
    }
    about = ["name", "arch", "samples_seen", "upstream_dataset", "downstream_dataset", "task"]
    long = raw.melt(about, list(metrics), var_name="metric", value_name="score")
    long = long.dropna(subset=["score"])
    millions = shapes.set_index("model")["mparams"]
    return _frame(
        run=long["name"].str.removesuffix(".pt") + "/" + long["arch"],
        architecture=long["arch"],
        corpus=long["upstream_dataset"],
        n_params=long["arch"].map(millions) * 1e6,
        samples_seen=long["samples_seen"],
        eval_set=long["downstream_dataset"],
        task=long["task"],
        metric=long["metric"].map(metrics),
        error=1.0 - long["score"],
    )


CONVERSIONS: Mapping[str, Callable[[Sequence[Path]], pd.DataFrame]] = MappingProxyType(
    {
        conversion.__name__: conversion
        for conversion in (
            *(chinchilla, llama3_isoflop, muennighoff, gemstones, steplaw_dense, clark_routing),
            *(obs_scaling, openclip, revisiting, sft_curves, bnsl_addition),
        )
    }
)
"""Conversion of each public data set, by its name."""


def _csv(path: Path) -> pd.DataFrame:
    import pandas as pd

    return pd.read_csv(path)


def _frame(**columns: Any) -> pd.DataFrame:
    """Return a table whose rows are numbered anew."""
    import pandas as pd

    return pd.DataFrame({name: np.asarray(values) for name, values in columns.items()})


def _json_lines(path: Path) -> list[dict[str, Any]]:
    text = path.read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines() if line.strip()]


def _literals(notebook: Path, names: Sequence[str]) -> dict[str, dict[str, float]]:
    """Return the dictionaries assigned to `names` in the code cells of a notebook."""
    found: dict[str, dict[str, float]] = {}
    for cell in json.loads(notebook.read_text(encoding="utf-8"))["cells"]:
        source = "".join(cell["source"])
        if cell["cell_type"] != "code" or not any(f"{name} =" in source for name in names):
            continue
        for statement in ast.parse(source).body:
            if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
                name = statement.targets[0].id
                if name in names and isinstance(statement.value, ast.Dict):
                    found.setdefault(name, ast.literal_eval(statement.value))
    return found
