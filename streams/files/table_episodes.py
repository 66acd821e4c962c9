"""The episodes of a table, for what-ifs: rows that are whole alarms as they stand; of events and
snapshots, what the engine makes of their facts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl

from analyzer import Policy
from streams.files.finished_lines import FinishedLines
from streams.files.importing.batches import LINE, open_table
from streams.files.importing.cells import Cells, Parts
from streams.files.importing.faults import Fault, Faults, Rejection
from streams.files.importing.intervals import IntervalRows
from streams.files.importing.repeats import Repeats
from streams.files.importing.rows import Rows, without_blank
from streams.files.lines import BadLine, InputError, shown
from streams.files.mapping import Table, load_mapping
from streams.files.replay import Intake, replayed, write_episodes
from streams.files.table_facts import TableFacts
from streams.formats.codec import MAX_RECORD_BYTES


class TableEpisodes:
    """Whole alarms in frames; rows that are none are reported, and `warn` gets what is suspicious
    about the others, a line each.
    """

    def __init__(
        self,
        path: Path,
        mapping: Path | None,
        report: Callable[[BadLine], None],
        warn: Callable[[str], None],
    ) -> None:
        """Raises `InputError`."""
        self._path, self._mapping, self._report, self._warn = path, mapping, report, warn
        self._table: Table = load_mapping(mapping)
        section = self._table.sections.get("alarms")
        if section is None:
            raise InputError(f"{mapping}: expected a section alarms")
        self._section = section

    @property
    def are_whole(self) -> bool:
        """Whether a row is a whole alarm."""
        return self._section.rows == "intervals"

    def frames(self) -> Iterator[pl.DataFrame]:
        """Frames of episodes, from rows that are whole alarms. Raises `InputError`."""
        table, section, name = self._table, self._section, shown(self._path)
        batches = open_table(self._path, table.csv, table.sheet, table.known, self._report)
        table.check("alarms", batches.columns, self._path, self._mapping)
        has_ids = "alarm_id" in section.fields or "alarm_id" in batches.columns
        rows, parts, repeats = Rows(section), Parts(), Repeats()
        alarms = IntervalRows(self._refuse, earliest=0, keeps_undecided=True, order=section.order)

        def with_ids(frame: pl.DataFrame) -> pl.DataFrame:
            if has_ids:
                repeats.see(frame)
            return frame.with_columns(pl.col("alarm_id").fill_null(pl.col("line").cast(pl.String)))

        for raw in batches.frames(table.known | set(batches.columns)):
            frame = rows.prepared(without_blank(raw))
            cells = Cells(frame, table, section, Faults(frame.height), parts)
            yield with_ids(alarms.take(cells, frame[LINE].alias("line")))
        if (frame := alarms.finish()) is not None:  # type: ignore[assignment]
            yield with_ids(frame)
        for words in (
            batches.words(),
            repeats.words(name, replaced=True),
            alarms.words(name),
        ):
            for line in words:
                self._warn(line)

    def write(self, path: Path) -> None:
        """Write the finished episodes of events or snapshots, one JSON object a line, under the
        default policy. Raises `InputError`.
        """
        intake, lines = Intake(), FinishedLines(str)
        with TemporaryDirectory(prefix="alarm-fatigue-") as folder:
            facts = TableFacts(self._path, self._mapping, self._report, ["alarms"])
            files = facts.write(Path(folder), lambda _: None)
            for line in facts.words():
                self._warn(line)
            intake.read(files, MAX_RECORD_BYTES, self._report)
        replayed(intake, Policy(), None, lines)
        with path.open("wb") as file:
            write_episodes(lines, file)

    def _refuse(self, line: int, fault: Fault) -> None:
        self._report(Rejection(self._path, line, fault).bad_line)
