"""A Gaussian process in several log inputs, and a slope beyond them, sampled with the law."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.linalg import solve_triangular

from bayescale.discrepancy.kernel import Integrated
from bayescale.discrepancy.learned import GUESSED, KNOWN, scale_for
from bayescale.discrepancy.sampled import (
    GIVEN,
    LEAST_SPAN,
    LENGTH,
    Sampled,
    Seen,
    above_zero,
    by_block,
    measured,
    padded,
)
from bayescale.discrepancy.slope import Slope
from bayescale.errors import LawError
from bayescale.laws.law import Law
from bayescale.laws.term import Parameter, Values
from bayescale.prior import LogNormal, Prior
from bayescale.units import coordinate

__all__ = ["DenseMatern32", "Places", "Surface"]

MOST = 192
"""Places at which the process is taken; where runs have more distinct inputs, near ones share one.
A gradient costs the cube of it."""

NARROWEST, WIDER = 1.0 / 64.0, 1.2
"""Side of the narrowest cells that share a place, in e-folds; how much wider the next are."""

COARSE = 0.5
"""Side of the cells, in lengths of the process, from which they are too coarse to pass unsaid."""

FROM = "a guess that was set before any split was scored, docs/how-far.md"

WANDER = LogNormal(0.01, 0.7)
"""Scale in units of the log range of the losses: a per cent, give or take a factor of two."""

BLOCK = 25
"""Draws for which the process is told from the runs at once."""


class Places(NamedTuple):
    """The distinct inputs of runs, or cells of them where there are too many.

    Parameters
    ----------
    at : array, shape (place, input)
        Mean coordinate of the runs of each place: the log of each input.
    of : array of int, shape (run,)
        The place of each run.
    width : float
        Side of the cells, in e-folds; zero where inputs were not merged.
    """

    at: np.ndarray
    of: np.ndarray
    width: float

    @classmethod
    def among(cls, columns: Mapping[str, np.ndarray], inputs: tuple[str, ...]) -> Places:
        """The places of runs; cells widen until there are at most :data:`MOST`."""
        x = np.column_stack([coordinate(name, columns[name]) for name in inputs])
        width, cells = 0.0, np.round(x, 9)
        while True:
            _, of = np.unique(cells, axis=0, return_inverse=True)
            of = np.reshape(of, -1)
            n = int(of.max()) + 1
            if n <= MOST:
                break
            width = WIDER * width or NARROWEST
            cells = np.floor((x - x.min(axis=0)) / width)
        count = np.bincount(of, minlength=n)
        at = np.column_stack([np.bincount(of, v, minlength=n) / count for v in x.T])
        return cls(at, of, width)


@dataclass(frozen=True)
class DenseMatern32(Integrated):
    r"""A Matern-3/2 process over several log inputs, integrated out by dense algebra.

    With the runs of place :math:`p` weighed by the inverse variances of their noise, :math:`W_p`
    the sum of the weights, the mean residual of the place is all that the process sees of them:
    a normal of covariance :math:`K + \mathrm{diag}(1/W)`. That is exact for runs of the same
    inputs.
    """

    dense = True

    def log_density(
        self, log_mean: Any, loss: Any, params: Values, rows: Values, mask: Any, span: Any
    ) -> Any:
        log_loss = jnp.log(loss)
        residual, place, used = log_loss - log_mean, rows["place"], rows["used"]
        variance = params["sigma"] ** 2 / rows["count"] + rows["own"]
        weights = jnp.where(mask, 1.0 / variance, 0.0)
        scale, length = span * params["wander"], params["length"]
        covariance, middle, weight = _seen(
            scale, length, rows["apart"], residual, weights, place, used
        )
        # The runs about the mean of their place, then the means of the places.
        within = jnp.log(2.0 * np.pi * variance) + (residual - middle[place]) ** 2 / variance
        by_place = 0.5 * jnp.log(2.0 * np.pi / weight) + _normal(covariance, middle)
        found = jnp.where(mask, -0.5 * within, 0.0)
        return found.at[rows["first"]].add(jnp.where(used, by_place, 0.0)) - log_loss


@jax.custom_jvp
def _normal(covariance: Any, values: Any) -> Any:
    """Log densities of a centred normal's values, each given those before it.

    The derivative is that of their sum, put on the first: it costs far less than that of a Cholesky
    factor, and nothing takes those of the others.
    """
    factor = jnp.linalg.cholesky(covariance)
    z = solve_triangular(factor, values, lower=True)
    return -0.5 * (jnp.log(2.0 * np.pi) + z**2) - jnp.log(jnp.diagonal(factor))


@_normal.defjvp
def _(primals: Any, tangents: Any) -> tuple[Any, Any]:
    (covariance, values), (d_covariance, d_values) = primals, tangents
    factor = jnp.linalg.cholesky(covariance)
    z = solve_triangular(factor, values, lower=True)
    found = -0.5 * (jnp.log(2.0 * np.pi) + z**2) - jnp.log(jnp.diagonal(factor))
    root = solve_triangular(factor, jnp.eye(len(values), dtype=values.dtype), lower=True)
    inverse, weights = root.T @ root, root.T @ z
    change = 0.5 * (jnp.outer(weights, weights) - inverse)
    total = jnp.sum(change * d_covariance) - jnp.dot(weights, d_values)
    return found, jnp.zeros_like(found).at[0].set(total)


def _covariance(amplitude: Any, length: Any, apart: Any) -> Any:
    r = jnp.sqrt(3.0) * apart / length
    return amplitude**2 * (1.0 + r) * jnp.exp(-r)


def _seen(
    amplitude: Any, length: Any, apart: Any, residual: Any, weights: Any, place: Any, used: Any
) -> tuple[Any, Any, Any]:
    """Covariance of the places' mean residuals, those means, and their weights."""
    n = used.shape[0]
    weight = jax.ops.segment_sum(weights, place, n)
    weight = jnp.where(used, weight, 1.0)
    middle = jax.ops.segment_sum(weights * residual, place, n) / weight
    both = used[:, None] & used[None, :]
    covariance = jnp.where(both, _covariance(amplitude, length, apart), 0.0)
    return covariance + jnp.diag(1.0 / weight), middle, weight


