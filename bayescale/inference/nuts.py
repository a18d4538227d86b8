"""NUTS by NumPyro's kernel, whitened by the Laplace approximation.

Where processors are few and each is fast, every chain runs by itself in a thread: chains that share
a program wait, at every draw, for the deepest of their trees. On an accelerator, where a second
chain costs nothing, they run together. Either way the compiled program makes a fixed number of
draws and is called again and again, so that a progress bar can move and the user can interrupt
without a callback from the program.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from numpyro.infer.hmc import hmc
from numpyro.infer.util import ParamInfo

from bayescale.inference import density
from bayescale.inference.progress import Progress
from bayescale.inference.rows import n_devices
from bayescale.inference.runtime import Program, float64, processors, side_by_side
from bayescale.model import Data, Signature

__all__ = ["Chains", "Settings", "prepare", "sample"]

HIGH = 1e5
"""Nats by which the potential at the start is overstated, for the first transition alone."""

CHUNK = 100
"""Draws in one call of the compiled program."""


LONGER = 4
"""Transitions to a draw in the retry: with small steps a chain that is no longer gets nowhere."""


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
        Deepest tree: at most ``2**max_tree_depth - 1`` leapfrog steps a transition.
    thin : int
        Transitions to a draw after the warm-up; see :meth:`Chains.thinned`.
    """

    warmup: int = 300
    draws: int = 1000
    chains: int = 4
    target_accept: float = 0.85
    max_tree_depth: int = 10
    thin: int = 1

    def cautious(self, *, longer: bool = True) -> Settings:
        """Smaller steps, a longer warm-up, and longer chains of as many draws, for one retry."""
        return Settings(
            max(1000, 3 * self.warmup),
            self.draws,
            self.chains,
            0.5 + 0.5 * max(self.target_accept, 0.96),
            self.max_tree_depth,
            LONGER if longer else self.thin,
        )


class Chains(NamedTuple):
    """Transitions after warm-up; every array has leading axes ``(chain, transition)``."""

    u: np.ndarray
    potential: np.ndarray
    energy: np.ndarray
    steps: np.ndarray
    acceptance: np.ndarray
    diverging: np.ndarray
    step_size: np.ndarray

    def thinned(self, by: int) -> Chains:
        """The last of every ``by`` transitions; a draw diverged where any of them did."""
        if by == 1:
            return self
        kept = Chains(*(values[:, by - 1 :: by] for values in self))
        shape = (*kept.diverging.shape, by)
        return kept._replace(diverging=np.any(self.diverging.reshape(shape), axis=-1))


# Traced once, however often the sampler's kernel calls it.
_potential = jax.jit(density.potential, static_argnums=1)


@functools.cache
def _programs(
    signature: Signature, warmup: int, target_accept: float, max_tree_depth: int, together: bool
) -> tuple[Program, Program]:
    """Begin a chain, and advance it by one chunk; or all chains, where they run together."""

    def potential(data: Data, mode: Any, factor: Any) -> Callable[[Any], Any]:
        return lambda z: _potential(mode + factor @ z, signature, data)

    init_kernel, kernel = hmc(potential_fn_gen=potential, algo="NUTS")

    def begin(z: Any, value: Any, seed: Any, chain: Any, data: Data) -> Any:
        # In the whitened coordinates the slope of the potential is about z: good enough for the
        # first transition, and nothing more to compile. Its value is set far above the truth, so
        # that the transition leaves the start and what was assumed of it.
        return init_kernel(
            ParamInfo(z, value + HIGH, z),
            num_warmup=warmup,
            step_size=0.5,
            dense_mass=True,
            target_accept_prob=target_accept,
            max_tree_depth=max_tree_depth,
            model_args=(data, z, jnp.eye(z.shape[0])),
            rng_key=jax.random.fold_in(jax.random.key(seed), chain),
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

    if together:
        return (
            Program(jax.vmap(begin, in_axes=(0, None, None, 0, None))),
            Program(jax.vmap(advance, in_axes=(0, None, None, None))),
        )
    return Program(begin), Program(advance)


def prepare(signature: Signature, data: Data, settings: Settings) -> None:
    """Start compiling."""
    together = side_by_side() or n_devices(data) > 1
    begin, advance = _programs(
        signature, settings.warmup, settings.target_accept, settings.max_tree_depth, together
    )
    d = len(signature.kinds)
    mode, factor = np.zeros(d), np.eye(d)
    lead = (settings.chains,) if together else ()
    with float64():
        _, state = begin.prepare(
            np.zeros((*lead, d)), np.float64(0.0), np.int64(0), np.zeros(lead, np.int64), data
        )
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
        Called with draws done and draws in all, from this thread or another.
    """
    prepare(signature, data, settings)  # programs are traced in this thread alone
    together = side_by_side() or n_devices(data) > 1
    begin, advance = _programs(
        signature, settings.warmup, settings.target_accept, settings.max_tree_depth, together
    )
    total = settings.warmup + settings.thin * settings.draws
    groups = 1 if together else settings.chains
    tell = _Teller(progress, groups, total)
    stop = threading.Event()

    def run(z: Any, chain: Any) -> list[Any]:
        kept = []
        with float64():
            state = begin(z, np.float64(value), np.int64(seed), chain, data)
            for done in range(0, total, CHUNK):
                if stop.is_set():
                    break
                state, out = advance(state, data, mode, factor)
                jax.block_until_ready(out)  # the bar tells what is done, not what is queued
                if done >= settings.warmup:
                    kept.append(jax.tree.map(np.asarray, out))
                tell(CHUNK)
        return kept

    numbers = np.arange(settings.chains, dtype=np.int64)
    if together:
        return Chains(*(np.concatenate(v, axis=1) for v in zip(*run(starts, numbers), strict=True)))
    with ThreadPoolExecutor(min(groups, processors())) as pool:
        try:
            chains = list(pool.map(run, starts, numbers))
        except BaseException:
            stop.set()
            raise
    joined = [[np.concatenate(v) for v in zip(*kept, strict=True)] for kept in chains]
    return Chains(*(np.stack(v) for v in zip(*joined, strict=True)))


class _Teller:
    """Adds up the draws of the chains for the progress bar."""

    def __init__(self, progress: Progress | None, groups: int, total: int) -> None:
        self._progress, self._groups, self._total = progress, groups, total
        self._done = 0
        self._lock = threading.Lock()
        if progress:
            progress(0, total)

    def __call__(self, draws: int) -> None:
        if self._progress:
            with self._lock:
                self._done += draws
                self._progress(self._done // self._groups, self._total)
