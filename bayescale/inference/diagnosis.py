"""The verdict on a fit: whether its numbers may be vouched for."""

from __future__ import annotations

import importlib
import sys
import threading
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from bayescale.inference.nuts import Chains

__all__ = [
    "PRIOR_DOMINATED",
    "Diagnosis",
    "after_quick",
    "conflicts",
    "contraction",
    "diagnose_chains",
    "diagnose_importance",
    "prepare",
    "prior_sensitivity",
]

RHAT_LIMIT = 1.01
ESS_LIMIT = 400
EBFMI_LIMIT = 0.3
FEW_DIVERGENCES = 0.001
"""Any divergence triggers the retry; this share is let pass, and told, after it."""

PARETO_LIMIT = 0.7
ELSEWHERE = 0.05
"""A Laplace fit that leaves out this share of the posterior is not the posterior."""

PRIOR_DOMINATED = 0.5
"""A parameter is prior-dominated where the data remove less than this share of its variance."""

SENSITIVE = 0.05
INFORMED = 0.9
"""It is prior-dominated too where power-scaling the law's prior moves it by more than the first,
unless the data remove more than the second of its variance."""

TAIL = 0.001
CONFLICT = 4.0
LEAST_CONTRACTION = 0.03
"""A prior conflicts with the data where it has less than the first beyond the posterior's median,
or where prior and data lie more than the second of their joint standard deviations apart. For the
latter a contraction below the third, which draws cannot tell from zero, is taken to be that."""


def prepare() -> None:
    """Start importing what the verdict is computed with: it takes longer than a fit."""
    if "arviz_stats" not in sys.modules:
        threading.Thread(target=importlib.import_module, args=("arviz_stats",)).start()


