"""A law of a loss beyond a law of that loss: the posterior of the first stage through the second.

Errors on tasks and losses on other texts are laws of a loss, and the loss of a run that has not
been trained is itself a forecast. Draw by draw of the second stage's posterior, the loss is a draw
of the first stage's: with its noise and discrepancy for a new run, without for the curve. The
stages are fitted apart, so that the second stage's runs tell the first nothing (a cut posterior).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from bayescale.posterior import Fit
from bayescale.predictive import REPLICATES

if TYPE_CHECKING:
    from bayescale.forecasting import Forecast

__all__ = ["Stages", "stages"]


SHARED = 8
"""Runs of the second stage with the first stage's inputs from which the two are compared."""

APART = 3.0
"""Noise scales, and for those below a hundredth hundredths, by which the first stage's losses may
lie off the second's L at the same inputs: beyond, they are another loss or in another unit."""

TOGETHER = 0.01
"""Probability below which the errors of the two stages are not taken as independent."""

STRAYING = 0.1
"""Share of the draws of the loss that may lie outside the runs of the second stage."""


@dataclass(frozen=True, eq=False)
class Stages:
    """The second stage at losses that the first forecasts.

    Parameters
    ----------
    first : Forecast
        Of the loss.
    loss : array, shape (replicate, draw, point)
        What the first stage forecasts for a new run: as many draws for each draw of the second
        stage as its noise has.
    log_law : array, shape (replicate, draw, point)
        Log of the second law at ``loss``.
    log_curve : array, shape (draw, point)
        The same at the first stage's curve: without its noise and discrepancy.
    log_alone : array, shape (draw, point)
        The same at ``loss``, at the mean of the second stage's parameters.
    log_known : array, shape (draw, point)
        The same at the median that the first stage forecasts: what the second leaves open alone.
    undefined : array, shape (point,)
        Share of the draws in which the second law's formula has no value at ``loss``.
    doubt : str
        Why the stages may not belong together; empty where nothing speaks against it.
    unchecked : str
        What of that the runs could not tell.
    """

    first: Forecast
    loss: np.ndarray
    log_law: np.ndarray
    log_curve: np.ndarray
    log_alone: np.ndarray
    log_known: np.ndarray
    undefined: np.ndarray
    doubt: str
    unchecked: str

    def widths(self, prob: float) -> dict[str, np.ndarray]:
        """Width of the interval of the log of the response that each stage would leave alone."""
        ends = [(1 - prob) / 2, (1 + prob) / 2]
        each = {"first stage": self.log_alone, "parameters": self.log_known}
        return {name: np.ptp(np.quantile(v, ends, axis=0), axis=0) for name, v in each.items()}

    def straying(self, low: float, high: float) -> np.ndarray:
        """Share of the draws of the loss outside a range, shape (point,)."""
        return np.asarray(np.mean((self.loss < low) | (self.loss > high), axis=(0, 1)))

    def take(self, point: int) -> Stages:
        """At one of the points; the first stage stays whole."""
        at = (..., [point])
        return replace(
            self,
            loss=self.loss[at],
            log_law=self.log_law[at],
            log_curve=self.log_curve[at],
            log_alone=self.log_alone[at],
            log_known=self.log_known[at],
            undefined=self.undefined[at],
        )


def stages(
    fit: Fit, first: Forecast, inputs: Mapping[str, np.ndarray], symbol: str, seed: int
) -> Stages:
    """Carry a forecast of a loss through the posterior of a law of that loss.

    Parameters
    ----------
    fit : Fit
        The second stage.
    first : Forecast
        Of the loss, at the points.
    inputs : mapping of str to array, shape (point,)
        What else the second stage reads of the points.
    symbol : str
        The input of the second stage that is the loss.
    seed : int
        Which draws of the stages meet.
    """
    chains, draws = next(iter(fit.draws.values())).shape
    shape = (chains, draws, len(first))
    rng = np.random.default_rng([seed, 2])
    rows = np.resize(rng.permutation(len(first.new)), (REPLICATES, chains * draws))
    loss = first.new[rows]

    def log_law(of: Fit, at: np.ndarray) -> np.ndarray:
        return of.log_law({**inputs, symbol: at}).reshape(-1, shape[2])

    middle = {name: np.full_like(v, v.mean()) for name, v in fit.draws.items()}
    curve = first.latent[rows[0] % len(first.latent)]
    doubt, unchecked = _together(fit, first.fit, symbol)
    return Stages(
        first,
        loss,
        np.stack([log_law(fit, each.reshape(shape)) for each in loss]),
        log_law(fit, curve.reshape(shape)),
        log_law(fit.at_draws(middle), loss[0].reshape(shape)),
        log_law(fit, first.quantile(0.5)),
        np.mean([fit.undefined({**inputs, symbol: each.reshape(shape)}) for each in loss], axis=0),
        doubt,
        unchecked,
    )


def _together(fit: Fit, first: Fit, symbol: str) -> tuple[str, str]:
    """Why two fits may not be stages of one forecast, and what of that could not be told.

    Where the second stage's runs carry the first stage's inputs, the first stage has to forecast
    their loss, and its errors must not go with those of the second, which are drawn independently.
    """
    from scipy import stats

    runs, needed = fit.runs, (*first.law.inputs, *first.law.paths)
    missing = [name for name in needed if name not in runs.columns]
    if missing or len(runs) < SHARED:
        why = f"have no {missing[0]}" if missing else f"are only {len(runs)}"
        return "", (
            f"That the {symbol} of the second stage is the loss that the first forecasts, in "
            f"{first.runs.loss_unit}, and that their errors are independent, could not be checked: "
            f"the second stage's runs {why}."
        )
    pooled = (first.pooling.by,) if first.pooling.active else ()
    read = [*needed, *(name for name in pooled if name in runs.columns)]
    fitted = first.log_law({name: runs[name] for name in read}).reshape(-1, len(runs))
    errors = np.log(runs[symbol]) - np.median(fitted, axis=0)
    off = float(np.median(errors))
    if abs(off) > APART * max(float(np.median(first.noise_scale)), 0.01):
        return (
            f"the {symbol} of the second stage's runs lies {np.expm1(off):+.0%} off what the first "
            "stage says of them: it is another loss, or in another unit."
        ), ""
    found = stats.spearmanr(errors, fit.residuals)
    if found.pvalue < TOGETHER:
        sign = "too narrow" if found.statistic > 0 else "too wide"
        return (
            "the errors of the two stages go together on the second stage's runs (rank correlation "
            f"{found.statistic:+.2f}), and are drawn as independent: of a response that rises with "
            f"the loss the band is {sign}."
        ), ""
    return "", ""
