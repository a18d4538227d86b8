"""The command line: a thin skin over the verbs, and no logic of its own."""

from __future__ import annotations

__all__ = ["main"]


def main() -> None:
    """Entry point of the ``bayescale`` command."""
    from bayescale.cli.app import run

    run()
