"""Bad lines on standard error: each by file and line, and many of them as a sum by reason."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

import typer

from streams.files.lines import BadLine, shown
from streams.formats.texts import printable

ALL_BELOW = 100
"""Fewer bad lines than this are all shown."""
FIRST = 20
"""The number of bad lines that are shown; the others are only counted."""
_STRETCHES = 10


class BadLines:
    """A callback for bad lines; `count` is the number of calls."""

    def __init__(self) -> None:
        self.count = 0
        self._held: list[BadLine] = []
        self._lines: dict[tuple[Path, str], array[int]] = {}

    def __call__(self, line: BadLine) -> None:
        self.count += 1
        if self.count <= FIRST:
            _say(str(line))
            return
        if self.count < ALL_BELOW:
            self._held.append(line)
        key = (line.path, line.detail)
        self._lines.setdefault(key, array("q")).append(line.line)

    def finish(self) -> None:
        """Show what is held back, or its sum."""
        if self.count < ALL_BELOW:
            for line in self._held:
                _say(str(line))
            return
        _say(f"and {self.count - FIRST:,} more, by reason:")
        for (path, detail), numbers in sorted(
            self._lines.items(), key=lambda one: (-len(one[1]), str(one[0]))
        ):
            unit = "line" if len(numbers) == 1 else "lines"
            _say(f"{shown(path)}: {len(numbers):,} {unit}: {detail} ({unit} {stretches(numbers)})")


@contextmanager
def bad_lines() -> Iterator[BadLines]:
    """Bad lines, of which all are told in the end, also where reading fails."""
    told = BadLines()
    try:
        yield told
    finally:
        told.finish()


def nothing_used(lines: BadLines) -> str:
    """The error message if all lines were bad."""
    return f"none of {lines.count:,} {'line' if lines.count == 1 else 'lines'} could be used"


def stretches(numbers: Sequence[int]) -> str:
    """
    >>> stretches([21, 22, 23, 40, 42]), stretches(range(1, 99, 3))
    ('21-23, 40, 42', '1, 4, 7, 10, 13, 16, 19, 22, 25, 28, ...')
    """
    found = list(islice(_stretches(numbers), _STRETCHES + 1))
    return ", ".join([*found[:_STRETCHES], *(["..."] if len(found) > _STRETCHES else [])])


def _stretches(numbers: Sequence[int]) -> Iterator[str]:
    place = 0
    while place < len(numbers):
        first = last = numbers[place]
        while place + 1 < len(numbers) and numbers[place + 1] == last + 1:
            place += 1
            last = numbers[place]
        yield str(first) if first == last else f"{first}-{last}"
        place += 1


def _say(text: str) -> None:
    typer.echo(f"malformed: {printable(text)}", err=True)