@dataclass(frozen=True)
class Diagnosis:
    """What was checked, and what came of it.

    Parameters
    ----------
    converged : bool
        Whether the draws may be taken for the posterior.
    rhat_max, ess_bulk_min, ess_tail_min : float
        Worst rank-normalised split R-hat and effective sample sizes over the sampled parameters
        and the predicted loss at ten times the compute of the data.
    divergences : int
        Divergent transitions after warm-up.
    ebfmi_min : float
        Worst energy Bayesian fraction of missing information over chains.
    pareto_k : float
        For a Laplace fit, the shape of the importance weights' tail; NaN for NUTS.
    contraction : mapping of str to float
        For each parameter, the share of its prior variance that the data removed, on the log
        scale for positive parameters.
    prior_sensitivity : mapping of str to float
        For each parameter, how far its posterior moves as the law's prior is raised to a power
        near one: the power-scaling sensitivity of Kallioinen et al. 2023, above 0.05 for a prior
        that matters.
    prior_dominated : tuple of str
        Parameters of the law that the prior decides in good part.
    messages : tuple of str
        What a reader must know, one sentence or two each.
    retried : bool
        Whether this is the second attempt, with smaller steps, a longer warm-up and longer chains.
    prior_conflict : tuple of str
        Parameters whose prior lies off what the data say.
    quick_k : float
        Pareto k of the Laplace approximation that was tried first and did not serve (method
        ``quick``); NaN where none was tried, or where it served.
    """

    converged: bool
    rhat_max: float
    ess_bulk_min: float
    ess_tail_min: float
    divergences: int
    ebfmi_min: float
    pareto_k: float
    contraction: Mapping[str, float]
    prior_sensitivity: Mapping[str, float]
    prior_dominated: tuple[str, ...]
    messages: tuple[str, ...]
    retried: bool = False
    quick_k: float = float("nan")
    prior_conflict: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether every number of the fit may be vouched for."""
        return self.converged and not self.prior_dominated and not self.prior_conflict

    @property
    def doubt(self) -> str:
        """Why not every number may be vouched for, in a phrase; empty where all may."""
        if not self.converged:
            return "the fit did not converge"
        if self.prior_conflict:
            return f"the prior of {', '.join(self.prior_conflict)} conflicts with the data"
        if self.prior_dominated:
            verb = "is" if len(self.prior_dominated) == 1 else "are"
            return f"{', '.join(self.prior_dominated)} {verb} prior-dominated"
        return ""

    def to_json(self) -> dict[str, Any]:
        """A JSON-ready description; not-a-number becomes null."""
        out = {"ok": self.ok, **asdict(self)}
        out["contraction"] = dict(self.contraction)
        out["prior_sensitivity"] = dict(self.prior_sensitivity)
        return {k: None if isinstance(v, float) and np.isnan(v) else v for k, v in out.items()}

    def text(self) -> str:
        """The verdict as a paragraph."""
        if self.converged and np.isnan(self.pareto_k):
            head = (
                f"Converged: R-hat at most {self.rhat_max:.3f}, effective sample size at least "
                f"{self.ess_bulk_min:.0f} (bulk) and {self.ess_tail_min:.0f} (tail), "
                f"{self.divergences} divergences."
            )
        elif self.converged:
            which = "Laplace approximation serves" if np.isnan(self.quick_k) else "draws serve"
            head = (
                f"The {which}: Pareto k {self.pareto_k:.2f}, "
                f"effective sample size {self.ess_bulk_min:.0f}."
            )
        else:
            head = "NOT TRUSTWORTHY: the draws cannot be taken for the posterior."
        if self.retried:
            head += " (Second attempt, with smaller steps and longer chains.)"
        return "\n".join((head, *self.messages))


def contraction(posterior: np.ndarray, prior: np.ndarray, positive: bool) -> float:
    """Share of the prior variance that the data removed: 1 - var(posterior)/var(prior).

    Parameters
    ----------
    posterior, prior : array
        Draws.
    positive : bool
        Compare logarithms.
    """
    if positive:
        posterior, prior = np.log(posterior), np.log(prior)
    return float(1.0 - np.var(posterior) / np.var(prior))


def conflicts(posterior: np.ndarray, prior: np.ndarray, positive: bool, may_vanish: bool) -> bool:
    """Whether a prior lies off what the data say.

    Either the prior has next to no mass beyond the posterior's median; or, for a prior so narrow
    that it holds the posterior, prior and data alone lie far apart: were both normal, by
    ``|m - m0| / s0 / sqrt(contraction)`` of their joint standard deviations, where ``m`` is the
    posterior's mean, and ``m0`` and ``s0`` are the prior's mean and standard deviation [1]_.

    Parameters
    ----------
    posterior, prior : array
        Draws.
    positive : bool
        Compare logarithms.
    may_vanish : bool
        Whether next to zero is an ordinary place for the parameter: below the prior, its values
        are then compared, not their logarithms.

    References
    ----------
    .. [1] Evans and Moshonov 2006, "Checking for prior-data conflict", Bayesian Analysis 1.
    """
    middle = np.median(posterior)
    above, below = np.mean(prior > middle), np.mean(prior < middle)
    if above < TAIL or (below < TAIL and not may_vanish):
        return True
    if positive and not (may_vanish and above > below):
        posterior, prior = np.log(posterior), np.log(prior)
    share = max(1.0 - np.var(posterior) / np.var(prior), LEAST_CONTRACTION)
    off = (np.mean(posterior) - np.mean(prior)) / np.std(prior) / np.sqrt(share)
    return bool(abs(off) > CONFLICT)


def prior_sensitivity(
    draws: Mapping[str, np.ndarray], log_prior: np.ndarray, positive: Mapping[str, bool]
) -> dict[str, float]:
    """Power-scaling sensitivity of each parameter to the prior [1]_.

    Parameters
    ----------
    draws : mapping of str to array, shape (chain, draw)
    log_prior : array, shape (chain, draw)
        Log prior density of the law's parameters.
    positive : mapping of str to bool
        Whether to compare logarithms.

    References
    ----------
    .. [1] Kallioinen, Paananen, Buerkner and Vehtari 2023, "Detecting and diagnosing prior and
       likelihood sensitivity with power-scaling", Statistics and Computing 34.
    """
    from arviz_stats.base import array_stats

    down, up = 1.0 / 1.01, 1.01
    ordered = np.sort(log_prior, axis=None)
    tail = int(np.ceil(min(0.2 * ordered.size, 3.0 * np.sqrt(ordered.size))))
    if not (np.ptp(ordered[:tail]) > 0 and np.ptp(ordered[-tail:]) > 0):
        return dict.fromkeys(draws, 1.0)  # too few distinct draws to tell: not ruled out
    weights = np.exp(
        [array_stats.power_scale_lw(log_prior.ravel(), alpha=power) for power in (down, up)]
    )
    weights /= weights.sum(axis=1, keepdims=True)
    found = {}
    for name, values in draws.items():
        distances = _cjs(np.ravel(np.log(values) if positive[name] else values), weights)
        found[name] = float(distances @ [0.5 / np.log2(up), 0.5 / np.log2(up)])
    return found


def _cjs(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Cumulative Jensen-Shannon distance of draws to the same draws weighed, one each.

    As ArviZ has it (``array_stats.power_scale_sense``), for all weights and for both signs of the
    draws at once, which takes a fifth of the time.

    Parameters
    ----------
    values : array, shape (draw,)
    weights : array, shape (weighing, draw)
        Each adds up to one.

    Returns
    -------
    array, shape (weighing,)
    """
    n = len(values)
    order = np.argsort(values)
    width = np.diff(values[order])
    p = np.linspace(1 / n, 1 - 1 / n, n - 1)
    q = np.cumsum(weights[:, order], axis=1)[:, :-1]
    distances = []
    for p_side, q_side in ((p, q), (1.0 - p, np.maximum(1.0 - q, 0.0))):
        between = np.log2(0.5 * (p_side + q_side))
        log_q = np.log2(q_side, out=np.zeros_like(q_side), where=q_side > 0)
        difference = 0.5 / np.log(2) * ((q_side - p_side) @ width)
        pq = (p_side * (np.log2(p_side) - between)) @ width + difference
        qp = (q_side * (log_q - between)) @ width - difference
        bound = (p_side + q_side) @ width
        distances.append(np.sqrt((np.maximum(pq, 0) + np.maximum(qp, 0)) / bound))
    return np.asarray(np.maximum(*distances))


