"""The verb ``compare``: which law the runs support, which predicts, and what may be concluded."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import numpy as np

from bayescale import laws as law_library
from bayescale.errors import LawError, PriorError
from bayescale.evidence.held_out import (
    Split,
    default_split,
    families,
    forward,
    leave_one_family_out,
    split_by,
)
from bayescale.evidence.loo import common_units, exact, psis_loo
from bayescale.evidence.marginal import Marginal, marginal
from bayescale.evidence.nested import nested_in, same_priors
from bayescale.evidence.ranking import Compared, Ranking
from bayescale.evidence.refit import refit, refit_without
from bayescale.evidence.savage_dickey import SavageDickey, savage_dickey
from bayescale.evidence.sensitivity import sensitivity, with_prior
from bayescale.evidence.target import prepare as prepare_coordinates
from bayescale.fitting import build_model, check_options, fit
from bayescale.inference import nuts, point
from bayescale.inference.evaluate import prepare as prepare_evaluation
from bayescale.inference.nuts import Settings
from bayescale.inference.progress import Progress
from bayescale.inference.runtime import processors
from bayescale.laws.law import Law
from bayescale.model import LARGE
from bayescale.noise import Noise
from bayescale.pooling import Pooling
from bayescale.posterior import Fit
from bayescale.prior import Prior
from bayescale.runs import Runs

__all__ = ["compare"]

MOST_REFITS = 20
"""Most runs that are left out in earnest for one law."""

NESTED_APART = 0.15
"""Nats by which a Savage-Dickey ratio may differ from the bridge, beyond its errors."""

type Candidate = str | Law | Fit


def compare(
    laws: Sequence[Candidate] | Mapping[str, Candidate],
    runs: Runs | None = None,
    *,
    noise: str | Noise | Sequence[str | Noise] = "student_t",
    pool: str | Pooling | None = None,
    priors: Mapping[str, Prior] | None = None,
    forward_split: str | bool = True,
    leave_out: str | None = "family",
    loo: bool = True,
    prior_sensitivity: bool = True,
    prior_probability: Mapping[str, float] | None = None,
    seed: int = 0,
    draws: int = 1000,
    warmup: int = 300,
    chains: int = 4,
    progress: bool | Progress = True,
) -> Ranking:
    """Compare laws on the same runs.

    For each law: the log evidence by bridge sampling with its standard error and an independent
    estimate beside it; leave-one-out with exact refits where importance sampling fails; one family
    left out at a time; the forward score, fitted to the small runs and scored on the large. Then
    Bayes factors, probabilities, stacking weights, and what each prior's width does to them.

    No probability is given where the evidence of a law may not be used: a fit that has not
    converged, estimators that disagree, an improper prior, parameters that the runs leave to the
    prior; nor where fits are of different runs or losses. The reason is a message.

    Parameters
    ----------
    laws : sequence or mapping of str to str, Law or Fit
        Laws by name, expression or object, or fits; with names of your own as a mapping.
    runs : Runs, optional
        The runs; not needed where all are fits.
    noise : str, Noise or sequence of them, default "student_t"
        Noise on log loss. With several, every law is fitted under each. A law with a process,
        such as ``skaling:matern``, has its own, and is compared by evidence alone.
    pool : str or Pooling, optional
        Pooling of every law, as for :func:`bayescale.fit`.
    priors : mapping of str to Prior, optional
        Priors that replace the defaults in every law that has the parameter.
    forward_split : str or bool, default True
        A condition on columns that the scored runs meet, such as ``"C > 1e20"``; the law is fitted
        to the others. ``True`` scores the 30 % of largest compute; ``False`` leaves it out.
    leave_out : str or None, default "family"
        A column whose groups are left out one at a time, where the runs have it.
    loo : bool
        Whether to compute the leave-one-out score.
    prior_sensitivity : bool
        Whether to vary the scale of every prior that is not shared by all laws.
    prior_probability : mapping of str to float, optional
        Probabilities of the laws before the runs were seen; equal unless given.
    seed, draws, warmup, chains
        As for :func:`bayescale.fit`.
    progress : bool or callable
        As for :func:`bayescale.fit`.

    Returns
    -------
    Ranking

    Raises
    ------
    BayescaleError
        Where a law, the noise, a prior or the split cannot be used with the runs.

    Examples
    --------
    >>> import bayescale as bs
    >>> runs = bs.datasets.load("tiny")  # doctest: +SKIP
    >>> ranking = bs.compare(["kaplan", "chinchilla", "skaling"], runs)  # doctest: +SKIP
    >>> print(ranking.text())  # doctest: +SKIP
    """
    started = time.perf_counter()
    check_options("nuts", draws, warmup, chains, seed)
    candidates = _named(laws, noise, runs)
    _check_priors(candidates, priors, pool)
    own = _prior_probability(prior_probability, tuple(name for name, *_ in candidates))
    # Fail on a split or a law that cannot be used before the first fit is under way.
    split = _split(_runs_of(candidates, runs), forward_split)
    settings = Settings(warmup, draws, chains)

    def weighed(candidate: Candidate, own_noise: str | Noise) -> tuple[Fit, Marginal]:
        found = (
            candidate
            if isinstance(candidate, Fit)
            else fit(
                candidate,
                _given(runs),
                noise=own_noise,
                pool=pool,
                priors=_applicable(candidate, own_noise, priors, pool),
                progress=progress,
                seed=seed,
                draws=draws,
                warmup=warmup,
                chains=chains,
            )
        )
        return found, marginal(found, seed)

    def tasks() -> Iterator[Callable[[], tuple[Fit, Marginal]]]:
        for _, candidate, own_noise in candidates:  # one is traced while the last one samples
            _start_compiling(candidate, own_noise, runs, priors, pool, settings)
            yield functools.partial(weighed, candidate, own_noise)

    names = [name for name, *_ in candidates]
    done = dict(zip(names, _results(tasks(), 1), strict=True))
    fits = {name: found for name, (found, _) in done.items()}
    known = {name: evidence for name, (_, evidence) in done.items()}
    refusals = _different(fits, runs)
    if refusals:
        compared = tuple(Compared(n, fits[n], known[n].evidence) for n in fits)
        return Ranking(compared, own, refusals, seconds=time.perf_counter() - started)
    shared = _shared(fits)
    units = common_units(fits.values())
    groups = families(next(iter(fits.values())).runs, leave_out) if leave_out else {}
    scores = (shared, split, groups, units if loo else None, prior_sensitivity, seed)
    compared = tuple(
        _results(
            (functools.partial(_compared, n, fits[n], known[n], *scores) for n in fits),
            processors(),
        )
    )
    nested = _nested(fits)
    compared, messages = _third_check(compared, nested)
    if not prior_sensitivity:
        messages = (*messages, "The widths of the priors were not varied.")
    if forward_split is True and split is None:
        messages = (*messages, "There is no forward score: too few runs, or none larger.")
    return Ranking(
        laws=compared,
        prior=own,
        forward_split=split.condition if split else "",
        family_column=leave_out if leave_out and groups else "",
        nested=nested,
        messages=messages,
        seconds=time.perf_counter() - started,
    )


# --- what is compared ---------------------------------------------------------------------------


def _named(
    laws: Sequence[Candidate] | Mapping[str, Candidate],
    noise: str | Noise | Sequence[str | Noise],
    runs: Runs | None,
) -> list[tuple[str, Candidate, str | Noise]]:
    """Name, law or fit, and noise of everything that is compared."""
    if isinstance(laws, str | Law | Fit):
        laws = [laws]
    given = laws.items() if isinstance(laws, Mapping) else ((_name(law), law) for law in laws)
    noises = [noise] if isinstance(noise, str | Noise) else list(noise)
    found: list[tuple[str, Candidate, str | Noise]] = []
    for name, law in given:
        if not isinstance(law, str | Law | Fit):
            raise LawError(
                f"A {type(law).__name__} cannot be compared: it has no posterior. Give laws by "
                "name or expression, or fits by bs.fit."
            )
        if isinstance(law, Fit):
            found.append((name, law, law.noise))
        else:
            _given(runs)
            process = law_library.get(law).discrepancy in law_library.PROCESSES
            own = [law_library.get(law).noise] if process else noises
            for each in own:
                model = build_model(law, each)
                label = name if len(own) == 1 else f"{name}, {model.noise.name}"
                found.append((label, model.law, each))
    names = [name for name, *_ in found]
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise LawError(
            f"Two of the laws are called {twice[0]!r}. Give names of your own: "
            "compare({'one': ..., 'other': ...})."
        )
    if not found:
        raise LawError("There are no laws to compare. Give at least two.")
    return found


def _name(law: Candidate) -> str:
    if isinstance(law, Fit):
        return law.law.name
    return law.name if isinstance(law, Law) else str(law).strip()


def _start_compiling(
    law: Candidate,
    noise: str | Noise,
    runs: Runs | None,
    priors: Mapping[str, Prior] | None,
    pool: str | Pooling | None,
    settings: Settings,
) -> None:
    """Compile the programs of a law beside those of the others, instead of after them."""
    if runs is None or len(runs) > LARGE or isinstance(law, Fit):
        return
    own = _applicable(law, noise, priors, pool)
    model = build_model(law, noise, own, pool=pool).resolved(runs)
    data = model.data(runs)
    point.prepare(model, data)
    nuts.prepare(model.signature, data, settings)
    prepare_evaluation(model.signature, data, settings.draws * settings.chains)
    prepare_coordinates(model.signature, data)


def _results[T](tasks: Iterable[Callable[[], T]], workers: int) -> list[T]:
    """What the tasks return, in their order; the first error stops those that have not begun.

    Chains and compilers have threads of their own; the steps between them, which each hold one
    processor, are what overlaps here.
    """
    with ThreadPoolExecutor(workers) as pool:
        try:
            return [future.result() for future in [pool.submit(task) for task in tasks]]
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _given(runs: Runs | None) -> Runs:
    if not isinstance(runs, Runs):
        raise LawError(
            "There are no runs to fit the laws to. Give them: compare(laws, runs), with runs by "
            "bs.read_runs."
        )
    return runs


def _runs_of(candidates: list[tuple[str, Candidate, str | Noise]], runs: Runs | None) -> Runs:
    return runs or next(law.runs for _, law, _ in candidates if isinstance(law, Fit))


def _applicable(
    law: Candidate,
    noise: str | Noise,
    priors: Mapping[str, Prior] | None,
    pool: str | Pooling | None,
) -> dict[str, Prior]:
    assert not isinstance(law, Fit)
    names = {p.name for p in build_model(law, noise, pool=pool).parameters}
    return {name: prior for name, prior in (priors or {}).items() if name in names}


def _check_priors(
    candidates: list[tuple[str, Candidate, str | Noise]],
    priors: Mapping[str, Prior] | None,
    pool: str | Pooling | None,
) -> None:
    known: set[str] = set()
    for _, law, noise in candidates:
        model = law.model if isinstance(law, Fit) else build_model(law, noise, pool=pool)
        known |= {p.name for p in model.parameters}
    for name in priors or {}:
        if name not in known:
            raise PriorError(
                f"None of the laws has a parameter {name!r}. Parameters that take a prior: "
                f"{', '.join(sorted(known))}."
            )


def _prior_probability(
    given: Mapping[str, float] | None, names: tuple[str, ...]
) -> dict[str, float]:
    if given is None:
        return dict.fromkeys(names, 1.0 / len(names))
    if set(given) != set(names):
        raise LawError(
            f"The prior probabilities are of {', '.join(given)}, the laws are {', '.join(names)}. "
            "Give one probability for each law."
        )
    total = float(sum(given.values()))
    if not all(0.0 < given[name] for name in names) or abs(total - 1.0) > 1e-6:
        raise LawError(
            f"The prior probabilities add up to {total:g}. Give numbers above zero that add up to "
            "one."
        )
    return {name: float(given[name]) for name in names}


def _split(runs: Runs, wanted: str | bool) -> Split | None:
    if isinstance(wanted, str):
        return split_by(runs, wanted)
    return default_split(runs) if wanted else None


def _different(fits: Mapping[str, Fit], runs: Runs | None = None) -> tuple[str, ...]:
    """Why the fits are not of the same losses, or not of the runs; empty where they are."""
    tables = {f"the fit {name}": found.runs for name, found in fits.items()}
    if runs is not None:
        tables = {"the table of runs": runs, **tables}
    (first_name, first), *others = tables.items()
    found = []
    for name, other in others:
        if other.loss_unit != first.loss_unit:
            found.append(
                f"{_capital(first_name)} and {name} hold losses in different units "
                f"({first.loss_unit}, {other.loss_unit}), so their evidence differs by a "
                "constant that says nothing of the laws. Fit every law to the same runs."
            )
        elif other.fingerprint != first.fingerprint:
            found.append(
                f"{_capital(first_name)} and {name} hold different runs ({len(first)} and "
                f"{len(other)}; fingerprints differ). Evidence compares laws on the same "
                "losses alone. Fit every law to the same runs."
            )
    return tuple(found)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _shared(fits: Mapping[str, Fit]) -> frozenset[str]:
    """Parameters that every law has with the same prior."""
    every = [set(found.model.priors.items()) for found in fits.values()]
    return frozenset(name for name, _ in set.intersection(*every))


# --- what is computed ---------------------------------------------------------------------------


def _compared(
    name: str,
    found: Fit,
    known: Marginal,
    shared: frozenset[str],
    split: Split | None,
    groups: Mapping[str, np.ndarray],
    units: np.ndarray | None,
    vary: bool,
    seed: int,
) -> Compared:
    messages: list[str] = []

    def without(out: np.ndarray, number: int) -> Fit:
        return refit_without(found, out, seed + 1 + number)

    def small(out: np.ndarray, number: int) -> Fit:
        return refit_without(found, out, seed + 1 + number, keep_reference=False)

    def changed(parameter: str, prior: Prior) -> tuple[float, float, str]:
        again = refit(found, with_prior(found.model, parameter, prior), seed)
        evidence = marginal(again, seed).evidence
        return evidence.log_evidence, evidence.se, " ".join(evidence.refusals[:1])

    if found.discrepancy.kernel is not None:
        messages.append(
            f"the discrepancy {found.discrepancy.name} ties the runs to each other: no score that "
            "leaves runs out, and none ahead; for those see backtest."
        )
        units, groups, split = None, {}, None
    score = None
    if units is not None and not found.diagnosis.converged:
        messages.append("no leave-one-out score: the fit has not converged.")
    elif units is not None and found.pointwise is None:
        messages.append("no leave-one-out score: too many runs to keep their densities one by one.")
    elif units is not None and units.max() == 0:
        messages.append("no leave-one-out score: by the noise all runs depend on each other.")
    elif units is not None:
        every = exact(psis_loo(found, units), found, without, MOST_REFITS, units)
        score = None if every.refusals else every
        messages.extend(f"no leave-one-out score: {why}." for why in every.refusals)
    by_family, why = leave_one_family_out(found, groups, without) if groups else (None, "")
    if why:
        messages.append(f"no score by families: {why}.")
    ahead, why = forward(found, split, small) if split else (None, "")
    if why:
        messages.append(f"no forward score: {why}.")
    if ahead:
        messages.extend(ahead.score.messages)
    shifts: Any = ()
    if vary and known.evidence.ok:
        own = [p.name for p in found.model.parameters if p.name not in shared]
        shifts = sensitivity(known, own, changed)
    return Compared(
        name, found, known.evidence, score, by_family, ahead, shifts, shared, tuple(messages)
    )


def _nested(fits: Mapping[str, Fit]) -> dict[tuple[str, str], SavageDickey]:
    """Nested questions among the laws that are compared."""
    answers = {}
    for wide_name, wide in fits.items():
        for question in nested_in(wide.law):
            for name, simple in fits.items():
                same = simple.law.expression == question.expression
                same = same and simple.discrepancy.kernel == wide.discrepancy.kernel
                if same and simple.noise == wide.noise and same_priors(wide.model, simple.model):
                    answers[wide_name, name] = savage_dickey(
                        wide, question.parameter, question.null
                    )
    return answers


def _third_check(
    compared: tuple[Compared, ...], nested: Mapping[tuple[str, str], SavageDickey]
) -> tuple[tuple[Compared, ...], tuple[str, ...]]:
    """Hold the evidence of nested laws to the Savage-Dickey ratio, where it has an answer."""
    by_name = {law.name: law for law in compared}
    messages = []
    for (wide, simple), answer in nested.items():
        a, b = by_name[wide].evidence, by_name[simple].evidence
        if answer.refusal or not (a.ok and b.ok):
            continue
        gap = a.log_evidence - b.log_evidence
        said = f"{answer.log_bayes_factor:+.2f} ({answer.se:.2f})"
        apart = abs(gap - answer.log_bayes_factor)
        if apart <= max(3.0 * float(np.hypot(answer.se, np.hypot(a.se, b.se))), NESTED_APART):
            messages.append(
                f"{wide} is {simple} where {answer.parameter} = {answer.null:g}: the "
                f"Savage-Dickey ratio gives {said}, the evidence {gap:+.2f}."
            )
        else:
            reason = (
                f"The evidence disagrees with a third estimate: against {simple} it gives "
                f"{gap:+.2f}, the Savage-Dickey ratio at {answer.parameter} = {answer.null:g} "
                f"{said}. Run longer (--draws)."
            )
            by_name[wide] = replace(by_name[wide], evidence=replace(a, refusals=(reason,)))
    return tuple(by_name[law.name] for law in compared), tuple(messages)
