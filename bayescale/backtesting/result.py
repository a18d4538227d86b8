"""The result of a backtest: scores by group, law and mixture, and their means."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy import stats

from bayescale.backtesting.scores import PROBS, SUMMARIES
from bayescale.discrepancy import Discrepancy

if TYPE_CHECKING:
    from matplotlib.figure import Figure

from bayescale.runs.wording import counted

__all__ = ["Backtest", "Scored"]

GROUPS = 3
"""With fewer groups the coverage has no standard error that could be judged by."""

GEOMETRIC = "width90"
"""The score whose mean over groups is geometric."""


@dataclass(frozen=True, eq=False)
class Scored:
    """One law, or mixture, on one split of one group.

    Parameters
    ----------
    group, split, law : str
    n_fit, n_test : int
        Number of runs that were fitted, and forecast.
    axis : str
        The input that ``at`` and ``beyond`` of the targets are of.
    diagnosis_ok : bool
        Whether the fit converged; of a mixture, all fits.
    weights : mapping of str to float
        Weight of each law.
    scores : mapping of str to float
        See :func:`bayescale.backtesting.scores.summary`.
    targets : pandas.DataFrame
        One row for each forecast run: ``run``, ``at``, ``beyond`` (decades beyond the fitted runs),
        what was observed and forecast, and its scores.
    fitted : tuple of array, array
        The axis and the losses of the fitted runs.
    """

    group: str
    split: str
    law: str
    n_fit: int
    n_test: int
    axis: str
    diagnosis_ok: bool
    weights: Mapping[str, float]
    scores: Mapping[str, float]
    targets: pd.DataFrame
    fitted: tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True, eq=False, repr=False)
class Backtest:
    """How forecasts fared: fitted to the small runs, scored on the large.

    Parameters
    ----------
    scored : tuple of Scored
    laws, mixtures : tuple of str
    discrepancies : mapping of str to Discrepancy
        That of each law.
    failures : mapping of str to str
        Fits that failed, with the reason.
    doubtful : tuple of str
        Fits that did not converge; their scores are among the others.
    messages : tuple of str
        What else was left out.
    loss_unit : str
    seconds : float
    """

    scored: tuple[Scored, ...]
    laws: tuple[str, ...]
    mixtures: tuple[str, ...]
    discrepancies: Mapping[str, Discrepancy]
    failures: Mapping[str, str]
    doubtful: tuple[str, ...]
    messages: tuple[str, ...]
    loss_unit: str
    seconds: float

    @property
    def names(self) -> tuple[str, ...]:
        """Laws and mixtures."""
        return (*self.laws, *(f"mixture: {name}" for name in self.mixtures))

    @property
    def ok(self) -> bool:
        """Whether every fit was made and converged."""
        return not self.failures and not self.doubtful

    def table(self) -> pd.DataFrame:
        """One row for each group, split and law.

        Returns
        -------
        pandas.DataFrame
            ``group, split, law, n_fit, n_test, rmsle, elpd, crps, cover50, cover80, cover90,
            cover95, width90, diagnosis_ok``.
        """
        return pd.DataFrame(
            [
                {
                    "group": s.group,
                    "split": s.split,
                    "law": s.law,
                    "n_fit": s.n_fit,
                    "n_test": s.n_test,
                    **s.scores,
                    "diagnosis_ok": s.diagnosis_ok,
                }
                for s in self.scored
            ]
        )

    @property
    def targets(self) -> pd.DataFrame:
        """One row for each forecast run and law: what was forecast, what came, and its scores."""
        return pd.concat(
            [
                s.targets.assign(group=s.group, split=s.split, law=s.law).set_index(
                    ["group", "split", "law"]
                )
                for s in self.scored
            ]
        ).reset_index()

    def by_group(self) -> pd.DataFrame:
        """Means over the splits of each group, of the splits that every law has.

        A mixture that a split does not have takes that split from no law.

        Returns
        -------
        pandas.DataFrame
            Indexed by law and group, one column for each score; ``width90`` in its geometric mean.
        """
        table, _ = self._common()
        table = table.assign(width90=np.log(table["width90"]))
        means = table.groupby(["law", "group"], sort=False)[list(SUMMARIES)].mean()
        return means.assign(width90=np.exp(means["width90"]))

    def _common(self) -> tuple[pd.DataFrame, bool]:
        """The rows of the splits that every law has and True, or all rows where there are none."""
        table = self.table()
        laws = set(self.laws) & set(table["law"])
        by_split = table.groupby(["group", "split"])["law"]
        common = table[by_split.transform(lambda own: laws <= set(own)).astype(bool)]
        return (common, True) if len(common) else (table, False)

    def means(self) -> pd.DataFrame:
        """Means over groups, with standard errors, and paired differences to the first law.

        Groups weigh alike; a mixture has the groups that have it, and its differences are over
        those. A standard error is that of the mean over groups, and not a number where there is one
        group.

        Returns
        -------
        pandas.DataFrame
            One row for each law and mixture. For every score its mean, ``<score>_se``,
            ``<score>_diff`` and ``<score>_diff_se``: the difference to the first law, group by
            group. Of ``width90`` all of this is on the logarithm, and the mean carried back.
        """
        groups = self.by_group()
        groups = groups.assign(width90=np.log(groups["width90"]))
        names = [name for name in self.names if name in groups.index.get_level_values("law")]
        rows: dict[str, dict[str, float]] = {}
        for name in names:
            own, base = groups.loc[name], groups.loc[names[0]]
            row: dict[str, float] = {"groups": len(own)}
            for column in SUMMARIES:
                apart = (own[column] - base[column]).dropna()
                mean = float(own[column].mean())
                row[column] = float(np.exp(mean)) if column == GEOMETRIC else mean
                row[f"{column}_se"] = _se(own[column])
                row[f"{column}_diff"] = float(apart.mean())
                row[f"{column}_diff_se"] = _se(apart)
            rows[name] = row
        return pd.DataFrame.from_dict(rows, orient="index").rename_axis("law")

    def text(self) -> str:
        """How the forecasts fared, and what to make of it."""
        means = self.means()
        table, paired = self._common()
        n_groups = len({s.group for s in self.scored})
        n_parts = len({(s.group, s.split) for s in self.scored})
        n_common = len(table[["group", "split"]].drop_duplicates())
        which = f", of the {counted(n_common, 'split')} that every law has" if paired else ""
        lines = [
            f"Backtest: {counted(n_parts, 'split')} of {counted(n_groups, 'group')}, "
            f"{self.seconds:.1f} s; means over groups{which if n_common < n_parts else ''}."
        ]
        if not paired:
            lines.append("No split has every law: the means below are over different splits.")
        for name, row in means.iterrows():
            own = table[table["law"] == name]
            if len(own) < n_common:
                lines.append(f"Of {name} in {len(own)} of these splits alone:")
            cover = "/".join(f"{row[f'cover{round(100 * p)}']:.2f}".lstrip("0") for p in PROBS)
            lines.append(
                f"{name}: RMSLE {row['rmsle']:.4f}, elpd {row['elpd']:.2f}, coverage at "
                f"50/80/90/95 % {cover}, geometric-mean 90 % width {row['width90']:.3f}."
            )
            kept = {tuple(key) for key in own[["group", "split"]].to_numpy()}
            weights = [
                s.weights for s in self.scored if s.law == name and (s.group, s.split) in kept
            ]
            if len(weights[0]) > 1:
                mean = {law: np.mean([w.get(law, 0.0) for w in weights]) for law in self.laws}
                told = ", ".join(f"{law} {weight:.2f}" for law, weight in mean.items())
                lines.append(f"  Its weights, mean over splits: {told}.")
            if row["groups"] < GROUPS:
                continue
            wide = row["cover90"] - 0.9
            # That of so many independent runs at least: those of one split err together.
            of_runs = np.sqrt(0.9 * 0.1 / (table.loc[table["law"] == name, "n_test"].sum()))
            error = max(float(row["cover90_se"]), float(of_runs))
            if abs(wide) > stats.t.ppf(0.975, row["groups"] - 1) * error:
                verdict = "too narrow" if wide < 0 else "too wide"
                lines.append(
                    f"  The 90 % bands of {name} are {verdict}: they cover {row['cover90']:.0%}."
                )
        if n_groups < GROUPS:
            lines.append(
                "Whether the bands are too wide or too narrow is not judged: the runs of a group "
                f"err together, and there are fewer than {GROUPS} groups."
            )
        for name, beyond in self.discrepancies.items():
            lines.append(f"Discrepancy of {name}: {beyond.text()}")
        if self.failures:
            lines.append(f"Failed: {'; '.join(f'{k} ({v})' for k, v in self.failures.items())}")
        if self.doubtful:
            lines.append(f"Did not converge: {'; '.join(self.doubtful)}.")
        return "\n".join((*lines, *self.messages))

    def plot(self, kind: str = "backtest", **options: Any) -> Figure:
        """Draw coverage against nominal, error against distance, and the worst curves."""
        figure: Figure = import_module("bayescale.plots").plot(self, kind, **options)
        return figure

    def to_json(self) -> dict[str, Any]:
        """The JSON document that ``bayescale backtest --json`` prints."""
        groups = self.table().to_dict("records")
        weights = [dict(s.weights) for s in self.scored]
        return {
            "groups": [{**row, "weights": own} for row, own in zip(groups, weights, strict=True)],
            "means": {str(k): dict(row) for k, row in self.means().iterrows()},
            "discrepancies": {name: d.to_json() for name, d in self.discrepancies.items()},
            "failures": dict(self.failures),
            "doubtful": list(self.doubtful),
            "messages": list(self.messages),
            "seconds": self.seconds,
        }

    def __repr__(self) -> str:
        return "\n".join(self.text().splitlines()[:12])


def _se(values: pd.Series[float]) -> float:
    n = len(values)
    return float(values.std(ddof=1) / np.sqrt(n)) if n > 1 else float("nan")
