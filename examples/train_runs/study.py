"""Train the runs of ``design.toml`` and keep their table.

``python study.py`` trains every run that the table lacks, smallest first, and writes the table
anew after each one, so that a killed study goes on where it stopped.  ``python study.py --run
n3-d4`` trains one run again and prints its row.  ``--fit-lr`` finds the best learning rates in the
sweep runs of the table, and ``--list`` only lists the runs.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from corpus import Corpus, load_corpus
from design import Design, Run
from train import LENGTH, SCHEDULE, train

console = Console(highlight=False, soft_wrap=True)


def train_run(
    run: Run, corpus: Corpus, report: Callable[[int], None] = lambda tokens: None
) -> dict[str, Any]:
    """Train one run and return its row of the table.

    Parameters
    ----------
    run
        The run.
    corpus
        The text.
    report
        Called with the number of new tokens, now and then during training.

    Returns
    -------
    dict
        The row; a run whose loss is not finite has the status ``"diverged"``.
    """
    shape = run.shape
    result = train(shape, corpus, run.lr, run.steps, run.batch, run.seed, report)
    return {
        "run": run.name,
        "role": run.role,
        "family": "tiny",
        "n_params": shape.n_params,
        "n_params_no_embed": shape.n_params_no_embed,
        "d_tokens": run.tokens,
        "flops": 6 * shape.n_params * run.tokens,
        "flops_exact": run.flops_exact,
        "batch_tokens": run.batch * LENGTH,
        "steps": run.steps,
        "lr": run.lr,
        "seed": run.seed,
        "n_layers": shape.n_layers,
        "d_model": shape.d_model,
        "n_heads": shape.n_heads,
        "schedule": SCHEDULE,
        "loss": result.loss,
        "loss_se": result.loss_se,
        "train_loss_end": result.train_loss_end,
        "wall_seconds": round(result.wall_seconds, 2),
        "status": "ok" if math.isfinite(result.loss) else "diverged",
    }


def read_table(path: Path) -> pd.DataFrame:
    """Return the table of finished runs, empty if there is none."""
    return pd.read_csv(path) if path.exists() else pd.DataFrame(columns=["run"])


def write_table(rows: list[dict[str, Any]], path: Path) -> None:
    """Replace the table in one step, so that no interruption can spoil it."""
    partial = path.with_suffix(".partial")
    pd.DataFrame(rows).to_csv(partial, index=False, float_format="%.7g")
    partial.replace(path)


def sweep_optima(table: pd.DataFrame) -> pd.DataFrame:
    """Return the best learning rate of each cell of the sweep.

    The optimum is the vertex of the parabola, over the logarithm of the learning rate, through
    the lowest loss and its neighbours (of the ends, the two nearest).

    Returns
    -------
    pandas.DataFrame
        Columns ``n_params``, ``batch_tokens``, ``steps``, ``lr`` and ``inside`` (whether ``lr``
        lies inside the swept range; if not, it is the swept value of lowest loss, and the sweep
        is too narrow).
    """
    sweep = table[(table["role"] == "lr_sweep") & (table["status"] == "ok")]
    rows = []
    for cell, group in sweep.groupby(["n_params", "batch_tokens", "steps"]):
        group = group.sort_values("lr")
        x, y = np.log(group["lr"].to_numpy()), group["loss"].to_numpy()
        best = int(y.argmin())
        middle = min(max(best, 1), len(y) - 2)
        a, b, _ = np.polyfit(x[middle - 1 : middle + 2], y[middle - 1 : middle + 2], 2)
        vertex = -b / (2 * a)
        inside = a > 0 and x[0] < vertex < x[-1]
        rows.append((*cell, float(np.exp(vertex if inside else x[best])), inside))
    return pd.DataFrame(rows, columns=["n_params", "batch_tokens", "steps", "lr", "inside"])


def print_learning_rates(table: pd.DataFrame) -> None:
    """Print the optima of the sweep, and their geometric mean for each size and batch."""
    optima = sweep_optima(table)
    groups = [optima["n_params"], optima["batch_tokens"]]
    tuned = np.exp(np.log(optima["lr"]).groupby(groups).mean())
    console.print(optima.to_string(index=False), tuned.to_string(), sep="\n\n")


def train_all(runs: list[Run], corpus: Corpus, path: Path) -> None:
    """Train the runs that the table at `path` lacks, adding each as soon as it is done."""
    rows = read_table(path).to_dict("records")
    done = {row["run"] for row in rows}
    missing = [run for run in runs if run.name not in done]
    columns = TextColumn("{task.description:>16}"), BarColumn(), TimeElapsedColumn()
    with Progress(*columns, TimeRemainingColumn(), console=console) as progress:
        study = progress.add_task("study", total=sum(run.flops_exact for run in missing))
        for run in missing:
            task = progress.add_task(run.name, total=run.tokens)
            rows.append(
                train_run(run, corpus, lambda tokens, task=task: progress.advance(task, tokens))
            )
            write_table(rows, path)
            progress.remove_task(task)
            progress.advance(study, run.flops_exact)
            console.print(f"{describe(run)}  loss {rows[-1]['loss']:.4f}")


def train_one(run: Run, corpus: Corpus, path: Path) -> None:
    """Train one run again and print its row beside the one of the table, if there is one."""
    recorded = read_table(path).set_index("run", drop=False)
    columns = {"again": pd.Series(train_run(run, corpus))}
    if run.name in recorded.index:
        columns["recorded"] = recorded.loc[run.name]
    console.print(pd.DataFrame(columns).to_string())


def describe(run: Run) -> str:
    """Return one line about a run."""
    return (
        f"{run.name:>17}  {run.role:>8}  N {run.shape.n_params:>6}  D {run.tokens:>8}  "
        f"lr {run.lr:<7.3g}  {run.flops_exact:.2e} FLOPs"
    )


def main() -> None:
    """Read the command line and do what it asks."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("runs.csv"), help="table of the runs")
    parser.add_argument("--run", metavar="NAME", help="train only this run again")
    parser.add_argument("--fit-lr", action="store_true", help="find the best learning rates")
    parser.add_argument("--list", action="store_true", help="list the runs of the design")
    parser.add_argument("--cache", type=Path, help="folder for the assembled text")
    parser.add_argument("--debs", type=Path, help="folder that already holds the .deb files")
    options = parser.parse_args()
    design = Design()
    runs = {run.name: run for run in design.runs()}
    if options.list:
        console.print("\n".join(map(describe, runs.values())))
    elif options.fit_lr:
        print_learning_rates(read_table(options.out))
    elif options.run and options.run not in runs:
        parser.error(f"no run {options.run!r} in the design; see --list")
    else:
        corpus = load_corpus(options.cache, options.debs, design.sha256)
        if options.run:
            train_one(runs[options.run], corpus, options.out)
        else:
            train_all(list(runs.values()), corpus, options.out)


if __name__ == "__main__":
    main()
