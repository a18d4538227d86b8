"""What a question about a claim comes back with."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

__all__ = ["CLEAR", "SURE", "Answer", "by_factor", "by_probability"]

NAN = float("nan")

SURE = 0.95
"""Probability from which a claim is called supported, and below one minus which contradicted."""

CLEAR = 3.0
"""Log Bayes factor from which the same is said: odds of twenty to one."""

MASS = 0.9
"""Mass of the central intervals."""


@dataclass(frozen=True)
class Answer:
    """The answer to one question.

    Parameters
    ----------
    verdict : str
        ``supported``, ``contradicted``, ``undecided``, or ``no answer``.
    sentence : str
        What was found.
    median, lower, upper : float
        Posterior of the quantity, with its central 90 % interval; NaN where it has none.
    probability : float
        That the claim holds, as the question states it; NaN where it is not a matter of that.
    log_bayes_factor, se : float
        Of the law that embodies the claim over its rival, in nats; NaN where there is none.
    ok : bool
        Whether the answer may be vouched for.
    messages : tuple of str
        Why it may not, and what else must be known.
    """

    verdict: str
    sentence: str
    median: float = NAN
    lower: float = NAN
    upper: float = NAN
    probability: float = NAN
    log_bayes_factor: float = NAN
    se: float = NAN
    ok: bool = True
    messages: tuple[str, ...] = field(default=())


def by_probability(probability: float) -> str:
    """The verdict on a claim of this probability."""
    if np.isnan(probability):
        return "no answer"
    if probability >= SURE:
        return "supported"
    return "contradicted" if probability <= 1.0 - SURE else "undecided"


def by_factor(log_bayes_factor: float) -> str:
    """The verdict on a claim whose law has this log Bayes factor over its rival."""
    if np.isnan(log_bayes_factor):
        return "no answer"
    if log_bayes_factor >= CLEAR:
        return "supported"
    return "contradicted" if log_bayes_factor <= -CLEAR else "undecided"
