"""The evidence of a fit: an estimate, an independent one beside it, and whether to believe them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bayescale.evidence.bridge import bridge
from bayescale.evidence.estimate import Estimate
from bayescale.evidence.importance import (
    N_PRIOR,
    PROPOSALS,
    Mixture,
    log_weights_of,
    weigh,
)
from bayescale.evidence.maxima import maxima, modes
from bayescale.evidence.proper import improper, unnormalised
from bayescale.evidence.target import Problem, problem
from bayescale.posterior import Fit

__all__ = ["Evidence", "Marginal", "marginal"]

PARETO_LIMIT = 0.7
ESS_LIMIT = 400
"""Least effective number of draws behind the bridge."""

CHECK_ESS_LIMIT = 100
"""Least effective number of points behind the check."""

APART = 3.0
TOLERANCE = 0.02
"""The estimators disagree where they differ by more than this many standard errors and by more than
this many nats: below that no probability changes by more than half a per cent."""

THIN = 4
"""On a large table every fourth draw is used, and as many fewer points."""

SHARE = 0.5
"""The evidence is the priors' where more than this share of the law's parameters are."""


@dataclass(frozen=True)
class Evidence:
    """The log evidence of one fit.

    Parameters
    ----------
    bridge : Estimate
        By bridge sampling: the number that is reported.
    check : Estimate
        By importance sampling from a mixture over the draws and the maxima, with Pareto k.
    laplace : float
        By the Laplace approximation at the heaviest maximum, for reference.
    refusals : tuple of str
        Why no conclusion may be drawn from it; empty where one may.
    """

    bridge: Estimate
    check: Estimate
    laplace: float
    refusals: tuple[str, ...] = ()

    @property
    def log_evidence(self) -> float:
        """Log marginal likelihood in nats, for losses in their own unit."""
        return self.bridge.log_evidence

    @property
    def se(self) -> float:
        """Its standard error in nats."""
        return self.bridge.se

    @property
    def ok(self) -> bool:
        """Whether conclusions may be drawn from it."""
        return not self.refusals


@dataclass(frozen=True, eq=False)
class Marginal:
    """The evidence with what further questions need: the weighed points of the check.

    Parameters
    ----------
    evidence : Evidence
    problem : Problem
    parameters : mapping of str to array, shape (point,)
        Parameters at the check's points.
    log_weights : array, shape (point,)
        Their log importance weights, not normalised.
    """

    evidence: Evidence
    problem: Problem
    parameters: dict[str, np.ndarray]
    log_weights: np.ndarray


def marginal(fit: Fit, seed: int = 0) -> Marginal:
    """The log evidence of a fit, by two estimators.

    Parameters
    ----------
    fit : Fit
        A fit; its priors must be proper.
    seed : int
        Seed of the estimators' own draws.

    Raises
    ------
    LawError
        Where the fit's recorded densities are not those that this version computes.
    """
    rng = np.random.default_rng(seed)
    known = problem(fit)
    if not np.all(np.isfinite(known.draws)) or not np.all(np.isfinite(known.log_density)):
        # Chains that ran away; there is nothing to lay a proposal over.
        none = Estimate(float("nan"), float("inf"), 0.0, float("inf"))
        evidence = Evidence(none, none, float("nan"), _refusals(fit, none, none))
        return Marginal(evidence, known, {}, np.empty(0))
    few = THIN if known.is_large else 1
    by_bridge = bridge(
        known.draws[:, ::few], known.log_density[:, ::few], known.target, rng, warp=few == 1
    )
    if fit.method != "nuts":  # resampled by weight: the draws repeat, and are worth fewer
        worth = fit.diagnosis.ess_bulk_min
        inflation = np.sqrt(max(1.0, by_bridge.ess / worth)) if worth > 0 else np.inf
        by_bridge = Estimate(by_bridge.log_evidence, by_bridge.se * inflation, worth)
    found = maxima(known)
    mixture = Mixture.over(known.draws, modes(found))
    points = mixture.points(PROPOSALS // few, known.prior_draws(N_PRIOR, rng), rng)
    evaluated, density = known.evaluated(points)
    log_weights = log_weights_of(mixture, points, density)
    check = weigh(log_weights)
    heaviest = found[0].log_evidence
    evidence = Evidence(by_bridge, check, heaviest, _refusals(fit, by_bridge, check))
    return Marginal(evidence, known, evaluated.params, log_weights)


def _refusals(fit: Fit, by_bridge: Estimate, check: Estimate) -> tuple[str, ...]:
    """Why the evidence of a fit may not be used, most serious first."""
    found = [
        f"The prior of {name} ({fit.model.priors[name]}) is improper: {why}. Its evidence is "
        "defined up to a constant that nobody knows. Give a prior that integrates to one."
        for name, why in improper(fit.model).items()
    ]
    if why := unnormalised(fit):
        found.append(
            f"The noise {fit.noise.name!r} is no density of the loss: {why}. State the density of "
            "the loss itself, with its normalising constant, so that evidence compares."
        )
    if not fit.diagnosis.converged:
        why = fit.diagnosis.messages[0] if fit.diagnosis.messages else "See its diagnosis."
        found.append(f"The fit has not converged. {why}")
    if not check.pareto_k < PARETO_LIMIT:
        found.append(
            f"The importance weights of the check have no finite variance: Pareto k is "
            f"{check.pareto_k:.2f}, not below {PARETO_LIMIT}. Run longer (--draws), or give "
            "priors without hard edges where the posterior piles up."
        )
    for name, size, limit in (
        ("bridge", by_bridge.ess, ESS_LIMIT),
        ("check", check.ess, CHECK_ESS_LIMIT),
    ):
        if not size >= limit:
            found.append(
                f"The {name} rests on too few independent draws: {size:.0f}, below {limit}. "
                "Run longer (--draws)."
            )
    apart = abs(by_bridge.log_evidence - check.log_evidence)
    if not apart <= max(APART * float(np.hypot(by_bridge.se, check.se)), TOLERANCE):
        found.append(
            f"The estimators disagree: bridge sampling gives {by_bridge.log_evidence:.3f} "
            f"({by_bridge.se:.3f}), importance sampling {check.log_evidence:.3f} "
            f"({check.se:.3f}). Run longer (--draws); chains may have missed part of the posterior."
        )
    found.extend(_unidentified(fit))
    return tuple(found)


def _unidentified(fit: Fit) -> list[str]:
    own = [p.name for p in fit.law.term.parameters]
    dominated = [name for name in own if name in fit.diagnosis.prior_dominated]
    if len(dominated) <= SHARE * len(own):
        return []
    return [
        f"{len(dominated)} of the law's {len(own)} parameters are prior-dominated "
        f"({', '.join(dominated)}), so its evidence says more of the priors than of the law. "
        "Widen the design (runs with other N, D or D/N), or compare laws with fewer parameters."
    ]
