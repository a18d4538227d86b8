"""The evidence, held to what it promises.

    python benchmarks/evidence/run.py                   # everything, into table.md and table.csv
    python benchmarks/evidence/run.py exact --repeat 5  # one part

Parts: ``exact`` (evidence known, 2, 5 and 10 parameters), ``chinchilla`` (the Chinchilla points
against a long run of another estimator), ``overtraining`` (data with and without the term),
``weak`` (ten runs that cannot tell), ``calibration`` (is the standard error honest?). ``table``
writes the tables from the rows that are there. The median cost of an estimate stands below them.
"""

from __future__ import annotations

import argparse
import csv
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
from scipy import special

import bayescale as bs
from bayescale.evidence.bridge import bridge
from bayescale.evidence.importance import Mixture, log_weights_of
from bayescale.evidence.marginal import marginal
from bayescale.evidence.maxima import maxima, modes
from bayescale.evidence.target import Problem
from bayescale.evidence.target import problem as problem_of
from bayescale.fitting import build_model

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE)]
import exact  # noqa: E402
from common import (  # noqa: E402
    Points,
    chinchilla_points,
    in_words,
    machine,
    markdown,
    versions,
    write_csv,
)

HEADER = ["part", "problem", "repetition", "truth", "bridge", "bridge_se", "normal", "normal_se",
          "importance", "importance_se", "pareto_k", "laplace", "refused", "seconds"]  # fmt: skip
D_ONLY = "irreducible + power(N) + power(D)*overtraining(D)"
PAIR = ("chinchilla", D_ONLY)
REPEAT = {"exact": 20, "chinchilla": 20, "overtraining": 20, "weak": 20, "calibration": 50}
ROUNDS, BATCH = (2, 2, 10), 20_000
"""Batches of points in each round of the reference, and their size."""


type Row = list[object]


_warm: set[tuple[str, str]] = set()


def measured(part: str, name: str, number: int, truth: float, fit: bs.Fit) -> Row:
    """Both estimators of one fit, the bridge without folding beside them, and the time."""
    if (part, name) not in _warm:  # what the first call compiles is not the cost of an estimate
        marginal(fit, number)
        _warm.add((part, name))
    started = time.perf_counter()
    found = marginal(fit, number).evidence
    seconds = time.perf_counter() - started
    known = problem_of(fit)
    normal = bridge(known.draws, known.log_density, known.target, np.random.default_rng(number))
    refused = " ".join(found.refusals)
    return [
        part, name, number, truth, found.log_evidence, found.se, normal.log_evidence, normal.se,
        found.check.log_evidence, found.check.se, found.check.pareto_k, found.laplace, refused,
        seconds,
    ]  # fmt: skip


def run_exact(repeat: int) -> list[Row]:
    """A new data set, with its own exact evidence, in every repetition."""
    rows = []
    for d in (2, 5, 10):
        for i in range(repeat):
            runs, truth = exact.problem(d, i)
            fit = bs.fit(exact.law(d), runs, noise="normal", seed=i, progress=False)
            rows.append(measured("exact", f"{d} parameters", i, truth, fit))
    return rows


def reference(law: str, runs: bs.Runs, noise: str = "student_t") -> tuple[float, float]:
    """The evidence by long adaptive importance sampling that no chain enters; its standard error.

    The first proposal is laid over draws of the Laplace approximation at every maximum, found from
    the prior; the second and the third over what the one before it weighed. A twentieth of the
    points are always of the prior. The last has 200,000 points.
    """
    model = build_model(law, noise)
    known = Problem(model, model.data(runs), np.empty(0), np.empty(0))
    found = maxima(known)
    shares = special.softmax([a.log_evidence for a in found])
    rng = np.random.default_rng(12345)
    which = rng.choice(len(found), 4000, p=shares)
    draws = np.concatenate([found[i].draws(int(np.sum(which == i)), rng) for i in set(which)])
    for batches in ROUNDS:
        mixture = Mixture.over(draws[None], modes(found))
        parts, log_w = [], np.empty(0)
        for _ in range(batches):
            points = mixture.points(BATCH, known.prior_draws(BATCH, rng), rng)
            log_w = np.append(log_w, log_weights_of(mixture, points, known.target(points)))
            parts.append(points)
        w = np.exp(log_w - log_w.max())
        draws = np.concatenate(parts)[rng.choice(len(w), 4000, p=w / w.sum())]
    return (
        float(np.log(w.mean()) + log_w.max()),
        float(np.std(w) / w.mean() / np.sqrt(len(w))),
    )


def chinchilla_runs() -> bs.Runs:
    """The 240 points, or their stand-in."""
    points: Points = chinchilla_points().kept()
    return bs.read_runs({"N": points.N, "D": points.D, "loss": points.loss})


