"""bayescale: Bayesian inference of scaling laws.

Nouns: :class:`Runs`, :class:`Law`, :class:`Noise`. Verbs: :func:`read_runs`, :func:`fit`,
:func:`point_fit`, :func:`forecast`, :func:`compare`. Importing the package loads nothing heavy and
starts no JAX backend; what is asked for is loaded then.
"""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bayescale import (
        checks,
        consequences,
        datasets,
        discrepancy,
        laws,
        noise,
        plots,
        prior,
        report,
    )
    from bayescale.allocation import Allocation, allocate
    from bayescale.backtesting import Backtest, backtest
    from bayescale.claiming import Claims, claims
    from bayescale.comparing import compare
    from bayescale.errors import BayescaleError, BayescaleWarning
    from bayescale.evidence.mixture import MixtureForecast
    from bayescale.evidence.ranking import Ranking
    from bayescale.evidence.savage_dickey import savage_dickey
    from bayescale.fitting import PointFit, fit, point_fit
    from bayescale.forecasting import Forecast, forecast
    from bayescale.laws.law import Law
    from bayescale.many import Many, Task, fit_many
    from bayescale.noise.noise import Noise
    from bayescale.planning import Plan, plan
    from bayescale.posterior import Fit
    from bayescale.runs import Runs, read_runs
    from bayescale.storage import load

__all__ = [
    "Allocation",
    "Backtest",
    "BayescaleError",
    "BayescaleWarning",
    "Claims",
    "Fit",
    "Forecast",
    "Law",
    "Many",
    "MixtureForecast",
    "Noise",
    "Plan",
    "PointFit",
    "Ranking",
    "Runs",
    "Task",
    "allocate",
    "backtest",
    "checks",
    "claims",
    "compare",
    "consequences",
    "datasets",
    "discrepancy",
    "fit",
    "fit_many",
    "forecast",
    "laws",
    "load",
    "noise",
    "plan",
    "plots",
    "point_fit",
    "prior",
    "read_runs",
    "report",
    "savage_dickey",
]

__version__ = version("bayescale")

_PLACES = {
    "Allocation": "allocation",
    "Backtest": "backtesting",
    "BayescaleError": "errors",
    "BayescaleWarning": "errors",
    "Claims": "claiming",
    "Fit": "posterior",
    "Forecast": "forecasting",
    "Law": "laws.law",
    "Many": "many",
    "MixtureForecast": "evidence.mixture",
    "Noise": "noise.noise",
    "Plan": "planning",
    "PointFit": "fitting",
    "Ranking": "evidence.ranking",
    "Runs": "runs",
    "Task": "many",
    "allocate": "allocation",
    "backtest": "backtesting",
    "claims": "claiming",
    "compare": "comparing",
    "fit": "fitting",
    "fit_many": "many",
    "forecast": "forecasting",
    "load": "storage",
    "plan": "planning",
    "point_fit": "fitting",
    "read_runs": "runs",
    "savage_dickey": "evidence.savage_dickey",
}
_ROOMS = (
    "checks",
    "consequences",
    "datasets",
    "discrepancy",
    "laws",
    "noise",
    "plots",
    "prior",
    "report",
)


def __getattr__(name: str) -> Any:
    if name in _PLACES:
        value = getattr(import_module(f"bayescale.{_PLACES[name]}"), name)
    elif name in _ROOMS:
        value = import_module(f"bayescale.{name}")
    else:
        raise AttributeError(f"bayescale has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted((*globals(), *__all__))
