"""Progress on standard error, where that is a terminal: how far a command has come."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any


@contextmanager
def counted(what: str, total: int | None) -> Iterator[Callable[[], None]]:
    """A bar that is called once a record."""
    with counting(what, total) as advance:
        yield lambda: advance(1)


@contextmanager
def counting(what: str, total: int | None = None) -> Iterator[Callable[[int], None]]:
    """A bar that is called with how many records more are done."""
    with _bar(
        "{task.completed:,.0f}" if total is None else "{task.completed:,.0f}/{task.total:,}"
    ) as progress:
        if progress is None:
            yield lambda _: None
            return
        task = progress.add_task(what, total=total)
        yield lambda more: progress.advance(task, more)


@contextmanager
def timed(what: str, start: int, duration: int) -> Iterator[Callable[[int], None]]:
    """A bar that is called with how far simulated time has come."""
    with _bar("{task.percentage:>3.0f}%") as progress:
        if progress is None:
            yield lambda _: None
            return
        task = progress.add_task(what, total=duration)
        shown = 0.0

        def come_to(now: int) -> None:
            nonlocal shown
            if (moment := time.monotonic()) - shown > 0.1:  # a bar is dearer than a record
                shown = moment
                progress.update(task, completed=now - start)

        yield come_to
        progress.update(task, completed=duration)


@contextmanager
def working(what: str) -> Iterator[None]:
    """A clock that runs while something is done that cannot tell how far it has come."""
    with _bar("") as progress:
        if progress is not None:
            progress.add_task(what, total=None)
        yield


def _bar(measure: str) -> Any:
    """None, without a cost, where standard error is no terminal."""
    if not sys.stderr.isatty():
        return nullcontext(None)
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn(measure),
        TimeElapsedColumn(),
    )
    return Progress(*columns, console=Console(stderr=True), transient=True)
