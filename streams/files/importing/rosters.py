"""Rows of rosters: which clinician has which bed, by times or by dates and shifts."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import polars as pl

from analyzer.model import MAX_ACUITY
from streams.files.importing.alarms import check_id, cut, own_id
from streams.files.importing.cells import Cells, of_each
from streams.files.importing.clocks import Aside, Order
from streams.files.importing.faults import Fault, Faults, missing
from streams.files.importing.intervals import add_undecided
from streams.files.importing.moments import in_range, lasting, local_dates, moments, zoned

_IDS = ("facility", "unit", "bed", "clinician", "assignment_id", "event_id")
_HOURS = re.compile(
    r"(\d{1,2})(?:[:.h](\d{2}))?\s*(?:h|Uhr)?\s*(?:-|\u2013|to|bis)\s*"
    r"(\d{1,2})(?:[:.h](\d{2}))?\s*(?:h|Uhr)?"
)
_DAY = 24 * 60
_AFTER = Fault(
    "to",
    "ends_before_it_begins",
    "expected after from (over_midnight: yes in the section takes it as of the next day)",
)


class Rosters:
    """Assignments of one table."""

    def __init__(self, refuse: Callable[[int, Fault], None], order: Order = None) -> None:
        self._refuse = refuse
        self._aside = Aside(("from", "to"), order)
        self._free = 0

    def take(self, cells: Cells, lines: pl.Series) -> pl.DataFrame:
        """The assignments of some rows, with the fields of the topic and `line`."""
        found = {name: cells.text(name) for name in (*_IDS, "role")}
        found["line"] = lines
        found["acuity"] = cells.number("acuity")
        twice = {}
        faults = cells.faults
        if "shift" in cells.section.fields:
            free = cells.text("shift").is_null()
            found["from"], found["to"] = _shifts(cells)
        else:
            free = pl.repeat(False, cells.height, dtype=pl.Boolean, eager=True)
            begin, end = moments(cells, "from"), moments(cells, "to")
            found["from"], found["to"] = begin.at, end.at
            if cells.has("lasts"):
                found["to"] = found["to"].fill_null(found["from"] + lasting(cells))
            faults.add(found["from"].is_null(), missing("from"))
            if cells.section.over_midnight:
                found["to"] = _next_day(cells, found["from"], found["to"])
            twice = {name: one for name, one in (("from", begin.twice), ("to", end.twice)) if one}
        found["at"] = moments(cells, "at").at.fill_null(found["from"])
        frame = pl.DataFrame(found)
        frame = _of_each_bed(cells, frame)
        if frame.height != cells.height:
            # one row may have several beds: from here on, each bed has its own faults
            per_row = dict(faults)
            rows = frame["\x00row"]
            again = Faults(frame.height)
            for place, fault in per_row.items():
                again.add(rows == place, fault)
            free, faults = free.gather(rows), again
            twice = {}
        frame = frame.drop("\x00row")
        self._free += int(free.sum())
        for name in ("facility", "unit", "bed", "clinician"):
            faults.add(frame[name].is_null(), missing(name))
        for name in _IDS:
            check_id(frame, name, faults)
        low_or_high = (frame["acuity"] < 0) | (frame["acuity"] > MAX_ACUITY)
        expected = f"expected 0 to {MAX_ACUITY}"
        faults.add(low_or_high, Fault("acuity", "out_of_range", expected))
        good = faults.none & ~free.to_numpy()
        stays = self._aside.take(frame, good, twice)
        _check_times(frame, faults, pl.Series(~stays))
        for place, fault in faults:
            if not free[place]:
                self._refuse(frame["line"][place], fault)
        return frame.filter(pl.Series(faults.none & ~free.to_numpy() & stays))

    def finish(self) -> pl.DataFrame | None:
        settled = self._aside.settled()
        if settled is None:
            return None
        frame, undecided = settled
        faults = Faults(frame.height)
        add_undecided(faults, undecided)
        _check_times(frame, faults, pl.repeat(False, frame.height, eager=True))
        for place, fault in faults:
            self._refuse(frame["line"][place], fault)
        return frame.filter(pl.Series(faults.none))

    def notes(self, name: str) -> Iterator[str]:
        if self._free:
            yield (
                f"{name}: {self._free:,} {'cell is' if self._free == 1 else 'cells are'} no shift"
            )


def facts_of_rosters(frame: pl.DataFrame, suffix: str) -> Iterator[tuple[str, pl.DataFrame]]:
    if not frame.height:
        return
    own = pl.format("{}-{}", own_id("from", suffix), pl.col("clinician").str.head(30))
    id_ = pl.col("assignment_id").fill_null(own)
    named = pl.format("{}-{}", pl.col("assignment_id").str.head(60), own_id("at", suffix))
    columns = [
        pl.col("event_id").fill_null(pl.coalesce(named, own)),
        id_.alias("assignment_id"),
        "facility",
        "unit",
        "bed",
        "clinician",
        "from",
        "to",
        "at",
    ]
    if frame["role"].null_count() < frame.height:
        columns.append(cut("role"))
    if frame["acuity"].null_count() < frame.height:
        columns.append(pl.col("acuity").fill_null(1.0))
    yield "assignments", frame.select(columns)


def _check_times(frame: pl.DataFrame, faults: Faults, aside: pl.Series) -> None:
    for name in ("from", "to", "at"):
        in_range(faults, name, frame[name].set(aside, None))
    faults.add((frame["to"] <= frame["from"]).fill_null(False) & ~aside, _AFTER)


def _of_each_bed(cells: Cells, frame: pl.DataFrame) -> pl.DataFrame:
    """A row for each bed in a cell, if the mapping names a separator."""
    frame = frame.with_columns(
        pl.int_range(frame.height, dtype=pl.UInt32, eager=True).alias("\x00row")
    )
    for name in ("bed", "clinician"):
        if (
            name in cells.section.fields
            and cells.section.source(name).separator is not None
            and (several := cells.several(name)) is not None
        ):
            several = several.gather(frame["\x00row"])
            frame = frame.with_columns(several.alias(name)).explode(
                name, empty_as_null=True, keep_nulls=True
            )
    return frame


def _next_day(cells: Cells, begin: pl.Series, end: pl.Series) -> pl.Series:
    """The end a day later (in its time zone), if it is not after the beginning."""
    zone = cells.section.source("to").zone or cells.table.zone or "UTC"
    early = (end <= begin).fill_null(False)
    if not early.any():
        return end
    later = (
        pl.from_epoch(end, time_unit="ms")
        .dt.replace_time_zone("UTC")
        .dt.convert_time_zone(zone)
        .dt.offset_by("1d")
        .dt.epoch("ms")
    )
    return later.zip_with(early, end)


def _shifts(cells: Cells) -> tuple[pl.Series, pl.Series]:
    """Begin and end of shifts, from hours of a local day. A shift that ends before it begins ends
    on the next day.
    """
    day = local_dates(cells, "date")
    text = cells.text("shift")
    begin = of_each(text, lambda one: _minutes(one)[0], pl.Int64)
    end = of_each(text, lambda one: _minutes(one)[1], pl.Int64)
    expected = "expected hours such as 07:00-15:30, or words for each code of a shift"
    cells.faults.add(text.is_not_null() & begin.is_null(), Fault("shift", "not_hours", expected))
    cells.faults.add(text.is_not_null() & day.is_null(), missing("date"))
    zone = cells.section.source("date").zone or cells.table.zone
    times = pl.DataFrame({"day": day, "begin": begin, "end": end}).select(
        pl.col("day") + pl.duration(minutes="begin"),
        (pl.col("day") + pl.duration(minutes="end")).alias("until"),
    )
    first = zoned(cells, "date", times["day"].cast(pl.Datetime("ms")), zone)
    last = zoned(cells, "date", times["until"].cast(pl.Datetime("ms")), zone)
    return first.at, last.at


def _minutes(text: str) -> tuple[int, int] | tuple[None, None]:
    """
    >>> _minutes("07:00-15:30"), _minutes("22-6"), _minutes("F")
    ((420, 930), (1320, 1800), (None, None))
    """
    found = _HOURS.fullmatch(text.strip())
    if found is None:
        return None, None
    begin = int(found[1]) * 60 + int(found[2] or 0)
    end = int(found[3]) * 60 + int(found[4] or 0)
    if begin > _DAY or end > _DAY:
        return None, None
    return begin, end if end > begin else end + _DAY
