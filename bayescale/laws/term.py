"""Terms: the algebra from which every law is built.

A term is a frozen declaration: the inputs that it needs, the parameters that it owns, and one pure
JAX function, :meth:`Term.log_value`. Terms add (``+``) and are multiplied by modifiers (``*``).

Two sets of parameters describe the same curve.

*Reference parameters* are sampled. Every amplitude is a loss contribution at a reference point (the
geometric mean of the runs), in the unit of the loss, so that it can be argued about and so that it
does not correlate with its exponent by construction.

*Field parameters* (``A``, ``B``, ``N_c``, ...) are what papers print. They are the same amplitudes
carried to an input of one, and are derived. ``to_field`` and ``from_field`` are exact inverses.
"""

from __future__ import annotations

import functools
import math
import operator
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from bayescale.errors import LawError
from bayescale.prior import Prior

__all__ = [
    "Around",
    "Bend",
    "Modifier",
    "Modulated",
    "Pair",
    "Parameter",
    "Saturating",
    "Sum",
    "Term",
    "Values",
    "log_sum",
    "spread",
    "spread_key",
]

type Values = Mapping[str, Any]
"""Scalars or arrays that broadcast, by name."""

ROLES = ("floor", "contribution", "exponent", "coupling", "strength", "rate", "shape", "noise")


@dataclass(frozen=True)
class Parameter:
    """One parameter: what it is called, what it means, and what is believed of it beforehand.

    Parameters
    ----------
    name : str
        Name in code, tables and ``--prior``.
    role : str
        One of ``floor``, ``contribution``, ``exponent``, ``coupling``, ``strength``, ``rate``,
        ``shape``, ``noise``. The default prior follows from the role and from the law around it; a
        ``shape``, which is anything else, and a ``noise`` parameter bring their own.
    unit : str
        Unit; ``loss`` stands for the unit of the observed loss.
    meaning : str
        One phrase.
    prior : Prior, optional
        A prior that overrides the role's default.
    positive : bool, default True
        Whether the parameter must be positive.
    learned : bool, default False
        Whether the prior was learned from other data of the kind, so that a posterior which rests
        on it is no cause for alarm.
    """

    name: str
    role: str
    unit: str
    meaning: str
    prior: Prior | None = None
    positive: bool = True
    learned: bool = False

    def __post_init__(self) -> None:
        if self.role not in ROLES:
            raise LawError(
                f"The parameter {self.name!r} has the role {self.role!r}, which there is not. "
                f"Choose one of: {', '.join(ROLES)}."
            )
        plain_words(f"a {self.role} parameter", name=self.name)


@dataclass(frozen=True)
class Pair:
    """A contribution of an input and the exponent with which it falls.

    The data fix their product, the local slope.
    """

    input: str
    contribution: str
    exponent: str


