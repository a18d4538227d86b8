"""Weights of the laws in a mixture, chosen without a look at the targets."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from scipy import special

from bayescale.errors import LawError
from bayescale.evidence.stacking import stacking

__all__ = ["FORWARD", "MIXTURES", "NAMES", "needs_evidence", "stacked", "weights"]

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


def stacked(log_density: Mapping[str, np.ndarray]) -> dict[str, float]:
    """Weight of each law by stacking on pseudo-extrapolation, without a look at the targets.

    Parameters
    ----------
    log_density : mapping of str to array, shape (run,)
        By law: of the larger of the fitted runs, as forecast from the smaller ones.
    """
    values = stacking(np.stack(list(log_density.values())))
    return dict(zip(log_density, (float(v) for v in values), strict=True))
