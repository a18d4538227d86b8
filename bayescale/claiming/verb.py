"""The verb ``claims``: what the runs say of published claims."""

from __future__ import annotations

import time
from collections.abc import Iterable

from bayescale.claiming.answer import Answer
from bayescale.claiming.bench import Bench
from bayescale.claiming.claim import Claim
from bayescale.claiming.registry import CLAIMS
from bayescale.claiming.result import Claims
from bayescale.errors import LawError
from bayescale.fitting import check_options
from bayescale.noise import Noise
from bayescale.runs import Runs

__all__ = ["claims"]


def claims(
    runs: Runs,
    *,
    which: Iterable[str | Claim] | None = None,
    noise: str | Noise = "student_t",
    method: str = "auto",
    seed: int = 0,
    draws: int = 1000,
    warmup: int = 300,
    chains: int = 4,
    progress: bool = True,
) -> Claims:
    """Hold published claims to runs.

    Every claim that the runs can test is put as a question to fits of the laws that it is about;
    the others are listed with what is missing. A posterior probability from 0.95, or a log Bayes
    factor from 3, is called support; the reverse is called contradiction; the rest is undecided.
    That a claim holds in these runs does not make it hold elsewhere.

    Parameters
    ----------
    runs : Runs
    which : iterable of str or Claim, optional
        Claims by key, or claims of your own; all of :data:`bayescale.claiming.CLAIMS` unless given.
    noise, method, seed, draws, warmup, chains, progress
        As for :func:`bayescale.fit`.

    Returns
    -------
    Claims

    Raises
    ------
    LawError
        Where there is no such claim.

    Examples
    --------
    >>> import bayescale as bs
    >>> print(bs.claims(bs.datasets.load("tiny")).text())  # doctest: +SKIP
    """
    started = time.perf_counter()
    check_options(method, draws, warmup, chains, seed)
    options = {
        "noise": noise,
        "method": method,
        "seed": seed,
        "draws": draws,
        "warmup": warmup,
        "chains": chains,
        "progress": progress,
    }
    bench = Bench(runs, options)
    tested: dict[Claim, Answer] = {}
    untestable: dict[Claim, tuple[str, ...]] = {}
    for claim in _chosen(which):
        missing = claim.missing(runs)
        if missing:
            untestable[claim] = missing
        else:
            tested[claim] = claim.question.ask(bench)
    return Claims(runs, tested, untestable, time.perf_counter() - started)


def _chosen(which: Iterable[str | Claim] | None) -> tuple[Claim, ...]:
    if which is None:
        return CLAIMS
    known = {claim.key: claim for claim in CLAIMS}
    found = []
    for one in which:
        if isinstance(one, Claim):
            found.append(one)
        elif one in known:
            found.append(known[one])
        else:
            raise LawError(f"There is no claim {one!r}. Claims: {', '.join(known)}.")
    return tuple(found)
