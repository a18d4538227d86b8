"""Recovery and calibration: simulate from every named law, fit, and see what the intervals cover.

Two studies. With ``--truth fixed`` each law's truth is its published fit, or rounded values of a
fit to the Chinchilla points: "would a user's interval hold the truth?". With ``--truth prior`` the
truth of every data set is drawn from the priors, so that every interval must cover at its nominal
rate if, and only if, the sampler draws from the posterior: simulation-based calibration.

Every finished fit is appended to ``OUT/<truth>/<law>.csv`` at once; a study that was killed goes on
where it stopped, and a finished one rewrites its tables in seconds.
"""

from __future__ import annotations

import argparse
import csv
import os
import sys
import time
import warnings
import zlib
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from scipy import stats

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import common
from designs import DESIGNS

HERE = Path(__file__).resolve().parent
SIGMA, NU = 0.0045, 4.0
"""The noise of the fixed truths: Student-t on log loss, as in the Chinchilla points."""

PROB = 0.9
TARGET = (0.80, 0.98)

FIXED: dict[str, str | dict[str, float]] = {
    "chinchilla": "besiroglu2024",
    "kaplan": "kaplan2020",
    "kaplan_floor": {
        "E": 1.6,
        "N_c": 3.5e8,
        "alpha_N": 0.256,
        "D_c": 6.6e9,
        "alpha_D": 0.287,
    },
    "skaling": "busbridge2025",
    "power_floor(N)": {"E": 1.9, "A": 160.0, "alpha": 0.27},
    "power_floor(C)": {"E": 1.75, "A": 1500.0, "alpha": 0.163},
    "power(N)": "kaplan2020_N",
    "subscaling": "chen2025",
    **{law: design.truth for law, design in DESIGNS.items()},
}
"""Truth of each law: a preset; rounded posterior medians of a fit to the Chinchilla points; or that
of a design of its own."""

SPREAD = (0.05, 1.5)
"""With truths from the prior: data sets whose log losses span less or more (5th to 95th percentile)
are drawn again. The rule looks at the data alone, so calibration still holds exactly."""


class Job(NamedTuple):
    """One data set to simulate and fit."""

    law: str
    truth: str
    index: int
    method: str = "auto"


class Simulated(NamedTuple):
    """A data set and what is true of it."""

    law: Any
    columns: dict[str, np.ndarray]
    truth: dict[str, float]


def simulate(job: Job) -> Simulated:
    """Simulate one data set at the law's design; the same for the same job."""
    if job.law in DESIGNS:
        inputs = DESIGNS[job.law].inputs()
    else:
        points = common.chinchilla_points().kept()
        inputs = {"N": points.N, "D": points.D, "C": 6.0 * points.N * points.D}
    rng = np.random.default_rng([zlib.crc32(f"{job.law} {job.truth}".encode()), job.index])
    if job.truth == "fixed":
        return _fixed(job.law, inputs, rng)
    return _from_prior(job.law, inputs, rng)


def _fixed(name: str, inputs: dict[str, np.ndarray], rng: np.random.Generator) -> Simulated:
    import bayescale as bs

    law = bs.laws.get(name)
    chosen = FIXED[name]
    field = law.preset(chosen) if isinstance(chosen, str) else dict(chosen)
    mean = law.loss({name: inputs[name] for name in (*law.inputs, *law.paths)}, field)
    loss = mean * np.exp(SIGMA * rng.standard_t(NU, len(mean)))
    return Simulated(law, {**inputs, "loss": loss}, {**field, "sigma": SIGMA, "nu": NU})


