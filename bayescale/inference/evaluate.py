"""Turn coordinates into parameters, priors and likelihoods, a block of draws at a time."""

from __future__ import annotations

import functools
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from bayescale.errors import BayescaleError
from bayescale.inference import density
from bayescale.inference.progress import Progress
from bayescale.inference.rows import arranged, by_row, is_large, n_devices, n_rows
from bayescale.inference.runtime import Program, float64, processors, side_by_side
from bayescale.laws.term import Values
from bayescale.model import Data, Signature, log_likelihood, log_loss

__all__ = [
    "BLOCK",
    "KEPT",
    "Evaluated",
    "RowSummary",
    "evaluate",
    "not_kept",
    "prepare",
    "summarise_rows",
]

BLOCK = 1000
"""Draws in one call of the compiled program; a shorter block is padded."""

LANES = 100
"""The same, where the log likelihood is summed over runs at once, or factors a matrix of them."""

KEPT = 20_000_000
"""Most numbers, runs times draws, that the log likelihood of every run is kept for: 0.16 GB."""


class Evaluated(NamedTuple):
    """Draws with their densities, each array with a leading axis of draws.

    ``pointwise`` has one column for each run, padding removed; it is None where that would be too
    many numbers to keep, or where runs were grouped.
    """

    params: dict[str, np.ndarray]
    log_prior: dict[str, np.ndarray]
    log_likelihood_sum: np.ndarray
    log_jacobian: np.ndarray
    pointwise: np.ndarray | None

    @property
    def log_density(self) -> np.ndarray:
        """Log posterior density in the coordinates, unnormalised."""
        prior = np.sum(list(self.log_prior.values()), axis=0)
        return np.asarray(prior + self.log_likelihood_sum + self.log_jacobian)

    @property
    def log_likelihood(self) -> np.ndarray:
        """Log likelihood of each run, shape ``(draw, run)``, where it was kept."""
        if self.pointwise is None:
            raise not_kept(len(self.log_jacobian))
        return self.pointwise

    def take(self, chosen: np.ndarray) -> Evaluated:
        """Draws at positions."""
        return Evaluated(*jax.tree.map(lambda values: values[chosen], tuple(self)))


def not_kept(draws: int, runs: int | None = None) -> BayescaleError:
    """The error of whoever asks for the log likelihood of each run where it was not kept."""
    of = f" of {runs:,} runs" if runs else ""
    return BayescaleError(
        f"The log likelihood{of} at {draws:,} draws was not kept run by run: it is kept up to "
        f"{KEPT:,} numbers. Use its sum, .log_likelihood_sum; for what needs every run, such as "
        "LOO, fit fewer rows (--where) or with fewer draws."
    )


@functools.cache
def _program(signature: Signature) -> Program:
    def one(u: Any, data: Data) -> Any:
        params, log_jacobian = density.from_unconstrained(u, signature, data)
        log_prior, pointwise = density.parts(params, signature, data)
        return params, log_prior, jnp.sum(pointwise), log_jacobian, pointwise

    return Program(jax.vmap(one, in_axes=(0, None)))


@functools.cache
def _sums(signature: Signature) -> Program:
    def one(u: Any, data: Data) -> Any:
        params, log_jacobian = density.from_unconstrained(u, signature, data)
        log_prior = density.log_prior(params, signature, data)
        total = density.log_likelihood_sum(params, signature, data)
        return params, log_prior, total, log_jacobian

    return Program(jax.vmap(one, in_axes=(0, None)))


def _keeps(data: Data, draws: int) -> bool:
    return not is_large(data) and "count" not in data and n_rows(data) * draws <= KEPT


def _size(signature: Signature) -> int:
    return LANES if signature.is_dense else BLOCK


def prepare(signature: Signature, data: Data, draws: int) -> None:
    """Start compiling for a number of draws."""
    kept = _keeps(data, draws)
    program, size = (_program, _size(signature)) if kept else (_sums, LANES)
    with float64():
        program(signature).prepare(np.zeros((size, len(signature.kinds))), arranged(data))


