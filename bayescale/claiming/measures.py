"""Quantities that claims are about, draw by draw."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from bayescale.claiming.bench import Bench
from bayescale.consequences import (
    DrawnLaw,
    data_bound,
    drawn,
    elasticity,
    local_exponents,
    optimum,
    published,
)
from bayescale.posterior import Fit
from bayescale.units import natural

__all__ = [
    "data_growth",
    "late_over_early",
    "log_data_bound",
    "optimal_growth",
    "parameter",
    "ratio",
    "sample_efficiency",
    "shape_effect",
    "size_exponent",
]

HIGH = 0.95
"""Quantile of the runs' tokens per parameter that stands for over-training."""


def parameter(name: str) -> Callable[[Bench, Fit], np.ndarray]:
    """A parameter of the law."""
    return lambda bench, fit: fit.parameters[name].ravel()


def ratio(above: str, below: str) -> Callable[[Bench, Fit], np.ndarray]:
    """One parameter over another."""
    return lambda bench, fit: (fit.parameters[above] / fit.parameters[below]).ravel()


def middle_compute(bench: Bench) -> float:
    """The median compute of the runs, 6ND."""
    return float(np.median(6.0 * bench.runs["N"] * bench.runs["D"]))


def size_exponent(bench: Bench, fit: Fit) -> np.ndarray:
    """a: the local exponent of N* in C at the median compute of the runs."""
    return optimum(fit, middle_compute(bench)).size_exponent[:, 0]


def sample_efficiency(bench: Bench, fit: Fit) -> np.ndarray:
    """Elasticity of the tokens to a loss in N, at the geometric mean of the runs.

    At the compute-optimal point it is -1 by definition.
    """
    n, d = (float(np.exp(np.mean(np.log(bench.runs[name])))) for name in ("N", "D"))
    return elasticity(fit, n, d)[:, 0]


def log_data_bound(bench: Bench, fit: Fit) -> np.ndarray:
    """Log10 of the tokens that keep overfitting of a model of 1e9 parameters below 2 %."""
    return np.asarray(np.log10(data_bound(fit, 1e9, 0.02)[:, 0]))


def growth_at(values: dict[str, np.ndarray], m: float) -> np.ndarray:
    """Factor by which over-training has grown the data term at a ratio of tokens to parameters."""
    return np.asarray(1.0 + values["rho"] * np.tanh(0.5 * values["k_D"] * m))


def data_growth(bench: Bench, fit: Fit) -> np.ndarray:
    """That factor less one, over the published, at the 95 % quantile of the runs' D/N."""
    m = float(np.quantile(bench.runs["M"], HIGH))
    own = growth_at({name: fit.parameters[name].ravel() for name in ("rho", "k_D")}, m)
    paper = {name: np.asarray(v) for name, v in fit.law.preset("chen2025").items()}
    return np.asarray((own - 1.0) / (growth_at(paper, m) - 1.0))


def optimal_growth(bench: Bench, fit: Fit) -> np.ndarray:
    """Growth of the reducible loss by over-training at the compute-optimal ratio, as a share."""
    at = optimum(fit, middle_compute(bench))
    values = {name: fit.parameters[name].ravel() for name in fit.law.field_names}
    plain = published(fit.law, {**values, "rho": np.zeros_like(values["rho"])})
    own = drawn(fit)
    return np.asarray(_reducible(own, at) / _reducible(plain, at) - 1.0)


def _reducible(law: DrawnLaw, at: object) -> np.ndarray:
    x = law.inputs(at.log_n, at.log_d)  # type: ignore[attr-defined]
    return np.asarray((np.exp(law.log_loss(x)) - np.exp(law.log_floor))[:, 0])


def late_over_early(bench: Bench, fit: Fit) -> np.ndarray:
    """Relative change of the local exponent from the first to the last tenth of a curve."""
    x = bench.runs[bench.input]
    ends = np.exp(np.quantile(np.log(x), [0.1, 0.9]))
    found = local_exponents(fit, {bench.input: ends}, bench.input)
    return np.asarray(found[:, 1] / found[:, 0] - 1.0)


def shape_effect(bench: Bench, fit: Fit) -> np.ndarray:
    """Largest relative rise of the loss by the aspect ratio over that of the best one seen."""
    seen = np.unique(bench.runs["aspect"])
    at = {n: np.full(len(seen), natural(n, fit.reference[n])) for n in fit.law.inputs}
    loss = fit.log_law({**at, "aspect": seen}).reshape(-1, len(seen))
    return np.asarray(np.expm1(loss.max(axis=1) - loss.min(axis=1)))
