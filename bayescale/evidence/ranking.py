"""The result of a comparison: one table, one paragraph, one picture."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import special

from bayescale.errors import LawError
from bayescale.evidence.held_out import Forward
from bayescale.evidence.loo import Score, spread
from bayescale.evidence.marginal import Evidence
from bayescale.evidence.savage_dickey import SavageDickey
from bayescale.evidence.sensitivity import FACTORS, Shift
from bayescale.evidence.stacking import stacking
from bayescale.posterior import Fit

if TYPE_CHECKING:
    import pandas as pd

    from bayescale.evidence.mixture import MixtureForecast

__all__ = ["Compared", "Ranking"]

NAN = float("nan")
SIMULATIONS = 4000
CLEAR = 3.0
"""A log Bayes factor below this is not called clear: odds of twenty to one."""

WEIGHTS = ("probability", "loo", "forward", "half", "equal")


@dataclass(frozen=True, eq=False)
class Compared:
    """One law in a comparison.

    Parameters
    ----------
    name : str
    fit : Fit
    evidence : Evidence
    loo : Score, optional
        Leave-one-out, with exact refits.
    families : Score, optional
        Leave-one-family-out.
    forward : Forward, optional
        Fitted to the small runs, scored on the large.
    shifts : tuple of Shift
        What each prior's width does to the log evidence.
    shared : frozenset of str
        Parameters with the same prior in every law of the comparison.
    messages : tuple of str
        What went wrong with this law.
    """

    name: str
    fit: Fit
    evidence: Evidence
    loo: Score | None = None
    families: Score | None = None
    forward: Forward | None = None
    shifts: tuple[Shift, ...] = ()
    shared: frozenset[str] = frozenset()
    messages: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Ranking:
    """Laws compared on the same runs.

    Parameters
    ----------
    laws : tuple of Compared
        In the order given.
    prior : mapping of str to float
        Probability of each law before the runs were seen.
    refusals : tuple of str
        Why the laws cannot be compared at all; empty where they can.
    forward_split : str
        What the scored runs have in common; empty where there is no forward score.
    family_column : str
        Column of the families that were left out; empty where none were.
    nested : mapping of (str, str) to SavageDickey
        Nested questions by wider and simpler law.
    messages : tuple of str
        What a reader must know.
    seconds : float
        Wall time, fits among it.
    """

    laws: tuple[Compared, ...]
    prior: Mapping[str, float]
    refusals: tuple[str, ...] = ()
    forward_split: str = ""
    family_column: str = ""
    nested: Mapping[tuple[str, str], SavageDickey] = field(default_factory=dict)
    messages: tuple[str, ...] = ()
    seconds: float = NAN

    def __getitem__(self, name: str) -> Compared:
        for law in self.laws:
            if law.name == name:
                return law
        raise LawError(
            f"The comparison has no law {name!r}. Laws: {', '.join(law.name for law in self.laws)}."
        )

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the laws, in the order given."""
        return tuple(law.name for law in self.laws)

    @property
    def ok(self) -> bool:
        """Whether probabilities could be given."""
        return not self.refusals and all(law.evidence.ok for law in self.laws)

    @functools.cached_property
    def best(self) -> str | None:
        """The law of greatest evidence among those whose evidence may be used."""
        usable = [] if self.refusals else [law for law in self.laws if law.evidence.ok]
        if not usable:
            return None
        return max(usable, key=lambda law: law.evidence.log_evidence).name

    # --- evidence -----------------------------------------------------------------------------

    @functools.cached_property
    def probability(self) -> dict[str, float]:
        """Posterior probability of each law; empty where one law's evidence may not be used."""
        if not self.ok:
            return {}
        log_odds = np.log([self.prior[name] for name in self.names])
        values = special.softmax([law.evidence.log_evidence for law in self.laws] + log_odds)
        return dict(zip(self.names, map(float, values), strict=True))

    @functools.cached_property
    def probability_interval(self) -> dict[str, tuple[float, float]]:
        """90 % interval of each probability, from the standard errors of the evidence alone."""
        if not self.ok:
            return {}
        rng = np.random.default_rng(0)
        means = np.array([law.evidence.log_evidence for law in self.laws])
        errors = np.array([law.evidence.se for law in self.laws])
        simulated = means + errors * rng.standard_normal((SIMULATIONS, len(means)))
        log_odds = np.log([self.prior[name] for name in self.names])
        values = special.softmax(simulated + log_odds, axis=1)
        low, high = np.quantile(values, [0.05, 0.95], axis=0)
        return {n: (float(low[i]), float(high[i])) for i, n in enumerate(self.names)}

    def log_bayes_factor(self, one: str, other: str) -> tuple[float, float]:
        """Log Bayes factor of one law over another, and its standard error, in nats.

        NaN where the evidence of either may not be used.
        """
        a, b = self[one].evidence, self[other].evidence
        if self.refusals or not (a.ok and b.ok):
            return NAN, NAN
        if one == other:
            return 0.0, 0.0
        return a.log_evidence - b.log_evidence, float(np.hypot(a.se, b.se))

    def bayes_factors(self) -> pd.DataFrame:
        """Log Bayes factors of every law (row) over every other (column), in nats."""
        import pandas as pd

        values = [[self.log_bayes_factor(a, b)[0] for b in self.names] for a in self.names]
        return pd.DataFrame(values, index=pd.Index(self.names, name="law"), columns=self.names)

    # --- prediction ---------------------------------------------------------------------------

    @functools.cached_property
    def loo_weights(self) -> dict[str, float]:
        """Stacking weights by leave-one-out; empty where a law has no such score."""
        return self._stacked({law.name: law.loo for law in self.laws})

    @functools.cached_property
    def forward_weights(self) -> dict[str, float]:
        """Stacking weights by the forward score; empty where a law has no such score."""
        return self._stacked(
            {law.name: law.forward.score if law.forward else None for law in self.laws}
        )

    def _stacked(self, scores: Mapping[str, Score | None]) -> dict[str, float]:
        known = [score.pointwise for score in scores.values() if score is not None]
        usable = len(known) == len(self.laws) and not self.refusals
        if not usable or not all(law.fit.diagnosis.converged for law in self.laws):
            return {}
        weights = stacking(np.stack(known))
        return dict(zip(scores, map(float, weights), strict=True))

    def weights(self, kind: str = "probability") -> dict[str, float]:
        """Weights of the laws in a mixture.

        Parameters
        ----------
        kind : {"probability", "loo", "forward", "half", "equal"}
            Posterior probabilities; stacking by leave-one-out or by the forward score; the mean of
            probability and equal weights; or equal weights.

        Raises
        ------
        LawError
            Where there are none of this kind.
        """
        if kind not in WEIGHTS:
            raise LawError(f"There are no weights {kind!r}. Choose one of: {', '.join(WEIGHTS)}.")
        equal = dict.fromkeys(self.names, 1.0 / len(self.laws))
        found = {
            "probability": self.probability,
            "loo": self.loo_weights,
            "forward": self.forward_weights,
            "half": {n: 0.5 * (p + equal[n]) for n, p in self.probability.items()},
            "equal": {} if self.refusals else equal,
        }[kind]
        if not found:
            why = (*self.refusals, *self._refused_laws()) or self.messages
            raise LawError(
                f"The laws have no weights by {kind!r}. {' '.join(why)} "
                "Choose other weights (weights='loo', 'forward' or 'equal'), or leave a law out."
            )
        return found

    def forecast(self, at: Any, *, weights: str = "probability", seed: int = 0) -> MixtureForecast:
        """Predict the loss at points by a mixture of the laws.

        Parameters
        ----------
        at : mapping, Runs, dataframe or path
            As for :func:`bayescale.forecast`.
        weights : str
            As for :meth:`weights`.
        seed : int
            Seed of the noise draws.

        Returns
        -------
        MixtureForecast
            The spread between the laws is kept apart from the spread within.
        """
        from bayescale.evidence.mixture import mix

        return mix({law.name: law.fit for law in self.laws}, self.weights(weights), at, seed)

    # --- tables -------------------------------------------------------------------------------

    def table(self) -> pd.DataFrame:
        """One row for each law, the best evidence first.

        Returns
        -------
        pandas.DataFrame
            ``log_evidence`` with its standard error (empty where refused; the estimates
            themselves are in ``ranking[law].evidence``), ``check`` the independent estimate with
            its own and ``pareto_k``; ``log_bf`` against the best law; ``probability``, the ends of
            its 90 % interval (empty where refused); ``elpd_loo`` and its standard error, the
            difference to the best with its own, ``khat_above`` the runs whose Pareto k is above
            the limit, ``refits`` those that were left out in earnest; ``elpd_forward`` (a sum over
            the large runs) likewise; ``weight_loo`` and ``weight_forward`` by stacking;
            ``diagnosis_ok``.
        """
        import pandas as pd

        rows = {law.name: self._row(law) for law in self.laws}
        table = pd.DataFrame.from_dict(rows, orient="index").rename_axis("law")
        return table.sort_values("log_evidence", ascending=False)

    def _row(self, law: Compared) -> dict[str, Any]:
        low, high = self.probability_interval.get(law.name, (NAN, NAN))
        log_bf = self.log_bayes_factor(law.name, self.best) if self.best else (NAN, NAN)
        known = law.evidence.ok
        row: dict[str, Any] = {
            "log_evidence": law.evidence.log_evidence if known else NAN,
            "log_evidence_se": law.evidence.se if known else NAN,
            "check": law.evidence.check.log_evidence if known else NAN,
            "check_se": law.evidence.check.se if known else NAN,
            "pareto_k": law.evidence.check.pareto_k,
            "log_bf": log_bf[0],
            "log_bf_se": log_bf[1],
            "probability": self.probability.get(law.name, NAN),
            "probability_low": low,
            "probability_high": high,
        }
        row |= self._score("loo", law.loo, {n.name: n.loo for n in self.laws})
        row["refits"] = len(law.loo.refitted) if law.loo else 0
        row["khat_above"] = int(np.sum(~(law.loo.pareto_k < law.loo.limit))) if law.loo else 0
        if self.family_column:
            every = {n.name: n.families for n in self.laws}
            row |= self._score("families", law.families, every)
        ahead = {n.name: n.forward.score if n.forward else None for n in self.laws}
        row |= self._score("forward", ahead[law.name], ahead)
        row["rmsle_forward"] = law.forward.rmsle if law.forward else NAN
        row["cover90_forward"] = law.forward.covered if law.forward else NAN
        row["weight_loo"] = self.loo_weights.get(law.name, NAN)
        row["weight_forward"] = self.forward_weights.get(law.name, NAN)
        row["diagnosis_ok"] = law.fit.diagnosis.ok
        return row

    def _score(
        self, kind: str, score: Score | None, every: Mapping[str, Score | None]
    ) -> dict[str, float]:
        """A score, its error, and its paired difference to the best law."""
        names = [f"elpd_{kind}", f"elpd_{kind}_se", f"elpd_{kind}_diff", f"elpd_{kind}_diff_se"]
        if score is None:
            return dict.fromkeys(names, NAN)
        known = [s for s in every.values() if s is not None]
        best = max(known, key=lambda s: s.elpd)
        gap = score.pointwise - best.pointwise if not self.refusals else np.array([NAN])
        return dict(zip(names, (score.elpd, score.se, gap.sum(), spread(gap)), strict=True))

    def sensitivity(self, against: str | None = None) -> pd.DataFrame:
        """What each prior's width does to the log Bayes factors over one law.

        Parameters
        ----------
        against : str, optional
            That law; the best one unless given.

        Returns
        -------
        pandas.DataFrame
            One row for each pair, parameter and factor: the law and the other; whose prior was
            changed; ``log_bf`` before, ``log_bf_changed`` after, its standard error; ``flips``
            where the sign changes, ``method``. A prior that both laws share is changed in both.
        """
        import pandas as pd

        other = self[against] if against else self[self.best] if self.best else None
        rows = [row for law in self.laws if other for row in self._pair(law, other)]
        columns = ["law", "against", "parameter", "of", "factor", "log_bf", "log_bf_changed"]
        return pd.DataFrame(rows, columns=[*columns, "se", "flips", "method"])

    def _pair(self, law: Compared, than: Compared) -> list[dict[str, Any]]:
        log_bf, base_se = self.log_bayes_factor(law.name, than.name)
        if law is than or np.isnan(log_bf):
            return []
        rows = []
        for one, other, sign in ((law, than, 1.0), (than, law, -1.0)):
            theirs = {(s.parameter, s.factor): s for s in other.shifts}
            priors = other.fit.model.priors
            for shift in one.shifts:
                name = shift.parameter
                same = priors.get(name) == one.fit.model.priors[name]
                both = theirs.get((name, shift.factor)) if same else None
                if both is not None and sign < 0:
                    continue  # told once, with the law
                change = sign * (shift.change - (both.change if both else 0.0))
                se = np.hypot(shift.se, both.se if both else 0.0)
                rows.append(
                    {
                        "law": law.name,
                        "against": than.name,
                        "parameter": name,
                        "of": "both" if both else one.name,
                        "factor": shift.factor,
                        "log_bf": log_bf,
                        "log_bf_changed": log_bf + change,
                        "se": float(np.hypot(base_se, se)),
                        "flips": bool((log_bf + change) * log_bf < 0.0),
                        "method": shift.method,
                    }
                )
        return rows

    def parameters(self) -> pd.DataFrame:
        """What the runs told of every parameter of every law.

        Returns
        -------
        pandas.DataFrame
            ``contraction`` from prior to posterior, ``prior_sensitivity`` by power-scaling (ArviZ),
            and the change of the log evidence with the prior's scale over and times 3.
        """
        import pandas as pd

        rows = {}
        for law in self.laws:
            shifts = {(s.parameter, s.factor): s.change for s in law.shifts}
            for p in law.fit.model.parameters:
                rows[(law.name, p.name)] = {
                    "prior": str(law.fit.model.priors[p.name]),
                    "shared": p.name in law.shared,
                    "contraction": law.fit.diagnosis.contraction.get(p.name, NAN),
                    "prior_sensitivity": law.fit.diagnosis.prior_sensitivity.get(p.name, NAN),
                    "narrower": shifts.get((p.name, FACTORS[0]), NAN),
                    "wider": shifts.get((p.name, FACTORS[1]), NAN),
                }
        index = pd.MultiIndex.from_tuples(list(rows), names=["law", "parameter"])
        return pd.DataFrame(list(rows.values()), index=index)

    # --- words --------------------------------------------------------------------------------

    def _refused_laws(self) -> tuple[str, ...]:
        return tuple(
            f"{law.name}: {reason}" for law in self.laws for reason in law.evidence.refusals
        )

    def notes(self) -> tuple[str, ...]:
        """Everything that a reader must know, one sentence or two each."""
        own = tuple(f"{law.name}: {m}" for law in self.laws for m in law.messages)
        return (*self.refusals, *self._refused_laws(), *self._flips(), *own, *self.messages)

    def _flips(self) -> tuple[str, ...]:
        table = self.sensitivity()
        if table.empty:
            return ()
        found = []
        flipped = table[table["flips"]]
        for (law, against), rows in flipped.groupby(["law", "against"], sort=False):
            which = ", ".join(
                f"{row['parameter']}{'' if row['of'] == 'both' else ' of ' + str(row['of'])} "
                f"{'times' if row['factor'] > 1 else 'over'} 3 ({row['log_bf_changed']:+.2f})"
                for _, row in rows.iterrows()
            )
            found.append(
                f"Prior widths decide between {law} and {against} (log Bayes factor "
                f"{rows['log_bf'].iloc[0]:+.2f}): its sign changes with the prior scale of {which}."
            )
        unknown = sorted(set(table.loc[table["log_bf_changed"].isna(), "parameter"]))
        if unknown:
            found.append(
                f"The prior sensitivity of {', '.join(unknown)} could not be computed in every "
                "case; see .sensitivity()."
            )
        return tuple(found)

    def text(self) -> str:
        """What may and may not be concluded, as a paragraph."""
        first = self.laws[0].fit
        noises = ", ".join(dict.fromkeys(law.fit.noise.name for law in self.laws))
        head = (
            f"{len(self.laws)} laws compared on {len(first.runs)} runs from {first.runs.source}, "
            f"{noises} noise."
        )
        return "\n".join((head, *self._conclusions(), *self.notes()))

    def _conclusions(self) -> list[str]:
        lines = []
        if not self.ok:
            lines.append(
                "NO PROBABILITIES: the evidence of at least one law may not be used (below)."
            )
        if self.best is not None and len(self.laws) > 1:
            lines.append(self._evidence_words(self.best))
        for kind, what in (
            ("loo", "Leave-one-out, which asks for a run among the runs"),
            ("families", f"Leaving out one {self.family_column or 'family'} at a time"),
            ("forward", f"Forward (fitted to the other runs, scored where {self.forward_split})"),
        ):
            words = self._score_words(kind)
            if words:
                lines.append(f"{what}: {words}")
        wrong = [
            f"{law.name} ({law.fit.structure.share:.0%} of them)"
            for law in self.laws
            if law.fit.structure.found
        ]
        if wrong:
            lines.append(
                f"Structure is left in the residuals of {', '.join(wrong)}: wrong within the data."
            )
        left = [
            f"{', '.join(law.fit.diagnosis.prior_dominated)} of {law.name}"
            for law in self.laws
            if law.fit.diagnosis.prior_dominated
        ]
        if left:
            lines.append(f"Left to the prior by these runs: {'; '.join(left)}.")
        lines.append(
            "Evidence answers which form the runs support under these priors; the forward score, "
            "which form extrapolated on these runs. Neither says that any of the laws is right."
        )
        return lines

    def _evidence_words(self, best: str) -> str:
        others = [n for n in self.names if n != best and self[n].evidence.ok]
        if not others:
            return f"Only {best} has evidence that may be used."
        gaps = {n: self.log_bayes_factor(best, n) for n in others}
        moved = self.sensitivity()

        def spread(name: str) -> str:
            values = -moved.loc[moved["law"] == name, "log_bf_changed"].dropna()
            return f", {values.min():.1f} to {values.max():.1f}" if len(values) else ""

        listed = ", ".join(
            f"{n} by {gap:.2f} ({se:.2f}{spread(n)})"
            for n, (gap, se) in sorted(gaps.items(), key=lambda item: item[1][0])
        )
        close = [n for n, (gap, se) in gaps.items() if gap - 2.0 * se < CLEAR]
        verdict = (
            f" That does not decide against {', '.join(close)} (below {CLEAR:g} nats, odds of "
            f"{np.exp(CLEAR):.0f} to 1)."
            if close
            else ""
        )
        share = ""
        if self.probability:
            low, high = self.probability_interval[best]
            share = (
                f" Its probability among these laws is {self.probability[best]:.3f} "
                f"({low:.3f} to {high:.3f}, from the error of the evidence alone)."
            )
        ranges = " and its range as the scale of each prior is divided and multiplied by 3"
        head = "Evidence" if self.ok else "Among the laws that are not refused, evidence"
        return (
            f"{head} favours {best}: over {listed} nats (in brackets the standard error"
            f"{ranges if len(moved) else ''}).{share}{verdict}"
        )

    def _score_words(self, kind: str) -> str:
        if self.refusals or (kind == "families" and not self.family_column):
            return ""
        table = self.table()
        column = f"elpd_{kind}"
        known = table[column].dropna().sort_values(ascending=False)
        if len(known) < 2:
            return ""
        parts = [
            f"{name} {table.loc[name, f'{column}_diff']:.1f} "
            f"({table.loc[name, f'{column}_diff_se']:.1f})"
            for name in known.index[1:]
        ]
        gap = -float(table.loc[known.index[1], f"{column}_diff"])
        se = float(table.loc[known.index[1], f"{column}_diff_se"])
        verdict = "" if gap > 2.0 * se else " The first two are not told apart."
        of = "" if len(known) == len(self.laws) else f" of the {len(known)} laws with this score"
        return f"{known.index[0]} predicts best{of}; behind it {', '.join(parts)}.{verdict}"

    def to_json(self) -> dict[str, Any]:
        """The JSON document that ``bayescale compare --json`` prints; not a number becomes null."""
        table = self.table()
        laws = {}
        for law in self.laws:
            row = table.loc[law.name]
            numbers = {str(k): _plain(v) for k, v in row.items()}
            laws[law.name] = {
                **numbers,
                "weight": numbers["weight_loo"],
                "ok": law.evidence.ok,
                "laplace": _plain(law.evidence.laplace),
                "refusals": list(law.evidence.refusals),
                "converged": law.fit.diagnosis.converged,
            }
        sensitivity = [
            {str(k): _plain(v) for k, v in row.items()} for _, row in self.sensitivity().iterrows()
        ]
        nested = [
            {
                "law": wide,
                "nested": simple,
                "parameter": answer.parameter,
                "null": answer.null,
                "log_bayes_factor": _plain(answer.log_bayes_factor),
                "se": _plain(answer.se),
                "refusal": answer.refusal,
            }
            for (wide, simple), answer in self.nested.items()
        ]
        return {
            "laws": laws,
            "ok": self.ok,
            "best": self.best,
            "n_runs": len(self.laws[0].fit.runs),
            "forward_split": self.forward_split,
            "sensitivity": sensitivity,
            "nested": nested,
            "seconds": _plain(self.seconds),
            "messages": list(self.notes()),
        }

    def plot(self, **options: Any) -> Any:
        """Draw the comparison; returns a matplotlib figure."""
        return import_module("bayescale.plots").plot(self, "compare", **options)

    def __repr__(self) -> str:
        table = self.table()
        head = f"Ranking of {len(self.laws)} laws on {len(self.laws[0].fit.runs)} runs"
        head += "" if self.ok else " (no probabilities; see .text())"
        rows = [
            f"  {name:14s} log evidence {_shown(row['log_evidence'], 6)}"
            f"  probability {_shown(row['probability'])}  elpd loo {_shown(row['elpd_loo'])}"
            f"  forward {_shown(row['elpd_forward'])}"
            for name, row in table.head(10).iterrows()
        ]
        return "\n".join([head, *rows])


def _plain(value: Any) -> Any:
    if isinstance(value, bool | np.bool_):
        return bool(value)
    if isinstance(value, str):
        return value
    number = float(value)
    if not np.isfinite(number):
        return None
    return int(value) if isinstance(value, int | np.integer) else number


def _shown(value: float, digits: int = 4) -> str:
    return "-" if np.isnan(value) else f"{value:.{digits}g}"
