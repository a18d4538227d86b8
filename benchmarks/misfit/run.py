"""How often is structure found in residuals: of a law that holds, and of laws of public runs?

    python benchmarks/misfit/run.py

Simulated: data sets from a law at a Chinchilla-like design, fitted by that law and by another.
Public: the forward splits of ``benchmarks/extrapolation``. Point fits throughout, so that all of it
takes minutes; ``Fit.structure`` uses the posterior median of the law. Writes ``table.md`` beside
this file.
"""

from __future__ import annotations

import sys
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "extrapolation"))

import common
from series import DATA, FAMILIES, HELD_OUT, splits

import bayescale as bs
from bayescale.inference.structure import Structure, structure
from bayescale.runs import Runs
from bayescale.runs.read import read_quietly

HERE = Path(__file__).resolve().parent
LAWS = ("chinchilla", "skaling", "kaplan_floor", "subscaling")
DATA_SETS = 200
RUNS = 60
NOISE = {"normal, sd 0.01": 0.0, "Student t with 3 degrees of freedom, scale 0.01": 3.0}


def design(rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Runs along nine isoFLOP budgets, a random choice of :data:`RUNS` of them."""
    budget = np.repeat(np.geomspace(6e18, 3e21, 9), 9)
    n = np.sqrt(budget / 120) * np.tile(np.geomspace(0.2, 5, 9), 9)
    kept = rng.choice(len(n), RUNS, replace=False)
    return {"N": n[kept], "D": (budget / (6 * n))[kept]}


def found(law: str, runs: Runs) -> tuple[Structure, Any]:
    """Structure in the residuals of the point fit of a law, and that fit."""
    fit = bs.point_fit(law, runs)
    residuals = np.log(runs.loss) - np.log(fit.loss({"N": runs["N"], "D": runs["D"]}))
    return structure([np.log(runs["N"]), np.log(runs["D"])], residuals), fit


def truth(name: str) -> dict[str, float]:
    """Field parameters of the law that simulates."""
    base = {"E": 1.82, "A": 482.0, "alpha": 0.348, "B": 2085.0, "beta": 0.366}
    return base if name == "chinchilla" else {**base, "k": 0.6}


def simulated() -> list[list[Any]]:
    rows = []
    for name in ("chinchilla", "skaling"):
        law = bs.laws.get(name)
        for words, nu in NOISE.items():
            seen: dict[str, list[Structure]] = {fitted: [] for fitted in ("chinchilla", "skaling")}
            for i in range(DATA_SETS):
                rng = np.random.default_rng([7, i])
                x = design(rng)
                z = rng.standard_t(nu, RUNS) if nu else rng.standard_normal(RUNS)
                loss = law.loss(x, truth(name)) * np.exp(0.01 * z)
                runs = read_quietly({**x, "loss": loss})
                for fitted in seen:
                    seen[fitted].append(found(fitted, runs)[0])
            for fitted, each in seen.items():
                rows.append(
                    [
                        name,
                        words,
                        fitted,
                        f"{np.mean([s.p < 0.05 for s in each]):.1%}",
                        f"{np.mean([s.found for s in each]):.1%}",
                    ]
                )
    return rows


def public() -> tuple[list[list[Any]], list[list[Any]]]:
    """By family and law, the share of splits flagged; and how flagged fits extrapolate."""
    flags: dict[str, dict[str, list[bool]]] = {}
    errors: dict[tuple[str, bool], list[float]] = {}
    for split in splits(FAMILIES | HELD_OUT):
        for law in LAWS:
            seen, fit = found(law, split.small)
            at = {"N": split.large["N"], "D": split.large["D"]}
            off = np.log(split.large.loss) - np.log(fit.loss(at))
            flags.setdefault(split.family, {}).setdefault(law, []).append(seen.found)
            errors.setdefault((law, seen.found), []).append(float(np.sqrt(np.mean(off**2))))
    by_family = [
        [family, *(f"{sum(own[law])} of {len(own[law])}" for law in LAWS)]
        for family, own in flags.items()
    ]
    ahead = [
        [law, "structure" if flag else "none", len(each), f"{np.median(each):.4f}"]
        for (law, flag), each in sorted(errors.items())
    ]
    return by_family, ahead


def main() -> None:
    if not DATA.is_dir():
        sys.exit("The public runs are not there: put shared/ beside the checkout.")
    warnings.simplefilter("ignore", bs.BayescaleWarning)
    started = time.perf_counter()
    rows = simulated()
    by_family, ahead = public()
    text = [
        "# Structure in the residuals of a law",
        "",
        "Written by `benchmarks/misfit/run.py`; what is looked for is in "
        f"`bayescale/inference/structure.py`. {common.machine()}; "
        f"{time.perf_counter() - started:.0f} s.",
        "",
        f"Simulated, {DATA_SETS} data sets of {RUNS} runs each:",
        "",
        common.markdown(
            ("simulated from", "noise", "fitted", "p below 0.05", "structure said to be found"),
            rows,
        ),
        "Public series, splits in which structure is found in the residuals of the fitted runs:",
        "",
        common.markdown(("family", *LAWS), by_family),
        "The same splits, error on the runs beyond (RMSLE of the point fit):",
        "",
        common.markdown(("law", "in its residuals", "splits", "median RMSLE beyond"), ahead),
    ]
    (HERE / "table.md").write_text("\n".join(text).rstrip() + "\n", encoding="utf-8")
    print("\n".join(text))


if __name__ == "__main__":
    main()
