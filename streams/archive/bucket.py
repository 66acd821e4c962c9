"""An archive's files in a bucket, for any number of archivers on any number of machines.

A bucket has no locks. A writer replaces a day's object only if it is still the one that it has
read; otherwise it merges again. That is enough as long as all rows of one alarm have the same date.
A row whose date changed is in two objects. So writers of one table and facility also share a small
*journal*: each writer enters the days that it will write, and removes the entry when they are in
place. Both are conditional puts: they fail if the journal has changed since the writer read it,
before it read any day. A writer that finds it changed merges again. The entry of a writer that was
killed stays, and the next writer also merges the days in it.
"""

from __future__ import annotations

import io
import json
import random
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import date
from typing import Any
from uuid import uuid4

import polars as pl
from polars.io.plugins import register_io_source

from streams.archive.day_files import as_json, height, ids, read_day, write_day
from streams.archive.frames import Rows
from streams.archive.objects import Conflict, Objects, Unreachable, Version
from streams.archive.stores import (
    HIVE,
    ROWS,
    SCHEMA,
    ArchiveError,
    Json,
    Plan,
    facility_folder,
    named,
)
from streams.archive.tables import TABLES, Table

_JOURNALS = "_writing"
_CONFLICTS = 100
"""Most attempts of a change that conflicts with other writers."""
_FAILURES = 5
"""Most attempts while the store does not answer."""
_PAUSE = 0.5
_NOTE_LIVES = 86_400_000
"""Age (ms) at which the journal entry of a writer that never returned is dropped."""
_CACHED_BYTES = 64 << 20
_AHEAD, _AT_ONCE = 8, 4
"""How many objects a scan fetches ahead, and how many of them at a time."""


class Bucket:
    """A `Store` in a bucket. Objects have the same names as the files in a folder."""

    def __init__(self, scheme: str, bucket: str, prefix: str) -> None:
        self._objects = Objects(scheme, bucket, prefix)
        self._cache = _Cache()

    @property
    def shown(self) -> str:
        return self._objects.shown

    def prepare(self, schema: Mapping[str, Any]) -> None:
        self._objects.check_conditions()
        if self.load(SCHEMA) is not None:
            return
        for key, _ in self._objects.listed(""):
            if not key.startswith("_"):
                raise ArchiveError(
                    f"{self.shown}: expected an archive or an empty prefix, found other objects"
                )
        try:
            self._objects.put(SCHEMA, as_json(schema), None)
        except Conflict:  # another archiver creates the archive at the same time
            return

    def load(self, name: str) -> Json | None:
        found = self._objects.get(name)
        return None if found is None else json.loads(found[0])

    def edit(self, name: str, change: Callable[[Json], Json]) -> None:
        def once() -> None:
            found = self._objects.get(name)
            content, seen = ({}, None) if found is None else (json.loads(found[0]), found[1])
            self._objects.put(name, as_json(change(content)), seen)

        _again(once, self.shown)

    def facilities(self, table: Table) -> list[str]:
        return sorted(map(named, self._objects.folders(table.name)))

    def days(self, table: Table, facility: str) -> list[date]:
        return [day for day, _ in self.listed(table, facility)]

    def listed(
        self, table: Table, facility: str, since: date | None = None
    ) -> Iterator[tuple[date, str | None]]:
        """The days that have an object, in order, and their ETags."""
        folder = f"{table.name}/{facility_folder(facility)}"
        after = None if since is None else f"{folder}/date={since}"
        for key, etag in self._objects.listed(folder, after):
            parent, _, name = key.rpartition("/")
            if name == ROWS:
                yield date.fromisoformat(named(parent.rpartition("/")[2])), etag

    def scan(self, table: Table, places: Sequence[tuple[str, date]]) -> pl.LazyFrame:
        schema = {**table.columns, **HIVE}
        if len(places) == 1:  # fails here, with our own message, rather than in polars
            frames = self._frames(table, places, list(schema))
            return pl.concat([pl.DataFrame(schema=schema), *frames]).lazy()

        def batches(
            columns: list[str] | None,
            predicate: pl.Expr | None,
            rows: int | None,
            _: int | None,
        ) -> Iterator[pl.DataFrame]:
            for one in self._frames(table, places, list(schema) if columns is None else columns):
                frame = one if predicate is None else one.filter(predicate)
                if rows is not None:
                    frame = frame.head(rows)
                    rows -= frame.height
                yield frame
                if rows == 0:
                    return

        return register_io_source(batches, schema=schema)

    def _frames(
        self, table: Table, places: Sequence[tuple[str, date]], columns: list[str]
    ) -> Iterator[pl.DataFrame]:
        """The given columns of all rows, object by object."""
        own = [one for one in columns if one not in HIVE]
        for (facility, day), content in self._fetched(table, places):
            frame = _columns(table, content, own)
            about = {"facility": facility, "date": day}
            yield frame.with_columns(
                pl.lit(value).alias(one) for one, value in about.items()
            ).select(columns)

    def _fetched(
        self, table: Table, places: Sequence[tuple[str, date]]
    ) -> Iterator[tuple[tuple[str, date], bytes]]:
        """The objects at these places, without those that were deleted meanwhile."""
        waiting: deque[tuple[tuple[str, date], Future[tuple[bytes, Version] | None]]] = deque()
        left = iter(places)
        pool = ThreadPoolExecutor(_AT_ONCE)
        try:
            while True:
                while len(waiting) < _AHEAD and (place := next(left, None)) is not None:
                    key = object_key(table, *place)
                    waiting.append((place, pool.submit(self._objects.get, key)))
                if not waiting:
                    return
                place, future = waiting.popleft()
                found = future.result()
                if found is not None:
                    yield place, found[0]
        finally:
            pool.shutdown(cancel_futures=True)

    def change(self, table: Table, facility: str, plan: Plan) -> int:
        attempt = _Attempt(self, self._objects, table, facility, plan)
        _again(attempt.once, self.shown)
        return attempt.changed

    def fence(self, table: Table, facility: str) -> None:
        def once() -> None:
            journal = _Journal.read(self._objects, journal_key(table, facility))
            journal.put(journal.notes)

        _again(once, self.shown)

    def unfinished(self) -> Iterable[tuple[Table, str]]:
        found = list(self._objects.listed(_JOURNALS))
        for key, _ in found:
            journal = _Journal.read(self._objects, key)
            if journal.notes:
                _, table, name = key.split("/")
                yield TABLES[table], named(name.removesuffix(".json"))  # type: ignore[index]

    def content(self, key: str, etag: str | None) -> tuple[bytes, Version] | None:
        """An object, from the cache if it still has this ETag."""
        known = self._cache.get(key)
        if known is not None and etag is not None and known[1].etag == etag:
            return known
        found = self._objects.get(key)
        if found is not None:
            self._cache.put(key, found)
        return found

    def put(self, key: str, content: bytes, seen: Version | None) -> None:
        self._cache.drop(key)
        self._cache.put(key, (content, self._objects.put(key, content, seen)))

    def delete(self, key: str) -> None:
        self._cache.drop(key)
        self._objects.delete(key)


