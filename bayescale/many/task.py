"""A task: one fit of a study, declared."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from bayescale.discrepancy import Discrepancy
from bayescale.errors import LawError
from bayescale.laws.law import Law
from bayescale.noise import Noise
from bayescale.pooling import Pooling
from bayescale.prior import Prior
from bayescale.runs import Runs

__all__ = ["Task", "Tasks", "named"]


@dataclass(frozen=True, eq=False)
class Task:
    """One fit: a law, the runs, and what differs from the other fits of the study.

    Parameters
    ----------
    law : str or Law
    runs : Runs
    noise : str or Noise, optional
    priors : mapping of str to Prior, optional
    discrepancy : str or Discrepancy, optional
        As for :func:`bayescale.fit`.
    seed : int, optional
        Seed of this fit. Unless given it follows from the study's seed and from the content of the
        task, so that neither its name nor the order of the tasks matters.
    given : mapping of str to object
        Keyword arguments for the study's ``reduce``: the targets of a backtest, the truth of a
        simulated data set. Numbers, text, arrays, runs, and lists and mappings of them.
    pool : str or Pooling, optional
        As for :func:`bayescale.fit`.
    """

    law: str | Law
    runs: Runs
    noise: str | Noise | None = None
    priors: Mapping[str, Prior] | None = None
    discrepancy: str | Discrepancy | None = None
    seed: int | None = None
    given: Mapping[str, Any] = field(default_factory=dict)
    pool: str | Pooling | None = None


type Tasks = Mapping[str, Task | tuple[Any, ...]] | Iterable[Task | tuple[Any, ...]]
"""Tasks by name, or in a row; a pair ``(law, runs)`` stands for a task."""


def named(tasks: Tasks) -> dict[str, Task]:
    """Tasks by name; those in a row are called ``"0"``, ``"1"``, ...

    Raises
    ------
    LawError
        Where something is not a task.
    """
    if isinstance(tasks, (Task, Runs, str, Law)):
        raise LawError(
            f"The tasks are a single {type(tasks).__name__}. Give a mapping of names to tasks, or "
            "a list of tasks or (law, runs) pairs."
        )
    pairs = tasks.items() if isinstance(tasks, Mapping) else enumerate(tasks)
    found = {str(name): _task(name, value) for name, value in pairs}
    if not found:
        raise LawError("There are no tasks to fit. Give at least one.")
    return found


def _task(name: object, value: object) -> Task:
    if isinstance(value, tuple) and len(value) == 2:
        value = Task(*value)
    if not isinstance(value, Task):
        raise LawError(
            f"The task {str(name)!r} is {type(value).__name__}. Give a bs.Task, or a pair "
            "(law, runs)."
        )
    if not isinstance(value.runs, Runs):
        raise LawError(
            f"The runs of the task {str(name)!r} are {type(value.runs).__name__}. Read them with "
            "bs.read_runs first."
        )
    return value
