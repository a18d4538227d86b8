"""PyMC's model, nutpie's sampler: compiled once, new data handed to the compiled model."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import nutpie
import pymc as pm
from measure import CHAINS, DRAWS, PARAMETERS, Draws, Problem, measure


@functools.cache
def compiled(size: int) -> Any:
    with pm.Model() as model:
        log_n = pm.Data("log_n", np.zeros(size))
        log_d = pm.Data("log_d", np.zeros(size))
        log_loss = pm.Data("observed", np.zeros(size))
        reference = pm.Data("reference", np.array(1.0))
        share = pm.LogitNormal("share", mu=0.4, sigma=1.2)
        floor = pm.Deterministic("E", share * reference)
        t_n = pm.LogNormal("T_N", mu=pm.math.log(0.2 * reference), sigma=0.8)
        t_d = pm.LogNormal("T_D", mu=pm.math.log(0.2 * reference), sigma=0.8)
        alpha = pm.LogNormal("alpha", mu=np.log(0.3), sigma=0.5)
        beta = pm.LogNormal("beta", mu=np.log(0.3), sigma=0.5)
        sigma = pm.LogNormal("sigma", mu=np.log(0.01), sigma=1.5)
        nu = pm.Deterministic("nu", 2.0 + pm.Exponential("nu_above_2", lam=0.1))
        mean = pm.math.log(
            floor + t_n * pm.math.exp(-alpha * log_n) + t_d * pm.math.exp(-beta * log_d)
        )
        pm.StudentT("log_loss", nu=nu, mu=mean, sigma=sigma, observed=log_loss)
    return nutpie.compile_pymc_model(model)


def fit(problem: Problem, seed: int) -> Draws:
    with_data = compiled(len(problem.log_n)).with_data(
        log_n=problem.log_n,
        log_d=problem.log_d,
        observed=problem.log_loss,
        reference=np.array(problem.reference),
    )
    trace = nutpie.sample(with_data, draws=DRAWS, chains=CHAINS, seed=seed, progress_bar=False)
    return {name: trace.posterior[name].values for name in PARAMETERS}


if __name__ == "__main__":
    measure(fit, ("pymc", "nutpie", "pytensor"), compiled.cache_clear)
