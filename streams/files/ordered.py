"""Lines of a file in order of event time, in little memory, whatever order they stand in.

Workers refuse what comes later than the lateness allowed, and exports are often sorted by bed, or
newest first.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO

import numpy as np

from analyzer import FACT_TYPES, Topic
from streams.files.lines import STDIN, line_batches, lines
from streams.formats.codec import decode_slice

_LINES_AT_ONCE = 4096
EARLIEST = -(1 << 62)
"""Before all events: when lines that are no facts are due, if no fact stands before them."""


@dataclass(slots=True)
class Ordered:
    """A file that was read once, to know its order; iterating gives its lines by event time.

    Lines of one time stay in their order; a line that is no fact follows the line before it.
    """

    topic: Topic
    path: Path
    count: int = 0
    displaced: int = 0
    """Lines that stand after a line of a later time."""
    _due: array[int] = field(default_factory=lambda: array("q"))
    _kept: IO[bytes] | None = None
    _begin: array[int] = field(default_factory=lambda: array("q"))

    @classmethod
    def read(
        cls,
        topic: Topic,
        path: Path,
        progress: Callable[[int], object] = lambda _: None,
        keeps: bool = False,
    ) -> Ordered:
        """Standard input is read to its end. `keeps`: the file is not read again, since it goes
        away. Raises `InputError`.
        """
        self = cls(topic, path)
        if path == STDIN or keeps:
            self._kept = TemporaryFile()  # noqa: SIM115  # lives as long as this object
        self._read(progress)
        if self.displaced and self._kept is None:
            self._kept = TemporaryFile()  # noqa: SIM115
            for _, line in lines(path):
                self._keep(line)
        return self

    def _read(self, progress: Callable[[int], object]) -> None:
        latest = due = EARLIEST
        at = list(FACT_TYPES[self.topic].__slots__).index("at")
        for some in line_batches(self.path, _LINES_AT_ONCE):
            values = [line for _, line in some]
            decoded = decode_slice(self.topic, values)
            times = dict(zip(decoded.places, decoded.columns[at], strict=True))
            for place, line in enumerate(values):
                due = times.get(place, due)
                self.displaced += due < latest
                latest = max(latest, due)
                self._due.append(due)
                if self._kept is not None:
                    self._keep(line)
            self.count += len(values)
            progress(len(values))

    def _keep(self, line: bytes) -> None:
        assert self._kept is not None
        self._begin.append(self._kept.tell())
        self._kept.write(line)

    def __iter__(self) -> Iterator[bytes]:
        if self._kept is None:
            yield from (line for _, line in lines(self.path))
            return
        ends = [*self._begin[1:], self._kept.seek(0, 2)]
        for place in np.argsort(np.array(self._due, dtype=np.int64), kind="stable").tolist():
            self._kept.seek(self._begin[place])
            yield self._kept.read(ends[place] - self._begin[place])
