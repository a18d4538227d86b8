"""A law of a loss beyond a law of that loss: the posterior of the first stage through the second.

Errors on tasks and losses on other texts are laws of a loss, and the loss of a run that has not
been trained is itself a forecast. Draw by draw of the second stage's posterior, the loss is a draw
of the first stage's: with its noise and discrepancy for a new run, without for the curve. The
stages are fitted apart, so that the second stage's runs tell the first nothing (a cut posterior).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from bayescale.posterior import Fit

if TYPE_CHECKING:
    from bayescale.forecasting import Forecast

__all__ = ["Stages", "stages"]


@dataclass(frozen=True, eq=False)
class Stages:
    """The second stage at losses that the first forecasts; arrays of shape (draw, point).

    Parameters
    ----------
    first : Forecast
        Of the loss.
    loss : array
        What the first stage forecasts for a new run, one draw for each draw of the second stage.
    curve : array
        The same of its curve: without noise and discrepancy.
    log_law : array
        Log of the second law at ``loss``.
    log_curve : array
        The same at ``curve``.
    log_alone : array
        The same at ``loss``, at the mean of the second stage's parameters.
    log_known : array
        The same at the median that the first stage forecasts: what the second leaves open alone.
    undefined : array, shape (point,)
        Share of the draws in which the second law's formula has no value at ``loss``.
    """

    first: Forecast
    loss: np.ndarray
    curve: np.ndarray
    log_law: np.ndarray
    log_curve: np.ndarray
    log_alone: np.ndarray
    log_known: np.ndarray
    undefined: np.ndarray

    def widths(self, prob: float) -> dict[str, np.ndarray]:
        """Width of the interval of the log of the response that each stage would leave alone."""
        ends = [(1 - prob) / 2, (1 + prob) / 2]
        each = {"first stage": self.log_alone, "parameters": self.log_known}
        return {name: np.ptp(np.quantile(v, ends, axis=0), axis=0) for name, v in each.items()}

    def take(self, point: int) -> Stages:
        """At one of the points; the first stage stays whole."""
        arrays = {
            name: value[..., [point]]
            for name, value in vars(self).items()
            if isinstance(value, np.ndarray)
        }
        return Stages(self.first, **arrays)


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
    rng = np.random.default_rng([seed, 2])
    rows = np.resize(rng.permutation(len(first.new)), chains * draws)
    loss, curve = first.new[rows], first.latent[rows % len(first.latent)]
    shape = (chains, draws, len(first))

    def log_law(of: Fit, at: np.ndarray) -> np.ndarray:
        found = of.log_law({**inputs, symbol: at})
        return found.reshape(-1, shape[2])

    middle = {name: np.full_like(v, v.mean()) for name, v in fit.draws.items()}
    at_loss = {**inputs, symbol: loss.reshape(shape)}
    return Stages(
        first,
        loss,
        curve,
        log_law(fit, loss.reshape(shape)),
        log_law(fit, curve.reshape(shape)),
        log_law(fit.at_draws(middle), loss.reshape(shape)),
        log_law(fit, first.quantile(0.5)),
        fit.undefined(at_loss),
    )