def object_key(table: Table, facility: str, day: date) -> str:
    return f"{table.name}/{facility_folder(facility)}/date={day}/{ROWS}"


def journal_key(table: Table, facility: str) -> str:
    return f"{_JOURNALS}/{table.name}/{facility_folder(facility)}.json"


def _columns(table: Table, content: bytes, wanted: list[str]) -> pl.DataFrame:
    there = pl.read_parquet_schema(io.BytesIO(content))
    known = [one for one in wanted if one in there]
    if known:
        frame = pl.read_parquet(io.BytesIO(content), columns=known)
    else:
        frame = pl.DataFrame({"": pl.repeat(None, height(io.BytesIO(content)), eager=True)})
    missing = (pl.lit(None, table.columns[one]).alias(one) for one in wanted if one not in there)
    return frame.with_columns(*missing)


def _again(once: Callable[[], None], shown: str) -> None:
    """Repeat `once` until no other writer interferes; within bounds also if the store fails."""
    conflicts = failures = 0
    while True:
        try:
            return once()
        except Conflict:
            conflicts += 1
            if conflicts > _CONFLICTS:
                raise ArchiveError(
                    f"{shown}: other writers change the same days all the time"
                ) from None
            time.sleep(random.uniform(0, _PAUSE * min(conflicts, 10) / 10))  # noqa: S311
        except Unreachable:
            failures += 1
            if failures >= _FAILURES:
                raise
            time.sleep(_PAUSE * 2**failures)


