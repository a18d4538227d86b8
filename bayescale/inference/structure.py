r"""Does a fit leave structure in its residuals? A law that does is wrong within its own data.

The residuals, in noise scales, are replaced by normal scores of their ranks, so that a few runs far
off count little, and regressed on a quadratic in the logarithms of the inputs:

.. math:: z_i = b_0 + \sum_j b_j u_{ij} + \sum_{j \le k} b_{jk} u_{ij} u_{ik} + e_i .

Under a law that holds, what the quadratic explains is judged by the F test of all its coefficients
but the first. The law was fitted to the same runs, and so took out some of what the quadratic could
explain: the test is conservative (``benchmarks/misfit/run.py`` has its rates).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import special

__all__ = ["Structure", "structure"]

LEVEL = 0.001
LEAST_SHARE = 0.1
"""Structure is spoken of below this p-value, and where it explains this share at least: of very
many runs any law that is not exact leaves some."""

RUNS_PER_TERM = 3


@dataclass(frozen=True)
class Structure:
    """What a quadratic in the log inputs explains of the residuals.

    Parameters
    ----------
    share : float
        Share of the variance of the ranked residuals; NaN where it was not looked for: residuals
        that are not independent, or too few runs.
    p : float
        Probability of as much under a law that holds; NaN as above.
    """

    share: float = float("nan")
    p: float = float("nan")

    @property
    def found(self) -> bool:
        """Whether the law leaves structure that chance does not explain."""
        return self.p < LEVEL and self.share > LEAST_SHARE


def structure(inputs: Sequence[np.ndarray], residuals: np.ndarray) -> Structure:
    """Look for structure in residuals.

    Parameters
    ----------
    inputs : sequence of array, shape (run,)
        The inputs, in logarithms where they are positive.
    residuals : array, shape (run,)
        In noise scales.

    Returns
    -------
    Structure
    """
    from scipy import stats

    n = len(residuals)
    varying = [u for u in inputs if np.ptp(u) > 0]
    scaled = [(u - u.mean()) / u.std() for u in varying]
    squares = [a * b for i, a in enumerate(scaled) for b in scaled[i:]]
    basis = np.column_stack([np.ones(n), *scaled, *squares])
    terms = int(np.linalg.matrix_rank(basis)) - 1
    if terms < 1 or n <= 1 + RUNS_PER_TERM * terms:
        return Structure()
    ranks = stats.rankdata(residuals)  # equal residuals share a rank, whatever their order
    scores = special.ndtri((ranks - 0.5) / n)
    fitted = basis @ np.linalg.lstsq(basis, scores, rcond=None)[0]
    total = float(np.sum((scores - scores.mean()) ** 2))
    share = 1.0 - float(np.sum((scores - fitted) ** 2)) / total
    rest = n - terms - 1
    ratio = (share / terms) / (max(1.0 - share, 1e-12) / rest)
    return Structure(share, float(special.fdtrc(terms, rest, ratio)))
