"""Fits of the same law to part of the runs, or under another prior.

The rows that are left out stay in the arrays, behind the mask: the compiled programs of the whole
table serve, and nothing is compiled again. Where a refit stands for leaving something out, the
reference point stays that of the whole table, since the priors are stated relative to it.
"""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np

from bayescale.fitting import _computed
from bayescale.inference.nuts import Settings
from bayescale.model import Data, Model
from bayescale.posterior import Fit
from bayescale.runs import Runs

__all__ = ["refit", "refit_without"]


def refit_without(fit: Fit, out: np.ndarray, seed: int, *, keep_reference: bool = True) -> Fit:
    """The same model fitted without some of the runs.

    Parameters
    ----------
    fit : Fit
        The fit to all runs.
    out : array of bool, shape (run,)
        Which runs to leave out.
    seed : int
        Seed of the refit.
    keep_reference : bool, default True
        Whether the reference point is that of all runs; else that of the runs kept, as if the
        others had never been seen.
    """
    kept = fit.runs.select(~out)
    order = np.concatenate([np.flatnonzero(~out), np.flatnonzero(out)])
    reference = dict(fit.reference) if keep_reference else fit.model.reference(kept)
    data = fit.model.data(fit.runs.select(order), reference)
    data["mask"] = np.arange(len(data["mask"])) < len(kept)
    return _fitted(fit.model, kept, reference, data, "quick", Settings(), seed)


def refit(fit: Fit, model: Model, seed: int) -> Fit:
    """Another model of the same signature fitted to the same runs, by NUTS."""
    data = model.data(fit.runs, fit.reference)
    return _fitted(model, fit.runs, dict(fit.reference), data, "nuts", Settings(), seed)


def _fitted(
    model: Model,
    runs: Runs,
    reference: dict[str, float],
    data: Data,
    method: str,
    settings: Settings,
    seed: int,
) -> Fit:
    started = time.perf_counter()
    rng = np.random.default_rng(seed)
    found = _computed(model, runs, reference, data, method, settings, rng, seed, None)
    return replace(found, seed=seed, seconds=time.perf_counter() - started)
