r"""Nested questions asked directly: the Savage-Dickey density ratio.

Where a law with :math:`\psi = \psi_0` is another law, and the other parameters have the same prior
in both, the Bayes factor of the simpler law is the posterior density of :math:`\psi` at
:math:`\psi_0` over its prior density there [1]_. The posterior density is a kernel estimate from
the draws, so the answer is worth something only where draws are near: elsewhere it is refused.

References
----------
.. [1] Dickey 1971, "The weighted likelihood ratio, linear hypotheses on normal location
   parameters", Annals of Mathematical Statistics 42.
.. [2] Jones 1993, "Simple boundary correction for kernel density estimation", Statistics and
   Computing 3 (the linear correction at a null on the edge).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import stats

from bayescale.errors import LawError
from bayescale.inference.runtime import float64
from bayescale.model import prior_distributions
from bayescale.posterior import Fit

__all__ = ["SavageDickey", "savage_dickey"]

BULK = 0.1
"""The null lies in the bulk where the density there is at least this share of its greatest."""

BIAS = 0.03
"""Relative error that is granted to a kernel estimate in the bulk."""

NULLS = {"coupling": 1.0, "strength": 0.0}
"""Where a parameter of each role leaves a simpler law behind."""


@dataclass(frozen=True)
class SavageDickey:
    """A nested question and its answer.

    Parameters
    ----------
    parameter : str
    null : float
        The value at which the law becomes the simpler one.
    log_bayes_factor : float
        Of the wider law over the simpler one, in nats; NaN where refused.
    se : float
        Its standard error.
    refusal : str
        Why there is no answer; empty where there is one.
    """

    parameter: str
    null: float
    log_bayes_factor: float
    se: float
    refusal: str = ""

    def text(self) -> str:
        """The answer as a sentence."""
        question = f"{self.parameter} = {self.null:g}"
        if self.refusal:
            return f"{question}: no answer. {self.refusal}"
        side = "against" if self.log_bayes_factor > 0 else "for"
        return (
            f"{question}: log Bayes factor {abs(self.log_bayes_factor):.2f} ({self.se:.2f}) "
            f"{side} it, by the Savage-Dickey ratio."
        )


def savage_dickey(fit: Fit, parameter: str, null: float | None = None) -> SavageDickey:
    """The Bayes factor of a law over the same law with one parameter fixed.

    Parameters
    ----------
    fit : Fit
        A fit of the wider law.
    parameter : str
        A sampled parameter of the law.
    null : float, optional
        The fixed value; unless given 1 for an outer exponent and 0 for a strength.

    Returns
    -------
    SavageDickey

    Raises
    ------
    LawError
        Where the law has no such parameter, or the value is not given and does not follow.
    """
    known = {p.name: p for p in fit.law.term.parameters}
    if parameter not in known:
        raise LawError(
            f"The law {fit.law.name!r} has no parameter {parameter!r}. "
            f"Its parameters: {', '.join(known)}."
        )
    own = known[parameter]
    if null is None:
        if own.role not in NULLS:
            raise LawError(
                f"The parameter {parameter!r} has no value at which the law is a simpler one. "
                "Give the value: null=..."
            )
        null = NULLS[own.role]
    if own.positive and null < 0:
        raise LawError(f"The value {null:g} of {parameter!r} is below zero. Give one above.")
    if not fit.diagnosis.converged:
        refusal = "The fit has not converged."
        return SavageDickey(parameter, null, float("nan"), float("nan"), refusal)
    draws = np.asarray(fit.draws[parameter])
    edge = own.positive and null == 0.0
    # A positive parameter is smooth and nearly symmetric in its logarithm, away from zero.
    log_scale = own.positive and not edge
    x, at = (np.log(draws), float(np.log(null))) if log_scale else (draws, null)
    density, highest, se = _density(x, at, edge)
    if not density > BULK * highest:
        refusal = (
            f"{parameter} = {null:g} lies in the tail of the posterior, where a density estimated "
            "from draws is worth nothing; compare the two laws by their evidence."
        )
        return SavageDickey(parameter, null, float("nan"), float("nan"), refusal)
    posterior = np.log(density) - (at if log_scale else 0.0)  # back to the natural scale
    ratio = _log_prior(fit, parameter, null) - posterior
    return SavageDickey(parameter, null, float(ratio), float(np.hypot(se, BIAS)))


def _density(draws: np.ndarray, at: float, edge: bool) -> tuple[float, float, float]:
    """Density at a point, its greatest value, and the relative error at the point."""
    flat = draws.ravel()
    spread = min(float(np.std(flat)), float(stats.iqr(flat)) / 1.349)
    width = 0.9 * spread * flat.size**-0.2
    if edge:
        width *= 2.0  # half of the kernel's mass is lost there

    def kernel(where: float, values: np.ndarray) -> np.ndarray:
        z = (values - where) / width
        weights = np.exp(-0.5 * z**2) / np.sqrt(2 * np.pi) / width
        if edge and where == at:
            # Linear correction: a0, a1, a2 are the half kernel's moments.
            a0, a1, a2 = 0.5, 1.0 / np.sqrt(2 * np.pi), 0.5
            weights = weights * (a2 - a1 * z) / (a0 * a2 - a1**2)
        return np.asarray(weights)

    by_chain = np.array([kernel(at, chain).mean() for chain in draws])
    here = float(by_chain.mean())
    grid = np.quantile(flat, np.linspace(0.01, 0.99, 50))
    highest = max(here, max(float(kernel(float(g), flat).mean()) for g in grid))
    se = float(by_chain.std(ddof=1) / np.sqrt(len(by_chain)) / here) if here > 0 else np.inf
    return here, highest, se


def _log_prior(fit: Fit, parameter: str, value: float) -> float:
    data = fit.model.data(fit.runs, fit.reference)
    with float64():
        prior = prior_distributions(fit.model.signature, data)[parameter]
        return float(prior.log_prob(np.float64(max(value, 1e-300))))
