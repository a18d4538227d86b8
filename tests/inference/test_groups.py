"""Coordinates of pooled parameters."""

from __future__ import annotations

import jax
import numpy as np
import pytest

from bayescale.fitting import build_model
from bayescale.inference import density
from bayescale.runs.read import read_quietly

RNG = np.random.default_rng(2)
RUNS = read_quietly(
    {
        "N": 10 ** RNG.uniform(6, 9, 24),
        "D": 10 ** RNG.uniform(8, 11, 24),
        "loss": RNG.uniform(2.0, 3.0, 24),
        "family": ["a", "b", "c"] * 8,
    }
)


@pytest.mark.parametrize(
    ("law", "pool"),
    [
        ("chinchilla", "family"),
        ("chinchilla", "family(T_N, sd=0.2)"),
        ("subscaling", "family(E, alpha)"),
    ],
)
def test_the_map_is_inverted_and_its_jacobian_is_that_of_the_map(law: str, pool: str) -> None:
    model = build_model(law, "normal", pool=pool).resolved(RUNS)
    data = model.data(RUNS)
    rng = np.random.default_rng(3)
    at = {
        p.name: np.float64(model.priors[p.name].draws(1, rng, 2.4, p.positive)[0])
        for p in model.parameters
    }
    names = [name for name, *_ in model.signature.kinds]
    with jax.enable_x64(True):
        u = jax.jit(density.to_unconstrained, static_argnums=1)(at, model.signature, data)
        assert u.shape == (len(names),)
        leave = jax.jit(density.from_unconstrained, static_argnums=1)
        back, log_jacobian = leave(u, model.signature, data)

        def forth(u):
            params = leave(u, model.signature, data)[0]
            return jax.numpy.stack([params[name] for name in names])

        matrix = np.asarray(jax.jacfwd(forth)(u))
    assert set(back) == set(names)
    for name, value in at.items():
        assert back[name] == pytest.approx(value, rel=1e-9), name
    assert log_jacobian == pytest.approx(np.linalg.slogdet(matrix)[1], abs=1e-8)
