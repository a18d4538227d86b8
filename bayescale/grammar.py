"""One small, safe reader for the expressions that a user may type.

``--law`` and ``--prior`` share the syntax of Python calls with constant arguments. The text is
parsed by :mod:`ast` and walked against a white list; nothing is ever evaluated.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass

from bayescale.errors import ExpressionError

__all__ = ["Call", "Name", "Node", "Operation", "parse"]

MAX_LENGTH = 1000


@dataclass(frozen=True)
class Name:
    """A bare word such as ``N`` or ``irreducible``."""

    name: str


@dataclass(frozen=True)
class Call:
    """A call such as ``power(D, exponent="beta")``."""

    name: str
    args: tuple[Node, ...]
    kwargs: tuple[tuple[str, Node], ...]


@dataclass(frozen=True)
class Operation:
    """A sum (``+``) or a product (``*``) of two nodes."""

    symbol: str
    left: Node
    right: Node


type Node = Name | Call | Operation | float | str


def parse(text: str, what: str, example: str) -> Node:
    """Parse one expression.

    Parameters
    ----------
    text : str
        What the user typed.
    what : str
        What it is, for the error message: ``"law"``, ``"prior"``.
    example : str
        A correct expression, shown when this one cannot be read.

    Returns
    -------
    Node
        A tree of names, calls, sums, products and constants.

    Raises
    ------
    ExpressionError
        Where the text is not such an expression.
    """
    remedy = f"Write it like this: {example}."
    if len(text) > MAX_LENGTH:
        raise ExpressionError(
            f"The {what} expression has {len(text)} characters, more than {MAX_LENGTH}. {remedy}"
        )
    try:
        tree = ast.parse(text.strip(), mode="eval")
        return _walk(tree.body, text, what, remedy)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        if isinstance(error, ExpressionError):
            raise
        raise ExpressionError(f"The {what} expression {text!r} cannot be read. {remedy}") from None


def _walk(node: ast.AST, text: str, what: str, remedy: str) -> Node:
    def inner(child: ast.AST) -> Node:
        return _walk(child, text, what, remedy)

    match node:
        case ast.Name(id=name):
            return Name(name)
        case ast.Constant(value=bool()):
            pass
        case ast.Constant(value=int() | float() as value):
            return _number(value, text, what, remedy)
        case ast.Constant(value=str() as value):
            return value
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as value)):
            return -_number(value, text, what, remedy)
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            return Operation("+", inner(left), inner(right))
        case ast.BinOp(left=left, op=ast.Mult(), right=right):
            return Operation("*", inner(left), inner(right))
        case ast.BinOp(
            left=ast.Constant(value=int() as top),
            op=ast.Div(),
            right=ast.Constant(value=int() as bottom),
        ) if bottom != 0:
            return _number(top, text, what, remedy) / _number(bottom, text, what, remedy)
        case ast.Call(func=ast.Name(id=name), args=args, keywords=keywords) if (
            all(k.arg is not None for k in keywords)
            and len({k.arg for k in keywords}) == len(keywords)
            and not any(isinstance(a, ast.Starred) for a in args)
        ):
            return Call(
                name,
                tuple(inner(a) for a in args),
                tuple((str(k.arg), inner(k.value)) for k in keywords),
            )
    piece = ast.get_source_segment(text.strip(), node) or type(node).__name__
    raise ExpressionError(
        f"The {what} expression {text!r} holds {piece!r}, which is not allowed. {remedy}"
    )


def _number(value: float, text: str, what: str, remedy: str) -> float:
    try:
        number = float(value)
    except OverflowError:
        number = float("inf")
    if number - number != 0.0:  # inf or nan
        raise ExpressionError(
            f"The {what} expression {text!r} holds a number that is not finite. {remedy}"
        )
    return number