def evaluate(
    signature: Signature, u: np.ndarray, data: Data, progress: Progress | None = None
) -> Evaluated:
    """Evaluate draws.

    Parameters
    ----------
    signature, data
        The model and its arrays.
    u : array, shape (draws, n_parameters)
        Coordinates.
    progress : callable, optional
        Called with draws done and draws in all, where the table is large.

    Returns
    -------
    Evaluated
    """
    if not _keeps(data, len(u)):
        return _evaluate_sums(signature, u, data, progress)
    n, size = n_rows(data), _size(signature)
    blocks = []
    with float64():
        for block in _blocks(u, size):
            *out, pointwise = _program(signature)(_filled(block, size), data)
            blocks.append(_first((*out, np.asarray(pointwise)[:, :n]), len(block)))
    return Evaluated(*_joined(blocks))


def _evaluate_sums(
    signature: Signature, u: np.ndarray, data: Data, progress: Progress | None
) -> Evaluated:
    data = arranged(data)
    program = _sums(signature)
    with float64():
        program.prepare(np.zeros((LANES, u.shape[1])), data)

    def run(block: np.ndarray) -> Any:
        with float64():
            return _first(program(_filled(block, LANES), data), len(block))

    # Programs that span devices must not run beside each other: they would wait for each other.
    alone = side_by_side() or n_devices(data) > 1
    done, results = 0, []
    with ThreadPoolExecutor(1 if alone else processors()) as pool:
        try:
            for result in pool.map(run, _blocks(u, LANES)):
                results.append(result)
                done += len(result[-1])
                if progress:
                    progress(done, len(u))
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    params, log_prior, total, log_jacobian = _joined(results)
    return Evaluated(params, log_prior, total, log_jacobian, None)


def _blocks(u: np.ndarray, size: int) -> list[np.ndarray]:
    return [u[start : start + size] for start in range(0, len(u), size)]


def _filled(block: np.ndarray, size: int) -> np.ndarray:
    return np.concatenate([block, np.repeat(block[-1:], size - len(block), axis=0)])


def _first(out: Any, size: int) -> Any:
    return jax.tree.map(lambda value: np.asarray(value)[:size], tuple(out))


def _joined(blocks: list[Any]) -> Any:
    return jax.tree.map(lambda *values: np.concatenate(values), *blocks)


class RowSummary(NamedTuple):
    """What is said of every run of a large table, where its log likelihoods are not kept.

    ``log_mean`` is the log of the law, shape ``(run,)``; ``covariance`` that of the run's log
    likelihood with each given quantity, shape ``(run, quantity)``.
    """

    log_mean: np.ndarray
    covariance: np.ndarray


@functools.cache
def _summaries(signature: Signature) -> Program:
    def run(params: Any, covariance: Any, data: Data) -> Any:
        reference = data["reference"]

        def of_block(rows: Any) -> Any:
            log_mean = log_loss(signature, params, rows["x"], reference)
            slopes = jax.jacfwd(
                lambda params: log_likelihood(signature, params, {**rows, "reference": reference})
            )(params)
            return log_mean, sum(slopes[k][..., None] * covariance[k] for k in slopes)

        blocks = jax.tree.map(lambda values: jnp.moveaxis(values, 1, 0), by_row(data))
        out = jax.lax.map(of_block, blocks)
        return jax.tree.map(lambda values: jnp.moveaxis(values, 0, 1), out)

    return Program(run)


def summarise_rows(
    signature: Signature, params: Values, covariance: Values, data: Data
) -> RowSummary:
    """Go through the runs once, to first order in the parameters about one point.

    Parameters
    ----------
    signature, data
        The model and its arrays, not grouped.
    params : mapping of str to float
        The point: the posterior mean.
    covariance : mapping of str to array, shape (quantity,)
        Posterior covariance of each parameter with the quantities.
    """
    n = n_rows(data)
    data = arranged(data)
    if data["mask"].ndim == 1:
        data = {**data, **jax.tree.map(lambda v: v[None, None], by_row(data))}
    with float64():
        point = {name: np.float64(value) for name, value in params.items()}
        log_mean, found = _summaries(signature)(point, dict(covariance), data)
        found = np.asarray(found)
        return RowSummary(
            np.asarray(log_mean).reshape(-1)[:n], found.reshape(-1, found.shape[-1])[:n]
        )
