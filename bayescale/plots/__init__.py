"""Pictures of results, fit for a paper.

Every function returns a :class:`matplotlib.figure.Figure` that no global state holds: save it with
``figure.savefig("picture.pdf")``. Matplotlib is loaded when the first picture is drawn.
"""

from __future__ import annotations

from importlib import import_module
from inspect import signature
from typing import TYPE_CHECKING, Any

from bayescale.errors import BayescaleError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from bayescale.plots.backtest import plot_backtest
    from bayescale.plots.claims import plot_claims
    from bayescale.plots.compare import plot_compare
    from bayescale.plots.curve import plot_band
    from bayescale.plots.frontier import plot_frontier
    from bayescale.plots.isoflop import plot_isoflop
    from bayescale.plots.pairs import plot_pairs
    from bayescale.plots.plan import plot_plan
    from bayescale.plots.posterior import plot_posterior
    from bayescale.plots.prior import plot_prior
    from bayescale.plots.residuals import plot_residuals
    from bayescale.plots.sbc import plot_sbc

__all__ = [
    "KINDS",
    "plot",
    "plot_backtest",
    "plot_band",
    "plot_claims",
    "plot_compare",
    "plot_frontier",
    "plot_isoflop",
    "plot_pairs",
    "plot_plan",
    "plot_posterior",
    "plot_prior",
    "plot_residuals",
    "plot_sbc",
]

KINDS: dict[str, str] = {
    "band": "curve",
    "posterior": "posterior",
    "pairs": "pairs",
    "residuals": "residuals",
    "prior": "prior",
    "frontier": "frontier",
    "isoflop": "isoflop",
}
"""Kinds of pictures of a fit and the file of each. A new one is one file and one line here."""

_PLACES = {
    **KINDS,
    "compare": "compare",
    "sbc": "sbc",
    "backtest": "backtest",
    "claims": "claims",
    "plan": "plan",
}
_FUNCTIONS = {f"plot_{kind}": place for kind, place in _PLACES.items()}


def plot(result: Any, kind: str = "band", **options: Any) -> Figure:
    """Draw a result.

    Parameters
    ----------
    result : Fit, Forecast, Allocation, Ranking, Calibration, Backtest, Claims or Plan
        A fit takes the kinds of :data:`KINDS`; a forecast takes ``band``, with its targets drawn;
        an allocation takes ``frontier`` and ``isoflop``; a ranking takes these and ``compare``, a
        calibration ``sbc``, a backtest ``backtest``, claims ``claims``, a
        plan ``plan``.
    kind : str, default "band"
        One of :data:`KINDS`: ``band`` (loss against compute or an input), ``posterior``
        (marginals with their priors), ``pairs``, ``residuals``, ``prior`` (prior predictive),
        ``frontier`` (the compute-optimal line), ``isoflop`` (loss over sizes at fixed compute),
        ``compare`` (a comparison of laws), ``sbc`` (a calibration), ``backtest``,
        ``claims``, ``plan``.
    **options
        Passed on to the function ``plot_<kind>``.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    BayescaleError
        Where there is no such kind, or the result or an option does not suit it.
    """
    from bayescale.posterior import Fit

    if kind not in _PLACES:
        raise BayescaleError(f"There is no kind of plot {kind!r}. Kinds: {', '.join(KINDS)}.")
    function = _function(kind)
    if kind == "compare":
        from bayescale.evidence.ranking import Ranking

        if not isinstance(result, Ranking):
            raise BayescaleError(
                f"A {type(result).__name__} cannot be drawn as 'compare'. Give a comparison: "
                "bs.compare(laws, runs)."
            )
        return _drawn(function, kind, result, options)
    if kind in ("frontier", "isoflop"):
        from bayescale.allocation import Allocation
        from bayescale.evidence.ranking import Ranking

        if not isinstance(result, Fit | Allocation | Ranking):
            raise BayescaleError(
                f"A {type(result).__name__} cannot be drawn as {kind!r}. Give a fit, an allocation "
                "or a comparison."
            )
        return _drawn(function, kind, result, options)
    if kind == "claims":
        from bayescale.claiming import Claims

        if not isinstance(result, Claims):
            raise BayescaleError(
                f"A {type(result).__name__} cannot be drawn as 'claims'. Give claims held to runs: "
                "bs.claims(runs)."
            )
        return _drawn(function, kind, result, options)
    if kind == "plan":
        from bayescale.planning import Plan

        if not isinstance(result, Plan):
            raise BayescaleError(
                f"A {type(result).__name__} cannot be drawn as 'plan'. Give a plan: "
                "bs.plan(fit, 1e21, target={...})."
            )
        return _drawn(function, kind, result, options)
    if kind == "sbc":
        from bayescale.checks import Calibration

        if not isinstance(result, Calibration):
            raise BayescaleError(
                f"A {type(result).__name__} cannot be drawn as 'sbc'. Give a calibration: "
                "bs.checks.sbc(law, design)."
            )
        return _drawn(function, kind, result, options)
    if kind == "backtest":
        from bayescale.backtesting import Backtest

        if not isinstance(result, Backtest):
            raise BayescaleError(
                f"A {type(result).__name__} cannot be drawn as 'backtest'. Give a backtest: "
                "bs.backtest(laws, runs, rolling=True)."
            )
        return _drawn(function, kind, result, options)
    fit = result if isinstance(result, Fit) else getattr(result, "fit", None)
    if not isinstance(fit, Fit):
        raise BayescaleError(
            f"A {type(result).__name__} cannot be drawn as {kind!r}. Give a fit or a forecast."
        )
    if result is not fit:
        if kind != "band":
            raise BayescaleError(
                f"A forecast is drawn as 'band' only, not as {kind!r}. "
                f"Draw its fit instead: plot(forecast.fit, {kind!r})."
            )
        options.setdefault("held_out", result)
    return _drawn(function, kind, fit, options)


def _drawn(function: Any, kind: str, result: Any, options: dict[str, Any]) -> Figure:
    known = list(signature(function).parameters)[1:]
    for name in options:
        if name not in known:
            raise BayescaleError(
                f"The plot {kind!r} has no option {name!r}. Options: {', '.join(known)}."
            )
    figure: Figure = function(result, **options)
    return figure


def _function(kind: str) -> Any:
    return getattr(import_module(f"bayescale.plots.{_PLACES[kind]}"), f"plot_{kind}")


def __getattr__(name: str) -> Any:
    if name in _FUNCTIONS:
        value = _function(name.removeprefix("plot_"))
        globals()[name] = value
        return value
    raise AttributeError(f"bayescale.plots has no attribute {name!r}")