@dataclass(frozen=True)
class Surface(Sampled):
    r"""The log loss leaves the law along a Gaussian process in the log inputs, and beyond a slope.

    .. math:: \ln L_i = \ln\hat L(x_i) + \delta(\ln x_i) + \tau\,z\,d_i + \epsilon_i, \qquad
              \epsilon_i \sim \mathrm{Normal}(0, \sigma^2/n_i + v_i)

    :math:`\delta` is a Matern-3/2 process with one length for all log inputs. It acts on the runs
    too: its scale and length are sampled with the law, and the process is integrated out by dense
    algebra over the distinct inputs of the runs, at most 192; of more, those in one cell of a grid
    share a place. Beyond the runs it returns to nothing, so the slope of
    :class:`bayescale.discrepancy.Slope` is there too, with its scale :math:`\tau` sampled beside
    the rest; the runs cannot tell it.

    Parameters
    ----------
    inputs : tuple of str
        The inputs of the law.
    wander : Prior
        Prior of the scale of the process, in units of the log range of the losses of the runs, at
        least 0.03.
    length : Prior
        Prior of its length, in e-folds of the inputs.
    tau : Prior
        Prior of the scale of the slope, per e-fold beyond the data.
    source, slope_source : str
        Where the priors of the two scales come from.
    factor : float
        The scales are this many times as large as what was sampled (for sensitivity checks).
    """

    inputs: tuple[str, ...]
    wander: Prior
    tau: Prior
    length: Prior = LENGTH
    source: str = FROM
    slope_source: str = GIVEN
    factor: float = 1.0

    def __post_init__(self) -> None:
        above_zero(wander=self.wander, length=self.length, tau=self.tau)

    @classmethod
    def of(cls, law: Law, wander: Prior | None, length: Prior) -> Surface:
        """The process for a law of several inputs, with the learned scales unless given."""
        unknown = sorted(set(law.inputs) - KNOWN)
        if unknown or law.paths:
            raise LawError(
                f"The law {law.name!r} reads {', '.join((*unknown, *law.paths))}, and how far such "
                "a law is left is not known. Use the discrepancy slope or none."
            )
        tau, learned = scale_for(law)
        source = FROM if wander is None else GIVEN
        return cls(law.inputs, wander or WANDER, tau, length, source, learned)

    @property
    def name(self) -> str:
        return "matern"

    @property
    def kernel(self) -> DenseMatern32:
        return DenseMatern32()

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        span, slope = "log range of the loss", "scale of the slope beyond the data"
        return (
            Parameter("wander", "shape", span, "scale of the discrepancy", self.wander),
            Parameter("length", "shape", "e-folds", "length of the discrepancy", self.length),
            Parameter("tau", "shape", "1/e-fold", slope, self.tau),
        )

    @property
    def is_guess(self) -> bool:
        return self.slope_source == GUESSED

    def resolved(self, law: Law) -> Surface:
        return self

    def reach(
        self, points: Mapping[str, np.ndarray], frontier: Mapping[str, float], distance: np.ndarray
    ) -> np.ndarray:
        """That of the slope: elsewhere outside the runs nothing but the process guards a band."""
        return Slope(self.tau).distance(points, frontier)

    def span(self, columns: Mapping[str, np.ndarray], inputs: tuple[str, ...]) -> float:
        """Log of the largest loss over the smallest, at least 0.03."""
        return max(float(np.ptp(np.log(columns["loss"]))), LEAST_SPAN)

    def along(
        self, columns: Mapping[str, np.ndarray], inputs: tuple[str, ...], size: int
    ) -> dict[str, np.ndarray]:
        places = Places.among(columns, inputs)
        n, most = len(places.at), min(size, MOST)
        count, own = measured(columns)
        first = np.zeros(most, int)
        first[places.of[::-1]] = np.arange(len(places.of))[::-1]
        apart = np.zeros((most, most))
        apart[:n, :n] = _distances(places.at, places.at)
        return {
            "place": padded(places.of, size, 0),
            "count": padded(count, size, 1.0),
            "own": padded(own, size, 0.0),
            "first": first,
            "used": np.arange(most) < n,
            "apart": apart,
        }

    def given(
        self, seen: Seen, residual: np.ndarray, params: Values, points: Mapping[str, np.ndarray]
    ) -> tuple[np.ndarray, np.ndarray]:
        columns, inputs, span = seen
        places = Places.among(columns, inputs)
        to = np.column_stack([coordinate(name, points[name]) for name in inputs])
        count, own = measured(columns)
        apart, across = _distances(places.at, places.at), _distances(to, places.at)
        amplitude = self.factor * span * params["wander"]
        weights = 1.0 / (params["sigma"][:, None] ** 2 / count + own)
        used = np.ones(len(places.at), bool)

        def run(some: np.ndarray) -> tuple[Any, Any]:
            own = residual[some], weights[some], places.of, used
            found: tuple[Any, Any] = _told()(
                amplitude[some], params["length"][some], apart, across, *own
            )
            return found

        means, sds = by_block(run, len(residual), len(to), BLOCK)
        watched = [n for n in (*inputs, "C") if n in columns and n in points]
        frontier = {name: float(np.max(columns[name])) for name in dict.fromkeys(watched)}
        beyond = Slope(self.tau).distance(points, frontier)
        slope = self.factor * params["tau"][:, None] * beyond
        return means, np.hypot(sds, slope)

    def simulate(self, rng: np.random.Generator, seen: Seen, params: Values) -> np.ndarray:
        columns, inputs, span = seen
        places = Places.among(columns, inputs)
        scale, length = span * float(params["wander"]), float(params["length"])
        apart = _distances(places.at, places.at)
        covariance = np.asarray(_covariance(scale, length, apart))
        factor = np.linalg.cholesky(covariance + 1e-10 * scale**2 * np.eye(len(apart)))
        found = (factor @ rng.standard_normal(len(apart)))[places.of]
        count, _ = measured(columns)
        sd = float(params["sigma"]) / np.sqrt(count)
        return np.asarray(found + sd * rng.standard_normal(len(found)))

    def scaled(self, factor: float) -> Surface:
        return replace(self, factor=self.factor * factor)

    def text(self) -> str:
        return (
            f"a Matern-3/2 process in the logs of {' and '.join(self.inputs)}, {self.length} "
            "e-folds long, whose scale is sampled with the law: wander ~ "
            f"{self.wander} times the log range of the losses ({self.source}); and a random "
            f"log-slope beyond the data, tau ~ {self.tau} per e-fold ({self.slope_source}), which "
            "the runs cannot tell."
        )

    def note(
        self, columns: Mapping[str, np.ndarray], inputs: tuple[str, ...], length: float
    ) -> str:
        places = Places.among(columns, inputs)
        if not places.width:
            return ""
        told = (
            f"The process takes the {len(places.of)} runs at {len(places.at)} places: runs within "
            f"cells of {places.width:.2g} e-folds share one."
        )
        if places.width > COARSE * length:
            told += (
                f" That is coarse beside its length, {length:.2g} e-folds: waves as short as the "
                "cells count as noise. Give fewer runs (--where)."
            )
        return told

    def to_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "inputs": list(self.inputs),
            "wander": self.wander.to_json(),
            "length": self.length.to_json(),
            "tau": self.tau.to_json(),
            "source": self.source,
            "slope_source": self.slope_source,
        }


def _distances(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.asarray(np.sqrt(np.sum((a[:, None] - b[None, :]) ** 2, axis=-1)))


@functools.cache
def _told() -> Any:
    """Mean and variance of the process at points, given the runs; by draw."""

    def one(
        amplitude: Any,
        length: Any,
        apart: Any,
        across: Any,
        residual: Any,
        weights: Any,
        place: Any,
        used: Any,
    ) -> tuple[Any, Any]:
        seen = _seen(amplitude, length, apart, residual, weights, place, used)
        factor, middle = jnp.linalg.cholesky(seen[0]), seen[1]
        cross = solve_triangular(factor, _covariance(amplitude, length, across).T, lower=True)
        mean = cross.T @ solve_triangular(factor, middle, lower=True)
        return mean, jnp.maximum(amplitude**2 - jnp.sum(cross**2, axis=0), 0.0)

    return jax.jit(jax.vmap(one, in_axes=(0, 0, None, None, 0, 0, None, None)))
