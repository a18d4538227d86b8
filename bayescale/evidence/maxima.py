"""The maxima of a posterior, as the point fit finds them from the prior: no chain enters."""

from __future__ import annotations

from scipy import linalg

from bayescale.evidence.estimate import Gaussian
from bayescale.evidence.target import Problem
from bayescale.fitting import distinct
from bayescale.inference import point
from bayescale.inference.laplace import Laplace, laplace

__all__ = ["maxima", "modes"]

NEGLIGIBLE = 10.0
"""Nats of Laplace evidence by which a maximum may lie below the best and still be looked at."""

MOST = 8
"""Most maxima that are looked at, heaviest first."""


def maxima(known: Problem) -> tuple[Laplace, ...]:
    """The Laplace approximation at every distinct maximum, the heaviest first."""
    optima = point.optimise(known.model, known.data)
    optima = distinct(point.centred(known.model, known.data, optima))
    found = [laplace(optima, i) for i in range(len(optima.value))]
    return tuple(sorted(found, key=lambda each: -each.log_evidence))


def modes(found: tuple[Laplace, ...]) -> tuple[Gaussian, ...]:
    """Centre and shape of the maxima that may matter, where there are several; none else."""
    heavy = [m for m in found if m.log_evidence > found[0].log_evidence - NEGLIGIBLE][:MOST]
    if len(heavy) < 2:
        return ()
    return tuple(
        Gaussian(m.mode, linalg.cholesky(m.factor @ m.factor.T, lower=True)) for m in heavy
    )
