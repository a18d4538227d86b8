"""bayescale: Bayesian inference of scaling laws.

Nouns: :class:`Runs`, :class:`Law`, :class:`Noise`. Verbs: :func:`read_runs`, :func:`fit`,
:func:`point_fit`, :func:`forecast`. Importing the package loads nothing heavy and starts no JAX
backend; what is asked for is loaded then.
"""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bayescale import datasets, laws, noise, plots, prior
    from bayescale.errors import BayescaleError, BayescaleWarning
    from bayescale.fitting import PointFit, fit, point_fit
    from bayescale.forecasting import Forecast, forecast
    from bayescale.laws.law import Law
    from bayescale.noise.noise import Noise
    from bayescale.posterior import Fit
    from bayescale.runs import Runs, read_runs
    from bayescale.storage import load

__all__ = [
    "BayescaleError",
    "BayescaleWarning",
    "Fit",
    "Forecast",
    "Law",
    "Noise",
    "PointFit",
    "Runs",
    "datasets",
    "fit",
    "forecast",
    "laws",
    "load",
    "noise",
    "plots",
    "point_fit",
    "prior",
    "read_runs",
]

__version__ = version("bayescale")

_PLACES = {
    "BayescaleError": "errors",
    "BayescaleWarning": "errors",
    "Fit": "posterior",
    "Forecast": "forecasting",
    "Law": "laws.law",
    "Noise": "noise.noise",
    "PointFit": "fitting",
    "Runs": "runs",
    "fit": "fitting",
    "forecast": "forecasting",
    "load": "storage",
    "point_fit": "fitting",
    "read_runs": "runs",
}
_ROOMS = ("datasets", "laws", "noise", "plots", "prior")


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
