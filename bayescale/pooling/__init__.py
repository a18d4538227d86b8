"""Pooling: parameters that differ from one family of runs to another."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bayescale import grammar
from bayescale.errors import LawError
from bayescale.laws.law import Law
from bayescale.pooling.pooling import COMPLETE, MEMBER, Pooling

__all__ = ["COMPLETE", "MEMBER", "Pooling", "from_json", "get"]

EXAMPLE = '"family", "family(E, alpha)" or "family(E, sd=0.1)"'


def get(pool: str | Pooling | None, law: Law) -> Pooling:
    """Pooling as typed, for a law: a column, with the parameters that it is to pool.

    ``None`` is one law for all runs.

    Raises
    ------
    LawError, ExpressionError
        Where it cannot be read, or the law has no such parameter.
    """
    if pool is None:
        return COMPLETE
    if isinstance(pool, Pooling):
        return pool.of(law)
    refusal = LawError(f"The pooling {pool!r} cannot be read. Write it like this: {EXAMPLE}.")
    match grammar.parse(pool, "pooling", EXAMPLE):
        case grammar.Name(name=by):
            return Pooling(by).of(law)
        case grammar.Call(name=by, args=args, kwargs=kwargs):
            names = tuple(node.name for node in args if isinstance(node, grammar.Name))
            numbers = dict(kwargs)
            sd = numbers.pop("sd", None)
            if len(names) != len(args) or numbers or not isinstance(sd, float | None):
                raise refusal
            return Pooling(by, names, sd).of(law)
    raise refusal


def from_json(description: Mapping[str, Any]) -> Pooling:
    """Rebuild pooling from :meth:`Pooling.to_json`."""
    return Pooling(
        str(description["by"]),
        tuple(description["parameters"]),
        description["sd"],
        tuple(description["groups"]),
    )