def diagnose_chains(
    draws: Mapping[str, np.ndarray],
    ahead: np.ndarray,
    chains: Chains,
    max_tree_depth: int,
    contractions: Mapping[str, float],
    sensitivities: Mapping[str, float],
    law_parameters: tuple[str, ...],
    notes: tuple[str, ...] = (),
    retried: bool = False,
    design: tuple[str, ...] = (),
    conflicting: tuple[str, ...] = (),
    unvisited: float = 0.0,
) -> Diagnosis:
    """The verdict on a NUTS fit.

    Parameters
    ----------
    draws : mapping of str to array, shape (chain, draw)
        Sampled parameters.
    ahead : array, shape (chain, draw)
        Log of the predicted loss at ten times the compute of the data.
    chains : Chains
        The sampler's record.
    max_tree_depth : int
        Its limit.
    contractions, sensitivities : mapping
        From :func:`contraction` and :func:`prior_sensitivity`.
    law_parameters : tuple of str
        Those that must not be prior-dominated.
    notes : tuple of str
        Further messages, appended.
    retried : bool
        Whether this is the second attempt.
    design : tuple of str
        What the runs cannot tell, whatever is drawn; it comes before what the sampler says.
    conflicting : tuple of str
        Parameters whose priors conflict with the data; see :func:`conflicts`.
    unvisited : float
        Share of the posterior around maxima that no chain visited.
    """
    from arviz_stats.base import array_stats

    watched = {**draws, "the loss at ten times the compute": ahead}
    with np.errstate(divide="ignore", invalid="ignore"):  # chains that never moved: not a number
        rhat = {name: float(array_stats.rhat(v)) for name, v in watched.items()}
    bulk = {name: float(array_stats.ess(v, method="bulk")) for name, v in watched.items()}
    tail = {
        name: float(array_stats.ess(v, method="tail", prob=(0.05, 0.95)))
        for name, v in watched.items()
    }
    ebfmi = float(np.min(np.asarray(array_stats.bfmi(chains.energy))))
    divergences = int(chains.diverging.sum())
    total = chains.diverging.size
    deep = float(np.mean(chains.steps >= 2**max_tree_depth - 1))

    problems = []
    worst = max(rhat, key=lambda name: np.nan_to_num(rhat[name], nan=np.inf))
    if not rhat[worst] < RHAT_LIMIT:
        problems.append(
            f"The chains disagree: R-hat of {worst} is {rhat[worst]:.3f}, above {RHAT_LIMIT}. "
            "Run longer (--draws), give tighter priors, or choose a law with fewer parameters."
        )
    if unvisited > 0.0:
        problems.append(
            f"No chain visited maxima of the posterior that hold {unvisited:.0%} of it by the "
            "Laplace approximation. Give priors that tell them apart, widen the design, or choose "
            "a law with fewer parameters."
        )
    for kind, sizes in (("bulk", bulk), ("tail", tail)):
        worst = _least(sizes)
        if not sizes[worst] >= ESS_LIMIT:
            problems.append(
                f"Too few independent draws: the {kind} effective sample size of {worst} is "
                f"{sizes[worst]:.0f}, below {ESS_LIMIT}. Run longer (--draws)."
            )
    if retried and 0 < divergences <= FEW_DIVERGENCES * total:
        notes = (
            *notes,
            f"{divergences} of {total} transitions diverged even with small steps; the other "
            "checks are good.",
        )
    elif divergences:
        problems.append(
            f"{divergences} of {total} transitions diverged: part of the posterior was not "
            "reached. Give tighter priors, or choose a law with fewer parameters."
        )
    if not ebfmi >= EBFMI_LIMIT:
        problems.append(
            f"The energy fraction E-BFMI is {ebfmi:.2f}, below {EBFMI_LIMIT}: the tails are "
            "explored too slowly. Run longer (--draws)."
        )
    if deep > 0.01 and not problems:
        notes = (
            *notes,
            f"{deep:.0%} of the draws hit the greatest tree depth: sampling is slow, not wrong.",
        )
    dominated = _dominated(contractions, sensitivities, law_parameters)
    told = _conflict_message(conflicting)
    told += _dominated_message(dominated, contractions, sensitivities)
    return Diagnosis(
        converged=not problems,
        rhat_max=max(rhat.values()),
        ess_bulk_min=min(bulk.values()),
        ess_tail_min=min(tail.values()),
        divergences=divergences,
        ebfmi_min=ebfmi,
        pareto_k=float("nan"),
        contraction=dict(contractions),
        prior_sensitivity=dict(sensitivities),
        prior_dominated=dominated,
        messages=(*design, *problems, *told, *notes),
        retried=retried,
        prior_conflict=conflicting,
    )


