"""The result of ``allocate``: one table, one paragraph, two pictures."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np

from bayescale.allocation.pooled import pooled_quantiles, sure_interval
from bayescale.consequences import ComputeOptimum, isoflop
from bayescale.errors import RunsError
from bayescale.evidence.mixture import MixtureForecast
from bayescale.evidence.ranking import Ranking
from bayescale.forecasting import Forecast
from bayescale.posterior import Fit
from bayescale.runs.wording import counted
from bayescale.units import format_size

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Allocation"]

NAN = float("nan")
INTERIOR = 0.95
"""Least share of the posterior in which the budget has an optimum, for it to be vouched for."""

PRIOR_SHARE = 0.5
"""Largest share of the variance of log N* that prior-dominated parameters may explain."""

QUANTITIES = ("N", "D", "tokens_per_param")


@dataclass(frozen=True, eq=False)
class Allocation:
    """How to split budgets of compute between parameters and tokens.

    Parameters
    ----------
    source : Fit or Ranking
        What it was computed from.
    flops : array, shape (budget,)
        Budgets, C = 6ND in FLOP.
    optima : mapping of str to ComputeOptimum
        Every draw's own optimum, by law.
    near : mapping of str to (array, array), shape (draw, budget)
        The smallest and largest size of each draw that is nearly optimal, by law.
    forecasts : mapping of str to Forecast
        Loss at the optimum, by law.
    weights : mapping of str to float
        Weight of each law; one for a single fit.
    within : float
        Share of the best loss within which a size is nearly optimal.
    held : mapping of str to float
        Inputs that do not follow from N and D, and where they were held.
    weighting : str
        Of a comparison, which weights were used.
    """

    source: Fit | Ranking
    flops: np.ndarray
    optima: Mapping[str, ComputeOptimum]
    near: Mapping[str, tuple[np.ndarray, np.ndarray]]
    forecasts: Mapping[str, Forecast]
    weights: Mapping[str, float]
    within: float
    held: Mapping[str, float]
    weighting: str = "probability"

    def __len__(self) -> int:
        return len(self.flops)

    @property
    def labels(self) -> tuple[str, ...]:
        """A name for each budget."""
        return self._first.labels

    @property
    def _first(self) -> Forecast:
        return next(iter(self.forecasts.values()))

    @functools.cached_property
    def ahead(self) -> Forecast | MixtureForecast:
        """The loss at the optimum: of a new run, and of the law."""
        if len(self.forecasts) == 1:
            return self._first
        return MixtureForecast(self.forecasts, self.weights)

    @functools.cached_property
    def _each(self) -> np.ndarray:
        """Weight of every pooled draw."""
        sizes = {name: len(found.log_n) for name, found in self.optima.items()}
        return np.concatenate([np.full(n, self.weights[name] / n) for name, n in sizes.items()])

    def draws(self, quantity: str) -> np.ndarray:
        """Pooled draws of ``N``, ``D``, ``tokens_per_param`` or ``a``, shape (draw, budget).

        ``a`` is the local exponent of N* in C. Weights of the draws are the laws'.
        """
        names = {"a": "size_exponent"}
        if quantity not in (*QUANTITIES, *names):
            raise RunsError(
                f"An allocation has no {quantity!r}. Choose one of: "
                f"{', '.join((*QUANTITIES, *names))}."
            )
        attribute = names.get(quantity, quantity)
        return np.concatenate([getattr(found, attribute) for found in self.optima.values()])

    def quantile(self, p: float, quantity: str = "N") -> np.ndarray:
        """Posterior quantile at each budget; infinite or zero where it has no optimum."""
        return np.asarray(
            pooled_quantiles(self.draws(quantity), self._each, np.array([float(p)]))[0]
        )

    def interval(self, prob: float, quantity: str = "N") -> tuple[np.ndarray, np.ndarray]:
        """Central interval of a given mass at each budget, as lower and upper ends."""
        if not 0.0 < prob < 1.0:
            raise RunsError(
                f"The probability of the interval is {prob:g}. Give one between 0 and 1."
            )
        return self.quantile((1 - prob) / 2, quantity), self.quantile((1 + prob) / 2, quantity)

    @functools.cached_property
    def near_optimal(self) -> tuple[np.ndarray, np.ndarray]:
        """Posterior median of the smallest and the largest nearly optimal size, by budget."""
        ends = [np.concatenate([pair[k] for pair in self.near.values()]) for k in (0, 1)]
        low, high = (pooled_quantiles(v, self._each, np.array([0.5]))[0] for v in ends)
        return low, high

    def sure(self, prob: float = 0.9) -> tuple[np.ndarray, np.ndarray]:
        """The sizes that are nearly optimal with a probability, by budget; NaN where none is."""
        low, high = (np.concatenate([pair[k] for pair in self.near.values()]) for k in (0, 1))
        ends = [sure_interval(low[:, i], high[:, i], self._each, prob) for i in range(len(self))]
        return np.array([e[0] for e in ends]), np.array([e[1] for e in ends])

    @functools.cached_property
    def compute_worth(self) -> np.ndarray:
        """Share of compute that buys the tolerated share of the loss at the optimum, by budget."""
        slope = np.concatenate([found.loss_exponent for found in self.optima.values()])
        middle = pooled_quantiles(slope, self._each, np.array([0.5]))[0]
        with np.errstate(all="ignore"):
            return np.where(middle > 0, np.expm1(np.log1p(self.within) / middle), np.inf)

    @functools.cached_property
    def interior(self) -> np.ndarray:
        """Share of the posterior in which the budget has an optimum, by budget."""
        inside = np.concatenate([found.interior for found in self.optima.values()])
        return np.asarray(self._each @ inside)

    @functools.cached_property
    def prior_share(self) -> np.ndarray:
        """Share of the variance of log N* that prior-dominated parameters explain, worst law."""
        found = []
        for name, ahead in self.forecasts.items():
            sizes = self.optima[name].N
            usable = np.isfinite(sizes).all() and (sizes > 0).all() and len(sizes) > 1
            own = replace(ahead, latent=sizes).prior_share if usable else np.zeros(len(self))
            found.append(own)
        return np.asarray(np.max(found, axis=0))

    @functools.cached_property
    def trustworthy(self) -> np.ndarray:
        """Which budgets may be vouched for."""
        own = (self.interior >= INTERIOR) & (self.prior_share <= PRIOR_SHARE)
        return np.asarray(self.ahead.trustworthy & own)

    @functools.cached_property
    def messages(self) -> tuple[tuple[str, ...], ...]:
        """What must be known about each budget."""
        return tuple(self._messages(i) for i in range(len(self)))

    def _messages(self, i: int) -> tuple[str, ...]:
        found = list(self.ahead.messages[i])
        if self.interior[i] < 1.0 - 1e-9:
            found.append(
                f"no optimum: in {1 - self.interior[i]:.1%} of the posterior the best split lies "
                "at an end of the search, and has no N*."
            )
        if self.prior_share[i] > PRIOR_SHARE:
            found.append(
                "prior-dominated: parameters that the data leave to the prior explain "
                f"{self.prior_share[i]:.0%} of the variance of log N*."
            )
        return tuple(found)

    def table(self, prob: float = 0.9) -> pd.DataFrame:
        """One row for each budget.

        Parameters
        ----------
        prob : float, default 0.9
            Mass of the central intervals.

        Returns
        -------
        pandas.DataFrame
            ``flops``; median, ``_lower`` and ``_upper`` of ``N``, ``D`` and ``tokens_per_param``;
            ``loss`` of a new run with its ends, ``latent_lower`` and ``latent_upper`` of the law;
            ``near_N_lower`` and ``near_N_upper``, the nearly optimal sizes; ``sure_N_lower`` and
            ``sure_N_upper``, those that are with probability ``prob``; ``a``, the local exponent of
            N*, with its ends; ``interior``, ``messages``.
        """
        import pandas as pd

        columns: dict[str, Any] = {"flops": self.flops}
        for name in QUANTITIES:
            columns |= _three(name, self.quantile(0.5, name), self.interval(prob, name))
        columns |= _three("loss", self.ahead.quantile(0.5), self.ahead.interval(prob))
        latent = self.ahead.interval(prob, "latent")
        columns |= dict(zip(("latent_lower", "latent_upper"), latent, strict=True))
        for kind, ends in (("near", self.near_optimal), ("sure", self.sure(prob))):
            columns |= dict(zip((f"{kind}_N_lower", f"{kind}_N_upper"), ends, strict=True))
        columns |= _three("a", self.quantile(0.5, "a"), self.interval(prob, "a"))
        columns["interior"] = self.interior
        columns["messages"] = [" ".join(m) for m in self.messages]
        return pd.DataFrame(columns, index=pd.Index(self.labels, name="budget"))

    def readable(self, prob: float = 0.9) -> pd.DataFrame:
        """The table for people: sizes such as 70B, each with its interval in brackets."""
        import pandas as pd

        table = self.table(prob)
        rows = {
            str(label): {
                "N*": _said(row, "N"),
                "D*": _said(row, "D"),
                "D*/N*": _said(row, "tokens_per_param"),
                "loss of a new run": _said(row, "loss", digits=4),
                f"N within {self.within:.2%} of the best": _span(row),
            }
            for label, row in table.iterrows()
        }
        return pd.DataFrame.from_dict(rows, orient="index").rename_axis("budget")

    def to_json(self, probs: tuple[float, ...] = (0.9,)) -> list[dict[str, Any]]:
        """The JSON document that ``bayescale allocate --json`` prints: budgets by probabilities.

        A size without end, where a budget has no optimum, is not a number (null).
        """
        out = []
        for prob in probs:
            table, ends = self.table(prob), self.sure(prob)
            for i, (_, row) in enumerate(table.iterrows()):
                entry: dict[str, Any] = {"flops": float(self.flops[i]), "prob": prob}
                for name in (*QUANTITIES, "loss", "a"):
                    entry[name] = _number_of(row, name)
                entry["loss"] |= {k: float(row[k]) for k in ("latent_lower", "latent_upper")}
                near = self._region(self.near_optimal[0][i], self.near_optimal[1][i], i)
                sure = self._region(ends[0][i], ends[1][i], i)
                entry["near_optimal"] = {
                    "within": self.within,
                    "compute_worth": float(self.compute_worth[i]),
                    **near,
                    "sure": {"probability": prob, **sure},
                }
                if len(self.weights) > 1:
                    entry["weights"] = {name: float(w) for name, w in self.weights.items()}
                entry |= {
                    "interior": float(self.interior[i]),
                    "beyond": {n: float(v[i]) for n, v in self._first.beyond.items()},
                    "trustworthy": bool(self.trustworthy[i]),
                    "messages": list(self.messages[i]),
                }
                out.append(entry)
        return out

    def _region(self, low: float, high: float, i: int) -> dict[str, dict[str, float]]:
        """Ends of a region of sizes, and of the tokens that go with them."""
        tokens = self.flops[i] / 6.0
        with np.errstate(all="ignore"):
            ends = {
                "N": (low, high),
                "D": (tokens / high, tokens / low),
                "tokens_per_param": (tokens / high**2, tokens / low**2),
            }
        return {n: {"lower": _real(a), "upper": _real(b)} for n, (a, b) in ends.items()}

    def text(self, prob: float = 0.9) -> str:
        """How to split each budget, how far the split may be off, and what the bands leave out."""
        table = self.table(prob)
        unit = self._first.fit.runs.loss_unit
        lines = [self.head]
        for i, (_, row) in enumerate(table.iterrows()):
            if i == 20:
                lines.append(f"and {len(self) - 20} more budgets; see .table().")
                break
            lines.append(
                f"{self.labels[i]} FLOP: N* {_said(row, 'N')}, D* {_said(row, 'D')}, "
                f"{_said(row, 'tokens_per_param')} tokens per parameter ({prob:.0%}); loss "
                f"{row['loss']:.4g} {unit} (a new run: {row['loss_lower']:.4g} to "
                f"{row['loss_upper']:.4g}). Sizes from {_span(row)} are within "
                f"{self.within:.2%} of the best loss, which {self.compute_worth[i]:.1%} more "
                f"compute would buy; {_surely(row, prob)} "
                f"{' '.join(self.messages[i])}".rstrip()
            )
        lines.append(self.caution)
        return "\n".join(lines)

    @property
    def head(self) -> str:
        """By which law, and what is counted."""
        runs = self._first.fit.runs
        count = {
            "unspecified": "N as the runs count it (whether with embeddings was not said)",
        }.get(runs.count, f"N counts {runs.count} parameters")
        held = "".join(f", {name} = {format_size(v)} held" for name, v in self.held.items())
        if len(self.weights) == 1:
            who = f"By {next(iter(self.weights))}"
        else:
            who = "By a mixture of " + ", ".join(f"{n} ({w:.3f})" for n, w in self.weights.items())
        return f"{who}, with C = 6ND; {count}{held}."

    @property
    def caution(self) -> str:
        """What the bands hold, and what they do not."""
        beyond = any(np.any(v > 0) for v in self._first.beyond.values())
        exact = self._first.discrepancy.is_exact
        if self._first.discrepancy.kernel is not None:
            return (
                "The loss and its band hold the process that was fitted beside the law; N* and D*, "
                "their bands and the sizes within a share of the best do not: they are those of "
                "the law alone."
            )
        if not beyond:
            return "The bands of N* and D* are those of the law's parameters."
        of_loss = (
            "The law is taken to be exact beyond the data, in the loss as in N* and D*"
            if exact
            else "Beyond the data the band of the loss includes the discrepancy; those of N* and "
            "D* do not: where compute lies farthest beyond, it moves all runs of one budget alike, "
            "and so no minimum"
        )
        form = (
            "Forms other than these laws' are not in the bands of N* and D*."
            if len(self.weights) > 1
            else "That the law's form may be wrong is not in the bands of N* and D*; compare laws, "
            "and allocate by their mixture, for it."
        )
        return f"{of_loss}. {form}"

    def losses(self, budget: int, N: np.ndarray, p: np.ndarray) -> np.ndarray:
        """Quantiles of the law's loss over sizes under one budget, D = C/(6N).

        Parameters
        ----------
        budget : int
            Place of the budget.
        N : array, shape (point,)
            Parameters.
        p : array, shape (probability,)

        Returns
        -------
        array, shape (probability, point)
        """
        flops = float(self.flops[budget])
        slices = [isoflop(f.fit, flops, N, held=self.held) for f in self.forecasts.values()]
        return pooled_quantiles(np.concatenate(slices), self._each, np.asarray(p))

    def plot(self, kind: str = "frontier", **options: Any) -> Any:
        """Draw the allocation: ``frontier`` or ``isoflop``; returns a matplotlib figure."""
        return import_module("bayescale.plots").plot(self, kind, **options)

    def __repr__(self) -> str:
        table = self.table()
        rows = [
            f"  {self.labels[i]}: N {_said(row, 'N')}, D {_said(row, 'D')}, "
            f"D/N {_said(row, 'tokens_per_param')}"
            + ("" if self.trustworthy[i] else "  not to be vouched for")
            for i, (_, row) in enumerate(table.head(8).iterrows())
        ]
        more = [f"  ... {len(self) - 8} more"] if len(self) > 8 else []
        who = " and ".join(self.weights)
        return "\n".join(
            [f"Allocation by {who} at {counted(len(self), 'budget')}: median [90 %]", *rows, *more]
        )


def _three(
    name: str, middle: np.ndarray, ends: tuple[np.ndarray, np.ndarray]
) -> dict[str, np.ndarray]:
    return {name: middle, f"{name}_lower": ends[0], f"{name}_upper": ends[1]}


def _real(value: float) -> float:
    """A size, or NaN where it is zero or infinite: there is none."""
    return float(value) if np.isfinite(value) and value > 0 else NAN


def _number_of(row: Any, name: str) -> dict[str, float]:
    ends = (("median", name), ("lower", f"{name}_lower"), ("upper", f"{name}_upper"))
    free = name == "a"  # an exponent may be of any sign
    return {key: float(row[c]) if free else _real(float(row[c])) for key, c in ends}


def _said(row: Any, name: str, digits: int = 3) -> str:
    """A number with its interval."""
    middle, low, high = (
        format_size(row[c], digits=digits) for c in (name, f"{name}_lower", f"{name}_upper")
    )
    return f"{middle} [{low}, {high}]"


def _span(row: Any) -> str:
    return f"{format_size(row['near_N_lower'])} to {format_size(row['near_N_upper'])}"


def _surely(row: Any, prob: float) -> str:
    low, high = row["sure_N_lower"], row["sure_N_upper"]
    if not np.isfinite(low):
        return f"no size is so with a probability of {prob:.0%}."
    return f"with a probability of {prob:.0%} those from {format_size(low)} to {format_size(high)}."
