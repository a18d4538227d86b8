"""Which column is which input: exact symbols first, then aliases, never a silent choice."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from bayescale.errors import RunsError
from bayescale.runs.wording import did_you_mean, listed, quoted, shown
from bayescale.units import INPUTS

__all__ = ["ALIASES", "GROUPS", "NUMERIC", "Match", "match_columns", "parse_columns"]

NUMERIC: tuple[str, ...] = (*INPUTS, "loss", "loss_se")
"""The canonical columns, which hold numbers."""

GROUPS: tuple[str, ...] = ("family", "run", "seed", "checkpoint")
"""The grouping columns, numbers or text."""

ALIASES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {symbol: info.aliases for symbol, info in INPUTS.items()}
    | {
        "loss": (
            *("loss", "val_loss", "validation_loss", "valid_loss", "eval_loss", "test_loss"),
            *("final_loss", "final_val_loss", "loss_val"),
        ),
        "loss_se": ("loss_se", "loss_stderr", "loss_std_err", "loss_sem", "se_loss"),
    }
    | {group: (group,) for group in GROUPS}
)
"""Column names read as each canonical column."""

_NO_EMBEDDINGS = (
    *("n_params_no_embed", "n_params_no_embedding", "n_params_non_embedding"),
    *("n_params_non_embed", "params_no_embed", "params_non_embedding", "non_embedding_params"),
    *("n_non_embedding_params", "non_embedding_parameters"),
)


@dataclass(frozen=True)
class Match:
    """Canonical column to the name of the table's column, and what N counts.

    Parameters
    ----------
    names : mapping of str to str
        Canonical name to column name.
    chosen : frozenset of str
        The canonical names that the user mapped.
    non_embedding : bool
        Whether the column taken for ``N`` says that it leaves embeddings out.
    """

    names: Mapping[str, str]
    chosen: frozenset[str]
    non_embedding: bool


def parse_columns(items: Sequence[str]) -> dict[str, str | None]:
    """Read ``N=params`` and ``C=none`` as typed after ``--column``.

    Examples
    --------
    >>> parse_columns(["N=params", "C=none"])
    {'N': 'params', 'C': None}
    """
    mapping: dict[str, str | None] = {}
    for item in items:
        symbol, equals, name = (part.strip() for part in item.partition("="))
        if not equals or not symbol or not name:
            raise RunsError(
                f"{quoted(item)} does not map a column. Write --column N=params, or "
                "--column C=none to leave a column out."
            )
        if symbol in mapping:
            raise RunsError(f"--column maps {shown(symbol)} twice. Give each input one column.")
        mapping[symbol] = None if name.lower() == "none" else name
    return mapping


def match_columns(names: Sequence[str], chosen: Mapping[str, str | None]) -> Match:
    """Find the canonical columns among `names`.

    Parameters
    ----------
    names : sequence of str
        The table's column names.
    chosen : mapping of str to str or None
        What the user said: canonical name to column name, or None to leave it out.

    Raises
    ------
    RunsError
        If a choice names nothing, or two columns could be one input.
    """
    if not isinstance(chosen, Mapping):
        raise RunsError(
            f"The columns are given as {shown(type(chosen).__name__)} and not as a mapping. "
            'Write columns={"N": "params"}.'
        )
    _check_choice(names, chosen)
    found = {symbol: name for symbol, name in chosen.items() if name is not None}
    free = [name for name in names if name not in found.values()]
    for symbol, aliases in ALIASES.items():
        if symbol not in chosen:
            name = _pick(symbol, aliases, free)
            if name is None and symbol == "N":
                name = _pick(symbol, _NO_EMBEDDINGS, free)
            if name is not None:
                found[symbol] = name
    ordered = {symbol: found[symbol] for symbol in ALIASES if symbol in found}
    return Match(
        MappingProxyType(ordered),
        frozenset(chosen),
        "N" in ordered and _plain(ordered["N"]) in _NO_EMBEDDINGS,
    )


def _check_choice(names: Sequence[str], chosen: Mapping[str, str | None]) -> None:
    for symbol, name in chosen.items():
        if symbol not in ALIASES:
            raise RunsError(
                f"{quoted(symbol)} is not an input or a column that bayescale knows."
                f"{did_you_mean(str(symbol), list(ALIASES))} "
                f"Map one of {', '.join(ALIASES)}, as in --column N=params."
            )
        if name is not None and name not in names:
            raise RunsError(
                f"The table has no column {quoted(name)} to read as {symbol}."
                f"{did_you_mean(str(name), names)} Its columns are {listed(names)}."
            )


def _pick(symbol: str, aliases: Sequence[str], names: Sequence[str]) -> str | None:
    """Return the one column that can be `symbol`, None if there is none."""
    if symbol in names:
        return symbol
    if symbol in GROUPS:
        return None
    long = {alias.lower() for alias in aliases if len(alias) > 1}
    found = [name for name in names if _plain(name) in long]
    if len(found) > 1:
        raise RunsError(
            f"Columns {quoted(found[0])} and {quoted(found[1])} could both be {symbol}. "
            f'Choose with --column "{symbol}={shown(found[0])}" '
            f'(in Python: columns={{"{symbol}": "{shown(found[0])}"}}).'
        )
    return found[0] if found else None


def _plain(name: str) -> str:
    """Return a column name in lower case with underscores between its words."""
    return re.sub(r"[^0-9a-z]+", "_", name.strip().lower()).strip("_")
