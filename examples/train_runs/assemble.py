"""Put the finished runs into the tables of the package.

``python assemble.py`` reads the folder of results and writes, into ``bayescale/datasets``:
``tiny_subscaling.csv``, all runs of both designs; ``tiny_curves.csv``, the loss along those runs
whose curve was measured; and, at the end of ``tiny.csv``, the held-out runs.  Runs that are in the
tables already stay there, so the folder of results need not hold what was assembled before.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
from pathlib import Path

import pandas as pd

import corpora
from corpus import default_cache, load_corpus
from design import Design
from record import Store
from schedules import SCHEDULES
from study import PACKAGED
from subscaling import Subscaling

RUNS, CURVES, TINY = "tiny_subscaling.csv", "tiny_curves.csv", "tiny.csv"
COLUMNS = (
    *("run", "role", "family", "corpus", "redundancy", "xz_ratio", "gzip_ratio"),
    *("repeated_8grams", "near_duplicates", "n_params", "n_params_no_embed", "d_tokens"),
    *("unique_tokens", "epochs", "flops", "flops_exact", "batch_tokens", "steps", "lr", "schedule"),
    *("seed", "n_layers", "d_model", "n_heads", "loss", "loss_se", "train_loss_end", "seconds"),
    "status",
)
ABOUT_CURVE = ("run", "role", "n_params", "n_params_no_embed", "batch_tokens", "schedule")
POINT = (
    *("step", "d_tokens", "lr", "lr_sum", "loss", "loss_se", "train_loss"),
    *("gradient_squared", "gradient_variance", "noise_scale_tokens"),
)
SEQUENCE = 128
"""Tokens of the sequences whose gradients are measured."""


def redundancy_scores(cache: Path) -> pd.DataFrame:
    """Return the scores of every text by name, measuring them once."""
    path = cache / "corpora" / "scores.json"
    if not path.exists():
        base = load_corpus(cache, sha256=Design().sha256)
        sha256 = Subscaling().corpora
        scores = {
            name: dataclasses.asdict(
                corpora.score(
                    corpora.load(name, base, cache / "corpora", sha256.get(name)).tobytes()
                )
            )
            for name in ("base", *corpora.RECIPES)
        }
        path.write_text(json.dumps(scores, indent=1))
    table = pd.DataFrame.from_dict(json.loads(path.read_text()), orient="index")
    table = table.drop(columns="sha256")
    table["redundancy"] = table.loc["base", "xz_ratio"] / table["xz_ratio"]
    return table


def runs_table(new: pd.DataFrame, folder: Path, scores: pd.DataFrame) -> pd.DataFrame:
    """Return all runs: the new ones, those assembled before, and those of ``tiny``."""
    tiny = pd.read_csv(folder / TINY)
    tiny = tiny.assign(
        corpus="base",
        unique_tokens=tiny["d_tokens"],
        epochs=1,
        seconds=tiny["wall_seconds"],
    )
    before = folder / RUNS
    parts = [tiny, pd.read_csv(before) if before.exists() else tiny.head(0), new]
    table = pd.concat([part for part in parts if len(part)], ignore_index=True)
    table = table.drop_duplicates("run", keep="first")
    table = table.drop(columns=list(scores.columns), errors="ignore")
    table = table.join(scores, on="corpus")
    order = {run.name: i for i, run in enumerate([*Design().runs(), *Subscaling().runs()])}
    return table.sort_values("run", key=lambda names: names.map(order))[list(COLUMNS)]


def curves_table(records: list[dict], folder: Path) -> pd.DataFrame:
    """Return the points of all curves."""
    rows = [
        {key: record["row"][key] for key in ABOUT_CURVE} | point
        for record in records
        for point in record["curve"]
    ]
    table = pd.DataFrame(rows, columns=[*ABOUT_CURVE, *POINT])
    positive = table["gradient_squared"] > 0
    ratio = table["gradient_variance"] / table["gradient_squared"].where(positive)
    table["noise_scale_tokens"] = SEQUENCE * ratio
    before = folder / CURVES
    if before.exists():
        table = pd.concat([pd.read_csv(before), table], ignore_index=True)
    return table.drop_duplicates(["run", "step"]).sort_values(["run", "step"])


def held_out_of_tiny(new: pd.DataFrame, folder: Path) -> pd.DataFrame:
    """Return ``tiny`` with the held-out runs at its end."""
    tiny = pd.read_csv(folder / TINY)
    held_out = new[(new["role"] == "held_out") & ~new["run"].isin(tiny["run"])]
    added = held_out.assign(wall_seconds=held_out["seconds"])[list(tiny.columns)]
    return pd.concat([tiny, added], ignore_index=True) if len(added) else tiny


def write(table: pd.DataFrame, path: Path) -> None:
    """Replace a table in one step."""
    partial = path.with_suffix(".partial")
    table.to_csv(partial, index=False, float_format="%.7g")
    partial.replace(path)


def main() -> None:
    """Read the command line and assemble the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--results", type=Path, help="folder of the finished runs")
    parser.add_argument("--cache", type=Path, help="folder of the assembled texts")
    parser.add_argument("--to", type=Path, default=PACKAGED, help="folder of the tables")
    options = parser.parse_args()
    cache = options.cache or default_cache()
    records = Store(options.results or cache / "results").records()
    new = pd.DataFrame([record["row"] for record in records])
    if not len(new):
        parser.error("no run is finished yet")
    unknown = set(new["schedule"]) - set(SCHEDULES.values())
    if unknown:
        parser.error(f"finished runs have schedules that are not known: {unknown}")
    runs = runs_table(new, options.to, redundancy_scores(cache))
    curves = curves_table(records, options.to)
    tiny = held_out_of_tiny(new, options.to)
    for name, table in ((RUNS, runs), (CURVES, curves), (TINY, tiny)):
        write(table, options.to / name)
        print(f"{name}: {len(table)} rows")
    print(runs.groupby("role").size().to_string())


if __name__ == "__main__":
    main()
