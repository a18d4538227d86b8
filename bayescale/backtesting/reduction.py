"""What of a fit a backtest keeps: the law at the targets, draw by draw, and the evidence."""

from __future__ import annotations

from typing import Any

import numpy as np

from bayescale.evidence.marginal import marginal
from bayescale.posterior import Fit
from bayescale.runs import Runs

__all__ = ["ahead"]

ROUGHLY = 1.0
"""Nats that two estimates of the evidence may differ by: weights need no more."""

KEPT = 2000
"""Draws that are kept; each has eight draws of discrepancy and noise."""


def ahead(fit: Fit, targets: Runs, evidence: bool) -> dict[str, Any]:
    """The log of the law at the targets and the noise, for evenly spaced draws.

    With a process, the law moved by what the runs tell of it; ``leaves`` is its standard deviation.

    Parameters
    ----------
    fit : Fit
    targets : Runs
    evidence : bool
        Whether the log evidence is wanted.
    """
    n = next(iter(fit.draws.values())).size
    kept = np.linspace(0, n - 1, min(KEPT, n)).astype(int)
    log_law = fit.log_law(fit.inputs_of(targets)).reshape(n, -1)
    leaves: dict[str, Any] = {}
    if fit.discrepancy.kernel is not None:
        mean, sd = fit.leaves(targets.columns, fit.discrepancy)
        log_law, leaves = log_law + mean, {"leaves": sd[kept]}
    refusals: tuple[str, ...]
    log_evidence, refusals = float("nan"), ("it was not asked for",)
    if evidence:
        found = marginal(fit).evidence
        apart = abs(found.bridge.log_evidence - found.check.log_evidence)
        log_evidence = float(found.log_evidence)
        refusals = () if apart < ROUGHLY else (f"two estimates differ by {apart:.1f} nats",)
    return {
        "log_law": log_law[kept],
        **leaves,
        "noise": {p.name: fit.draws[p.name].ravel()[kept] for p in fit.noise.parameters},
        "rows": fit.noise.ahead(targets.columns, fit.runs),
        "log_evidence": log_evidence,
        "refusals": list(refusals),
    }
