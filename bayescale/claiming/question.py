"""Questions that claims put to a bench of fits. A claim names one of these, with its numbers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from scipy import stats

from bayescale.allocation.pooled import pooled_quantiles
from bayescale.claiming.answer import CLEAR, MASS, NAN, Answer, by_factor, by_probability
from bayescale.claiming.bench import Bench
from bayescale.fitting import fit
from bayescale.forecasting import forecast
from bayescale.posterior import Fit
from bayescale.units import format_size

__all__ = ["Agreement", "EverySize", "Factor", "Forward", "Question", "Value"]

NEGLIGIBLE = 0.01
"""What a law of less weight warns of is not told."""

PRIOR_SHARE = 0.5
"""Share of the variance of a quantity from which it is the prior's."""

type Measure = Callable[[Bench, Fit], np.ndarray]
"""From a fit to draws of a quantity, shape (draw,)."""


class Question(ABC):
    """A question with one answer for each table of runs."""

    @property
    @abstractmethod
    def laws(self) -> tuple[str, ...]:
        """The laws that are fitted; ``{x}`` stands for the one input that varies."""

    @abstractmethod
    def ask(self, bench: Bench) -> Answer:
        """Answer the question by the runs on the bench."""


@dataclass(frozen=True)
class Value(Question):
    """Where the posterior of a quantity lies, and the probability that it is as claimed.

    Parameters
    ----------
    by : tuple of str
        The laws; several are pooled by their posterior probability.
    measure : callable
        Draws of the quantity.
    what : str
        The quantity, for the sentence.
    low, high : float
        The claim holds where the quantity lies between them.
    rival : str, optional
        A law whose evidence is held against that of the first, and told where it is clearly better.
    """

    by: tuple[str, ...]
    measure: Measure
    what: str
    low: float = -np.inf
    high: float = np.inf
    rival: str = ""

    @property
    def laws(self) -> tuple[str, ...]:
        return self.by

    def ask(self, bench: Bench) -> Answer:
        draws, weights, messages, ok = _pooled(bench, self.laws, self.measure, self.rival)
        lower, middle, upper = _summary(draws, weights)
        inside = (draws >= self.low) & (draws <= self.high)
        probability = float(weights @ inside)
        where = (
            f"above {self.low:g}"
            if self.high == np.inf
            else f"below {self.high:g}"
            if self.low == -np.inf
            else f"from {self.low:g} to {self.high:g}"
        )
        sentence = (
            f"By {' and '.join(bench.name(n) for n in self.laws)}, {self.what} is {middle:.4g} "
            f"({lower:.4g} to {upper:.4g}); the probability that it is {where} is "
            f"{probability:.3f}."
        )
        return Answer(
            by_probability(probability), sentence, middle, lower, upper, probability, ok=ok,
            messages=messages,
        )  # fmt: skip


@dataclass(frozen=True)
class Agreement(Question):
    """Whether a published number lies within the posterior of a quantity.

    Parameters
    ----------
    by, measure, what
        As for :class:`Value`.
    published : float or mapping of str to float
        The number, or one for each input of a curve.
    rival : str, optional
        As for :class:`Value`.
    """

    by: tuple[str, ...]
    measure: Measure
    what: str
    published: float | Mapping[str, float]
    rival: str = ""

    @property
    def laws(self) -> tuple[str, ...]:
        return self.by

    def ask(self, bench: Bench) -> Answer:
        published = self.published
        if isinstance(published, Mapping):
            published = published.get(bench.input, NAN)
        draws, weights, messages, ok = _pooled(bench, self.laws, self.measure, self.rival)
        lower, middle, upper = _summary(draws, weights)
        above = float(weights @ (draws > published))
        if np.isnan(published):
            verdict, said, above = "undecided", f"nothing is published for {bench.input}", NAN
        else:
            inside = lower <= published <= upper
            verdict = "supported" if inside else "contradicted"
            side = "inside" if inside else "outside"
            said = (
                f"the published {published:.4g} lies {side} the {MASS:.0%} interval (probability "
                f"of a larger value {above:.3f})"
            )
        sentence = (
            f"By {' and '.join(bench.name(n) for n in self.laws)}, {self.what} is {middle:.4g} "
            f"({lower:.4g} to {upper:.4g}); {said}."
        )
        return Answer(verdict, sentence, middle, lower, upper, NAN, ok=ok, messages=messages)


