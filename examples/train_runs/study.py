"""Train the runs of the study and keep their results.

``python study.py`` trains every run of both designs that is not finished yet.  Each finished run is
one file in the folder of results, so that a study that is killed goes on where it stopped.
``python study.py --run n3-d4`` trains one run again and prints its row beside the recorded one.
``--fit-lr`` finds the best learning rates in the sweep runs, and ``--list`` only lists the runs.
"""

from __future__ import annotations

import argparse
import math
import os
import time
from dataclasses import dataclass
from pathlib import Path

if __name__ == "__main__":
    # Before JAX starts: one thread, so that one core trains one run.
    os.environ.setdefault(
        "XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false --xla_cpu_prefer_vector_width=512"
    )
    os.environ.setdefault("OMP_NUM_THREADS", "1")

import jax
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

import corpora
from corpus import Corpus, default_cache, load_corpus
from design import Design
from record import Store, train_run
from run import Run
from subscaling import Subscaling
from train import LENGTH

PACKAGED = Path(__file__).resolve().parents[2] / "bayescale" / "datasets"
TABLES = ("tiny_subscaling.csv", "tiny.csv")
USUAL_RATE = 20e9
"""Operations a second of a run before any is finished, for the estimate of the time left."""

CLOCKED = ("d_tokens", "flops_exact", "seconds")

console = Console(highlight=False, soft_wrap=True)


def recorded_rows(store: Store | None) -> pd.DataFrame:
    """Return the rows of all finished runs: of the store, and of the tables in the package."""
    rows = [record["row"] for record in store.records()] if store else []
    tables = [pd.DataFrame(rows)] if rows else []
    tables += [pd.read_csv(PACKAGED / name) for name in TABLES if (PACKAGED / name).exists()]
    if not tables:
        return pd.DataFrame(columns=["run"])
    return pd.concat(tables, ignore_index=True).drop_duplicates("run")


@dataclass(frozen=True)
class Texts:
    """The texts of the study: the base, and by name those made from it."""

    base: Corpus
    sha256: dict[str, str]
    cache: Path

    def __getitem__(self, name: str) -> NDArray[np.uint8]:
        return corpora.load(name, self.base, self.cache / "corpora", self.sha256.get(name))


class Clock:
    """Estimates how long runs take, from those that are finished.

    A run is as fast as the finished run most like it in parameters, batch and length.
    """

    def __init__(self) -> None:
        self._rates: list[tuple[tuple[float, ...], float]] = []
        self._slowdown = 1.0

    def add(self, row: dict, elapsed: float | None = None) -> None:
        """Learn from a finished run, and from the time that passed meanwhile, pauses included."""
        likeness = tuple(math.log(row[key]) for key in ("n_params", "batch_tokens", "d_tokens"))
        self._rates.append((likeness, row["flops_exact"] / max(row["seconds"], 0.1)))
        if elapsed is not None:
            self._slowdown += 0.1 * (elapsed / max(row["seconds"], 0.1) - self._slowdown)

    def seconds(self, run: Run) -> float:
        """Return the expected time of a run in seconds."""
        likeness = [math.log(x) for x in (run.shape.n_params, run.batch * LENGTH, run.tokens)]
        rate = min(
            self._rates,
            key=lambda known: sum(abs(a - b) for a, b in zip(known[0], likeness, strict=True)),
            default=((), USUAL_RATE),
        )[1]
        return self._slowdown * run.flops_exact / rate


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


def train_all(runs: list[Run], done: set[str], texts: Texts, store: Store) -> None:
    """Train the runs that are not done, keeping each as soon as it is finished."""
    clock = Clock()
    known = recorded_rows(store).reindex(columns=["n_params", "batch_tokens", *CLOCKED])
    for row in known.dropna().to_dict("records"):
        clock.add(row)
    missing = [run for run in runs if run.name not in done]
    columns = TextColumn("{task.description:>28}"), BarColumn(), TimeElapsedColumn()
    with Progress(*columns, console=console) as progress:
        study = progress.add_task("study", total=sum(run.flops_exact for run in missing))
        for number, run in enumerate(missing, start=1):
            task = progress.add_task(run.name, total=run.tokens)
            text = texts[run.corpus]
            started = time.monotonic()
            record = train_run(
                run, texts.base, text, lambda tokens, task=task: progress.advance(task, tokens)
            )
            store.add(record)
            progress.remove_task(task)
            progress.advance(study, run.flops_exact)
            row = record["row"]
            clock.add(row, time.monotonic() - started)
            left = sum(map(clock.seconds, missing[number:]))
            progress.update(study, description=f"study, {left / 60:.0f} min left")
            console.print(
                f"{number}/{len(missing)} {describe(run)}  loss {row['loss']:.4f}  "
                f"{row['seconds']:.1f} s, {left / 60:.0f} min left"
            )


def train_one(run: Run, texts: Texts, store: Store) -> None:
    """Train one run again and print its row beside the recorded one, if there is one."""
    recorded = recorded_rows(store).set_index("run", drop=False)
    row = train_run(run, texts.base, texts[run.corpus])["row"]
    columns = {"again": pd.Series(row)}
    if run.name in recorded.index:
        columns["recorded"] = recorded.loc[run.name]
    console.print(pd.DataFrame(columns).to_string())
    if "recorded" in columns:
        apart = row["loss"] - recorded.loc[run.name, "loss"]
        console.print(
            f"loss {row['loss']:.6f}, {apart:+.6f} from the record; between seeds runs differ by "
            "0.003 to 0.035, the shortest most"
        )


def describe(run: Run) -> str:
    """Return one line about a run."""
    return (
        f"{run.name:>20}  {run.role:>14}  N {run.shape.n_params:>6}  D {run.tokens:>8}  "
        f"lr {run.lr:<7.3g}  {run.flops_exact:.2e} FLOPs"
    )


def main() -> None:
    """Read the command line and do what it asks."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--results", type=Path, help="folder of the finished runs")
    parser.add_argument("--run", metavar="NAME", help="train only this run again")
    parser.add_argument("--fit-lr", action="store_true", help="find the best learning rates")
    parser.add_argument("--list", action="store_true", help="list the runs that are not finished")
    parser.add_argument(
        "--from-scratch", action="store_true", help="train the runs of the packaged tables too"
    )
    parser.add_argument("--cache", type=Path, help="folder for the assembled texts")
    parser.add_argument("--debs", type=Path, help="folder that already holds the .deb files")
    options = parser.parse_args()
    cache = options.cache or default_cache()
    jax.config.update("jax_compilation_cache_dir", str(cache / "compiled"))
    store = Store(options.results or cache / "results")
    design, subscaling = Design(), Subscaling()
    runs = {run.name: run for run in [*design.runs(), *subscaling.runs()]}
    done = store.names()
    if not options.from_scratch:
        done |= set(recorded_rows(None)["run"])
    if options.list:
        missing = [describe(run) for run in runs.values() if run.name not in done]
        console.print("\n".join(missing) or f"all {len(runs)} runs are finished")
    elif options.fit_lr:
        print_learning_rates(recorded_rows(store))
    elif options.run and options.run not in runs:
        parser.error(f"no run {options.run!r} in the designs; see --list")
    else:
        base = load_corpus(options.cache, options.debs, design.sha256)
        texts = Texts(base, subscaling.corpora, cache)
        if options.run:
            train_one(runs[options.run], texts, store)
        else:
            train_all(list(runs.values()), done, texts, store)


if __name__ == "__main__":
    main()
