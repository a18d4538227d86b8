"""Which laws are special cases of others: an outer exponent of one, a strength of zero."""

from __future__ import annotations

from dataclasses import dataclass, replace

from bayescale.evidence.savage_dickey import NULLS
from bayescale.laws.coupled import Coupled
from bayescale.laws.law import Law
from bayescale.laws.term import Modifier, Modulated, Sum, Term
from bayescale.model import Model

__all__ = ["Nested", "nested_in", "same_priors"]


@dataclass(frozen=True)
class Nested:
    """A law is the wider one with a parameter at its null."""

    parameter: str
    null: float
    expression: str


def nested_in(law: Law) -> tuple[Nested, ...]:
    """The simpler laws that one parameter's null leaves behind."""
    found = []
    for parameter in law.term.parameters:
        if parameter.role in NULLS:
            simpler = _without(law.term, parameter.name)
            if simpler is not None and simpler.expression != law.expression:
                found.append(Nested(parameter.name, NULLS[parameter.role], simpler.expression))
    return tuple(found)


def same_priors(wide: Model, simple: Model) -> bool:
    """Whether all that the simpler model has is believed alike in the wider one beforehand."""
    return all(wide.priors.get(name) == prior for name, prior in simple.priors.items())


def _without(term: Term, name: str) -> Term | None:
    """The term with the parameter at its null; None where its kind is not known."""
    if isinstance(term, Sum):
        parts = [_without(t, name) for t in term.terms if t.null != name]
        return None if None in parts else _summed([p for p in parts if p is not None])
    if isinstance(term, Coupled):
        inner = _without(term.term, name)
        if term.k == name:
            return term.term
        return None if inner is None else replace(term, term=inner)
    if isinstance(term, Modulated):
        kept: list[Modifier] = []
        for modifier in term.modifiers:
            own = {p.name for p in modifier.parameters}
            if modifier.null == name:
                continue
            if name in own:
                return None
            kept.append(modifier)
        inner = _without(term.term, name)
        if inner is None or not kept:
            return inner
        return Modulated(inner, tuple(kept))
    return term


def _summed(terms: list[Term]) -> Term:
    total = terms[0]
    for term in terms[1:]:
        total = total + term
    return total
