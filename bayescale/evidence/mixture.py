"""A forecast by several laws at once."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import special

from bayescale.errors import RunsError
from bayescale.forecasting import Forecast, forecast
from bayescale.laws.law import Law
from bayescale.posterior import Fit
from bayescale.predictive import weighted_quantiles

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["MixtureForecast", "mix", "several"]

NEGLIGIBLE = 1e-6
"""Laws of less weight are left out of a mixture."""

SEVERAL = 3.0
"""Laws, by the exponential of the entropy of their weights, that make a whole mixture: as many as
half equal weights, half by evidence, made of the four whose mixtures the scale was learned from."""

WEIGHTY = 0.01
"""What a law of less weight warns of is not told."""


@dataclass(frozen=True, eq=False)
class MixtureForecast:
    """What a weighted mixture of laws predicts at points.

    Parameters
    ----------
    forecasts : mapping of str to Forecast
        One for each law, at the same points.
    weights : mapping of str to float
        Weight of each law; they add up to one.
    """

    forecasts: Mapping[str, Forecast]
    weights: Mapping[str, float]

    def __len__(self) -> int:
        return len(self._first)

    @property
    def _first(self) -> Forecast:
        return next(iter(self.forecasts.values()))

    @property
    def labels(self) -> tuple[str, ...]:
        """A name for each point."""
        return self._first.labels

    @property
    def observed(self) -> np.ndarray | None:
        """Losses that were observed at the points, if any."""
        return self._first.observed

    def quantile(self, p: float, kind: str = "new") -> np.ndarray:
        """Quantile of the mixture at each point: of the pooled draws, weighted.

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
        return np.asarray(self._quantiles(kind, np.array([p]))[0])

    def _quantiles(self, kind: str, p: np.ndarray) -> np.ndarray:
        return weighted_quantiles(*self._pooled(kind), p)

    def _pooled(self, kind: str) -> tuple[np.ndarray, np.ndarray]:
        draws = [f.new if kind == "new" else f.latent for f in self.forecasts.values()]
        each = [
            np.full(len(d), self.weights[name] / len(d))
            for name, d in zip(self.forecasts, draws, strict=True)
        ]
        return np.concatenate(draws), np.concatenate(each)

    def interval(self, prob: float, kind: str = "new") -> tuple[np.ndarray, np.ndarray]:
        """Central interval of a given mass at each point, as lower and upper ends."""
        if not 0.0 < prob < 1.0:
            raise RunsError(
                f"The probability of the interval is {prob:g}. Give one between 0 and 1."
            )
        low, high = self._quantiles(kind, np.array([(1 - prob) / 2, (1 + prob) / 2]))
        return low, high

    @functools.cached_property
    def _moments(self) -> tuple[np.ndarray, np.ndarray]:
        """Mean and variance of the log of each law's loss, shape (law, point)."""
        logs = [np.log(f.latent) for f in self.forecasts.values()]
        return np.stack([v.mean(axis=0) for v in logs]), np.stack([v.var(axis=0) for v in logs])

    @property
    def _w(self) -> np.ndarray:
        return np.array([self.weights[name] for name in self.forecasts])[:, None]

    @property
    def within(self) -> np.ndarray:
        """Standard deviation of the log of the loss within the laws, shape (point,)."""
        return np.asarray(np.sqrt(np.sum(self._w * self._moments[1], axis=0)))

    @property
    def between(self) -> np.ndarray:
        """Standard deviation of the log of the loss between the laws, shape (point,).

        The variances within and between add up to that of the mixture.
        """
        means = self._moments[0]
        centre = np.sum(self._w * means, axis=0)
        return np.asarray(np.sqrt(np.sum(self._w * (means - centre) ** 2, axis=0)))

    @property
    def trustworthy(self) -> np.ndarray:
        """Which points every law of weight may vouch for."""
        return np.all([f.trustworthy for f in self._weighty()], axis=0)

    def _weighty(self) -> list[Forecast]:
        return [f for name, f in self.forecasts.items() if self.weights[name] > WEIGHTY]

    @functools.cached_property
    def messages(self) -> tuple[tuple[str, ...], ...]:
        """What must be known about each point."""
        found = []
        for i in range(len(self)):
            own = []
            for name, f in self.forecasts.items():
                if self.weights[name] > WEIGHTY:
                    own += [f"{name}: {m}" for m in f.messages[i] if "outside the data:" not in m]
            outside = [m for m in self._first.messages[i] if m.startswith("outside the data:")]
            if self.between[i] > self.within[i]:
                outside.append(
                    f"the laws differ by more ({self.between[i]:.2%}) than each is unsure "
                    f"({self.within[i]:.2%})."
                )
            found.append((*outside, *own))
        return tuple(found)

    def _observed(self) -> np.ndarray:
        if self.observed is None:
            raise RunsError(
                "The points of this forecast carry no observed loss. Give a table with a loss."
            )
        return self.observed

    def covered(self, prob: float) -> np.ndarray:
        """Which observed losses lie in the new run's central interval."""
        low, high = self.interval(prob)
        seen = self._observed()
        return np.asarray((low <= seen) & (seen <= high))

    @functools.cached_property
    def log_density(self) -> np.ndarray:
        """Log predictive density of the observed loss, per unit of loss, shape (point,)."""
        self._observed()
        each = np.stack([f.log_density for f in self.forecasts.values()])
        with np.errstate(divide="ignore"):
            return np.asarray(special.logsumexp(each + np.log(self._w), axis=0))

    @functools.cached_property
    def pit(self) -> np.ndarray:
        """Probability of a new run below the observed loss, shape (point,)."""
        self._observed()
        return np.asarray(np.sum(self._w * [f.pit for f in self.forecasts.values()], axis=0))

    @property
    def rmsle(self) -> float:
        """Root mean squared log error of the predictive median against the observed losses."""
        if self.observed is None:
            return float("nan")
        return float(np.sqrt(np.mean(np.log(self.quantile(0.5) / self.observed) ** 2)))

    def table(self, prob: float = 0.9) -> pd.DataFrame:
        """One row for each point.

        Returns
        -------
        pandas.DataFrame
            The inputs, ``median``, ``lower`` and ``upper`` of a new run, ``latent_lower`` and
            ``latent_upper`` of the law, ``between`` and ``within`` the laws (standard deviations of
            the log of the loss), each law's own median, what was observed and how it scores, then
            ``messages``.
        """
        import pandas as pd

        lower, upper = self.interval(prob)
        latent_lower, latent_upper = self.interval(prob, "latent")
        first = self._first.table(prob)
        inputs = list(first.columns[: list(first.columns).index("median")])
        columns: dict[str, Any] = {name: first[name].to_numpy() for name in inputs}
        columns |= {
            "median": self.quantile(0.5),
            "lower": lower,
            "upper": upper,
            "latent_lower": latent_lower,
            "latent_upper": latent_upper,
            "between": self.between,
            "within": self.within,
        }
        columns |= {f"median_{name}": f.quantile(0.5) for name, f in self.forecasts.items()}
        if self.observed is not None:
            columns |= {
                "observed": self.observed,
                "covered": self.covered(prob),
                "pit": self.pit,
                "log_density": self.log_density,
            }
        columns["messages"] = [" ".join(m) for m in self.messages]
        return pd.DataFrame(columns, index=pd.Index(self.labels, name="point"))

    def to_json(self, probs: tuple[float, ...] = (0.9,)) -> list[dict[str, Any]]:
        """As :meth:`bayescale.Forecast.to_json`, with the laws' weights and spreads."""
        out = []
        inputs = self._first.to_json(probs)
        median = self.quantile(0.5)
        for k, prob in enumerate(probs):
            lower, upper = self.interval(prob)
            latent_lower, latent_upper = self.interval(prob, "latent")
            for i in range(len(self)):
                entry: dict[str, Any] = {
                    "at": inputs[k * len(self) + i]["at"],
                    "prob": prob,
                    "median": float(median[i]),
                    "lower": float(lower[i]),
                    "upper": float(upper[i]),
                    "latent_lower": float(latent_lower[i]),
                    "latent_upper": float(latent_upper[i]),
                    "between": float(self.between[i]),
                    "within": float(self.within[i]),
                    "weights": {name: float(w) for name, w in self.weights.items()},
                    "trustworthy": bool(self.trustworthy[i]),
                    "messages": list(self.messages[i]),
                }
                if self.observed is not None:
                    entry |= {
                        "observed": float(self.observed[i]),
                        "log_density": float(self.log_density[i]),
                        "pit": float(self.pit[i]),
                        "covered": bool(self.covered(prob)[i]),
                    }
                out.append(entry)
        return out

    def text(self, prob: float = 0.9) -> str:
        """What is predicted, and how much of the spread lies between the laws."""
        lower, upper = self.interval(prob)
        median = self.quantile(0.5)
        unit = self._first.fit.runs.loss_unit
        weights = ", ".join(f"{name} {w:.3f}" for name, w in self.weights.items())
        lines = [f"A mixture of {len(self.forecasts)} laws with weights {weights}."]
        for i in range(min(len(self), 20)):
            lines.append(
                f"{self.labels[i]}: {median[i]:.4g} {unit} ({prob:.0%} for a new run: "
                f"{lower[i]:.4g} to {upper[i]:.4g}); of the law, {self.between[i]:.2%} between the "
                f"laws and {self.within[i]:.2%} within. {' '.join(self.messages[i])}".rstrip()
            )
        if len(self) > 20:
            lines.append(f"and {len(self) - 20} more points; see .table().")
        if self.observed is not None:
            lines.append(
                f"{int(self.covered(prob).sum())} of {len(self)} observed losses lie inside the "
                f"{prob:.0%} intervals; root mean squared log error of the median {self.rmsle:.4f}."
            )
        if self._first.caution:
            lines.append(self._first.caution)
        return "\n".join(lines)

    def __repr__(self) -> str:
        lower, upper = self.interval(0.9)
        median = self.quantile(0.5)
        head = f"Mixture of {len(self.forecasts)} laws at {len(self)} points: median [90 % new run]"
        rows = [
            f"  {self.labels[i]}: {median[i]:.4g} [{lower[i]:.4g}, {upper[i]:.4g}]"
            for i in range(min(len(self), 8))
        ]
        more = [f"  ... {len(self) - 8} more"] if len(self) > 8 else []
        return "\n".join([head, *rows, *more])


