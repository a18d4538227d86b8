"""Curves of one input: are they continued well, and are the bands honest?

    python benchmarks/extrapolation/single.py [--out DIR] [--sets revisiting,double_descent,long]

Every curve is fitted on its first part and scored on the rest, by the law ``curve`` as it ships and
by baselines. The scale of the discrepancy is learned anew for each data set from the others, by
mean log density over a grid. The shipped median (``bayescale/discrepancy/process.py``), 0.07, was
chosen beforehand on the image curves; the rule takes 0.05. Finished fits stay in ``DIR/fits``: a
run that was killed goes on where it stopped. Writes ``single.md`` and ``single.csv`` beside this
file.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import common
from curves import FORMS, least_squares

import bayescale as bs
from bayescale.backtesting.scores import PROBS
from bayescale.runs.read import read_quietly

HERE = Path(__file__).resolve().parent
DATA = common.ROOT.parent / "shared" / "data"
MEDIANS = (0.05, 0.07, 0.1)
"""The grid over which the scale of the discrepancy is learned."""

SD = 0.3
SCORES = ("rmsle", "elpd", "cover50", "cover80", "cover90", "cover95", "width90")
CHECKPOINT = 1000 * 4096
"""Examples between two checkpoints of the image curves: their first, and all their distances."""

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
    """Loss along training of public models (Choshen et al. 2024): second half from the first."""
    table = pd.read_csv(DATA / "hitchhiker_curves.csv").rename(columns={"d_tokens": "x"})
    table = table[table["loss_scale"] == "nats_per_token"]
    table = table.groupby(["curve_id", "x"], as_index=False)["loss"].mean()
    return halved(table).assign(set="long training curves")


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


def bayes(table: pd.DataFrame, discrepancy: str | None, folder: Path) -> pd.DataFrame:
    """Scores of every curve, by the path that ``bayescale backtest`` takes."""
    keep = [n for n in ("curve_id", "x", "loss", "split", "n_averaged") if n in table]
    found = bs.backtest(
        "curve",
        read_quietly(table[keep]),
        by="curve_id",
        split_column="split",
        discrepancy=discrepancy,
        folder=folder,
        workers=2,
    )
    for name, why in found.failures.items():
        print(f"failed: {name}: {why}")
    if found.doubtful:
        print(f"did not converge: {', '.join(found.doubtful)}")
    return found.table().rename(columns={"group": "curve_id"}).set_index("curve_id")


def learned(by_median: dict[float, pd.DataFrame], sets: pd.Series) -> dict[str, float]:
    """For each data set, the median under which the others are most probable, sets alike."""
    elpd = pd.DataFrame({m: t["elpd"] for m, t in by_median.items()}).groupby(sets).mean()
    chosen = {name: float(elpd.drop(index=name).mean().idxmax()) for name in elpd.index}
    chosen["none left out"] = float(elpd.mean().idxmax())
    return chosen


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


def methods(name: str, table: pd.DataFrame, folder: Path) -> dict[str, pd.DataFrame]:
    """Scores by method, one row for each curve."""
    sets = table.groupby("curve_id")["set"].first()
    found = dict(point_fits(table))
    if name == "revisiting":
        by_median = {m: bayes(table, f"matern({m}, {SD})", folder) for m in MEDIANS}
        chosen = learned(by_median, sets)
        print(f"median of wander, learned without each data set: {chosen}")
        found["curve, scale learned from the other data sets"] = pd.concat(
            [by_median[chosen[which]].loc[own.index] for which, own in sets.groupby(sets)]
        )
        plain = table.drop(columns="n_averaged")
        found["curve, points taken as single checkpoints"] = bayes(plain, None, folder)
        found["curve, no discrepancy"] = bayes(table, "none", folder)
    found["curve (default)"] = bayes(table, None, folder)
    return found


def main() -> None:
    """Fit, learn, score, write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--out", type=Path, default=common.ROOT / "build" / "single")
    parser.add_argument("--sets", default=",".join(SETS))
    options = parser.parse_args()
    started = time.perf_counter()
    rows = []
    for name in options.sets.split(","):
        table = SETS[name]()
        sets = table.groupby("curve_id")["set"].first()
        for method, scores in methods(name, table, options.out / "fits").items():
            own = scores[list(SCORES)].assign(set=sets, method=method)
            rows.append(own.rename_axis("curve_id").reset_index())
    curves = pd.concat(rows, ignore_index=True)
    groups = curves.assign(group=curves["set"].map(lambda s: GROUPS.get(s, s)))
    parts = [groups, curves[curves["set"].isin(GROUPS)].assign(group=curves["set"])]
    text = [
        f"Means over curves; written in {time.perf_counter() - started:.0f} s on "
        f"{common.machine()} (finished fits are read).\n"
    ]
    for group, own in pd.concat(parts).groupby("group", sort=False):
        text.append(f"\n## {group}: {own['curve_id'].nunique()} curves\n")
        text.append(markdown(own))
    (HERE / "single.md").write_text("\n".join(text), encoding="utf-8")
    curves.round(5).to_csv(HERE / "single.csv", index=False)
    print("\n".join(text))


GROUPS = {
    **dict.fromkeys(("bird", "c", "cal", "inet"), "IC"),
    **dict.fromkeys(("NMT", "LM", "BB"), "NLP"),
}


def markdown(own: pd.DataFrame) -> str:
    """One row for each method."""
    body = []
    for method, scores in own.groupby("method", sort=False):
        mean = scores[list(SCORES)].mean()
        cover = "/".join(f"{mean[f'cover{100 * p:.0f}']:.2f}".lstrip("0") for p in PROBS)
        width = np.exp(np.log(scores["width90"]).mean())
        error = scores["rmsle"].std(ddof=1) / np.sqrt(len(scores))
        body.append(
            (
                method,
                f"{mean['rmsle']:.4f}",
                f"{error:.4f}",
                f"{mean['elpd']:.3f}",
                cover,
                f"{width:.3f}",
            )
        )
    return common.markdown(
        ("method", "RMSLE", "se", "LL", "cover 50/80/90/95", "90 % width of ln loss"), body
    )


if __name__ == "__main__":
    main()
