r"""How far the evidence moves with the width of each prior.

The evidence under another prior of one parameter is an average over the points at hand,

.. math:: Z'/Z = \mathrm E\left[\frac{p'(\theta_j)}{p(\theta_j)}\right]

under the posterior: no likelihood is computed again. The points are those of the mixture, which
are spread wider than the posterior; where the new weights have no finite variance (Pareto k), too
few points carry them, or the changed prior allows what the old one ruled out (a wider uniform one),
the law is fitted again under the changed prior.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

import numpy as np
from numpyro.distributions.distribution import validation_enabled

from bayescale.errors import PriorError
from bayescale.evidence.importance import weigh
from bayescale.evidence.marginal import CHECK_ESS_LIMIT, PARETO_LIMIT, Marginal
from bayescale.inference.runtime import float64
from bayescale.model import Model, prior_distributions
from bayescale.prior import Prior

__all__ = ["FACTORS", "Refit", "Shift", "sensitivity", "with_prior"]

FACTORS = (1.0 / 3.0, 3.0)
"""Every prior's scale is multiplied by these."""


@dataclass(frozen=True)
class Shift:
    """What one changed prior does to the log evidence.

    Parameters
    ----------
    parameter : str
    factor : float
        Its prior's scale was multiplied by this.
    change : float
        Change of the log evidence, in nats; NaN where it could not be computed.
    se : float
        Standard error of the change.
    method : str
        ``reweighted``, ``refitted``, or why there is no number.
    """

    parameter: str
    factor: float
    change: float
    se: float
    method: str


type Refit = Callable[[str, Prior], tuple[float, float, str]]
"""From a parameter and its new prior to the log evidence, its standard error and, if it may not
be used, the reason."""


def sensitivity(known: Marginal, parameters: Iterable[str], refit: Refit) -> tuple[Shift, ...]:
    """The change of the log evidence for the scale of each prior times 1/3 and times 3.

    Parameters
    ----------
    known : Marginal
        The evidence with its points.
    parameters : iterable of str
        Parameters whose priors to change.
    refit : callable
        Computes the evidence under a changed prior where reweighting does not serve.
    """
    return tuple(_shift(known, name, factor, refit) for name in parameters for factor in FACTORS)


def _shift(known: Marginal, name: str, factor: float, refit: Refit) -> Shift:
    model = known.problem.model
    try:
        prior = model.priors[name].widened(factor)
    except PriorError:
        return Shift(name, factor, float("nan"), float("nan"), "the prior has no scale")
    if _reaches_beyond(prior, model.priors[name]):
        return _refitted(known, name, factor, prior, refit)
    log_ratio = _log_density(known, name, prior) - _log_density(known, name, model.priors[name])
    with np.errstate(invalid="ignore"):
        moved = np.where(np.isfinite(known.log_weights), known.log_weights + log_ratio, -np.inf)
    moved = np.where(np.isnan(moved), -np.inf, moved)
    before, after = weigh(known.log_weights), weigh(moved)
    if after.pareto_k < PARETO_LIMIT and after.ess >= CHECK_ESS_LIMIT:
        # The two averages are over the same points: their errors largely cancel.
        influence = np.exp(moved - after.log_evidence) - np.exp(
            known.log_weights - before.log_evidence
        )
        se = float(np.std(influence) / np.sqrt(len(influence)))
        return Shift(name, factor, after.log_evidence - before.log_evidence, se, "reweighted")
    return _refitted(known, name, factor, prior, refit)


def _reaches_beyond(prior: Prior, old: Prior) -> bool:
    """Whether a prior allows values that the old one rules out: no point lies there."""
    ends = np.array([0.0, 1.0])
    with np.errstate(divide="ignore"):
        (low, high), (old_low, old_high) = prior.quantile(ends), old.quantile(ends)
    return bool(low < old_low or high > old_high)


def _refitted(known: Marginal, name: str, factor: float, prior: Prior, refit: Refit) -> Shift:
    log_evidence, se, refused = refit(name, prior)
    if refused:
        return Shift(name, factor, float("nan"), float("nan"), f"refused: {refused}")
    here = known.evidence
    return Shift(
        name, factor, log_evidence - here.log_evidence, float(np.hypot(se, here.se)), "refitted"
    )


def _log_density(known: Marginal, name: str, prior: Prior) -> np.ndarray:
    """Log density of a prior at the points, in the parameter's own unit."""
    problem = known.problem
    numbers = {key: np.float64(value) for key, value in prior.numbers.items()}
    data = {**problem.data, "priors": {**problem.data["priors"], name: numbers}}
    # A far point may round onto the edge of the support, where NumPyro would warn.
    with float64(), validation_enabled(False):
        distribution = prior_distributions(problem.model.signature, data)[name]
        return np.asarray(distribution.log_prob(known.parameters[name]))


def with_prior(model: Model, name: str, prior: Prior) -> Model:
    """The model with one prior replaced."""
    if name in {p.name for p in model.law.parameters}:
        return replace(model, law=model.law.with_priors(**{name: prior}))
    own = {**dict(model.noise_priors), name: prior}
    return replace(model, noise_priors=tuple(sorted(own.items())))
