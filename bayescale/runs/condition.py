"""A parsed condition, and what its constants and names stand for."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from bayescale.errors import ExpressionError
from bayescale.runs.compare import compare, contains, is_logical
from bayescale.runs.wording import did_you_mean, listed, quoted

__all__ = ["COLUMN", "EXAMPLE", "Where", "constant", "named", "piece", "refused"]

COLUMN = "_bayescale_column_"
"""What a name between backticks becomes before parsing, with its number behind it."""

EXAMPLE = 'Write for example: C < 1e21 and family in ("a", "b") and not D > 70B.'
"""What every refusal ends with."""

_INSTEAD: Mapping[type[ast.AST], str] = {
    ast.BinOp: "arithmetic (compare M in place of D/N)",
    ast.Call: "a call",
    ast.Attribute: "an attribute",
    ast.Subscript: "a subscript",
    ast.Lambda: "a lambda",
    ast.IfExp: "an if",
    ast.NamedExpr: "an assignment",
    ast.JoinedStr: "an f-string",
    ast.Compare: "a comparison inside a comparison",
    ast.BoolOp: "and, or inside a comparison",
    ast.Name: "a name where a constant is needed",
}
_Values = npt.NDArray[Any]
_Operand = _Values | float | str


@dataclass(frozen=True)
class Where:
    """A condition on the rows of a table.

    Parameters
    ----------
    text : str
        The condition as written.
    names : tuple of str
        The columns that it names, in order of appearance.
    """

    text: str
    names: tuple[str, ...]
    _tree: ast.expr = field(repr=False, compare=False)
    _columns: tuple[str, ...] = field(repr=False, compare=False)

    def mask(self, columns: Mapping[str, _Values]) -> npt.NDArray[np.bool_]:
        """Return which rows meet the condition.

        Parameters
        ----------
        columns : mapping of str to array
            Columns of one length by every name that may be used. A missing number meets no
            comparison but ``!=``.

        Raises
        ------
        ExpressionError
            If a column is not there, or numbers are compared with text.
        """
        rows = len(next(iter(columns.values()), ()))
        try:
            return np.broadcast_to(self._test(self._tree, columns), (rows,)).copy()
        except RecursionError as error:
            raise refused(self.text, "it is nested too deeply") from error

    def _test(self, node: ast.expr, columns: Mapping[str, _Values]) -> npt.NDArray[np.bool_]:
        if isinstance(node, ast.BoolOp):
            result = np.asarray(isinstance(node.op, ast.And))
            for part in node.values:
                test = self._test(part, columns)
                result = result & test if isinstance(node.op, ast.And) else result | test
            return result
        if isinstance(node, ast.UnaryOp):
            return ~self._test(node.operand, columns)
        if isinstance(node, ast.Compare):
            result = np.asarray(True)
            left = node.left
            for operator, right in zip(node.ops, node.comparators, strict=True):
                result = result & self._compare(left, operator, right, columns)
                left = right
            return result
        value = self._value(node, columns)
        if isinstance(value, np.ndarray) and is_logical(value):
            return np.asarray(value == 1)
        raise refused(
            self.text, f"{quoted(self._source(node))} is neither true nor false, compare it"
        )

    def _compare(
        self, left: ast.expr, operator: ast.cmpop, right: ast.expr, columns: Mapping[str, _Values]
    ) -> npt.NDArray[np.bool_]:
        one = self._value(left, columns)
        try:
            if isinstance(operator, (ast.In, ast.NotIn)):
                items = right.elts if isinstance(right, (ast.Tuple, ast.List)) else [right]
                found = contains(one, [constant(item, self.text) for item in items])
                return found if isinstance(operator, ast.In) else ~found
            return compare(one, type(operator).__name__, self._value(right, columns))
        except TypeError as error:
            sides = f"{quoted(self._source(left))} and {quoted(self._source(right))}"
            raise refused(self.text, f"{error} in the comparison of {sides}") from error

    def _value(self, node: ast.expr, columns: Mapping[str, _Values]) -> _Operand:
        if not isinstance(node, ast.Name):
            return constant(node, self.text)
        name = named(node, self._columns)
        if name not in columns:
            known = list(columns)
            raise ExpressionError(
                f"The condition {quoted(self.text, 120)} names {quoted(name)}, which is not a "
                f"column.{did_you_mean(name, known)} The columns are {listed(known, 40)}; put "
                "text between quotes."
            )
        return columns[name]

    def _source(self, node: ast.expr) -> str:
        if isinstance(node, ast.Name):
            return named(node, self._columns)
        return ast.unparse(node)


def constant(node: ast.expr, text: str) -> float | str:
    """Return the number or the string that a node holds, or refuse it."""
    sign = 1.0
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.USub, ast.UAdd)):
        sign = -1.0 if isinstance(node.op, ast.USub) else 1.0
        node = node.operand
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            raise refused(text, "text has a sign")
    if not isinstance(node, ast.Constant):
        raise refused(text, piece(node))
    value = node.value
    if isinstance(value, str):
        return value
    if isinstance(value, (bool, int, float)):
        try:
            number = sign * float(value)
        except OverflowError:
            number = np.inf
        if np.isfinite(number):
            return number
        raise refused(text, "a number is too large")
    raise refused(text, f"{quoted(ast.unparse(node))} is neither a number nor text between quotes")


def named(node: ast.Name, columns: tuple[str, ...]) -> str:
    """Return the column that a name stands for; `columns` are those between backticks."""
    place = node.id.removeprefix(COLUMN)
    if place != node.id and place.isdecimal() and len(place) < 5 and int(place) < len(columns):
        return columns[int(place)]
    return node.id


def piece(node: ast.AST) -> str:
    """Say what a node is that has no place in a condition."""
    what = _INSTEAD.get(type(node), "something else")
    if isinstance(node, ast.BinOp) and isinstance(node.op, (ast.BitAnd, ast.BitOr)):
        what = "& or | (write and, or)"
    return f"{quoted(ast.unparse(node))} is {what}, which is not part of a condition"


def refused(text: str, reason: str) -> ExpressionError:
    """Return the error for a condition that cannot be read."""
    return ExpressionError(f"The condition {quoted(text, 120)} cannot be read: {reason}. {EXAMPLE}")
