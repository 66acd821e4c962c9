"""Turns tables into the facts of all four topics, with a mapping, and reports rejected rows.

`import`, `replay`, `findings`, `publish`, `tune`, `compare` and the library all use this module.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path
from typing import Protocol

import polars as pl

from analyzer import Topic
from analyzer.model import EARLIEST, MAX_ID_LENGTH
from streams.files.importing.answers import Answers, facts_of_answers
from streams.files.importing.batches import LINE, Batches, open_table
from streams.files.importing.cells import Cells, Parts
from streams.files.importing.events import Correlated, TimedRows, facts_with_ids
from streams.files.importing.faults import Fault, Faults, Rejection
from streams.files.importing.intervals import IntervalRows, facts_of_intervals
from streams.files.importing.repeats import Repeats
from streams.files.importing.rosters import Rosters, facts_of_rosters
from streams.files.importing.rows import Rows, without_blank
from streams.files.importing.sections import Section
from streams.files.importing.snapshots import Snapshots
from streams.files.lines import BadLine, InputError, shown
from streams.files.mapping import Table, load_mapping
from streams.files.tables import names_shown

_FRAME = Path("<frame>")
_LONGEST_NAME = MAX_ID_LENGTH - len("/response")
"""Most characters of an alarm's id, so that the ids of its events are not too long."""
Facts = Iterator[tuple[str, pl.DataFrame]]


class Sink(Protocol):
    """Receives the facts and the rejected rows."""

    def take(self, topic: str, facts: pl.DataFrame) -> None: ...

    def refuse(self, rejection: Rejection) -> None: ...


@dataclass(slots=True)
class _Given:
    path: Path
    number: int
    batches: Batches
    topics: list[Topic]


@dataclass(slots=True)
class Tables:
    """Opened tables; `write` reads them once."""

    table: Table
    mapping: Path | None
    sink: Sink
    counts: Counter[str] = field(default_factory=Counter)
    rows: int = 0
    rejected: int = 0
    _given: list[_Given] = field(default_factory=list)
    _said: list[str] = field(default_factory=list)
    _noted: list[str] = field(default_factory=list)

    @classmethod
    def open(
        cls,
        tables: Sequence[Path | pl.DataFrame],
        mapping: Path | Table | None,
        sink: Sink,
        needed: Collection[Topic] | None = None,
        progress: Callable[[int], object] = lambda _: None,
        name: Path | None = None,
    ) -> Tables:
        """Open tables. Raises `InputError` if they do not fit the mapping.

        `needed`: sections that must fit a table; None: all. `progress` gets the number of bytes
        read. `name`: the mapping's name in messages.
        """
        path = mapping if isinstance(mapping, Path) else name
        table = mapping if isinstance(mapping, Table) else load_mapping(path)
        self = cls(table, path, sink)
        for number, one in enumerate(tables):
            place = one if isinstance(one, Path) else _FRAME
            report = self._reporter()
            batches = open_table(one, table.csv, table.sheet, table.known, report, progress)
            self._given.append(_Given(place, number, batches, []))
        self._assign(needed)
        return self

    def columns_of(self, number: int) -> tuple[str, ...]:
        return self._given[number].batches.columns

    @property
    def has_ids(self) -> bool:
        """Whether the alarms bring ids of their own."""
        section = self.table.sections.get("alarms")
        return section is not None and any(
            "alarm_id" in section.fields or "alarm_id" in one.batches.columns
            for one in self._given
            if "alarms" in one.topics
        )

    def write(self) -> None:
        """Write all facts to the sink. Raises `InputError`."""
        shared: dict[Topic, Correlated | Snapshots] = {}
        alarms = self.table.sections.get("alarms")
        if alarms is not None and alarms.rows == "snapshots":
            shared["alarms"] = Snapshots(alarms)
        elif alarms is not None and alarms.rows == "events" and not self.has_ids:
            shared["alarms"] = Correlated(
                alarms, lambda number, line, fault: self._refuse(self._given[number], line, fault)
            )
        for given in self._given:
            self._write_one(given, shared)
        for one in shared.values():
            self._give(one.finish())
            self._said += one.words()

    def words(self) -> Iterator[str]:
        """Warnings about the rows read, one line each."""
        yield from self._said

    def notes(self) -> Iterator[str]:
        """What was left out because the mapping says so, one line each."""
        yield from self._noted

    def _write_one(self, given: _Given, shared: dict[Topic, Correlated | Snapshots]) -> None:
        suffix = f"-{given.number}" if len(self._given) > 1 else ""
        parts = Parts()
        takers = [
            _Taker(self, given, topic, self.table.sections[topic], suffix, shared.get(topic))
            for topic in given.topics
        ]
        wanted = self._wanted(given)
        for raw in given.batches.frames(wanted):
            frame = without_blank(raw)
            self.rows += frame.height
            for one in takers:
                self._give(one.take(frame, parts))
        name = shown(given.path)
        if unread := [one for one in given.batches.columns if one and one not in wanted]:
            self._noted.append(f"{name}: columns that are not read: {names_shown(unread)}")
        self._said += given.batches.words()
        for one in takers:
            self._give(one.finish())
            self._said += one.words(name)
            self._noted += one.notes(name)

    def _wanted(self, given: _Given) -> set[str]:
        wanted = set(self.table.known)
        if any(self.table.sections[topic].unpivot is not None for topic in given.topics):
            wanted |= set(given.batches.columns)
        return wanted

    def _give(self, facts: Facts) -> None:
        for topic, frame in facts:
            self.counts[topic] += frame.height
            self.sink.take(topic, frame)

    def _refuse(self, given: _Given, line: int, fault: Fault) -> None:
        self.rejected += 1
        self.sink.refuse(Rejection(given.path, line, fault))

    def _reporter(self) -> Callable[[BadLine], None]:
        def report(bad: BadLine) -> None:
            self.rejected += 1
            self.sink.refuse(Rejection(bad.path, bad.line, Fault("", "columns", bad.detail)))

        return report

    def _assign(self, needed: Collection[Topic] | None) -> None:
        """The sections that read each table. Raises `InputError`."""
        for topic, section in self.table.sections.items():
            named = [
                one
                for one in self._given
                if section.tables is None
                or any(fnmatch(one.path.name, pattern) for pattern in section.tables)
            ]
            may_lack = needed is not None and topic not in needed
            if section.tables is not None and not named and not may_lack:
                raise InputError(
                    f"{self.mapping}: {topic}.tables: none of the files is called "
                    f"{', '.join(section.tables)}"
                )
            alone = not may_lack and (section.tables is not None or len(self._given) == 1)
            fit = [one for one in named if alone or self._fits(topic, one)]
            for one in fit or ([] if may_lack else named[:1]):
                self.table.check(topic, one.batches.columns, one.path, self.mapping)
                self._check_ids(topic, section, one)
                one.topics.append(topic)
        for one in self._given:
            if not one.topics:
                raise InputError(
                    f"{self.mapping}: no section has the columns of {shown(one.path)} (it has: "
                    f"{names_shown(one.batches.columns)})"
                )

    def _fits(self, topic: Topic, one: _Given) -> bool:
        columns = one.batches.columns
        return not self.table.missing(topic, columns) and not self.table.lacking(topic, columns)

    def _check_ids(self, topic: Topic, section: Section, one: _Given) -> None:
        if topic == "assignments" and not {"from", "date"} & {
            *section.fields,
            *one.batches.columns,
        }:
            raise InputError(f"{self.mapping}: {topic}: expected from and to, or date and shift")


