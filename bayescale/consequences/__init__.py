"""What follows from a law, draw by draw: exponents, optima, bounds, and what a loss costs.

Every function takes a fit, or a law at published parameters (:func:`published`), and returns one
number for each posterior draw and point; summarise them with quantiles. Compute is C = 6ND.
"""

from bayescale.consequences.drawn import DrawnLaw, Source, drawn, published
from bayescale.consequences.exponents import (
    Slowing,
    frontier_exponents,
    local_exponents,
    slowing,
)
from bayescale.consequences.isoflop import isoflop, nearly_optimal
from bayescale.consequences.limits import data_bound, early_stopping, overfitting
from bayescale.consequences.optimum import ComputeOptimum, optimum
from bayescale.consequences.reaching import (
    compute_to_loss,
    critical_batch,
    elasticity,
    overhead,
    smallest_size,
    steps_to_loss,
    tokens_to_loss,
)

__all__ = [
    "ComputeOptimum",
    "DrawnLaw",
    "Slowing",
    "Source",
    "compute_to_loss",
    "critical_batch",
    "data_bound",
    "drawn",
    "early_stopping",
    "elasticity",
    "frontier_exponents",
    "isoflop",
    "local_exponents",
    "nearly_optimal",
    "optimum",
    "overfitting",
    "overhead",
    "published",
    "slowing",
    "smallest_size",
    "steps_to_loss",
    "tokens_to_loss",
]
