r"""Designs by a Gaussian update of what the posterior draws say of points.

Over posterior draws the target :math:`t` (a log loss, or a log size) and the law's log loss
:math:`f_c` at every candidate run have a joint covariance. Taken as Gaussian, a run at c with noise
variance v lowers the variance of the target by :math:`\mathrm{cov}(t, f_c)^2/(\mathrm{var} f_c +
v)`, whatever loss comes out, and the covariances of all others likewise: no fit is needed for a
design, and none of the law's derivatives. The discrepancy at the target falls as runs move the
frontier of the data towards it.

References
----------
.. [1] Chaloner and Verdinelli 1995, "Bayesian experimental design: a review", Statistical Science
   10, section 2.2 (the expected posterior variance of a target).
.. [2] Krause, Singh and Guestrin 2008, "Near-optimal sensor placements in Gaussian processes",
   JMLR 9 (greedy batches; under a budget the better of gain and of gain a cost).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

__all__ = ["Greedy", "best_design"]

LEAST = 0.01
"""A further run must lower the variance of the target by this share of the law's part of it."""


@dataclass(frozen=True)
class Greedy:
    """A design that was built one run at a time.

    Parameters
    ----------
    chosen : tuple of int
        Candidates in the order taken; one may be taken twice.
    law : tuple of float
        Variance of the target by the law's parameters: before, and after each.
    discrepancy : tuple of float
        Variance by the discrepancy, likewise.
    """

    chosen: tuple[int, ...]
    law: tuple[float, ...]
    discrepancy: tuple[float, ...]

    @property
    def total(self) -> float:
        """Variance of the target after all runs."""
        return self.law[-1] + self.discrepancy[-1]


def best_design(
    target: np.ndarray,
    candidates: np.ndarray,
    noise: float,
    cost: np.ndarray,
    budget: float,
    most: int,
    left: Callable[[tuple[int, ...]], np.ndarray],
) -> Greedy:
    """The better of two greedy designs: by gain, and by gain over cost.

    Parameters
    ----------
    target : array, shape (draw,)
    candidates : array, shape (draw, candidate)
        The law's log loss at each candidate.
    noise : float
        Variance of the noise of a run, as far as it blurs the mean.
    cost : array, shape (candidate,)
        FLOP.
    budget : float
    most : int
        Most runs.
    left : callable
        From the runs taken so far to the variance of the discrepancy at the target that each
        candidate would leave if it were taken next, shape (candidate,); with one more at the end
        for taking none.
    """
    both = np.column_stack([target, candidates])
    covariance = np.cov(both, rowvar=False)
    designs = [
        _greedy(covariance.copy(), noise, cost, budget, most, left, per_cost)
        for per_cost in (False, True)
    ]
    return min(designs, key=lambda design: design.total)


def _greedy(
    covariance: np.ndarray,
    noise: float,
    cost: np.ndarray,
    budget: float,
    most: int,
    left: Callable[[tuple[int, ...]], np.ndarray],
    per_cost: bool,
) -> Greedy:
    chosen: list[int] = []
    law, beyond = [float(covariance[0, 0])], [float(left(())[-1])]
    while len(chosen) < most:
        after = left(tuple(chosen))[:-1]
        own = np.diagonal(covariance)[1:]
        gain = covariance[0, 1:] ** 2 / (own + noise) + beyond[-1] - after
        gain = np.where(cost <= budget, gain, -np.inf)
        best = int(np.argmax(gain / cost if per_cost else gain))
        if not gain[best] > LEAST * law[0]:
            break
        column = covariance[:, best + 1].copy()
        covariance = covariance - np.outer(column, column) / (column[best + 1] + noise)
        chosen.append(best)
        budget -= float(cost[best])
        law.append(max(float(covariance[0, 0]), 0.0))
        beyond.append(float(after[best]))
    return Greedy(tuple(chosen), tuple(law), tuple(beyond))
