"""The verb ``fit``: from runs and a law to a posterior with a verdict."""

from __future__ import annotations

import functools
import time
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import special

from bayescale import discrepancy as discrepancy_library
from bayescale import laws as law_library
from bayescale import noise as noise_library
from bayescale import pooling as pooling_library
from bayescale.discrepancy import Discrepancy
from bayescale.errors import LawError, PriorError, RunsError
from bayescale.inference import adaptive, cost, large, nuts, point
from bayescale.inference import diagnosis as verdict
from bayescale.inference import laplace as laplace_fit
from bayescale.inference.diagnosis import PRIOR_DOMINATED, Diagnosis
from bayescale.inference.evaluate import Evaluated, evaluate
from bayescale.inference.evaluate import prepare as prepare_evaluation
from bayescale.inference.nuts import Settings
from bayescale.inference.point import Optima
from bayescale.inference.progress import Progress, progress_bar
from bayescale.inference.rows import arranged, grouped, n_rows
from bayescale.inference.runtime import float64
from bayescale.laws.law import Law
from bayescale.laws.term import Parameter
from bayescale.model import LOSS_SCALE, Data, Model
from bayescale.noise import Noise
from bayescale.pooling import Pooling
from bayescale.posterior import OUTLIER, Fit, Optimum
from bayescale.prior import Prior
from bayescale.runs import Runs
from bayescale.runs.wording import counted
from bayescale.units import is_linear

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "PointFit",
    "build_model",
    "check_options",
    "computed",
    "distinct",
    "fit",
    "fit_model",
    "point_fit",
]

METHODS = ("auto", "nuts", "laplace", "quick")
PROPOSALS = 4000
SAME = 1e-3
"""Optima whose potentials differ by less, and whose coordinates agree, are one."""

SPREAD = 1.5
"""Chains start this many times farther apart than draws of the Laplace approximation."""

SHARE = 0.05
"""An optimum that holds this share of the posterior starts chains of its own."""

MANY = 20.0
"""Outliers that the noise itself must explain before their number is held against it."""

NOISELESS = 1e-5
ARRIVED = 1e-6
"""There is no noise where its scale is below the first and still falling: where one more step of
the optimiser would gain more than the second."""

FEWEST = 3
"""Runs below which nothing is fitted: two runs leave the noise's scale without a lower bound."""

LOWEST_NU = 2.05
AT_BOUND = (
    " The degrees of freedom nu lie against their lower bound of 2: the runs scatter more widely "
    "than this noise allows. Look at the runs named below, and leave them out or explain them."
)

MOVED = "weighed draws of a proposal that was moved to the posterior"
GOOD = (0.5, 1000.0)
FAIR = (verdict.PARETO_LIMIT, verdict.ESS_LIMIT)
"""Pareto k and effective draws at which a proposal has been moved enough; with a process, where an
evaluation is dear, as soon as the verdict is good."""

MAY_VANISH = ("floor", "strength", "noise")
"""Roles of parameters that may well be next to zero, where their priors have little mass."""

HEAVY = 5.0
"""Degrees of freedom below which the noise is called heavy-tailed."""


def build_model(
    law: str | Law,
    noise: str | Noise | None = None,
    priors: Mapping[str, Prior] | None = None,
    discrepancy: str | Discrepancy | None = None,
    pool: str | Pooling | None = None,
) -> Model:
    """A law and a noise model with priors replaced by name, a discrepancy and pooling.

    Noise and discrepancy are those of the law unless named.

    Raises
    ------
    LawError, PriorError, ExpressionError
        Where a name is unknown or an expression cannot be read.
    """
    law = law_library.get(law)
    named = law.name.partition(":")[2]
    if named and discrepancy is not None and discrepancy != named:
        raise LawError(
            f"The law {law.name!r} names its process, but the discrepancy {discrepancy!s} was "
            f"given beside it. Leave it out, or name the law {law.name.partition(':')[0]!r}."
        )
    of_law = dict(law.noise_priors) if noise is None or noise == law.noise else {}
    noise = noise_library.get(law.noise if noise is None else noise)
    beyond = discrepancy_library.get(law.discrepancy if discrepancy is None else discrepancy)
    beyond = beyond.resolved(law)
    if beyond.kernel is not None and noise.name != "normal":
        raise LawError(
            f"The discrepancy {beyond.name!r} is integrated out, which takes normal noise, but the "
            f"noise is {noise.name!r}. Use --noise normal, or another discrepancy."
        )
    pooling = pooling_library.get(pool, law)
    if beyond.kernel is not None and pooling.active:
        raise LawError(
            f"The discrepancy {beyond.name!r} is of one series of runs, but the fit is pooled by "
            f"{pooling.by!r}. Fit each group by itself, or use another discrepancy."
        )
    own = {p.name for p in (*noise.parameters, *pooling.added, *beyond.parameters)}
    clash = own & {p.name for p in law.term.parameters}
    if clash:
        raise LawError(
            f"The law {law.name!r} and its noise or pooling, {noise.name!r}, both have a parameter "
            f"{min(clash)!r}. Name the law's otherwise."
        )
    priors = {**of_law, **(priors or {})}
    of_noise = {name: priors.pop(name) for name in list(priors) if name in own}
    try:
        law = law.with_priors(**priors)
    except PriorError as error:
        raise PriorError(f"{error} Beside the law: {', '.join(sorted(own))}.") from None
    return Model(law, noise, tuple(sorted(of_noise.items())), beyond, pooling)