def run_chinchilla(repeat: int) -> list[Row]:
    """Fits with other seeds to the same points."""
    runs, rows = chinchilla_runs(), []
    for law in ("chinchilla", "skaling", D_ONLY):
        truth, se = reference(law, runs)
        print(f"{law}: reference {truth:.4f} ({se:.4f})", flush=True)
        for i in range(repeat):
            fit = bs.fit(law, runs, seed=i, progress=False)
            rows.append(measured("chinchilla", law, i, truth, fit))
    return rows


def simulated(strength: float, seed: int) -> bs.Runs:
    """240 runs of the Chinchilla design with an over-training term of a given strength."""
    points = chinchilla_points().kept()
    at = {"N": points.N, "D": points.D}
    values = bs.laws.get("chinchilla").preset("besiroglu2024")
    law = bs.laws.get(D_ONLY)
    loss = law.loss(at, {**values, "rho": strength, "k_D": 0.02})
    noise = 0.0045 * np.random.default_rng([7, seed]).standard_t(4.0, len(loss))
    return bs.read_runs({**at, "loss": loss * np.exp(noise)})


def run_overtraining(repeat: int) -> list[Row]:
    """Data sets with a true term (rho 0.5) and without: the sign of the log Bayes factor."""
    rows = []
    for name, strength in (("with the term", 0.5), ("without the term", 0.0)):
        for i in range(repeat):
            runs = simulated(strength, i)
            for law in PAIR:
                truth, _ = reference(law, runs)
                fit = bs.fit(law, runs, seed=i, progress=False)
                rows.append(measured("overtraining", f"{name}: {law}", i, truth, fit))
    return rows


def run_weak(repeat: int) -> list[Row]:
    """Ten runs at nearly one ratio, exponents at the edge of uniform priors: not to be answered."""
    law, rows = bs.laws.get("chinchilla"), []
    edge = {"alpha": bs.prior.Uniform(0.05, 0.2), "beta": bs.prior.Uniform(0.05, 0.2)}
    c = np.geomspace(1e20, 1e21, 10)
    n = np.sqrt(c / 120) * np.resize([0.9, 1.1], 10)
    at = {"N": n, "D": c / 6 / n}
    for i in range(repeat):
        rng = np.random.default_rng([3, i])
        loss = law.loss(at, law.preset("besiroglu2024")) * np.exp(0.004 * rng.standard_normal(10))
        runs = bs.read_runs({**at, "loss": loss})
        for name in ("chinchilla", "skaling"):
            fit = bs.fit(name, runs, priors=edge, seed=i, progress=False)
            rows.append(measured("weak", name, i, float("nan"), fit))
    return rows


def run_calibration(repeat: int) -> list[Row]:
    """Fifty fits of each law with other seeds: is the spread what the standard error says?"""
    runs, rows = chinchilla_runs(), []
    for law in ("chinchilla", "skaling"):
        for i in range(repeat):
            fit = bs.fit(law, runs, seed=1000 + i, progress=False)
            rows.append(measured("calibration", law, 1000 + i, float("nan"), fit))
    return rows


PARTS: dict[str, Callable[[int], list[Row]]] = {
    "exact": run_exact,
    "chinchilla": run_chinchilla,
    "overtraining": run_overtraining,
    "weak": run_weak,
    "calibration": run_calibration,
}

ESTIMATORS = ("bridge", "normal", "importance")


def tables(path: Path) -> str:
    """The tables in Markdown, from the rows that were written."""
    with path.open() as file:
        rows = list(csv.DictReader(file))
    out = ["# Evidence: errors, calibration, refusals", ""]
    out.append(
        "Errors in nats. *bridge* is what is reported: bridge sampling with folding (warp-3), "
        "cross-fitted; *normal* the same without folding; *importance* the independent check. In "
        "brackets the mean reported standard error over the spread of the errors. Every fit is the "
        "package's default (4 chains of 1000 draws). Computed by "
        "`python benchmarks/evidence/run.py` on "
        f"{machine()}, shared with other work; "
        f"{in_words(versions('bayescale', 'jax', 'numpyro', 'numpy'))}."
    )
    out += ["", "## Where the truth is known, or good to a few thousandths", ""]
    header = ["problem", "repetitions", *(f"{e}: rmse" for e in ESTIMATORS),
              *(f"{e}: largest" for e in ESTIMATORS[:1]), "laplace: rmse", "refused"]  # fmt: skip
    body = []
    for part in ("exact", "chinchilla", "overtraining"):
        for name in unique(rows, part):
            own = select(rows, part, name)
            truth = column(own, "truth")
            cells: list[object] = [f"{part}, {name}", len(own)]
            for e in ESTIMATORS:
                error = column(own, e) - truth
                ratio = np.mean(column(own, f"{e}_se")) / np.std(error)
                cells.append(f"{rms(error):.4f} ({ratio:.2f})")
            cells.append(f"{np.max(np.abs(column(own, 'bridge') - truth)):.4f}")
            cells.append(f"{rms(column(own, 'laplace') - truth):.3f}")
            cells.append(sum(bool(r["refused"]) for r in own))
            body.append(cells)
    out += [markdown(header, body), *bayes_factors(rows), *weak(rows), *calibration(rows)]
    seconds = column(rows, "seconds")
    out += [
        "## Cost",
        "",
        f"Both estimators and the Laplace value together, after sampling: median "
        f"{np.median(seconds):.2f} s, nine in ten within {np.quantile(seconds, 0.9):.2f} s, over "
        f"{len(rows)} fits. Wall time: a machine that stops the process for others counts.",
        "",
    ]
    return "\n".join(out)


