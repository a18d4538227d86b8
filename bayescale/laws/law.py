"""A law: a term with a name, a source, presets and priors."""

from __future__ import annotations

import functools
import math
from collections.abc import Container, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

import jax
import numpy as np

from bayescale.errors import LawError, PriorError
from bayescale.laws.coupled import Coupled
from bayescale.laws.defaults import default_prior
from bayescale.laws.paths import PATHS, read_paths
from bayescale.laws.power import Power
from bayescale.laws.term import Parameter, Term, Values, merged, spread_key, summands
from bayescale.prior import Prior
from bayescale.units import coordinate, is_linear

__all__ = ["Law", "Preset"]


@dataclass(frozen=True)
class Preset:
    """A published fit.

    Parameters
    ----------
    values : mapping of str to float
        Field parameters by name.
    source : str
        Where the numbers are printed.
    count : str
        How N was counted there: ``total`` or ``non-embedding``.
    se : mapping of str to float, optional
        Published standard errors, where there are any.
    input : str, optional
        For a law of any one input: the input that the numbers belong to.
    """

    values: Mapping[str, float]
    source: str
    count: str
    se: Mapping[str, float] = field(default_factory=dict)
    input: str | None = None


@dataclass(frozen=True, eq=False)
class Law:
    """A scaling law: a formula with its parameters, priors, presets and source.

    Build one from terms, or take a named one with :func:`bayescale.laws.get`.

    Parameters
    ----------
    name : str
        Short name, used in tables, files and on the command line.
    term : Term
        The sum of terms.
    title, formula, source, notes : str
        What the law is, its formula in the field's symbols, where it is published, and what a user
        should know before trusting it.
    presets : mapping of str to Preset
        Published fits by name.
    replaced : mapping of str to Prior
        Priors that replace the defaults; see :meth:`with_priors`.
    noise, discrepancy : str
        The noise and the discrepancy that the law is fitted with unless others are named.
    noise_priors : mapping of str to Prior
        Priors of that noise, in place of its own.

    Examples
    --------
    >>> import bayescale as bs
    >>> law = bs.laws.get("chinchilla")
    >>> float(law.loss({"N": 70e9, "D": 1.4e12}, law.preset("besiroglu2024")).round(3))
    1.973
    """

    name: str
    term: Term
    title: str = ""
    formula: str = ""
    source: str = ""
    notes: str = ""
    presets: Mapping[str, Preset] = field(default_factory=lambda: MappingProxyType({}))
    replaced: Mapping[str, Prior] = field(default_factory=lambda: MappingProxyType({}))
    noise: str = "student_t"
    discrepancy: str = "slope"
    noise_priors: Mapping[str, Prior] = field(default_factory=lambda: MappingProxyType({}))

    def __post_init__(self) -> None:
        if not self.term.inputs:
            raise LawError(
                f"The law {self.expression!r} has no input. Add a term such as power(N)."
            )
        self._check_names()

    def __reduce__(self) -> tuple[Any, ...]:
        words = (self.name, self.term, self.title, self.formula, self.source, self.notes)
        with_it = (self.noise, self.discrepancy, dict(self.noise_priors))
        return Law, (*words, dict(self.presets), dict(self.replaced), *with_it)

    def _check_names(self) -> None:
        """Refuse terms that refer to nothing, or whose field parameters share a name."""
        own = {p.name: p for p in merged((self.term.parameters,))}
        try:
            names = self.field_names
        except KeyError as missing:
            raise LawError(
                f"The law {self.expression!r} refers to a parameter {missing} that none of its "
                f"terms owns. Its parameters: {', '.join(own)}."
            ) from None
        if len(names) != len(own):
            raise LawError(
                f"Two amplitudes of the law {self.expression!r} share a name; in the field's form "
                f"it has only {', '.join(names)}. Name one of them otherwise, e.g. "
                'power(D, exponent="beta2", level="T_D2", field="B2").'
            )

    @property
    def inputs(self) -> tuple[str, ...]:
        """Symbols of the inputs, e.g. ``("N", "D")``."""
        return self.term.inputs

    @property
    def paths(self) -> tuple[str, ...]:
        """Columns that the law reads as more than a number a row, e.g. ``("lr_schedule",)``."""
        return self.term.paths

    def coordinates(self, columns: Mapping[str, Any]) -> dict[str, np.ndarray]:
        """What the term reads of columns: inputs by their logs, and the arrays of the paths.

        Parameters
        ----------
        columns : mapping of str to array, shape (row,)
            Inputs in plain units, and paths.
        """
        x = {name: coordinate(name, columns[name]) for name in self.inputs}
        return x | read_paths(self.paths, columns)

    @functools.cached_property
    def parameters(self) -> tuple[Parameter, ...]:
        """The sampled parameters, each with the prior that is in force."""
        return tuple(
            replace(p, prior=self.replaced.get(p.name) or default_prior(p, self.term))
            for p in self.term.parameters
        )

    @functools.cached_property
    def priors(self) -> dict[str, Prior]:
        """The priors in force, by parameter."""
        return {p.name: p.prior for p in self.parameters if p.prior is not None}

    @functools.cached_property
    def field_names(self) -> tuple[str, ...]:
        """Names of the field parameters, as :meth:`loss` takes them."""
        return _field_names(self.term)

    @property
    def expression(self) -> str:
        """The formula as text that :func:`bayescale.laws.parse` reads back."""
        return self.term.expression

    def with_priors(self, **priors: Prior) -> Law:
        """The same law with priors replaced by parameter name.

        Raises
        ------
        PriorError
            Where the law samples no parameter of that name, or the prior allows negative values
            for a parameter that must be positive.
        """
        if not priors:
            return self
        own = {p.name: p for p in self.term.parameters}
        for name, prior in priors.items():
            if name not in own:
                derived = name in self.field_names
                why = (
                    f"{name!r} is derived from the others and has no prior of its own"
                    if derived
                    else f"The law {self.name!r} has no parameter {name!r}"
                )
                raise PriorError(f"{why}. Parameters that take a prior: {', '.join(own)}.")
            lowest, median = prior.quantile(np.asarray([0.0, 0.5]), own[name].positive)
            if own[name].positive and (lowest < 0.0 or not math.isfinite(median)):
                raise PriorError(
                    f"The prior {prior} reaches below zero, but {name!r} must be positive. "
                    "Choose a family or bounds above zero."
                )
        return replace(self, replaced=MappingProxyType({**self.replaced, **priors}))

    def preset(self, name: str) -> dict[str, float]:
        """Field parameters of a published fit.

        Parameters
        ----------
        name : str
            Name of the preset; :attr:`presets` lists them with source and counting convention.

        Raises
        ------
        LawError
            Where there is no such preset.
        """
        if name not in self.presets:
            known = ", ".join(self.presets) or "none"
            raise LawError(
                f"The law {self.name!r} has no preset {name!r}. Presets of this law: {known}."
            )
        return dict(self.presets[name].values)

    def loss(self, inputs: Mapping[str, Any], params: Mapping[str, Any]) -> np.ndarray:
        """The law's loss at the field's raw parameters.

        Parameters
        ----------
        inputs : mapping of str to array_like
            Inputs by symbol, in plain units (parameters, tokens, FLOP); all but z above zero. A law
            with paths takes columns of runs, all of one length.
        params : mapping of str to array_like
            Field parameters by name (``E, A, alpha, B, beta``); broadcast against the inputs.

        Returns
        -------
        numpy.ndarray
            Loss, in the unit of the parameters.

        Raises
        ------
        LawError
            Where an input or a parameter is missing, unknown or not above zero.
        """
        if missing := [name for name in self.term.paths if name not in inputs]:
            raise LawError(
                f"The law {self.name!r} was not given {missing[0]} ({PATHS[missing[0]].meaning}). "
                "Give the columns of runs that were read."
            )
        names = self.field_names
        own = (*self.term.parameters, *self.term.derived)
        real = {p.name for p in own if not p.positive}
        vanishing = {p.name for p in own if p.role in ("strength", "rate", "floor")}
        checked = _checked(params, names, "parameter", self.name, vanishing, real)
        linear = [name for name in self.inputs if is_linear(name)]
        log_x = {
            name: coordinate(name, value)
            for name, value in _checked(
                inputs, self.inputs, "input", self.name, real=linear
            ).items()
        }
        with jax.enable_x64(True):
            # At each point itself, so that no amplitude over- or underflows on the way.
            reference = self.term.from_field(checked, log_x)
            x = log_x | read_paths(self.term.paths, inputs)
            return np.exp(np.asarray(self.term.log_value(reference, x, log_x)))

    @property
    def allocation_exponents(self) -> tuple[str, str] | None:
        r"""Names of the exponents of N and D, where :math:`a = \beta/(\alpha+\beta)` holds.

        At fixed C = 6ND the best N of a sum of one power of N and one of D, also under an outer
        exponent, grows as :math:`C^a` [1]_. None for laws without that form.

        References
        ----------
        .. [1] Hoffmann et al. 2022, arXiv 2203.15556, eq. 4.
        """
        terms, outer = [term for term in summands(self.term) if not term.floor], ""
        while len(terms) == 1 and isinstance(coupled := terms[0], Coupled):
            terms, outer = list(summands(coupled.term)), coupled.k
        powers = {str(term.input): term for term in terms if isinstance(term, Power)}
        if len(terms) != 2 or set(powers) != {"N", "D"}:
            return None
        n, d = powers["N"], powers["D"]
        if n.per == d.per and isinstance(n.exponent, str) and isinstance(d.exponent, str):
            return n.exponent, d.exponent
        if outer and n.per == outer and d.per is None and d.exponent == 1.0:  # as Kaplan writes it
            return str(n.exponent), outer
        return None

    def __repr__(self) -> str:
        lines = [f"Law {self.name}: {self.formula or self.expression}"]
        lines += [f"  {p.name} ~ {p.prior}   {p.meaning}" for p in self.parameters]
        return "\n".join(lines[:12])


