"""Allocations that pictures draw: along compute, and at chosen budgets."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from bayescale.allocation import WITHIN, Allocation, allocate
from bayescale.errors import BayescaleError
from bayescale.evidence.ranking import Ranking
from bayescale.plots.path import thinned
from bayescale.posterior import Fit
from bayescale.runs import Runs

__all__ = ["allocated", "compute_of", "runs_of"]

DRAWS = 1000
"""Posterior draws behind a picture."""


def runs_of(result: Fit | Ranking | Allocation) -> Runs:
    """Return the runs that were fitted."""
    if isinstance(result, Fit):
        return result.runs
    if isinstance(result, Ranking):
        return result.laws[0].fit.runs
    return runs_of(result.source)


def compute_of(runs: Runs) -> np.ndarray:
    """Return 6ND of the runs, the compute that budgets are counted in."""
    if not {"N", "D"} <= set(runs.columns):
        raise BayescaleError("The runs have no N and D to place budgets by. Fit a law of N and D.")
    return np.asarray(6.0 * runs["N"] * runs["D"])


def allocated(result: Fit | Ranking | Allocation, flops: Any) -> Allocation:
    """Return the allocation at budgets, of as many draws as a picture needs."""
    if isinstance(result, Allocation):
        source, within, held = result.source, result.within, result.held
        weights = result.weighting
    else:
        source, within, held, weights = result, WITHIN, {}, "probability"
    if isinstance(source, Ranking):
        few = tuple(replace(law, fit=thinned(law.fit, DRAWS)) for law in source.laws)
        source = replace(source, laws=few)
    else:
        source = thinned(source, DRAWS)
    return allocate(source, flops, within=within, held=held, weights=weights)
