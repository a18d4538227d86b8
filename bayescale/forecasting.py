"""The verb ``forecast``: the loss of runs that have not been trained."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np

from bayescale import discrepancy as discrepancy_library
from bayescale.discrepancy import Discrepancy
from bayescale.errors import BayescaleError, LawError, PriorError, RunsError
from bayescale.flops import flops_6nd
from bayescale.laws.paths import PATHS
from bayescale.model import LOSS_SCALE
from bayescale.noise.noise import NOTHING, Rows
from bayescale.posterior import Fit
from bayescale.predictive import REPLICATES, Predictive, crps
from bayescale.prior import Prior
from bayescale.runs import Runs, read_targets
from bayescale.runs.schedule import COLUMN, sums
from bayescale.runs.wording import counted
from bayescale.stages import STRAYING, Stages, stages
from bayescale.units import INPUTS, format_size, is_linear, parse_size

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Forecast", "forecast"]

FAR = 2.0
"""Decades beyond the data, in any input or in compute, from which a band is not vouched for; fewer
where the data themselves span fewer."""

EDGE = 0.1
"""Decades outside the data that a band without a discrepancy may still be vouched for."""

SELDOM = 0.01
"""Share of the draws without a value of the formula up to which a band is vouched for: an end of a
90 % band has five times as many draws beyond it."""

THROUGH = "L"
"""The input that a first stage forecasts."""

MISCOUNTED = 3.0
"""The factor by which ways of counting FLOP may differ from 6ND."""

MOST = 40_000_000
"""Most numbers, draws times points, in one forecast: 0.3 GB, and eight times that for new runs."""

EXACT = (
    "These bands hold the law to be exactly right beyond the data, and are too narrow where it is "
    "not: see docs/how-far.md."
)
"""Said of bands beyond the data that hold no discrepancy."""

INCLUDED = "Beyond the data the bands of a new run include a discrepancy,"
"""Said of bands beyond the data that do, before what it is."""


@dataclass(frozen=True, eq=False)
class Forecast:
    """What a fit predicts at points.

    Two things are kept apart: the *latent* loss, the law's curve, and the loss of a *new* run,
    which scatters about it.

    Parameters
    ----------
    fit : Fit
        The posterior.
    points : mapping of str to array, shape (point,)
        Inputs in plain units, the law's and those that follow from them.
    labels : tuple of str
        A name for each point.
    latent : array, shape (draw, point)
        The law's loss, draw by draw; without discrepancy.
    observed : array, shape (point,), optional
        Losses that were observed there, where the points carried any.
    seed : int
        Seed of the noise draws.
    discrepancy : Discrepancy
        How far the losses may leave the law beyond the data.
    rows : mapping of str to array, shape (point,)
        What the noise reads of the points.
    group : str
        The group of a pooled fit that is forecast; empty where there are none.
    doubt : str
        Why no point may be vouched for, whatever its place; empty where there is no such reason.
    stages : Stages, optional
        Where an input of the law is a loss that another fit forecasts: that forecast, and the law
        at its draws. The points hold its median.
    """

    fit: Fit
    points: Mapping[str, np.ndarray]
    labels: tuple[str, ...]
    latent: np.ndarray
    observed: np.ndarray | None
    seed: int
    discrepancy: Discrepancy
    rows: Rows = NOTHING
    group: str = ""
    doubt: str = ""
    stages: Stages | None = None

    def __len__(self) -> int:
        return len(self.labels)

    @functools.cached_property
    def _noise(self) -> dict[str, np.ndarray]:
        names = [p.name for p in self.fit.noise.parameters]
        return {name: self.fit.draws[name].ravel() for name in names}

    @functools.cached_property
    def _leaving(self) -> tuple[Any, np.ndarray]:
        """What the runs tell of the discrepancy at the points, and its unknown rest there.

        The log of the law moves by the first, shape (draw, point) or nothing; the second is a
        distance, shape (point,), or of a process its standard deviation, shape (draw, point).
        """
        if self.discrepancy.kernel is not None:
            return self.fit.leaves(self.points, self.discrepancy)
        frontier = {name: float(self.fit.runs[name].max()) for name in self._reached}
        return 0.0, self.discrepancy.distance(self.points, frontier)

    @property
    def distance(self) -> np.ndarray:
        """How far each point lies beyond the data, in the discrepancy's unit: e-folds.

        Of a process, its standard deviation there.
        """
        found = self._leaving[1]
        return np.asarray(found if found.ndim == 1 else found.mean(axis=0))

    @functools.cached_property
    def _guard(self) -> np.ndarray:
        """How far a discrepancy guards each point outside the runs; zero where none does."""
        frontier = {name: float(self.fit.runs[name].max()) for name in self._reached}
        return self.discrepancy.reach(self.points, frontier, self.distance)

    @functools.cached_property
    def predictive(self) -> Predictive:
        """The distribution of a new run's loss."""
        rng = np.random.default_rng([self.seed, 1])
        log_law = self.stages.log_law if self.stages else np.log(self.latent)
        return Predictive(
            self.fit.noise,
            log_law + self._leaving[0],
            self._noise,
            self.discrepancy.slopes((REPLICATES, len(self.latent)), rng),
            self._leaving[1],
            self.seed,
            self.rows,
        )

    @property
    def new(self) -> np.ndarray:
        """Draws of a new run's loss, shape ``(8 * draw, point)``."""
        return self.predictive.new

    def shares(self, prob: float = 0.9) -> pd.DataFrame:
        """Where the width of the band of a new run comes from.

        Parameters
        ----------
        prob : float, default 0.9
            Mass of the central intervals.

        Returns
        -------
        pandas.DataFrame
            One row for each point: ``width``, that of the interval of the log loss; then for
            ``parameters``, ``discrepancy`` and ``noise`` its share, by the squares of the widths
            that each would leave alone; before them that of the ``first stage``, noise and all,
            where there is one.
        """
        import pandas as pd

        low, high = self.interval(prob)
        widths = self.predictive.parts(prob)
        if self.stages:
            of_stages = self.stages.widths(prob)
            widths = {**of_stages, **{k: v for k, v in widths.items() if k not in of_stages}}
        parts = pd.DataFrame(widths, index=list(self.labels)) ** 2
        shares = parts.div(parts.sum(axis=1), axis=0)
        shares.insert(0, "width", np.log(high / low))
        return shares.rename_axis("point")

    def sensitivity(self, prob: float = 0.9) -> pd.DataFrame:
        """The band of a new run with half and with twice the discrepancy.

        The fitted runs can hardly tell the discrepancy's scale, so this is how much its prior
        matters. The draws of the law stay as they are, and so does what a first stage forecasts.

        Returns
        -------
        pandas.DataFrame
            One row for each point and ``factor`` (0, 0.5, 1, 2) of the scale: ``lower`` and
            ``upper``. A process was sampled with the law, which is not known without it: there is
            no row without one.
        """
        import pandas as pd

        rows = []
        for factor in (0.0, 0.5, 1.0, 2.0) if self.discrepancy.kernel is None else (0.5, 1.0, 2.0):
            other = self.discrepancy.scaled(factor) if factor else discrepancy_library.Exact()
            lower, upper = replace(self, discrepancy=other).interval(prob)
            rows.append(
                pd.DataFrame(
                    {"point": self.labels, "factor": factor, "lower": lower, "upper": upper}
                )
            )
        return pd.concat(rows).set_index(["point", "factor"])

    def quantile(self, p: float, kind: str = "new") -> np.ndarray:
        """Quantile of the prediction at each point.

        Parameters
        ----------
        p : float
            Probability, between zero and one.
        kind : {"new", "latent"}
            A new run's loss, or the law's.

        Returns
        -------
        array, shape (point,)
        """
        draws = self.new if kind == "new" else self.latent
        return np.asarray(np.quantile(draws, p, axis=0))

    def interval(self, prob: float, kind: str = "new") -> tuple[np.ndarray, np.ndarray]:
        """Central interval of a given mass at each point, as lower and upper ends."""
        if not 0.0 < prob < 1.0:
            raise RunsError(
                f"The probability of the interval is {prob:g}. Give one between 0 and 1."
            )
        return self.quantile((1 - prob) / 2, kind), self.quantile((1 + prob) / 2, kind)

    @functools.cached_property
    def beyond(self) -> dict[str, np.ndarray]:
        """Decades outside the range of the data, by input, compute and D/N; zero inside.

        Of a linear input, in units of that range.
        """
        found = {}
        for name in self._watched:
            own = self._decades(name, self.fit.runs[name])
            low, high = own.min(), own.max()
            at = self._decades(name, self.points[name])
            outside = np.maximum(np.maximum(at - high, low - at), 0.0)
            found[name] = np.where(outside < 1e-9, 0.0, outside)
        return found

    @property
    def _reached(self) -> tuple[str, ...]:
        """The law's inputs and compute: what a discrepancy grows with."""
        names = dict.fromkeys((*self.fit.law.inputs, "C"))
        return tuple(n for n in names if n in self.points and n in self.fit.runs.columns)

    @property
    def _watched(self) -> tuple[str, ...]:
        """Those, and D/N for a law of both: a design may leave out a corner of its own ranges."""
        known = "M" in self.points and "M" in self.fit.runs.columns
        both = {"N", "D"} <= set(self.fit.law.inputs)
        return tuple(dict.fromkeys((*self._reached, *(("M",) if known and both else ()))))

    def _limit(self, name: str) -> float:
        return min(FAR, float(np.ptp(self._decades(name, self.fit.runs[name]))))

    def _decades(self, name: str, values: np.ndarray) -> np.ndarray:
        if not is_linear(name):
            return np.log10(values)
        return np.asarray(values / max(float(np.ptp(self.fit.runs[name])), 1e-12))

    @functools.cached_property
    def far(self) -> np.ndarray:
        """Which points lie too far outside the data to be vouched for."""
        return np.any([self.beyond[n] > self._limit(n) for n in self._watched], axis=0)

    @property
    def _outside(self) -> np.ndarray:
        """Which points lie outside the data by more than :data:`EDGE`."""
        return np.asarray(np.max([self.beyond[n] for n in self._watched], axis=0) > EDGE)

    @functools.cached_property
    def unguarded(self) -> np.ndarray:
        """Which points lie outside the data where the band takes the law to be exact."""
        return np.asarray(self._outside & ((self._guard == 0) | self.discrepancy.is_exact))

    @functools.cached_property
    def guessed(self) -> np.ndarray:
        """Which points lie beyond the data where the discrepancy's scale is a guess."""
        return np.asarray((self._guard > 0) & self.discrepancy.is_guess)

    @functools.cached_property
    def misfit(self) -> np.ndarray:
        """Which points lie outside the data of a law that leaves structure in its residuals."""
        return np.asarray(self._outside & self.fit.structure.found)

    @functools.cached_property
    def undefined(self) -> np.ndarray:
        """Share of the draws in which the law's formula has no value at each point."""
        return self.stages.undefined if self.stages else self.fit.undefined(self.points)

    @functools.cached_property
    def held(self) -> tuple[str, ...]:
        """Prior-dominated parameters under a prior that was given, narrower than the default.

        The band is conditional on them, however little of its variance they make.
        """
        law = self.fit.law
        if not law.replaced:
            return ()
        default = replace(law, replaced={}).priors

        def width(name: str, prior: Prior) -> float:
            positive = next(p.positive for p in law.parameters if p.name == name)
            rng = np.random.default_rng(0)
            values = prior.draws(2000, rng, self.fit.reference[LOSS_SCALE], positive)
            return float(np.std(np.log(values) if positive else values))

        return tuple(
            name
            for name in self.fit.diagnosis.prior_dominated
            if law.replaced.get(name, default[name]) != default[name]
            and width(name, law.replaced[name]) < width(name, default[name])
        )

    @functools.cached_property
    def prior_share(self) -> np.ndarray:
        """Share of the latent log loss' variance that prior-dominated parameters explain."""
        names = self.fit.diagnosis.prior_dominated
        if not names:
            return np.zeros(len(self))
        columns = [self.fit.draws[name].ravel() for name in names]
        x = np.column_stack([np.log(v) if np.all(v > 0) else v for v in columns])
        x = np.column_stack([np.ones(len(x)), x - x.mean(axis=0)])
        y = np.log(self.latent)
        rest = y - x @ np.linalg.lstsq(x, y, rcond=None)[0]
        return np.asarray(1.0 - rest.var(axis=0) / y.var(axis=0))

    @functools.cached_property
    def messages(self) -> tuple[tuple[str, ...], ...]:
        """What must be known about each point."""
        return tuple(self._messages(i) for i in range(len(self)))

    def _messages(self, i: int) -> tuple[str, ...]:
        found = [self.doubt] if self.doubt else []
        if not self.fit.diagnosis.converged:
            found.append("not converged: the fit's draws cannot be taken for the posterior.")
        if self.fit.diagnosis.prior_conflict:
            names = ", ".join(self.fit.diagnosis.prior_conflict)
            found.append(f"prior conflict: the prior of {names} lies off what the runs say.")
        if self.held:
            names = ", ".join(self.held)
            found.append(
                f"prior-dominated: the band is conditional on the prior given for {names}."
            )
        outside = [n for n in self._watched if self.beyond[n][i] > 0]
        if outside:
            how = ", ".join(
                f"{n} {self.beyond[n][i]:.2f} decades "
                f"{'above' if self.points[n][i] > self.fit.runs[n].max() else 'below'}"
                for n in outside
            )
            taken = "."
            if self.unguarded[i]:
                taken = "; the band takes the law to be exact there: not to be vouched for."
            elif self._guard[i] == 0:
                taken = "; the band takes the law to be exact there."
            found.append(f"outside the data: {how}{taken}")
        if self.misfit[i]:
            found.append(
                "the law is wrong within its data already, where it leaves structure in its "
                "residuals: not to be vouched for beyond them; compare laws."
            )
        if self.undefined[i] > 0:
            told = "" if self.undefined[i] <= SELDOM else ": not to be vouched for"
            found.append(
                f"the formula has no value here in {self.undefined[i]:.1%} of the draws, which are "
                f"held at its limit{told}."
            )
        if self.guessed[i]:
            found.append(
                "beyond the data the scale of the discrepancy is a guess for a law without a "
                "floor: not to be vouched for."
            )
        if self.far[i]:
            which = ", ".join(
                f"{n} (limit {self._limit(n):.2f})"
                for n in self._watched
                if self.beyond[n][i] > self._limit(n)
            )
            found.append(f"far outside the data in {which}: not to be vouched for.")
        if self.prior_share[i] > 0.5:
            names = ", ".join(self.fit.diagnosis.prior_dominated)
            found.append(
                f"prior-dominated: {names}, which the data leave to the prior, explain "
                f"{self.prior_share[i]:.0%} of the variance of the law's loss here."
            )
        if self.stages:
            if self.stages.doubt:
                found.append(f"two stages: {self.stages.doubt}")
            if self.straying[i] > STRAYING:
                found.append(
                    f"{self.straying[i]:.0%} of the draws of {THROUGH} lie outside the runs of the "
                    "second stage: not to be vouched for."
                )
            found += [f"first stage: {message}" for message in self.stages.first.messages[i]]
        return tuple(found)

    @functools.cached_property
    def straying(self) -> np.ndarray:
        """Share of the draws of a forecast loss outside the runs of its law, shape (point,)."""
        if not self.stages:
            return np.zeros(len(self))
        seen = self.fit.runs[THROUGH]
        room = 10.0**EDGE
        return self.stages.straying(float(seen.min() / room), float(seen.max() * room))

    @functools.cached_property
    def trustworthy(self) -> np.ndarray:
        """Which points may be vouched for.

        The fit converged, no prior conflicts with the data or holds a parameter that they leave
        open, a new group does not rest on the prior, and the point is neither far out nor outside
        the data without a discrepancy whose scale was learned, or of a law that leaves structure in
        its residuals, or where more than 1 % of the draws give the formula no value. Of two stages,
        what both vouch for.
        """
        found = self.fit.diagnosis
        fitted = found.converged and not found.prior_conflict and not self.held and not self.doubt
        doubtful = self.far | self.unguarded | self.guessed | self.misfit | (self.prior_share > 0.5)
        doubtful = doubtful | (self.undefined > SELDOM)
        if self.stages:
            fitted = fitted and not self.stages.doubt
            doubtful = doubtful | ~self.stages.first.trustworthy | (self.straying > STRAYING)
        return np.asarray(fitted & ~doubtful)

    @property
    def _seen(self) -> np.ndarray:
        if self.observed is None:
            raise RunsError(
                "The points of this forecast carry no observed loss. Give a table with a loss."
            )
        return self.observed

    @functools.cached_property
    def pit(self) -> np.ndarray:
        """Probability of a new run below the observed loss, shape (point,)."""
        return self.predictive.pit(self._seen)

    @functools.cached_property
    def log_density(self) -> np.ndarray:
        """Log predictive density of the observed loss, per unit of loss, shape (point,)."""
        return self.predictive.log_density(self._seen)

    @functools.cached_property
    def crps(self) -> np.ndarray:
        """Continuous ranked probability score of the observed loss, shape (point,)."""
        each = np.full(len(self.new), 1.0 / len(self.new))
        return crps(self.new, each, self._seen)

    def covered(self, prob: float) -> np.ndarray:
        """Which observed losses lie in the new run's central interval."""
        low, high = self.interval(prob)
        return np.asarray((low <= self._seen) & (self._seen <= high))

    def table(self, prob: float = 0.9) -> pd.DataFrame:
        """One row for each point.

        Parameters
        ----------
        prob : float, default 0.9
            Mass of the central intervals.

        Returns
        -------
        pandas.DataFrame
            The inputs, ``median``, ``lower`` and ``upper`` of a new run, ``latent_lower`` and
            ``latent_upper`` of the law, where a loss was observed ``observed``, ``covered``,
            ``pit`` and ``log_density``, then ``messages``.
        """
        import pandas as pd

        lower, upper = self.interval(prob)
        latent_lower, latent_upper = self.interval(prob, "latent")
        columns: dict[str, Any] = {name: self.points[name] for name in self._shown}
        columns |= {
            "median": self.quantile(0.5),
            "lower": lower,
            "upper": upper,
            "latent_lower": latent_lower,
            "latent_upper": latent_upper,
        }
        if self.observed is not None:
            columns |= {
                "observed": self.observed,
                "covered": self.covered(prob),
                "pit": self.pit,
                "log_density": self.log_density,
            }
        columns["messages"] = [" ".join(m) for m in self.messages]
        return pd.DataFrame(columns, index=pd.Index(self.labels, name="point"))

    @property
    def given(self) -> tuple[str, ...]:
        """The inputs that a point is given by: the law's, but for what a first stage forecasts."""
        if not self.stages:
            return self.fit.law.inputs
        own = (name for name in self.fit.law.inputs if name != THROUGH)
        return tuple(dict.fromkeys((*self.stages.first.given, *own)))

    @property
    def _shown(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys((*self.given, *self.fit.law.inputs, *self._watched)))

    def to_json(self, probs: tuple[float, ...] = (0.9,)) -> list[dict[str, Any]]:
        """The JSON document that ``bayescale forecast --json`` prints: points by probabilities."""
        out = []
        median = self.quantile(0.5)
        for prob in probs:
            shares = self.shares(prob).drop(columns="width").to_dict("records")
            ends = dict(zip(("lower", "upper"), self.interval(prob), strict=True))
            latent = self.interval(prob, "latent")
            covered = self.covered(prob) if self.observed is not None else ()
            ends |= {"latent_lower": latent[0], "latent_upper": latent[1]}
            for i in range(len(self)):
                entry: dict[str, Any] = {
                    "at": {name: float(self.points[name][i]) for name in self._shown},
                    "prob": prob,
                    "median": float(median[i]),
                    **{name: float(values[i]) for name, values in ends.items()},
                    "beyond": {name: float(v[i]) for name, v in self.beyond.items()},
                    "shares": {str(k): float(v) for k, v in shares[i].items()},
                    "trustworthy": bool(self.trustworthy[i]),
                    "messages": list(self.messages[i]),
                }
                if self.observed is not None:
                    entry |= {
                        "observed": float(self.observed[i]),
                        "log_density": float(self.log_density[i]),
                        "pit": float(self.pit[i]),
                        "covered": bool(covered[i]),
                    }
                out.append(entry)
        return out

    def text(self, prob: float = 0.9) -> str:
        """What is predicted, how far out, and what the band leaves out."""
        lower, upper = self.interval(prob)
        median = self.quantile(0.5)
        unit = self.fit.runs.loss_unit
        lines = [f"Of {self.group}:"] if self.group else []
        for i in range(min(len(self), 20)):
            at = ", ".join(f"{n} = {format_size(self.points[n][i])}" for n in self.given)
            lines.append(
                f"{at}: {median[i]:.4g} {unit} ({prob:.0%} for a new run: {lower[i]:.4g} to "
                f"{upper[i]:.4g}). {' '.join(self.messages[i])}".rstrip()
            )
        if len(self) > 20:
            lines.append(f"and {len(self) - 20} more points; see .table().")
        if self.observed is not None:
            inside = int(self.covered(prob).sum())
            lines.append(
                f"{inside} of {len(self)} observed losses lie inside the {prob:.0%} intervals; "
                f"root mean squared log error of the median {self.rmsle:.4f}."
            )
        if self.caution:
            lines.append(self.caution)
        return "\n".join(lines)

    @property
    def caution(self) -> str:
        """What must be known of bands beyond the data; empty where no point lies there."""
        if not self.stages:
            return self._caution
        told = [("First stage", self.stages.first.caution), ("Second stage", self._caution)]
        each = [f"{which}: {text}" for which, text in told if text]
        return " ".join([*each, self.stages.unchecked]).rstrip()

    @property
    def _caution(self) -> str:
        if not any(np.any(v > 0) for v in self.beyond.values()):
            return ""
        if self.discrepancy.is_exact:
            return f"{EXACT} Discrepancy: {self.discrepancy.text()}"
        if not np.any(self.distance > 0):
            return EXACT
        return f"{INCLUDED} {self.discrepancy.text()} {self._sensitive}".rstrip()

    @property
    def _sensitive(self) -> str:
        """The farthest band with half and with twice the discrepancy."""
        far = int(np.argmax(self.distance))
        if not self.distance[far] > 0:
            return ""
        at = replace(
            self,
            points={name: values[[far]] for name, values in self.points.items()},
            labels=(self.labels[far],),
            latent=self.latent[:, [far]],
            observed=None,
            rows={name: values[[far]] for name, values in self.rows.items()},
            stages=self.stages.take(far) if self.stages else None,
        )
        try:
            bands = at.sensitivity()
        except PriorError:  # a prior that cannot be moved by a factor
            return ""
        half, twice = (bands.xs(factor, level="factor").iloc[0] for factor in (0.5, 2.0))
        share = float(at.shares()["discrepancy"].iloc[0])
        return (
            f"At {at.labels[0]} it makes {share:.0%} of the squared width; with half the scale the "
            f"90 % band would be {half['lower']:.4g} to {half['upper']:.4g}, with twice "
            f"{twice['lower']:.4g} to {twice['upper']:.4g}."
        )

    @property
    def rmsle(self) -> float:
        """Root mean squared log error of the predictive median against the observed losses."""
        if self.observed is None:
            return float("nan")
        return float(np.sqrt(np.mean(np.log(self.quantile(0.5) / self.observed) ** 2)))

    def plot(self, kind: str = "band", **options: Any) -> Any:
        """Draw the forecast on the fit's band; returns a matplotlib figure."""
        return import_module("bayescale.plots").plot(self, kind, **options)

    def __repr__(self) -> str:
        lower, upper = self.interval(0.9)
        median = self.quantile(0.5)
        rows = [
            f"  {self.labels[i]}: {median[i]:.4g} [{lower[i]:.4g}, {upper[i]:.4g}]"
            + ("" if self.trustworthy[i] else "  not to be vouched for")
            for i in range(min(len(self), 8))
        ]
        more = [f"  ... {len(self) - 8} more"] if len(self) > 8 else []
        points = counted(len(self), "point")
        head = f"Forecast of {self.fit.law.name} at {points}: median [90 % for a new run]"
        return "\n".join([head, *rows, *more])


