"""What was understood of a table: for people, and as plain values."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any

from bayescale.runs.match import NUMERIC
from bayescale.runs.wording import counted, listed, shown
from bayescale.units import INPUTS, format_size

if TYPE_CHECKING:
    from bayescale.runs.table import Runs

__all__ = ["describe", "describe_json", "describe_short"]


def describe(runs: Runs) -> str:
    """Return a paragraph with one line a column, then the warnings."""
    lines = [f"{counted(len(runs), 'run')} from {shown(runs.source, 200)}"]
    lines += _column_lines(runs, _canonical(runs))
    groups = [f"{n} ({shown(s)})" if n != s else n for n, s in _groups(runs).items()]
    if groups:
        lines.append(f"  groups: {listed(groups)}")
    rest = [n for n in runs.columns if n not in _canonical(runs) and n not in _groups(runs)]
    if rest:
        lines.append(f"  other columns: {listed(rest, 40)}")
    if runs.warnings:
        lines.append(counted(len(runs.warnings), "warning"))
        for warning in runs.warnings:
            wrapped = textwrap.wrap(warning, 96, initial_indent="  - ", subsequent_indent="    ")
            lines += wrapped
    return "\n".join(lines)


def describe_short(runs: Runs) -> str:
    """Return at most a dozen lines."""
    head = f"Runs: {counted(len(runs), 'run')} from {shown(runs.source, 80)}"
    names = _canonical(runs)
    lines = [head, *_column_lines(runs, names)]
    tail = []
    if runs.warnings:
        tail.append(f"  {counted(len(runs.warnings), 'warning')}; see .text()")
    if len(lines) + len(tail) > 12:
        left = len(lines) - (11 - len(tail))
        lines = [*lines[: 11 - len(tail)], f"  and {counted(left, 'more column')}"]
    return "\n".join([*lines, *tail])


def describe_json(runs: Runs) -> dict[str, Any]:
    """Return the same as values that JSON can hold."""
    return {
        "n_runs": len(runs),
        "columns": {
            name: {
                "source": runs.mapping.get(name, name),
                "unit": _unit(runs, name),
                "min": float(runs.columns[name].min()),
                "max": float(runs.columns[name].max()),
            }
            for name in _canonical(runs)
        },
        "loss_unit": runs.loss_unit,
        "count": runs.count,
        "fingerprint": runs.fingerprint,
        "warnings": list(runs.warnings),
    }


def _canonical(runs: Runs) -> list[str]:
    names = [name for name in (*NUMERIC, "epochs") if name in runs.columns]
    return [name for name in names if name != "epochs" or "epochs" in runs.mapping]


def _groups(runs: Runs) -> dict[str, str]:
    return {
        name: source
        for name, source in runs.mapping.items()
        if name in runs.columns and name not in NUMERIC and name != "epochs"
    }


def _unit(runs: Runs, name: str) -> str:
    if name in ("loss", "loss_se"):
        return runs.loss_unit
    unit = INPUTS[name].unit if name in INPUTS else ""
    return f"{unit} ({runs.count})" if name == "N" else unit


def _column_lines(runs: Runs, names: list[str]) -> list[str]:
    sources = {name: shown(runs.mapping.get(name, name), 32) for name in names}
    width = max((len(source) for source in sources.values()), default=0)
    return [
        f"  {name:<7}  {sources[name]:<{width}}  {_range(runs, name)}".rstrip() for name in names
    ]


def _range(runs: Runs, name: str) -> str:
    values = runs.columns[name]
    low, high = float(values.min()), float(values.max())
    if name in INPUTS and name not in ("z", "lr", "S1", "M"):
        kind: Any = "compute" if name == "C" else "count"
        words = [format_size(value, kind=kind) for value in (low, high)]
    else:
        words = [f"{value:.4g}" for value in (low, high)]
    span = words[0] if low == high else " to ".join(words)
    return f"{span} {_unit(runs, name)}".rstrip()
