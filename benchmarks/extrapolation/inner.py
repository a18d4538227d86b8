"""Choices for the law ``curve`` without its targets: pseudo-extrapolation inside the fitted parts.

    python benchmarks/extrapolation/inner.py [--out DIR] [--data DIR] [--sets revisiting]

Of the fitted part of every curve, the points below half of its largest x are fitted and the others
are scored; the targets of the benchmark are scored beside, and choose nothing. Each choice is then
made for a data set by the inner scores of the other data sets, data sets weighing alike. A loss
that is a mean of n checkpoints is scored as one. Writes ``inner.md`` and ``inner.csv``.
"""

from __future__ import annotations

import argparse
import sys
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy import special

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import common
import single

import bayescale as bs
from bayescale.backtesting.scores import PROBS
from bayescale.discrepancy import Process
from bayescale.discrepancy.process import loss_span
from bayescale.many import Task
from bayescale.posterior import Fit
from bayescale.prior import LogNormal
from bayescale.runs import Runs
from bayescale.runs.read import read_quietly

HERE = Path(__file__).resolve().parent
KEPT = 400
BACK = 2.0
"""The inner targets reach from the last fitted x down to it over this: as far as the targets."""

LEAST = 5
"""Points that an inner fit needs."""


@dataclass(frozen=True)
class Choice:
    """One way to fit every curve.

    Parameters
    ----------
    law : str or Law
    discrepancy : str or Discrepancy
        Or a function of the points that are fitted.
    priors : mapping of str to Prior
    """

    law: Any = "curve"
    discrepancy: Any = "matern"
    priors: Mapping[str, Any] = field(default_factory=dict)


def by_slope(points: pd.DataFrame, median: float, sd: float = 0.3) -> Process:
    """A Matern process whose scale is in units of how fast the log loss falls at the end.

    The slope is that of a line through the points of the last e-fold, or the last four.
    """
    x, y = np.log(points["x"].to_numpy()), np.log(points["loss"].to_numpy())
    order = np.argsort(x)
    x, y = x[order], y[order]
    last = min(np.searchsorted(x, x[-1] - 1.0), len(x) - 4)
    slope = abs(float(np.polyfit(x[last:], y[last:], 1)[0]))
    span = loss_span({"x": np.exp(x), "loss": np.exp(y)}, "x")
    return Process("matern", LogNormal(median * max(slope, 0.01) / span, sd))


def at_targets(fit: Fit, targets: Runs) -> dict[str, Any]:
    """Means and standard deviations of the log loss without noise, and sigma, draw by draw."""
    n = next(iter(fit.draws.values())).size
    kept = np.linspace(0, n - 1, min(KEPT, n)).astype(int)
    mean = fit.log_law(fit.inputs_of(targets)).reshape(n, -1)
    sd = np.zeros_like(mean)
    if fit.discrepancy.kernel is not None:
        moved, sd = fit.leaves({name: targets[name] for name in fit.law.inputs}, fit.discrepancy)
        mean = mean + moved
    sigma = fit.draws["sigma"].ravel()
    return {"mean": mean[kept], "sd": sd[kept], "sigma": sigma[kept]}


def scores(
    found: list[dict[str, Any]], observed: np.ndarray, count: np.ndarray
) -> dict[str, float]:
    """Scores of the equal mixture of some fits: mixtures of normals, in closed form.

    ``elpd`` is the mean log density of the log loss; the others are as in a backtest.
    """
    y = np.log(observed)
    mean = np.concatenate([f["mean"] for f in found])
    noise = np.concatenate([np.asarray(f["sigma"]) for f in found])[:, None] ** 2 / count
    total = np.sqrt(np.concatenate([f["sd"] for f in found]) ** 2 + noise)
    z = (y - mean) / total
    density = special.logsumexp(-0.5 * z**2 - np.log(total * np.sqrt(2 * np.pi)), axis=0)
    pit = special.ndtr(z).mean(axis=0)
    ends = {p: _quantile(mean, total, p) for p in (0.05, 0.5, 0.95)}
    off = ends[0.5] - y
    return {
        "rmsle": float(np.sqrt(np.mean(off**2))),
        "elpd": float(np.mean(density - np.log(len(mean)))),
        **{f"cover{100 * p:.0f}": float(np.mean(np.abs(pit - 0.5) <= p / 2)) for p in PROBS},
        "width90": float(np.exp(np.mean(np.log(ends[0.95] - ends[0.05])))),
        "bias": float(np.mean(-off)),
    }