def forecast(
    fit: Fit,
    at: Any,
    *,
    columns: Mapping[str, str | None] | None = None,
    discrepancy: str | Discrepancy | None = None,
    group: str | None = None,
    through: Fit | None = None,
    seed: int = 0,
) -> Forecast:
    """Predict the loss at points.

    Parameters
    ----------
    fit : Fit
        A posterior; see :func:`bayescale.fit`.
    at : mapping, Runs, dataframe or path
        Inputs by symbol, in plain units or as sizes (``{"N": "70B", "D": 1.4e12}``), each a number
        or a sequence; or a table, whose losses are then scored if it has any.
    columns : mapping, optional
        For a table: which column is which input, as in :func:`bayescale.read_runs`.
    discrepancy : str or Discrepancy, optional
        How far the losses may leave the law beyond the data, in place of what the fit declares:
        ``"none"``, ``"slope"``, or ``"slope(MEDIAN, SD)"`` with the scale per e-fold. A process
        can only be that of the fit.
    group : str, optional
        The group of a pooled fit to forecast, such as a family. Unless said it is a new one, drawn
        from the population. With ``through``, of either fit that is pooled.
    through : Fit, optional
        For a law of another loss, L: the fit that forecasts L, from inputs of its own, which the
        points then give in its place. Its posterior, its noise and its discrepancy go through,
        draw by draw; it is not told of the second stage's runs.
    seed : int
        Seed of the noise draws.

    Returns
    -------
    Forecast

    Raises
    ------
    RunsError
        Where an input is missing, unknown or not above zero.
    LawError
        Where ``through`` is given for a law that has no L.

    Examples
    --------
    An error from a loss that has not been seen either (the two stages of Gadre et al. 2024, with
    the first stage's posterior in the band):

    >>> loss = bs.fit("chinchilla", runs)  # doctest: +SKIP
    >>> error = bs.fit("loss_to_error", tasks)  # doctest: +SKIP
    >>> bs.forecast(error, {"N": "7B", "D": "140B"}, through=loss)  # doctest: +SKIP
    """
    if through is not None:
        _two_stages(fit, through)
    if not 0 <= seed < 2**31:
        raise RunsError(f"The seed is {seed}. Give a number from 0 to {2**31 - 1}.")
    of_first = group if through is not None and through.pooling.active else None
    fit, whose, doubt = _group(fit, group if fit.pooling.active or of_first is None else None)
    observed: np.ndarray | None = None
    measured: dict[str, np.ndarray] = {}
    curve = isinstance(at, Mapping) and "lr" in at and bool(fit.law.paths)
    if isinstance(at, Mapping) and "loss" not in at and not curve:
        points, labels = _points(at)
    else:
        runs, has_loss = (at, True) if isinstance(at, Runs) else read_targets(at, columns=columns)
        points = {name: np.asarray(runs[name]) for name in runs.inputs}
        points |= {name: runs[name] for name in PATHS if name in runs.columns}
        labels = runs.labels
        observed = runs.loss if has_loss else None
        measured = {n: runs[n] for n in ("loss", "loss_se") if has_loss and n in runs.columns}
        if isinstance(at, Runs):
            _same_measures(fit.runs, at)
            if through is not None:
                _same_count(through.runs, at)
    first: Forecast | None = None
    if through is not None:
        first, points = _first_stage(through, points, labels, of_first, seed)
    paths = [name for name in fit.law.paths if name not in points]
    if paths:
        raise RunsError(
            f"The points have no {paths[0]} ({PATHS[paths[0]].meaning}), which the law "
            f"{fit.law.name!r} needs. Give a table of a curve with steps and lr, or "
            '{"S": 24000, "lr_schedule": "0:0 2000:3e-4 24000:3e-5"}.'
        )
    missing = [name for name in fit.law.inputs if name not in points]
    if missing:
        raise RunsError(
            f"The points have no {missing[0]} ({INPUTS[missing[0]].meaning}), which the law "
            f"{fit.law.name!r} needs. Give {_wanted(fit)}."
        )
    for name in fit.law.inputs:
        if not is_linear(name) and not np.all(points[name] > 0):
            raise RunsError(
                f"The input {name} of a point is {points[name].min():g}, but the law "
                f"{fit.law.name!r} takes its logarithm. Give values above zero."
            )
    draws = next(iter(fit.draws.values())).size * (1 if first is None else REPLICATES)
    if len(labels) * draws > MOST:
        raise RunsError(
            f"The forecast has {len(labels):,} points, too many to hold at {draws:,} draws. "
            f"Give at most {MOST // draws:,} points at a time, or fit with fewer draws."
        )
    carried: Stages | None = None
    if first is None:
        log_loss = fit.log_law(points)
        latent = np.exp(log_loss).reshape(-1, log_loss.shape[-1])
    else:
        carried = stages(fit, first, points, THROUGH, seed)
        latent = np.exp(carried.log_curve)
    if discrepancy is None:
        beyond = fit.discrepancy
    else:
        beyond = discrepancy_library.get(discrepancy).resolved(fit.law)
    rows = fit.noise.ahead({**points, **measured}, fit.runs)
    return Forecast(
        fit, points, labels, latent, observed, seed, beyond, rows, whose, doubt, carried
    )


