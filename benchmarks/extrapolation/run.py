"""Forward splits of public series: are the bands honest beyond the data?

    python benchmarks/extrapolation/run.py [--out DIR] [--families llama3,olmo] [--rule trained]
        [--seed 1] [--forward]

Every split fits the small runs of a series under four laws, and one of them with a process beside
it, and forecasts the large ones. The scale
of the discrepancy is learned from the other families by maximum predictive density; the shipped
numbers (``bayescale/discrepancy/learned.py``) are those learned from all. Finished fits stay in
``DIR/fits``: a run that was killed goes on where it stopped. Writes ``table.md``, ``families.csv``
and ``learned.csv`` beside this file (or, for some families only, into DIR). With ``--rule trained``
the runs with fewer tokens than parameters are left out before splitting, and the files are
``table.trained.md`` and so on: a rule on inputs alone, but one that was thought of after the first
table had been seen. With ``--seed`` all fits have another seed (``table.seed1.md`` and so on); with
``--forward`` the mixtures by stacking on pseudo-extrapolation, which need two more fits of every
law to every split, are scored too (``table.forward.md``).
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from loky import ProcessPoolExecutor
from scipy import special

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import baselines
import common
from series import FAMILIES, HELD_OUT, Split, splits

import bayescale as bs
from bayescale.backtesting.mixtures import stacked, weights
from bayescale.backtesting.reduction import ahead
from bayescale.backtesting.scores import PROBS, SUMMARIES, score, summary
from bayescale.backtesting.splits import Part, within
from bayescale.discrepancy import Discrepancy, Exact, Process, Slope, Surface, get
from bayescale.evidence.mixture import several
from bayescale.fitting import build_model
from bayescale.inference.runtime import processors
from bayescale.noise import Normal, StudentT
from bayescale.predictive import REPLICATES, Predictive
from bayescale.prior import LogNormal

HERE = Path(__file__).resolve().parent
LAWS = ("chinchilla", "skaling", "kaplan_floor", "subscaling")
PROCESS = "skaling:matern"
MODELS = (*LAWS, PROCESS)
MIXED = ("equal", "evidence", "half")
FIVE = tuple(f"{name} with {PROCESS}" for name in MIXED)
"""The mixtures of the four laws, and of those and the fifth model."""

STACKED = {"forward": LAWS, f"forward with {PROCESS}": MODELS}
"""The mixtures by stacking, which ``--forward`` adds, and their laws."""

METHODS = (*MODELS, *MIXED, *FIVE)
MEDIANS = (0.002, 0.003, 0.0045, 0.006, 0.008, 0.011, 0.015, 0.02)
SDS = (0.4, 0.6, 0.8, 1.0)
"""The grid over which the prior of the scale is learned."""

TAU = np.concatenate([[0.0], np.geomspace(0.001, 0.06, 14)])
THIN = 4
"""Of the kept draws, every fourth is used to learn the scale; all of them to score."""

DEFAULT = f"half with {PROCESS}, slope"
"""The method whose means are told without each family, too."""

DRAWS = 500
"""Of each chain."""

KEPT = 500
"""Draws in all that the scores are made of, evenly spaced."""

OF_LOG = "elpd of ln loss"
SCORES = (*SUMMARIES, OF_LOG)
RULES = {"all": "", "trained": ".trained"}
"""Which runs, and what the names of the tables end with."""

type Kept = dict[str, dict[str, Any]]
"""What is kept of the fits of one split, by law."""

type Weights = dict[str, dict[str, dict[str, float]]]
"""Weight of each law, by method and split."""


def inner(part: Split) -> list[Split]:
    """The splits inside the fitted runs that :func:`bayescale.backtest` stacks on."""
    own = Part(part.series, part.name, part.small, part.large)
    return [
        Split(
            part.family, f"{part.name} within", float(each.small["C"].max()), each.small, each.large
        )
        for each in within(own)
    ]


def task(law: str, part: Split, evidence: bool) -> bs.Task:
    """One fit. The slope beyond the data of the process is left out: it is learned, as for all."""
    given = {"targets": part.large, "evidence": evidence}
    if law != PROCESS:
        return bs.Task(law, part.small, given=given)
    name, _ = PROCESS.split(":")
    process = get("matern").resolved(bs.laws.get(name))
    assert isinstance(process, Surface)
    flat = replace(process, tau=LogNormal(1e-9, 0.1))
    return bs.Task(name, part.small, noise="normal", discrepancy=flat, given=given)


def fits(
    parts: list[Split], folder: Path, workers: int | None, seed: int, evidence: bool = True
) -> dict[str, Kept]:
    """The fits of every split, made where they are not there yet."""
    folder.mkdir(parents=True, exist_ok=True)
    missing = {
        f"{part.name}|{law}": task(law, part, evidence)
        for law in MODELS
        for part in parts
        if not _place(folder, part, law).is_file()
    }
    if missing:
        many = bs.fit_many(
            missing,
            reduce=ahead,
            folder=folder / "study",
            draws=DRAWS,
            workers=workers,
            seed=seed,
        )
        for part in parts:
            for law in MODELS:
                if f"{part.name}|{law}" in many:
                    _keep(_place(folder, part, law), many[f"{part.name}|{law}"])
    return {
        part.name: {
            law: _read(_place(folder, part, law))
            for law in MODELS
            if _place(folder, part, law).is_file()
        }
        for part in parts
    }


def _place(folder: Path, part: Split, law: str) -> Path:
    name = part.name.replace("/", "-").replace(" ", "_")
    return folder / f"{name}.{law.replace(':', '-')}.npz"


def _keep(place: Path, reduced: Mapping[str, Any]) -> None:
    log_law = np.asarray(reduced["log_law"], np.float32)
    some = np.linspace(0, len(log_law) - 1, min(KEPT, len(log_law))).astype(int)
    numbers = {f"noise_{name}": values[some] for name, values in reduced["noise"].items()}
    if "leaves" in reduced:
        numbers["leaves"] = np.asarray(reduced["leaves"], np.float32)[some]
    evidence = np.nan if reduced["refusals"] else reduced["log_evidence"]
    np.savez_compressed(place, log_law=log_law[some], log_evidence=evidence, **numbers)


def _read(place: Path) -> dict[str, Any]:
    with np.load(place) as file:
        return {
            "log_law": file["log_law"].astype(float),
            "log_evidence": float(file["log_evidence"]),
            "noise": {n.removeprefix("noise_"): file[n] for n in file if n.startswith("noise_")},
            "leaves": file["leaves"].astype(float) if "leaves" in file else None,
        }


def predictive(part: Split, kept: Mapping[str, Any], discrepancy: Discrepancy) -> Predictive:
    """The predictive distribution that :func:`bayescale.forecast` makes."""
    frontier = {name: float(part.small[name].max()) for name in ("N", "D", "C")}
    points = {name: part.large[name] for name in frontier}
    shape = (REPLICATES, len(kept["log_law"]))
    slopes = discrepancy.slopes(shape, np.random.default_rng([0, 1]))
    distance = discrepancy.distance(points, frontier)
    noise, log_law = StudentT() if "nu" in kept["noise"] else Normal(), kept["log_law"]
    if kept["leaves"] is not None:  # the process, draw by draw; the slope comes on top
        z = Process.named("matern").slopes((len(log_law), 1), np.random.default_rng([0, 2]))
        log_law = log_law + z * kept["leaves"]
    return Predictive(noise, log_law, kept["noise"], slopes, distance, 0)


# --- the scale of the discrepancy ---------------------------------------------------------------


def density_by_scale(part: Split, kept: Mapping[str, Any]) -> np.ndarray:
    """Predictive density of the targets for every scale of :data:`TAU`, z integrated out."""
    exact = predictive(part, kept, Slope(LogNormal(0.01, 0.5)))
    z, w = np.polynomial.hermite_e.hermegauss(9)
    w = w / w.sum()
    residual = np.log(part.large.loss) - exact.log_law[::THIN]
    sigma = exact.noise_draws["sigma"][::THIN, None]
    nu = exact.noise_draws.get("nu", np.full(len(exact.log_law), 1e6))[::THIN, None]  # or normal
    constant = (
        special.gammaln((nu + 1) / 2)
        - special.gammaln(nu / 2)
        - 0.5 * np.log(nu * np.pi)
        - np.log(sigma)
    )
    out = np.zeros((len(TAU), len(part.large)))
    for i, tau in enumerate(TAU):
        for slope, mass in zip(tau * z, w, strict=True):
            q = (residual - slope * exact.distance) / sigma
            out[i] += mass * np.exp(constant - 0.5 * (nu + 1) * np.log1p(q**2 / nu)).mean(axis=0)
    return out / part.large.loss


def mass_of(median: float, sd: float) -> np.ndarray:
    """A log-normal over the grid of scales."""
    mass = np.exp(-0.5 * (np.log(TAU[1:] / median) / sd) ** 2)
    return np.concatenate([[0.0], mass / mass.sum()])


def learn(density: Mapping[str, np.ndarray], parts: list[Split]) -> LogNormal:
    """The prior of tau under which the targets are most probable, families weighted alike."""

    def objective(median: float, sd: float) -> float:
        mass = mass_of(median, sd)
        by_family: dict[str, list[float]] = {}
        for part in parts:
            each = np.log(mass @ density[part.name] + 1e-300)
            by_family.setdefault(part.family, []).append(float(each.mean()))
        return float(np.mean([np.mean(v) for v in by_family.values()]))

    return LogNormal(*max(((m, s) for m in MEDIANS for s in SDS), key=lambda ms: objective(*ms)))


# --- methods and their scores -------------------------------------------------------------------


def weights_of(method: str, kept: Kept) -> dict[str, float]:
    """Weight of each law in a method: a law's name, or a mixture's that looks at evidence alone."""
    if method in MODELS:
        return {method: 1.0}
    members = MODELS if method in FIVE else LAWS
    method = method.split()[0]
    evidence = {law: kept[law]["log_evidence"] for law in members}
    if method != "equal" and not np.all(np.isfinite(list(evidence.values()))):
        evidence = {law: v for law, v in evidence.items() if np.isfinite(v)}
    return weights(method, evidence)


def forward(
    laws: tuple[str, ...], pseudo: list[tuple[Split, Kept]], slopes: Mapping[str, Slope]
) -> dict[str, float]:
    """Weight of each law by stacking on the splits inside the fitted runs, each with its own slope.

    Equal ones where the fitted runs cannot be split again.
    """
    if not pseudo:
        return dict.fromkeys(laws, 1.0 / len(laws))
    log_density = {
        law: np.concatenate(
            [
                predictive(each, kept[law], slopes[law]).log_density(each.large.loss)
                for each, kept in pseudo
            ]
        )
        for law in laws
    }
    return stacked(log_density)[0]


def shipped(own: Mapping[str, float]) -> dict[str, Slope]:
    """The slope of each law of a mixture as :func:`bayescale.backtest` has it, learned from all."""
    laws = {name: bs.laws.get(name) for name in own}
    share = several(own, laws)
    found = {}
    for name, law in laws.items():
        beyond = build_model(law).discrepancy.mixed(share)
        assert isinstance(beyond, Slope | Surface)
        found[name] = Slope(beyond.tau, "as it ships")
    return found


def scored(
    part: Split, kept: Kept, own: Mapping[str, float], beyond: Callable[[str], Discrepancy]
) -> dict[str, float]:
    """Scores of one method, by the weights of its laws, on one split."""
    laws = {law: predictive(part, kept[law], beyond(law)) for law in own}
    return _both(summary(score(laws, own, part.large.loss)), part)


def _both(scores: Mapping[str, float], part: Split) -> dict[str, float]:
    """The scores with the mean log density of the log of the loss, elpd + mean ln(loss), added."""
    return {**scores, OF_LOG: scores["elpd"] + float(np.mean(np.log(part.large.loss)))}


def point_fits(part: Split) -> dict[str, dict[str, float]]:
    """Scores of the published point fit with its bootstraps; densities by a normal."""
    rng = np.random.default_rng(0)
    small, large = (
        {name: runs[name] for name in ("N", "D", "loss")} for runs in (part.small, part.large)
    )
    draws, residuals = baselines.bootstrap(small, large, rng)
    found = {}
    noisy = draws[:, None, :] + rng.choice(residuals, (len(draws), 20, draws.shape[1]))
    for name, values in (
        ("Huber point fit, parameter bootstrap", draws),
        ("Huber point fit, parameter bootstrap, residuals", noisy.reshape(-1, draws.shape[1])),
    ):
        log_seen = np.log(part.large.loss)
        middle, sd = np.median(values, axis=0), np.maximum(values.std(axis=0), 1e-6)
        pit = (values < log_seen).mean(axis=0)
        low, high = np.quantile(values, [0.05, 0.95], axis=0)
        normal = -0.5 * ((log_seen - middle) / sd) ** 2 - np.log(sd * np.sqrt(2 * np.pi))
        scores = {
            "rmsle": float(np.sqrt(np.mean((middle - log_seen) ** 2))),
            "elpd": float(np.mean(np.maximum(normal, -50.0) - log_seen)),
            "crps": np.nan,
            **{f"cover{100 * p:.0f}": float(np.mean(np.abs(pit - 0.5) <= p / 2)) for p in PROBS},
            "width90": float(np.exp(np.mean(np.log(np.maximum(high - low, 1e-6))))),
        }
        found[name] = _both(scores, part)
    return found


def mean_over_families(rows: list[tuple[str, dict[str, float]]]) -> dict[str, tuple[float, float]]:
    """Mean over families of the mean over splits, and its standard error; widths geometric."""
    out = {}
    for name in SCORES:
        by_family: dict[str, list[float]] = {}
        for family, scores in rows:
            value = np.log(scores[name]) if name == "width90" else scores[name]
            by_family.setdefault(family, []).append(float(value))
        each = np.array([np.mean(v) for v in by_family.values()])
        se = float(each.std(ddof=1) / np.sqrt(len(each))) if len(each) > 1 else float("nan")
        mean = float(each.mean())
        out[name] = (
            (float(np.exp(mean)), float(np.exp(mean)) * se) if name == "width90" else (mean, se)
        )
    return out


def means(rows: list[tuple[str, dict[str, float]]]) -> list[str]:
    """The means over families, as a table shows them."""
    mean = mean_over_families(rows)
    cover = "/".join(f"{mean[f'cover{100 * p:.0f}'][0]:.2f}"[1:] for p in PROBS)
    return [
        cover.replace(".00", "1.0"),
        f"{mean['cover90'][1]:.2f}",
        f"{mean['width90'][0]:.4f}",
        *(f"{mean[name][0]:.2f} ({mean[name][1]:.2f})" for name in ("elpd", OF_LOG)),
        f"{mean['rmsle'][0]:.4f} ({mean['rmsle'][1]:.4f})",
    ]


def main() -> None:
    """Fit, learn, score, write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--out", type=Path, default=common.ROOT / "build" / "extrapolation")
    parser.add_argument("--families", default="")
    parser.add_argument("--rule", choices=RULES, default="all")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--forward", action="store_true", help="mixtures by stacking, too")
    parser.add_argument("--workers", type=int, help="processes (default: one a core)")
    options = parser.parse_args()
    started = time.perf_counter()
    chosen = options.families.split(",") if options.families else [*FAMILIES, *HELD_OUT]
    trained = options.rule == "trained"
    parts = splits({name: (FAMILIES | HELD_OUT)[name] for name in chosen}, trained)
    folder = options.out / ("fits" if options.seed == 0 else f"fits.seed{options.seed}")
    kept = fits(parts, folder, options.workers, options.seed)
    parts = [part for part in parts if len(kept[part.name]) == len(MODELS)]
    learning = [part for part in parts if part.family in FAMILIES]
    by_law = {
        part.name: {law: density_by_scale(part, own) for law, own in kept[part.name].items()}
        for part in parts
    }
    own_weights: Weights = {}
    learned: dict[tuple[str, str], LogNormal] = {}

    def add(method: str, of: Callable[[Split], dict[str, float]]) -> None:
        """The weights of a method, and the scales that it learns with each family left out."""
        own_weights[method] = {part.name: of(part) for part in parts}
        learned.update(scales(method, own_weights[method], by_law, parts, learning))

    for method in METHODS:
        add(method, lambda part, m=method: weights_of(m, kept[part.name]))
    if options.forward:
        pseudo = {part.name: inner(part) for part in parts}
        again = [each for several in pseudo.values() for each in several]
        inside = fits(again, folder / "within", options.workers, options.seed, evidence=False)
        for method, laws in STACKED.items():

            def by_stacking(part: Split, laws: tuple[str, ...] = laws) -> dict[str, float]:
                slopes = {law: Slope(learned[law, part.family], "the others") for law in laws}
                own = [(each, inside[each.name]) for each in pseudo[part.name]]
                own = [(each, kept) for each, kept in own if set(laws) <= set(kept)]
                return forward(laws, own, slopes)

            add(method, by_stacking)

    rows: dict[str, list[tuple[str, dict[str, float]]]] = {}
    with ProcessPoolExecutor(options.workers or processors()) as pool:
        every = pool.map(
            scores_of,
            parts,
            [kept[part.name] for part in parts],
            [{m: by_part[part.name] for m, by_part in own_weights.items()} for part in parts],
            [{m: learned[m, part.family] for m in own_weights} for part in parts],
        )
        for part, own in zip(parts, every, strict=True):
            for name, found in own.items():
                rows.setdefault(name, []).append((part.family, found))
    where = HERE if not options.families else options.out
    title, suffix = "", RULES[options.rule]
    if options.rule == "trained":
        title += ", without runs of fewer tokens than parameters"
    if options.seed:
        title, suffix = f"{title}, seed {options.seed}", f"{suffix}.seed{options.seed}"
    if options.forward:
        title, suffix = f"{title}, with stacking", f"{suffix}.forward"
    write(where, rows, learned, parts, time.perf_counter() - started, title, suffix)


