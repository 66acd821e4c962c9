"""Progress on standard error, where that is a terminal: how far a command has come."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
)


@contextmanager
def counted(what: str, total: int | None) -> Iterator[Callable[[], None]]:
    """A bar on standard error that is called once a record."""
    with _bar(MofNCompleteColumn()) as progress:
        task = progress.add_task(what, total=total)
        yield lambda: progress.advance(task)


@contextmanager
def timed(what: str, start: int, duration: int) -> Iterator[Callable[[int], None]]:
    """A bar on standard error that is called with how far simulated time has come."""
    with _bar(TaskProgressColumn()) as progress:
        task = progress.add_task(what, total=duration)
        shown = 0.0

        def come_to(now: int) -> None:
            nonlocal shown
            if (moment := time.monotonic()) - shown > 0.1:  # a bar is dearer than a record
                shown = moment
                progress.update(task, completed=now - start)

        yield come_to
        progress.update(task, completed=duration)


def _bar(measure: ProgressColumn) -> Progress:
    """Nothing at all where standard error is no terminal."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), measure, TimeElapsedColumn())
    return Progress(*columns, console=console, disable=not console.is_terminal)
