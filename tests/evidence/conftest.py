"""Runs of a law that is straight in logs, and two laws compared on them."""

from __future__ import annotations

import numpy as np
import pytest

import bayescale as bs


def straight(n: int = 24, seed: int = 0, noise: float = 0.02) -> bs.Runs:
    """Loss 2.5 x^-0.2 with Normal noise, in three families."""
    rng = np.random.default_rng(seed)
    x = np.geomspace(1.0, 1000.0, n)
    return bs.read_runs(
        {
            "x": x,
            "loss": 2.5 * x**-0.2 * np.exp(noise * rng.standard_normal(n)),
            "family": np.resize(["a", "b", "c"], n),
        }
    )


@pytest.fixture(scope="session")
def runs() -> bs.Runs:
    return straight()


@pytest.fixture(scope="session")
def ranking(runs: bs.Runs) -> bs.Ranking:
    return bs.compare(["power(x)", "power_floor(x)"], runs, noise="normal", draws=500)