def bayes_factors(rows: list[dict[str, str]]) -> list[str]:
    """The sign and error of the log Bayes factor with and without a true over-training term."""
    body = []
    for name in ("with the term", "without the term"):
        pairs = [select(rows, "overtraining", f"{name}: {law}") for law in PAIR]
        if not pairs[0]:
            continue
        usable = np.array([not (a["refused"] or b["refused"]) for a, b in zip(*pairs, strict=True)])
        said = column(pairs[1], "bridge") - column(pairs[0], "bridge")
        truth = column(pairs[1], "truth") - column(pairs[0], "truth")
        wanted = np.sign(said) == (1 if name == "with the term" else -1)
        body.append(
            [
                name,
                len(said),
                int(usable.sum()),
                int(np.sum(wanted)),
                int(np.sum(np.sign(said) == np.sign(truth))),
                f"{np.min(said):.2f} to {np.max(said):.2f}",
                f"{rms(said - truth):.4f}",
            ]
        )
    header = ["data", "repetitions", "not refused", "in favour of the truth",
              "sign of the reference", "log Bayes factor of the term", "rmse"]  # fmt: skip
    return ["## A true over-training term, and none", "", markdown(header, body)] if body else []


def weak(rows: list[dict[str, str]]) -> list[str]:
    """How often ten runs that cannot tell are refused."""
    body = []
    for name in unique(rows, "weak"):
        own = select(rows, "weak", name)
        reasons = [r["refused"] for r in own]
        body.append(
            [
                name,
                len(own),
                sum(bool(r) for r in reasons),
                sum("prior-dominated" in r for r in reasons),
                sum("not converged" in r for r in reasons),
                sum("Pareto k" in r for r in reasons),
            ]
        )
    header = ["law", "repetitions", "refused", "left to the priors", "not converged", "Pareto k"]
    title = "## Ten runs, exponents at the edge of uniform priors: not to be answered"
    return [title, "", markdown(header, body)] if body else []


def calibration(rows: list[dict[str, str]]) -> list[str]:
    """Reported standard error over spread."""
    body = []
    for name in unique(rows, "calibration"):
        own = select(rows, "calibration", name)
        cells: list[object] = [name, len(own)]
        for e in ESTIMATORS:
            spread = np.std(column(own, e), ddof=1)
            ratio = np.mean(column(own, f"{e}_se")) / spread
            cells.append(f"{spread:.4f}; {ratio:.2f}")
        body.append(cells)
    header = ["law", "fits", *(f"{e}: spread; se / spread" for e in ESTIMATORS)]
    return ["## Is the standard error honest?", "", markdown(header, body)] if body else []


def unique(rows: list[dict[str, str]], part: str) -> list[str]:
    return list(dict.fromkeys(r["problem"] for r in rows if r["part"] == part))


def select(rows: list[dict[str, str]], part: str, name: str) -> list[dict[str, str]]:
    return [r for r in rows if r["part"] == part and r["problem"] == name]


def column(rows: list[dict[str, str]], name: str) -> np.ndarray:
    return np.array([float(r[name]) for r in rows])


def rms(values: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(values))))


def main() -> None:
    """Run the parts; every part replaces its own rows."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=", ".join([*PARTS, "table"]))
    parser.add_argument("--repeat", type=int, help="repetitions, in place of each part's own")
    parser.add_argument("--out", type=Path, default=HERE)
    options = parser.parse_args()
    if unknown := set(options.parts) - {*PARTS, "table"}:
        parser.error(f"there is no part {min(unknown)}")
    warnings.simplefilter("ignore", bs.BayescaleWarning)
    path = options.out / "table.csv"
    for part in options.parts or PARTS:
        if part == "table":
            continue
        started = time.perf_counter()
        rows = PARTS[part](options.repeat or REPEAT[part])
        kept: list[Row] = []
        if path.is_file():
            with path.open() as file:
                kept = [r for r in list(csv.reader(file))[1:] if r[0] != part]
        write_csv(path, HEADER, [*kept, *rows])
        print(f"{part}: {len(rows)} fits in {time.perf_counter() - started:.0f} s", flush=True)
    (options.out / "table.md").write_text(tables(path))


if __name__ == "__main__":
    main()
