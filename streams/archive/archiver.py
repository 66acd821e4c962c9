"""The archiver: reads four topics and writes the archive.

It commits offsets only after the files that hold the records are in place. Records that are read
twice change nothing (see `streams.archive.dataset`), so the files are the same after a crash at any
point, and with any number of archivers of one group.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from time import monotonic
from typing import Any, Protocol

import polars as pl
from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import CommitFailedError, KafkaError
from aiokafka.structs import OffsetAndMetadata

from analyzer import Topic
from streams.archive.dataset import Archive
from streams.archive.frames import Rows, fact_rows, record_rows
from streams.archive.names import renamed
from streams.archive.tables import TABLE_NAMES, TableName
from streams.formats.archive_names import names_of, names_of_one
from streams.formats.codec import decode_slice
from streams.formats.control import controls_among
from streams.kafka.failures import explained
from streams.kafka.naming import Naming
from streams.kafka.permissions import archive_group
from streams.kafka.security import client_options
from streams.settings import Settings

MOST_BYTES = 32 << 20
"""Bytes of records that are held before they are written; frames of them take some ten times as
much.
"""
MOST_RECORDS = 100_000
GENERATION_HEADER = "edition"
_POLL_MS = 500
_FACTS: tuple[Topic, ...] = ("assignments", "responses")


class ArchiverError(Exception):
    """Kafka cannot be read: one line."""


class Watcher(Protocol):
    """The events that an archiver reports to its metrics."""

    def archived(self, table: TableName, rows: int, unreadable: int) -> None: ...
    def flushed(self, lag: dict[tuple[str, int], int]) -> None: ...


@dataclass(slots=True)
class _Held:
    """Records of one partition that are not yet in the archive."""

    records: list[Any] = field(default_factory=list)
    bytes: int = 0

    def take(self, records: Sequence[Any]) -> None:
        self.records += records
        self.bytes += sum(len(one.value or b"") for one in records)


class Archiver(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka gives it no types
    """Writes what the topics bring to `archive`, at least every `every` seconds.

    `pseudonym` is applied to the clinicians of assignments and responses; all tables then get the
    archive's own names (see `streams.formats.archive_names`).
    """

    def __init__(
        self,
        settings: Settings,
        archive: Archive,
        pseudonym: Callable[[str], str],
        every: float,
        watcher: Watcher,
    ) -> None:
        self._settings = settings
        self._archive = archive
        self._pseudonym = pseudonym
        self._archive_names = names_of(pseudonym, archive.period)
        self._every = every
        self._watcher = watcher
        self._names = Naming.of(settings.kafka)
        self._held: dict[Any, _Held] = {}
        self._to_erase: set[tuple[str, str]] = set()
        """Facility and clinician of commands among the records being written."""
        self._writing = asyncio.Lock()
        self._stopping = asyncio.Event()
        self._consumer: Any = None

    def stop(self) -> None:
        """End `run` after the records that are held have been written."""
        self._stopping.set()

    async def run(self, until_end: bool = False) -> None:
        """Archive until `stop`; with `until_end`, until all that was there at the start is in.

        Raises `ArchiverError`, and `ArchiveError` where the archive cannot be written: records
        that are not in it then are read again at the next start.
        """
        self._consumer = AIOKafkaConsumer(
            **client_options(self._settings),
            group_id=archive_group(self._settings),
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            isolation_level="read_committed",
            session_timeout_ms=self._settings.session_timeout,
        )
        await asyncio.to_thread(self._archive.complete, self._settings.policy.horizon)
        try:
            await self._consumer.start()
            self._consumer.subscribe(list(map(self._names.called, TABLE_NAMES)), listener=self)
            await self._archive_all(until_end)
        except KafkaError as error:
            raise ArchiverError(
                await explained(self._settings, error, "Read", *TABLE_NAMES)
                or f"the broker at {self._settings.broker} refuses to be read "
                f"({type(error).__name__})"
            ) from None
        finally:
            await self._consumer.stop()

    async def _archive_all(self, until_end: bool) -> None:
        ends: dict[Any, int] | None = None
        last = monotonic()
        while not self._stopping.is_set():
            found = await self._consumer.getmany(timeout_ms=_POLL_MS, max_records=MOST_RECORDS)
            for place, records in found.items():
                self._held.setdefault(place, _Held()).take(records)
            if until_end and ends is None and self._consumer.assignment():
                ends = await self._consumer.end_offsets(list(self._consumer.assignment()))
            done = ends is not None and await self._passed(ends)
            if done or self._is_full() or monotonic() - last >= self._every:
                await self._flush()
                last = monotonic()
            if done:
                return
        await self._flush()

    async def _passed(self, ends: dict[Any, int]) -> bool:
        mine = self._consumer.assignment()
        places = [place for place in ends if place in mine]
        return all([await self._consumer.position(one) >= ends[one] for one in places])

    def _is_full(self) -> bool:
        return (
            sum(one.bytes for one in self._held.values()) >= MOST_BYTES
            or sum(len(one.records) for one in self._held.values()) >= MOST_RECORDS
        )

    async def _flush(self) -> None:
        async with self._writing:
            held, self._held = self._held, {}
            if held:
                await asyncio.to_thread(self._write, held)
                await self._commit(held)
        lag = {}
        for place in self._consumer.assignment():
            end = self._consumer.highwater(place)
            if end is not None:
                position = await self._consumer.position(place)
                lag[self._names.known(place.topic), place.partition] = max(0, end - position)
        self._watcher.flushed(lag)

    async def _commit(self, held: dict[Any, _Held]) -> None:
        mine = self._consumer.assignment()
        offsets = {
            place: OffsetAndMetadata(one.records[-1].offset + 1, "")
            for place, one in held.items()
            if one.records and place in mine
        }
        if offsets:
            # where it fails, another archiver owns them now, and reads them again
            with suppress(CommitFailedError):
                await self._consumer.commit(offsets)

    def _write(self, held: dict[Any, _Held]) -> None:
        for name in TABLE_NAMES:
            for place, one in held.items():
                if self._names.known(place.topic) == name and one.records:
                    self._write_some(name, one.records)
        for facility, clinician in sorted(self._to_erase):
            names = partial(names_of_one, self._pseudonym, self._archive.period, clinician)
            self._archive.erase_clinician(names, facility)
        self._to_erase.clear()

    def _write_some(self, name: TableName, records: Sequence[Any]) -> None:
        if name in _FACTS:
            rows = self._facts(name, records)
        else:
            rows = record_rows(
                name,
                [one.value for one in records],
                [_edition(one.headers) for one in records],
                [one.offset for one in records],
            )
        rows = renamed(rows, self._archive_names)
        self._archive.write(rows, self._settings.policy.horizon)
        self._watcher.archived(name, rows.frame.height, rows.unreadable)

    def _facts(self, name: Any, records: Sequence[Any]) -> Rows:
        """The facts in records of an input topic; the commands among them are carried out."""
        values, keys = [one.value for one in records], [one.key for one in records]
        decoded = decode_slice(name, values, self._settings.max_record_bytes)
        commands = list(controls_among(decoded.malformed, values, keys))
        for _, one in commands:
            if one.control == "forget":
                self._archive.forget(one.facility, one.at)
            if one.clinician is not None:  # once the facts before the command are written
                self._to_erase.add((one.facility, one.clinician))
        rows = fact_rows(name, decoded.columns, self._pseudonym)
        good = [records[place] for place in decoded.places]
        keys = [(one.key or b"").decode(errors="replace") for one in good]
        latest = [one.timestamp + self._settings.policy.max_ahead for one in good]
        frame = rows.frame.filter(
            pl.Series(keys, dtype=pl.String) == pl.col("facility"),
            pl.col("at").dt.epoch("ms") <= pl.Series(latest, dtype=pl.Int64),
        )
        return Rows(rows.table, frame, len(values) - frame.height - len(commands))

    # --- Kafka's calls

    async def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        """Forget what is not yet written of partitions that another archiver gets."""
        async with self._writing:
            for place in revoked:
                self._held.pop(place, None)

    async def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        pass


def _edition(headers: Iterable[tuple[str, bytes | None]]) -> int:
    for name, value in headers:
        if name == GENERATION_HEADER and value is not None and value.isdigit() and len(value) < 19:
            return int(value)
    return 0