def mix(
    fits: Mapping[str, Fit], weights: Mapping[str, float], at: Any, seed: int
) -> MixtureForecast:
    """Forecast by every law of weight, at the same points."""
    used = {name: w for name, w in weights.items() if w > NEGLIGIBLE}
    total = sum(used.values())
    used = {name: w / total for name, w in used.items()}
    share = several(used, {name: fits[name].law for name in used})
    ahead = {
        name: forecast(fits[name], at, discrepancy=fits[name].discrepancy.mixed(share), seed=seed)
        for name in used
    }
    return MixtureForecast(ahead, used)


def several(weights: Mapping[str, float], laws: Mapping[str, Law]) -> float:
    """How much of a mixture the weights make: 0 for one law, 1/2 for two alike, 1 for three.

    That is the number of laws, by the exponential of the entropy of their weights, above one. Laws
    of one form, such as a law under two noise models, are one: they hardly disagree.
    """
    forms: list[tuple[Any, float]] = []
    for name, weight in weights.items():
        term = laws[name].term
        known = next((i for i, (form, _) in enumerate(forms) if form == term), None)
        if known is None:
            forms.append((term, weight))
        else:
            forms[known] = (term, forms[known][1] + weight)
    w = np.array([weight for _, weight in forms if weight > 0.0])
    effective = float(np.exp(-np.sum(w * np.log(w))))
    return min(max((effective - 1.0) / (SEVERAL - 1.0), 0.0), 1.0)
