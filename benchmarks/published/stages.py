"""Errors on tasks from N and D in two stages, on the runs of Gadre et al. 2024.

    python benchmarks/published/stages.py

The loss of models of up to 0.41e9 parameters is fitted by their law of C and M, the error on tasks
of the same models by their exponential in the loss; the errors of the models of 1.4e9 and 6.9e9
parameters are then forecast from N and D alone, with the posterior of the first stage carried
through the second, and from the loss that was observed, as if it were known. The error is the mean
over all 46 tasks: the 17 that the paper chose are not named in the data.

Writes ``stages.md`` beside this file.
"""

from __future__ import annotations

import argparse
import sys
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import common
from laws import DATA, GADRE, verdict

import bayescale as bs
from bayescale.runs.read import read_quietly

HERE = Path(__file__).resolve().parent
LARGE = 1e9


def table(corpus: str) -> pd.DataFrame:
    """One row for each model trained on a corpus: N, D, its loss and its mean error."""
    losses = pd.read_csv(DATA / "gadre_overtraining.csv")
    errors = pd.read_csv(DATA / "gadre_downstream.csv")
    own = losses[(losses.train_corpus == corpus) & (losses.eval_set == GADRE[corpus][0])]
    mean = errors[errors.train_corpus == corpus].groupby("run_id").error.mean()
    return own.assign(error=own.run_id.map(mean)).dropna(subset=["error"])


def read(rows: pd.DataFrame, response: str) -> bs.Runs:
    """The runs with one of the two responses; the loss is an input of the error."""
    columns: dict[str, Any] = {
        "N": rows.n_params.to_numpy(float),
        "D": rows.d_tokens.to_numpy(float),
        "loss": rows[response].to_numpy(float),
    }
    if response == "error":
        columns["L"] = rows.loss.to_numpy(float)
    return read_quietly(columns)


def band(low: float, high: float, observed: float) -> str:
    """An interval, marked where it misses."""
    return f"{low:.4f} to {high:.4f}" + ("" if low <= observed <= high else " (!)")


def forecasts(corpus: str) -> tuple[list[list[Any]], list[list[Any]]]:
    """Rows of the targets and of the two fits."""
    rows = table(corpus)
    small, large = (rows[(rows.n_params < LARGE) == side] for side in (True, False))
    loss = bs.fit("gadre", read(small, "loss"), seed=0)
    error = bs.fit("loss_to_error", read(small, "error"), seed=0)
    at = {"N": large.n_params.to_numpy(float), "D": large.d_tokens.to_numpy(float)}
    ahead = bs.forecast(error, at, through=loss)
    known = bs.forecast(error, {**at, "L": large.loss.to_numpy(float)})
    shares = ahead.shares()
    found = []
    for i, (_, run) in enumerate(large.iterrows()):
        found.append(
            [
                corpus,
                f"{run.n_params:.3g}",
                f"{run.d_tokens:.3g}",
                f"{run.loss:.3f}",
                f"{ahead.points['L'][i]:.3f}",
                f"{run.error:.4f}",
                f"{ahead.quantile(0.5)[i]:.4f}",
                band(*(end[i] for end in ahead.interval(0.9)), run.error),
                band(*(end[i] for end in known.interval(0.9)), run.error),
                f"{shares['first stage'].iloc[i]:.0%}",
                "yes" if ahead.trustworthy[i] else "no",
            ]
        )
    fits = [
        [corpus, name, len(fit.runs), verdict(fit), f"{np.exp(fit.residuals).std():.4f}"]
        for name, fit in (("loss", loss), ("error", error))
    ]
    return found, fits


def main() -> None:
    argparse.ArgumentParser(description=__doc__.splitlines()[0]).parse_args()
    if not DATA.is_dir():
        sys.exit("The public runs are not there: put shared/ beside the checkout.")
    warnings.simplefilter("ignore", bs.BayescaleWarning)
    started = time.perf_counter()
    targets, fits = [], []
    for corpus in GADRE:
        rows, of_fits = forecasts(corpus)
        targets += rows
        fits += of_fits
    inside = sum("(!)" not in row[7] for row in targets)
    vouched = [row for row in targets if row[-1] == "yes"]
    held = sum("(!)" not in row[7] for row in vouched)
    alone = sum("(!)" not in row[8] for row in targets)
    off = np.sqrt(np.mean([np.log(float(row[6]) / float(row[5])) ** 2 for row in targets]))
    words = __doc__.split("\n\n")[2]
    text = [
        "# Errors on tasks, in two stages",
        "",
        "Written by `benchmarks/published/stages.py`. " + " ".join(words.split()),
        f"Machine: {common.machine()}. "
        f"{common.in_words(common.versions('bayescale', 'jax', 'numpyro', 'numpy'))}. "
        f"{time.perf_counter() - started:.0f} s in all.",
        "",
        f"{inside} of {len(targets)} errors lie in the 90 % bands of the two stages ({held} of the "
        f"{len(vouched)} that are vouched for), {alone} in those of the second alone at the "
        f"observed loss; root mean squared log error {off:.4f}.",
        "",
        common.markdown(
            (
                *("corpus", "N", "D", "loss", "forecast", "error", "forecast"),
                *("90 % band", "at the observed loss", "of the first stage", "vouched for"),
            ),
            targets,
        ),
        "## Fits",
        "",
        common.markdown(("corpus", "response", "runs", "verdict", "sd of residuals"), fits),
    ]
    (HERE / "stages.md").write_text("\n".join(text), encoding="utf-8")


if __name__ == "__main__":
    main()