def _from_prior(name: str, inputs: dict[str, np.ndarray], rng: np.random.Generator) -> Simulated:
    """A truth from the priors.

    The default priors of amplitudes are in units of the geometric mean of the observed losses. Here
    that unit is fixed at one loss unit, for the truth and for the fit alike, as a prior must be if
    it is to have a truth drawn from it.
    """
    from dataclasses import replace

    import bayescale as bs
    from bayescale.inference.runtime import float64
    from bayescale.laws.law import reference_point

    law = bs.laws.get(name)
    law = law.with_priors(
        **{
            parameter: replace(prior, relative=False)
            for parameter, prior in law.priors.items()
            if prior.is_relative
        }
    )
    noise = bs.noise.get("student_t")
    x = law.coordinates(inputs)
    reference = reference_point(inputs, law)
    while True:
        drawn = {
            p.name: float(p.prior.draws(1, rng, 1.0, p.positive)[0])
            for p in (*law.parameters, *noise.parameters)
        }
        with float64():
            log_mean = np.asarray(law.term.log_value(drawn, x, reference))
            field = {k: float(v) for k, v in law.term.to_field(drawn, reference).items()}
        log_loss = log_mean + drawn["sigma"] * rng.standard_t(drawn["nu"], len(log_mean))
        low, high = np.quantile(log_loss, [0.05, 0.95])
        if SPREAD[0] < high - low < SPREAD[1]:
            break
    truth = {**field, "sigma": drawn["sigma"], "nu": drawn["nu"]}
    return Simulated(law, {**inputs, "loss": np.exp(log_loss)}, truth)


def one(job: Job) -> dict[str, float | str]:
    """Simulate and fit one data set; the row of the results file."""
    import bayescale as bs

    law, columns, truth = simulate(job)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", bs.BayescaleWarning)
        runs = bs.read_runs(columns)
    started = time.perf_counter()
    fit = bs.fit(law, runs, seed=job.index, method=job.method, noise="student_t")
    verdict = fit.diagnosis
    row: dict[str, float | str] = {
        "index": job.index,
        "seconds": time.perf_counter() - started,
        "method": fit.method,
        "converged": int(verdict.converged),
        "retried": int(verdict.retried),
        "prior_dominated": " ".join(verdict.prior_dominated),
        "divergences": verdict.divergences,
        "rhat_max": verdict.rhat_max,
        "ess_bulk_min": verdict.ess_bulk_min,
        "optima": sum(optimum.weight >= 0.002 for optimum in fit.optima),
    }
    for name, value in truth.items():
        draws = fit.parameters[name].ravel()
        low, high = np.quantile(draws, [(1 - PROB) / 2, (1 + PROB) / 2])
        row |= {
            f"{name}.truth": value,
            f"{name}.mean": draws.mean(),
            f"{name}.sd": draws.std(ddof=1),
            f"{name}.low": low,
            f"{name}.high": high,
            f"{name}.rank": np.mean(draws < value),
            f"{name}.contraction": verdict.contraction.get(name, np.nan),
        }
    return row


def results_file(out: Path, law: str, truth: str) -> Path:
    """Where the finished fits of a law are kept."""
    return out / truth / f"{law.replace('(', '_').replace(')', '')}.csv"


def finished(path: Path) -> list[dict[str, str]]:
    """The finished fits of a results file, by index; a line cut short by a kill is left out."""
    if not path.is_file():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if None not in row.values()]
    return sorted({row["index"]: row for row in rows}.values(), key=lambda row: int(row["index"]))


def append(path: Path, row: dict[str, float | str]) -> None:
    """Append one finished fit, on a line of its own even after a line cut short."""
    path.parent.mkdir(parents=True, exist_ok=True)
    new = not path.is_file() or not path.stat().st_size
    cut = not new and not path.read_bytes().endswith(b"\n")
    with path.open("a", newline="", encoding="utf-8") as file:
        if cut:
            file.write("\n")
        writer = csv.DictWriter(file, list(row), lineterminator="\n")
        if new:
            writer.writeheader()
        writer.writerow(row)
        file.flush()
        os.fsync(file.fileno())


def run(jobs: list[Job], workers: int) -> Iterator[tuple[Job, dict[str, float | str]]]:
    """Fit all data sets, in this process or in several."""
    if workers == 1:
        yield from ((job, one(job)) for job in jobs)
        return
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        yield from zip(jobs, pool.map(one, jobs), strict=True)


