"""The archive's folder: one Parquet file for each table, facility and day, replaced as a whole.

    DIR/TABLE/facility=F/date=YYYY-MM-DD/rows.parquet

A writer merges new editions of rows into the files that they concern, and replaces each file
atomically, so a reader sees a day as it was before or after. Every file keeps the edition and the
offset of its rows and retractions in its metadata. A record that arrives again, or that an earlier
owner of the partition writes late, therefore changes nothing: the result depends on which records
were written and not on how often, by whom or in which order.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import get_args
from urllib.parse import quote, unquote

import polars as pl

from streams.archive.day_files import height, read_day, replace_json, write_day
from streams.archive.frames import Rows
from streams.archive.merging import latest, without_clinician
from streams.archive.tables import SCHEMA_VERSION, TABLE_NAMES, TABLES, Table, TableName
from streams.formats.pseudonyms import Period

ROWS = "rows.parquet"
DEFAULT_PERIOD: Period = "week"
_SCHEMA, _LOCKS, _FORGOTTEN = "_schema.json", "_locks", "_forgotten.json"
_LOCK_FILES = 64
_FILE, _DAY = "_file", "_day"


class ArchiveError(Exception):
    """The folder is not an archive that can be used: one line."""


@dataclass(frozen=True, slots=True)
class Written:
    """What a write did: how many rows it brought, and how many files it replaced or deleted."""

    rows: int
    files: int


class Archive:
    """An archive in a local folder.

    >>> import tempfile
    >>> archive = Archive.create(Path(tempfile.mkdtemp()))
    >>> archive.facilities("episodes")
    []
    """

    def __init__(self, folder: Path) -> None:
        """Open an existing archive. Raises `ArchiveError`."""
        self.folder = folder
        self.period: Period = "none"
        """How often clinicians get new names; `none` in archives that older releases began."""
        try:
            content = json.loads((folder / _SCHEMA).read_bytes())
            found = content["schema"]
            if content.get("pseudonym_period") in get_args(Period):
                self.period = content["pseudonym_period"]
        except (OSError, ValueError, KeyError, TypeError):
            raise ArchiveError(f"{folder}: expected an archive, found no {_SCHEMA} in it") from None
        if found != SCHEMA_VERSION:
            raise ArchiveError(
                f"{folder}: expected schema {SCHEMA_VERSION}, found {found}: it was written by "
                "another release"
            )

    @classmethod
    def create(cls, folder: Path, period: Period | None = None) -> Archive:
        """Open the archive in `folder`, which is created if it does not exist or is empty.

        `period` is how often clinicians get new names, which holds for the archive's whole life;
        None: what the archive has, and `DEFAULT_PERIOD` for a new one. Raises `ArchiveError`.
        """
        try:
            folder.mkdir(parents=True, exist_ok=True)
            known = folder / _SCHEMA
            if not known.exists():
                if any(not one.name.startswith(".") for one in folder.iterdir()):
                    raise ArchiveError(
                        f"{folder}: expected an archive or an empty folder, found other files"
                    )
                content = {"schema": SCHEMA_VERSION, "pseudonym_period": period or DEFAULT_PERIOD}
                replace_json(known, content)
        except OSError as error:
            raise ArchiveError(f"{folder}: {error.strerror}") from None
        opened = cls(folder)
        if period not in (None, opened.period):
            raise ArchiveError(
                f"{folder}: expected pseudonym period {opened.period}, with which the archive was "
                f"begun, found {period}; write to another folder"
            )
        return opened

    # --- writing

    def write(self, rows: Rows, horizon: int) -> Written:
        """Merge rows into the files of their days, and remove what they retract or replace.

        `horizon` (ms): where two alarms with one id are further apart, the id was used again.
        Raises `ArchiveError` if the folder cannot be written.
        """
        files = 0
        try:
            for (facility,), some in rows.frame.group_by("facility", maintain_order=True):
                table, new = rows.table, some.drop("facility")
                with self._locked(table, str(facility)):
                    forgotten = self._forgotten().get(str(facility))
                    if forgotten is not None:
                        new = new.filter(pl.col(table.time).dt.epoch("ms") > forgotten)
                    if new.height:
                        files += self._merge(table, str(facility), new, horizon)
        except OSError as error:
            raise ArchiveError(f"{self.folder}: {error.strerror}") from None
        return Written(rows.frame.height, files)

    def _merge(self, table: Table, facility: str, new: pl.DataFrame, horizon: int) -> int:
        """Returns the number of files replaced or deleted."""
        old = {
            day: read_day(self._path(table, facility, day), table)
            for day in self._days_touched(table, facility, new)
        }
        parts = [
            *(frame.with_columns(pl.lit(day).alias(_FILE)) for day, frame in old.items()),
            new.with_columns(pl.lit(None, pl.Date).alias(_FILE)),
        ]
        merged = latest(table, pl.concat(parts, how="diagonal"), _FILE, horizon)
        merged = merged.with_columns(pl.col(table.time).dt.date().alias(_DAY))
        gaining = set(merged.filter(pl.col(_FILE).ne_missing(pl.col(_DAY)))[_DAY])
        by_day = {day: frame for (day,), frame in merged.group_by(_DAY)}
        losing = {
            day
            for day, frame in old.items()
            if frame.height != (by_day[day].height if day in by_day else 0)
        }
        # A row that moves is for a moment in two files, and never in none.
        for day in (*sorted(gaining), *sorted(losing - gaining)):
            path = self._path(table, facility, day)
            if day in by_day:
                write_day(path, table, by_day[day])
            else:
                _delete(path)
        return len(gaining | losing)

    def _days_touched(self, table: Table, facility: str, new: pl.DataFrame) -> list[date]:
        """The days whose files hold rows that `new` may join or replace."""
        dates = set(new[table.time].dt.date())
        reach = range(-table.reach_days, table.reach_days + 1)
        near = {day + timedelta(days=by) for day in dates for by in reach}
        ids = new.select(table.key[0]).unique()

        def concerns(day: date) -> bool:
            if day in dates:
                return True
            path = self._path(table, facility, day)
            known = pl.read_parquet(path, columns=[table.key[0]], hive_partitioning=False)
            return not known.join(ids, on=table.key[0], how="semi").is_empty()

        return list(filter(concerns, sorted(near.intersection(self.days(table.name, facility)))))

    # --- erasing

    def erase(self, facility: str | None, before: date | None) -> dict[TableName, int]:
        """Delete the days before `before` (None: all days) of a facility (None: of all).

        Returns the numbers of rows deleted, by table.
        """
        gone = dict.fromkeys(TABLE_NAMES, 0)
        for table, one, day in self._files():
            if facility in (None, one) and (before is None or day < before):
                with self._locked(table, one):
                    path = self._path(table, one, day)
                    if path.exists():
                        gone[table.name] += height(path)
                        _delete(path)
        return gone

    def forget(self, facility: str, at: int) -> None:
        """Delete the rows of a facility up to `at` (ms since 1970), and never take them again.

        Records of them may still come, since the topics keep them for their own time.
        """
        with self._locked(None, facility):
            known = self._forgotten()
            if known.get(facility, -1) >= at:
                return
            replace_json(self.folder / _FORGOTTEN, known | {facility: at})
        for table, one, day in self._files():
            if one != facility:
                continue
            with self._locked(table, facility):
                path = self._path(table, facility, day)
                frame = read_day(path, table)
                left = frame.filter(pl.col(table.time).dt.epoch("ms") > at)
                if left.is_empty():
                    _delete(path)
                elif left.height < frame.height:
                    write_day(path, table, left)

    def _forgotten(self) -> dict[str, int]:
        try:
            found: dict[str, int] = json.loads((self.folder / _FORGOTTEN).read_bytes())
        except FileNotFoundError:
            return {}
        return found

    def erase_clinician(
        self, names: Callable[[int], Iterable[str]], only: str | None = None
    ) -> dict[TableName, int]:
        """Remove a clinician from all rows, or those of the facility `only`. Returns the numbers of
        rows changed, by table.

        `names` gives the names that the clinician has in the rows of a day, from the time at which
        it begins (ms since 1970). Overload changes of the clinician are deleted; other rows stay,
        without the clinician.
        """
        changed = dict.fromkeys(TABLE_NAMES, 0)
        for table, facility, day in self._files():
            if only not in (None, facility):
                continue
            with self._locked(table, facility):
                path = self._path(table, facility, day)
                if not path.exists():
                    continue
                begin = datetime(day.year, day.month, day.day, tzinfo=UTC)
                frame, count = read_day(path, table), 0
                for name in dict.fromkeys(names(round(begin.timestamp() * 1000))):
                    frame, more = without_clinician(table, frame, name)
                    count += more
                if count:
                    write_day(path, table, frame)
                    changed[table.name] += count
        return changed

    # --- reading

    def facilities(self, name: TableName) -> list[str]:
        found = (self.folder / name).glob("facility=*/date=*")
        return sorted({unquote(one.parent.name.partition("=")[2]) for one in found})

    def days(self, name: TableName, facility: str) -> list[date]:
        """The UTC dates for which a facility has a file, in order."""
        found = self._facility(TABLES[name], facility).glob(f"date=*/{ROWS}")
        return sorted(date.fromisoformat(one.parent.name.partition("=")[2]) for one in found)

    def scan(
        self,
        name: TableName,
        facilities: Iterable[str] | None = None,
        begin: date | None = None,
        end: date | None = None,
    ) -> pl.LazyFrame:
        """The rows of a table of the days from `begin` to `end`, with `facility` and `date`.

        Only the files of these facilities and days are opened; None: of all.
        """
        paths = [
            self._path(TABLES[name], facility, day)
            for facility in (self.facilities(name) if facilities is None else facilities)
            for day in self.days(name, facility)
            if (begin is None or begin <= day) and (end is None or day <= end)
        ]
        columns = {"facility": pl.String(), "date": pl.Date()}
        if not paths:
            return pl.LazyFrame(schema={**TABLES[name].columns, **columns})
        return pl.scan_parquet(
            paths,
            schema={**TABLES[name].columns, **columns},
            hive_partitioning=True,
            hive_schema=columns,
            missing_columns="insert",
        )

    def _files(self) -> Iterator[tuple[Table, str, date]]:
        for table in TABLES.values():
            for facility in self.facilities(table.name):
                for day in self.days(table.name, facility):
                    yield table, facility, day

    def _facility(self, table: Table, facility: str) -> Path:
        return self.folder / table.name / f"facility={quote(facility, safe='')}"

    def _path(self, table: Table, facility: str, day: date) -> Path:
        return self._facility(table, facility) / f"date={day}" / ROWS

    @contextlib.contextmanager
    def _locked(self, table: Table | None, facility: str) -> Iterator[None]:
        """Keeps two writers from merging into the same files at once."""
        folder = self.folder / _LOCKS
        folder.mkdir(exist_ok=True)
        name = f"{table.name}-{zlib.crc32(facility.encode()) % _LOCK_FILES:02x}" if table else "all"
        with (folder / name).open("wb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def _delete(path: Path) -> None:
    """Delete a file, and the folders that this leaves empty."""
    path.unlink()
    with contextlib.suppress(OSError):
        path.parent.rmdir()
        path.parent.parent.rmdir()
