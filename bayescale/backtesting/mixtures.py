"""Weights of the laws in a mixture, chosen without a look at the targets."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from scipy import special

from bayescale.errors import LawError
from bayescale.evidence.stacking import stacking

__all__ = ["FORWARD", "MIXTURES", "NAMES", "needs_evidence", "stacked", "weights"]

TINY = 1e-300
"""Weights below it, by which no mixture changes, are taken for it: their logarithm stays finite."""

FORWARD = "forward"
"""The mixture by stacking on pseudo-extrapolation: see :func:`stacked`."""


def _equal(log_evidence: np.ndarray) -> np.ndarray:
    return np.full(len(log_evidence), 1.0 / len(log_evidence))


def _evidence(log_evidence: np.ndarray) -> np.ndarray:
    return np.asarray(special.softmax(log_evidence))


def _half(log_evidence: np.ndarray) -> np.ndarray:
    return 0.5 * _equal(log_evidence) + 0.5 * _evidence(log_evidence)


MIXTURES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "equal": _equal,
    "evidence": _evidence,
    "half": _half,
}
"""``equal`` weights, those by ``evidence``, and ``half`` of each."""

NAMES = (*MIXTURES, FORWARD)
"""All mixtures."""


def needs_evidence(mixtures: tuple[str, ...]) -> bool:
    """Whether one of the mixtures needs the evidence of the laws.

    Raises
    ------
    LawError
        Where there is no such mixture.
    """
    for name in mixtures:
        if name not in NAMES:
            raise LawError(
                f"There is no mixture {name!r}. Choose among: {', '.join(NAMES)}; or none."
            )
    return bool(set(mixtures) - {"equal", FORWARD})


def weights(mixture: str, log_evidence: Mapping[str, float]) -> dict[str, float]:
    """Weight of each law, by its log evidence."""
    values = MIXTURES[mixture](np.array(list(log_evidence.values())))
    return dict(zip(log_evidence, (float(v) for v in values), strict=True))


def stacked(log_density: Mapping[str, np.ndarray]) -> tuple[dict[str, float], float, float]:
    """Weight of each law by stacking on pseudo-extrapolation, without a look at the targets.

    Parameters
    ----------
    log_density : mapping of str to array, shape (run,)
        By law: of the larger of the fitted runs, as forecast from the smaller ones.

    Returns
    -------
    dict of str to float, float, float
        Weights; what a run gains by them over equal weights, in nats, and its standard error.
    """
    each = np.stack(list(log_density.values()))
    values = stacking(each)
    log_weights = np.log(np.maximum([values, _equal(values)], TINY))
    own, equal = (special.logsumexp(each + w[:, None], axis=0) for w in log_weights)
    gain = own - equal
    error = float(gain.std(ddof=1) / np.sqrt(len(gain))) if len(gain) > 1 else float("inf")
    return dict(zip(log_density, map(float, values), strict=True)), float(gain.mean()), error
