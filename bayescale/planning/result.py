"""The result of ``plan``: the runs, what they would leave unknown, and what that assumes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np

from bayescale.forecasting import Forecast
from bayescale.planning.check import Check
from bayescale.posterior import Fit
from bayescale.runs.wording import counted
from bayescale.units import format_size

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Plan", "PlannedRun"]

DOUBTS = ("not converged", "prior conflict", "no run", "rough", "far", "misfit")
"""How the messages begin after which a plan is not to be vouched for."""

ENOUGH = 100.0
"""Effective draws behind a simulated outcome, below which the check says little."""

APART = 0.25
"""Relative difference of the standard deviation by the check, from which the update is doubted."""


@dataclass(frozen=True)
class PlannedRun:
    """A run to train.

    Parameters
    ----------
    N, D : float
        Parameters and tokens.
    sd_after : float
        Standard deviation of the target, once this run and those before it are known.
    """

    N: float
    D: float
    sd_after: float

    @property
    def flops(self) -> float:
        """6ND."""
        return 6.0 * self.N * self.D


@dataclass(frozen=True, eq=False)
class Plan:
    """Runs that make a target most certain.

    Parameters
    ----------
    fit : Fit
    words : str
        What the target is.
    at : (float, float)
        N and D of the target.
    budget : float
        FLOP.
    runs : tuple of PlannedRun
        In the order in which they help.
    law, discrepancy : (float, float)
        Variance of the log of the target by the law's parameters and by the discrepancy, before and
        after.
    noise : float
        Variance of a new run about the law, as far as it blurs the mean.
    check : Check, optional
        The law's part after the runs, by simulation; None without runs.
    candidates : mapping of str to array
        ``N``, ``D`` and ``share``, by which one run there would lower the law's variance.
    ahead : Forecast, optional
        The forecast at the target, where it is a loss.
    """

    fit: Fit
    words: str
    at: tuple[float, float]
    budget: float
    runs: tuple[PlannedRun, ...]
    law: tuple[float, float]
    discrepancy: tuple[float, float]
    noise: float
    check: Check | None
    candidates: Mapping[str, np.ndarray]
    ahead: Forecast | None

    @property
    def spent(self) -> float:
        """FLOP of all runs."""
        return sum(run.flops for run in self.runs)

    @property
    def sd(self) -> tuple[float, float]:
        """Standard deviation of the log of the target, before and after."""
        before, after = (
            float(np.sqrt(a + b)) for a, b in zip(self.law, self.discrepancy, strict=True)
        )
        return before, after

    @property
    def messages(self) -> tuple[str, ...]:
        """What must be known about the plan."""
        found = []
        if not self.fit.diagnosis.converged:
            found.append("not converged: the fit's draws cannot be taken for the posterior.")
        if conflict := self.fit.diagnosis.prior_conflict:
            found.append(f"prior conflict: the prior of {', '.join(conflict)} lies off the runs.")
        if not self.runs:
            found.append("no run: nothing that the budget buys would tell more of the target.")
        if self.check is not None:
            by_check = float(np.sqrt(self.check.variance))
            expected = float(np.sqrt(self.law[1]))
            if self.check.ess < ENOUGH:
                found.append(
                    f"unchecked: reweighting leaves {self.check.ess:.0f} effective draws, too few "
                    "to check the Gaussian update by; fit with more draws."
                )
            elif abs(by_check / expected - 1.0) > APART:
                found.append(
                    f"rough: by simulation the law's part of the standard deviation would be "
                    f"{by_check:.2%}, by the Gaussian update {expected:.2%}."
                )
        if self.discrepancy[1] > self.law[1]:
            share = self.discrepancy[1] / (self.law[1] + self.discrepancy[1])
            found.append(
                f"discrepancy: it makes {share:.0%} of the variance that is left, and only runs "
                "nearer to the target than the budget buys would lower it."
            )
        if self.ahead is not None and self.ahead.far[0]:
            found.append("far: the target lies too far outside the data to be vouched for.")
        if self.ahead is not None and self.ahead.misfit[0]:
            found.append(
                "misfit: the law leaves structure in its residuals, and the target lies beyond the "
                "data; compare laws."
            )
        return tuple(found)

    @property
    def trustworthy(self) -> bool:
        """Whether the plan may be vouched for."""
        return not any(message.startswith(DOUBTS) for message in self.messages)

    def table(self) -> pd.DataFrame:
        """One row for each run.

        Returns
        -------
        pandas.DataFrame
            ``N``, ``D``, ``tokens_per_param``, ``flops``, ``share`` of the budget, and
            ``sd_after``: the standard deviation of the log of the target once it and those before
            it are known.
        """
        import pandas as pd

        rows = [
            {
                "N": run.N,
                "D": run.D,
                "tokens_per_param": run.D / run.N,
                "flops": run.flops,
                "share": run.flops / self.budget,
                "sd_after": run.sd_after,
            }
            for run in self.runs
        ]
        index = pd.RangeIndex(1, len(rows) + 1, name="run")
        names = ["N", "D", "tokens_per_param", "flops", "share", "sd_after"]
        return pd.DataFrame(rows, columns=names, index=index)

    def to_json(self) -> dict[str, Any]:
        """The JSON document that ``bayescale plan --json`` prints."""
        return {
            "target": self.words,
            "at": {"N": self.at[0], "D": self.at[1]},
            "budget": self.budget,
            "spent": self.spent,
            "sd_before": self._parts(0),
            "sd_after": self._parts(1),
            "check": None
            if self.check is None
            else {"law": float(np.sqrt(self.check.variance)), "ess": self.check.ess},
            "noise_sd": float(np.sqrt(self.noise)),
            "runs": [
                {str(k): float(v) for k, v in row.items()} for _, row in self.table().iterrows()
            ],
            "trustworthy": self.trustworthy,
            "messages": list(self.messages),
        }

    def _parts(self, place: int) -> dict[str, float]:
        return {
            "law": float(np.sqrt(self.law[place])),
            "discrepancy": float(np.sqrt(self.discrepancy[place])),
            "total": self.sd[place],
        }

    def text(self) -> str:
        """The plan, what it would leave unknown, and what it assumes."""
        before, after = self._parts(0), self._parts(1)
        lines = [
            f"To know {self.words} by {self.fit.law.name}: the standard deviation of its log is "
            f"{before['total']:.2%} now (law {before['law']:.2%}, discrepancy "
            f"{before['discrepancy']:.2%}), and {after['total']:.2%} (law {after['law']:.2%}, "
            f"discrepancy {after['discrepancy']:.2%}) after {counted(len(self.runs), 'run')} of "
            f"{format_size(self.spent, kind='compute')} FLOP in all."
        ]
        lines += [
            f"{i}. N = {format_size(run.N)}, D = {format_size(run.D)} "
            f"({format_size(run.flops, kind='compute')} FLOP, {run.D / run.N:.3g} tokens per "
            f"parameter): {run.sd_after:.2%}"
            for i, run in enumerate(self.runs, 1)
        ]
        lines += self.messages
        lines.append(
            "Assumed: the law holds; new runs scatter as the fitted ones, and are as well tuned; "
            "the update is Gaussian, and the runs are chosen one at a time; the discrepancy "
            "shrinks as runs come nearer to the target, as the fit declares it."
        )
        return "\n".join(lines)

    def plot(self, **options: Any) -> Any:
        """Draw the runs, the plan and the target; returns a matplotlib figure."""
        return import_module("bayescale.plots").plot(self, "plan", **options)

    def __repr__(self) -> str:
        rows = [
            f"  N={format_size(r.N)}, D={format_size(r.D)}: {r.sd_after:.2%}" for r in self.runs[:9]
        ]
        runs = counted(len(self.runs), "run")
        head = f"Plan for {self.words}: {self.sd[0]:.2%} to {self.sd[1]:.2%} by {runs}"
        return "\n".join([head, *rows])