def fit(
    law: str | Law,
    runs: Runs,
    *,
    noise: str | Noise | None = None,
    priors: Mapping[str, Prior] | None = None,
    discrepancy: str | Discrepancy | None = None,
    pool: str | Pooling | None = None,
    method: str = "auto",
    seed: int = 0,
    draws: int = 1000,
    warmup: int = 300,
    chains: int = 4,
    progress: bool | Progress = True,
) -> Fit:
    """Fit a law to runs.

    A point fit from many starts gives every optimum; the Laplace approximation there whitens NUTS.
    A bad verdict triggers one retry with smaller steps and longer chains; a second bad verdict
    is returned as it is, in :attr:`Fit.diagnosis`.

    Parameters
    ----------
    law : str or Law
        A law's name, an expression, or a :class:`~bayescale.laws.Law`.
    runs : Runs
        The runs; see :func:`bayescale.read_runs`.
    noise : str or Noise, optional
        Noise on log loss: ``student_t``, or that of the law, unless said.
    priors : mapping of str to Prior, optional
        Priors that replace the defaults, by parameter.
    discrepancy : str or Discrepancy, optional
        How far the losses may leave the law: ``"slope"`` beyond the runs, or that of the law,
        unless said; ``"none"`` takes the law to be exact. A slope changes forecasts, not the
        posterior of the law; a process (``"matern"``, ``"wiener"``), for one input, is sampled with
        the law.
    pool : str or Pooling, optional
        A column of groups, such as ``"family"``, whose laws differ in their levels and are drawn
        from one population; ``"family(E, alpha)"`` names the parameters that differ.
    method : {"auto", "nuts", "laplace", "quick"}
        ``auto`` is ``nuts``, unless the table has more than 16,384 rows and NUTS would take more
        than five minutes here; then it is ``quick``, and the diagnosis says so. ``laplace`` draws
        from the Laplace approximation with Pareto-smoothed importance weights: fast, and checked by
        Pareto k. ``quick`` does so; where the check fails it moves the proposal to where the
        posterior was found to be, checks again, and samples by NUTS where that fails too.
    seed : int
        Makes the fit reproducible.
    draws, warmup : int
        Draws of each chain after and in warm-up, multiples of 100; without NUTS,
        ``draws * chains`` draws in all.
    chains : int
        Number of chains, at least two.
    progress : bool or callable, default True
        Whether to show a bar, where standard error is a terminal; or a function that is called
        with draws done and draws in all.

    Returns
    -------
    Fit

    Raises
    ------
    BayescaleError
        Where the law, the noise or the priors cannot be used with the runs.

    Examples
    --------
    >>> import bayescale as bs
    >>> fit = bs.fit("chinchilla", bs.datasets.load("tiny"), seed=0)  # doctest: +SKIP
    >>> fit.table()  # doctest: +SKIP
    """
    check_options(method, draws, warmup, chains, seed)
    model = build_model(law, noise, priors, discrepancy, pool)
    settings = Settings(warmup, draws, chains)
    with _reporting(progress, f"fit {model.law.name}") as report:
        return fit_model(model, runs, method, settings, seed, report)


