"""A fit as the estimators see it: draws in unconstrained coordinates, and the density there."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass

import jax
import numpy as np

from bayescale.errors import LawError
from bayescale.evidence.estimate import Density
from bayescale.inference import density
from bayescale.inference.evaluate import BLOCK, Evaluated, evaluate
from bayescale.inference.rows import arranged, grouped, is_large
from bayescale.inference.runtime import Program, float64
from bayescale.model import LOSS_SCALE, Data, Model, Signature
from bayescale.posterior import Fit

__all__ = ["Problem", "prepare", "problem"]

TOLERANCE = 1e-6
"""Nats by which a recomputed log density may differ from what the fit says."""


@dataclass(frozen=True, eq=False)
class Problem:
    """A fit's posterior in unconstrained coordinates.

    Parameters
    ----------
    model : Model
    data : dict
        The arrays of the fitted runs.
    draws : array, shape (chain, draw, n_parameters)
    log_density : array, shape (chain, draw)
        Log joint density at the draws.
    """

    model: Model
    data: Data
    draws: np.ndarray
    log_density: np.ndarray

    @property
    def is_large(self) -> bool:
        """Whether an evaluation is dear, so that fewer should do."""
        return is_large(self.data)

    def evaluated(self, u: np.ndarray) -> tuple[Evaluated, Density]:
        """Parameters and densities at coordinates, shape ``(point, n_parameters)``."""
        found = evaluate(self.model.signature, u, self.data)
        prior = np.sum(list(found.log_prior.values()), axis=0) + found.log_jacobian
        return found, Density(prior + found.log_likelihood_sum, prior)

    def target(self, u: np.ndarray) -> Density:
        """Densities at coordinates."""
        return self.evaluated(u)[1]

    def prior_draws(self, n: int, rng: np.random.Generator) -> np.ndarray:
        """Independent draws of the prior, in the coordinates, shape ``(n, n_parameters)``."""
        more = n + n // 4  # some may lie where the coordinates overflow
        scale = float(self.data["reference"][LOSS_SCALE])
        params = {
            p.name: self.model.priors[p.name].draws(more, rng, scale, p.positive)
            for p in self.model.parameters
        }
        u = coordinates(params, self.model.signature, self.data)
        return u[np.all(np.isfinite(u), axis=1)][:n]


def problem(fit: Fit) -> Problem:
    """The posterior of a fit.

    Raises
    ------
    LawError
        Where the density recomputed at the draws is not the one that the fit recorded: it was made
        by another version, or of other runs.
    """
    signature = fit.model.signature
    data = fit.model.data(fit.runs, fit.reference)
    groups = grouped(data, signature)
    data = arranged(data if groups is None else groups)
    shape = next(iter(fit.draws.values())).shape
    flat = {name: np.asarray(values).reshape(-1) for name, values in fit.draws.items()}
    u = coordinates(flat, signature, data)
    evaluated = evaluate(signature, u, data)
    recorded = fit.log_likelihood_sum + sum(np.asarray(v) for v in fit.log_prior.values())
    again = (evaluated.log_density - evaluated.log_jacobian).reshape(shape)
    usable = np.isfinite(again) & np.isfinite(recorded)  # elsewhere, chains that ran away
    off = np.abs(again - recorded)[usable]
    if np.any(off > TOLERANCE + 1e-9 * np.abs(recorded[usable])):
        worst = float(off.max())
        raise LawError(
            f"The fit of {fit.law.name!r} records other densities than this version computes at "
            f"its draws (by up to {worst:.2g} nats). Fit again."
        )
    return Problem(fit.model, data, u.reshape(*shape, -1), evaluated.log_density.reshape(shape))


@functools.cache
def _program(signature: Signature) -> Program:
    def one(params: dict[str, jax.Array], data: Data) -> jax.Array:
        return density.to_unconstrained(params, signature, data)  # type: ignore[no-any-return]

    return Program(jax.vmap(one, in_axes=(0, None)))


def prepare(signature: Signature, data: Data) -> None:
    """Start compiling the map from parameters to coordinates."""
    numbers = {name: data[name] for name in density.NUMBERS}
    params = {name: np.ones(BLOCK) for name, *_ in signature.kinds}
    with float64():
        _program(signature).prepare(params, numbers)


def coordinates(params: Mapping[str, np.ndarray], signature: Signature, data: Data) -> np.ndarray:
    """Unconstrained coordinates of parameters, each of shape ``(draw,)``."""
    numbers = {name: data[name] for name in density.NUMBERS}
    n = len(next(iter(params.values())))
    blocks = []
    with float64():
        for start in range(0, n, BLOCK):
            block = {name: values[start : start + BLOCK] for name, values in params.items()}
            size = len(next(iter(block.values())))
            padded = {
                name: np.concatenate([v, np.repeat(v[-1:], BLOCK - size)])
                for name, v in block.items()
            }
            blocks.append(np.asarray(_program(signature)(padded, numbers))[:size])
    return np.concatenate(blocks)
