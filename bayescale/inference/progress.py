"""A progress bar on standard error, where that is a terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

__all__ = ["Progress", "progress_bar"]

type Progress = Callable[[int, int], None]
"""Called with draws done and draws in all; before the first draw, while programs compile."""


@contextmanager
def progress_bar(what: str) -> Iterator[Progress]:
    """Show how far a fit has come; nothing is shown where standard error is no terminal."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )
    from rich.progress import Progress as Bar

    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed}/{task.total} draws"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Bar(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(f"{what}: compiling", total=None)

        def update(done: int, total: int) -> None:
            stage = "compiling" if done == 0 else "sampling"
            bar.update(task, description=f"{what}: {stage}", completed=done, total=total)

        yield update
