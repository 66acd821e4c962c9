"""The archive: one Parquet file for each table, facility and day, replaced as a whole.

    ARCHIVE/TABLE/facility=F/date=YYYY-MM-DD/rows.parquet

A writer merges new editions of rows into the files that they concern, and replaces each file
atomically, so a reader sees a day as it was before or after. Every file keeps the edition and the
offset of its rows and retractions in its metadata. A record that arrives again, or that an earlier
owner of the partition writes late, therefore changes nothing: the result depends on which records
were written and not on how often, by whom or in which order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import get_args

import polars as pl

from streams.archive.folder import Folder
from streams.archive.frames import Rows
from streams.archive.locations import store_at
from streams.archive.merging import latest, without_clinician
from streams.archive.stores import FORGOTTEN, HIVE, SCHEMA, ArchiveError, Change, Turn
from streams.archive.tables import SCHEMA_VERSION, TABLE_NAMES, TABLES, Table, TableName
from streams.formats.pseudonyms import Period

DEFAULT_PERIOD: Period = "week"
_FILE, _DAY = "_file", "_day"


@dataclass(frozen=True, slots=True)
class Written:
    """The result of a write: the number of rows added, and of files replaced or deleted."""

    rows: int
    files: int


class Archive:
    """An archive in a local folder, or in an object store at a URL such as s3://BUCKET/PREFIX.

    >>> import tempfile
    >>> archive = Archive.create(Path(tempfile.mkdtemp()))
    >>> archive.facilities("episodes")
    []
    """

    def __init__(self, where: Path | str) -> None:
        """Open an existing archive. Raises `ArchiveError`."""
        self._store = store_at(where)
        self.period: Period = "none"
        """How often clinicians get new names; `none` in archives that older releases began."""
        try:
            content = self._store.load(SCHEMA)
            found = content["schema"]  # type: ignore[index]  # None is told of below
            if content.get("pseudonym_period") in get_args(Period):  # type: ignore[union-attr]
                self.period = content["pseudonym_period"]  # type: ignore[index]
        except (OSError, ValueError, KeyError, TypeError):
            raise ArchiveError(
                f"{self.shown}: expected an archive, found no {SCHEMA} in it"
            ) from None
        if found != SCHEMA_VERSION:
            raise ArchiveError(
                f"{self.shown}: expected schema {SCHEMA_VERSION}, found {found}: it was written by "
                "another release"
            )

    @classmethod
    def create(cls, where: Path | str, period: Period | None = None) -> Archive:
        """Open the archive at `where`, which is created if it does not exist or is empty.

        `period` is how often clinicians get new names, which holds for the archive's whole life;
        None: what the archive has, and `DEFAULT_PERIOD` for a new one. Raises `ArchiveError`.
        """
        store = store_at(where)
        content = {"schema": SCHEMA_VERSION, "pseudonym_period": period or DEFAULT_PERIOD}
        try:
            store.prepare(content)
        except OSError as error:
            raise ArchiveError(f"{store.shown}: {error.strerror}") from None
        opened = cls(where)
        if period not in (None, opened.period):
            raise ArchiveError(
                f"{opened.shown}: expected pseudonym period {opened.period}, with which the "
                f"archive was begun, found {period}; write to another place"
            )
        return opened

    @property
    def shown(self) -> str:
        """Its folder or URL, for messages."""
        return self._store.shown

    @property
    def folder(self) -> Path:
        """The folder of a local archive."""
        assert isinstance(self._store, Folder)
        return self._store.path

    # --- writing

    def write(self, rows: Rows, horizon: int) -> Written:
        """Merge rows into the files of their days, and remove what they retract or replace.

        `horizon` (ms): where two alarms with one id are further apart, the id was used again.
        Raises `ArchiveError` if the archive cannot be written.
        """
        files = 0
        try:
            for (facility,), some in rows.frame.group_by("facility", maintain_order=True):
                files += self._merge(rows.table, str(facility), some.drop("facility"), horizon)
        except OSError as error:
            raise ArchiveError(f"{self.shown}: {error.strerror}") from None
        return Written(rows.frame.height, files)

    def complete(self, horizon: int) -> None:
        """Complete what a writer that was ended has begun. Raises `ArchiveError`."""
        for table, facility in self._store.unfinished():
            nothing = Rows.empty(table).frame.drop("facility")
            self._merge(table, facility, nothing, horizon)

    def _merge(self, table: Table, facility: str, new: pl.DataFrame, horizon: int) -> int:
        """Returns the number of files replaced or deleted."""

        def plan(turn: Turn) -> list[Change]:
            return _merged(table, turn, new, self._forgotten().get(facility), horizon)

        return self._store.change(table, facility, plan)

    # --- erasing

    def erase(self, facility: str | None, before: date | None) -> dict[TableName, int]:
        """Delete the days before `before` (None: all days) of a facility (None: of all).

        Returns the numbers of rows deleted, by table. Raises `ArchiveError`, `OSError`.
        """
        gone = dict.fromkeys(TABLE_NAMES, 0)
        for table, one, day in self._files():
            if facility in (None, one) and (before is None or day < before):
                rows = 0

                def plan(turn: Turn, day: date = day) -> list[Change]:
                    nonlocal rows
                    [*there] = turn.days({day})
                    rows = sum(map(turn.height, there))
                    return [(one, None) for one in there]

                self._store.change(table, one, plan)
                gone[table.name] += rows
        return gone

    def forget(self, facility: str, at: int) -> None:
        """Delete the rows of a facility up to `at` (ms since 1970), and never take them again.

        Records of them may still come, since the topics keep them for their own time. Raises
        `ArchiveError`, `OSError`.
        """

        def later(known: dict[str, int]) -> dict[str, int]:
            return known | {facility: max(at, known.get(facility, at))}

        if self._forgotten().get(facility, -1) < at:
            self._store.edit(FORGOTTEN, later)
        for table in TABLES.values():  # who merges at this moment does not know of it
            self._store.fence(table, facility)
        # A command that was interrupted comes again, and must not stop here.
        last = datetime.fromtimestamp(at / 1000, UTC).date()
        for table, one, day in self._files():
            if one == facility and day <= last:

                def plan(turn: Turn, table: Table = table, day: date = day) -> list[Change]:
                    if day < last:
                        return [(one, None) for one in turn.days({day})]
                    found = [(one, turn.read(one)) for one in turn.days({day})]
                    left = [(one, frame, _after(table, frame, at)) for one, frame in found]
                    return [(one, few) for one, all_, few in left if few.height < all_.height]

                self._store.change(table, facility, plan)

    def _forgotten(self) -> dict[str, int]:
        return self._store.load(FORGOTTEN) or {}

    def erase_clinician(
        self, names: Callable[[int], Iterable[str]], only: str | None = None
    ) -> dict[TableName, int]:
        """Remove a clinician from all rows, or those of the facility `only`. Returns the numbers of
        rows changed, by table.

        `names` gives the names that the clinician has in the rows of a day, from the time at which
        it begins (ms since 1970). Overload changes of the clinician are deleted; other rows stay,
        without the clinician. Raises `ArchiveError`, `OSError`.
        """
        changed = dict.fromkeys(TABLE_NAMES, 0)
        for table, facility, day in self._files():
            if only in (None, facility):
                begin = datetime(day.year, day.month, day.day, tzinfo=UTC)
                wanted = list(dict.fromkeys(names(round(begin.timestamp() * 1000))))
                count = 0

                def plan(
                    turn: Turn, table: Table = table, day: date = day, wanted: list[str] = wanted
                ) -> Iterator[Change]:
                    nonlocal count
                    count = 0
                    for one in turn.days({day}):
                        frame = turn.read(one)
                        for name in wanted:
                            frame, more = without_clinician(table, frame, name)
                            count += more
                        if count:
                            yield one, frame

                self._store.change(table, facility, plan)
                changed[table.name] += count
        return changed

    # --- reading

    def facilities(self, name: TableName) -> list[str]:
        return self._store.facilities(TABLES[name])

    def days(self, name: TableName, facility: str) -> list[date]:
        """The UTC dates for which a facility has a file, in order."""
        return self._store.days(TABLES[name], facility)

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
        places = [
            (facility, day)
            for facility in (self.facilities(name) if facilities is None else facilities)
            for day in self.days(name, facility)
            if (begin is None or begin <= day) and (end is None or day <= end)
        ]
        if not places:
            return pl.LazyFrame(schema={**TABLES[name].columns, **HIVE})
        return self._store.scan(TABLES[name], places)

    def _files(self) -> Iterator[tuple[Table, str, date]]:
        for table in TABLES.values():
            for facility in self.facilities(table.name):
                for day in self.days(table.name, facility):
                    yield table, facility, day


def _after(table: Table, frame: pl.DataFrame, at: int | None) -> pl.DataFrame:
    """The rows later than `at` (ms since 1970); None: all."""
    return frame if at is None else frame.filter(pl.col(table.time).dt.epoch("ms") > at)


def _merged(
    table: Table, turn: Turn, new: pl.DataFrame, forgotten: int | None, horizon: int
) -> list[Change]:
    """The days that change where `new` is merged into what there is. A row that moves to another
    day is for a moment in both, and never in none: days that gain rows come first.
    """
    new = _after(table, new, forgotten)
    if new.is_empty() and not turn.unfinished:
        return []
    found = {day: turn.read(day) for day in _days_touched(table, turn, new)}
    old = {day: _after(table, frame, forgotten) for day, frame in found.items()}
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
        for day, frame in found.items()
        if frame.height != (by_day[day].height if day in by_day else 0)
    }
    ordered = (*sorted(gaining), *sorted(losing - gaining))
    return [(day, by_day.get(day, merged.clear())) for day in ordered]


def _days_touched(table: Table, turn: Turn, new: pl.DataFrame) -> list[date]:
    """The days whose files hold rows that `new` may join or replace, or that need completing."""
    dates = {*new[table.time].dt.date(), *turn.unfinished}
    reach = range(-table.reach_days, table.reach_days + 1)
    there = turn.days({day + timedelta(days=by) for day in dates for by in reach})
    key = table.key[0]
    known = [turn.ids(day) for day in there if day in turn.unfinished]
    ids = pl.concat([new.select(key), *known]).unique()

    def concerns(day: date) -> bool:
        return day in dates or not turn.ids(day).join(ids, on=key, how="semi").is_empty()

    return list(filter(concerns, there))
