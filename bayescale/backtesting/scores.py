"""Scores of a predictive distribution, or of a mixture of them, on the runs that came true."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from scipy import special

from bayescale.predictive import Predictive, crps, weighted_quantiles

__all__ = ["PROBS", "SUMMARIES", "score", "summary"]

PROBS = (0.5, 0.8, 0.9, 0.95)
"""Masses of the intervals whose coverage is told."""

SUMMARIES = (
    "rmsle",
    "elpd",
    "crps",
    *(f"cover{round(100 * p)}" for p in PROBS),
    "width90",
)


def score(
    predictives: Mapping[str, Predictive], weights: Mapping[str, float], observed: np.ndarray
) -> pd.DataFrame:
    """One row for each target.

    Parameters
    ----------
    predictives : mapping of str to Predictive
        The laws of the mixture; one for a law alone.
    weights : mapping of str to float
        Their weights, which add up to one.
    observed : array, shape (target,)
        Losses that came true.

    Returns
    -------
    pandas.DataFrame
        ``observed, median, lower90, upper90, log_density, crps, pit``.
    """
    used = {name: p for name, p in predictives.items() if weights[name] > 0.0}
    w = np.array([weights[name] for name in used])[:, None]
    draws = np.concatenate([p.new for p in used.values()])
    each = np.concatenate(
        [np.full(len(p.new), weights[name] / len(p.new)) for name, p in used.items()]
    )
    lower, median, upper = weighted_quantiles(draws, each, np.array([0.05, 0.5, 0.95]))
    log_density = np.stack([p.log_density(observed) for p in used.values()])
    return pd.DataFrame(
        {
            "observed": observed,
            "median": median,
            "lower90": lower,
            "upper90": upper,
            "log_density": special.logsumexp(log_density + np.log(w), axis=0),
            "crps": crps(draws, each, observed),
            "pit": np.sum(w * np.stack([p.pit(observed) for p in used.values()]), axis=0),
        }
    )


def summary(targets: pd.DataFrame) -> dict[str, float]:
    """Scores over the targets of one part.

    Returns
    -------
    dict of str to float
        ``rmsle``, the root mean squared log error of the predictive median; ``elpd``, the mean log
        density per unit of loss; ``crps``; ``cover50`` to ``cover95``, the share of targets inside
        the central intervals; ``width90``, the geometric mean of the widths of the 90 % intervals
        of the log loss.
    """
    off = np.log(targets["median"] / targets["observed"])
    width = np.log(targets["upper90"] / targets["lower90"])
    found = {
        "rmsle": float(np.sqrt(np.mean(off**2))),
        "elpd": float(targets["log_density"].mean()),
        "crps": float(targets["crps"].mean()),
    }
    for p in PROBS:
        inside = np.abs(targets["pit"] - 0.5) <= p / 2
        found[f"cover{round(100 * p)}"] = float(inside.mean())
    found["width90"] = float(np.exp(np.mean(np.log(width))))
    return found