COLUMNS = (
    "law",
    "parameter",
    "truth",
    "fits",
    "covered",
    "coverage",
    "binomial_low",
    "binomial_high",
    "bias_in_sd",
    "mean_sd",
    "spread_over_sd",
    "contraction",
)


def parameter_rows(law: str, rows: list[dict[str, str]]) -> Iterator[list[Any]]:
    """Coverage of each parameter of a law over its finished fits."""
    names = [key.removesuffix(".truth") for key in rows[0] if key.endswith(".truth")]
    for name in names:
        truth, mean, sd, low, high, contraction = (
            np.array([float(row[f"{name}.{key}"]) for row in rows])
            for key in ("truth", "mean", "sd", "low", "high", "contraction")
        )
        covered = int(np.sum((low <= truth) & (truth <= high)))
        interval = stats.binomtest(covered, len(rows)).proportion_ci(0.9, method="exact")
        z = (mean - truth) / sd
        yield [
            law,
            name,
            truth[0] if np.ptp(truth) == 0 else "from the prior",
            len(rows),
            covered,
            covered / len(rows),
            interval.low,
            interval.high,
            z.mean(),
            sd.mean(),
            z.std(ddof=1) if len(rows) > 1 else np.nan,
            contraction.mean(),
        ]


def fit_row(law: str, rows: list[dict[str, str]]) -> list[Any]:
    """What the verdicts of a law's fits said."""
    dominated: dict[str, int] = {}
    for row in rows:
        for name in row["prior_dominated"].split():
            dominated[name] = dominated.get(name, 0) + 1
    rhat = max((r for row in rows if (r := float(row["rhat_max"])) == r), default=0.0)
    return [
        law,
        len(rows),
        ", ".join(
            f"{name} {n}" for name, n in Counter(r.get("method", "nuts") for r in rows).items()
        ),
        f"{sum(row['converged'] == '1' for row in rows)}",
        f"{sum(row['retried'] == '1' for row in rows)}",
        sum(int(row["divergences"]) for row in rows),
        f"{rhat:.4f}" if rhat else "",
        f"{min(float(row['ess_bulk_min']) for row in rows):.0f}",
        f"{np.median([float(row['seconds']) for row in rows]):.2f}",
        ", ".join(f"{name} {count}" for name, count in dominated.items()) or "none",
    ]