def scores_of(
    part: Split,
    kept: Kept,
    own_weights: Mapping[str, Mapping[str, float]],
    learned: Mapping[str, LogNormal],
) -> dict[str, dict[str, float]]:
    """Scores of every method on one split: without a slope, with one learned from the others.

    The laws of a mixture have one slope, learned for the mixture; those of a stacked one each its
    own. Mixtures are scored with the slopes that the package gives them, too.
    """
    found = point_fits(part)
    for method, own in own_weights.items():
        found[f"{method}, no discrepancy"] = scored(part, kept, own, lambda _: Exact())
        alone = {law: learned[law if method in STACKED else method] for law in own}
        slopes = {law: Slope(tau, "the other families") for law, tau in alone.items()}
        found[f"{method}, slope"] = scored(part, kept, own, slopes.__getitem__)
        if method in (*MIXED, *FIVE):
            found[f"{method}, as shipped"] = scored(part, kept, own, shipped(own).__getitem__)
    return found


def scales(
    method: str,
    own_weights: Mapping[str, Mapping[str, float]],
    by_law: Mapping[str, Mapping[str, np.ndarray]],
    parts: list[Split],
    learning: list[Split],
) -> dict[tuple[str, str], LogNormal]:
    """The scale of the slope of a method, learned from all families and without each."""
    density = {
        part.name: np.sum(
            [w * by_law[part.name][law] for law, w in own_weights[part.name].items()], axis=0
        )
        for part in parts
    }
    found = {(method, ""): learn(density, learning)}
    for family in dict.fromkeys(part.family for part in parts):
        others = [part for part in learning if part.family != family]
        found[method, family] = learn(density, others) if others else LogNormal(0.01, 0.6)
    return found