def _enough(runs: Runs) -> None:
    """Refuse what is no table of runs, and tables too short to fit."""
    if not isinstance(runs, Runs):
        raise RunsError(
            f"The runs are a {type(runs).__name__}, not runs. Read them first, "
            'bs.read_runs("runs.csv"), and give the law before them.'
        )
    if len(runs) < FEWEST:
        raise RunsError(
            f"The table has {counted(len(runs), 'run')} to fit. Give at least {FEWEST}; a law of "
            "five parameters wants a dozen, spread over its inputs."
        )


def fit_model(
    model: Model,
    runs: Runs,
    method: str,
    settings: Settings,
    seed: int,
    report: Progress | None = None,
) -> Fit:
    """Fit a model that is built; see :func:`fit`."""
    started = time.perf_counter()
    _enough(runs)
    model = model.resolved(runs)
    reference = model.reference(runs)
    data = model.data(runs, reference)
    rng = np.random.default_rng(seed)
    result = computed(model, runs, reference, data, method, settings, rng, seed, report)
    return replace(result, seed=seed, seconds=time.perf_counter() - started)


def _reporting(progress: bool | Progress, what: str) -> AbstractContextManager[Progress | None]:
    if progress is True:
        return progress_bar(what)
    return nullcontext(progress or None)


def computed(
    model: Model,
    runs: Runs,
    reference: dict[str, float],
    data: Data,
    method: str,
    settings: Settings,
    rng: np.random.Generator,
    seed: int,
    report: Progress | None,
) -> Fit:
    """Fit a model to arrays that are built; see :func:`fit_model`."""
    groups = grouped(data, model.signature)
    notes = large.notes(runs, None if groups is None else n_rows(groups))
    data = arranged(data if groups is None else groups)
    if method == "auto" and n_rows(data) <= cost.UNMEASURED:
        method = "nuts"
    point.prepare(model, data)
    verdict.prepare()
    if method == "nuts":
        nuts.prepare(model.signature, data, settings)
    prepare_evaluation(model.signature, data, settings.draws * settings.chains)
    optima = distinct(point.centred(model, data, point.optimise(model, data)))
    approximations = [laplace_fit.laplace(optima, i) for i in range(len(optima.value))]
    weights = special.softmax([a.log_evidence for a in approximations])
    _noisy(optima, len(runs))
    if method == "auto":
        found = cost.measure(model.signature, data, optima.u[int(np.argmax(weights))], settings)
        method = "nuts" if found.nuts <= cost.TOO_LONG else "quick"
        notes = (*notes, large.chosen(found, len(runs), settings, method))
    problem = _Problem(model, runs, reference, data, optima, approximations, weights, notes)
    if method == "nuts":
        result = _by_nuts(problem, rng, seed, settings, report)
    else:
        result = _by_importance(problem, rng, seed, settings, report, method)
    return replace(
        result,
        optima=tuple(_optimum(result, optima, weights, int(i)) for i in np.argsort(-weights)),
    )


def _noisy(optima: Optima, n: int) -> None:
    """Refuse losses that follow the law to the last digit: they have no noise to learn of."""
    scale = float(optima.params["sigma"][0]) if "sigma" in optima.params else np.inf
    if scale < NOISELESS and not optima.decrement[0] < ARRIVED:
        raise RunsError(
            f"The losses of the {n} runs follow the law to the last digit (noise scale below "
            f"{scale:.1g}), so there is no noise to learn a band from. Were they computed from it? "
            "Add noise to simulated losses, or take bayescale.point_fit."
        )


def check_options(method: str, draws: int, warmup: int, chains: int, seed: int) -> None:
    """Refuse settings of a fit that cannot be used."""
    if method not in METHODS:
        raise LawError(f"There is no method {method!r}. Choose one of: {', '.join(METHODS)}.")
    for name, value in (("draws", draws), ("warmup", warmup)):
        if value < nuts.CHUNK or value % nuts.CHUNK:
            raise LawError(
                f"The number of {name} is {value}. Give a positive multiple of {nuts.CHUNK}."
            )
    if chains < 2:
        raise LawError(f"The number of chains is {chains}. Give at least 2, to tell agreement.")
    if not 0 <= seed < 2**31:
        raise LawError(f"The seed is {seed}. Give a number from 0 to {2**31 - 1}.")


