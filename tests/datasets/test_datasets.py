from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from bayescale import datasets
from bayescale.errors import BayescaleError, FileError

HEADER = (
    "run,role,family,n_params,n_params_no_embed,d_tokens,flops,flops_exact,batch_tokens,steps,lr,"
    "seed,n_layers,d_model,n_heads,schedule,loss,loss_se,train_loss_end,wall_seconds,status"
)
TINY = f"""{HEADER}
g0,grid,tiny,5000,4000,1000000,3e10,3.3e10,4096,244,0.003,0,2,16,1,cosine,3.1,0.01,3.0,5,ok
g1,grid,tiny,20000,18000,4000000,4.8e11,5e11,4096,976,0.003,0,2,32,1,cosine,2.6,0.01,2.5,9,ok
s1,seed,tiny,20000,18000,1000000,1.2e11,1.3e11,4096,244,0.003,1,2,32,1,cosine,2.9,0.01,2.8,9,ok
w1,sweep,tiny,20000,18000,4000000,4.8e11,5e11,4096,976,0.1,0,2,32,1,cosine,3.9,0.01,3.8,9,ok
g2,grid,tiny,80000,76000,4000000,1.9e12,2e12,4096,976,0.003,0,2,64,2,cosine,,,,9,diverged
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(datasets, "_folder", lambda: tmp_path)
    return tmp_path


def test_the_usual_rows_are_loaded(folder: Path) -> None:
    (folder / "tiny.csv").write_text(TINY, encoding="utf-8")
    runs = datasets.load("tiny")
    assert runs.labels == ("g0", "g1", "s1")
    assert (runs.mapping["N"], runs.mapping["C"], runs.count) == ("n_params", "flops", "total")
    assert runs.inputs == ("N", "D", "C", "M", "B", "S", "lr")
    assert datasets.load("tiny", all_rows=True).labels == ("g0", "g1", "s1", "w1")


def test_an_unknown_name_lists_those_there_are() -> None:
    unknown: list[Any] = ["tinny", "", None, ["tiny"], "../tiny"]
    for name in unknown:
        with pytest.raises(BayescaleError, match=r"no table called .*Load one of tiny"):
            datasets.load(name)


def test_a_table_that_is_not_installed(folder: Path) -> None:
    with pytest.raises(FileError, match=r"tiny.csv is missing .*Install"):
        datasets.load("tiny")


def test_the_packaged_table() -> None:
    if not (files("bayescale.datasets") / "tiny.csv").is_file():
        pytest.skip("bayescale/datasets/tiny.csv has not been trained yet")
    assert "tiny" in datasets.names()
    runs = datasets.load("tiny")
    everything = datasets.load("tiny", all_rows=True)
    assert 10 <= len(runs) < len(everything)
    assert {"N", "D", "C", "lr"} <= set(runs.inputs)
    assert set(runs["role"]) <= {"grid", "seed"}
    assert runs["N"].max() / runs["N"].min() > 10


TABLES = ("tiny", "tiny_subscaling", "tiny_curves")


def packaged(name: str) -> pd.DataFrame:
    path = files("bayescale.datasets") / f"{name}.csv"
    if not path.is_file():
        pytest.skip(f"bayescale/datasets/{name}.csv has not been trained yet")
    with path.open(encoding="utf-8") as file:
        return pd.read_csv(file)


@pytest.mark.parametrize("name", TABLES)
def test_every_column_is_documented(name: str) -> None:
    pages = (files("bayescale.datasets") / page for page in ("tiny.md", "tiny_subscaling.md"))
    text = "".join(page.read_text(encoding="utf-8") for page in pages)
    assert [column for column in packaged(name) if f"`{column}`" not in text] == []


def test_the_second_table_holds_the_first_and_its_own() -> None:
    tiny, runs = packaged("tiny"), packaged("tiny_subscaling").set_index("run")
    assert runs.index.is_unique
    both = runs.loc[tiny["run"]]
    assert (both["loss"].to_numpy() == tiny["loss"].to_numpy()).all()
    assert (runs["d_tokens"] == runs["unique_tokens"] * runs["epochs"]).all()
    assert (runs["flops"] == 6 * runs["n_params"] * runs["d_tokens"]).all()
    assert (runs["d_tokens"] == runs["steps"] * runs["batch_tokens"]).all()
    assert runs.groupby("corpus")["redundancy"].nunique().eq(1).all()
    assert runs.loc[runs["corpus"] == "base", "redundancy"].eq(1.0).all()


def test_held_out_runs_and_sweeps_come_only_when_asked_for() -> None:
    usual = set(datasets.load("tiny_subscaling")["role"])
    assert usual <= {"grid", "seed", "density", "density_seed", "repetition", "over_training"}
    everything = datasets.load("tiny_subscaling", all_rows=True)
    assert "lr_sweep" in set(everything["role"])
    assert "held_out" not in usual | set(datasets.load("tiny")["role"])


def test_curves_belong_to_runs_and_end_where_they_end() -> None:
    runs, curves = packaged("tiny_subscaling").set_index("run"), packaged("tiny_curves")
    ends = curves.groupby("run")["d_tokens"].max()
    assert (runs.loc[ends.index, "d_tokens"] == ends).all()
    last = curves.sort_values("step").groupby("run")["loss"].last()
    assert (last - runs.loc[last.index, "loss"]).abs().max() < 0.05  # other held-out sequences
    assert (curves["step"] * curves["batch_tokens"] == curves["d_tokens"]).all()


def test_the_loss_falls_along_the_grid() -> None:
    """In D at every N, and in N at every D, within four standard deviations between seeds."""
    grid = packaged("tiny_subscaling").query('role == "grid"')
    losses = grid.pivot_table(index="n_params", columns="d_tokens", values="loss")
    noise = 4 * 2**0.5 * 0.013
    assert (losses.diff(axis=1).fillna(-1.0) < noise).all().all()
    assert (losses.diff(axis=0).fillna(-1.0) < noise).all().all()
    longest = losses.apply(lambda row: row.dropna().iloc[-1] / row.dropna().iloc[0], axis=1)
    assert (longest < 0.9).all()