def write(
    where: Path,
    rows: dict[str, list[tuple[str, dict[str, float]]]],
    learned: dict[tuple[str, str], LogNormal],
    parts: list[Split],
    seconds: float,
    title: str,
    suffix: str,
) -> None:
    """The tables."""
    columns = [
        *("cover 50/80/90/95", "se at 90", "width 90"),
        *("log density of loss", "log density of ln loss", "RMSLE"),
    ]
    tables = []
    for families in (tuple(FAMILIES), tuple(HELD_OUT)):
        lines = []
        for method, found in rows.items():
            own = [(family, scores) for family, scores in found if family in families]
            if own:
                lines.append([method, *means(own)])
        tables.append(common.markdown(["method", *columns], lines) if lines else "None.\n")
    known = [(family, scores) for family, scores in rows[DEFAULT] if family in FAMILIES]
    without = [
        [left_out, *means([(family, scores) for family, scores in known if family != left_out])]
        for left_out in dict.fromkeys(family for family, _ in known)
    ]
    inside = [part for part in parts if part.family in FAMILIES]
    outside = [part for part in parts if part.family in HELD_OUT]
    text = (
        f"# Forward splits of public series{title}\n\n"
        f"{len(inside)} splits of {len({p.series for p in inside})} series of "
        f"{len({p.family for p in inside})} families; means over families of means over splits, "
        "standard errors over families in brackets; the scale of the discrepancy is learned from "
        "the other families, for a mixture one for all its laws. `as shipped` are the scales that "
        f"the package gives the laws of a mixture, learned from all families.\n\n{tables[0]}\n"
        f"How far one family carries the means of `{DEFAULT}`: those over the others.\n\n"
        f"{common.markdown(['without', *columns], without)}\n"
        f"The family that no choice was made with, {len(outside)} splits of "
        f"{len({p.series for p in outside})} series:\n\n{tables[1]}\n"
        f"The learning and scoring took {seconds:.0f} s (fits that were there were not made "
        "again).\n"
    )
    (where / f"table{suffix}.md").write_text(text)
    common.write_csv(
        where / f"families{suffix}.csv",
        ["method", "family", *SCORES],
        [
            [method, family, *(f"{scores[name]:.6g}" for name in SCORES)]
            for method, found in rows.items()
            for family, scores in found
        ],
    )
    common.write_csv(
        where / f"learned{suffix}.csv",
        ["method", "left out", "median of tau", "sd of log tau"],
        [
            [m, family or "none", prior.median, prior.sigma]
            for (m, family), prior in learned.items()
        ],
    )
    print(text)


if __name__ == "__main__":
    main()
