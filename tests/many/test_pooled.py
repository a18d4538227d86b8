"""Many fits at once with pooling and with noise that reads columns."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

import bayescale as bs


def test_groups_and_columns_reach_every_fit_and_come_back(
    make_runs, options: dict[str, Any], tmp_path: Path
) -> None:
    runs = make_runs(1, n=24)
    groups = np.array(["x", "y"] * 12)
    loss = runs.loss * np.where(groups == "x", 1.0, 1.2)
    se = np.full(24, 0.001)
    runs = replace(runs, columns={**runs.columns, "loss": loss, "corpus": groups, "loss_se": se})
    tasks = {
        "pooled": bs.Task("power_floor(N)", runs, noise="normal", pool="corpus(E)"),
        "measured": bs.Task("power_floor(N)", runs, noise="measured(normal)"),
    }
    first = bs.fit_many(tasks, folder=tmp_path, **options)
    again = bs.fit_many(tasks, folder=tmp_path, **options)
    for many in (first, again):
        pooled = many["pooled"]
        assert pooled.pooling.groups == ("x", "y")
        ratio = np.median(pooled.parameters["E[y]"] / pooled.parameters["E[x]"])
        assert 1.15 < ratio < 1.4
        assert many["measured"].noise == bs.noise.get("measured(normal)")
        np.testing.assert_array_equal(pooled.draws["E_sd"], first["pooled"].draws["E_sd"])
    alone = bs.fit(
        "power_floor(N)", runs, noise="normal", pool="corpus(E)", seed=first["pooled"].seed,
        **options,
    )  # fmt: skip
    np.testing.assert_array_equal(alone.draws["E_z1"], first["pooled"].draws["E_z1"])
