r"""Gaussian processes in one dimension as state-space models: a Kalman filter, linear in the runs.

The state is the process and its derivative; between two places a distance apart it moves by a
matrix and gains a covariance [1]_. The filter gives the density of the data with the process
integrated out, the smoother its distribution at any place, given the data: both exact.

References
----------
.. [1] Särkkä and Solin 2019, "Applied Stochastic Differential Equations", sections 6 and 12; the
   Matérn process of order 3/2 is their eq. 12.35.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from bayescale.discrepancy.kernel import Integrated
from bayescale.laws.term import Values

__all__ = ["IntegratedWiener", "Kernel", "Matern32", "filtered", "smoothed"]


class Step(NamedTuple):
    """Transition over a gap: the rows of the matrix, and the covariance that is gained."""

    a11: Any
    a12: Any
    a21: Any
    a22: Any
    q11: Any
    q12: Any
    q22: Any


class State(NamedTuple):
    """Mean and covariance of the process and its derivative."""

    m1: Any
    m2: Any
    p11: Any
    p12: Any
    p22: Any


class Kernel(Integrated):
    """A Gaussian process in one dimension: a frozen declaration without numbers."""

    @abstractmethod
    def start(self, amplitude: Any, length: Any) -> tuple[Any, Any]:
        """Variances of the process and of its derivative at the first place."""

    @abstractmethod
    def step(self, amplitude: Any, length: Any, gap: Any) -> Step:
        """The transition over a gap of zero or more."""

    def log_density(
        self, log_mean: Any, loss: Any, params: Values, rows: Values, mask: Any, span: Any
    ) -> Any:
        """Log density of each loss given those at smaller inputs, the process integrated out."""
        order = rows["order"]
        log_loss = jnp.log(loss)
        values = (log_loss - log_mean)[order]
        variances = (params["sigma"] ** 2 / rows["count"] + rows["own"])[order]
        scale, length = span * params["wander"], params.get("length", 1.0)
        found = filtered(self, scale, length, rows["gap"], values, variances, mask[order])
        return jnp.zeros_like(found).at[order].set(found) - log_loss


@dataclass(frozen=True)
class Matern32(Kernel):
    r"""Covariance :math:`a^2 (1 + \sqrt3\,r/\ell)\,e^{-\sqrt3\,r/\ell}` at a distance r."""

    def start(self, amplitude: Any, length: Any) -> tuple[Any, Any]:
        return amplitude**2, 3.0 * (amplitude / length) ** 2

    def step(self, amplitude: Any, length: Any, gap: Any) -> Step:
        rate = jnp.sqrt(3.0) / length
        z = rate * gap
        decay = jnp.exp(-z)
        a11, a12, a21, a22 = decay * (1 + z), decay * gap, -(rate**2) * gap * decay, decay * (1 - z)
        # One minus e^(-2z) times a polynomial, where the difference is small: by expm1.
        square, gone = amplitude**2, -jnp.expm1(-2.0 * z)
        kept = decay**2
        q11 = square * (gone - 2.0 * z * kept - 2.0 * z**2 * kept)
        q12 = square * rate * 2.0 * z**2 * kept
        q22 = square * rate**2 * (gone + 2.0 * z * kept - 2.0 * z**2 * kept)
        return Step(a11, a12, a21, a22, q11, q12, q22)


@dataclass(frozen=True)
class IntegratedWiener(Kernel):
    """An integrated Wiener process from the first place, with sd ``amplitude`` a unit later.

    It has no length: ``length`` is not used.
    """

    def start(self, amplitude: Any, length: Any) -> tuple[Any, Any]:
        return 0.0 * amplitude, 0.0 * amplitude

    def step(self, amplitude: Any, length: Any, gap: Any) -> Step:
        q, one = 3.0 * amplitude**2, jnp.ones_like(gap)
        return Step(one, gap, 0.0 * gap, one, q * gap**3 / 3, q * gap**2 / 2, q * gap)


def _moved(state: State, step: Step) -> State:
    """The state after a gap."""
    m1, m2, p11, p12, p22 = state
    a11, a12, a21, a22, q11, q12, q22 = step
    b11, b12 = a11 * p11 + a12 * p12, a11 * p12 + a12 * p22
    b21, b22 = a21 * p11 + a22 * p12, a21 * p12 + a22 * p22
    return State(
        a11 * m1 + a12 * m2,
        a21 * m1 + a22 * m2,
        b11 * a11 + b12 * a12 + q11,
        b11 * a21 + b12 * a22 + q12,
        b21 * a21 + b22 * a22 + q22,
    )


def _seen(state: State, value: Any, variance: Any, seen: Any) -> tuple[State, Any]:
    """The state given a value with a noise variance, if it was seen; and its log density."""
    m1, m2, p11, p12, p22 = state
    total = jnp.where(seen, p11 + variance, 1.0)
    off = jnp.where(seen, value - m1, 0.0)
    log_density = jnp.where(seen, -0.5 * (jnp.log(2.0 * np.pi * total) + off**2 / total), 0.0)
    g1, g2 = jnp.where(seen, p11 / total, 0.0), jnp.where(seen, p12 / total, 0.0)
    after = State(m1 + g1 * off, m2 + g2 * off, p11 - g1 * p11, p12 - g1 * p12, p22 - g2 * p12)
    return after, log_density


def _run(
    kernel: Kernel, amplitude: Any, length: Any, gaps: Any, values: Any, variances: Any, seen: Any
) -> tuple[State, State, Any]:
    """States before and after each value, and its log density given those before it."""
    first, slope = kernel.start(amplitude, length)
    zero = jnp.zeros_like(first)
    steps = kernel.step(amplitude, length, gaps)

    def go(state: State, row: Any) -> tuple[State, Any]:
        step, value, variance, is_seen = row
        before = _moved(state, step)
        after, log_density = _seen(before, value, variance, is_seen)
        return after, (before, after, log_density)

    rows = (steps, values, variances, seen)
    _, (before, after, log_density) = jax.lax.scan(go, State(zero, zero, first, zero, slope), rows)
    return before, after, log_density


def filtered(
    kernel: Kernel, amplitude: Any, length: Any, gaps: Any, values: Any, variances: Any, seen: Any
) -> Any:
    """Log density of each value given those before it, the process integrated out.

    Parameters
    ----------
    kernel : Kernel
    amplitude, length : scalar
        Hyperparameters; the length in the unit of the gaps.
    gaps : array, shape (place,)
        Distance of each place from the one before; zero for the first.
    values, variances : array, shape (place,)
        The process plus noise, and the variance of the noise.
    seen : array of bool, shape (place,)
        Which values were seen; the others have density zero in the log, and tell nothing.
    """
    return _run(kernel, amplitude, length, gaps, values, variances, seen)[2]


def smoothed(
    kernel: Kernel, amplitude: Any, length: Any, gaps: Any, values: Any, variances: Any, seen: Any
) -> tuple[Any, Any]:
    """Mean and variance of the process at each place, given all values that were seen.

    By the smoother of Rauch, Tung and Striebel; parameters as in :func:`filtered`.
    """
    before, after, _ = _run(kernel, amplitude, length, gaps, values, variances, seen)
    steps = kernel.step(amplitude, length, gaps)

    def last(states: State) -> State:
        return State(*(v[-1] for v in states))

    def go(later: State, row: Any) -> tuple[State, State]:
        """From the state one place on, smoothed, to the one here."""
        here, ahead, step, gap = row
        # The gain P A' (A P A' + Q)^-1; over no gap the two states are one.
        b11 = here.p11 * step.a11 + here.p12 * step.a12
        b12 = here.p11 * step.a21 + here.p12 * step.a22
        b21 = here.p12 * step.a11 + here.p22 * step.a12
        b22 = here.p12 * step.a21 + here.p22 * step.a22
        apart = gap > 0
        det = jnp.where(apart, ahead.p11 * ahead.p22 - ahead.p12**2, 1.0)
        g11 = jnp.where(apart, (b11 * ahead.p22 - b12 * ahead.p12) / det, 1.0)
        g12 = jnp.where(apart, (b12 * ahead.p11 - b11 * ahead.p12) / det, 0.0)
        g21 = jnp.where(apart, (b21 * ahead.p22 - b22 * ahead.p12) / det, 0.0)
        g22 = jnp.where(apart, (b22 * ahead.p11 - b21 * ahead.p12) / det, 1.0)
        d1, d2 = later.m1 - ahead.m1, later.m2 - ahead.m2
        d11, d12, d22 = later.p11 - ahead.p11, later.p12 - ahead.p12, later.p22 - ahead.p22
        h11, h12 = g11 * d11 + g12 * d12, g11 * d12 + g12 * d22
        h21, h22 = g21 * d11 + g22 * d12, g21 * d12 + g22 * d22
        smooth = State(
            here.m1 + g11 * d1 + g12 * d2,
            here.m2 + g21 * d1 + g22 * d2,
            here.p11 + h11 * g11 + h12 * g12,
            here.p12 + h11 * g21 + h12 * g22,
            here.p22 + h21 * g21 + h22 * g22,
        )
        return smooth, smooth

    here = State(*(v[:-1] for v in after))
    ahead = State(*(v[1:] for v in before))
    onward = Step(*(v[1:] for v in jax.tree.map(lambda v: jnp.broadcast_to(v, gaps.shape), steps)))
    final = last(after)
    _, rest = jax.lax.scan(go, final, (here, ahead, onward, gaps[1:]), reverse=True)
    mean = jnp.concatenate([rest.m1, final.m1[None]])
    variance = jnp.concatenate([rest.p11, final.p11[None]])
    return mean, jnp.maximum(variance, 0.0)
