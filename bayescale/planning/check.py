"""A check of a design that takes nothing as Gaussian: outcomes simulated, draws reweighted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import jax
import numpy as np

from bayescale.inference.runtime import float64
from bayescale.noise import Noise

__all__ = ["Check", "noise_variance", "reweighted"]

OUTCOMES = 100
"""Simulated outcomes of a design."""

LEVELS = 400
"""Points of the distribution of the noise."""

SOME = 50
"""Draws of the noise's parameters."""


@dataclass(frozen=True)
class Check:
    """The expected posterior variance of a target, by reweighting.

    Parameters
    ----------
    variance : float
        Mean over simulated outcomes.
    se : float
        Its standard error over outcomes.
    ess : float
        Median effective number of draws behind an outcome.
    """

    variance: float
    se: float
    ess: float


def noise_variance(noise: Noise, draws: Mapping[str, np.ndarray]) -> float:
    """Variance of a normal noise that would tell as much of the mean: one over the information.

    Parameters
    ----------
    noise : Noise
    draws : mapping of str to array, shape (draw,)
        Parameters of the noise.
    """
    n = len(next(iter(draws.values()))) if draws else 1
    some = np.linspace(0, n - 1, min(n, SOME)).astype(int)
    params = {name: values[some][:, None] for name, values in draws.items()}
    p = (np.arange(LEVELS) + 0.5) / LEVELS
    residual = np.broadcast_to(noise.quantile(p, params), (len(some), LEVELS))
    with float64():

        def density(mean: jax.Array) -> jax.Array:
            return jax.numpy.asarray(noise.log_loss(mean, params).log_prob(residual))

        at = jax.numpy.zeros(residual.shape)
        _, score = jax.jvp(density, (at,), (jax.numpy.ones_like(at),))
        information = np.mean(np.asarray(score) ** 2)
    return float(1.0 / information)


def reweighted(
    target: np.ndarray,
    runs: np.ndarray,
    noise: Noise,
    draws: Mapping[str, np.ndarray],
    rng: np.random.Generator,
) -> Check:
    """The expected variance of a target after a design, by simulated outcomes.

    Parameters
    ----------
    target : array, shape (draw,)
    runs : array, shape (draw, run)
        The law's log loss at the runs of the design.
    noise : Noise
    draws : mapping of str to array, shape (draw,)
        Parameters of the noise.
    rng : numpy.random.Generator
    """
    n = len(target)
    params = {name: values[:, None] for name, values in draws.items()}
    variances, sizes = [], []
    for truth in rng.integers(n, size=OUTCOMES):
        own = {name: values[[truth]] for name, values in draws.items()}
        p = np.asarray(rng.uniform(size=runs.shape[1]))
        seen = runs[truth] + noise.quantile(p, own)
        with float64():
            density = np.asarray(noise.log_loss(runs, params).log_prob(seen)).sum(axis=1)
        density[truth] = -np.inf  # the truth is no draw of its own posterior
        weights = np.exp(density - density.max())
        weights /= weights.sum()
        middle = weights @ target
        variances.append(weights @ (target - middle) ** 2)
        sizes.append(1.0 / np.sum(weights**2))
    spread = float(np.std(variances, ddof=1) / np.sqrt(OUTCOMES))
    return Check(float(np.mean(variances)), spread, float(np.median(sizes)))
