"""Train the runs of ``design.toml`` and keep their table.

``python study.py`` trains every run that the table lacks, smallest first, and writes the table
anew after each one, so that a killed study goes on where it stopped.  ``python study.py --run
n3-d4`` trains one run again and prints its row.  ``--fit-lr`` fits the learning-rate rule to the
sweep runs of the table, and ``--list`` only lists the runs.
"""

from __future__ import annotations

import argparse
import math
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from corpus import Corpus, load_corpus
from train import LENGTH, SCHEDULE, Shape, train

DESIGN = Path(__file__).with_name("design.toml")
console = Console()


@dataclass(frozen=True)
class Run:
    """One run of the design.

    Attributes
    ----------
    name, role
        Unique name; ``"lr_sweep"``, ``"grid"`` or ``"seed"``.
    shape
        Shape of the model.
    steps, batch
        Optimiser steps, and sequences in each.
    lr
        Peak learning rate.
    seed
        Seed of the initial parameters and of the order of the text.
    """

    name: str
    role: str
    shape: Shape
    steps: int
    batch: int
    lr: float
    seed: int

    @property
    def tokens(self) -> int:
        """Training tokens."""
        return self.steps * self.batch * LENGTH

    @property
    def flops_exact(self) -> int:
        """Floating-point operations of the matrix products of training."""
        return self.tokens * self.shape.flops_per_token

    def row(self, corpus: Corpus, progress: Progress | None = None) -> dict[str, Any]:
        """Train the run and return its row of the table."""
        report, task = (lambda tokens: None), None
        if progress is not None:
            task = progress.add_task(self.name, total=self.tokens)
            report = lambda tokens: progress.advance(task, tokens)  # noqa: E731
        result = train(self.shape, corpus, self.lr, self.steps, self.batch, self.seed, report)
        if progress is not None:
            progress.remove_task(task)
        return {
            "run": self.name,
            "role": self.role,
            "family": "tiny",
            "n_params": self.shape.n_params,
            "n_params_no_embed": self.shape.n_params_no_embed,
            "d_tokens": self.tokens,
            "flops": 6 * self.shape.n_params * self.tokens,
            "flops_exact": self.flops_exact,
            "batch_tokens": self.batch * LENGTH,
            "steps": self.steps,
            "lr": self.lr,
            "seed": self.seed,
            "n_layers": self.shape.n_layers,
            "d_model": self.shape.d_model,
            "n_heads": self.shape.n_heads,
            "schedule": SCHEDULE,
            "loss": result.loss,
            "loss_se": result.loss_se,
            "train_loss_end": result.train_loss_end,
            "wall_seconds": round(result.wall_seconds, 2),
            "status": "ok" if math.isfinite(result.loss) else "diverged",
        }


def read_design(path: Path = DESIGN) -> list[Run]:
    """Return the runs of the design, in the order of training.

    The sweep comes first.  The grid and the repeated cells follow once the design has a
    learning-rate rule, cheapest run first, so that what is done is a usable grid at any time.
    """
    design = tomllib.loads(path.read_text())
    shapes = {name: Shape(**shape) for name, shape in design["sizes"].items()}
    lengths, batches = design["lengths"], design["batch"]

    def run(name: str, role: str, lr: float, seed: int, batch: int | None = None) -> Run:
        size, length = name.split("-")[:2]
        batch = batch or batches[length]
        steps = lengths[length] * 1024 // (batch * LENGTH)
        return Run(name, role, shapes[size], steps, batch, lr, seed)

    sweep = [
        run(
            f"{group['cell']}-lr{lr:g}",
            "lr_sweep",
            lr,
            design["sweep"]["seed"],
            group.get("batch", design["sweep"]["batch"]),
        )
        for group in design["sweep"]["cells"]
        for lr in group["lr"]
    ]
    rule = design.get("lr")
    if rule is None:
        return sweep

    def tuned(name: str, role: str, seed: int, batch: int | None = None) -> Run:
        size, length = name.split("-")[:2]
        ratio = (batch or batches[length]) / design["sweep"]["batch"]
        lr = float(f"{rule[size] * ratio ** rule['batch_exponent']:.3g}")
        return run(name, role, lr, seed, batch)

    cells = [f"{size}-{length}" for size in shapes for length in lengths]
    seed_of = {cell: design["grid"]["first_seed"] + i for i, cell in enumerate(cells)}
    grid = [tuned(cell, "grid", seed_of[cell]) for cell in cells]
    left_out = design["grid"]["left_out"]
    repeats = [
        tuned(f"{cell}-seed{seed}", "seed", seed)
        for cell in design["seeds"]["cells"]
        for seed in design["seeds"]["seeds"]
    ]
    main = [item for item in grid if item.name not in left_out] + repeats
    return sweep + sorted(main, key=lambda item: item.flops_exact)