class Term(ABC):
    """A contribution to the loss.

    Subclasses are frozen dataclasses that state the attributes and methods below, and nothing else.
    """

    @property
    @abstractmethod
    def inputs(self) -> tuple[str, ...]:
        """Symbols of the inputs that the term reads."""

    @property
    def paths(self) -> tuple[str, ...]:
        """Columns that the term reads as more than a number a row; see :mod:`.paths`."""
        return ()

    @property
    @abstractmethod
    def parameters(self) -> tuple[Parameter, ...]:
        """The parameters that the term owns, sampled."""

    @property
    def derived(self) -> tuple[Parameter, ...]:
        """Field parameters that are not sampled, as far as there is something to say of them.

        Those that are not listed are amplitudes, above zero.
        """
        return ()

    @property
    def pairs(self) -> tuple[Pair, ...]:
        """Contributions with their exponents, for the sampler's slope coordinates."""
        return ()

    @property
    def floor(self) -> str | None:
        """Name of the irreducible loss, where the term has one."""
        return None

    def steepness(self, params: Values, reference: Values) -> Any | None:
        """Log of the slope at the reference over contribution times exponent, where it is not zero.

        Of a law with one pair and a floor.

        Parameters
        ----------
        params : mapping
            Parameters that are no part of the pair.
        reference : mapping
            The reference point.
        """
        return None

    def saturated(self, params: Values, reference: Values) -> Any | None:
        """Log of the same ratio, of a term that saturates: the contribution may decide it too.

        Of a law with one pair. Where it is given, :meth:`steepness` is not.

        Parameters
        ----------
        params : mapping
            All parameters but the pair's exponent.
        reference : mapping
            The reference point.
        """
        return None

    @property
    def bends(self) -> tuple[Bend, ...]:
        """What saturating modifiers bend, for the sampler's bend coordinates."""
        return ()

    def reference_point(self, columns: Mapping[str, np.ndarray]) -> dict[str, float]:
        """What the term takes of a table's inputs in place of their log geometric means."""
        return {}

    @property
    def spreads(self) -> tuple[str, ...]:
        """Inputs whose spread over the runs is a unit of the term's sampled parameters."""
        return ()

    @property
    def null(self) -> str | None:
        """Name of the parameter that removes the term when it is zero, if there is one."""
        return None

    @abstractmethod
    def log_value(self, params: Values, x: Values, reference: Values) -> Any:
        """Logarithm of the contribution.

        Parameters
        ----------
        params : mapping
            Reference parameters by name.
        x, reference : mapping
            Natural logarithms of the inputs, and of the reference point; a linear input, z, as it
            is. The former holds the arrays of the term's paths too, with axes of their own last;
            the latter the spread of an input where the term asks for it, see :func:`spread`.

        Returns
        -------
        array
            Broadcast over parameters and inputs; the log of a number in the unit of the loss.
        """

    def undefined(self, params: Values, x: Values, reference: Values) -> Any:
        """Where the formula has no value and is held at its limit; arguments as above.

        Returns
        -------
        bool or array of bool
            Broadcast over parameters and inputs. Nowhere, unless a term says more.
        """
        return False

    @abstractmethod
    def to_field(self, params: Values, reference: Values, log_gain: Any = 0.0) -> dict[str, Any]:
        """Field parameters from reference parameters.

        ``log_gain`` is the log factor by which the term's surroundings make its field form larger
        than its reference form (a modifier at the reference point, an outer exponent).
        """

    @abstractmethod
    def from_field(self, field: Values, reference: Values, log_gain: Any = 0.0) -> dict[str, Any]:
        """Reference parameters from field parameters: the inverse of :meth:`to_field`."""

    @property
    @abstractmethod
    def expression(self) -> str:
        """The term as text that :func:`bayescale.laws.parse` reads back."""

    def __add__(self, other: object) -> Term:
        if isinstance(other, Modifier):
            raise LawError(
                f"The modifier {other.expression} cannot be added. Multiply a term by it."
            )
        if not isinstance(other, Term):
            return NotImplemented
        return Sum((*summands(self), *summands(other)))

    def __mul__(self, other: object) -> Term:
        if not isinstance(other, Modifier):
            raise LawError(
                f"The term {self.expression} can only be multiplied by a modifier, such as "
                "overtraining(D). Add terms; multiply by modifiers."
            )
        if isinstance(self, Modulated):
            return Modulated(self.term, (*self.modifiers, other))
        return Modulated(self, (other,))


def summands(term: Term) -> tuple[Term, ...]:
    """The terms that a term adds up: itself, unless it is a sum."""
    return term.terms if isinstance(term, Sum) else (term,)


class Modifier(ABC):
    """A positive factor on a term that tends to one where its effect is absent."""

    @property
    @abstractmethod
    def inputs(self) -> tuple[str, ...]:
        """Symbols of the inputs that the modifier reads."""

    @property
    @abstractmethod
    def parameters(self) -> tuple[Parameter, ...]:
        """The parameters that the modifier owns, sampled."""

    @property
    def derived(self) -> tuple[Parameter, ...]:
        """Field parameters that are not sampled."""
        return ()

    @property
    def spreads(self) -> tuple[str, ...]:
        """Inputs whose spread over the runs is a unit of the modifier's sampled parameters."""
        return ()

    @property
    def null(self) -> str | None:
        """Name of the parameter that makes the factor one when it is zero, if there is one."""
        return None

    @abstractmethod
    def log_factor(self, params: Values, x: Values) -> Any:
        """Logarithm of the factor, from field parameters and log inputs (z as it is)."""

    def to_field(self, params: Values, reference: Values) -> dict[str, Any]:
        """Field parameters from reference parameters: the same, unless a modifier says more."""
        return {p.name: params[p.name] for p in self.parameters}

    def from_field(self, field: Values, reference: Values) -> dict[str, Any]:
        """Reference parameters from field parameters: the inverse of :meth:`to_field`."""
        return {p.name: field[p.name] for p in self.parameters}

    @property
    @abstractmethod
    def expression(self) -> str:
        """The modifier as text."""


