"""The ``--where`` language: comparisons of columns with constants, never evaluated as code.

    where      = where "or" where | where "and" where | "not" where | "(" where ")"
               | operand (("<" | "<=" | ">" | ">=" | "==" | "!=") operand)+
               | operand ["not"] "in" "(" constant "," ... ")"
               | column                       (one that holds only 0 and 1)
    operand    = column | constant
    column     = a name, canonical or the table's own, between backticks where it is not a word
    constant   = 1e21 | 70B | -0.5 | "text" | 'text' | True | False

The text is parsed by the standard library's ``ast`` and the tree is walked against that list.
"""

from __future__ import annotations

import ast
import re
import warnings

from bayescale.errors import BayescaleError, ExpressionError
from bayescale.runs.condition import COLUMN, EXAMPLE, Where, constant, named, piece, refused
from bayescale.runs.wording import quoted
from bayescale.units import parse_size

__all__ = ["Where", "parse_where"]

_LONGEST = 2000
_TOKEN = re.compile(
    r"'[^']*'|\"[^\"]*\""
    r"|`(?P<column>[^`]*)`"
    r"|(?<![\w.])(?P<size>(?:[0-9]+\.?[0-9]*|\.[0-9]+)[kKMBGT])(?![\w.])"
)


def parse_where(text: str) -> Where:
    """Parse a condition such as ``C < 1e21 and family != "pythia"``.

    Parameters
    ----------
    text : str
        The condition; the grammar is at the head of this module.

    Raises
    ------
    ExpressionError
        If it is anything else. The message names the piece and shows an example.

    Examples
    --------
    >>> import numpy as np
    >>> parse_where("1e18 <= C < 1e21").mask({"C": np.array([1e17, 1e19])})
    array([False,  True])
    """
    if not isinstance(text, str) or not text.strip():
        raise ExpressionError(f"The condition is empty. {EXAMPLE}")
    if len(text) > _LONGEST:
        raise ExpressionError(
            f"The condition has {len(text)} characters and at most {_LONGEST} are read. {EXAMPLE}"
        )
    columns: list[str] = []

    def replace(token: re.Match[str]) -> str:
        if token["size"] is not None:
            return repr(parse_size(token["size"]))
        if token["column"] is not None:
            columns.append(token["column"])
            return f" {COLUMN}{len(columns) - 1} "
        return token[0]

    try:
        plain = " ".join(_TOKEN.sub(replace, text).split("\n")).strip()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(plain, mode="eval").body
        names: list[str] = []
        _check(tree, text, tuple(columns), names)
    except ExpressionError:
        raise
    except (RecursionError, MemoryError) as error:
        raise refused(text, "it is nested too deeply") from error
    except (SyntaxError, BayescaleError, ValueError, OverflowError) as error:
        raise refused(text, _syntax(error, text)) from error
    return Where(text, tuple(dict.fromkeys(names)), tree, tuple(columns))


def _check(node: ast.expr, text: str, columns: tuple[str, ...], names: list[str]) -> None:
    """Walk a condition; whatever is not on the white list is refused."""
    if isinstance(node, ast.BoolOp):
        for part in node.values:
            _check(part, text, columns, names)
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        _check(node.operand, text, columns, names)
    elif isinstance(node, ast.Compare):
        _check_operand(node.left, text, columns, names)
        for operator, right in zip(node.ops, node.comparators, strict=True):
            if isinstance(operator, (ast.Is, ast.IsNot)):
                raise refused(text, '"is" is not part of a condition, use ==')
            if isinstance(operator, (ast.In, ast.NotIn)):
                if len(node.ops) > 1:
                    raise refused(text, '"in" stands in a chain, put it in parentheses')
                if not isinstance(right, (ast.Tuple, ast.List, ast.Constant)):
                    raise refused(text, '"in" needs a list in parentheses, as in ("a", "b")')
                for item in [right] if isinstance(right, ast.Constant) else right.elts:
                    constant(item, text)
            else:
                _check_operand(right, text, columns, names)
    elif isinstance(node, ast.Name):
        names.append(named(node, columns))
    elif isinstance(node, ast.Constant):
        raise refused(text, f"{quoted(ast.unparse(node))} alone is not a condition")
    else:
        raise refused(text, piece(node))


def _check_operand(node: ast.expr, text: str, columns: tuple[str, ...], names: list[str]) -> None:
    if isinstance(node, ast.Name):
        names.append(named(node, columns))
    else:
        constant(node, text)


def _syntax(error: Exception, text: str) -> str:
    if re.search(r"(?<![=<>!])=(?!=)", text):
        return "a single = compares nothing, use =="
    if "&&" in text or "||" in text:
        return '"&&" and "||" are not read, use and, or'
    if isinstance(error, SyntaxError) and "literal" in str(error.msg):
        return "a number is not well formed, sizes end with k, M, B or T"
    if isinstance(error, SyntaxError) and error.msg:
        return error.msg.rstrip(".")
    return "it is not well formed"