def distinct(optima: Optima) -> Optima:
    """The converged optima that differ, best first; the best start alone if none converged."""
    kept: list[int] = []
    for i in range(len(optima.value)):
        converged = optima.decrement[i] < 1e-6 and np.isfinite(optima.value[i])
        saddle = np.linalg.eigvalsh(optima.hessian[i])[0] <= 0.0
        near = any(
            abs(optima.value[i] - optima.value[j]) < SAME
            and np.allclose(optima.u[i], optima.u[j], atol=0.1)
            for j in kept
        )
        if converged and not saddle and not near:
            kept.append(i)
    kept = kept or [0]
    return Optima(
        optima.u[kept],
        optima.value[kept],
        optima.decrement[kept],
        {name: values[kept] for name, values in optima.params.items()},
        optima.hessian[kept],
    )


def _optimum(fit: Fit, optima: Optima, weights: np.ndarray, which: int) -> Optimum:
    at = {name: values[which] for name, values in optima.params.items()}
    # As many copies as there are draws, so that the program for the draws serves.
    shape = next(iter(fit.draws.values())).shape
    point = replace(fit, draws={name: np.full(shape, value) for name, value in at.items()})
    return Optimum(
        {name: float(value[0, 0]) for name, value in point.parameters.items()},
        -float(optima.value[which]),
        float(weights[which]),
    )


@dataclass(frozen=True)
class _Problem:
    """What every step of a fit needs."""

    model: Model
    runs: Runs
    reference: dict[str, float]
    data: Data
    optima: Optima
    approximations: list[laplace_fit.Laplace]
    weights: np.ndarray
    """Share of the posterior around each optimum, by the Laplace approximation."""

    notes: tuple[str, ...] = ()
    """What is particular to a large table."""

    @property
    def best(self) -> laplace_fit.Laplace:
        return self.approximations[int(np.argmax(self.weights))]


def _by_nuts(
    problem: _Problem,
    rng: np.random.Generator,
    seed: int,
    settings: Settings,
    progress: Progress | None,
) -> Fit:
    starts = _starts(problem, rng, settings.chains)
    first, u = _sampled(problem, problem.best, starts, seed, settings, progress, retried=False)
    if first.diagnosis.converged:
        return first
    # One retry, whitened by what the first attempt saw of the posterior.
    pooled = u.reshape(-1, u.shape[-1])
    covariance = np.cov(pooled.T) + 1e-12 * np.eye(pooled.shape[1])
    seen = laplace_fit.Laplace(pooled.mean(axis=0), np.linalg.cholesky(covariance), np.nan)
    careful = settings.cautious(longer=not problem.model.signature.process)  # dear to evaluate
    return _sampled(problem, seen, starts, seed + 1, careful, progress, retried=True)[0]


def _starts(problem: _Problem, rng: np.random.Generator, chains: int) -> np.ndarray:
    """Starting coordinates of the chains.

    Optima that hold a share of the posterior start chains of their own, so that chains that do not
    mix are seen to disagree.
    """
    order = np.argsort(-problem.weights)
    held = [i for i in order if problem.weights[i] >= SHARE] or [order[0]]
    return np.concatenate(
        [problem.approximations[held[c % len(held)]].draws(1, rng, SPREAD) for c in range(chains)]
    )


def _sampled(
    problem: _Problem,
    whitening: laplace_fit.Laplace,
    starts: np.ndarray,
    seed: int,
    settings: Settings,
    progress: Progress | None,
    *,
    retried: bool,
) -> tuple[Fit, np.ndarray]:
    z = np.linalg.solve(whitening.factor, (starts - whitening.mode).T).T
    chains = nuts.sample(
        problem.model.signature,
        problem.data,
        whitening.mode,
        whitening.factor,
        z,
        float(problem.optima.value[int(np.argmax(problem.weights))]),
        seed,
        settings,
        progress,
    )
    kept = chains.thinned(settings.thin)
    shape, u = kept.u.shape[:2], kept.u.reshape(-1, kept.u.shape[-1])
    evaluated = evaluate(problem.model.signature, u, problem.data)
    stats = {
        "lp": -kept.potential,
        "energy": kept.energy,
        "n_steps": kept.steps,
        "tree_depth": np.ceil(np.log2(kept.steps + 1)).astype(np.int64),
        "reached_max_tree_depth": kept.steps >= 2**settings.max_tree_depth - 1,
        "acceptance_rate": kept.acceptance,
        "step_size": kept.step_size,
        "diverging": kept.diverging,
    }
    draft = _draft(problem, evaluated, shape, stats, "nuts")
    ahead = _ahead(draft)
    diagnosis = verdict.diagnose_chains(
        draft.draws,
        ahead,
        chains,
        settings.max_tree_depth,
        draft.diagnosis.contraction,
        draft.diagnosis.prior_sensitivity,
        problem.model.judged,
        _notes(problem, draft),
        retried,
        _design_notes(draft),
        draft.diagnosis.prior_conflict,
        _unvisited(problem, u),
    )
    return replace(draft, diagnosis=diagnosis), chains.u


