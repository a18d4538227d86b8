"""How names, cells and rows are put into sentences."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import get_close_matches

__all__ = ["counted", "did_you_mean", "listed", "quoted", "shown"]


def shown(text: object, limit: int = 48) -> str:
    """Return `text` on one printable line, cut to `limit` characters."""
    plain = "".join(c if c.isprintable() else "?" for c in str(text)[: limit + 1])
    return plain if len(plain) <= limit else plain[: limit - 3] + "..."


def quoted(text: object, limit: int = 48) -> str:
    """Return `text` between double quotes, printable and cut."""
    return f'"{shown(text, limit)}"'


def listed(items: Iterable[object], limit: int = 12) -> str:
    """Return items as "a, b, c and 4 more"."""
    words = [shown(item) for item in items]
    if not words:
        return "none"
    if len(words) > limit:
        return f"{', '.join(words[:limit])} and {len(words) - limit} more"
    return ", ".join(words)


def counted(number: int, noun: str) -> str:
    """Return "1 run" or "12 runs"."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def did_you_mean(name: str, known: Sequence[str]) -> str:
    """Return " Did you mean x?" where a known name is close, else nothing."""
    lower = {item.lower(): item for item in known}
    near = get_close_matches(name.lower()[:100], list(lower), n=1, cutoff=0.7)
    return f" Did you mean {shown(lower[near[0]])}?" if near else ""