def write_tables(out: Path, law: str, truth: str) -> None:
    """Write the tables of a law and all others of its kind.

    ``table.md`` and ``table.csv`` at the Chinchilla design, ``table_designs`` for laws with designs
    of their own; with ``_prior`` for truths from the prior.
    """
    own = law in DESIGNS
    kind = [name for name in FIXED if (name in DESIGNS) == own]
    found = {name: rows for name in kind if (rows := finished(results_file(out, name, truth)))}
    table = [row for law, rows in found.items() for row in parameter_rows(law, rows)]
    stem = HERE / ("table" + "_designs" * own + "_prior" * (truth == "prior"))
    common.write_csv(
        stem.with_suffix(".csv"),
        COLUMNS,
        ([f"{cell:.6g}" if isinstance(cell, float) else cell for cell in row] for row in table),
    )
    outside = [f"{row[1]} of {row[0]}" for row in table if not TARGET[0] <= row[5] <= TARGET[1]]
    shown = [
        [
            row[0],
            row[1],
            row[2] if isinstance(row[2], str) else f"{row[2]:.4g}",
            f"{row[4]}/{row[3]}",
            f"{row[5]:.0%}" + ("" if TARGET[0] <= row[5] <= TARGET[1] else " (!)"),
            f"{row[6]:.0%} to {row[7]:.0%}",
            f"{row[8]:+.2f}",
            f"{row[9]:.3g}",
            f"{row[10]:.2f}",
            "" if np.isnan(row[11]) else f"{row[11]:.2f}",
        ]
        for row in table
    ]
    text = [
        f"# Recovery, truth {'as stated' if truth == 'fixed' else 'from the prior'}",
        "",
        "Written by `benchmarks/recovery/run.py"
        + ("`." if truth == "fixed" else " --truth prior`."),
        f"Design: {'that of each law, below' if own else common.chinchilla_points().source}. "
        "Fits at default settings (4 x 1000 draws) with independent Student-t noise.",
        f"Machine: {common.machine()}. "
        f"{common.in_words(common.versions('bayescale', 'jax', 'numpyro', 'numpy'))}.",
        "",
        _explained(truth),
        "",
        f"Outside {TARGET[0]:.0%} to {TARGET[1]:.0%}: {', '.join(outside) or 'none'}.",
        "",
        "## Parameters",
        "",
        f"Coverage is that of the central {PROB:.0%} interval, with its exact binomial 90 % "
        "interval. Bias is the mean of (posterior mean - truth) / posterior sd; spread / sd is the "
        "standard deviation of that ratio, one where the stated sd is right. Contraction is the "
        "share of the prior variance that the data removed, given for sampled parameters.",
        "",
        common.markdown(
            (
                "law",
                "parameter",
                "truth",
                "covered",
                "coverage",
                "binomial",
                "bias",
                "mean sd",
                "spread / sd",
                "contraction",
            ),
            shown,
        ),
        "## Fits",
        "",
        common.markdown(
            (
                "law",
                "fits",
                "method",
                "converged",
                "retried",
                "divergences",
                "worst R-hat",
                "least bulk ESS",
                "median s",
                "prior-dominated (fits)",
            ),
            (fit_row(law, rows) for law, rows in found.items()),
        ),
    ]
    if own:
        designs = ([name, DESIGNS[name].words] for name in found)
        text += ["## Designs", "", common.markdown(("law", "design"), designs)]
    stem.with_suffix(".md").write_text("\n".join(text), encoding="utf-8")


def _explained(truth: str) -> str:
    if truth == "fixed":
        return (
            f"Noise: Student-t on log loss, sigma = {SIGMA}, nu = {NU:g}. Truths: the published "
            "fit of each law where there is one, else rounded medians of a fit to the Chinchilla "
            "points, or round numbers of the size that published runs have. With one fixed truth, "
            "coverage of a parameter that the data hardly inform is "
            "decided by where the truth lies in the prior: near its middle every interval covers, "
            "in its tail none does."
        )
    return (
        "All parameters, the noise's too, are drawn anew from the priors for every data set, with "
        "amplitudes in units of a fixed loss of one. Data sets whose log losses span less than "
        f"{SPREAD[0]} or more than {SPREAD[1]} (5th to 95th percentile) are drawn again. Coverage "
        "must then be nominal on average for every parameter, however little the data say of it."
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--laws", nargs="+", default=list(FIXED), choices=list(FIXED))
    parser.add_argument("--truth", choices=("fixed", "prior"), default="fixed")
    parser.add_argument("--n", type=int, default=50, help="data sets a law (default: 50)")
    parser.add_argument("--method", choices=("auto", "quick"), default="auto")
    parser.add_argument("--workers", type=int, default=1, help="processes (default: 1)")
    parser.add_argument("--out", type=Path, default=HERE / "results", help="finished fits")
    options = parser.parse_args()
    for law in options.laws:
        path = results_file(options.out, law, options.truth)
        done = {int(row["index"]) for row in finished(path)}
        jobs = [
            Job(law, options.truth, i, options.method) for i in range(options.n) if i not in done
        ]
        for job, row in run(jobs, options.workers):
            append(path, row)
            print(
                f"{law} {job.index}: {row['seconds']:.1f} s, converged {row['converged']}",
                flush=True,
            )
        write_tables(options.out, law, options.truth)


if __name__ == "__main__":
    main()