def importance_problems(pareto_k: float, ess: float, elsewhere: float = 0.0) -> list[str]:
    """What keeps weighed draws from serving as the posterior; see :func:`diagnose_importance`."""
    problems = []
    if not elsewhere < ELSEWHERE:
        problems.append(
            "The Laplace approximation was drawn at one maximum of the posterior, and the others "
            f"hold {elsewhere:.0%} of it. Sample instead (method nuts), or give tighter priors."
        )
    if not pareto_k < PARETO_LIMIT:
        problems.append(
            f"The Laplace approximation misses part of the posterior: Pareto k is {pareto_k:.2f}, "
            f"not below {PARETO_LIMIT}. Sample instead (method nuts)."
        )
    if not ess >= ESS_LIMIT:
        problems.append(
            f"Too few independent draws: the importance weights are worth {ess:.0f}, below "
            f"{ESS_LIMIT}. Sample instead (method nuts)."
        )
    return problems


def diagnose_importance(
    pareto_k: float,
    ess: float,
    contractions: Mapping[str, float],
    sensitivities: Mapping[str, float],
    law_parameters: tuple[str, ...],
    notes: tuple[str, ...] = (),
    elsewhere: float = 0.0,
    design: tuple[str, ...] = (),
    conflicting: tuple[str, ...] = (),
) -> Diagnosis:
    """The verdict on a Laplace fit, by the tail of its importance weights.

    ``elsewhere`` is the share of the posterior around maxima that were not drawn from; ``design``
    is what the runs cannot tell, and comes first.
    """
    problems = importance_problems(pareto_k, ess, elsewhere)
    dominated = _dominated(contractions, sensitivities, law_parameters)
    told = _conflict_message(conflicting)
    told += _dominated_message(dominated, contractions, sensitivities)
    nan = float("nan")
    return Diagnosis(
        converged=not problems,
        rhat_max=nan,
        ess_bulk_min=ess,
        ess_tail_min=ess,
        divergences=0,
        ebfmi_min=nan,
        pareto_k=pareto_k,
        contraction=dict(contractions),
        prior_sensitivity=dict(sensitivities),
        prior_dominated=dominated,
        messages=(*design, *problems, *told, *notes),
        prior_conflict=conflicting,
    )


