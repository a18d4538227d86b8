"""Simulation-based calibration of the laws that the Chinchilla design suits, or of the others.

Truths are drawn from the default priors, losses from the law and Student-t noise at the inputs of
the 240 points, or with ``--designs`` at the design that ``benchmarks/recovery`` has of a law; see
``bayescale.checks.sbc``. Finished fits are kept in ``OUT/fits``, so that a killed study goes on
where it stopped and a finished one rewrites its table in seconds.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import common
from recovery.designs import DESIGNS as LONG
from recovery.designs import SHORT

HERE = Path(__file__).resolve().parent
LAWS = (
    *("power(N)", "power_floor(N)", "power_floor(C)", "kaplan", "chinchilla", "kaplan_floor"),
    *("skaling", "subscaling"),
)
DESIGNS = LONG | SHORT
"""The designs of the laws that have their own."""

N = 100
SCALES = (0.5, 0.67, 0.8, 1.25, 1.5, 2.0)
"""Factors of a wrong posterior's standard deviation, for the power of the check."""

POWER = 400
"""Simulated studies behind each power."""


def calibrate(law: str, options: argparse.Namespace) -> Any:
    """Calibrate one law, and keep its picture."""
    import bayescale as bs

    if law in DESIGNS:
        design = DESIGNS[law].inputs()
    else:
        points = common.chinchilla_points().kept()
        design = {"N": points.N, "D": points.D, "C": 6.0 * points.N * points.D}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", bs.BayescaleWarning)  # failures are in the table
        found = bs.checks.sbc(
            law,
            design,
            options.n,
            noise="student_t",
            reference=options.reference,
            method=options.method,
            seed=options.seed,
            folder=options.out / "fits",
            workers=options.workers,
        )
    name = law.replace("(", "_").replace(")", "")
    found.plot().savefig(options.out / f"{name}_{options.reference}_{options.method}.png")
    return found


def law_row(found: Any) -> list[Any]:
    """One law: the verdict, how its fits were made, and what could hide a fault."""
    fits = found.fits
    outside = [name for name, verdict in found.verdicts.items() if not verdict.inside]
    others = {k: v for k, v in found.sensitivity().items() if k != "all fits"}
    changed = [k for k, v in others.items() if bool(v) != bool(outside)]
    return [
        found.law,
        next((d.words for law, d in DESIGNS.items() if law == found.law), "Chinchilla points"),
        "passes" if found.ok else f"FAILS: {', '.join(outside)}",
        len(found.ranks),
        int((fits["method"] == "laplace").sum()),
        int((fits["method"] == "nuts").sum()),
        int((~fits["converged"].astype(bool)).sum()) - len(found.failures),
        len(found.failures),
        found.unusable,
        found.refused,
        ", ".join(changed) or ("no" if others else ""),
        f"{fits['seconds'].sum():.0f}",
    ]


def quantity_rows(found: Any) -> list[list[Any]]:
    """All quantities of a law."""
    return [
        [
            found.law,
            name,
            "yes" if row["inside"] else f"NO: {row['kind']}",
            f"{row['largest']:.3f}",
            f"{row['bias_z']:+.1f}",
            f"{row['spread_z']:+.1f}",
            f"{row['above']:.0%}",
            f"{row['cover50']:.0%}",
            f"{row['cover90']:.0%}",
        ]
        for name, row in found.table().iterrows()
    ]


def power(n: int, quantities: int, scale: float, shift: float = 0.0) -> float:
    """Probability that a normal posterior of the wrong width or place fails for its quantity."""
    from scipy.special import ndtr

    from bayescale.checks.uniformity import bands

    rng = np.random.default_rng([n, round(1000 * scale), round(1000 * shift)])
    band = bands(n, 1.0 - 0.05 / quantities)
    truths = rng.standard_normal((POWER, n))
    return float(np.mean([not band.hold(ndtr((t + shift) / scale)) for t in truths]))