@dataclass(frozen=True)
class Factor(Question):
    """The Bayes factor of a law that embodies the claim over its rivals.

    The verdict is by the best of the rivals.

    Parameters
    ----------
    law : str
    rivals : tuple of str
    note : str, optional
        What else the factor is of.
    """

    law: str
    rivals: tuple[str, ...]
    note: str = ""

    @property
    def laws(self) -> tuple[str, ...]:
        return (self.law, *self.rivals)

    def ask(self, bench: Bench) -> Answer:
        found = {name: bench.evidence(name) for name in self.laws}
        messages = [f"{bench.name(n)}: {r}" for n, e in found.items() for r in e.refusals]
        if messages:
            said = "No Bayes factor: the evidence of a law may not be used."
            return Answer("no answer", said, ok=False, messages=tuple(messages))
        own = found[self.law]
        best = max(self.rivals, key=lambda name: found[name].log_evidence)
        factor = own.log_evidence - found[best].log_evidence
        se = float(np.hypot(own.se, found[best].se))
        parts = ", ".join(
            f"{own.log_evidence - found[name].log_evidence:+.2f} over {bench.name(name)}"
            for name in self.rivals
        )
        sentence = f"The log Bayes factor of {bench.name(self.law)} is {parts} (se {se:.2f})."
        probability = float(1.0 / (1.0 + np.exp(-factor)))
        messages, ok = [self.note] if self.note else [], True
        verdict = by_factor(factor)
        judged = (self.law if factor > 0 else best,)
        for name in (self.law, best) if verdict == "undecided" else judged:
            if bench.fit(name).structure.found:
                ok = False
                messages.append(
                    f"{bench.name(name)} leaves structure in its residuals: a law that does not "
                    "fit, whatever it is better than."
                )
            if conflict := bench.fit(name).diagnosis.prior_conflict:
                ok = False
                messages.append(f"{bench.name(name)}: the prior of {', '.join(conflict)} lies off.")
        return Answer(
            verdict, sentence, probability=probability, log_bayes_factor=factor, se=se,
            ok=ok, messages=tuple(messages),
        )  # fmt: skip


@dataclass(frozen=True)
class EverySize(Question):
    """Whether a law predicts better than its rivals at every model size, by leave-one-out.

    Parameters
    ----------
    law : str
    rivals : tuple of str
    most : int
        Sizes are gathered into at most this many groups.
    """

    law: str
    rivals: tuple[str, ...]
    most: int = 6

    @property
    def laws(self) -> tuple[str, ...]:
        return (self.law, *self.rivals)

    def ask(self, bench: Bench) -> Answer:
        groups = _sizes(bench.runs["N"], self.most)
        scores = {name: bench.loo(name) for name in self.laws}
        own, probabilities, worst = scores[self.law].pointwise, [], ("", NAN, np.inf)
        for rival in self.rivals:
            gap = own - scores[rival].pointwise
            for group, members in groups.items():
                total = float(gap[members].sum())
                error = float(np.std(gap[members], ddof=1) * np.sqrt(len(members)))
                probability = float(stats.norm.cdf(total / error)) if error > 0 else 0.5
                probabilities.append(probability)
                if probability < worst[2]:
                    worst = (f"{rival} at {group}", total, probability)
        every = float(np.prod(probabilities))
        better = sum(p > 0.5 for p in probabilities)
        high = sum(int(np.sum(~(s.pareto_k < s.limit))) for s in scores.values())
        messages = (f"{high} leave-one-out densities rest on unreliable weights.",) if high else ()
        converged = all(bench.fit(name).diagnosis.converged for name in self.laws)
        sentence = (
            f"Leave-one-out over {len(groups)} groups of sizes: {self.law} predicts better in "
            f"{better} of {len(probabilities)} comparisons with {' and '.join(self.rivals)}; the "
            f"worst is against {worst[0]} ({worst[1]:+.2f} nats). The probability of better at "
            f"every size is {every:.3f}."
        )
        return Answer(
            by_probability(every), sentence, probability=every, ok=converged and not high,
            messages=messages,
        )  # fmt: skip