class Saturating(Modifier):
    r"""A factor :math:`1 + \rho\,g(kM)` that rises from one and saturates at :math:`1 + \rho`.

    The data fix how far it has risen where the lever :math:`M` is large, hardly the split of that
    rise into a strength :math:`\rho` and a rate :math:`k`; a sampler is told so by this class.
    Subclasses state the attributes ``strength``, the name of :math:`\rho` or its fixed value, and
    ``rate``, the name of :math:`k`, and the two methods below.
    """

    strength: str | float
    rate: str

    @property
    def null(self) -> str | None:
        return self.strength if isinstance(self.strength, str) else None

    @abstractmethod
    def log_lever(self, x: Values) -> Any:
        """Logarithm of the lever :math:`M`, from log inputs, by plain arithmetic."""

    @abstractmethod
    def rise(self, z: Any) -> Any:
        """The rise :math:`g` at :math:`z = kM`: about proportional to z at first, then one."""

    def log_factor(self, params: Values, x: Values) -> Any:
        strength = params[self.strength] if isinstance(self.strength, str) else self.strength
        return jnp.log1p(strength * self.rise(params[self.rate] * jnp.exp(self.log_lever(x))))


@dataclass(frozen=True)
class Bend:
    """A term and the saturating modifier that bends it."""

    term: Term
    modifier: Saturating


@dataclass(frozen=True)
class Sum(Term):
    """Terms added: one log-sum-exp of their log values."""

    terms: tuple[Term, ...]

    @property
    def inputs(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(name for term in self.terms for name in term.inputs))

    @property
    def paths(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(name for term in self.terms for name in term.paths))

    def reference_point(self, columns: Mapping[str, np.ndarray]) -> dict[str, float]:
        found = (term.reference_point(columns).items() for term in self.terms)
        return {name: value for items in found for name, value in items}

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        return merged(term.parameters for term in self.terms)

    @property
    def derived(self) -> tuple[Parameter, ...]:
        return tuple(parameter for term in self.terms for parameter in term.derived)

    @property
    def pairs(self) -> tuple[Pair, ...]:
        return tuple(pair for term in self.terms for pair in term.pairs)

    @property
    def bends(self) -> tuple[Bend, ...]:
        return tuple(bend for term in self.terms for bend in term.bends)

    @property
    def floor(self) -> str | None:
        return next((term.floor for term in self.terms if term.floor), None)

    @property
    def spreads(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(name for term in self.terms for name in term.spreads))

    def log_value(self, params: Values, x: Values, reference: Values) -> Any:
        return log_sum([term.log_value(params, x, reference) for term in self.terms])

    def undefined(self, params: Values, x: Values, reference: Values) -> Any:
        found = [term.undefined(params, x, reference) for term in self.terms]
        return functools.reduce(operator.or_, found)

    def to_field(self, params: Values, reference: Values, log_gain: Any = 0.0) -> dict[str, Any]:
        return {
            name: value
            for term in self.terms
            for name, value in term.to_field(params, reference, log_gain).items()
        }

    def from_field(self, field: Values, reference: Values, log_gain: Any = 0.0) -> dict[str, Any]:
        return {
            name: value
            for term in self.terms
            for name, value in term.from_field(field, reference, log_gain).items()
        }

    @property
    def expression(self) -> str:
        return " + ".join(term.expression for term in self.terms)


@dataclass(frozen=True)
class Around(Term):
    """A term about another: what it does not say itself is as the inner term says.

    Parameters
    ----------
    term : Term
        The inner term.
    """

    term: Term

    @property
    def inputs(self) -> tuple[str, ...]:
        return self.term.inputs

    @property
    def paths(self) -> tuple[str, ...]:
        return self.term.paths

    @property
    def derived(self) -> tuple[Parameter, ...]:
        return self.term.derived

    @property
    def pairs(self) -> tuple[Pair, ...]:
        return self.term.pairs

    @property
    def floor(self) -> str | None:
        return self.term.floor

    @property
    def bends(self) -> tuple[Bend, ...]:
        return self.term.bends

    @property
    def spreads(self) -> tuple[str, ...]:
        return self.term.spreads

    def reference_point(self, columns: Mapping[str, np.ndarray]) -> dict[str, float]:
        return self.term.reference_point(columns)

    def undefined(self, params: Values, x: Values, reference: Values) -> Any:
        return self.term.undefined(params, x, reference)


