"""An archive's files in a local folder. File locks keep two writers of one machine apart."""

from __future__ import annotations

import contextlib
import fcntl
import json
import zlib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl

from streams.archive.day_files import height, ids, read_day, replace, replace_json, write_day
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
from streams.archive.tables import Table

_LOCKS = "_locks"
_LOCK_FILES = 64


class Folder:
    """A `Store` in a folder: DIR/TABLE/facility=F/date=YYYY-MM-DD/rows.parquet."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def shown(self) -> str:
        return str(self.path)

    def prepare(self, schema: Mapping[str, Any]) -> None:
        self.path.mkdir(parents=True, exist_ok=True)
        if (self.path / SCHEMA).exists():
            return
        if any(not one.name.startswith(".") for one in self.path.iterdir()):
            raise ArchiveError(
                f"{self.path}: expected an archive or an empty folder, found other files"
            )
        replace_json(self.path / SCHEMA, schema)

    def load(self, name: str) -> Json | None:
        try:
            found: Json = json.loads((self.path / name).read_bytes())
        except FileNotFoundError:
            return None
        return found

    def edit(self, name: str, change: Callable[[Json], Json]) -> None:
        with self._locked(None, ""):
            replace_json(self.path / name, change(self.load(name) or {}))

    def facilities(self, table: Table) -> list[str]:
        found = (self.path / table.name).glob("facility=*/date=*")
        return sorted({named(one.parent.name) for one in found})

    def days(self, table: Table, facility: str) -> list[date]:
        found = self._facility(table, facility).glob(f"date=*/{ROWS}")
        return sorted(date.fromisoformat(named(one.parent.name)) for one in found)

    def scan(self, table: Table, places: Sequence[tuple[str, date]]) -> pl.LazyFrame:
        return pl.scan_parquet(
            [self.file(table, facility, day) for facility, day in places],
            schema={**table.columns, **HIVE},
            hive_partitioning=True,
            hive_schema=HIVE,
            missing_columns="insert",
        )

    def change(self, table: Table, facility: str, plan: Plan) -> int:
        done = 0
        with self._locked(table, facility):
            for day, frame in plan(_Locked(self, table, facility)):
                path = self.file(table, facility, day)
                if frame is None or frame.is_empty():
                    _delete(path)
                else:
                    path.parent.mkdir(parents=True, exist_ok=True)
                    # Readers look for *.parquet, so they never see the file before it is complete.
                    with replace(path) as part:
                        write_day(part, table, frame)
                done += 1
        return done

    def fence(self, table: Table, facility: str) -> None:
        with self._locked(table, facility):
            pass

    def unfinished(self) -> Iterable[tuple[Table, str]]:
        return ()  # a write that a crash interrupts is completed when its records are read again

    def file(self, table: Table, facility: str, day: date) -> Path:
        return self._facility(table, facility) / f"date={day}" / ROWS

    def _facility(self, table: Table, facility: str) -> Path:
        return self.path / table.name / facility_folder(facility)

    @contextlib.contextmanager
    def _locked(self, table: Table | None, facility: str) -> Iterator[None]:
        """A lock: only one writer at a time merges into the files."""
        folder = self.path / _LOCKS
        folder.mkdir(exist_ok=True)
        name = f"{table.name}-{zlib.crc32(facility.encode()) % _LOCK_FILES:02x}" if table else "all"
        with (folder / name).open("wb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


class _Locked:
    """The `Turn` of a writer that holds the lock."""

    unfinished: Collection[date] = ()

    def __init__(self, folder: Folder, table: Table, facility: str) -> None:
        self._folder = folder
        self._table = table
        self._facility = facility

    def days(self, near: Collection[date] | None = None) -> Sequence[date]:
        found = self._folder.days(self._table, self._facility)
        return found if near is None else [day for day in found if day in near]

    def read(self, day: date) -> pl.DataFrame:
        return read_day(self._file(day), self._table)

    def ids(self, day: date) -> pl.DataFrame:
        return ids(self._file(day), self._table)

    def height(self, day: date) -> int:
        return height(self._file(day))

    def _file(self, day: date) -> Path:
        return self._folder.file(self._table, self._facility, day)


def _delete(path: Path) -> None:
    """Delete a file, and the folders that are then empty."""
    path.unlink(missing_ok=True)
    with contextlib.suppress(OSError):
        path.parent.rmdir()
        path.parent.parent.rmdir()