def _wanted(fit: Fit) -> str:
    """What a point must give, in words."""
    if THROUGH in fit.law.inputs:
        return f"{' and '.join(fit.law.inputs)}, or the fit that forecasts {THROUGH} (through)"
    return f"{' and '.join(fit.law.inputs)}, e.g. N=70e9,D=1.4e12"


def _two_stages(fit: Fit, through: Fit) -> None:
    """Refuse stages that are none."""
    if not isinstance(through, Fit):
        raise LawError(
            f"The first stage is a {type(through).__name__}, not a fit. Give a fit, or read a "
            "saved one with bayescale.load."
        )
    if THROUGH not in fit.law.inputs:
        raise LawError(
            f"The law {fit.law.name!r} does not read another loss, L, that a first stage could "
            "forecast. Leave out through, or fit a law of L, such as loss_to_error."
        )
    if fit.discrepancy.kernel is not None:
        raise LawError(
            f"The discrepancy of the second stage, {fit.discrepancy.name}, is a process, which "
            "takes L as exact. Fit it with another discrepancy to forecast through a first stage."
        )


def _first_stage(
    through: Fit,
    points: dict[str, np.ndarray],
    labels: tuple[str, ...],
    group: str | None,
    seed: int,
) -> tuple[Forecast, dict[str, np.ndarray]]:
    """The forecast of the loss at the points, and the points with its median."""
    if THROUGH in points:
        raise RunsError(
            "The points give L, which the first stage is to forecast. Give them without L, or "
            "forecast without a first stage."
        )
    known = {name: v for name, v in points.items() if name in INPUTS or name in PATHS}
    first = replace(forecast(through, known, group=group, seed=seed), labels=labels)
    return first, {**points, THROUGH: first.quantile(0.5)}


