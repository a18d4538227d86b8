"""Train one run, and keep what came of it as one file in a folder.

The folder is the memory of a study: a run is finished when its file is there.  A file is put in
place in one step, so that no interruption can spoil it or lose an earlier one.
"""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from corpus import Corpus
from noise_scale import noise_scale
from run import Run
from schedules import SCHEDULES, learning_rates
from train import LENGTH, Params, evaluate, fit, log_spaced_steps, token_losses, window_starts

END_SHARE = 0.05
CURVE_POINTS = 24
CURVE_SEQUENCES = 512
NOISE_EVERY = 3
NOISE_SEQUENCES = 256
NOISE_SEED = 1_000_000

Record = dict[str, Any]


def train_run(
    run: Run,
    base: Corpus,
    text: NDArray[np.uint8],
    report: Callable[[int], None] = lambda tokens: None,
) -> Record:
    """Train one run and return what the tables need of it.

    Times are of the process, so that a pause of the study does not count.

    Parameters
    ----------
    run
        The run.
    base
        The text, whose held-out part every run is scored on.
    text
        The bytes to train on.
    report
        Called with the number of new tokens, now and then during training.

    Returns
    -------
    dict
        ``row``, the row of the table (a run whose loss is not finite has the status
        ``"diverged"``), and ``curve``, one entry for each point along the run.
    """
    started = time.process_time()
    shape = run.shape
    rates = learning_rates(run.schedule, run.lr, run.steps)
    curve: list[Record] = []
    points = log_spaced_steps(run.steps, CURVE_POINTS) if run.curve else []

    def observe(step: int, params: Params) -> None:
        losses = evaluate(params, base.held_out, shape.n_heads, CURVE_SEQUENCES)
        point = {"step": step, "loss": _mean(losses), "loss_se": _standard_error(losses)}
        if run.noise_scale and (len(points) - 1 - points.index(step)) % NOISE_EVERY == 0:
            point |= _noise_scale(run, text, params, step)
        curve.append(point)

    params, losses = fit(
        shape,
        text,
        rates,
        run.batch,
        run.seed,
        run.epochs,
        report,
        {step: lambda params, step=step: observe(step, params) for step in points},
    )
    trained = time.process_time()
    held_out = evaluate(params, base.held_out, shape.n_heads)
    last = max(1, round(END_SHARE * run.steps))
    before = 0
    for point in curve:
        step = point["step"]
        point["d_tokens"] = step * run.batch * LENGTH
        point["lr"] = float(rates[step - 1])
        point["lr_sum"] = float(rates[:step].sum(dtype=np.float64))
        point["train_loss"] = _mean(losses[before:step])
        before = step
    row = {
        "run": run.name,
        "role": run.role,
        "family": "tiny",
        "corpus": run.corpus,
        "n_params": shape.n_params,
        "n_params_no_embed": shape.n_params_no_embed,
        "d_tokens": run.tokens,
        "unique_tokens": run.unique_tokens,
        "epochs": run.epochs,
        "flops": run.flops,
        "flops_exact": run.flops_exact,
        "batch_tokens": run.batch * LENGTH,
        "steps": run.steps,
        "lr": run.lr,
        "schedule": SCHEDULES[run.schedule],
        "seed": run.seed,
        "n_layers": shape.n_layers,
        "d_model": shape.d_model,
        "n_heads": shape.n_heads,
        "loss": _mean(held_out),
        "loss_se": _standard_error(held_out),
        "train_loss_end": _mean(losses[-last:]),
        "train_seconds": round(trained - started, 2),
        "seconds": round(time.process_time() - started, 2),
        "status": "ok" if math.isfinite(_mean(held_out)) else "diverged",
    }
    return {"row": row, "curve": curve}


def _mean(losses: NDArray[np.float32]) -> float:
    return float(losses.mean(dtype=np.float64))


def _standard_error(losses: NDArray[np.float32]) -> float:
    return float(losses.std(ddof=1, dtype=np.float64) / losses.size**0.5)


def _noise_scale(run: Run, text: NDArray[np.uint8], params: Params, step: int) -> Record:
    """Measure the noise scale at the parameters, on sequences of the training text."""
    rng = np.random.default_rng((NOISE_SEED, run.seed, step))
    starts = rng.choice(window_starts(text.size), NOISE_SEQUENCES, replace=False)
    sequences = text[starts[:, None] + np.arange(LENGTH + 1)].astype(np.int32)
    estimate = noise_scale(_sequence_loss(run.shape.n_heads), params, sequences)
    return {"gradient_squared": estimate.gradient_squared, "gradient_variance": estimate.variance}


@cache
def _sequence_loss(n_heads: int) -> Callable[[Params, Any], Any]:
    """Return the mean loss of one sequence, one function for each number of heads."""
    return lambda params, sequence: token_losses(params, sequence[None], n_heads).mean()


class Store:
    """The folder of finished runs.

    Parameters
    ----------
    folder
        The folder; made if it is missing.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def names(self) -> set[str]:
        """Return the names of the finished runs."""
        return {path.stem for path in self.folder.glob("*.json")}

    def add(self, record: Record) -> None:
        """Add a finished run in one step."""
        path = self.folder / f"{record['row']['run']}.json"
        partial = path.with_suffix(f".partial{os.getpid()}")
        partial.write_text(json.dumps(record, indent=1))
        partial.replace(path)

    def records(self) -> list[Record]:
        """Return all finished runs, in the order in which they were finished."""
        paths = sorted(self.folder.glob("*.json"), key=lambda path: path.stat().st_mtime_ns)
        return [json.loads(path.read_text()) for path in paths]