def write_table(found: list[Any], loads: list[float], options: argparse.Namespace) -> Path:
    """Write the table of these laws."""
    n, most = options.n, max(len(f.quantities) for f in found)
    own = (list(LAWS), [law for law in DESIGNS if law not in options.without])
    asked = [
        *(["--designs"] if options.designs else []),
        *([f"--without {' '.join(options.without)}"] if options.without else []),
        *([f"--laws {' '.join(options.laws)}"] if options.laws not in own else []),
        *([f"--n {n}"] if n != N else []),
        *([f"--reference {options.reference}"] if options.reference != "fixed" else []),
        *([f"--method {options.method}"] if options.method != "quick" else []),
        *([f"--seed {options.seed}"] if options.seed else []),
    ]
    command = " ".join(("benchmarks/sbc/run.py", *asked))
    named = [word for word in asked if not word.startswith("--without")]
    stem = "_".join(("table", *(re.sub(r"\W+", "_", word).strip("_") for word in named)))
    failing = [f for f in found if not f.ok]
    text = [
        "# Simulation-based calibration",
        "",
        f"Written by `{command}`.",
        f"Design: the inputs of the {common.chinchilla_points().source}, or where the table names "
        f"one that of `benchmarks/recovery/designs.py`. {n} data sets a law, "
        f"method {options.method}, 4 x 1000 draws, each truth ranked among {found[0].n_draws} of "
        "them. Student-t noise, default priors; reference loss: "
        + ("fixed beforehand." if options.reference == "fixed" else "that of each data set.")
        + f" Seed {options.seed}.",
        f"Machine: {os.cpu_count()} x86-64 cores, shared; {options.workers} process. "
        f"{common.in_words(common.versions('bayescale', 'jax', 'numpyro', 'arviz-stats'))}. Load "
        f"average after each law: {min(loads):.1f} to {max(loads):.1f}, of which this makes 1.",
        "",
        f"{len(found) - len(failing)} of {len(found)} laws pass. Bands hold for all quantities of "
        "a law with 95 % (Bonferroni over its quantities); so one right law in twenty fails by "
        "chance.",
        "",
        common.markdown(
            (
                "law",
                "design",
                "verdict",
                "data sets",
                "Laplace",
                "NUTS",
                "not converged",
                "failed",
                "unusable",
                "refused",
                "verdict changes",
                "fit s",
            ),
            (law_row(f) for f in found),
        ),
        "Not converged: fits whose own verdict says so; they are in the verdict here. Failed: no "
        "fit at all. Unusable: drawn again, with a loss not finite and above zero. Refused: "
        "drawn again by the rule on the data. Verdict changes: whether leaving out the fits that "
        "did not converge, or putting the truths of failed ones below or above all draws, changes "
        "it; empty where there are none.",
        "",
        *(f"{line}\n" for f in failing for line in f.text().splitlines()),
        "## Quantities",
        "",
        "Largest: distance of the ranks' distribution function from the uniform one. Bias and "
        "spread in standard errors: above zero the posterior lies too low, and is too narrow. "
        "Above: truths above its median. 50 % and 90 %: truths in the central intervals.",
        "",
        common.markdown(
            ("law", "quantity", "inside", "largest", "bias", "spread", "above", "50 %", "90 %"),
            [row for f in found for row in quantity_rows(f)],
        ),
        "## What such a study sees",
        "",
        f"Probability that one quantity of {most} fails with {n} data sets, by {POWER} simulated "
        "studies of a normal posterior whose standard deviation is the right one times a factor, "
        "or whose mean is off by so many standard deviations.",
        "",
        common.markdown(
            ("wrong by", *(f"sd x {s:g}" for s in SCALES), "mean 0.25 sd", "mean 0.5 sd"),
            [
                [
                    "seen",
                    *(f"{power(n, most, s):.0%}" for s in SCALES),
                    *(f"{power(n, most, 1.0, shift):.0%}" for shift in (0.25, 0.5)),
                ]
            ],
        ),
    ]
    path = HERE / f"{stem}.md"
    path.write_text("\n".join(text), encoding="utf-8")
    return path


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--laws", nargs="+", default=list(LAWS))
    parser.add_argument("--designs", action="store_true", help="the laws with designs of their own")
    parser.add_argument("--without", nargs="+", default=[], help="of those, not these laws")
    parser.add_argument("--n", type=int, default=N, help=f"data sets a law (default: {N})")
    parser.add_argument("--reference", choices=("fixed", "data"), default="fixed")
    parser.add_argument("--method", choices=("quick", "nuts", "laplace"), default="quick")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=1, help="processes (default: 1)")
    parser.add_argument("--out", type=Path, default=HERE / "results", help="finished fits")
    options = parser.parse_args()
    if options.designs:
        options.laws = [law for law in DESIGNS if law not in options.without]
    options.out.mkdir(parents=True, exist_ok=True)
    found, loads = [], []
    for law in options.laws:
        started = time.perf_counter()
        found.append(calibrate(law, options))
        loads.append(os.getloadavg()[0])
        print(f"{found[-1].text()}\n{time.perf_counter() - started:.0f} s\n", flush=True)
    print(write_table(found, loads, options))


if __name__ == "__main__":
    main()
