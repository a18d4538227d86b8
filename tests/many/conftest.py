"""Small studies: a law of three parameters, a dozen runs, few draws."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import bayescale as bs
from bayescale.runs.read import read_quietly


def simulated(seed: int, n: int = 14) -> bs.Runs:
    rng = np.random.default_rng(seed)
    size = np.geomspace(1e6, 1e9, n)
    loss = (1.8 + 400.0 / size**0.34) * np.exp(0.01 * rng.standard_normal(n))
    return read_quietly({"N": size, "loss": loss})


@pytest.fixture(scope="session")
def make_runs() -> Callable[..., bs.Runs]:
    """Runs of the law E + A/N^alpha with one per cent of noise, by seed."""
    return simulated


@pytest.fixture(scope="session")
def make_tasks() -> Callable[..., dict[str, bs.Task]]:
    """So many tasks, each of runs of its own."""

    def tasks(n: int, **options: Any) -> dict[str, bs.Task]:
        return {
            f"set{i}": bs.Task("power_floor(N)", simulated(i), noise="normal", **options)
            for i in range(n)
        }

    return tasks


@pytest.fixture(scope="session")
def options() -> dict[str, Any]:
    """Settings under which a fit takes a tenth of a second once compiled."""
    return {"method": "laplace", "draws": 200, "chains": 2, "progress": False}


@pytest.fixture(scope="session")
def same() -> Callable[[bs.Many, bs.Many], None]:
    """A check that two studies have the same draws, to the last bit."""

    def check(one: bs.Many, other: bs.Many) -> None:
        assert list(one) == list(other)
        assert len(one)
        for name in one:
            for parameter, values in one[name].draws.items():
                np.testing.assert_array_equal(values, other[name].draws[parameter], err_msg=name)

    return check