def _unvisited(problem: _Problem, u: np.ndarray) -> float:
    """Share of the posterior around maxima that no draw lies near.

    Chains that have all gone to one maximum agree with each other, whatever the others hold.
    """
    held = np.flatnonzero(problem.weights >= SHARE)
    if len(held) < 2:
        return 0.0
    distances = []
    for i in held:
        own = problem.approximations[i]
        z = np.linalg.solve(own.factor, (u - own.mode).T)
        distances.append(np.sum(z**2, axis=0) + 2.0 * np.linalg.slogdet(own.factor)[1])
    seen = np.unique(np.argmin(distances, axis=0))
    return float(np.sum(problem.weights[np.delete(held, seen)]))


def _by_importance(
    problem: _Problem,
    rng: np.random.Generator,
    seed: int,
    settings: Settings,
    progress: Progress | None,
    method: str,
) -> Fit:
    """By weighed draws of the Laplace approximation.

    Where those do not serve, the quick method moves the proposal (NUTS costs a hundred times as
    much), and samples where that does not serve either.
    """
    model, n = problem.model, max(PROPOSALS, settings.draws * settings.chains)
    own = (problem.best, model.signature, problem.data)
    first = laplace_fit.importance(*own, n, rng, progress)
    elsewhere = 1.0 - float(np.max(problem.weights))
    failed = bool(verdict.importance_problems(first.pareto_k, first.ess, elsewhere))
    if method != "quick" or not failed:
        return _weighed(problem, first, rng, settings, elsewhere)
    if n_rows(problem.data) <= cost.UNMEASURED:
        good, enough = FAIR if model.signature.process else GOOD
        moved = adaptive.adapted(
            problem.approximations,
            problem.weights,
            model.signature,
            problem.data,
            n,
            rng,
            good,
            enough,
            verdict.PARETO_LIMIT,
            progress,
            first,
        )
        if not verdict.importance_problems(moved.pareto_k, moved.ess):
            result = _weighed(problem, moved, rng, settings)
            return _after(result, first, MOVED)
    return _after(_by_nuts(problem, rng, seed, settings, progress), first)


def _after(fit: Fit, first: laplace_fit.Importance, how: str = "by NUTS") -> Fit:
    diagnosis = verdict.after_quick(fit.diagnosis, first.pareto_k, first.ess, how)
    return replace(fit, diagnosis=diagnosis)


def _weighed(
    problem: _Problem,
    weighed: laplace_fit.Importance,
    rng: np.random.Generator,
    settings: Settings,
    elsewhere: float = 0.0,
) -> Fit:
    """The fit by weighed draws, with its verdict."""
    shape = (settings.chains, settings.draws)
    chosen = rng.permutation(weighed.resample(settings.draws * settings.chains, rng))
    draft = _draft(problem, weighed.evaluated.take(chosen), shape, {}, "laplace")
    diagnosis = verdict.diagnose_importance(
        weighed.pareto_k,
        weighed.ess,
        draft.diagnosis.contraction,
        draft.diagnosis.prior_sensitivity,
        problem.model.judged,
        _notes(problem, draft),
        elsewhere,
        _design_notes(draft),
        draft.diagnosis.prior_conflict,
    )
    return replace(draft, diagnosis=diagnosis)