def after_quick(
    diagnosis: Diagnosis, pareto_k: float, ess: float, how: str = "by NUTS"
) -> Diagnosis:
    """The verdict on a fit that draws of the Laplace approximation, which failed, asked for.

    ``pareto_k`` and ``ess`` are those of the draws that failed.
    """
    if not pareto_k < PARETO_LIMIT:
        why = f"Pareto k {pareto_k:.2f}, not below {PARETO_LIMIT}"
    elif not ess >= ESS_LIMIT:
        why = f"an effective sample size of {ess:.0f}, below {ESS_LIMIT}"
    else:
        why = f"other maxima hold {ELSEWHERE:.0%} of the posterior or more"
    note = f"The Laplace approximation did not serve ({why}); these draws are {how}."
    return replace(diagnosis, messages=(*diagnosis.messages, note), quick_k=float(pareto_k))


def _least(values: Mapping[str, float]) -> str:
    return min(values, key=lambda name: float(np.nan_to_num(values[name], nan=0.0)))


def _dominated(
    contractions: Mapping[str, float], sensitivities: Mapping[str, float], names: tuple[str, ...]
) -> tuple[str, ...]:
    return tuple(
        name
        for name in names
        if not contractions[name] >= PRIOR_DOMINATED
        or (sensitivities[name] > SENSITIVE and contractions[name] < INFORMED)
    )


def _conflict_message(names: tuple[str, ...]) -> tuple[str, ...]:
    if not names:
        return ()
    return (
        f"The prior of {', '.join(names)} conflicts with the data, and what comes of both is not "
        "to be vouched for: one of them is wrong. Give another prior (--prior), or look whether "
        "the runs are in the unit that the prior means.",
    )


def _dominated_message(
    names: tuple[str, ...], contractions: Mapping[str, float], sensitivities: Mapping[str, float]
) -> tuple[str, ...]:
    if not names:
        return ()
    uninformed = [name for name in names if not contractions[name] >= PRIOR_DOMINATED]
    reasons = []
    if uninformed:
        shares = ", ".join(f"{name} {max(contractions[name], 0.0):.0%}" for name in uninformed)
        reasons.append(f"the data remove too little of the prior's variance ({shares}; not half)")
    if moved := [name for name in names if name not in uninformed]:
        shares = ", ".join(f"{name} {sensitivities[name]:.2f}" for name in moved)
        reasons.append(
            f"the answer moves with the prior's width (sensitivity {shares}; above {SENSITIVE})"
        )
    verb = "is" if len(names) == 1 else "are"
    return (
        f"{', '.join(names)} {verb} prior-dominated, and not to be vouched for: "
        f"{'; '.join(reasons)}. Widen the design (runs with other N, D or D/N), or choose a law "
        "without it.",
    )
