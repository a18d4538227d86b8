"""A Gaussian process in the log of the one input, sampled with the law."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

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
from bayescale.discrepancy.state_space import IntegratedWiener, Kernel, Matern32, smoothed
from bayescale.discrepancy.surface import Surface
from bayescale.errors import LawError
from bayescale.laws.law import Law
from bayescale.laws.term import Parameter, Values
from bayescale.prior import LogNormal, Prior

__all__ = ["KERNELS", "Process", "loss_span"]

FROM = "learned from public learning curves, docs/how-far.md"

KERNELS: dict[str, Kernel] = {"matern": Matern32(), "wiener": IntegratedWiener()}
WORDS = {
    "matern": "a Matern-3/2 process in the log of the input, {length} e-folds long",
    "wiener": "an integrated Wiener process in the log of the input, from the first run on",
}
WANDER = {"matern": LogNormal(0.07, 0.3), "wiener": LogNormal(0.06, 0.5)}
"""Scale in units of the log range of the losses: how far public curves left the law of
:mod:`bayescale.laws.curve`. It is narrow because the runs say little of how far their continuation
will leave it."""

BLOCK = 250
"""Draws for which the process is smoothed at once."""

PLACES = 64
"""Places are padded to a multiple of this, so that few shapes are compiled."""


@dataclass(frozen=True)
class Process(Sampled):
    r"""The log loss leaves the law along a Gaussian process in the log of the one input.

    .. math:: \ln L_i = \ln\hat L(x_i) + \delta(\ln x_i) + \epsilon_i, \qquad
              \epsilon_i \sim \mathrm{Normal}(0, \sigma^2/n_i + v_i)

    It acts on the runs too, so its scale and length are sampled with the law, and the process is
    integrated out of the likelihood by a Kalman filter. Of the runs it takes what their losses are:
    the means of :math:`n_i` measurements (column ``n_averaged``), with :math:`v_i` from
    ``loss_se`` where there is one; one measurement, exactly noted, unless said. A new run is one
    measurement.

    Parameters
    ----------
    kind : {"matern", "wiener"}
        A Matern-3/2 process, or an integrated Wiener process from the first run on.
    wander : Prior
        Prior of its scale, in units of :math:`\ln(\max L / L_{\rm last})` over the runs, at least
        0.03: the standard deviation of a Matern process, that of a Wiener process after an e-fold.
    length : Prior
        Prior of the length of the Matern process, in e-folds of the input.
    source : str
        Where the prior of the scale comes from.
    factor : float
        The scale is this many times as large as what was sampled (for sensitivity checks).

    References
    ----------
    .. [1] Kennedy and O'Hagan 2001, "Bayesian calibration of computer models", JRSS B 63.
    """

    kind: str
    wander: Prior
    length: Prior = LENGTH
    source: str = FROM
    factor: float = 1.0

    def __post_init__(self) -> None:
        above_zero(wander=self.wander, length=self.length)

    @classmethod
    def named(cls, kind: str, median: float | None = None, sd: float = 0.3) -> Process:
        """The process with its learned scale, or with a given one."""
        if median is None:
            return cls(kind, WANDER[kind])
        return cls(kind, LogNormal(median, sd), source=GIVEN)

    @property
    def name(self) -> str:
        return self.kind

    @property
    def kernel(self) -> Kernel:
        return KERNELS[self.kind]

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        wander = Parameter(
            "wander", "shape", "log range of the loss", "scale of the discrepancy", self.wander
        )
        if self.kind == "wiener":
            return (wander,)
        return (
            wander,
            Parameter("length", "shape", "e-folds", "length of the discrepancy", self.length),
        )

    def resolved(self, law: Law) -> Process | Surface:
        if len(law.inputs) == 1:
            return self
        if self.kind != "matern":
            raise LawError(
                f"The discrepancy {self.name!r} is for laws of one input, but the law "
                f"{law.name!r} reads {' and '.join(law.inputs)}. Use matern, slope or none."
            )
        return Surface.of(law, self.wander if self.source == GIVEN else None, self.length)

    def span(self, columns: Mapping[str, np.ndarray], inputs: tuple[str, ...]) -> float:
        """Log of the largest loss over that of the last run, at least 0.03."""
        return loss_span(columns, inputs[0])

    def along(
        self, columns: Mapping[str, np.ndarray], inputs: tuple[str, ...], size: int
    ) -> dict[str, np.ndarray]:
        """The rows in the order of the input."""
        x = np.log(columns[inputs[0]])
        order = np.argsort(x, kind="stable")
        count, own = measured(columns)
        return {
            "order": np.concatenate([order, np.arange(len(x), size)]),
            "gap": padded(np.diff(x[order], prepend=x[order[0]]), size, 0.0),
            "count": padded(count, size, 1.0),
            "own": padded(own, size, 0.0),
        }

    def given(
        self, seen: Seen, residual: np.ndarray, params: Values, points: Mapping[str, np.ndarray]
    ) -> tuple[np.ndarray, np.ndarray]:
        columns, (input,), span = seen
        x, to = np.log(columns[input]), np.log(points[input])
        if self.kind == "wiener":  # it starts at the first run, and is zero below
            to = np.maximum(to, x.min())
        places = np.concatenate([x, to])
        places = np.concatenate([places, np.full(-len(places) % PLACES, places.max())])
        order = np.argsort(places, kind="stable")
        gaps = np.diff(places[order], prepend=places[order[0]])
        known = (np.arange(len(places)) < len(x))[order]
        count, own = measured(columns)
        n_draws, rest = len(residual), len(places) - len(x)
        values = np.concatenate([residual, np.zeros((n_draws, rest))], axis=1)[:, order]
        variances = np.concatenate(
            [params["sigma"][:, None] ** 2 / count + own, np.ones((n_draws, rest))], axis=1
        )[:, order]
        amplitude = self.factor * span * params["wander"]
        length = params.get("length", np.ones(n_draws))
        smooth = _smoother(self.kernel)

        def run(some: np.ndarray) -> tuple[Any, Any]:
            own = values[some], variances[some], known
            found: tuple[Any, Any] = smooth(amplitude[some], length[some], gaps, *own)
            return found

        means, sds = by_block(run, n_draws, len(places), BLOCK)
        back = np.empty_like(order)
        back[order] = np.arange(len(order))
        at = back[len(x) : len(x) + len(to)]
        return means[:, at], sds[:, at]

    def simulate(self, rng: np.random.Generator, seen: Seen, params: Values) -> np.ndarray:
        """From one run to the next in the order of the input, by the transition of the kernel."""
        columns, (input,), span = seen
        x = np.log(columns[input])
        order = np.argsort(x, kind="stable")
        gaps = np.diff(x[order], prepend=x[order[0]])
        scale, length = span * float(params["wander"]), float(params.get("length", 1.0))
        start = np.array([float(v) for v in self.kernel.start(scale, length)])
        step = self.kernel.step(scale, length, jnp.asarray(gaps))
        rows = np.stack([np.broadcast_to(np.asarray(v), gaps.shape) for v in step], axis=1)
        value, slope = np.sqrt(start) * rng.standard_normal(2)
        found = np.empty(len(x))
        for i, (a11, a12, a21, a22, q11, q12, q22) in zip(order, rows, strict=True):
            z = rng.standard_normal(2)
            l11 = np.sqrt(max(q11, 0.0))
            l21 = q12 / l11 if l11 > 0.0 else 0.0
            l22 = np.sqrt(max(q22 - l21**2, 0.0))
            value, slope = (
                a11 * value + a12 * slope + l11 * z[0],
                a21 * value + a22 * slope + l21 * z[0] + l22 * z[1],
            )
            found[i] = value
        count, _ = measured(columns)
        sd = float(params["sigma"]) / np.sqrt(count)
        return np.asarray(found + sd * rng.standard_normal(len(x)))

    def scaled(self, factor: float) -> Process:
        return replace(self, factor=self.factor * factor)

    def text(self) -> str:
        words = WORDS[self.kind].format(length=self.length)
        return (
            f"{words}, whose scale is sampled with the law: wander ~ {self.wander} times the log "
            f"range of the losses ({self.source})."
        )

    def to_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "wander": self.wander.to_json(),
            "length": self.length.to_json(),
            "source": self.source,
        }


@functools.cache
def _smoother(kernel: Kernel) -> Any:
    run = functools.partial(smoothed, kernel)
    return jax.jit(jax.vmap(run, in_axes=(0, 0, None, 0, 0, None)))


def loss_span(runs: Mapping[str, np.ndarray], input: str) -> float:
    """Log of the largest loss over that of the last run, at least 0.03."""
    log_loss = np.log(runs["loss"])
    last = log_loss[int(np.argmax(runs[input]))]
    return max(float(np.max(log_loss) - last), LEAST_SPAN)