def _draft(
    problem: _Problem,
    evaluated: Evaluated,
    shape: tuple[int, ...],
    stats: dict[str, np.ndarray],
    method: str,
) -> Fit:
    """The fit without its verdict; the diagnosis holds what the prior did alone."""
    draws = {name: v.reshape(shape) for name, v in evaluated.params.items()}
    rng = np.random.default_rng(0)
    contractions, conflicting = {}, []
    spreads = problem.model.pooling.spreads.values()
    for parameter in problem.model.parameters:
        prior = problem.model.priors[parameter.name].draws(
            4000, rng, problem.reference[LOSS_SCALE], parameter.positive
        )
        contractions[parameter.name] = verdict.contraction(
            draws[parameter.name],
            prior,
            # A spread between groups that the data put near zero is known, however wide its log.
            parameter.positive and parameter.name not in spreads,
        )
        if verdict.conflicts(
            draws[parameter.name],
            prior,
            parameter.positive,
            may_vanish=parameter.role in MAY_VANISH or parameter.name in spreads,
        ):
            conflicting.append(parameter.name)
    log_prior = {name: v.reshape(shape) for name, v in evaluated.log_prior.items()}
    sensitivities = verdict.prior_sensitivity(
        draws,
        np.sum([log_prior[p.name] for p in problem.model.law.term.parameters], axis=0),
        {p.name: p.positive for p in problem.model.parameters},
    )
    nan, pointwise = float("nan"), evaluated.pointwise
    return Fit(
        model=problem.model,
        runs=problem.runs,
        reference=problem.reference,
        draws=draws,
        log_prior=log_prior,
        log_likelihood_sum=evaluated.log_likelihood_sum.reshape(shape),
        pointwise=None if pointwise is None else pointwise.reshape(*shape, -1),
        sample_stats=stats,
        diagnosis=Diagnosis(
            False,
            nan,
            nan,
            nan,
            0,
            nan,
            nan,
            contractions,
            sensitivities,
            (),
            (),
            prior_conflict=tuple(conflicting),
        ),
        optima=(),
        method=method,
        seed=0,
        seconds=0.0,
        versions=_versions(),
    )


@functools.cache
def _versions() -> dict[str, str]:
    return {name: version(name) for name in ("bayescale", "jax", "numpyro", "arviz")}


def _ahead(fit: Fit) -> np.ndarray:
    """Log of the law at ten times the compute of the data, every input grown alike."""
    sizes = [name for name in fit.law.inputs if not is_linear(name)]
    growth = {name: 10.0 ** (1.0 / len(sizes)) for name in sizes}
    largest = {name: fit.runs[name].max() * growth.get(name, 1.0) for name in fit.law.inputs}
    longest = int(np.argmax(fit.runs[sizes[0]])) if sizes else 0
    at = {name: np.array([value]) for name, value in largest.items()}
    at |= {name: fit.runs[name][[longest]] for name in fit.law.paths}
    return fit.log_law(at)[..., 0]


def _notes(problem: _Problem, draft: Fit) -> tuple[str, ...]:
    """What a reader must know beside convergence."""
    return (
        *problem.notes,
        *_optima_notes(problem),
        *_structure_notes(draft),
        *_tail_notes(draft),
        *_pooling_notes(draft),
        *_prior_notes(draft),
    )


def _optima_notes(problem: _Problem) -> tuple[str, ...]:
    rest = [i for i in np.argsort(-problem.weights)[1:] if problem.weights[i] >= 0.002]
    if not rest:
        return ()
    shares = ", ".join(f"{problem.weights[i]:.1%}" for i in rest)
    chosen = [int(np.argmax(problem.weights)), *rest]
    names = [
        p.name
        for p in problem.model.parameters
        if _apart(problem.optima.params[p.name][chosen], p, problem.model.priors[p.name])
    ]
    return (
        f"The posterior has {len(rest) + 1} maxima; by the Laplace approximation the others hold "
        f"{shares} of it" + (f" and differ in {', '.join(names)}" if names else "") + ". "
        "Chains may not pass between them: see .optima.",
    )


def _apart(values: np.ndarray, parameter: Parameter, prior: Prior) -> bool:
    """Whether maxima differ in a parameter: by half an e-fold, or half a deviation of its prior."""
    if parameter.positive:
        return bool(np.ptp(np.log(values)) > 0.5)
    low, high = prior.quantile(np.array([0.16, 0.84]), positive=False)
    return bool(np.ptp(values) > 0.25 * (high - low))