class _Taker:
    """Reads one table for one section."""

    def __init__(
        self,
        tables: Tables,
        given: _Given,
        topic: Topic,
        section: Section,
        suffix: str,
        shared: Correlated | Snapshots | None,
    ) -> None:
        self._tables, self._given, self._topic, self._section = tables, given, topic, section
        self._suffix, self._shared = suffix, shared
        self._rows = Rows(section)
        self._repeats = Repeats()
        self._has_ids = topic == "alarms" and (
            "alarm_id" in section.fields or "alarm_id" in given.batches.columns
        )

        def refuse(line: int, fault: Fault) -> None:
            tables._refuse(given, line, fault)

        self._of: IntervalRows | TimedRows | Rosters | Answers
        if topic == "alarms":
            self._of = (
                IntervalRows(refuse, EARLIEST, keeps_undecided=False, order=section.order)
                if section.rows == "intervals"
                else TimedRows(refuse, phases=section.rows == "events", order=section.order)
            )
        else:
            self._of = (
                Rosters(refuse, section.order)
                if topic == "assignments"
                else Answers(topic, refuse, section.order)
            )

    def take(self, raw: pl.DataFrame, parts: Parts) -> Facts:
        frame = self._rows.prepared(raw)
        if not frame.height:
            return
        faults = Faults(frame.height)
        cells = Cells(frame, self._tables.table, self._section, faults, parts)
        if self._has_ids and self._section.rows == "intervals":
            long = cells.text("alarm_id").str.len_chars() > _LONGEST_NAME
            expected = f"expected 1 to {_LONGEST_NAME} characters"
            faults.add(long, Fault("alarm_id", "not_an_id", expected))
        yield from self._facts(self._of.take(cells, frame[LINE].alias("line")))

    def finish(self) -> Facts:
        if (frame := self._of.finish()) is not None:
            yield from self._facts(frame)

    def words(self, name: str) -> Iterator[str]:
        yield from self._repeats.words(name, replaced=False)

    def notes(self, name: str) -> Iterator[str]:
        for line in self._rows.notes(name):
            yield f"{line}: {self._topic}"
        if isinstance(self._of, Rosters | Answers):
            yield from self._of.notes(name)

    def _facts(self, frame: pl.DataFrame) -> Facts:
        if self._shared is not None:
            self._shared.add(frame, self._given.number)
        elif self._topic == "assignments":
            yield from facts_of_rosters(frame, self._suffix)
        elif self._topic != "alarms":
            yield from facts_of_answers(self._topic, frame, self._suffix)
        elif self._section.rows == "events":
            yield from facts_with_ids(frame, self._suffix)
        else:
            if self._has_ids:
                self._repeats.see(frame)
            yield from facts_of_intervals(frame, self._has_ids, self._suffix)
