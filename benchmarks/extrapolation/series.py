"""The public series of runs that are extrapolated, and the rule by which they are split.

A series is one recipe on one corpus: runs that one law of N and D should describe. A family is one
study; families weigh alike. Nothing here was chosen by looking at a score.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import common

from bayescale.runs import Runs
from bayescale.runs.read import read_quietly

DATA = common.ROOT.parent / "shared" / "data"

SHARES = (0.5, 0.6, 0.7, 0.8)
"""Shares of the runs, those of least compute, that are fitted; the larger ones are forecast."""

FEWEST_FITTED, FEWEST_SCORED = 12, 2


@dataclass(frozen=True)
class Split:
    """One split of one series.

    Parameters
    ----------
    family, series : str
    threshold : float
        Largest compute that is fitted, in FLOP.
    small, large : Runs
        The runs to fit, and those to forecast.
    """

    family: str
    series: str
    threshold: float
    small: Runs
    large: Runs

    @property
    def name(self) -> str:
        """A name that no other split has."""
        return f"{self.series} C<={self.threshold:.3g}"


def _table(name: str) -> pd.DataFrame:
    return pd.read_csv(DATA / f"{name}.csv")


def _best(table: pd.DataFrame, loss: str, by: list[str]) -> pd.DataFrame:
    """The best setting at each N and D: what a law of N and D is about."""
    return table.loc[table.groupby(by)[loss].idxmin()]


def _chinchilla() -> Iterator[tuple[str, pd.DataFrame]]:
    table = _table("chinchilla_epoch")
    yield "chinchilla", table[table["outlier_epoch"] == 0]


def _gadre() -> Iterator[tuple[str, pd.DataFrame]]:
    table = _table("gadre_overtraining")
    own = {
        "c4_original": "c4_val",
        "rpj": "paloma_redpajama",
        "rw_original": "paloma_falcon-refinedweb",
    }
    for corpus, evaluation in own.items():
        chosen = (table["train_corpus"] == corpus) & (table["eval_set"] == evaluation)
        yield f"gadre {corpus}", table[chosen]


def _porian() -> Iterator[tuple[str, pd.DataFrame]]:
    table = _table("porian_isoflop")
    for recipe in (
        "refinedweb/base/short/chinchilla/standard/val",
        "refinedweb/tuned/short/const/standard/val",
        "openwebtext2/base/short/chinchilla/standard/val",
        "openwebtext2/tuned/short/const/standard/val",
    ):
        yield f"porian {recipe}", table[table["series"] == recipe]


def _gemstones() -> Iterator[tuple[str, pd.DataFrame]]:
    table = _table("gemstones")
    # Checkpoints of one run are no independent runs: five of each, spread evenly in ln D.
    for variant, billions in (("hot", (20, 40, 80, 160, 350)), ("cooldown", (22, 44, 110))):
        own = table[table["variant"] == variant]
        near = [(own["d_tokens"] / (1e9 * size)).apply(np.log).abs() < 0.08 for size in billions]
        yield f"gemstones {variant}", own[np.any(near, axis=0)]


def _llama3() -> Iterator[tuple[str, pd.DataFrame]]:
    yield "llama3", _table("llama3_isoflop")


def _xlstm() -> Iterator[tuple[str, pd.DataFrame]]:
    table = _table("xlstm_isoflop")
    table = table[(table["finished"] == 1) & (table["loss"] < 3.5)]
    for architecture, context in (("llama", 2048), ("llama", 8192), ("mlstm", 16384)):
        own = table[(table["architecture"] == architecture) & (table["context_tokens"] == context)]
        best = _best(own, "loss", ["group", "n_params", "d_tokens"])
        # The runs of one budget stay together: 6ND leaves attention out, so it varies within one.
        budget = best.groupby("group")["flops_6nd"].transform("max")
        yield f"xlstm {architecture} {context}", best.assign(flops=budget)


def _olmo() -> Iterator[tuple[str, pd.DataFrame]]:
    table = _table("olmo_ladder_final")
    table = table[table["metric"] == "loss_nats"]
    for evaluation in ("c4_en", "pile"):
        own = table[table["eval_set"] == evaluation]
        yield f"olmo {evaluation}", own.rename(columns={"value": "loss"})


def _steplaw() -> Iterator[tuple[str, pd.DataFrame]]:
    table = _table("steplaw_dense")
    best = _best(table, "loss_smoothed", ["n_params_no_embed", "d_tokens"])
    flops = 6.0 * best["n_params_no_embed"] * best["d_tokens"]
    yield (
        "steplaw",
        best.assign(n_params=best["n_params_no_embed"], flops=flops).assign(
            loss=best["loss_smoothed"]
        ),
    )


def _muennighoff() -> Iterator[tuple[str, pd.DataFrame]]:
    table = _table("muennighoff_data_constrained")
    fresh = (table["epochs"] == 1) & (table["corpus"] == "c4") & (table["kept_by_notebook"] == 1)
    yield "muennighoff fresh", table[fresh]


def _loss_to_loss() -> Iterator[tuple[str, pd.DataFrame]]:
    table = _table("loss_to_loss")
    table = table[(table["kind"] == "corpus") & (table["eval_set"] == "own_corpus_val")]
    for corpus, own in table.groupby("corpus"):
        yield f"loss_to_loss {corpus}", own


FAMILIES: dict[str, Callable[[], Iterator[tuple[str, Any]]]] = {
    "chinchilla": _chinchilla,
    "gadre": _gadre,
    "porian": _porian,
    "gemstones": _gemstones,
    "llama3": _llama3,
    "xlstm": _xlstm,
    "olmo": _olmo,
    "steplaw": _steplaw,
    "muennighoff": _muennighoff,
}
"""The families that the scale of the discrepancy is learned from, and tested on, one left out."""

HELD_OUT = {"loss_to_loss": _loss_to_loss}
"""A family that no choice was made with: scored once, when all was settled."""


def runs_of(table: pd.DataFrame) -> Runs:
    """The series as runs; C is the FLOP count of the study where it has one."""
    return read_quietly(
        {
            "N": table["n_params"].to_numpy(float),
            "D": table["d_tokens"].to_numpy(float),
            "C": table["flops"].to_numpy(float),
            "loss": table["loss"].to_numpy(float),
        }
    )


def splits(families: dict[str, Any] | None = None, trained: bool = False) -> list[Split]:
    """All splits, by the same rule for every series.

    Parameters
    ----------
    families : dict, optional
        As :data:`FAMILIES`.
    trained : bool, default False
        Leave out, before splitting, the runs with fewer tokens than parameters; a series in which
        there are any gets ``D_ge_N`` added to its name.
    """
    found: list[Split] = []
    for family, series in (families or FAMILIES).items():
        for name, table in series():
            runs = runs_of(table)
            kept = runs["D"] >= runs["N"]
            if trained and not kept.all():
                name, runs = f"{name} D_ge_N", runs.select(kept)
            for threshold in dict.fromkeys(
                float(f"{np.quantile(runs['C'], share, method='lower'):.3g}") for share in SHARES
            ):
                small = runs["C"] <= threshold * 1.01
                if small.sum() < FEWEST_FITTED or (~small).sum() < FEWEST_SCORED:
                    continue
                found.append(
                    Split(family, name, threshold, runs.select(small), runs.select(~small))
                )
    return found


if __name__ == "__main__":
    for split in splits(FAMILIES | HELD_OUT):
        reach = split.large["C"].max() / split.threshold
        print(f"{split.name}: fit {len(split.small)}, score {len(split.large)}, reach {reach:.1f}")