@functools.cache
def _field_names(term: Term) -> tuple[str, ...]:
    """Names of a term's field parameters, in its own order; nothing is computed."""
    ones = dict.fromkeys((p.name for p in term.parameters), 1.0)
    zeros = dict.fromkeys(term.inputs, 0.0)
    found: list[str] = []

    def trace() -> dict[str, Any]:
        values = term.to_field(ones, zeros)
        found.extend(values)
        return term.from_field(values, zeros)

    jax.eval_shape(trace)
    return tuple(found)


def _checked(
    given: Mapping[str, Any],
    names: tuple[str, ...],
    what: str,
    law: str,
    zero_allowed: Container[str] = (),
    real: Container[str] = (),
) -> dict[str, np.ndarray]:
    """The named values as float64 arrays, refused where one is missing or out of range."""
    missing = [name for name in names if name not in given]
    if missing:
        raise LawError(
            f"The law {law!r} was not given the {what} {missing[0]!r}. "
            f"It needs: {', '.join(names)}."
        )
    if what == "parameter" and (extra := [name for name in given if name not in names]):
        raise LawError(
            f"The law {law!r} has no parameter {extra[0]!r}. It takes: {', '.join(names)}."
        )
    values = {name: np.asarray(given[name], dtype=np.float64) for name in names}
    for name, value in values.items():
        lowest, least = 5e-324, " above zero"
        if name in real:
            lowest, least = -np.inf, ""
        elif name in zero_allowed:
            lowest, least = 0.0, " of zero or more"
        bad = ~np.isfinite(value) | (value < lowest)
        if np.any(bad):
            first = float(np.ravel(value)[np.ravel(bad)][0])
            raise LawError(
                f"The {what} {name!r} of the law {law!r} is {first:g}. Give finite numbers{least}."
            )
    return values


def geometric_mean(values: np.ndarray) -> float:
    """Geometric mean of positive numbers."""
    return math.exp(float(np.mean(np.log(values))))


def reference_point(columns: Values, law: Law) -> dict[str, float]:
    """Log reference point of a table of runs: the geometric mean of every input.

    Of an input that is linear (:data:`bayescale.units.INPUTS`), the mean. A law's term may take
    another point.

    With it, the spread of those inputs for which the law's parameters have it as their unit.
    """
    middle = {name: float(np.mean(coordinate(name, columns[name]))) for name in law.inputs}
    spreads = {spread_key(n): spread_of(n, columns[n]) for n in law.term.spreads}
    return middle | spreads | law.term.reference_point(columns)


def spread_of(name: str, values: np.ndarray) -> float:
    """Standard deviation of an input's coordinate, kept above zero for a constant input."""
    return max(float(np.std(coordinate(name, values))), 1e-6)