def _tail_notes(draft: Fit) -> tuple[str, ...]:
    notes = []
    if "nu" in draft.draws and np.median(draft.draws["nu"]) < HEAVY:
        low, high = np.quantile(draft.draws["nu"], [0.05, 0.95])
        notes.append(
            f"The noise has heavy tails (nu {low:.1f} to {high:.1f}): some runs lie far off the "
            "law. A normal or least-squares fit would give other answers."
            + (AT_BOUND if low < LOWEST_NU else "")
        )
    labels, reported, pulls = draft.runs.labels, draft.reported, draft.pulls
    residuals = draft.residuals / draft.noise_scale
    far = np.flatnonzero(np.abs(residuals) > OUTLIER)
    expected = _expected_far(draft)
    if len(far) > (expected + 3.0 * np.sqrt(expected) if expected > MANY else 0.0):
        # Exponents and the floor, which people read; amplitudes only follow them.
        of_note = [i for i, name in enumerate(reported) if name in draft.draws or name == "a"]
        of_note = of_note or list(range(len(reported)))
        shift = pulls[far].sum(axis=0)
        most = max(of_note, key=lambda i: abs(shift[i]))
        listed = ", ".join(f"{labels[i]} ({residuals[i]:+.0f})" for i in far[:8]) + (
            f" and {len(far) - 8} more" if len(far) > 8 else ""
        )
        notes.append(
            f"{len(far)} runs lie more than {OUTLIER:.0f} noise scales off the law"
            + (f", where the noise would put {expected:.0f}" if expected > MANY else "")
            + f": {listed}. "
            f"To first order, which is rough for runs so far off, leaving them out would move "
            f"{reported[most]} by {shift[most]:+.1f} posterior standard deviations; refit without "
            "them to see (--where)."
        )
    strength = np.abs(pulls)
    strongest = np.argsort(-strength.max(axis=1), kind="stable")[:3]
    if strength[strongest[0]].max() > 0.5:
        listed = ", ".join(f"{labels[i]} ({reported[np.argmax(strength[i])]})" for i in strongest)
        notes.append(f"The runs that pull most, with the parameter: {listed}.")
    return tuple(notes)


def _structure_notes(draft: Fit) -> tuple[str, ...]:
    found = draft.structure
    if not found.found:
        return ()
    return (
        f"The law leaves structure in its residuals: a quadratic in its inputs explains "
        f"{found.share:.0%} of them (p = {found.p:.1g}). It is wrong within the data, its noise "
        "holds the misfit, and beyond the data nothing vouches for it: compare laws.",
    )


def _expected_far(draft: Fit) -> float:
    """Number of runs that the fitted noise puts more than :data:`OUTLIER` scales off the law."""
    noise = {p.name: np.median(draft.draws[p.name]) for p in draft.noise.parameters}
    far, rows = OUTLIER * draft.noise_scale, draft.noise_rows
    log_mean = np.log(draft.runs.loss) - draft.residuals
    below, not_above = (draft.noise.cdf(end, noise, rows, log_mean) for end in (-far, far))
    return float(np.sum(1.0 - not_above + below))


def _pooling_notes(draft: Fit) -> tuple[str, ...]:
    names = draft.unknown_spreads
    if not names:
        return ()
    verb = "is" if len(names) == 1 else "are"
    return (
        f"{', '.join(names)} {verb} left to the prior by {len(draft.pooling.groups)} groups: what "
        f"is said of a new {draft.pooling.by} rests on it, what is said of those that were fitted "
        "hardly does.",
    )


def _prior_notes(draft: Fit) -> tuple[str, ...]:
    """What rests on its prior, and is no failure: that was learned, or is a process's."""
    judged, contraction = draft.model.judged, draft.diagnosis.contraction
    names = [p.name for p in draft.law.term.parameters if p.name not in judged]
    names += [p.name for p in draft.discrepancy.parameters if p.name != "tau"]
    left = [name for name in names if not contraction.get(name, 1.0) >= PRIOR_DOMINATED]
    if not left:
        return ()
    shares = ", ".join(f"{name} {max(contraction[name], 0.0):.0%}" for name in left)
    return (
        f"Left to the priors, which come from other data or are a guess: {shares} of the prior's "
        "variance removed by these runs. Do not read these numbers off this fit; what the priors "
        "do to forecasts is in docs/how-far.md.",
    )


