r"""Learning-rate schedules: a text for each curve, and what laws read of it at each row.

A schedule is written as knots, ``"0:0 2160:0.0003 24000:3e-05"``: a step and its learning rate,
linear between knots, held before the first and after the last. The column :data:`COLUMN` holds the
schedule of each row's whole run, so that rows may be selected and thinned without touching it.

A law of the schedule sums over every change of the learning rate up to a row,

.. math:: \sum_{k \le t} (\eta_{k-1} - \eta_k)\, g\Big(\eta_k,\ \sum_{\tau=k}^{t}\eta_\tau,\
          t - k + 1\Big),

from :math:`\eta_0 = 0` on, so that the rise of the warm-up counts. :func:`nodes` turns that sum
into one of :data:`NODES` terms a row: reading a schedule takes time linear in its steps, and a law
costs the same however many there are. Where a row has no more changes than nodes, each is a node
and nothing is lost. Where it has more, changes are gathered by their age :math:`n = t - k + 1`
and by their share of the whole change, :data:`RISES` nodes for rises and the others for falls: a
node stands for its changes by their sum and by their means of the arguments.
``tests/runs/test_schedule.py`` measures the error.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from bayescale.errors import RunsError
from bayescale.runs.wording import quoted

__all__ = [
    "COLUMN",
    "NODES",
    "Schedule",
    "from_rows",
    "nodes",
    "parse_schedule",
    "peak",
    "sums",
    "write_schedule",
]

COLUMN = "lr_schedule"
"""The column of schedules."""

NODES = 64
"""Changes of the learning rate, or groups of them, that stand for the schedule up to a row."""

RISES = 24
"""Nodes of rises, where changes are gathered."""

LEAST = 1e-9
"""The lowest learning rate that is told from zero, in units of the peak."""

LONGEST = 20_000_000
"""Most steps of a schedule: each is held while it is read."""

type Column = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Schedule:
    """A learning rate for every step, piecewise linear.

    Parameters
    ----------
    steps : array, shape (knot,)
        Steps of the knots, increasing.
    lr : array, shape (knot,)
        The learning rate there, zero or more.
    """

    steps: Column
    lr: Column

    def at(self, last: int) -> Column:
        """The learning rate of steps 1 to ``last``."""
        return np.asarray(np.interp(np.arange(1.0, last + 1.0), self.steps, self.lr))


@functools.lru_cache(maxsize=4096)
def parse_schedule(text: str) -> Schedule:
    """Read a schedule.

    Parameters
    ----------
    text : str
        Knots, ``STEP:LR``, separated by blanks.

    Raises
    ------
    RunsError
        Where it is not that.

    Examples
    --------
    >>> parse_schedule("0:0 2:0.2 4:0.1").at(5)
    array([0.1 , 0.2 , 0.15, 0.1 , 0.1 ])
    """
    remedy = 'Write STEP:LR with blanks between, such as "0:0 2000:3e-4 24000:3e-5".'
    try:
        pairs = [tuple(map(float, knot.split(":"))) for knot in text.split()]
        steps, lr = (np.array(values) for values in zip(*pairs, strict=True))
    except (ValueError, TypeError):
        raise RunsError(f"The schedule {quoted(text, 80)} cannot be read. {remedy}") from None
    bad = ~np.isfinite(steps) | ~np.isfinite(lr) | (lr < 0.0) | (steps < 0.0)
    if np.any(bad) or np.any(np.diff(steps) <= 0.0) or not np.any(lr > 0.0):
        raise RunsError(
            f"The schedule {quoted(text, 80)} has steps that do not increase, or learning rates "
            f"that are negative, not finite or all zero. {remedy}"
        )
    if steps[-1] > LONGEST:
        raise RunsError(
            f"The schedule {quoted(text, 80)} has {steps[-1]:.4g} steps, more than {LONGEST:,}. "
            "Count in units of many steps."
        )
    for values in (steps, lr):
        values.setflags(write=False)
    return Schedule(steps, lr)


def write_schedule(steps: npt.ArrayLike, lr: npt.ArrayLike) -> str:
    """Write knots as text, without those that lie on the line between their neighbours."""
    steps, lr = np.asarray(steps, np.float64), np.asarray(lr, np.float64)
    keep = np.ones(len(steps), dtype=bool)
    if len(steps) > 2:
        slope = np.diff(lr) / np.diff(steps)
        bend = np.abs(np.diff(slope)) * np.minimum(np.diff(steps)[1:], np.diff(steps)[:-1])
        keep[1:-1] = bend > 1e-12 * np.max(lr)
    return " ".join(
        f"{step:.12g}:{rate:.12g}" for step, rate in zip(steps[keep], lr[keep], strict=True)
    )


def from_rows(
    steps: Column, lr: Column, lr_sum: Column | None = None, warmup: float | None = None
) -> str:
    """The schedule of a run from the learning rate at its rows.

    Parameters
    ----------
    steps, lr : array, shape (row,)
        Steps, and the learning rate of each; in any order.
    lr_sum : array, shape (row,), optional
        The sum of the learning rate over all steps so far. With it the learning rate between rows
        is held, then goes linearly to the next, or the reverse, such that the sum is met; without
        it, it is linear; but a lone change between two constant stretches is a jump, at the first
        row that shows it.
    warmup : float, optional
        Steps of a linear warm-up from zero. Without it the learning rate before the first row is
        held at that of the first row.

    Raises
    ------
    RunsError
        Where a step has two learning rates.
    """
    order = np.argsort(steps, kind="stable")
    steps, lr = steps[order], lr[order]
    fresh = np.concatenate([[True], np.diff(steps) > 0])
    again = np.flatnonzero(~fresh)
    twice = again[lr[again] != lr[again - 1]]
    if len(twice):
        place = int(twice[0])
        raise RunsError(
            f"Step {steps[place]:.12g} has two learning rates, {lr[place - 1]:.6g} and "
            f"{lr[place]:.6g}. Give the column that tells the runs apart."
        )
    steps, lr = steps[fresh], lr[fresh]
    knots = [(float(s), float(rate)) for s, rate in zip(steps, lr, strict=True)]
    jumps = [] if lr_sum is not None else list(_jumps(steps, lr))
    if lr_sum is not None:
        total = lr_sum[order][fresh]
        whole = []
        for i, here in enumerate(knots[:-1]):
            whole += [here, *_between(here, knots[i + 1], float(total[i + 1] - total[i]))]
        knots = [*whole, knots[-1]]
    knots = sorted([*knots, *jumps])
    if warmup is not None and warmup > 0.0:
        start = [(0.0, 0.0)]
        if warmup < knots[0][0]:
            start.append((float(warmup), knots[0][1]))
        knots = [*start, *knots]
    return write_schedule(*zip(*knots, strict=True))


def _jumps(steps: Column, lr: Column) -> Iterator[tuple[float, float]]:
    """A knot just before every lone change between two constant stretches."""
    for i in range(2, len(lr) - 1):
        if lr[i - 2] == lr[i - 1] != lr[i] == lr[i + 1] and steps[i] - steps[i - 1] > 1.0:
            yield float(steps[i]) - 1.0, float(lr[i - 1])


def _between(
    here: tuple[float, float], then: tuple[float, float], total: float
) -> list[tuple[float, float]]:
    """A knot between two rows such that the steps after the first sum to ``total``.

    With :math:`h` steps and a corner at :math:`c` of them, the excess over the straight line's sum
    is :math:`(a - b) c/2` where the learning rate :math:`a` is held first, and
    :math:`-(a - b)(h - c)/2` where :math:`b` is held last, up to a share of one step.
    """
    (s0, a), (s1, b) = here, then
    h = s1 - s0
    straight = (a + b) / 2.0 * h + (b - a) / 2.0
    if h < 2.0 or a == b:
        return []
    share = 2.0 * (total - straight) / ((a - b) * h)
    if abs(share) < 1e-6:
        return []
    share = float(np.clip(share, -1.0 + 1.0 / h, 1.0 - 1.0 / h))
    return [(s0 + share * h, a)] if share > 0 else [(s0 + (1.0 + share) * h, b)]


# --- what laws read of it --------------------------------------------------------------------


def peak(texts: npt.NDArray[Any]) -> float:
    """The highest learning rate of a column of schedules."""
    return max(float(parse_schedule(text).lr.max()) for text in _distinct(texts))


def sums(texts: npt.NDArray[Any], steps: Column) -> Column:
    """The sum of the learning rate over all steps up to each row, shape (row,)."""
    found = np.empty(len(steps))
    for text, rows in _distinct(texts).items():
        t = _last(steps[rows])
        found[rows] = np.cumsum(parse_schedule(text).at(int(t.max())))[t - 1]
    return found


def nodes(texts: npt.NDArray[Any], steps: npt.ArrayLike, count: int = NODES) -> Column:
    r"""The changes of the learning rate up to each row; see the head of this file.

    Parameters
    ----------
    texts : array of str, shape (row,)
        Schedules.
    steps : array_like, shape (row,)
        Steps taken; those after the last knot have its learning rate.
    count : int, default 64
        Nodes; even.

    Returns
    -------
    array, shape (row, count, 4)
        Of each node the fall :math:`\eta_{k-1} - \eta_k`, in the unit of the learning rate, zero
        where there is none; then logs of :math:`\eta_k`, of :math:`\sum_{\tau=k}^t \eta_\tau` and
        of the age :math:`t - k + 1`.
    """
    t_all = _last(np.asarray(steps, np.float64))
    found = np.zeros((len(t_all), count, 4))
    for text, rows in _distinct(np.asarray(texts, dtype=object)).items():
        found[rows] = _nodes(parse_schedule(text), t_all[rows], count)
    return found


def _distinct(texts: npt.NDArray[Any]) -> dict[str, npt.NDArray[np.intp]]:
    """The rows of each schedule."""
    found: dict[str, list[int]] = {}
    for row, text in enumerate(texts):
        found.setdefault(str(text), []).append(row)
    return {text: np.array(rows) for text, rows in found.items()}


def _last(steps: Column) -> npt.NDArray[np.int64]:
    """The last whole step of each row, at least the first."""
    return np.maximum(np.floor(steps + 1e-6), 1.0).astype(np.int64)


def _nodes(schedule: Schedule, t: npt.NDArray[np.int64], count: int) -> Column:
    lr = schedule.at(int(t.max()))
    total = np.concatenate([[0.0], np.cumsum(lr)])  # of the steps before step k at k - 1
    fall = np.concatenate([[0.0], lr[:-1]]) - lr
    changed = np.flatnonzero(fall)
    found = np.zeros((len(t), count, 4))
    if not len(changed):
        return found
    log_lr = np.log(np.maximum(lr, LEAST * schedule.lr.max()))
    seen = np.searchsorted(changed, t - 1, side="right")
    few = seen <= count
    if np.any(few):
        own = changed[: min(count, len(changed))]
        there = np.arange(len(own)) < seen[few][:, None]
        at = t[few][:, None]
        left = np.where(there, total[at] - total[own], 1.0)
        age = np.where(there, at - own, 1.0)
        parts = (np.where(there, fall[own], 0.0), log_lr[own] * there, _log(left), np.log(age))
        found[few, : len(own)] = np.stack(parts, axis=-1)
    many = np.flatnonzero(~few)
    if len(many):
        rises = RISES * count // NODES
        gathered = []
        for sign, each in ((1.0, count - rises), (-1.0, rises)):
            part = _gathered(sign * fall, log_lr, total, t[many], each)
            part[..., 0] *= sign
            gathered.append(part)
        found[many] = np.concatenate(gathered, axis=1)
    return found


def _gathered(
    fall: Column, log_lr: Column, total: Column, t: npt.NDArray[np.int64], count: int
) -> Column:
    """Falls above zero gathered by age, shape (row, count, 4)."""
    weight = np.maximum(fall, 0.0)
    changed = np.flatnonzero(weight)
    if not count or not len(changed):
        return np.zeros((len(t), count, 4))
    seen = np.searchsorted(changed, t - 1, side="right")
    some = seen > 0
    newest = np.where(some, t - changed[np.maximum(seen - 1, 0)], 1.0)
    oldest = np.where(some, t - changed[0], 1.0) + 1.0
    # Edges at equal ratios of age, and as many at equal shares of the whole change: the former
    # follow how fast a change comes to show, the latter how much there is to show.
    by_age = np.linspace(0.0, 1.0, count // 2 + 1)
    ages = newest[:, None] * (oldest / newest)[:, None] ** by_age
    ends = t[:, None] + 1 - np.ceil(ages - 1e-9).astype(np.int64)
    whole = np.cumsum(weight)
    by_share = np.linspace(0.0, 1.0, count - count // 2 + 2)[1:-1]
    level = whole[t - 1][:, None] * by_share
    ends = np.concatenate([ends, np.searchsorted(whole, level)], axis=1)
    ends = -np.sort(-np.clip(ends, 0, len(weight)), axis=1)
    moments = [np.concatenate([[0.0], np.cumsum(weight * v)]) for v in _moments(log_lr, total)]
    sums = [m[ends[:, :-1]] - m[ends[:, 1:]] for m in moments]
    full = sums[0] > 1e-14 * moments[0][-1]
    mass = np.where(full, sums[0], 1.0)
    lr, before, step = (np.where(full, v / mass, 0.0) for v in sums[1:])
    left = np.where(full, total[t][:, None] - before, 1.0)
    age = np.where(full, t[:, None] - step, 1.0)
    return np.stack([np.where(full, sums[0], 0.0), lr, _log(left), _log(age)], axis=-1)


def _moments(log_lr: Column, total: Column) -> tuple[Any, ...]:
    return 1.0, log_lr, total[:-1], np.arange(len(log_lr))


def _log(values: Column) -> Column:
    return np.log(np.maximum(values, 1e-300))