@dataclass
class _Journal:
    """The writers of a table and facility, and the days that each will write."""

    objects: Objects
    key: str
    turn: int = 0
    """Increases with each put, so that no two states have the same ETag."""
    notes: dict[str, Json] = field(default_factory=dict)
    seen: Version | None = None

    @classmethod
    def read(cls, objects: Objects, key: str) -> _Journal:
        found = objects.get(key)
        if found is None:
            return cls(objects, key)
        content = json.loads(found[0])
        return cls(objects, key, content["turn"], content["writers"], found[1])

    def days(self) -> set[date]:
        return {date.fromisoformat(one) for note in self.notes.values() for one in note["days"]}

    def put(self, notes: Mapping[str, Json]) -> None:
        """Raises `Conflict`."""
        content = as_json({"turn": self.turn + 1, "writers": notes})
        self.seen = self.objects.put(self.key, content, self.seen)
        self.turn += 1
        self.notes = dict(notes)


class _Attempt:
    """One change of a table and facility; `once` is one attempt."""

    def __init__(
        self, bucket: Bucket, objects: Objects, table: Table, facility: str, plan: Plan
    ) -> None:
        self.changed = 0
        self._bucket, self._objects = bucket, objects
        self._table, self._facility, self._plan = table, facility, plan
        self._journal = journal_key(table, facility)
        self._id = uuid4().hex
        self._noted: set[date] = set()
        """The days that this change has entered in the journal, and may have written."""

    def once(self) -> None:
        """Raises `Conflict` if another writer interfered."""
        journal = _Journal.read(self._objects, self._journal)
        turn = _Read(self._bucket, self._table, self._facility, journal.days())
        changes = list(self._plan(turn))
        now = round(time.time() * 1000)
        if changes:
            self._noted.update(day for day, _ in changes)
            note = {"days": sorted(map(str, self._noted)), "since": now}
            journal.put(journal.notes | {self._id: note})
            for day, frame in changes:
                turn.put(day, frame)
                self.changed += 1
        elif not self._noted and not journal.notes:
            return
        left = {
            name: note
            for name, note in journal.notes.items()
            if name != self._id and note["since"] > now - _NOTE_LIVES
        }
        if left != journal.notes:
            journal.put(left)


class _Read:
    """The `Turn` of a writer: remembers the version of each day that it has read."""

    def __init__(
        self, bucket: Bucket, table: Table, facility: str, unfinished: Collection[date]
    ) -> None:
        self.unfinished = unfinished
        self._bucket, self._table, self._facility = bucket, table, facility
        self._etags: dict[date, str | None] = {}
        self._seen: dict[date, Version] = {}

    def days(self, near: Collection[date] | None = None) -> Sequence[date]:
        if near is not None and not near:
            return []
        since, until = (None, None) if near is None else (min(near), max(near))
        for day, etag in self._bucket.listed(self._table, self._facility, since):
            if until is not None and day > until:
                break
            self._etags[day] = etag
        return [day for day in self._etags if near is None or day in near]

    def read(self, day: date) -> pl.DataFrame:
        content = self._content(day)
        if content is None:
            return Rows.empty(self._table).frame.drop("facility")
        return read_day(io.BytesIO(content), self._table)

    def ids(self, day: date) -> pl.DataFrame:
        content = self._content(day)
        if content is None:
            return Rows.empty(self._table).frame.select(self._table.key[0])
        return ids(io.BytesIO(content), self._table)

    def height(self, day: date) -> int:
        content = self._content(day)
        return 0 if content is None else height(io.BytesIO(content))

    def _content(self, day: date) -> bytes | None:
        key = object_key(self._table, self._facility, day)
        found = self._bucket.content(key, self._etags.get(day))
        if found is None:
            self._seen.pop(day, None)
            return None
        content, self._seen[day] = found
        return content

    def put(self, day: date, frame: pl.DataFrame | None) -> None:
        """A day without rows keeps an empty object, as stores cannot delete on condition."""
        key = object_key(self._table, self._facility, day)
        if frame is None:
            self._bucket.delete(key)
            return
        file = io.BytesIO()
        write_day(file, self._table, frame)
        self._bucket.put(key, file.getvalue(), self._seen.get(day))


class _Cache:
    """A cache of the objects read or written last, bounded in bytes; safe for several threads."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, tuple[bytes, Version]] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    def get(self, key: str) -> tuple[bytes, Version] | None:
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
            return self._kept.get(key)

    def put(self, key: str, found: tuple[bytes, Version]) -> None:
        self.drop(key)
        with self._lock:
            self._kept[key] = found
            self._bytes += len(found[0])
            while self._bytes > _CACHED_BYTES:
                _, (content, _) = self._kept.popitem(last=False)
                self._bytes -= len(content)

    def drop(self, key: str) -> None:
        with self._lock:
            content, _ = self._kept.pop(key, (b"", None))
            self._bytes -= len(content)
