"""Read a law from algebra typed as text; nothing is evaluated."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from typing import Any

from bayescale import grammar
from bayescale.errors import BayescaleError, ExpressionError
from bayescale.laws.annealed import Annealed, Momentum, MultiPower, Response
from bayescale.laws.balanced import Balanced
from bayescale.laws.batch_adjusted import BatchAdjusted
from bayescale.laws.breaks import Breaks
from bayescale.laws.coupled import Coupled
from bayescale.laws.curve import Frontier
from bayescale.laws.density import Density
from bayescale.laws.effective import Effective, Exhaustible, Repeated
from bayescale.laws.from_chance import FromChance
from bayescale.laws.growth import Growth
from bayescale.laws.hyperbola import Hyperbola
from bayescale.laws.irreducible import Irreducible
from bayescale.laws.loss_to_error import Approach
from bayescale.laws.loss_to_error_sigmoid import Sigmoid
from bayescale.laws.loss_to_loss import Transferred
from bayescale.laws.overfitting import Overfitting
from bayescale.laws.overtraining import OverTraining
from bayescale.laws.per_ratio import PerRatio
from bayescale.laws.power import Power
from bayescale.laws.shape import Shape
from bayescale.laws.shifted import Shifted
from bayescale.laws.term import Modifier, Term
from bayescale.laws.valley import Valley
from bayescale.units import INPUTS

__all__ = ["TERMS", "parse_term"]

EXAMPLE = '"irreducible + power(N) + power(D)*overtraining(D)"'

TERMS: dict[str, Callable[..., Term | Modifier | Effective | Response]] = {
    "irreducible": Irreducible,
    "power": Power,
    "growth": Growth,
    "coupled": Coupled,
    "shifted": Shifted,
    "from_chance": FromChance,
    "overfitting": Overfitting,
    "balanced": Balanced,
    "per_ratio": PerRatio,
    "batch_adjusted": BatchAdjusted,
    "hyperbola": Hyperbola,
    "overtraining": OverTraining,
    "frontier": Frontier,
    "breaks": Breaks,
    "density": Density,
    "valley": Valley,
    "shape": Shape,
    "transferred": Transferred,
    "approach": Approach,
    "sigmoid": Sigmoid,
    "effective": Repeated,
    "exhaustible": Exhaustible,
    "annealed": Annealed,
    "multi_power": MultiPower,
    "momentum": Momentum,
}
"""What may stand in an expression. A new term is one file and one line here."""

SYMBOLS = tuple(INPUTS)

NAMES_OF_INPUTS = ("input", "unique", "score", "size", "compute")
"""Arguments that name an input; all others name parameters or hold numbers."""


def parse_term(text: str) -> Term:
    """Read a sum of terms.

    Parameters
    ----------
    text : str
        Such as ``"irreducible + coupled(power(N) + power(D))"``.

    Raises
    ------
    ExpressionError
        Where the text is not such a sum; the message names the piece.
    """
    term = _build(grammar.parse(text, "law", EXAMPLE), text)
    if not isinstance(term, Term):
        raise ExpressionError(
            f"The law expression {text!r} is not a sum of terms. Write it like this: {EXAMPLE}."
        )
    unknown = [name for name in term.inputs if name not in SYMBOLS]
    if unknown:
        raise ExpressionError(
            f"The law expression {text!r} names an input {unknown[0]!r}. "
            f"Inputs: {', '.join(SYMBOLS)}."
        )
    return term


def _build(node: grammar.Node, text: str) -> Any:
    try:
        match node:
            case grammar.Operation(symbol="+", left=left, right=right):
                return _term(_build(left, text), text) + _build(right, text)
            case grammar.Operation(symbol="*", left=left, right=right):
                return _term(_build(left, text), text) * _build(right, text)
            case grammar.Name(name=name) if name in TERMS:
                return TERMS[name]()
            case grammar.Call(name=name, args=args, kwargs=kwargs) if name in TERMS:
                own = [field.name for field in fields(TERMS[name])]  # type: ignore[arg-type]
                named = [*zip(own, args, strict=False), *kwargs]
                if len(args) > len(own) or len({key for key, _ in named}) < len(named):
                    raise TypeError
                return TERMS[name](
                    **{key: _argument(v, text, key in NAMES_OF_INPUTS) for key, v in named}
                )
    except (TypeError, AttributeError):
        pass
    except BayescaleError as error:
        raise ExpressionError(f"{error}") from None
    raise ExpressionError(
        f"The law expression {text!r} holds {_describe(node)}, which is not a term with the right "
        f"arguments. Terms: {', '.join(TERMS)}; write it like this: {EXAMPLE}."
    )


def _term(value: Any, text: str) -> Term:
    if isinstance(value, Term):
        return value
    raise ExpressionError(
        f"The law expression {text!r} adds or multiplies something that is not a term. "
        f"Write it like this: {EXAMPLE}."
    )


def _argument(node: grammar.Node, text: str, may_be_input: bool) -> Any:
    match node:
        case float() | str():
            return node
        case grammar.Name(name=name) if name not in TERMS:
            if not may_be_input:
                raise ExpressionError(
                    f"The law expression {text!r} has the input {name!r} where a term takes an "
                    f'option. Put the name of a parameter in quotes: level="{name}".'
                )
            if name not in SYMBOLS:
                raise ExpressionError(
                    f"The law expression {text!r} names an input {name!r}. "
                    f"Inputs: {', '.join(SYMBOLS)}."
                )
            return name
    return _build(node, text)


def _describe(node: grammar.Node) -> str:
    match node:
        case grammar.Name(name=name) | grammar.Call(name=name):
            return repr(name)
        case grammar.Operation(symbol=symbol):
            return f"a {'sum' if symbol == '+' else 'product'}"
    return repr(node)
