"""One process, one tool: the first answer, then fits of new data of the same shape.

Kept light: what is imported here counts in every tool's cold start.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import time
from collections.abc import Callable, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

import numpy as np

PARAMETERS = ("E", "T_N", "T_D", "alpha", "beta", "sigma", "nu")
"""What every tool samples, or derives: centred amplitudes, in the unit of the loss."""

CHAINS, DRAWS = 4, 1000


class Problem(NamedTuple):
    """One data set of the canonical problem."""

    log_n: np.ndarray
    """Centred at its mean, as is ``log_d``."""

    log_d: np.ndarray
    log_loss: np.ndarray
    reference: float
    """Geometric mean of the losses, the unit of the priors of E, T_N and T_D."""


type Draws = Mapping[str, np.ndarray]
"""Draws by parameter, each of shape (chain, draw)."""


def read(path: Path) -> list[Problem]:
    """All data sets: the runs themselves, then simulated ones of the same design."""
    arrays = np.load(path)
    log_n, log_d = np.log(arrays["N"]), np.log(arrays["D"])
    return [
        Problem(
            log_n - log_n.mean(),
            log_d - log_d.mean(),
            np.log(loss),
            float(np.exp(np.log(loss).mean())),
        )
        for loss in arrays["loss"]
    ]


def measure(
    fit: Callable[[Problem, int], Draws],
    packages: tuple[str, ...],
    forget: Callable[[], object] | None = None,
) -> None:
    """Run the fits that the command line asks for and write what they took as JSON.

    Parameters
    ----------
    fit : callable
        Takes a problem and a seed; it may keep what it compiled between calls.
    packages : tuple of str
        Whose versions are reported.
    forget : callable, optional
        Drops what ``fit`` kept, so that the next fit builds its model and program anew, as a
        script does that is written as the tool's documentation shows.
    """
    parser = argparse.ArgumentParser()
    parser.add_argument("problem", type=Path)
    parser.add_argument("--warm", type=int, default=0, help="fits after the first")
    parser.add_argument("--rebuilt", type=int, default=0, help="then fits that keep nothing")
    options = parser.parse_args()
    problems = read(options.problem)
    first = fit(problems[0], 0)
    answered_at, cpu = time.time(), time.process_time()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    seconds, cpu_seconds, sizes = [], [], []
    for i in range(1, options.warm + 1):
        started, cpu_started = time.perf_counter(), time.process_time()
        draws = fit(problems[1 + (i - 1) % (len(problems) - 1)], i)
        seconds.append(time.perf_counter() - started)
        cpu_seconds.append(time.process_time() - cpu_started)
        sizes.append(least_ess(draws))
    rebuilt = []
    for i in range(options.rebuilt if forget else 0):
        forget()
        started = time.perf_counter()
        fit(problems[1 + i % (len(problems) - 1)], i)
        rebuilt.append(time.perf_counter() - started)
    report = {
        "answered_at": answered_at,
        "cpu": cpu,
        "ess": least_ess(first),
        "means": {name: float(np.mean(first[name])) for name in PARAMETERS},
        "sds": {name: float(np.std(first[name])) for name in PARAMETERS},
        "warm": seconds,
        "warm_cpu": cpu_seconds,
        "warm_ess": sizes,
        "rebuilt": rebuilt,
        "peak_mib": peak / (2**20 if sys.platform == "darwin" else 2**10),
        "versions": {name: version(name) for name in packages},
    }
    print(json.dumps(report))


def least_ess(draws: Draws) -> float:
    """Least bulk effective sample size over the parameters, by ArviZ."""
    from arviz_stats.base import array_stats

    return min(float(array_stats.ess(np.asarray(draws[p]), method="bulk")) for p in PARAMETERS)
