"""A point fit from many starts, by damped Newton steps, and the Hessian at the best."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from bayescale.inference import density
from bayescale.inference.rows import arranged, is_large, n_runs, thinned
from bayescale.inference.runtime import Program, float64, side_by_side
from bayescale.model import LOSS_SCALE, Data, Model, Signature

__all__ = ["Optima", "centred", "newton", "optimise", "prepare"]

type Derive = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]
"""Values and gradients at points of shape ``(n, n_parameters)``."""

MAX_STEPS = 200
DIFFERENCE = 1e-5
"""Step of the differences, in coordinates of the order of one."""

LONGEST = 3.0
"""Longest step in any coordinate."""

DECREMENT = 1e-9
"""A start has converged when a Newton step would lower the potential by less than this."""

ROUNDS = 60
NEAR, SPAN = 0.25, 2.0
"""A Gaussian holds over its own width where the mean slope is nothing to within the first, in
standard deviations, and the change of the slope is right to within the second, as a factor."""

LOOK = 2048
"""Rows of a large table that the starts look at; the whole table then sees where they arrived."""

ARRIVED = 1e-6
HOPELESS = 10.0
"""Nats by which a maximum seen in those rows may lie below the best and still be followed."""


class Optima(NamedTuple):
    """What the starts arrived at, best first.

    Every array has a leading axis of starts: ``u`` the coordinates, ``value`` the potential,
    ``decrement`` what one more Newton step would gain, ``params`` the parameters, ``hessian`` the
    second derivatives of the potential in the coordinates.
    """

    u: np.ndarray
    value: np.ndarray
    decrement: np.ndarray
    params: dict[str, np.ndarray]
    hessian: np.ndarray


class _Programs(NamedTuple):
    """Coordinates of parameters, derivatives of the potential there, parameters of coordinates."""

    enter: Program
    derive: Program
    leave: Program


@functools.cache
def _programs(signature: Signature) -> _Programs:
    def enter(params: Any, data: Data) -> Any:
        return jax.vmap(lambda p: density.to_unconstrained(p, signature, data))(params)

    def leave(u: Any, data: Data) -> Any:
        return jax.vmap(lambda u: density.from_unconstrained(u, signature, data)[0])(u)

    def derive(points: Any, n: Any, data: Data, prior_weight: Any, jacobian_weight: Any) -> Any:
        """Value and slope of the potential at the first ``n`` points."""
        one = jax.value_and_grad(
            lambda u: density.potential(u, signature, data, prior_weight, jacobian_weight)
        )
        scans = signature.process is not None and not signature.is_dense
        if side_by_side() or scans:  # one scan over rows serves all lanes
            return jax.vmap(one)(points)

        def fill(i: Any, found: Any) -> Any:
            value, slope = one(points[i])
            return found[0].at[i].set(value), found[1].at[i].set(slope)

        return jax.lax.fori_loop(0, n, fill, (jnp.zeros(points.shape[0]), jnp.zeros(points.shape)))

    return _Programs(Program(enter), Program(derive), Program(leave))


N_STARTS = 16


def optimise(
    model: Model, data: Data, *, prior_weight: float = 1.0, jacobian_weight: float = 1.0
) -> Optima:
    """Minimise the potential from the prior's centre and from points spread over the prior.

    The starts are a fixed low-discrepancy sequence, so that which optima are found depends on the
    runs and the law, not on a seed. In a large table they first go downhill on some of its rows;
    the whole table takes over at the optima that they find there.

    Parameters
    ----------
    model, data
        The model and its arrays.
    prior_weight, jacobian_weight : float
        See :func:`bayescale.inference.density.potential`.
    """
    weights = (prior_weight, jacobian_weight)
    with float64():
        starts = np.asarray(_programs(model.signature).enter(_starts(model, data), data))
        if is_large(data):
            look, share = _look(data)
            first = _minimise(model, look, starts, (share * prior_weight, share * jacobian_weight))
            starts, data = _promising(*first[:3]), arranged(data)
        u, value, decrement, hessian = _minimise(model, data, starts, weights)
        # A start where the potential has no finite value comes last.
        order = np.argsort(np.where(np.isfinite(value), value, np.inf), kind="stable")
        padded = np.resize(u[order], (N_STARTS, u.shape[1]))
        params = _programs(model.signature).leave(padded, data)
        params = jax.tree.map(lambda values: np.asarray(values)[: len(u)], params)
    return Optima(u[order], value[order], decrement[order], params, hessian[order])


def centred(model: Model, data: Data, optima: Optima) -> Optima:
    """The optima as a sampler needs them: with a Hessian that holds over the posterior's width.

    Where the noise is smooth they are that already. Elsewhere a start stops at any kink, and
    curvature there is that of the kink. Centre and Hessian are then those of the Gaussian over
    which the slope of the potential is zero on average and its mean change is the Hessian: the
    variational conditions [1]_, with averages over its axes at one standard deviation.

    References
    ----------
    .. [1] Opper and Archambeau 2009, "The variational Gaussian approximation revisited", Neural
       Computation 21, eq. 2.6 and 2.7.
    """
    if model.noise.smooth:
        return optima
    data = arranged(data)
    programs = _programs(model.signature)
    derive = _derivatives(model, data, (1.0, 1.0))
    with float64():
        u, hessian, held = _gaussian(optima.u, optima.hessian, derive)
        value = derive(u)[0]
        order = np.argsort(np.where(np.isfinite(value) & held, value, np.inf), kind="stable")
        kept = _apart(u, hessian, order[held[order]]) or [int(order[0])]
        params = programs.leave(np.resize(u[kept], (N_STARTS, u.shape[1])), data)
        params = jax.tree.map(lambda values: np.asarray(values)[: len(kept)], params)
    decrement = np.where(held, 0.0, np.inf)
    return Optima(u[kept], value[kept], decrement[kept], params, hessian[kept])


def _apart(u: np.ndarray, hessian: np.ndarray, order: np.ndarray) -> list[int]:
    """Those more than a standard deviation from all before them."""
    kept: list[int] = []
    for i in order:
        off = u[i] - u[kept]
        if np.all(np.einsum("ki,kij,kj->k", off, hessian[kept], off) > 1.0):
            kept.append(int(i))
    return kept


def _gaussian(u: np.ndarray, hessian: np.ndarray, derive: Derive) -> tuple[np.ndarray, ...]:
    """Centres, Hessians, and whether each meets the conditions of :func:`centred`."""
    n, d = u.shape
    u, hessian, held = u.copy(), hessian.copy(), np.zeros(n, bool)
    moving = np.arange(n)
    for gain in 1.0 / (1.0 + np.arange(ROUNDS) / 10.0):  # kinks make the averages jump
        values, vectors = np.linalg.eigh(hessian[moving])
        root = np.sqrt(np.clip(values, 1e-2, 1e12))
        axes = vectors / root[:, None, :]
        ends = u[moving, None] + np.concatenate([axes, -axes], axis=2).swapaxes(1, 2)
        slopes = derive(ends.reshape(-1, d))[1].reshape(-1, 2 * d, d)
        # In units of the axes, where the Gaussian is standard: the mean slope and its change.
        slope = (slopes.mean(axis=1)[:, None] @ axes)[:, 0]
        change = 0.5 * (slopes[:, :d] - slopes[:, d:]) @ axes
        change = 0.5 * (change + change.swapaxes(1, 2))
        usable = np.isfinite(slopes).all(axis=(1, 2))  # else the axes reach too far
        factors, turn = np.linalg.eigh(np.where(usable[:, None, None], change, 10.0 * np.eye(d)))
        clipped = np.clip(factors, 0.1, 10.0)
        along = np.einsum("sij,si->sj", turn, np.where(usable[:, None], slope, 0.0)) / clipped
        length = np.linalg.norm(along, axis=1, keepdims=True)
        step = np.einsum("sij,sj->si", turn, along / np.maximum(length, 1.0))
        fits = (factors.min(axis=1) > 1.0 / SPAN) & (factors.max(axis=1) < SPAN)
        held[moving] = usable & fits & (length[:, 0] < NEAR)
        back = (vectors * root[:, None, :]) @ turn
        better = (back * clipped[:, None, :] ** (0.5 * gain)) @ back.swapaxes(1, 2)
        go = ~held[moving]
        u[moving[go]] -= gain * np.einsum("sij,sj->si", axes, step)[go]
        hessian[moving[go]] = better[go]
        moving = moving[go]
        if not len(moving):
            break
    return u, hessian, held


def _minimise(
    model: Model, data: Data, starts: np.ndarray, weights: tuple[float, float]
) -> tuple[np.ndarray, ...]:
    """Run :func:`newton` on the potential."""
    return newton(starts, _derivatives(model, data, weights))


def _derivatives(model: Model, data: Data, weights: tuple[float, float]) -> Derive:
    """Values and slopes of the potential, from the compiled program."""
    programs = _programs(model.signature)
    prior_weight, jacobian_weight = map(np.float64, weights)
    capacity = np.zeros((_capacity(model), len(model.parameters)))

    with float64():
        data = jax.device_put(data)  # once, not at every call

    def derive(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        capacity[: len(points)] = points
        out = programs.derive(capacity, np.int64(len(points)), data, prior_weight, jacobian_weight)
        value, slope = (np.asarray(array)[: len(points)] for array in out)
        return value, slope

    return derive


def _look(data: Data) -> tuple[Data, float]:
    """Some rows of a large table, and the share of the runs that they are.

    With the prior weighed by that share, their posterior has its maxima near those of the table.
    """
    look = thinned(data, LOOK)
    return look, n_runs(look) / n_runs(data)


def _promising(u: np.ndarray, value: np.ndarray, decrement: np.ndarray) -> np.ndarray:
    """Distinct points from which it pays to go on with the whole table, best first."""
    kept: list[int] = []
    order = np.argsort(np.where(np.isfinite(value), value, np.inf), kind="stable")
    for i in order:
        near = any(np.allclose(u[i], u[j], atol=0.1) for j in kept)
        arrived = decrement[i] < ARRIVED and value[i] < value[order[0]] + HOPELESS
        if arrived and not near:
            kept.append(i)
    return u[kept or order[:1]]


def prepare(model: Model, data: Data) -> None:
    """Start compiling."""
    programs = _programs(model.signature)
    d, one = len(model.parameters), np.float64(1.0)
    looks = [arranged(data)] + ([_look(data)[0]] if is_large(data) else [])
    with float64():
        for each in looks:
            points = np.zeros((_capacity(model), d))
            programs.derive.prepare(points, np.int64(0), each, one, one)
        programs.enter.prepare(_starts(model, data), data)
        programs.leave.prepare(np.zeros((N_STARTS, d)), looks[0])


def _capacity(model: Model) -> int:
    """Most points at which derivatives are asked for at once."""
    return N_STARTS * (2 * len(model.parameters) + 1)


def newton(starts: np.ndarray, derive: Derive) -> tuple[np.ndarray, ...]:
    """Minimise from every start by damped, saddle-free Newton steps.

    Second derivatives are differences of the exact gradient: forward on the way, which is enough
    for a step at half the price, and central where a start ends, which is as good as exact, in
    float64, for widths. Starts that have arrived are left alone, so that the last ones cost what
    they cost by themselves.

    Parameters
    ----------
    starts : array, shape (starts, n_parameters)
    derive : callable
        Value and gradient at points of shape ``(n, n_parameters)``.

    Returns
    -------
    tuple of arrays
        Where each start arrived; the value there; what one more step would gain; the Hessian.
    """
    n, d = starts.shape
    forward = DIFFERENCE * np.concatenate([np.zeros((1, d)), np.eye(d)])
    u, proposal = starts.copy(), starts.copy()
    value, decrement = np.full(n, np.inf), np.full(n, np.inf)
    slope, hessian = np.zeros((n, d)), np.tile(np.eye(d), (n, 1, 1))
    damping = np.full(n, 1e-2)
    moving = np.arange(n)
    for _ in range(MAX_STEPS):
        values, slopes = derive((proposal[moving, None] + forward).reshape(-1, d))
        values, slopes = values.reshape(-1, d + 1)[:, 0], slopes.reshape(-1, d + 1, d)
        curvature = (slopes[:, 1:] - slopes[:, :1]) / DIFFERENCE
        curvature = 0.5 * (curvature + curvature.swapaxes(1, 2))
        usable = np.isfinite(values) & np.isfinite(curvature).all(axis=(1, 2))
        better = usable & (values < value[moving])
        damping[moving] = np.where(better, damping[moving] * 0.1, damping[moving] * 8.0 + 1e-12)
        to = moving[better]
        u[to], value[to] = proposal[to], values[better]
        slope[to], hessian[to] = slopes[better, 0], curvature[better]

        # A saddle-free step: the Hessian with its eigenvalues made positive, plus damping.
        eigenvalues, vectors = np.linalg.eigh(hessian[moving])
        along = np.einsum("sij,si->sj", vectors, slope[moving])
        size = np.abs(eigenvalues)
        scale = size + damping[moving, None] * np.maximum(size.max(axis=1, keepdims=True), 1.0)
        step = -np.einsum("sij,sj->si", vectors, along / np.maximum(scale, 1e-12))
        step *= np.minimum(1.0, LONGEST / (np.abs(step).max(axis=1, keepdims=True) + 1e-300))
        gain = 0.5 * np.sum(along**2 / np.maximum(size, 1e-12), axis=1)
        decrement[moving] = np.where(np.isfinite(value[moving]), gain, np.inf)
        proposal[moving] = u[moving] + step
        moving = moving[(decrement[moving] > DECREMENT) & (damping[moving] < 1e5)]
        if not len(moving):
            break
    central = DIFFERENCE * np.concatenate([np.eye(d), -np.eye(d)])
    slopes = derive((u[:, None] + central).reshape(-1, d))[1].reshape(-1, 2 * d, d)
    curvature = (slopes[:, :d] - slopes[:, d:]) / (2.0 * DIFFERENCE)
    curvature = 0.5 * (curvature + curvature.swapaxes(1, 2))
    usable = np.isfinite(curvature).all(axis=(1, 2))
    hessian[usable] = curvature[usable]
    return u, value, decrement, hessian


def _starts(model: Model, data: Data) -> dict[str, np.ndarray]:
    """Parameters at the starts, each of shape ``(starts,)``."""
    scale = float(data["reference"][LOSS_SCALE])
    probabilities = _spread(N_STARTS, len(model.parameters))
    starts = {}
    for parameter, p in zip(model.parameters, probabilities.T, strict=True):
        prior = model.priors[parameter.name]
        unit = scale if prior.is_relative else 1.0
        starts[parameter.name] = unit * prior.quantile(p, parameter.positive)
    return starts


def _spread(n: int, d: int) -> np.ndarray:
    """Points in the unit cube, shape ``(n, d)``: its centre, then Roberts' R sequence.

    The sequence adds multiples of powers of the inverse of the root of ``x**(d+1) = x + 1`` [1]_.

    References
    ----------
    .. [1] Roberts 2018, "The unreasonable effectiveness of quasirandom sequences".
    """
    root = 2.0
    for _ in range(60):
        root = (1.0 + root) ** (1.0 / (d + 1))
    steps = root ** -np.arange(1.0, d + 1)
    return np.asarray((0.5 + np.arange(n)[:, None] * steps) % 1.0).clip(0.01, 0.99)
