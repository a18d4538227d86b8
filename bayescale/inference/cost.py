"""What NUTS on a large table would cost, from the gradient as it runs here."""

from __future__ import annotations

import functools
import math
import time
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np

from bayescale.inference import density
from bayescale.inference.nuts import Settings
from bayescale.inference.rows import arranged, n_devices
from bayescale.inference.runtime import Program, float64, processors, side_by_side
from bayescale.model import Data, Signature

__all__ = ["TOO_LONG", "UNMEASURED", "Cost", "measure"]

GRADIENTS = 8
"""Gradients for each draw of whitened NUTS: trees of seven steps where the posterior is nearly
Gaussian, as that of a large table is."""

TOO_LONG = 300.0
"""Seconds beyond which NUTS is not started unless it is asked for."""

UNMEASURED = 16384
"""Rows up to which NUTS is run without asking what it costs."""

REPEATS = 3


@dataclass(frozen=True)
class Cost:
    """Seconds for one gradient of the log posterior, and for the whole of NUTS."""

    gradient: float
    nuts: float


def measure(signature: Signature, data: Data, u: np.ndarray, settings: Settings) -> Cost:
    """Time the gradient, in as many lanes as chains run together.

    Parameters
    ----------
    signature, data
        The model and its arrays.
    u : array, shape (n_parameters,)
        Where to take the gradient.
    settings : Settings
        Lengths of the chains.
    """
    data = arranged(data)
    together = side_by_side() or n_devices(data) > 1
    lanes = settings.chains if together else 1
    points = np.tile(u, (GRADIENTS, lanes, 1))  # a tree's worth, as in a draw
    program = _program(signature)
    seconds = []
    with float64():
        for _ in range(1 + REPEATS):  # the first compiles
            started = time.perf_counter()
            jax.block_until_ready(program(points, data))
            seconds.append(time.perf_counter() - started)
    draw = min(seconds[1:])
    rounds = 1 if together else math.ceil(settings.chains / processors())
    return Cost(draw / GRADIENTS, (settings.warmup + settings.draws) * rounds * draw)


@functools.cache
def _program(signature: Signature) -> Program:
    def one(u: Any, data: Data) -> Any:
        return jax.value_and_grad(density.potential)(u, signature, data)

    def run(points: Any, data: Data) -> Any:
        return jax.lax.map(lambda u: jax.vmap(one, in_axes=(0, None))(u, data), points)

    return Program(run)
