"""The result of a study: every fit by the name of its task, and which ones to doubt."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bayescale.errors import LawError
from bayescale.many import packing
from bayescale.many.store import Store
from bayescale.many.task import Task
from bayescale.many.work import Failure
from bayescale.model import Model

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Failure", "Many"]


@dataclass(frozen=True, eq=False, repr=False)
class Many(Mapping[str, Any]):
    """Many fits, by the names of their tasks.

    ``many[name]`` is a :class:`~bayescale.Fit`, or what the study's ``reduce`` made of it; it is
    read from the folder when it is asked for. Iteration goes over the finished tasks in their
    order.

    Parameters
    ----------
    tasks : mapping of str to Task
        All tasks, the failed ones too.
    method : str
    seed : int
        The study's.
    records : mapping of str to dict
        Of each finished fit, what its table needs: verdict, method, seconds, seed, and mean, sd and
        5, 50 and 95 % quantiles of every parameter.
    failures : mapping of str to Failure
        The tasks that could not be fitted, with the error.
    reused : frozenset of str
        Finished tasks that were found in the folder.
    messages : tuple of str
        What happened on the way: damaged files, workers that died.
    seconds : float
        Wall time of the study.
    """

    tasks: Mapping[str, Task]
    method: str
    seed: int
    records: Mapping[str, dict[str, Any]]
    failures: Mapping[str, Failure]
    reused: frozenset[str]
    messages: tuple[str, ...]
    seconds: float
    _models: Mapping[str, Model]
    _packed: Mapping[str, bytes] | Store

    def __len__(self) -> int:
        return len(self.records)

    def __iter__(self) -> Iterator[str]:
        return iter(self.records)

    def __contains__(self, name: object) -> bool:
        return name in self.records

    __eq__ = object.__eq__  # not by reading every fit of both
    __hash__ = object.__hash__

    def get(self, name: str, default: Any = None) -> Any:
        """The fit of a task, or the default where there is none."""
        return self[name] if name in self else default

    def __getitem__(self, name: str) -> Any:
        """The fit of a task, or what it was reduced to.

        Raises
        ------
        LawError
            Where there is no such task, or it failed.
        FileError
            Where its file was lost or changed since.
        """
        if name in self.failures:
            failure = self.failures[name]
            raise LawError(
                f"The task {name!r} failed: {failure.message} See .failures; the other fits are "
                "not affected."
            )
        if name not in self.records:
            raise LawError(f"There is no task {str(name)!r}. Tasks: {_listed(list(self.tasks))}.")
        record = self.records[name]
        packed = self._packed
        data = packed.read(record["key"]) if isinstance(packed, Store) else packed[record["key"]]
        if record["kind"] == "value":
            return packing.unpack_value(data)
        return packing.unpack(data, self._models[name], self.tasks[name].runs)

    @property
    def doubtful(self) -> tuple[str, ...]:
        """Names of the fits that did not converge."""
        return tuple(n for n, r in self.records.items() if not r["diagnosis"]["converged"])

    def table(self) -> pd.DataFrame:
        """One row for each task.

        Returns
        -------
        pandas.DataFrame
            Columns ``law, n_runs``; ``method``, by which the draws were made (``laplace`` or
            ``nuts``); ``converged, ok, retried``; ``pareto_k`` of the Laplace approximation, also
            where NUTS took over; ``rhat_max, ess_bulk_min, divergences``; ``prior_dominated``,
            the names in one text; ``seconds`` of this fit, ``seed``, ``reused`` (found in the
            folder), and ``error``, empty for a finished fit.
        """
        import pandas as pd

        rows = {name: self._row(name) for name in self.tasks}
        return pd.DataFrame.from_dict(rows, orient="index").rename_axis("task")

    def _row(self, name: str) -> dict[str, Any]:
        task = self.tasks[name]
        row: dict[str, Any] = {
            "law": task.law if isinstance(task.law, str) else task.law.name,
            "n_runs": len(task.runs),
        }
        if name in self.failures:
            failure = self.failures[name]
            numbers = dict.fromkeys(("pareto_k", "rhat_max", "ess_bulk_min"), math.nan)
            return {
                **row,
                "method": "",
                **dict.fromkeys(("converged", "ok", "retried"), False),
                **numbers,
                "divergences": 0,
                "prior_dominated": "",
                "seconds": math.nan,
                "seed": -1 if task.seed is None else task.seed,
                "reused": False,
                "error": f"{failure.error}: {failure.message}",
            }
        record = self.records[name]
        verdict: dict[str, Any] = {
            k: math.nan if v is None else v for k, v in record["diagnosis"].items()
        }
        k = verdict["pareto_k"]
        return {
            **row,
            "method": record["method"],
            **{key: verdict[key] for key in ("converged", "ok", "retried")},
            "pareto_k": verdict.get("quick_k", math.nan) if math.isnan(k) else k,
            **{key: verdict[key] for key in ("rhat_max", "ess_bulk_min", "divergences")},
            "prior_dominated": ", ".join(verdict["prior_dominated"]),
            "seconds": record["seconds"],
            "seed": record["seed"],
            "reused": name in self.reused,
            "error": "",
        }

    def parameters(self) -> pd.DataFrame:
        """Posterior summaries of all finished fits.

        Returns
        -------
        pandas.DataFrame
            Indexed by task and parameter, columns ``mean, sd, q05, q50, q95``.
        """
        import pandas as pd

        columns = ("mean", "sd", "q05", "q50", "q95")
        rows = {
            (name, parameter): dict(zip(columns, values, strict=True))
            for name, record in self.records.items()
            for parameter, values in record["parameters"].items()
        }
        index = pd.MultiIndex.from_tuples(list(rows), names=["task", "parameter"])
        return pd.DataFrame(list(rows.values()), index=index, columns=list(columns))

    def text(self) -> str:
        """How many fits, by which method, which failed and which are to be doubted."""
        by_nuts = sum(r["method"] == "nuts" for r in self.records.values())
        head = (
            f"{len(self.tasks)} fits ({self.method}), {self.seconds:.1f} s: "
            f"{len(self) - by_nuts} by Laplace, {by_nuts} by NUTS, {len(self.failures)} failed."
        )
        if self.reused:
            head += f" {len(self.reused)} were found finished."
        lines = [head]
        if self.doubtful:
            lines.append(
                f"Did not converge: {_listed(self.doubtful)}. Their numbers are not to be vouched "
                "for."
            )
        return "\n".join((*lines, *self.troubles))

    @property
    def troubles(self) -> tuple[str, ...]:
        """What the study warns of: failed fits, and the messages."""
        if not self.failures:
            return self.messages
        failure = next(iter(self.failures.values()))
        failed = f"Failed: {_listed(list(self.failures))}. The first said: {failure.message}"
        return failed, *self.messages

    def __repr__(self) -> str:
        return "\n".join(self.text().splitlines()[:12])


def _listed(names: Any, most: int = 8) -> str:
    shown = ", ".join(map(str, names[:most]))
    return shown + (f" and {len(names) - most} more" if len(names) > most else "")
