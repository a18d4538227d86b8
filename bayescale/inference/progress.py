"""A progress bar on standard error, where that is a terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

__all__ = ["Progress", "progress_bar"]

type Progress = Callable[[int, int], None]
"""Called with what is done and what there is in all: draws of a fit, or fits of a study; with zero
done while programs compile."""


@contextmanager
def progress_bar(
    what: str, unit: str = "draws", stages: tuple[str, str] = ("compiling", "sampling")
) -> Iterator[Progress]:
    """Show how far a fit or a study has come; nothing where standard error is no terminal.

    Parameters
    ----------
    what : str
        What is computed.
    unit : str
        What is counted.
    stages : pair of str
        What goes on before the first is done, and after.
    """
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
        TextColumn(f"{{task.completed}}/{{task.total}} {unit}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Bar(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(f"{what}: {stages[0]}", total=None)

        def update(done: int, total: int) -> None:
            stage = stages[0] if done == 0 else stages[1]
            bar.update(task, description=f"{what}: {stage}", completed=done, total=total)

        yield update