def read_table(path: Path) -> pd.DataFrame:
    """Return the table of finished runs, empty if there is none."""
    return pd.read_csv(path) if path.exists() else pd.DataFrame({"run": []})


def write_table(table: pd.DataFrame, path: Path) -> None:
    """Replace the table in one step, so that no interruption can spoil it."""
    partial = path.with_suffix(".partial")
    table.to_csv(partial, index=False, float_format="%.7g")
    partial.replace(path)


def sweep_optima(table: pd.DataFrame) -> pd.DataFrame:
    """Return the best learning rate of each cell of the sweep.

    The optimum is the vertex of the parabola, over the logarithm of the learning rate, through
    the lowest loss and its neighbours (of the ends, the two nearest).

    Returns
    -------
    pandas.DataFrame
        Columns ``n_params``, ``steps``, ``lr`` and ``inside`` (whether ``lr`` lies inside the
        swept range; if not, ``lr`` is the swept value of lowest loss and the sweep too narrow).
    """
    sweep = table[(table["role"] == "lr_sweep") & (table["status"] == "ok")]
    rows = []
    for (n_params, steps), group in sweep.groupby(["n_params", "steps"]):
        group = group.sort_values("lr")
        x, y = np.log(group["lr"].to_numpy()), group["loss"].to_numpy()
        best = int(y.argmin())
        middle = min(max(best, 1), len(y) - 2)
        a, b, _ = np.polyfit(x[middle - 1 : middle + 2], y[middle - 1 : middle + 2], 2)
        vertex = -b / (2 * a)
        inside = a > 0 and x[0] < vertex < x[-1]
        rows.append((n_params, steps, float(np.exp(vertex if inside else x[best])), inside))
    return pd.DataFrame(rows, columns=["n_params", "steps", "lr", "inside"])


def train_all(runs: list[Run], corpus: Corpus, path: Path) -> None:
    """Train the runs that the table at `path` lacks, adding each as soon as it is done."""
    table = read_table(path)
    missing = [run for run in runs if run.name not in set(table["run"])]
    columns = TextColumn("{task.description:>14}"), BarColumn(), TimeElapsedColumn()
    with Progress(*columns, TimeRemainingColumn(), console=console) as progress:
        study = progress.add_task("study", total=sum(run.flops_exact for run in missing))
        for run in missing:
            row = run.row(corpus, progress)
            table = pd.concat([table, pd.DataFrame([row])], ignore_index=True)
            write_table(table, path)
            progress.advance(study, run.flops_exact)
            left = progress.tasks[0].time_remaining or 0.0
            console.print(
                f"{run.name:>16}  N {row['n_params']:>7}  D {row['d_tokens']:>9}  lr {run.lr:.3g}  "
                f"loss {row['loss']:.4f}  {row['wall_seconds']:.0f} s  left {left / 60:.0f} min",
                highlight=False,
                soft_wrap=True,
            )


def train_one(run: Run, corpus: Corpus, path: Path) -> None:
    """Train one run again and print its row beside the one of the table, if there is one."""
    recorded = read_table(path).set_index("run")
    columns = {"again": pd.Series(run.row(corpus))}
    if run.name in recorded.index:
        columns["recorded"] = recorded.loc[run.name]
    console.print(pd.DataFrame(columns).to_string(), highlight=False)


def list_runs(runs: list[Run]) -> None:
    """Print the runs of the design."""
    for run in runs:
        console.print(
            f"{run.name:>16}  {run.role:>8}  N {run.shape.n_params:>7}  D {run.tokens:>9}  "
            f"lr {run.lr:.3g}  FLOPs {run.flops_exact:.3g}",
            highlight=False,
        )


def main() -> None:
    """Read the command line and do what it asks."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("runs.csv"), help="table of the runs")
    parser.add_argument("--run", metavar="NAME", help="train only this run again")
    parser.add_argument("--fit-lr", action="store_true", help="fit the learning-rate rule")
    parser.add_argument("--list", action="store_true", help="list the runs of the design")
    parser.add_argument("--cache", type=Path, help="folder for the assembled text")
    parser.add_argument("--debs", type=Path, help="folder that already holds the .deb files")
    options = parser.parse_args()
    runs = read_design()
    if options.list:
        return list_runs(runs)
    if options.fit_lr:
        optima = sweep_optima(read_table(options.out))
        tuned = np.exp(np.log(optima["lr"]).groupby(optima["n_params"]).mean())
        console.print(optima.to_string(), tuned.to_string(), sep="\n\n", highlight=False)
        return None
    chosen = {run.name: run for run in runs}
    if options.run and options.run not in chosen:
        parser.error(f"no run {options.run!r} in the design; see --list")
    sha256 = tomllib.loads(DESIGN.read_text())["text"]["sha256"]
    corpus = load_corpus(options.cache, options.debs, sha256)
    if options.run:
        return train_one(chosen[options.run], corpus, options.out)
    return train_all(runs, corpus, options.out)


if __name__ == "__main__":
    main()
