"""Laws whose evidence is known: a product of powers of any number of inputs, with Normal noise.

In logs it is linear, ln L = ln T - sum_i a_i (x_i - mean x_i), with Normal priors on ln T and on
every a_i. Given sigma the evidence of the losses is that of a Gaussian, and sigma is integrated
out by quadrature: one dimension, whatever the number of parameters. The law is written as a user
would write one, so all of the package is under test: the table, the fit by NUTS, the coordinates
and the estimators.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
import numpy as np
from scipy import integrate, stats

import bayescale as bs
from bayescale.laws import Law, Parameter, Term
from bayescale.prior import LogNormal, Normal

SYMBOLS = ("N", "D", "U", "B", "S", "lr", "z", "x")
LEVEL = LogNormal(1.0, 0.3, relative=True)
EXPONENT = Normal(0.1, 0.1)
SCALE, SPREAD = 0.01, 1.5
"""The package's own prior on sigma is log-normal with this median and this sd of the log."""

RUNS = 40


@dataclass(frozen=True)
class Product(Term):
    """T times the product of x_i^-a_i, or T / x^0.1 alone where no exponent is free."""

    names: tuple[str, ...]
    free: bool = True

    @property
    def inputs(self) -> tuple[str, ...]:
        return self.names

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        level = Parameter("T", "contribution", "loss", "loss at the reference", LEVEL)
        if not self.free:
            return (level,)
        return (
            level,
            *(
                Parameter(f"a_{n}", "exponent", "1", f"exponent of {n}", EXPONENT, positive=False)
                for n in self.names
            ),
        )

    def log_value(self, params: Any, x: Any, reference: Any) -> Any:
        total = jnp.log(params["T"])
        for name in self.names:
            exponent = params[f"a_{name}"] if self.free else 0.1
            total = total - exponent * (x[name] - reference[name])
        return total

    def to_field(self, params: Any, reference: Any, log_gain: Any = 0.0) -> dict[str, Any]:
        return {p.name: params[p.name] for p in self.parameters}

    def from_field(self, field: Any, reference: Any, log_gain: Any = 0.0) -> dict[str, Any]:
        return {p.name: field[p.name] for p in self.parameters}

    @property
    def expression(self) -> str:
        return f"product({', '.join(self.names)}{'' if self.free else ', fixed'})"


def law(d: int) -> Law:
    """A law that has d parameters together with sigma: 2, or 3 to 10."""
    term = Product(("x",), free=False) if d == 2 else Product(SYMBOLS[: d - 2])
    return Law(name=f"product{d}", term=term)


def problem(d: int, seed: int) -> tuple[bs.Runs, float]:
    """Runs drawn from the priors' neighbourhood, and the exact log evidence of their losses."""
    rng = np.random.default_rng([d, seed])
    own = law(d)
    x = {name: np.exp(rng.normal(5.0, 1.5, RUNS)) for name in own.inputs}
    centred = np.column_stack([np.log(v) - np.mean(np.log(v)) for v in x.values()])
    exponents = 0.1 + (0.1 * rng.standard_normal(centred.shape[1]) if d > 2 else np.zeros(1))
    sigma = float(np.abs(0.02 * rng.standard_normal()) + 0.005)
    log_loss = 1.0 - centred @ exponents + sigma * rng.standard_normal(RUNS)
    with warnings.catch_warnings():  # the inputs are numbers alone, of no plausible size
        warnings.simplefilter("ignore", bs.BayescaleWarning)
        runs = bs.read_runs({**x, "loss": np.exp(log_loss)})
    return runs, exact(runs, own)


def exact(runs: bs.Runs, own: Law) -> float:
    """The log evidence by a Gaussian given sigma and quadrature over sigma."""
    y = np.log(runs.loss)
    centred = [np.log(runs[n]) - np.mean(np.log(runs[n])) for n in own.inputs]
    mean = np.full(len(y), np.log(LEVEL.median) + y.mean())
    covariance = np.full((len(y), len(y)), LEVEL.sigma**2)
    for x in centred:
        if own.term.free:  # type: ignore[attr-defined]
            mean = mean - EXPONENT.mean * x
            covariance = covariance + EXPONENT.sd**2 * np.outer(x, x)
        else:
            mean = mean - 0.1 * x
    values, vectors = np.linalg.eigh(covariance)
    along = vectors.T @ (y - mean)

    def log_given(sigma: float) -> float:
        variance = np.maximum(values, 0.0) + sigma**2
        return float(-0.5 * np.sum(along**2 / variance + np.log(2 * np.pi * variance)))

    grid = np.geomspace(1e-4, 0.3, 2000)
    each = [log_given(s) for s in grid]
    best, top = float(grid[int(np.argmax(each))]), max(each)

    def integrand(t: float) -> float:
        sigma = best * np.exp(t)
        prior = stats.lognorm.pdf(sigma, SPREAD, scale=SCALE) * sigma
        return float(np.exp(log_given(sigma) - top) * prior)

    total = integrate.quad(integrand, -2.0, 2.5, points=[0.0], limit=500, epsabs=0, epsrel=1e-9)[0]
    return float(np.log(total) + top - y.sum())
