"""NUTS by NumPyro's kernel, whitened by the Laplace approximation.

The chains run together in one compiled program of a fixed number of draws, called again and again,
so that a progress bar can move and the user can interrupt without a callback from the program.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from numpyro.infer.hmc import hmc
from numpyro.infer.util import ParamInfo

from bayescale.inference import density
from bayescale.inference.progress import Progress
from bayescale.inference.runtime import Program, float64
from bayescale.model import Data, Signature

__all__ = ["Chains", "Settings", "prepare", "sample"]

HIGH = 1e5
"""Nats by which the potential at the start is overstated, for the first transition alone."""

CHUNK = 100
"""Draws in one call of the compiled program."""


@dataclass(frozen=True)
class Settings:
    """Settings of the sampler.

    Parameters
    ----------
    warmup, draws : int
        Lengths of the warm-up and of each chain after it; multiples of 100.
    chains : int
        Number of chains.
    target_accept : float
        Acceptance probability that the step size is tuned to.
    max_tree_depth : int
        Deepest tree: at most ``2**max_tree_depth - 1`` leapfrog steps a draw.
    """

    warmup: int = 300
    draws: int = 1000
    chains: int = 4
    target_accept: float = 0.85
    max_tree_depth: int = 10

    def cautious(self) -> Settings:
        """Smaller steps and a longer warm-up, for one retry."""
        return Settings(
            max(1000, 3 * self.warmup),
            self.draws,
            self.chains,
            0.5 + 0.5 * max(self.target_accept, 0.96),
            self.max_tree_depth,
        )


class Chains(NamedTuple):
    """Draws after warm-up; every array has leading axes ``(chain, draw)``."""

    u: np.ndarray
    potential: np.ndarray
    energy: np.ndarray
    steps: np.ndarray
    acceptance: np.ndarray
    diverging: np.ndarray
    step_size: np.ndarray


# Traced once, however often the sampler's kernel calls it.
_potential = jax.jit(density.potential, static_argnums=1)


@functools.cache
def _programs(
    signature: Signature, warmup: int, target_accept: float, max_tree_depth: int
) -> tuple[Program, Program]:
    """Begin all chains, and advance them by one chunk."""

    def potential(data: Data, mode: Any, factor: Any) -> Callable[[Any], Any]:
        return lambda z: _potential(mode + factor @ z, signature, data)

    init_kernel, kernel = hmc(potential_fn_gen=potential, algo="NUTS")

    def initialise(z: Any, value: Any, slope: Any, key: Any, data: Data) -> Any:
        return init_kernel(
            ParamInfo(z, value, slope),
            num_warmup=warmup,
            step_size=0.5,
            dense_mass=True,
            target_accept_prob=target_accept,
            max_tree_depth=max_tree_depth,
            model_args=(data, z, jnp.eye(z.shape[0])),
            rng_key=key,
        )

    def advance(state: Any, data: Data, mode: Any, factor: Any) -> Any:
        def step(state: Any, _: None) -> Any:
            state = kernel(state, (data, mode, factor), {})
            kept = (
                mode + factor @ state.z,
                state.potential_energy,
                state.energy,
                state.num_steps,
                state.accept_prob,
                state.diverging,
                state.adapt_state.step_size,
            )
            return state, kept

        return jax.lax.scan(step, state, None, length=CHUNK)

    def begin(z: Any, value: Any, keys: Any, data: Data) -> Any:
        # In the whitened coordinates the slope of the potential is about z: good enough for the
        # first transition, and nothing more to compile. Its value is set far above the truth, so
        # that the transition leaves the start and what was assumed of it.
        values = value + HIGH + jnp.zeros(z.shape[0])
        return jax.vmap(initialise, in_axes=(0, 0, 0, 0, None))(z, values, z, keys, data)

    return Program(begin), Program(jax.vmap(advance, in_axes=(0, None, None, None)))


def prepare(signature: Signature, data: Data, settings: Settings) -> None:
    """Start compiling."""
    begin, advance = _programs(
        signature,
        settings.warmup,
        settings.target_accept,
        settings.max_tree_depth,
    )
    d = len(signature.kinds)
    mode, factor = np.zeros(d), np.eye(d)
    with float64():
        keys = jax.random.split(jax.random.key(0), settings.chains)
        z = np.zeros((settings.chains, d))
        _, state = begin.prepare(z, np.float64(0.0), keys, data)
        advance.prepare(state, data, mode, factor)


def sample(
    signature: Signature,
    data: Data,
    mode: np.ndarray,
    factor: np.ndarray,
    starts: np.ndarray,
    value: float,
    seed: int,
    settings: Settings,
    progress: Progress | None = None,
) -> Chains:
    """Run the chains.

    Parameters
    ----------
    signature, data
        The model and its arrays.
    mode : array, shape (n_parameters,)
    factor : array, shape (n_parameters, n_parameters)
        The chains move in ``z``, with coordinates ``mode + factor @ z``.
    starts : array, shape (chains, n_parameters)
        Starting points, in ``z``.
    value : float
        The potential at ``z = 0``.
    seed : int
        Seed of the chains.
    settings : Settings
        Lengths and tuning.
    progress : callable, optional
        Called with draws done and draws in all.
    """
    begin, advance = _programs(
        signature,
        settings.warmup,
        settings.target_accept,
        settings.max_tree_depth,
    )
    total = settings.warmup + settings.draws
    kept = []
    with float64():
        keys = jax.random.split(jax.random.key(seed), settings.chains)
        state = begin(starts, np.float64(value), keys, data)
        for done in range(0, total, CHUNK):
            if progress:
                progress(done, total)
            state, out = advance(state, data, mode, factor)
            jax.block_until_ready(out)  # so that the bar tells what is done, not what is queued
            if done >= settings.warmup:
                kept.append(jax.tree.map(np.asarray, out))
    if progress:
        progress(total, total)
    return Chains(*(np.concatenate(values, axis=1) for values in zip(*kept, strict=True)))
