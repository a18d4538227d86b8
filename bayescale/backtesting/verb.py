"""The verb ``backtest``: how the forecasts of small runs fared on large ones."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from bayescale.backtesting.mixtures import FORWARD, needs_evidence, stacked, weights
from bayescale.backtesting.reduction import ahead
from bayescale.backtesting.result import Backtest, Scored
from bayescale.backtesting.scores import score, summary
from bayescale.backtesting.splits import Part, parts, within
from bayescale.discrepancy import Discrepancy
from bayescale.errors import LawError
from bayescale.evidence.mixture import several
from bayescale.fitting import build_model
from bayescale.inference.progress import Progress
from bayescale.laws.law import Law
from bayescale.many import Many, Task, fit_many
from bayescale.model import Model
from bayescale.noise import Noise
from bayescale.predictive import REPLICATES, Predictive
from bayescale.prior import Prior
from bayescale.runs import Runs

__all__ = ["backtest"]

CLEAR = 2.0
"""Standard errors that weights by stacking must gain over equal ones, else a message says so."""

type Laws = str | Law | Sequence[str | Law] | Mapping[str, str | Law]


def backtest(
    laws: Laws,
    runs: Runs,
    *,
    fit_where: str | Sequence[str] | None = None,
    split_column: str | None = None,
    rolling: bool | Sequence[float] = False,
    by: str | None = None,
    mixtures: str | Sequence[str] = ("equal",),
    noise: str | Noise | None = None,
    priors: Mapping[str, Prior] | None = None,
    discrepancy: str | Discrepancy | None = None,
    method: str = "quick",
    seed: int = 0,
    draws: int = 1000,
    warmup: int = 300,
    chains: int = 4,
    folder: str | os.PathLike[str] | None = None,
    executor: Any = None,
    workers: int | None = None,
    progress: bool | Progress = True,
) -> Backtest:
    """Fit the small runs, forecast the large ones, and score the forecasts.

    The scored bands are those that :func:`bayescale.forecast` gives by default, up to Monte Carlo
    error, with at most 2,000 draws.

    Parameters
    ----------
    laws : str, Law, or several
        Names, expressions or laws; or a mapping of names to them.
    runs : Runs
        The runs, small and large.
    fit_where : str or sequence of str, optional
        The runs to fit, such as ``"C < 1e20"``; several conditions make several splits.
    split_column : str, optional
        A column that marks the runs to fit with ``fit`` (or ``train``, ``1``).
    rolling : bool or sequence of float, optional
        Splits at thresholds of compute (or of the only input), that fit these shares of the runs;
        0.5, 0.6, 0.7 and 0.8 if True.
    by : str, optional
        A column that tells groups of runs apart: every group is fitted and forecast by itself.
    mixtures : str or sequence of str, default ("equal",)
        Mixtures of the laws that are scored too: ``equal`` weights, by ``evidence``, ``half`` of
        each, or ``forward``: stacking on pseudo-extrapolation, for which the fitted runs are split
        again at 60 and 80 % of them (three times the fits; the largest fifth is forecast, and
        counts, twice). In ``forward`` every law keeps the discrepancy that it has alone.
    noise, priors, discrepancy
        As for :func:`bayescale.fit`.
    method, seed, draws, warmup, chains, folder, executor, workers, progress
        As for :func:`bayescale.fit_many`.

    Returns
    -------
    Backtest

    Raises
    ------
    BayescaleError
        Where the split or a law cannot be used with the runs.
    """
    started = time.perf_counter()
    named = _named(laws)
    asked = tuple(dict.fromkeys([mixtures] if isinstance(mixtures, str) else mixtures))
    evidence = needs_evidence(asked) and len(named) > 1
    mixing = asked if len(named) > 1 else ()
    models = {name: build_model(law, noise, priors, discrepancy) for name, law in named.items()}
    found, left_out = parts(runs, fit_where, split_column, rolling, by)
    inner = {part.name: within(part) if FORWARD in mixing else [] for part in found}
    pairs = [(part, evidence) for part in found]
    pairs += [(part, False) for own in inner.values() for part in own]
    tasks = {
        f"{part.name} | {name}": Task(
            models[name].law,
            part.small,
            noise=noise,
            priors=priors,
            discrepancy=discrepancy,
            given={"targets": part.large, "evidence": wanted},
        )
        for name in named
        for part, wanted in pairs
    }
    many = fit_many(
        tasks,
        method=method,
        seed=seed,
        draws=draws,
        warmup=warmup,
        chains=chains,
        reduce=ahead,
        folder=folder,
        executor=executor,
        workers=workers,
        progress=progress,
    )
    scored: list[Scored] = []
    messages = [f"left out, too few runs: {name}" for name in left_out]
    for part in found:
        axis = _axis(part)
        if part.large[axis].max() <= part.small[axis].max():
            messages.append(
                f"{part.name}: no forecast run lies beyond the fitted ones in {axis}, so these "
                "scores say nothing of extrapolation."
            )
        own, why = _scored(part, inner[part.name], models, many, mixing, seed)
        scored += own
        messages += why
    return Backtest(
        tuple(scored),
        tuple(named),
        mixing,
        {name: model.discrepancy for name, model in models.items()},
        {name: f"{f.error}: {f.message}" for name, f in many.failures.items()},
        many.doubtful,
        tuple(messages),
        runs.loss_unit,
        time.perf_counter() - started,
    )


def _named(laws: Laws) -> dict[str, str | Law]:
    if isinstance(laws, Mapping):
        return dict(laws)
    several = [laws] if isinstance(laws, str | Law) else list(laws)
    found = {law.name if isinstance(law, Law) else str(law): law for law in several}
    if len(found) < len(several) or not found:
        raise LawError(
            "Two of the laws have the same name, or there is none. Give a mapping of names to laws."
        )
    return found


def _scored(
    part: Part,
    inner: Sequence[Part],
    models: Mapping[str, Model],
    many: Many,
    mixing: tuple[str, ...],
    seed: int,
) -> tuple[list[Scored], list[str]]:
    """Scores of every law and mixture on one part, and which could not be had."""
    reduced = _reduced(part, models, many)
    ok = {name: f"{part.name} | {name}" not in many.doubtful for name in reduced}
    found = []
    for name, values in reduced.items():
        model = models[name]
        alone = {name: predictive(model, model.discrepancy, values, part, seed)}
        found.append(_one(part, name, alone, {name: 1.0}, ok[name]))
    messages = []
    for mixture in mixing if len(reduced) > 1 else ():
        stacking = mixture == FORWARD  # of the laws as they forecast alone
        own, why = (
            _forward(inner, list(reduced), models, many, seed)
            if stacking
            else _by_evidence(mixture, reduced)
        )
        if not own:
            messages.append(f"no mixture {mixture!r} for {part.name}: {why}")
            continue
        if why:
            messages.append(f"the mixture {mixture!r} for {part.name}: {why}")
        share = 0.0 if stacking else several(own, {name: models[name].law for name in own})
        mixed = {
            name: predictive(
                models[name], models[name].discrepancy.mixed(share), values, part, seed
            )
            for name, values in reduced.items()
        }
        fits = [f"{each.name} | {name}" for each in inner for name in reduced]
        weighed = not stacking or not set(fits) & set(many.doubtful)
        found.append(_one(part, f"mixture: {mixture}", mixed, own, all(ok.values()) and weighed))
        if len(reduced) < len(models):
            missing = ", ".join(name for name in models if name not in reduced)
            messages.append(f"the mixture {mixture!r} for {part.name} goes without {missing}")
    return found, messages


def _reduced(part: Part, models: Mapping[str, Model], many: Many) -> dict[str, Any]:
    """What was kept of the fits to one part, by law, of those that were made."""
    tasks = {name: f"{part.name} | {name}" for name in models}
    return {name: many[task] for name, task in tasks.items() if task in many}


def _by_evidence(mixture: str, reduced: Mapping[str, Any]) -> tuple[dict[str, float], str]:
    """Weights of the laws in a mixture that needs no more than their evidence, or why not."""
    refused = [name for name, values in reduced.items() if values["refusals"]]
    if mixture != "equal" and refused:
        why = reduced[refused[0]]["refusals"][0]
        return {}, f"no evidence of {', '.join(refused)} ({why})"
    return weights(mixture, {name: v["log_evidence"] for name, v in reduced.items()}), ""


def _forward(
    inner: Sequence[Part], names: list[str], models: Mapping[str, Model], many: Many, seed: int
) -> tuple[dict[str, float], str]:
    """Weights by stacking, and a warning if they may be chance; or why there are none."""
    if not inner:
        return {}, "its runs are too few to split again"
    log_density: dict[str, list[np.ndarray]] = {name: [] for name in names}
    for each in inner:
        reduced = _reduced(each, models, many)
        failed = [name for name in names if name not in reduced]
        if failed:
            return {}, f"no fit of {', '.join(failed)} to {each.split}"
        for name in names:
            model = models[name]
            past = predictive(model, model.discrepancy, reduced[name], each, seed)
            log_density[name].append(past.log_density(each.large.loss))
            if not np.all(np.isfinite(log_density[name][-1])):
                return {}, f"{name} has no finite density of a run of {each.split}"
    own, gain, error = stacked({name: np.concatenate(v) for name, v in log_density.items()})
    told = ", ".join(f"{name} {weight:.2f}" for name, weight in own.items())
    chance = (
        f"its weights ({told}) may be chance: they gain {gain:.2f} nats a run over equal ones, "
        f"standard error {error:.2f}"
    )
    return own, chance if gain <= CLEAR * error else ""


def predictive(
    model: Model, discrepancy: Discrepancy, reduced: Mapping[str, Any], part: Part, seed: int
) -> Predictive:
    """The predictive distribution at the targets, as :func:`bayescale.forecast` makes it."""
    names = dict.fromkeys((*model.law.inputs, "C"))
    watched = [n for n in names if n in part.large.columns and n in part.small.columns]
    frontier = {name: float(part.small[name].max()) for name in watched}
    log_law = np.asarray(reduced["log_law"])
    rng = np.random.default_rng([seed, 1])
    return Predictive(
        model.noise,
        log_law,
        {name: np.asarray(v) for name, v in reduced["noise"].items()},
        discrepancy.slopes((REPLICATES, len(log_law)), rng),
        np.asarray(reduced["leaves"])
        if "leaves" in reduced
        else discrepancy.distance({n: np.asarray(part.large[n]) for n in watched}, frontier),
        seed,
        {name: np.asarray(v) for name, v in reduced["rows"].items()},
    )


def _axis(part: Part) -> str:
    """The input along which distance is told: compute, or the first."""
    return "C" if "C" in part.large.columns else next(iter(part.large.inputs))


def _one(
    part: Part,
    name: str,
    predictives: Mapping[str, Predictive],
    own: Mapping[str, float],
    ok: bool,
) -> Scored:
    targets = score(predictives, own, part.large.loss)
    axis = _axis(part)
    targets.insert(0, "beyond", np.log10(part.large[axis] / part.small[axis].max()))
    targets.insert(0, "at", part.large[axis])
    targets.insert(0, "run", list(part.large.labels))
    return Scored(
        part.group,
        part.split,
        name,
        len(part.small),
        len(part.large),
        axis,
        ok,
        dict(own),
        summary(targets),
        targets,
        (part.small[axis], part.small.loss),
    )
