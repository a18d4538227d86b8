"""Does partial pooling help the corpus of which few runs are known?

Four corpora: those of Gadre et al. 2024 (C4, RedPajama and RefinedWeb, all scored on C4) and the
single-epoch runs of Muennighoff et al. 2023 (C4, another tokenizer). Each in turn keeps only its
few smallest runs, beside all runs of the other three, and its larger runs are forecast: by a law of
its own (none), by one law for all (complete), and by laws that share what they may (partial).

    python benchmarks/pooling/run.py   # six minutes of one core; writes table.md here
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd

import bayescale as bs

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from common import POINTS

DATA = POINTS.parent

KEPT = (8, 16)
LEVELS = "corpus(E, T_N, T_D)"
OPTIONS = {"method": "quick", "progress": False}


def table() -> pd.DataFrame:
    """N, D, loss and corpus of all runs."""
    gadre = pd.read_csv(DATA / "gadre_overtraining.csv").query("eval_set == 'c4_val'")
    names = {"c4_original": "C4", "rpj": "RedPajama", "rw_original": "RefinedWeb"}
    gadre = gadre.assign(corpus=gadre.train_corpus.map(names))
    other = pd.read_csv(DATA / "muennighoff_data_constrained.csv")
    other = other.query("epochs <= 1.01 and corpus == 'c4'").assign(corpus="C4 (Muennighoff)")
    both = pd.concat([gadre, other])
    return both[["n_params", "d_tokens", "loss", "corpus"]].reset_index(drop=True)


def forecasts(runs: bs.Runs, known: np.ndarray, corpus: str) -> dict[str, bs.Forecast]:
    """The larger runs of a corpus, forecast from the known runs."""
    of_corpus = np.asarray(runs["corpus"]) == corpus
    held = runs.select(of_corpus & ~known)
    fits = {
        "none": bs.fit("chinchilla", runs.select(of_corpus & known), **OPTIONS),
        "complete": bs.fit("chinchilla", runs.select(known), **OPTIONS),
        "partial": bs.fit("chinchilla", runs.select(known), pool=LEVELS, **OPTIONS),
    }
    found = {}
    for name, fit in fits.items():
        group = corpus if fit.pooling.active else None
        found[name] = bs.forecast(fit, held, group=group)
        verdict = "converged" if fit.diagnosis.converged else fit.diagnosis.messages[0]
        print(f"  {name}: {fit.method}, {fit.seconds:.0f} s, {verdict}", flush=True)
    return found


def main() -> None:
    """Forecast, and write the table."""
    runs = bs.read_runs(table())
    rows = []
    corpora = sorted(set(runs["corpus"]))
    for kept in KEPT:
        for corpus in corpora:
            own = np.flatnonzero(np.asarray(runs["corpus"]) == corpus)
            smallest = own[np.argsort(runs["C"][own])[:kept]]
            known = np.asarray(runs["corpus"]) != corpus
            known[smallest] = True
            print(f"{corpus}, {kept} runs", flush=True)
            for name, ahead in forecasts(runs, known, corpus).items():
                low, high = ahead.interval(0.9)
                rows.append(
                    {
                        "kept": kept,
                        "corpus": corpus,
                        "pooling": name,
                        "stuck": not ahead.fit.diagnosis.converged,
                        "rmsle": ahead.rmsle,
                        "log density": ahead.log_density.mean(),
                        "covered": ahead.covered(0.9).mean(),
                        "width": np.exp(np.mean(np.log(np.log(high / low)))),
                    }
                )
    found = pd.DataFrame(rows)
    stuck = [f"{r.pooling}, {r.corpus}, {r.kept}" for _, r in found[found.stuck].iterrows()]
    lines = [
        "Larger runs of one corpus forecast from its few smallest and all runs of three others; "
        "Chinchilla law, Student-t noise, default discrepancy. RMSLE of the predictive median, "
        "mean log density per run, coverage and geometric-mean width (of log loss) of 90 % bands. "
        "Written by run.py, seed 0. Fits that did not converge: "
        f"{'; '.join(stuck) or 'none'}.",
        "",
        "| runs kept | corpus | pooling | RMSLE | log density | cover 90 | width 90 |",
        "|---|---|---|---|---|---|---|",
    ]
    mean = found.groupby(["kept", "pooling"], sort=False).mean(numeric_only=True).reset_index()
    for _, row in pd.concat([found, mean.assign(corpus="**mean**")]).iterrows():
        lines.append(
            f"| {row.kept} | {row.corpus} | {row.pooling} | {row.rmsle:.4f} | "
            f"{row['log density']:.2f} | {row.covered:.2f} | {row.width:.3f} |"
        )
    fit = bs.fit("chinchilla", runs, pool=LEVELS, **OPTIONS)
    shown = [n for n in fit.table().index if n.partition("[")[0] in ("E", "alpha", "beta")]
    shown += list(fit.pooling.spreads.values())
    lines += [
        "",
        f"All {len(runs)} runs, levels pooled; {fit.method}, "
        f"{'converged' if fit.diagnosis.converged else 'NOT CONVERGED'}, {fit.seconds:.0f} s.",
        "",
        "| parameter | median | 90 % | contraction |",
        "|---|---|---|---|",
    ]
    for name in shown:
        row = fit.table().loc[name]
        known = "" if np.isnan(row.contraction) else f"{row.contraction:.2f}"
        lines.append(f"| {name} | {row.q50:.3f} | {row.q05:.3f} to {row.q95:.3f} | {known} |")
    text = "\n".join(lines) + "\n"
    (Path(__file__).parent / "table.md").write_text(text)
    print(text)


if __name__ == "__main__":
    main()