@dataclass(frozen=True)
class Modulated(Around):
    """A term multiplied by modifiers, each divided by its value at the reference point.

    The division keeps the contribution at the reference what it says, and what the data fix; the
    field amplitude is the term without the modifier's effect.
    """

    modifiers: tuple[Modifier, ...]

    def __post_init__(self) -> None:
        if self.term.floor:
            raise LawError(
                f"A modifier multiplies the floor {self.term.floor!r}, which would no longer be "
                "irreducible. Add it outside: irreducible + (...) * overtraining(D)."
            )
        without_paths("A modifier", self.term)

    @property
    def inputs(self) -> tuple[str, ...]:
        names = (*self.term.inputs, *(name for m in self.modifiers for name in m.inputs))
        return tuple(dict.fromkeys(names))

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        return merged((self.term.parameters, *(m.parameters for m in self.modifiers)))

    @property
    def derived(self) -> tuple[Parameter, ...]:
        return (*self.term.derived, *(p for m in self.modifiers for p in m.derived))

    @property
    def bends(self) -> tuple[Bend, ...]:
        own = (Bend(self.term, m) for m in self.modifiers if isinstance(m, Saturating))
        return (*self.term.bends, *own)

    @property
    def spreads(self) -> tuple[str, ...]:
        names = (*self.term.spreads, *(name for m in self.modifiers for name in m.spreads))
        return tuple(dict.fromkeys(names))

    def _log_factor(self, field: Values, x: Values) -> Any:
        return sum(modifier.log_factor(field, x) for modifier in self.modifiers)

    def _field(self, params: Values, reference: Values) -> dict[str, Any]:
        own = (m.to_field(params, reference).items() for m in self.modifiers)
        return {name: value for items in own for name, value in items}

    def log_value(self, params: Values, x: Values, reference: Values) -> Any:
        field = self._field(params, reference)
        change = self._log_factor(field, x) - self._log_factor(field, reference)
        return self.term.log_value(params, x, reference) + change

    def to_field(self, params: Values, reference: Values, log_gain: Any = 0.0) -> dict[str, Any]:
        field = self._field(params, reference)
        gain = log_gain - self._log_factor(field, reference)
        return {**self.term.to_field(params, reference, gain), **field}

    def from_field(self, field: Values, reference: Values, log_gain: Any = 0.0) -> dict[str, Any]:
        gain = log_gain - self._log_factor(field, reference)
        own = (m.from_field(field, reference).items() for m in self.modifiers)
        params = {name: value for items in own for name, value in items}
        return {**self.term.from_field(field, reference, gain), **params}

    @property
    def expression(self) -> str:
        inner = self.term.expression
        if isinstance(self.term, Sum):
            inner = f"({inner})"
        return " * ".join((inner, *(m.expression for m in self.modifiers)))


def spread_key(input: str) -> str:
    """Key of an input's spread in the reference point."""
    return f"spread of {input}"


def spread(reference: Values, input: str) -> Any:
    """Standard deviation of an input's coordinate over the runs; one where there are no runs."""
    return reference.get(spread_key(input), 1.0)


def log_sum(values: Sequence[Any]) -> Any:
    """Log of the sum of exponentials of arrays that broadcast.

    It takes them one by one, where stacking them would cost a sampler a quarter of its time.
    """
    highest = jax.lax.stop_gradient(functools.reduce(jnp.maximum, values))
    total = functools.reduce(operator.add, [jnp.exp(value - highest) for value in values])
    return highest + jnp.log(total)


def merged(groups: Any) -> tuple[Parameter, ...]:
    """Parameters of several owners; one name declared twice must be the same parameter.

    A contribution and a floor have one owner: two terms cannot share an amplitude.
    """
    found: dict[str, Parameter] = {}
    for group in groups:
        for parameter in group:
            known = found.setdefault(parameter.name, parameter)
            amplitude = known is not parameter and parameter.role in ("contribution", "floor")
            if known != parameter or amplitude:
                raise LawError(
                    f"Two terms of the law both own a parameter {parameter.name!r}. "
                    "Name one of them otherwise, e.g. "
                    'power(D, exponent="beta2", level="T_D2", field="B2").'
                )
    return tuple(found.values())


def plain_words(owner: str, **names: object) -> None:
    """Refuse names that are not plain words: they stand in tables, files and expressions."""
    for key, name in names.items():
        if not (isinstance(name, str) and name.isidentifier()):
            raise LawError(f"The {key} of {owner} is {name!r}. Give a plain word, such as alpha.")


def without_paths(owner: str, term: Term) -> None:
    """Refuse a term with paths where a term is evaluated at the reference point, which has none."""
    if term.paths:
        raise LawError(
            f"{owner} is put around {term.expression}, which reads {term.paths[0]}. Put it inside: "
            "annealed(...) goes outside of all but a sum."
        )


def fixed_number(owner: str, name: str, value: float, zero_allowed: bool = False) -> None:
    """Refuse a fixed value that is not finite or not above zero."""
    if not math.isfinite(value) or value < 0 or (value == 0 and not zero_allowed):
        least = "of zero or more" if zero_allowed else "above zero"
        raise LawError(f"The {name} of {owner} is {value!r}. Give a finite number {least}.")
