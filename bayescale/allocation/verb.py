"""The verb ``allocate``: the compute-optimal size and tokens at budgets, with what is near it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from bayescale.allocation.pooled import pooled_quantiles
from bayescale.allocation.result import Allocation
from bayescale.consequences import DrawnLaw, drawn, nearly_optimal, optimum
from bayescale.consequences.optimum import SPAN
from bayescale.discrepancy import Discrepancy
from bayescale.errors import LawError
from bayescale.evidence.mixture import NEGLIGIBLE, several
from bayescale.evidence.ranking import Ranking
from bayescale.forecasting import Forecast, forecast
from bayescale.posterior import Fit
from bayescale.units import format_size, natural

__all__ = ["WITHIN", "allocate"]

WITHIN = 0.001
"""Share of the best loss within which a size is nearly optimal: a quarter of the scatter between
runs of one design in public tables, and what a few per cent of compute buy (the text of each
allocation says how much it is there)."""

MOST = 1000
"""Most budgets at a time."""


def allocate(
    source: Fit | Ranking,
    flops: Any,
    *,
    within: float = WITHIN,
    held: Mapping[str, float] | None = None,
    weights: str = "probability",
    discrepancy: str | Discrepancy | None = None,
    seed: int = 0,
) -> Allocation:
    """Split budgets of compute between parameters and tokens, C = 6ND.

    Every posterior draw has its own optimum; what is told are quantiles over draws, of all laws by
    weight where the laws were compared.

    Parameters
    ----------
    source : Fit or Ranking
        A posterior, or a comparison of laws, whose mixture is then used.
    flops : float or sequence
        Budgets in FLOP.
    within : float, default 0.001
        Share of the best loss within which a size is called nearly optimal.
    held : mapping of str to float, optional
        Inputs of the law that do not follow from N and D, such as unique tokens; at the reference
        point of the runs unless given.
    weights : str
        For a comparison: which weights, as :meth:`Ranking.weights` has them.
    discrepancy : str or Discrepancy, optional
        How far the loss may leave the law beyond the data, in place of what the fit declares. It
        widens the band of the loss alone.
    seed : int
        Seed of the noise draws of the loss.

    Returns
    -------
    Allocation

    Raises
    ------
    LawError
        Where a law does not trade parameters against tokens, or a budget is not above zero.

    Examples
    --------
    >>> import bayescale as bs
    >>> fit = bs.fit("chinchilla", bs.datasets.load("tiny"), seed=0)  # doctest: +SKIP
    >>> bs.allocate(fit, [1e20, 1e22]).table()  # doctest: +SKIP
    """
    if isinstance(source, Fit):
        fits, shares = {source.law.name: source}, {source.law.name: 1.0}
    else:
        fits = {law.name: law.fit for law in source.laws}
        shares = {n: w for n, w in source.weights(weights).items() if w > NEGLIGIBLE}
        total = sum(shares.values())
        shares = {name: weight / total for name, weight in shares.items()}
    share = several(shares, {name: fits[name].law for name in shares})
    laws = {name: drawn(fits[name], held) for name in shares}
    optima = {name: optimum(law, flops) for name, law in laws.items()}
    first = next(iter(optima.values()))
    if len(first.flops) > MOST:
        raise LawError(f"There are {len(first.flops)} budgets. Give at most {MOST} at a time.")
    near = {name: nearly_optimal(law, first.flops, within) for name, law in laws.items()}
    log_n = np.concatenate([found.log_n for found in optima.values()])
    each = np.concatenate(
        [np.full(law.n_draws, shares[name] / law.n_draws) for name, law in laws.items()]
    )
    middle = _inside(pooled_quantiles(log_n, each, np.array([0.5]))[0], first.flops)
    ahead = {
        name: _forecast(fits[name], law, middle, optima[name], discrepancy, share, seed)
        for name, law in laws.items()
    }
    fixed = {name: value for law in laws.values() for name, value in law.held.items()}
    return Allocation(source, first.flops, optima, near, ahead, shares, within, fixed, weights)


def _inside(log_n: np.ndarray, flops: np.ndarray) -> np.ndarray:
    """Log sizes, at the end of the search where they are infinite."""
    even = 0.5 * np.log(flops / 6.0)
    wide = 0.5 * np.log(10.0) * np.array(SPAN)
    return np.asarray(np.clip(log_n, even - wide[1], even - wide[0]))


def _forecast(
    fit: Fit,
    law: DrawnLaw,
    log_n: np.ndarray,
    found: Any,
    discrepancy: str | Discrepancy | None,
    share: float,
    seed: int,
) -> Forecast:
    """The loss of a run at each budget: every draw at its own optimum, as far out as the median."""
    log_d = np.log(found.flops / 6.0) - log_n
    at = {name: natural(name, v) for name, v in law.inputs(log_n, log_d).items()}
    at |= {"N": np.exp(log_n), "D": np.exp(log_d)}
    chosen = fit.discrepancy.mixed(share) if discrepancy is None else discrepancy
    labels = tuple(f"C={format_size(c, kind='compute')}" for c in found.flops)
    ahead = forecast(fit, at, discrepancy=chosen, seed=seed)
    return replace(ahead, labels=labels, latent=found.loss)
