"""The data that a report reads from the archive: a hospital's alarms, roster and states, as plain
columns.

Only the columns and days that count are read. Names become numbers on the way, so that a month of a
hospital takes little memory.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from analyzer import CLASSES
from analyzer.model import PRIORITIES
from analyzer.times import NEVER, OPEN
from streams.archive import TABLES, Archive
from streams.formats.pseudonyms import Period

Numbers = npt.NDArray[np.int64]
Codes = npt.NDArray[np.int32]
RUN_UP = 3_600_000
"""Alarms and duties so long before and after the span are read, too. So a day at its edge has the
same floods and protected stretches, whatever span it is part of.
"""
QUARTER = 900_000
"""In such steps (ms) `read_seen` looks whether anything was recorded."""
STATE_DAYS = 2
"""Overload states change several times a day: so many days before the span show how it began."""
STATES = ("normal", "elevated", "overloaded")


@dataclass(frozen=True, slots=True)
class Names:
    """Numbers for names."""

    known: list[str]

    @classmethod
    def coded(cls, column: pl.Series) -> tuple[Names, Codes]:
        """The names of a categorical column, sorted, and the number of each entry; -1: null."""
        physical = column.to_physical()
        most = physical.max()
        null = most + 1 if isinstance(most, int) else 0
        raw = physical.fill_null(null).to_numpy()
        row = np.full(null + 1, -1, np.int64)  # one with each name
        row[raw] = np.arange(len(raw))
        present = np.flatnonzero(row[:null] >= 0)
        found = column.gather(row[present]).cast(pl.String).to_list()
        names = sorted(found)
        place = {name: number for number, name in enumerate(names)}
        table = np.full(null + 1, -1, np.int32)
        table[present] = [place[one] for one in found]
        codes: Codes = table[raw]
        return cls(names), codes


@dataclass(frozen=True, slots=True)
class Alarms:
    """Finished alarms as columns, by start. `info` and `advisory` are no alarms and not in it."""

    units: list[str]
    beds: list[str]
    types: list[tuple[str, str, str]]
    clinicians: list[str]
    unit: Codes
    bed: Codes
    type: Codes
    signal: Codes
    rank: npt.NDArray[np.int8]
    """By `PRIORITIES`."""
    klass: npt.NDArray[np.int8]
    """By `analyzer.CLASSES`."""
    start: Numbers
    end: Numbers
    """`OPEN` if it has not ended."""
    answered: Numbers
    """The first response; `NEVER` without one."""
    value: npt.NDArray[np.float64] | None
    limit: npt.NDArray[np.float64] | None
    row: Codes
    """For each attribution to a clinician, the numbers of the alarm and of the clinician."""
    who: Codes

    def __len__(self) -> int:
        return len(self.start)

    def upto(self, end: int) -> Alarms:
        """The alarms that started before `end`."""
        count = int(np.searchsorted(self.start, end))
        attributed = slice(int(np.searchsorted(self.row, count)))
        return self._some(slice(count), row=self.row[attributed], who=self.who[attributed])

    def only(self, which: npt.NDArray[np.bool_]) -> Alarms:
        """Some of them."""
        kept = which[self.row]
        row = (np.cumsum(which) - 1)[self.row[kept]].astype(np.int32)
        return self._some(which, row=row, who=self.who[kept])

    def _some(self, which: slice | npt.NDArray[np.bool_], **attributed: Any) -> Alarms:
        columns = ("unit", "bed", "type", "signal", "rank", "klass", "start", "end", "answered")
        some: dict[str, Any] = {name: getattr(self, name)[which] for name in columns}
        some |= {
            name: None if column is None else column[which]
            for name, column in (("value", self.value), ("limit", self.limit))
        }
        return replace(self, **some, **attributed)


def read_alarms(
    archive: Archive, facility: str, begin: int, end: int, unit: str | None, readings: bool
) -> Alarms:
    """The alarms that started in the span, and `RUN_UP` around it; `readings`: with value, limit.

    Raises `polars.exceptions.PolarsError` or `OSError` if a file cannot be read.
    """
    since, until = _moment(begin - RUN_UP), _moment(end + RUN_UP)
    days = since.date(), until.date()
    rows = archive.scan("episodes", [facility], *days).filter(
        pl.col("priority") != "info",
        pl.col("kind") != "advisory",
        pl.col("start").is_between(since, until, closed="left"),
    )
    if unit is not None:
        rows = rows.filter(pl.col("unit") == unit)
    text = ["unit", "bed", "device_id", "device_type", "source", "code"]
    found = rows.select(
        *(pl.col(one).cast(pl.Categorical) for one in text),
        pl.col("priority").cast(pl.Enum(PRIORITIES)).to_physical().cast(pl.Int8),
        pl.col("class")
        .cast(pl.Enum(CLASSES), strict=False)
        .to_physical()
        .cast(pl.Int8)
        .fill_null(CLASSES.index("unknown")),
        pl.col("start").dt.epoch("ms"),
        pl.col("end").dt.epoch("ms").fill_null(OPEN),
        pl.col("first_response").dt.epoch("ms").fill_null(NEVER),
        pl.col("clinicians").cast(pl.List(pl.Categorical)),
        *(["value", "limit"] if readings else []),
    ).collect(engine="streaming")
    if not found["start"].is_sorted():  # days are in order, and so are the rows of each
        found = found.sort("start")
    units, unit_codes = Names.coded(found["unit"])
    beds, bed_codes = Names.coded(found["bed"])
    parts = [Names.coded(found[one]) for one in ("device_type", "source", "code")]
    device, device_codes = Names.coded(found["device_id"])
    keys = np.zeros(found.height, np.int64)
    for names, codes in parts:
        keys = keys * (len(names.known) + 1) + codes + 1
    keys, type_codes = numbered(keys)
    of_bed = np.where(device_codes >= 0, device_codes, len(device.known) + bed_codes)
    signal = numbered(of_bed.astype(np.int64) * len(keys) + type_codes)[1]
    lists = found["clinicians"]
    lengths = lists.list.len().fill_null(0).to_numpy()
    people, who = Names.coded(lists.explode(empty_as_null=False, keep_nulls=False))
    return Alarms(
        units.known,
        beds.known,
        [_type(int(key), [names.known for names, _ in parts]) for key in keys],
        people.known,
        unit_codes,
        bed_codes,
        type_codes,
        signal,
        found["priority"].to_numpy(),
        found["class"].to_numpy(),
        found["start"].to_numpy(),
        found["end"].to_numpy(),
        found["first_response"].to_numpy(),
        found["value"].fill_null(float("nan")).to_numpy() if readings else None,
        found["limit"].fill_null(float("nan")).to_numpy() if readings else None,
        np.repeat(np.arange(found.height, dtype=np.int32), lengths),
        who,
    )


def numbered(keys: Numbers) -> tuple[Numbers, Codes]:
    """The distinct keys, in order, and the place of each key among them."""
    if int(keys.max(initial=0)) > 1 << 24:
        found, place = np.unique(keys, return_inverse=True)
        return found, place.astype(np.int32)
    there = np.bincount(keys) > 0
    places = np.cumsum(there) - 1
    return np.flatnonzero(there), places[keys].astype(np.int32)


def _moment(at: int) -> datetime:
    return datetime.fromtimestamp(at / 1000, UTC)


def _type(key: int, names: list[list[str]]) -> tuple[str, str, str]:
    found = []
    for known in reversed(names):
        key, place = divmod(key, len(known) + 1)
        found.append(known[place - 1] if place else "")
    code, source, device = found
    return device, source, code


@dataclass(frozen=True, slots=True)
class Roster:
    """Assignments that reach into the span, as columns; without a clinician they are left out."""

    unit: list[str]
    bed: list[str]
    clinician: list[str]
    begin: Numbers
    end: Numbers
    acuity: npt.NDArray[np.float64]
    since: Numbers
    """When each began, also if that is long before the span."""


def read_roster(archive: Archive, facility: str, begin: int, end: int, unit: str | None) -> Roster:
    """The archived assignments: the last record of each, cut to `RUN_UP` around the span."""
    begin, end = begin - RUN_UP, end + RUN_UP
    since, until = _moment(begin), _moment(end)
    reach = timedelta(days=TABLES["assignments"].reach_days)
    rows = archive.scan("assignments", [facility], (since - reach).date(), until.date()).filter(
        pl.col("clinician").is_not_null(),
        pl.col("from") < until,
        pl.col("to").is_null() | (pl.col("to") > since),
    )
    if unit is not None:
        rows = rows.filter(pl.col("unit") == unit)
    found = rows.select(
        "unit",
        "bed",
        "clinician",
        pl.col("from").dt.epoch("ms").clip(lower_bound=begin),
        pl.col("to").dt.epoch("ms").fill_null(end).clip(upper_bound=end),
        pl.col("acuity").fill_null(float("nan")),
        pl.col("from").dt.epoch("ms").alias("since"),
    ).collect()
    return Roster(
        found["unit"].to_list(),
        found["bed"].to_list(),
        found["clinician"].to_list(),
        found["from"].to_numpy(),
        found["to"].to_numpy(),
        found["acuity"].to_numpy(),
        found["since"].to_numpy(),
    )


def read_states(
    archive: Archive, facility: str, begin: int, end: int, unit: str | None
) -> list[dict[str, Any]]:
    """The overload changes up to the end of the span, in order: unit, clinician, at, from, to."""
    since = datetime.fromtimestamp(begin / 1000, UTC) - timedelta(days=STATE_DAYS)
    until = datetime.fromtimestamp(end / 1000, UTC)
    rows = archive.scan("overload", [facility], since.date(), until.date()).filter(
        pl.col("at") < until
    )
    if unit is not None:
        rows = rows.filter(pl.col("unit") == unit)
    columns = ["unit", "clinician", pl.col("at").dt.epoch("ms"), "from", "to"]
    return rows.select(columns).sort("unit", "clinician", "at").collect().to_dicts()


def read_naming(archive: Archive, facility: str, begin: int, end: int) -> tuple[Period, int]:
    """How often clinicians get new names in these days: by the archive's own period, or by that of
    the pseudonyms in the topics, where this is shorter. And from how many keys the names of one
    period were made: 1, or 2 where a new key came into use.
    """
    since, until = _moment(begin - RUN_UP), _moment(end + RUN_UP)
    found = (
        archive.scan("episodes", [facility], since.date(), until.date())
        .select("pseudonym_period", "pseudonym_key")
        .unique()
        .collect(engine="streaming")
    )
    keys = found.drop_nulls("pseudonym_key")
    most = keys.group_by("pseudonym_period").len()["len"].max()
    count = most if isinstance(most, int) else 1
    periods = found["pseudonym_period"].drop_nulls()
    if archive.period == "day" or periods.str.contains(r"^\d{4}-\d\d-\d\d$").any():
        return "day", count
    return "week" if periods.str.contains("W").any() else archive.period, count


def read_seen(
    archive: Archive, facility: str, begin: int, end: int, unit: str | None
) -> dict[str, Numbers]:
    """By unit, the quarters of an hour (ms since 1970) in which an episode of any kind started, in
    order.
    """
    since, until = _moment(begin), _moment(end)
    rows = archive.scan("episodes", [facility], since.date(), until.date()).filter(
        pl.col("start").is_between(since, until, closed="left")
    )
    if unit is not None:
        rows = rows.filter(pl.col("unit") == unit)
    found = (
        rows.select("unit", (pl.col("start").dt.epoch("ms") // QUARTER * QUARTER).alias("at"))
        .unique()
        .collect(engine="streaming")
    )
    return {str(name): some["at"].sort().to_numpy() for (name,), some in found.group_by("unit")}
