"""Writes an archive from recorded files, as the archiver would from the topics."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice

import numpy as np
import numpy.typing as npt
import polars as pl

from analyzer import OUTCOMES, ChangeRecord, Columns, Topic
from streams.archive.dataset import Archive
from streams.archive.frames import Rows, fact_rows, record_rows
from streams.archive.names import renamed
from streams.archive.tables import TABLES, TableName
from streams.formats.archive_names import names_of
from streams.formats.sinks import encode_change

_AT_ONCE = 100_000
_ACCEPTED = OUTCOMES.index("accepted")


class Recording:
    """Collects the accepted assignments and responses up to `now` (ms; None: all), for `write`."""

    def __init__(self, now: int | None, pseudonym: Callable[[str], str]) -> None:
        self._now = now
        self._pseudonym = pseudonym
        self._facts: dict[TableName, list[pl.DataFrame]] = {"assignments": [], "responses": []}

    def take(self, topic: Topic, columns: Columns, outcomes: npt.NDArray[np.int8]) -> None:
        """Facts as `Engine.take` got them, and the outcomes that it returned."""
        if topic == "assignments" or topic == "responses":
            frame = fact_rows(topic, columns, self._pseudonym).frame
            wanted = pl.Series(outcomes == _ACCEPTED)
            if self._now is not None:
                wanted &= frame["at"].dt.epoch("ms") <= self._now
            self._facts[topic].append(frame.filter(wanted))

    def write(
        self,
        archive: Archive,
        episodes: Iterable[bytes],
        changes: Iterable[ChangeRecord],
        horizon: int,
    ) -> None:
        """Write the facts, the finished episodes and the overload changes. Raises `ArchiveError`.

        `episodes`: their records, as JSON. `horizon`: see `Archive.write`.
        """
        names = names_of(self._pseudonym, archive.period)
        for name, frames in self._facts.items():
            if frames:
                rows = Rows(TABLES[name], pl.concat(frames))
                archive.write(renamed(rows, names), horizon)
        records = (encode_change(one, self._pseudonym) for one in changes)
        sources: list[tuple[TableName, Iterable[bytes]]] = [
            ("episodes", episodes),
            ("overload", records),
        ]
        for name, values in sources:
            first = 0
            for some in _batches(iter(values)):
                places = range(first, first + len(some))
                rows = record_rows(name, some, [0] * len(some), places)
                archive.write(renamed(rows, names), horizon)
                first += len(some)


def _batches(values: Iterator[bytes]) -> Iterator[Sequence[bytes]]:
    while some := list(islice(values, _AT_ONCE)):
        yield some
