"""Backtests: fit the small runs, score the forecast of the large ones."""

from bayescale.backtesting.result import Backtest
from bayescale.backtesting.verb import backtest

__all__ = ["Backtest", "backtest"]
