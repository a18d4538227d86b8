"""bayescale at default settings; its time includes the verdict and its retry, if any."""

from __future__ import annotations

import os

import numpy as np
from measure import Draws, Problem, measure


def fit(problem: Problem, seed: int) -> Draws:
    import bayescale as bs

    runs = bs.read_runs(
        {
            "N": np.exp(problem.log_n + np.log(8.5e8)),
            "D": np.exp(problem.log_d + np.log(1.69e10)),
            "loss": np.exp(problem.log_loss),
        }
    )
    method = os.environ.get("BENCH_METHOD", "nuts")
    return bs.fit("chinchilla", runs, method=method, seed=seed).draws


if __name__ == "__main__":
    measure(fit, ("bayescale", "jax", "numpyro"))
