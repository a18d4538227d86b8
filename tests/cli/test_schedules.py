"""From curves on the command line to the forecast of a schedule that was not trained."""

from __future__ import annotations

import json

import numpy as np
import pytest

import bayescale as bs
from bayescale.runs.read import read_quietly

PEAK, TOTAL = 3e-4, 12_000
FIELD = {"L_0": 3.0, "A": 0.5, "alpha": 0.5, "C": 1.7, "lambda": 0.995}


@pytest.fixture(scope="module")
def curves() -> str:
    """A file of three runs under three schedules, 25 rows each, with 0.1 % noise."""
    steps = np.unique(np.geomspace(800, TOTAL, 25).round())
    x = steps / TOTAL
    lr = [
        np.ones_like(x),
        np.where(x < 0.5, 1.0, 0.3),
        np.where(x < 0.7, 1.0, 1.0 - 3.0 * (x - 0.7)),
    ]
    table = {
        "run": np.repeat(["constant", "stages", "decay"], len(steps)),
        "steps": np.tile(steps, 3),
        "lr": PEAK * np.concatenate(lr),
        "warmup_steps": np.full(3 * len(steps), 600.0),
        "loss": np.ones(3 * len(steps)),
    }
    runs = read_quietly(table)
    noise = np.random.default_rng(0).normal(0, 0.001, len(runs))
    loss = bs.laws.get("annealing").loss(runs.columns, FIELD) * np.exp(noise)
    lines = zip(runs["run"], runs["S"], runs["lr"], runs["warmup_steps"], loss, strict=True)
    return "run,steps,lr,warmup_steps,loss\n" + "\n".join(",".join(map(str, r)) for r in lines)


def test_fit_and_forecast_of_a_new_curve(bayescale, folder, curves: str) -> None:
    (folder / "curves.csv").write_text(curves)
    done = bayescale(
        *("fit", "curves.csv", "--law", "annealing", "--noise", "normal"),
        *("--method", "laplace", "--out", "fit.nc", "--json"),
    )
    assert done.code in (0, 3), done.err
    assert json.loads(done.out)["law"] == "annealing"
    # A new schedule, with no column that names a run.
    steps = np.arange(600, TOTAL + 1, 600)
    lr = PEAK * (0.55 + 0.45 * np.cos(np.pi * steps / TOTAL))
    rows = [f"{s},{rate:.8g},600" for s, rate in zip(steps, lr, strict=True)]
    (folder / "new.csv").write_text("\n".join(["step,lr,warmup_steps", *rows]))
    done = bayescale("forecast", "fit.nc", "--at-file", "new.csv", "--json")
    points = json.loads(done.out)
    assert [point["at"]["S"] for point in points] == list(steps)
    targets, _ = bs.runs.read_targets("new.csv")
    truth = bs.laws.get("annealing").loss(targets.columns, FIELD)
    median = np.array([point["median"] for point in points])
    np.testing.assert_allclose(median[1:], truth[1:], atol=0.015)
    # One point, its schedule in words.
    text = "0:0 600:3e-4 9000:3e-4 12000:3e-5"
    done = bayescale("forecast", "fit.nc", "--at", f"S=12000,lr_schedule={text}", "--json")
    point = json.loads(done.out)[0]
    assert point["at"]["S1"] == pytest.approx(PEAK * (300.5 + 8400 + 0.55 * 3000), rel=1e-3)
    done = bayescale("forecast", "fit.nc", "--at", "S=12000,S1=3.0")
    done.refused("lr_schedule", "a table of a curve")
