r"""Local exponents: how fast the loss falls at a place, and whether that slows down.

:math:`\alpha_{\mathrm{loc}}(x) = -\,\partial\ln(L - E)/\partial\ln x`, or of the whole loss with
:math:`E = 0`. Gains are *sub-scaling* between two places where it is smaller at the second: a power
law that was fitted up to the first promises more than comes. A floor by itself makes the exponent
of the whole loss fall; a sum of two powers makes that of the reducible loss fall along every line
but the compute-optimal one, on which it is constant. So look along that line
(:func:`frontier_exponents`), or at how much it falls.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from bayescale.consequences.drawn import DrawnLaw, Source, drawn
from bayescale.consequences.optimum import UP, best_ratio, budgets, inputs_at
from bayescale.errors import LawError
from bayescale.units import coordinate, is_linear

__all__ = ["Slowing", "frontier_exponents", "local_exponents", "slowing"]


def local_exponents(
    source: Source,
    at: Mapping[str, Any],
    along: str,
    *,
    reducible: bool = True,
    held: Mapping[str, float] | None = None,
) -> np.ndarray:
    """Minus the log-slope of the loss at points.

    Parameters
    ----------
    source : Fit or DrawnLaw
    at : mapping of str to float or sequence
        Inputs in plain units: N and D, or the law's own.
    along : str
        The input that moves. ``C`` moves at fixed tokens per parameter, ``M`` at fixed compute,
        unless they are the law's own and N and D are not; all others alone.
    reducible : bool
        Of the loss above the floor, or of the whole loss.
    held : mapping of str to float, optional
        Inputs that do not follow from N and D; at the reference point unless given.

    Returns
    -------
    array, shape (draw, point)
    """
    law = drawn(source, held)
    values = {name: np.atleast_1d(np.asarray(v, np.float64)) for name, v in at.items()}
    good = [np.isfinite(v) & ((v > 0) | is_linear(name)) for name, v in values.items()]
    if not values or not all(map(np.all, good)):
        raise LawError("A point of the law is not above zero, or missing. Give inputs above zero.")
    logs = {name: coordinate(name, v) for name, v in values.items()}
    if {"N", "D"} <= set(logs):
        x = law.inputs(logs["N"], logs["D"])
        moves = {"N": (1.0, 0.0), "D": (0.0, 1.0), "C": (0.5, 0.5), "M": (-0.5, 0.5)}
        direction = DrawnLaw.direction(*moves[along]) if along in moves else {along: 1.0}
    else:
        missing = [name for name in law.law.inputs if name not in logs]
        if missing:
            raise LawError(
                f"The point has no {missing[0]}, which the law {law.law.name!r} needs. "
                f"Give {' and '.join(law.law.inputs)}."
            )
        x, direction = {name: logs[name] for name in law.law.inputs}, {along: 1.0}
    if not set(direction) & set(law.law.inputs):
        raise LawError(
            f"The law {law.law.name!r} has no input {along!r} to move along. "
            f"Its inputs: {', '.join(law.law.inputs)}."
        )
    value, slope, _ = law.slopes(x, direction)
    return np.asarray(-slope * (_over_reducible(law, value) if reducible else 1.0))


def frontier_exponents(
    source: Source,
    flops: Any,
    *,
    reducible: bool = True,
    held: Mapping[str, float] | None = None,
) -> np.ndarray:
    """Minus the log-slope of the loss in compute along the compute-optimal line.

    Parameters
    ----------
    source : Fit or DrawnLaw
    flops : float or sequence
        Budgets in FLOP, C = 6ND.
    reducible : bool
        Of the loss above the floor, or of the whole loss.

    Returns
    -------
    array, shape (draw, budget)
        Where a draw has no optimum, along the end of the search.
    """
    law = drawn(source, held)
    log_c = np.broadcast_to(np.log(budgets(flops)), (law.n_draws, len(budgets(flops))))
    m, _ = best_ratio(law, log_c)
    value, slope, _ = law.slopes(inputs_at(law, log_c, m), UP)  # by the envelope theorem
    return np.asarray(-slope * (_over_reducible(law, value) if reducible else 1.0))


def _over_reducible(law: DrawnLaw, log_loss: np.ndarray) -> np.ndarray:
    """The whole loss over its reducible part."""
    return np.asarray(-1.0 / np.expm1(law.log_floor - log_loss))


@dataclass(frozen=True, eq=False)
class Slowing:
    """Whether gains slow down between two places.

    Parameters
    ----------
    start, end : array, shape (draw,)
        Local exponents.
    """

    start: np.ndarray
    end: np.ndarray

    @property
    def change(self) -> np.ndarray:
        """Relative change of the exponent, shape (draw,); negative where gains slow down."""
        return np.asarray(self.end / self.start - 1.0)

    @property
    def probability(self) -> float:
        """Probability that the exponent falls, by more than rounding (a millionth)."""
        return float(np.mean(self.change < -1e-6))

    def text(self) -> str:
        """The answer as a sentence."""
        low, middle, high = np.quantile(self.change, [0.05, 0.5, 0.95])
        return (
            f"The local exponent goes from {np.median(self.start):.3g} to "
            f"{np.median(self.end):.3g}, a change of {middle:+.1%} ({low:+.1%} to {high:+.1%}); "
            f"the probability that it falls is {self.probability:.3f}."
        )


def slowing(
    source: Source,
    start: Any,
    end: Any,
    along: str = "frontier",
    *,
    reducible: bool = True,
    held: Mapping[str, float] | None = None,
) -> Slowing:
    """Compare the local exponent at two places, to tell whether gains are sub-scaling there.

    Parameters
    ----------
    source : Fit or DrawnLaw
    start, end : float or mapping
        Two budgets in FLOP along the frontier, or two points.
    along : str, default "frontier"
        ``frontier``, or an input as for :func:`local_exponents`.

    Examples
    --------
    >>> import bayescale as bs
    >>> law = bs.laws.get("subscaling")
    >>> one = bs.consequences.published(law, law.preset("chen2025"))
    >>> point = {"N": 1e9, "D": [2e10, 2e12]}
    >>> bs.consequences.local_exponents(one, point, "D").round(3).tolist()
    [[0.18, 0.046]]
    """
    if along == "frontier":
        both = frontier_exponents(source, [start, end], reducible=reducible, held=held)
        return Slowing(both[:, 0], both[:, 1])
    found = [
        local_exponents(source, place, along, reducible=reducible, held=held)[:, 0]
        for place in (start, end)
    ]
    return Slowing(*found)
