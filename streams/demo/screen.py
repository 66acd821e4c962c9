"""Screen: shows the table on a whole terminal, or as lines where there is none, and saves it as a
picture.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from io import StringIO
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from rich.console import Console, Group
from rich.live import Live

from streams.demo.pager import Arrived, block
from streams.demo.snapshot import Snapshot
from streams.demo.table import WIDE, Status, plain, render

REPORT_EVERY = 10.0
"""Seconds between reports as lines."""
TURN = 8.0
"""Seconds for which each page of clinicians is shown if not all fit."""
_PAGES = 1 / 3
"""Share of the terminal's lines that pages may take."""


class Screen(Protocol):
    """A context manager that shows one snapshot after another."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...

    def show(
        self, snapshot: Snapshot, status: Status, elapsed: float, arrived: Sequence[Arrived] = ()
    ) -> None:
        """`elapsed`: seconds since the first one. `arrived`: all pages so far."""


def screen(console: Console) -> Screen:
    """A screen for the console; a dumb terminal gets lines, because it cannot move its cursor."""
    return (
        _Terminal(console)
        if console.is_terminal and not console.is_dumb_terminal
        else _Lines(console)
    )


class _Terminal:
    """The terminal's alternate screen, which leaves its earlier content as it was."""

    def __init__(self, console: Console) -> None:
        self._console = console
        # Redrawn when there are new numbers, so no refresh thread is needed.
        self._live = Live(console=console, screen=True, auto_refresh=False)
        self._arrived: Sequence[Arrived] = ()

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._live.stop()
        # Pages stay visible after the demo.
        for line in (line for one in self._arrived for line in one.plain):
            self._console.print(line, soft_wrap=True)

    def show(
        self, snapshot: Snapshot, status: Status, elapsed: float, arrived: Sequence[Arrived] = ()
    ) -> None:
        width, height = self._console.size
        self._arrived = arrived
        pages = block(arrived, width, int(height * _PAGES))
        table = render(snapshot, status, width, height - len(pages), int(elapsed / TURN))
        self._live.update(Group(table, *pages), refresh=True)


class _Lines:
    """Lines for a file, a pipe or a dumb terminal."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._due = 0.0
        self._printed = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        pass

    def show(
        self, snapshot: Snapshot, status: Status, elapsed: float, arrived: Sequence[Arrived] = ()
    ) -> None:
        for one in arrived[self._printed :]:
            for line in one.plain:
                self._console.print(line, soft_wrap=True)
        self._printed = len(arrived)
        if elapsed >= self._due:
            self._due = elapsed + REPORT_EVERY
            for line in plain(snapshot, status):
                self._console.print(line, soft_wrap=True)


def save_picture(snapshot: Snapshot, status: Status, path: Path) -> None:
    """Save the table with all clinicians as an SVG file. Raises `OSError`."""
    console = Console(
        record=True, width=WIDE, file=StringIO(), force_terminal=True, color_system="truecolor"
    )
    console.print(render(snapshot, status, WIDE, height=1000))
    picture = console.export_svg(title="alarm-fatigue demo")
    # Without web fonts, so that the picture loads nothing from other hosts.
    path.write_text(re.sub(r"@font-face\s*{.*?}", "", picture, flags=re.DOTALL))