def _group(fit: Fit, group: str | None) -> tuple[Fit, str, str]:
    """The fit as the group sees it, what the group is called, and why not to vouch for it."""
    if not fit.pooling.active and group is None:
        return fit, "", ""
    own = fit.group(group)
    if group is not None:
        return own, f"the {fit.pooling.by} {group}", ""
    doubt = ""
    if fit.unknown_spreads:
        doubt = (
            f"rests on the prior: {', '.join(fit.unknown_spreads)}, by which a new "
            f"{fit.pooling.by} differs, is left to it by {len(fit.pooling.groups)} groups."
        )
    return own, f"a new {fit.pooling.by}", doubt


def _same_measures(fitted: Runs, at: Runs) -> None:
    """Refuse runs whose loss has another unit, or whose N counts something else."""
    if at.loss_unit != fitted.loss_unit:
        raise RunsError(
            f"The losses of the points are in {at.loss_unit}, those of the fitted runs in "
            f"{fitted.loss_unit}. Read both in one unit."
        )
    _same_count(fitted, at)


def _same_count(fitted: Runs, at: Runs) -> None:
    counts = {at.count, fitted.count}
    if len(counts) > 1 and "unspecified" not in counts and "N" in at.inputs:
        raise RunsError(
            f"N counts {at.count} parameters at the points, {fitted.count} in the fitted runs. "
            "Give both by one count."
        )


