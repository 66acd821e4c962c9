"""The facts of tables: what `replay`, `findings` and `publish` take, made of the same
rows under the same mapping as what-ifs.

A row is the start of an alarm and its end; its first response is an acknowledgement, its class a
verdict if somebody judged it, and its clinicians are the recipients.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path

from analyzer import Topic
from streams.files.importing.sinks import REJECTED, Files
from streams.files.importing.tables import Tables
from streams.files.lines import BadLine
from streams.files.mapping import Table, load_mapping


class TableFacts:
    """The facts of tables; rows that give none are reported."""

    def __init__(
        self,
        tables: Path | Sequence[Path],
        mapping: Path | None,
        report: Callable[[BadLine], None],
        needed: Collection[Topic] | None = None,
    ) -> None:
        """`needed`: sections of the mapping that must fit a table; None: all. Raises
        `InputError`.
        """
        self._tables = [tables] if isinstance(tables, Path) else list(tables)
        self._mapping, self._report, self._needed = mapping, report, needed
        self._table: Table = load_mapping(mapping)
        self._words: list[str] = []

    def write(
        self,
        folder: Path,
        progress: Callable[[int], object],
    ) -> list[tuple[Topic, Path]]:
        """Write the facts into files in `folder`, one JSON object a line. Raises `InputError`."""
        with Files(folder, self._table.topics, lambda one: self._report(one.bad_line)) as sink:
            found = Tables.open(
                self._tables,
                self._table,
                sink,
                self._needed,
                progress=progress,
                name=self._mapping,
            )
            found.write()
        self._words += found.words()
        return [
            (topic, path)
            for name, path in sink.paths.items()
            if name != REJECTED
            for topic in self._table.topics
            if topic == name
        ]

    def words(self) -> Iterator[str]:
        """Warnings about the rows, one line each."""
        yield from self._words