def _quantile(mean: np.ndarray, sd: np.ndarray, p: float) -> np.ndarray:
    """Quantile of an equal mixture of normals, column by column, by bisection."""
    low, high = (mean - 8 * sd).min(axis=0), (mean + 8 * sd).max(axis=0)
    for _ in range(40):
        middle = 0.5 * (low + high)
        below = special.ndtr((middle - mean) / sd).mean(axis=0) < p
        low, high = np.where(below, middle, low), np.where(below, high, middle)
    return 0.5 * (low + high)


def parts(table: pd.DataFrame) -> dict[tuple[str, str], tuple[pd.DataFrame, pd.DataFrame]]:
    """What is fitted and what is scored, by curve and by split: ``inner`` and ``outer``."""
    found = {}
    for curve, points in table.groupby("curve_id"):
        fit, ahead = (points[points["split"] == part] for part in ("fit", "extrapolate"))
        found[str(curve), "outer"] = fit, ahead
        small = fit["x"] <= fit["x"].max() / BACK
        if small.sum() >= LEAST:
            found[str(curve), "inner"] = fit[small], fit[~small]
    return found


def run(
    table: pd.DataFrame, choices: Mapping[str, Choice], folder: Path, which: tuple[str, ...]
) -> dict[tuple[str, str, str], dict[str, Any]]:
    """Fits of every curve, split and choice: what :func:`at_targets` keeps of them."""
    keep = [n for n in ("x", "loss", "n_averaged") if n in table]
    tasks = {}
    for (curve, split), (small, large) in parts(table).items():
        if split not in which:
            continue
        runs, targets = read_quietly(small[keep]), read_quietly(large[keep])
        for name, choice in choices.items():
            own = choice.discrepancy
            tasks["|".join((name, split, curve))] = Task(
                choice.law,
                runs,
                priors=choice.priors or None,
                discrepancy=own(small) if callable(own) else own,
                given={"targets": targets},
            )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", bs.errors.BayescaleWarning)
        many = bs.fit_many(tasks, method="quick", reduce=at_targets, folder=folder, workers=1)
    for name, why in many.failures.items():
        print(f"failed: {name}: {why.error}: {why.message[:100]}")
    if many.doubtful:
        print(f"did not converge: {len(many.doubtful)}: {', '.join(many.doubtful)[:600]}")
    return {tuple(n.split("|")): many[n] for n in tasks if n in many}  # type: ignore[misc]


def scored(
    table: pd.DataFrame,
    found: Mapping[tuple[str, str, str], dict[str, Any]],
    mixtures: Mapping[str, tuple[str, ...]],
) -> pd.DataFrame:
    """Scores of every choice, and of equal mixtures of some, by split and curve."""
    sets = table.groupby("curve_id")["set"].first()
    split_up = parts(table)
    rows = []
    alone = {name: (name,) for name, _, _ in found}
    for name, members in {**alone, **mixtures}.items():
        for (curve, split), (_, large) in split_up.items():
            keys = [(member, split, curve) for member in members]
            if not all(key in found for key in keys):
                continue
            count = large["n_averaged"].to_numpy() if "n_averaged" in large else np.ones(len(large))
            own = scores([found[key] for key in keys], large["loss"].to_numpy(), count)
            rows.append({"method": name, "split": split, "set": sets[curve], "curve": curve, **own})
    return pd.DataFrame(rows)


def means(rows: pd.DataFrame) -> pd.DataFrame:
    """Means over the curves of each data set, then over data sets; and of the groups of sets."""
    by_set = rows.groupby(["method", "split", "set"], sort=False)[["elpd", "rmsle"]].mean()
    inner = by_set.xs("inner", level="split").unstack("set")
    return inner