def _points(at: Mapping[str, Any]) -> tuple[dict[str, np.ndarray], tuple[str, ...]]:
    """Inputs as arrays of one length, with those that follow from them, and labels."""
    given = {}
    for name, value in at.items():
        if name in PATHS:
            given[name] = np.atleast_1d(np.asarray(value, dtype=object))
            continue
        if name not in INPUTS:
            raise RunsError(f"There is no input {name!r}. Inputs: {', '.join(INPUTS)}.")
        values = np.atleast_1d(np.asarray(value, dtype=object))
        given[name] = np.array([_number(name, v) for v in values.ravel()])
    if not given:
        raise RunsError("There are no points to forecast. Give inputs, e.g. N=70e9,D=1.4e12.")
    try:
        arrays = np.broadcast_arrays(*given.values())
    except ValueError:
        sizes = ", ".join(f"{name} has {len(v)}" for name, v in given.items())
        raise RunsError(
            f"The inputs have different numbers of points: {sizes}. "
            "Give one value each, or equally many."
        ) from None
    points = {name: np.array(v) for name, v in zip(given, arrays, strict=True)}
    if "C" in points and "N" in points and "D" not in points:
        points["D"] = points["C"] / (6.0 * points["N"])
    if "C" in points and "D" in points and "N" not in points:
        points["N"] = points["C"] / (6.0 * points["D"])
    if "N" in points and "D" in points:
        points.setdefault("C", flops_6nd(points["N"], points["D"]))
        points.setdefault("M", points["D"] / points["N"])
    if COLUMN in points and "S" in points:
        points.setdefault("S1", sums(points[COLUMN], points["S"]))
    _consistent(points, given)
    n = len(next(iter(points.values())))
    labels = tuple(
        ", ".join(
            f"{name}={format_size(float(points[name][i]))}" for name in given if name not in PATHS
        )
        for i in range(n)
    )
    return points, labels


def _consistent(points: Mapping[str, np.ndarray], given: Iterable[str]) -> None:
    """Refuse a point whose compute is not that of its size and tokens, however FLOP are counted."""
    if not {"N", "D", "C"} <= set(given):
        return
    ratio = points["C"] / flops_6nd(points["N"], points["D"])
    wrong = np.flatnonzero(np.abs(np.log(ratio)) > np.log(MISCOUNTED))
    if len(wrong):
        n, d, c = (format_size(float(points[name][wrong[0]])) for name in ("N", "D", "C"))
        raise RunsError(
            f"The point N={n}, D={d}, C={c} contradicts itself: C is {ratio[wrong[0]]:.3g} times "
            "6ND. Give two of the three."
        )


def _number(name: str, value: Any) -> float:
    try:
        number = parse_size(value)
    except BayescaleError as error:
        raise RunsError(f"The input {name} cannot be read: {error}") from None
    if number <= 0 and name != "z":
        raise RunsError(f"The input {name} is {value}. Give a finite number above zero.")
    return number