@dataclass(frozen=True)
class Forward(Question):
    """Whether the late part of curves lies in the bands of a fit to the early part.

    Parameters
    ----------
    law : str
    along : str
        The input along which a curve runs; the upper half of its logarithm is held out.
    """

    law: str
    along: str

    @property
    def laws(self) -> tuple[str, ...]:
        return (self.law,)

    def ask(self, bench: Bench) -> Answer:
        place = np.log(bench.runs[bench.name(self.along)])
        early = place <= 0.5 * (place.min() + place.max())
        if early.sum() < 8 or (~early).sum() < 3:
            return Answer("no answer", "There are too few runs in one half.", ok=False)
        first = fit(bench.name(self.law), bench.runs.select(early), **bench.options)
        ahead = forecast(first, bench.runs.select(~early), seed=bench.options.get("seed", 0))
        covered = float(np.mean(ahead.covered(MASS)))
        sentence = (
            f"{bench.name(self.law)}, fitted to the first half (in the logarithm of "
            f"{bench.name(self.along)}), covers {covered:.0%} of the {(~early).sum()} later losses "
            f"with its {MASS:.0%} bands; root mean squared log error {ahead.rmsle:.4f}."
        )
        n = int((~early).sum())
        chance = float(stats.binom.cdf(round(covered * n), n, MASS))
        verdict = "supported" if chance > 1.0 - MASS else "contradicted"
        told = ["Losses of one curve are not independent: the coverage counts for fewer runs."]
        if first.structure.found:
            told.append(f"{bench.name(self.law)} leaves structure in the residuals of that half.")
        ok = first.diagnosis.converged and not first.structure.found
        return Answer(
            verdict, sentence, covered, probability=NAN, ok=ok, messages=tuple(told),
        )  # fmt: skip


def _pooled(
    bench: Bench, names: tuple[str, ...], measure: Measure, rival: str
) -> tuple[np.ndarray, np.ndarray, tuple[str, ...], bool]:
    """Draws of a quantity over laws, their weights, what must be known, and whether to trust it."""
    shares, said = bench.weights(names)
    draws = [np.asarray(measure(bench, bench.fit(name)), np.float64).ravel() for name in names]
    each = [np.full(len(d), s / len(d)) for d, s in zip(draws, shares, strict=True)]
    messages, ok = [said] if said else [], not said
    if len(names) > 1:
        parts = ", ".join(f"{n} {s:.3f}" for n, s in zip(names, shares, strict=True))
        messages.append(f"Weights: {parts}.")
    for name, share, values in zip(names, shares, draws, strict=True):
        found = bench.fit(name)
        if share < NEGLIGIBLE:
            continue
        if not found.diagnosis.converged:
            ok = False
            messages.append(f"{bench.name(name)} has not converged.")
        if conflict := found.diagnosis.prior_conflict:
            ok = False
            messages.append(f"{bench.name(name)}: the prior of {', '.join(conflict)} lies off.")
        if found.structure.found:
            ok = False
            messages.append(
                f"{bench.name(name)} leaves structure in its residuals: a law that does not fit."
            )
        explained = _prior_share(found, values)
        if explained > PRIOR_SHARE:
            ok = False
            messages.append(
                f"{bench.name(name)}: {', '.join(found.diagnosis.prior_dominated)}, which the runs "
                f"leave to the prior, explain {explained:.0%} of its variance."
            )
    if rival:
        behind = bench.evidence(rival).log_evidence - bench.evidence(names[0]).log_evidence
        if behind > CLEAR:
            messages.append(
                f"The runs speak for {bench.name(rival)} over {bench.name(names[0])} by "
                f"{behind:.1f} nats: its parameters are those of a law that does not fit."
            )
    return np.concatenate(draws), np.concatenate(each), tuple(messages), ok


def _prior_share(found: Fit, values: np.ndarray) -> float:
    """Share of the variance of a quantity that prior-dominated parameters explain."""
    names = found.diagnosis.prior_dominated
    centred = values - values.mean()
    if not names or not np.any(centred):
        return 0.0
    columns = [found.draws[name].ravel() for name in names]
    x = np.column_stack([np.log(v) if np.all(v > 0) else v for v in columns])
    x = x - x.mean(axis=0)
    rest = centred - x @ np.linalg.lstsq(x, centred, rcond=None)[0]
    return float(1.0 - rest.var() / centred.var())


def _summary(draws: np.ndarray, weights: np.ndarray) -> tuple[float, float, float]:
    p = np.array([(1 - MASS) / 2, 0.5, (1 + MASS) / 2])
    low, middle, high = pooled_quantiles(draws[:, None], weights, p)[:, 0]
    return float(low), float(middle), float(high)


def _sizes(n: np.ndarray, most: int) -> dict[str, np.ndarray]:
    """Positions of runs by size: one group for each size, or for neighbouring ones."""
    order = np.argsort(n, kind="stable")
    distinct = len(np.unique(np.round(np.log(n), 2)))
    parts = np.array_split(order, min(most, max(distinct, 1)))
    return {
        f"N {format_size(n[p].min(), digits=2)} to {format_size(n[p].max(), digits=2)}": p
        for p in parts
        if len(p) > 1
    }
