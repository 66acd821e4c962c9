"""The first fault of each row: field, reason, and what was expected."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from streams.files.lines import BadLine, shown


@dataclass(frozen=True, slots=True)
class Fault:
    """`expected`: the text in messages, such as `expected a number`."""

    field: str
    reason: str
    expected: str

    def __str__(self) -> str:
        return f"{self.field}: {self.expected}"


@dataclass(frozen=True, slots=True)
class Rejection:
    """A rejected row, without its content."""

    path: Path
    line: int
    fault: Fault

    @property
    def bad_line(self) -> BadLine:
        return BadLine(self.path, self.line, str(self.fault))

    @property
    def record(self) -> dict[str, str | int]:
        """The object in rejected.jsonl."""
        return {
            "file": shown(self.path),
            "line": self.line,
            "field": self.fault.field,
            "reason": self.fault.reason,
            "expected": self.fault.expected.removeprefix("expected "),
        }


def missing(field: str) -> Fault:
    return Fault(field, "missing", "required, but missing")


class Faults:
    """The first fault of each of `count` rows."""

    def __init__(self, count: int) -> None:
        self._of = np.zeros(count, np.int32)
        self._known: list[Fault] = []

    def add(self, rows: pl.Series | NDArray[np.bool_], fault: Fault) -> None:
        """Add a fault for the rows that are true in `rows`."""
        mask = rows.fill_null(False).to_numpy() if isinstance(rows, pl.Series) else rows
        if not mask.any():
            return
        self._known.append(fault)
        self._of[mask & (self._of == 0)] = len(self._known)

    @property
    def none(self) -> NDArray[np.bool_]:
        """The rows without a fault."""
        found: NDArray[np.bool_] = self._of == 0
        return found

    def __iter__(self) -> Iterator[tuple[int, Fault]]:
        for place in np.flatnonzero(self._of).tolist():
            yield place, self._known[self._of[place] - 1]
