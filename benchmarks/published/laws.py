"""Published constants of the law library, fitted again to the public runs they came from.

    python benchmarks/published/laws.py

The repetition constants of Muennighoff et al., the over-training law of Gadre et al., and the
allocation exponent of Llama 3. Besiroglu et al. are in ``run.py``, the schedule laws in
``schedules.py``. Writes ``laws.md`` beside this file.
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
from scipy import optimize

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import common

import bayescale as bs
from bayescale.runs import Runs
from bayescale.runs.read import read_quietly

HERE = Path(__file__).resolve().parent
DATA = common.ROOT.parent / "shared" / "data"
PROB = 0.9

GADRE = {
    "c4_original": ("c4_val", {"E": 1.51, "a": 141.0, "b": 190.0, "eta": 0.121}),
    "rpj": ("paloma_redpajama", {"E": 1.84, "a": 212.0, "b": 367.0, "eta": 0.136}),
    "rw_original": ("paloma_falcon-refinedweb", {"E": 1.73, "a": 157.0, "b": 246.0, "eta": 0.127}),
}
"""Evaluation set of each corpus, and the published constants: at second hand, not confirmed."""


def said(draws: Any) -> str:
    """Median and interval."""
    low, middle, high = np.quantile(np.ravel(draws), [(1 - PROB) / 2, 0.5, (1 + PROB) / 2])
    return f"{middle:.3g} [{low:.3g}, {high:.3g}]"


def verdict(fit: bs.Fit) -> str:
    found = fit.diagnosis.doubt or "ok"
    return found + ("; structure in the residuals" if fit.structure.found else "")


def rows_of(
    what: str, fit: bs.Fit, published: dict[str, float | str], extra: dict[str, Any] | None = None
) -> list[list[Any]]:
    """One row for each constant, the verdict in the first."""
    draws = {**fit.parameters, **(extra or {})}
    return [
        [
            what if i == 0 else "",
            len(fit.runs) if i == 0 else "",
            name,
            value if isinstance(value, str) else f"{value:.3g}",
            said(draws[name]),
            verdict(fit) if i == 0 else "",
        ]
        for i, (name, value) in enumerate(published.items())
    ]


def muennighoff() -> list[list[Any]]:
    table = pd.read_csv(DATA / "muennighoff_data_constrained.csv")
    table = (
        table[table["corpus"] == "c4"]
        .groupby(
            ["n_params", "d_tokens", "unique_tokens", "epochs", "kept_by_notebook"], as_index=False
        )["loss"]
        .mean()
    )  # seeds of one setting are one run
    kept = table[table["kept_by_notebook"] == 1]
    chosen = {
        "repetition, the runs that the authors' notebook keeps": kept,
        "the same, at most 60 epochs": kept[kept["epochs"] <= 60],
        "the same, no more parameters than unique tokens": kept[
            kept["n_params"] <= kept["unique_tokens"]
        ],
    }
    published = bs.laws.get("repetition").preset("muennighoff2023")
    names = ("E", "alpha", "beta", "R_D", "R_N", "r_N")
    found = []
    for words, own in chosen.items():
        runs = read_quietly(
            {
                "N": own["n_params"].to_numpy(float),
                "D": own["d_tokens"].to_numpy(float),
                "U": own["unique_tokens"].to_numpy(float),
                "loss": own["loss"].to_numpy(float),
            }
        )
        fit = bs.fit("repetition", runs, seed=0)
        found += rows_of(words, fit, {name: float(published[name]) for name in names})
    return found


def huber(residuals: np.ndarray) -> float:
    """The published objective: a sum of Huber losses of log residuals, with delta 1e-3."""
    size = np.abs(residuals)
    return float(np.sum(np.where(size <= 1e-3, 0.5 * size**2, 1e-3 * (size - 5e-4))))


def best(objective: Any, starts: Any) -> Any:
    """The best of several Nelder-Mead searches."""
    options = {"xatol": 1e-8, "fatol": 1e-13, "maxiter": 20_000, "maxfev": 20_000}
    found = [optimize.minimize(objective, x, method="Nelder-Mead", options=options) for x in starts]
    return min(found, key=lambda one: one.fun)


def two_stages() -> list[list[Any]]:
    """The published procedure on the same runs: a base law of fresh runs, frozen, then R_D, R_N."""
    table = pd.read_csv(DATA / "muennighoff_data_constrained.csv")
    kept = table[(table["corpus"] == "c4") & (table["kept_by_notebook"] == 1)]
    law = bs.laws.get("repetition")
    published = law.preset("muennighoff2023")

    def inputs(rows: pd.DataFrame) -> dict[str, np.ndarray]:
        names = {"N": "n_params", "D": "d_tokens", "U": "unique_tokens"}
        return {name: rows[column].to_numpy(float) for name, column in names.items()}

    fresh = kept[kept["epochs"] <= 1.0]
    n, d, log_loss = (fresh[c].to_numpy(float) for c in ("n_params", "d_tokens", "loss"))
    log_loss = np.log(log_loss)

    def of_base(p: np.ndarray) -> float:
        a, b, e, alpha, beta = p
        return huber(log_loss - np.log(np.exp(e) + np.exp(a) * n**-alpha + np.exp(b) * d**-beta))

    base = best(of_base, ([6.2, 7.3, 0.62, slope, slope] for slope in (0.2, 0.35, 0.5))).x
    own = dict(zip(("A", "B", "E"), np.exp(base[:3]), strict=True))
    own |= {"alpha": base[3], "beta": base[4]}
    off = log_loss - np.log(law.loss(inputs(fresh), published))
    words = f"the {len(fresh)} fresh runs, published base law: mean log residual, sd"
    rows = [[words, f"{off.mean():+.3f}, {off.std():.3f}", "", ""]]
    off = log_loss - np.log(law.loss(inputs(fresh), {**published, **own}))
    words = "the same, base law fitted to them by the published loss"
    rows.append([words, f"{off.mean():+.3f}, {off.std():.3f}", "", ""])
    for words, most in (("all runs", np.inf), ("at most 60 epochs", 60.0), ("at most 16", 16.0)):
        some = kept[kept["epochs"] <= most]
        at, seen = inputs(some), np.log(some["loss"].to_numpy(float))
        for whose, constants in (("published", {}), ("own", own)):

            def of_decay(
                p: np.ndarray, at: Any = at, seen: Any = seen, own: Any = constants
            ) -> float:
                decay = {"R_D": np.exp(p[0]), "R_N": np.exp(p[1])}
                return huber(seen - np.log(law.loss(at, {**published, **own, **decay})))

            starts = np.log([[r, s] for r in (0.5, 5.0, 50.0) for s in (0.5, 5.0, 50.0)])
            found = best(of_decay, starts)
            r_d, r_n = np.exp(found.x)
            at_published = of_decay(np.log([published["R_D"], published["R_N"]]))
            rows.append(
                [
                    f"{words} ({len(some)}), {whose} base law frozen: R_D, R_N",
                    f"{r_d:.3g}, {r_n:.3g}",
                    f"{found.fun:.4f}",
                    f"{at_published:.4f}",
                ]
            )
    return rows


def gadre() -> list[list[Any]]:
    table = pd.read_csv(DATA / "gadre_overtraining.csv")
    found = []
    for corpus, (evaluation, published) in GADRE.items():
        own = table[(table["train_corpus"] == corpus) & (table["eval_set"] == evaluation)]
        runs: Runs = read_quietly(
            {
                "N": own["n_params"].to_numpy(float),
                "D": own["d_tokens"].to_numpy(float),
                "loss": own["loss"].to_numpy(float),
            }
        )
        fit = bs.fit("gadre", runs, seed=0)
        found += rows_of(f"gadre, {corpus} on {evaluation}", fit, dict(published))
    return found


def llama3() -> list[list[Any]]:
    own = pd.read_csv(DATA / "llama3_isoflop.csv")
    runs = read_quietly(
        {
            "N": own["n_params"].to_numpy(float),
            "D": own["d_tokens"].to_numpy(float),
            "C": own["flops"].to_numpy(float),
            "loss": own["loss"].to_numpy(float),
        }
    )
    found = []
    for law in ("isoflop", "chinchilla", "skaling"):
        fit = bs.fit(law, runs, seed=0)
        draws = fit.parameters
        if law == "isoflop":
            b = 1.0 - np.asarray(draws["a"])
        else:
            alpha, beta = np.asarray(draws["alpha"]), np.asarray(draws["beta"])
            b = alpha / (alpha + beta)
        published = {"exponent of D* in C": "0.53"}
        found += rows_of(f"{law}, Llama 3", fit, published, {"exponent of D* in C": b})
    return [*found, minima(own)]


def minima(own: pd.DataFrame) -> list[Any]:
    """The published way: a parabola in ln D for each budget, then a line through the minima."""
    at = []
    for budget, runs in own.groupby("flops"):
        curve = np.polyfit(np.log(runs["d_tokens"]), runs["loss"], 2)
        best = -curve[1] / (2 * curve[0])
        inside = runs["d_tokens"].min() < np.exp(best) < runs["d_tokens"].max()
        if curve[0] > 0 and inside:
            at.append((np.log(float(budget)), best))
    x, y = np.array(at).T
    line, covariance = np.polyfit(x, y, 1, cov=True)
    half = 1.645 * np.sqrt(covariance[0, 0])
    return [
        f"parabola for each of {len(at)} budgets and a line, least squares",
        len(own),
        "exponent of D* in C",
        "0.53",
        f"{line[0]:.3g} [{line[0] - half:.3g}, {line[0] + half:.3g}]",
        "",
    ]


def main() -> None:
    argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0]).parse_args()
    if not DATA.is_dir():
        sys.exit("The public runs are not there: put shared/ beside the checkout.")
    warnings.simplefilter("ignore", bs.BayescaleWarning)
    started = time.perf_counter()
    rows = [*muennighoff(), *gadre(), *llama3()]
    text = [
        "# Published constants, fitted again",
        "",
        "Written by `benchmarks/published/laws.py`. Default priors and noise, NUTS, all parameters "
        f"at once; median and {PROB:.0%} interval. {common.machine()}. "
        f"{common.in_words(common.versions('bayescale', 'jax', 'numpyro'))}. "
        f"{time.perf_counter() - started:.0f} s.",
        "",
        common.markdown(("law and runs", "runs", "constant", "published", "ours", "verdict"), rows),
        "## Muennighoff et al. by their own procedure",
        "",
        "Huber loss of log residuals with delta 1e-3, the base law fitted to fresh runs and "
        "frozen, R_N and R_D to the runs named, r_N as published.",
        "",
        common.markdown(
            ("what", "found", "objective", "objective at the published R_D, R_N"), two_stages()
        ),
    ]
    (HERE / "laws.md").write_text("\n".join(text).rstrip() + "\n", encoding="utf-8")
    print("\n".join(text))


if __name__ == "__main__":
    main()
