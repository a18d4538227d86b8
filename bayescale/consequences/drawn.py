"""A law with values for its parameters, draw by draw: what every consequence is computed from."""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from bayescale.errors import LawError
from bayescale.inference.runtime import float64
from bayescale.laws.closed_form import LOG_SIX, two_powers
from bayescale.laws.law import Law
from bayescale.model import LOSS_SCALE
from bayescale.posterior import Fit
from bayescale.units import coordinate, is_linear, natural

__all__ = ["DrawnLaw", "Source", "drawn", "published"]

FROM_SIZE_AND_TOKENS = ("N", "D", "C", "M")
"""Inputs that follow from N and D, by C = 6ND and M = D/N."""

USUAL = {"N": 1e9, "D": 2e10}
"""A reference point for published parameters; any serves, near the runs of the field."""


@dataclass(frozen=True, eq=False)
class DrawnLaw:
    """A law at draws of its parameters.

    Parameters
    ----------
    law : Law
    params : mapping of str to array, shape (draw,)
        Reference parameters.
    reference : mapping of str to float
        Log reference point.
    held : mapping of str to float
        Inputs that do not follow from N and D, such as unique tokens, in plain units. Where steps
        S are an input, the batch B in tokens that makes them D/B.
    """

    law: Law
    params: Mapping[str, np.ndarray]
    reference: Mapping[str, float]
    held: Mapping[str, float]

    @property
    def n_draws(self) -> int:
        """Number of draws."""
        return len(next(iter(self.params.values())))

    @functools.cached_property
    def field(self) -> dict[str, np.ndarray]:
        """Draws of the field's parameters, shape (draw,)."""
        with float64():
            found = self.law.term.to_field(self.params, self.reference)
        return {name: np.asarray(found[name]) for name in self.law.field_names}

    @functools.cached_property
    def log_floor(self) -> np.ndarray:
        """Log of the irreducible loss, shape (draw, 1); minus infinity without one."""
        name = self.law.term.floor
        if name is None:
            return np.full((self.n_draws, 1), -np.inf)
        return np.asarray(np.log(self.params[name]))[:, None]

    def inputs(self, log_n: np.ndarray, log_d: np.ndarray) -> dict[str, np.ndarray]:
        """The law's log inputs at sizes and tokens; a linear input, z, as it is.

        Parameters
        ----------
        log_n, log_d : array
            Logs of N and D; broadcast against each other.

        Raises
        ------
        LawError
            Where the law has an input that neither follows from them nor is held.
        """
        if self.law.paths:
            raise LawError(
                f"The law {self.law.name!r} reads {self.law.paths[0]}, which does not follow from "
                "N and D. Forecast curves with it: forecast(fit, table of steps and lr)."
            )
        known = {"N": log_n, "D": log_d, "C": LOG_SIX + log_n + log_d, "M": log_d - log_n}
        if "B" in self.held:
            known["S"] = log_d - math.log(self.held["B"])
        known |= {name: np.atleast_1d(coordinate(name, v)) for name, v in self.held.items()}
        for name in self.law.inputs:
            if name not in known:
                why = "steps need a batch, D = BS" if name == "S" else "it is not one of N, D, C, M"
                wanted = "B" if name == "S" else name
                raise LawError(
                    f"The law {self.law.name!r} has the input {name}, which does not follow from "
                    f"N and D ({why}). Hold one: held={{{wanted!r}: ...}}."
                )
        return {name: known[name] for name in self.law.inputs}

    def log_loss(self, x: Mapping[str, np.ndarray]) -> np.ndarray:
        """Log of the law's loss.

        Parameters
        ----------
        x : mapping of str to array, shape (point,) or (draw, point)
            Inputs as :meth:`inputs` has them.

        Returns
        -------
        array, shape (draw, point)
        """
        with float64():
            return np.asarray(_value(self.law.term)(*self._arguments(x)))

    def slopes(
        self,
        x: Mapping[str, np.ndarray],
        along: Mapping[str, float],
        then: Mapping[str, float] | None = None,
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Log loss, its derivative along a direction, and that one's along a second, exactly.

        Parameters
        ----------
        x : mapping of str to array, shape (point,) or (draw, point)
            Log inputs.
        along, then : mapping of str to float
            Directions in the log inputs: by how much each moves. The second is the first unless
            given.

        Returns
        -------
        tuple of three arrays, shape (draw, point)
        """
        first = {name: np.float64(along.get(name, 0.0)) for name in self.law.inputs}
        other = along if then is None else then
        second = {name: np.float64(other.get(name, 0.0)) for name in self.law.inputs}
        with float64():
            found = _slopes(self.law.term)(*self._arguments(x), first, second)
        value, slope, bend = (np.asarray(part) for part in found)
        return value, slope, bend

    def _arguments(self, x: Mapping[str, np.ndarray]) -> tuple[dict[str, Any], ...]:
        own = {p.name for p in self.law.term.parameters}
        params = {name: v[:, None] for name, v in self.params.items() if name in own}
        points = {name: np.atleast_1d(np.asarray(v, np.float64)) for name, v in x.items()}
        points = dict(zip(points, np.broadcast_arrays(*points.values()), strict=True))
        return params, points, dict(self.reference)

    @staticmethod
    def direction(n: float, d: float) -> dict[str, float]:
        """How every input moves as log N moves by ``n`` and log D by ``d``; what is held does not.

        Steps move with tokens, at a held batch.
        """
        return {"N": n, "D": d, "C": n + d, "M": d - n, "S": d}

    @functools.cached_property
    def two_powers(self) -> Any:
        """The closed form of the compute-optimal size; None where the law has none."""
        return two_powers(self.law.term)


type Source = Fit | DrawnLaw
"""What consequences are computed of."""


def drawn(source: Source, held: Mapping[str, float] | None = None) -> DrawnLaw:
    """The draws of a fit; a drawn law is returned as it is, with what is held replaced.

    Parameters
    ----------
    source : Fit or DrawnLaw
    held : mapping of str to float, optional
        Inputs that do not follow from N and D, in plain units; at the reference point of the fit
        unless given.
    """
    given = {name: float(value) for name, value in (held or {}).items()}
    for name, value in given.items():
        if not math.isfinite(value) or (value <= 0 and not is_linear(name)):
            raise LawError(f"The input {name} is held at {value:g}. Hold it above zero.")
    if isinstance(source, DrawnLaw):
        return DrawnLaw(source.law, source.params, source.reference, {**source.held, **given})
    law = source.law
    params = {p.name: source.draws[p.name].reshape(-1) for p in law.term.parameters}
    reference = {name: v for name, v in source.reference.items() if name != LOSS_SCALE}
    own = {
        name: float(natural(name, reference[name]))
        for name in law.inputs
        if name not in (*FROM_SIZE_AND_TOKENS, "S")
    }
    if "S" in law.inputs and "B" not in own and "B" in source.runs.columns:
        own["B"] = math.exp(float(np.mean(np.log(source.runs["B"]))))
    return DrawnLaw(law, params, reference, {**own, **given})


def published(
    law: Law, values: Mapping[str, Any], held: Mapping[str, float] | None = None
) -> DrawnLaw:
    """A law at given field parameters, such as a preset's.

    Parameters
    ----------
    law : Law
    values : mapping of str to float or array, shape (draw,)
        Field parameters (``E, A, alpha, B, beta``).
    held : mapping of str to float, optional
        As for :func:`drawn`.

    Examples
    --------
    >>> import bayescale as bs
    >>> law = bs.laws.get("chinchilla")
    >>> one = bs.consequences.published(law, law.preset("besiroglu2024"))
    >>> float(bs.consequences.optimum(one, 5.76e23).tokens_per_param[0, 0].round(1))
    18.4
    """
    missing = [name for name in law.field_names if name not in values]
    if missing:
        raise LawError(
            f"The law {law.name!r} was not given the parameter {missing[0]!r}. "
            f"It needs: {', '.join(law.field_names)}."
        )
    held = dict(held or {})
    usual = {**USUAL, "C": 6 * USUAL["N"] * USUAL["D"], "M": USUAL["D"] / USUAL["N"], **held}
    reference = {name: float(coordinate(name, usual.get(name, 1.0))) for name in law.inputs}
    field = {n: np.atleast_1d(np.asarray(values[n], np.float64)) for n in law.field_names}
    with float64():
        found = law.term.from_field(field, reference)
    arrays = np.broadcast_arrays(*(np.atleast_1d(np.asarray(v)) for v in found.values()))
    return DrawnLaw(law, dict(zip(found, arrays, strict=True)), reference, held)


@functools.cache
def _value(term: Any) -> Any:
    return jax.jit(term.log_value)


@functools.cache
def _slopes(term: Any) -> Any:
    def both(params: Any, x: Any, reference: Any, along: Any, then: Any) -> Any:
        def towards(direction: Any) -> dict[str, Any]:
            return {name: jnp.full_like(v, direction[name]) for name, v in x.items()}

        def value(at: Any) -> Any:
            return jnp.asarray(term.log_value(params, at, reference))

        def slope(at: Any) -> Any:
            return jax.jvp(value, (at,), (towards(along),))

        (at, first), (_, second) = jax.jvp(slope, (x,), (towards(then),))
        return at, first, second

    return jax.jit(both)
