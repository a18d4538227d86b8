"""Runs with a known law and known noise, for the noise models that read columns."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np

import bayescale as bs
from bayescale.fitting import build_model
from bayescale.inference.runtime import float64
from bayescale.model import log_likelihood, log_loss
from bayescale.runs.read import read_quietly

LAW = "irreducible + power(N)"
TRUTH = {"E": 1.7, "T_N": 0.9, "alpha": 0.3}


def simulated(
    noise: str, own: dict[str, float], number: int, n: int = 120, **columns: Any
) -> bs.Runs:
    """Runs of N over three decades whose losses the noise model itself scatters."""
    rng = np.random.default_rng(number)
    size = columns.pop("N", 10 ** rng.uniform(6.5, 9.5, n))
    bare = read_quietly({"N": size, "loss": np.full(len(size), 2.0), **columns})
    model = build_model(LAW, noise)
    x = model.inputs_of(bare)
    reference = {name: v for name, v in model.reference(bare).items() if name != "loss"}
    with float64():
        log_mean = np.asarray(log_loss(model.signature, TRUTH, x, reference))
    params = {name: np.float64(value) for name, value in own.items()}
    rows = model.noise.rows(bare, x, bare)
    loss = np.exp(log_mean + model.noise.simulate(rng, log_mean, params, rows))
    return read_quietly({"N": size, "loss": loss, **columns})


def recovered(noise: str, own: dict[str, float], number: int, **options: Any) -> bs.Fit:
    """A quick fit to simulated runs, checked to hold the truth of the noise and of the law."""
    fit = bs.fit(LAW, simulated(noise, own, number, **options), noise=noise, method="laplace",
                 progress=False)  # fmt: skip
    assert fit.diagnosis.converged
    for name, true in {**own, "E": TRUTH["E"], "alpha": TRUTH["alpha"]}.items():
        draws = fit.draws[name]
        off = (np.mean(draws) - true) / np.std(draws)
        assert abs(off) < 3.5, (name, off)
        # Not because the fit knows nothing.
        assert fit.diagnosis.contraction[name] > 0.4, name
    return fit


def densities(fit_noise: str, runs: bs.Runs, own: dict[str, float]) -> np.ndarray:
    """Log density of each loss at the true law, as a compiled program has it."""
    model = build_model(LAW, fit_noise)
    data = model.data(runs)
    with float64():
        values = jax.jit(log_likelihood, static_argnums=0)(model.signature, {**TRUTH, **own}, data)
        return np.asarray(values)[: len(runs)]


def residuals(runs: bs.Runs) -> np.ndarray:
    """Log residuals about the true law."""
    x = np.log(runs["N"])
    law = TRUTH["E"] + TRUTH["T_N"] * np.exp(-TRUTH["alpha"] * (x - x.mean()))
    return np.asarray(np.log(runs.loss / law))