def _design_notes(draft: Fit) -> tuple[str, ...]:
    n, d = len(draft.runs), len(draft.model.parameters)
    if n > d:
        return ()
    return (
        f"{n} runs for {d} parameters: the prior decides what they leave open. Add runs, or choose "
        "a law with fewer parameters.",
    )


@dataclass(frozen=True, repr=False)
class PointFit:
    """A point estimate, with every optimum that the starts found.

    Parameters
    ----------
    law : Law
    noise : Noise
    values : dict of str to float
        Field parameters and noise parameters at the best optimum.
    objective : str
        ``map`` or ``ml``.
    log_density : float
        The objective there: log posterior density of the parameters, or log likelihood.
    converged : bool
        Whether the optimiser arrived.
    optima : tuple of Optimum
        All optima, best first; ``weight`` is not defined for a point fit and NaN.
    """

    law: Law
    noise: Noise
    values: dict[str, float]
    objective: str
    log_density: float
    converged: bool
    optima: tuple[Optimum, ...]

    def loss(self, inputs: Mapping[str, Any]) -> np.ndarray:
        """The law's loss at the estimate; see :meth:`Law.loss`."""
        return self.law.loss(inputs, {name: self.values[name] for name in self.law.field_names})

    def table(self) -> pd.DataFrame:
        """Estimates as a table: one row for each parameter, one column for each optimum."""
        import pandas as pd

        found = {f"optimum {i}": dict(o.values) for i, o in enumerate(self.optima[1:], start=2)}
        return pd.DataFrame({"value": self.values, **found}).rename_axis("parameter")

    def text(self) -> str:
        """What was estimated and what may be made of it."""
        what = "posterior mode" if self.objective == "map" else "maximum of the likelihood"
        lines = [f"{self.law.name}, {self.noise.name} noise: {what}, without band or verdict."]
        if not self.converged:
            lines.append("NOT TRUSTWORTHY: no start arrived at a maximum.")
        if len(self.optima) > 1:
            lines.append(f"There are {len(self.optima)} maxima; the highest is given.")
        if self.values.get("nu", np.inf) < 2.0 + SAME:
            lines.append(
                "The degrees of freedom nu are at their lower bound of 2: the runs are scattered "
                "more widely than this noise allows. Look for outliers, or use a Huber loss."
            )
        return "\n".join(lines)

    def __repr__(self) -> str:
        values = ", ".join(f"{name}={value:.5g}" for name, value in self.values.items())
        return f"PointFit({self.law.name!r}, {values}, converged={self.converged})"


def point_fit(
    law: str | Law,
    runs: Runs,
    *,
    noise: str | Noise | None = None,
    priors: Mapping[str, Prior] | None = None,
    objective: str = "map",
) -> PointFit:
    """The point estimate alone, in milliseconds once compiled.

    It has no band and no verdict on what it leaves open; see :func:`fit`.

    Parameters
    ----------
    law, runs, noise, priors
        As for :func:`fit`.
    objective : {"map", "ml"}
        ``map`` maximises the posterior density of the parameters, ``ml`` the likelihood (flat
        priors). With ``noise="huber(1e-3)"`` the latter is the field's published recipe.

    Returns
    -------
    PointFit
    """
    if objective not in ("map", "ml"):
        raise LawError(f"There is no objective {objective!r}. Choose map or ml.")
    model = build_model(law, noise, priors)
    _enough(runs)
    reference = model.reference(runs)
    data = model.data(runs, reference)
    optima = distinct(
        point.optimise(model, data, prior_weight=float(objective == "map"), jacobian_weight=0.0)
    )
    log_reference = {name: v for name, v in reference.items() if name != LOSS_SCALE}
    found = []
    for i, value in enumerate(optima.value):
        at = {name: values[i] for name, values in optima.params.items()}
        with float64():
            field = {k: float(v) for k, v in model.law.term.to_field(at, log_reference).items()}
        beside = (*model.noise.parameters, *model.discrepancy.parameters)
        noise_values = {p.name: float(at[p.name]) for p in beside}
        found.append(Optimum({**field, **noise_values}, -float(value), float("nan")))
    return PointFit(
        law=model.law,
        noise=model.noise,
        values=dict(found[0].values),
        objective=objective,
        log_density=found[0].log_posterior,
        converged=bool(optima.decrement[0] < 1e-6),
        optima=tuple(found),
    )
