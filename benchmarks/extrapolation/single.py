"""Curves of one input: are they continued well, and are the bands honest?

    python benchmarks/extrapolation/single.py [--out DIR] [--data DIR] [--seeds 3] [--workers 2]
                                              [--sets revisiting,double_descent,long] [--wiener]
    python benchmarks/extrapolation/single.py --speed

Every curve is fitted on its first part and scored on the rest, by the law ``curve`` as it ships
and by baselines. The scale of the discrepancy is learned anew for each data set from the others,
over a grid, by calibration and by mean log density. Finished fits stay in ``DIR/fits``: a run that
was killed goes on where it stopped. Writes ``single.md`` and ``single.csv`` (a row for each curve
and method) beside this file, and the pictures ``curves.png`` and ``curves-worst.png`` of
``docs/figures``. With ``--speed`` the 47 curves of the revisiting benchmark are fitted and scored
twice by the defaults, nothing is kept, and only the seconds are printed: the second time no program
is compiled.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import common
import draw_single
from curves import FORMS, least_squares

import bayescale as bs
from bayescale.backtesting.scores import PROBS
from bayescale.runs.read import read_quietly

HERE = Path(__file__).resolve().parent
FIGURES = common.ROOT / "docs" / "figures"
DATA = common.ROOT.parent / "shared" / "data"
MEDIANS = (0.015, 0.02, 0.03, 0.05, 0.07)
"""The grid over which the scale of the discrepancy is learned."""

SD = 0.3
SCORES = ("rmsle", "elpd", "cover50", "cover80", "cover90", "cover95", "width90")
DRAWS = 4000
"""Of each chain. By 1,000, the default of the verb, the error of the image curves differs by .0008
between seeds, at the same mean."""

CHECKPOINT = 1000 * 4096
"""Examples between two checkpoints of the image curves: their first, and all their distances."""

MOST = 150
"""Points of a long training curve that are kept, evenly by rank."""

LEAST = 8
"""Curves with fewer points to fit are left out."""


def data_set(curve: str) -> str:
    """The data set of a curve of the revisiting benchmark: for images, what was classified."""
    domain, task, _ = curve.split("/", 2)
    return task.split("_")[0] if domain == "IC" else domain


def revisiting() -> pd.DataFrame:
    """Alabdulmohsin et al. 2022 with the official split, and what a point is.

    The fitted points of the image curves are means of checkpoints over bins of ln x; how many
    follows from the distance to their neighbours.
    """
    table = pd.read_csv(DATA / "revisiting_benchmark.csv")
    table = table.sort_values(["curve_id", "seen_examples"]).assign(n_averaged=1.0)
    images = table[(table["domain"] == "IC") & (table["split"] == "fit")]
    for _, curve in images.groupby("curve_id"):
        x = curve["seen_examples"].to_numpy()
        middle = 0.5 * (x[1:] + x[:-1])
        edges = np.concatenate([[2 * x[0] - middle[0]], middle, [2 * x[-1] - middle[-1]]])
        table.loc[curve.index, "n_averaged"] = np.maximum(np.diff(edges) / CHECKPOINT, 1.0)
    table["set"] = table["curve_id"].map(data_set)
    return table.rename(columns={"seen_examples": "x"})


def double_descent() -> pd.DataFrame:
    """Nakkiran et al. 2020: the second half of each curve from the first."""
    table = pd.read_csv(DATA / "double_descent.csv").drop_duplicates(["curve_id", "x"])
    return halved(table).assign(set="double descent")


def long_curves() -> pd.DataFrame:
    """Loss along training: the second half of the points of each curve from the first.

    Training logs of public models (Choshen et al. 2024), as they come; the curves of Luo et al.
    2025, by whether the learning rate is constant; the OLMo ladder (Bhagia et al. 2024) on one of
    its evaluation sets. Of the last two what comes after the warm-up, at most :data:`MOST` points.
    The curves inside the package are left out: 10 to 14 of their 24 points come after the warm-up.
    """
    logs = pd.read_csv(DATA / "hitchhiker_curves.csv").rename(columns={"d_tokens": "x"})
    logs = logs[logs["loss_scale"] == "nats_per_token"]
    logs = (
        logs.groupby(["curve_id", "x"], as_index=False)["loss"].mean().assign(set="training logs")
    )
    powers = pd.read_csv(DATA / "multipower_curves.csv").rename(columns={"steps": "x"})
    constant = powers["schedule"].str.startswith("constant_")
    powers["set"] = np.where(constant, "constant rate", "changing rate")
    ladder = pd.read_csv(DATA / "olmo_ladder_curves.csv")
    ladder = ladder[ladder["eval_set"] == "c4_en"].rename(
        columns={"run_id": "curve_id", "d_tokens": "x"}
    )
    parts = [logs]
    for table in (powers, ladder.assign(set="OLMo ladder")):
        for _, curve in table.sort_values("x").groupby("curve_id"):
            after = curve.iloc[int(np.argmax(curve["lr"])) :]
            some = np.linspace(0, len(after) - 1, min(MOST, len(after))).astype(int)
            parts.append(after.iloc[some])
    table = pd.concat(parts)
    sets = table.groupby("curve_id")["set"].first()
    found = halved(table)
    return found.assign(set=found["curve_id"].map(sets))


def halved(table: pd.DataFrame) -> pd.DataFrame:
    """The first half of every curve's points to fit, the others to score; of curves above zero."""
    table = table.groupby("curve_id").filter(
        lambda g: len(g) >= 2 * LEAST and (g["loss"] > 0).all()
    )
    table = table.sort_values(["curve_id", "x"])[["curve_id", "x", "loss"]]
    place = table.groupby("curve_id").cumcount()
    size = table.groupby("curve_id")["x"].transform("size")
    return table.assign(split=np.where(place < size // 2, "fit", "extrapolate"))


SETS: dict[str, Callable[[], pd.DataFrame]] = {
    "revisiting": revisiting,
    "double_descent": double_descent,
    "long": long_curves,
}


@dataclass
class Study:
    """How the backtests are made, and what became of the targets."""

    folder: Path
    workers: int
    wiener: bool = False
    targets: list[pd.DataFrame] = field(default_factory=list)
    chosen: dict[str, dict[str, float]] = field(default_factory=dict)

    def backtest(
        self, laws: Any, table: pd.DataFrame, discrepancy: str | None = None, seed: int = 0
    ) -> bs.Backtest:
        """What ``bayescale backtest`` gives for every curve."""
        keep = [n for n in ("curve_id", "x", "loss", "split", "n_averaged") if n in table]
        found = bs.backtest(
            laws,
            read_quietly(table[keep]),
            by="curve_id",
            split_column="split",
            discrepancy=discrepancy,
            seed=seed,
            draws=DRAWS,
            mixtures=("half",),
            folder=self.folder,
            workers=self.workers,
        )
        for name, why in found.failures.items():
            print(f"failed: {name}: {why}")
        if found.doubtful:
            print(f"{discrepancy or 'default'}, seed {seed}: {len(found.doubtful)} fits did not ")
            print(f"converge: {', '.join(found.doubtful)}")
        return found

    def scores(
        self,
        table: pd.DataFrame,
        discrepancy: str | None = None,
        seed: int = 0,
        drawn: str = "",
    ) -> pd.DataFrame:
        """Scores of the law ``curve``, one row for each curve; its targets are kept if drawn."""
        found = self.backtest("curve", table, discrepancy, seed)
        if drawn:
            own = found.targets.rename(columns={"group": "curve_id"})
            self.targets.append(own.assign(method=drawn))
        return by_curve(found.table())


def by_curve(table: pd.DataFrame) -> pd.DataFrame:
    """A backtest's table with a row for each curve."""
    return table.rename(columns={"group": "curve_id"}).set_index("curve_id")


def learned(
    by_median: dict[float, pd.DataFrame], sets: pd.Series, measure: Callable[[pd.DataFrame], float]
) -> dict[str, float]:
    """For each data set, the median that has the least of a measure on the others, sets alike."""
    found = {}
    for name in (*sorted(sets.unique()), "none left out"):
        others = {
            m: t[sets != name].groupby(sets[sets != name])[list(SCORES)].mean().mean()
            for m, t in by_median.items()
        }
        found[name] = min(others, key=lambda m: measure(others[m]))
    return found


def miscalibrated(scores: pd.Series) -> float:
    """Mean distance of coverage from nominal."""
    return float(np.mean([abs(scores[f"cover{100 * p:.0f}"] - p) for p in PROBS]))


def improbable(scores: pd.Series) -> float:
    """Minus the mean log density."""
    return -float(scores["elpd"])


RULES = {"calibration": miscalibrated, "log density": improbable}
"""How the scale of the discrepancy is learned. By the log density it goes to where the smooth
curves want it, and is too small for the others; what ships was chosen by calibration."""


def point_fits(table: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Scores of the published forms by least squares on log loss; densities by a normal."""
    rows: dict[str, dict[str, dict[str, float]]] = {form: {} for form in FORMS}
    for curve, points in table.groupby("curve_id"):
        fit, ahead = (points[points["split"] == part] for part in ("fit", "extrapolate"))
        for form in FORMS:
            predicted, sd = least_squares(form, fit["x"], fit["loss"], ahead["x"])
            off = np.log(ahead["loss"].to_numpy()) - predicted
            z = np.abs(off) / sd
            normal = -0.5 * z**2 - np.log(sd * np.sqrt(2 * np.pi)) - np.log(ahead["loss"])
            rows[form][str(curve)] = {
                "rmsle": float(np.sqrt(np.mean(off**2))),
                "elpd": float(normal.mean()),
                "width90": float(np.exp(2 * 1.645 * sd) - 1),
                **{
                    f"cover{100 * p:.0f}": float(np.mean(z <= c))
                    for p, c in zip(PROBS, (0.674, 1.282, 1.645, 1.960), strict=True)
                },
            }
    return {form: pd.DataFrame.from_dict(own, orient="index") for form, own in rows.items()}


def methods(name: str, table: pd.DataFrame, study: Study, seeds: int) -> dict[str, pd.DataFrame]:
    """Scores by method, one row for each curve."""
    sets = table.groupby("curve_id")["set"].first()
    found = dict(point_fits(table))
    if name == "revisiting":
        by_median = {m: study.scores(table, f"matern({m}, {SD})") for m in MEDIANS}
        for rule, measure in RULES.items():
            chosen = learned(by_median, sets, measure)
            print(f"median of wander by the {rule} of the other data sets: {chosen}")
            study.chosen[rule] = chosen
            found[f"curve, scale by the {rule} of the other data sets"] = pd.concat(
                [by_median[chosen[which]].loc[own.index] for which, own in sets.groupby(sets)]
            )
        for median in MEDIANS:
            found[f"curve, scale {median:g} for all"] = by_median[median]
        plain = table.drop(columns="n_averaged")
        found["curve, points taken as single checkpoints"] = study.scores(plain)
        if study.wiener:
            law = bs.laws.get("curve")
            both = {"matern": law, "wiener": replace(law, discrepancy="wiener")}
            mixed = study.backtest(both, table).table()
            found["curve, Wiener process"] = by_curve(mixed[mixed["law"] == "wiener"])
            found["curve, Matern and Wiener, half and half"] = by_curve(
                mixed[mixed["law"] == "mixture: half"]
            )
    law = bs.laws.get("curve")
    both = {"curve": law, "without": replace(law, discrepancy="none")}
    mixed = study.backtest(both, table).table()
    found[HALF] = by_curve(mixed[mixed["law"] == "mixture: half"])
    found[NONE] = study.scores(table, "none", drawn=NONE)
    for seed in range(1, seeds):
        found[f"curve (default), seed {seed}"] = study.scores(table, seed=seed)
    found[DEFAULT] = study.scores(table, drawn=DEFAULT)
    return found


DEFAULT = "curve (default)"
NONE = "curve, no discrepancy"
HALF = "curve with its process and without it, half and half"


def main() -> None:
    """Fit, learn, score, write."""
    global DATA
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--out", type=Path, default=common.ROOT / "build" / "single")
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--sets", default=",".join(SETS))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--wiener", action="store_true", help="the Wiener process too (slow)")
    parser.add_argument("--speed", action="store_true", help="time the defaults, and no more")
    options = parser.parse_args()
    DATA = options.data
    if options.speed:
        speed(options.workers)
        return
    started, used = time.perf_counter(), time.process_time()
    study = Study(options.out / "fits", options.workers, options.wiener)
    rows, fitted = [], []
    for name in options.sets.split(","):
        table = SETS[name]()
        sets = table.groupby("curve_id")["set"].first()
        fitted.append(table[table["split"] == "fit"])
        for method, scores in methods(name, table, study, options.seeds).items():
            own = scores[list(SCORES)].assign(set=sets, method=method)
            rows.append(own.rename_axis("curve_id").reset_index())
    curves = pd.concat(rows, ignore_index=True)
    text = report(curves)
    head = (
        f"Means over curves, with standard errors over curves, those of the differences to "
        f"`{DEFAULT}` curve by curve. Written in {time.perf_counter() - started:.0f} s "
        f"({time.process_time() - used:.0f} s of one processor) on {common.machine()} (finished "
        "fits are read).\n"
    )
    for rule, chosen in study.chosen.items():
        each = ", ".join(f"{name} {median:g}" for name, median in chosen.items())
        head += f"\nMedian of wander by the {rule} of the other data sets: {each}.\n"
    (HERE / "single.md").write_text("\n".join([head, *text]), encoding="utf-8")
    curves.round(5).to_csv(HERE / "single.csv", index=False)
    print("\n".join([head, *text]))
    targets = pd.concat(study.targets, ignore_index=True)
    targets["set"] = targets["curve_id"].map(curves.groupby("curve_id")["set"].first())
    draw_single.summary(curves, targets, group_of, FIGURES / "curves.png")
    draw_single.worst(curves, targets, pd.concat(fitted), FIGURES / "curves-worst.png")


def speed(workers: int) -> None:
    """Seconds of the curves of the revisiting benchmark by the defaults, twice."""
    table = revisiting()
    runs = read_quietly(table[["curve_id", "x", "loss", "split", "n_averaged"]])
    split = {"by": "curve_id", "split_column": "split"}
    for which in ("first", "again"):
        found = bs.backtest("curve", runs, **split, workers=workers, progress=False)
        n = len(found.scored)
        print(f"{which}: {n} curves in {found.seconds:.1f} s, on {common.machine()}")


def group_of(name: str) -> str:
    """The group that a data set is reported in."""
    return GROUPS.get(name, LONG if name in LONG_SETS else name)


def report(curves: pd.DataFrame) -> list[str]:
    """A table for each group of data sets, and for each data set of a group."""
    groups = curves.assign(group=curves["set"].map(group_of))
    alone = curves[curves["set"] != groups["group"]]
    parts = [groups, alone.assign(group=alone["set"])]
    text = []
    for group, own in pd.concat(parts).groupby("group", sort=False):
        text.append(f"\n## {group}: {own['curve_id'].nunique()} curves\n")
        text.append(markdown(own))
    return text


GROUPS = {
    **dict.fromkeys(("bird", "c", "cal", "inet"), "IC"),
    **dict.fromkeys(("NMT", "LM", "BB"), "NLP"),
}
LONG = "long training curves"
LONG_SETS = ("training logs", "constant rate", "changing rate", "OLMo ladder")


def markdown(own: pd.DataFrame) -> str:
    """One row for each method, and its differences to the default, curve by curve.

    A mixture by evidence goes without the curves where it is refused.
    """
    base = own[own["method"] == DEFAULT].set_index("curve_id")
    body = []
    for method, scores in own.groupby("method", sort=False):
        mean = scores[list(SCORES)].mean()
        cover = "/".join(f"{mean[f'cover{100 * p:.0f}']:.2f}".lstrip("0") for p in PROBS)
        width = np.exp(np.log(scores["width90"]).mean())
        apart = scores.set_index("curve_id")[["rmsle", "elpd"]] - base[["rmsle", "elpd"]]
        body.append(
            (
                method if len(scores) == len(base) else f"{method} ({len(scores)} curves)",
                with_error(scores["rmsle"], ".4f"),
                with_error(apart["rmsle"].dropna(), "+.4f") if method != DEFAULT else "",
                with_error(scores["elpd"], ".3f"),
                with_error(apart["elpd"].dropna(), "+.3f") if method != DEFAULT else "",
                cover,
                f"{width:.3f}",
            )
        )
    names = ("method", "RMSLE (se)", "less default", "LL (se)", "less default")
    return common.markdown((*names, "cover 50/80/90/95", "90 % width of ln loss"), body)


def with_error(values: pd.Series, form: str) -> str:
    """A mean and its standard error."""
    error = values.std(ddof=1) / np.sqrt(len(values))
    return f"{values.mean():{form}} ({error:{form.replace('+', '')}})"


if __name__ == "__main__":
    main()
