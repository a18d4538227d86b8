"""Loss curves under schedules that were not fitted: the multi-power law and the annealing law.

Both laws are fitted to the three schedules that the authors fit (constant, cosine, two stages), and
scored on the six that they extrapolate to, of models of 25M and 100M parameters. The published
parameters are scored beside them.
"""

from __future__ import annotations

import argparse
import sys
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import common

import bayescale as bs
from bayescale.runs import Runs

HERE = Path(__file__).resolve().parent
CURVES = common.ROOT.parent / "shared" / "data" / "multipower_curves.csv"

PUBLISHED = {"25M": 0.00376, "100M": 0.00435}
"""Mean absolute error, in nats, that the authors' repository reports for the multi-power law."""

WARMUP = 2159
"""The step of the peak: 2,160 learning rates from zero to 3e-4, the first before step one."""

KEPT = 80
"""Points of each fitted curve, evenly in the logarithm of the step."""

FITS = (
    ("multi_power", "curve(S)", 0),
    ("multi_power", "curve(S)", 3000),
    ("annealing", "curve(S)", 0),
    ("annealing", "curve(S)", 3000),
)
"""Law, noise, and the first step that is fitted."""


def curves(size: str) -> Runs:
    """All curves of one size."""
    import pandas as pd

    table = pd.read_csv(CURVES)
    table = table[table["curve_id"].str.startswith(f"{size}/")].assign(warmup_steps=WARMUP)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", bs.BayescaleWarning)
        return bs.read_runs(table, columns={"run": "curve_id"})


def thinned(runs: Runs, n: int, first: int) -> Runs:
    """At most ``n`` rows of each curve from a step on, evenly in the logarithm of the step."""
    kept: list[int] = []
    for curve in np.unique(runs["run"]):
        own = np.flatnonzero((runs["run"] == curve) & (runs["S"] >= first))
        steps = runs["S"][own]
        wanted = np.geomspace(steps.min(), steps.max(), n)
        kept += list(own[np.unique(np.abs(steps - wanted[:, None]).argmin(axis=1))])
    return runs.select(np.array(sorted(kept)))


def by_curve(runs: Runs, values: np.ndarray) -> dict[str, float]:
    """The mean of a value along each curve."""
    names = runs["run"]
    return {str(name): float(values[names == name].mean()) for name in np.unique(names)}


def twins(size: str, runs: Runs) -> str:
    """How far two fitted curves of one learning rate lie apart before it differs, in words."""
    one, other = (runs.where(f'schedule == "{name}"') for name in ("constant_24000", "wsdcon_9"))
    there = dict(zip(other["S"][other["S"] < 7900], other.loss, strict=False))
    apart = np.array(
        [
            (s, abs(loss - there[s]))
            for s, loss in zip(one["S"], one.loss, strict=True)
            if s in there
        ]
    )
    if not np.any(apart[:, 1]):
        return f"{size}: none, they are one curve up to there, and its points count twice"
    early = apart[:, 0] < 3000
    return (
        f"{size}: {apart[0, 1]:.3f} at the first point, at most {apart[early, 1].max():.3f} up to "
        f"step 3,000 and {apart[~early, 1].max():.3f} after it, {apart[-1, 1]:.4f} at the last"
    )


def preset(size: str, tests: Runs) -> list[Any]:
    law = bs.laws.get("multi_power")
    error = np.abs(law.loss(tests.columns, law.preset(f"luo2025_{size.lower()}")) - tests.loss)
    mean = float(np.mean(list(by_curve(tests, error).values())))
    return [
        f"{size}, published parameters",
        "",
        "",
        f"{mean:.4f}",
        f"{error.mean():.4f}",
        *4 * [""],
    ]


def scored(size: str, law: str, noise: str, first: int, runs: Runs) -> tuple[list[Any], list[Any]]:
    """Rows of the two tables: over all curves, and by curve."""
    own = thinned(runs.where('split == "fit"'), KEPT, first)
    tests = runs.where('split == "extrapolate"')
    started = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", bs.BayescaleWarning)
        fit = bs.fit(law, own, noise=noise, seed=0)
    seconds = time.perf_counter() - started
    ahead = bs.forecast(fit, tests, seed=0)
    off = ahead.quantile(0.5) - tests.loss
    error = by_curve(tests, np.abs(off))
    inside = [float(ahead.covered(p).mean()) for p in (0.5, 0.9)]
    name = f"{size}, {law}" + (f", from step {first:,}" if first else "")
    total = [
        name,
        noise,
        len(own),
        f"{np.mean(list(error.values())):.4f}",
        f"{np.abs(off).mean():.4f}",
        *(f"{share:.0%}" for share in inside),
        "yes" if fit.diagnosis.converged else "NO",
        f"{seconds:.0f}",
    ]
    signed = by_curve(tests, off)
    each = [f"{error[c]:.4f} ({signed[c]:+.4f})" for c in error]
    return total, [f"{name}, {noise}", *each]


def main() -> None:
    argparse.ArgumentParser(description=__doc__).parse_args()
    if not CURVES.is_file():
        sys.exit("The curves are not there: put shared/ beside the checkout.")
    same: list[str] = []
    totals: list[list[Any]] = []
    each: list[list[Any]] = []
    for size in PUBLISHED:
        runs = curves(size)
        same.append(twins(size, runs))
        names = [
            c.partition("/")[2] for c in np.unique(runs.where('split == "extrapolate"')["run"])
        ]
        report = [f"{size}, published error", "", "", f"{PUBLISHED[size]:.4f}", *5 * [""]]
        totals += [report, preset(size, runs.where('split == "extrapolate"'))]
        for law, noise, first in FITS:
            total, row = scored(size, law, noise, first, runs)
            print(total, row, flush=True)
            totals.append(total)
            each.append(row)
    text = [
        "# Loss curves under schedules that were not fitted",
        "",
        "Written by `benchmarks/published/schedules.py`. Data: `multipower_curves.csv`, curves of "
        "Luo et al. 2025, arXiv 2503.12811. Fitted: constant_24000, cosine_24000 and wsdcon_9, at "
        f"most {KEPT} points each, evenly in the logarithm of the step. Scored: all points of the "
        "six schedules below. Errors in nats; ours are those of the posterior median. Bands: of a "
        "new run, with the noise named; no discrepancy.",
        f"Machine: {common.machine()}. "
        f"{common.in_words(common.versions('bayescale', 'jax', 'numpyro', 'numpy', 'scipy'))}.",
        "",
        common.markdown(
            (
                *("size and law", "noise", "points fitted", "error, mean of curves"),
                *("error, mean of points", "in 50 % band", "in 90 % band", "converged", "s"),
            ),
            totals,
        ),
        "Two fitted curves, constant_24000 and wsdcon_9, have one learning rate up to step "
        f"7,999. Their losses differ by: {'; '.join(same)}. No law of the schedule can tell such "
        "curves apart, which is why the fits from step 3,000 on stand beside the others.",
        "",
        "Mean absolute error of each curve, and mean signed error (prediction minus loss):",
        "",
        common.markdown(("size, law and noise", *names), each),
    ]
    (HERE / "schedules.md").write_text("\n".join(text).rstrip() + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
