"""Turn coordinates into parameters, priors and likelihoods, a block of draws at a time."""

from __future__ import annotations

import functools
from typing import Any, NamedTuple

import jax
import numpy as np

from bayescale.inference import density
from bayescale.inference.runtime import Program, float64
from bayescale.model import Data, Signature

__all__ = ["BLOCK", "Evaluated", "evaluate", "prepare"]

BLOCK = 1000
"""Draws in one call of the compiled program; a shorter block is padded."""


class Evaluated(NamedTuple):
    """Draws with their densities, each array with a leading axis of draws."""

    params: dict[str, np.ndarray]
    log_prior: dict[str, np.ndarray]
    log_likelihood: np.ndarray
    log_jacobian: np.ndarray

    @property
    def log_density(self) -> np.ndarray:
        """Log posterior density in the coordinates, unnormalised."""
        prior = np.sum(list(self.log_prior.values()), axis=0)
        return np.asarray(prior + self.log_likelihood.sum(axis=-1) + self.log_jacobian)


@functools.cache
def _program(signature: Signature) -> Program:
    def one(u: Any, data: Data) -> Any:
        params, log_jacobian = density.from_unconstrained(u, signature, data)
        log_prior, log_likelihood = density.parts(params, signature, data)
        return params, log_prior, log_likelihood, log_jacobian

    return Program(jax.vmap(one, in_axes=(0, None)))


def prepare(signature: Signature, data: Data) -> None:
    """Start compiling."""
    with float64():
        _program(signature).prepare(np.zeros((BLOCK, len(signature.kinds))), data)


def evaluate(signature: Signature, u: np.ndarray, data: Data) -> Evaluated:
    """Evaluate draws.

    Parameters
    ----------
    signature, data
        The model and its arrays.
    u : array, shape (draws, n_parameters)
        Coordinates.

    Returns
    -------
    Evaluated
        ``log_likelihood`` has one column for each run, padding removed.
    """
    n_rows = int(np.sum(data["mask"]))
    blocks = []
    with float64():
        for start in range(0, len(u), BLOCK):
            block = u[start : start + BLOCK]
            padded = np.concatenate([block, np.repeat(block[-1:], BLOCK - len(block), axis=0)])
            params, prior, likelihood, jacobian = _program(signature)(padded, data)
            out = (params, prior, likelihood[:, :n_rows], jacobian)
            size = len(block)
            blocks.append(jax.tree.map(lambda value, size=size: np.asarray(value)[:size], out))
    return Evaluated(*jax.tree.map(lambda *values: np.concatenate(values), *blocks))
