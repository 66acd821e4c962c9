"""Facts from an archive, so that the engine can compute again what it computed when they came.

An archived episode becomes a start, an end, and a verdict where its class came from a label. The
events in between are not archived: an alarm has its final priority from its start on.

Clinicians have other names in each week or day of an archive. An alarm at a bed whose assignment
began in an earlier one is therefore attributed by the roster, which has one name for the shift.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime

import polars as pl

from analyzer import FACT_TYPES, Columns, Topic
from streams.archive.dataset import Archive
from streams.archive.tables import TABLES, TableName
from streams.formats.pseudonyms import Period, period_of

_DAY = 86_400_000
_ROSTER_DAYS = TABLES["assignments"].reach_days
_NAMES = {"start": "from", "end": "to"}


def archived_facts(
    archive: Archive,
    facility: str,
    begin: int | None = None,
    end: int | None = None,
    cover: int = 0,
    closing: int | None = None,
) -> Iterator[tuple[Topic, Columns]]:
    """The facts of a facility from `begin` to `end` (ms since 1970; None: all), by topic, those of
    a day at a time.

    Assignments that began up to `reach_days` earlier are included if they were still in force, and
    responses up to `cover` (ms) earlier, which show that responses were recorded at all. With
    `closing` (ms), also what happened up to so long after the last of the alarms ended.
    """
    roster = _roster(archive, facility, begin, end)
    last_end = 0
    for first, last in _days(archive, "episodes", facility, begin, end):
        still = pl.col("to").is_null() | (pl.col("to") > first)
        in_force = roster.filter(still, pl.col("from") <= last)
        episodes = _rows(archive, "episodes", facility, first, last)
        episodes = _named_once(episodes, in_force, archive.period)
        yield "alarms", _columns("alarms", _event(episodes, "start", "start"))
        yield "alarms", _columns("alarms", _event(episodes, "end", "end"))
        yield "labels", _columns("labels", _verdicts(episodes))
        last_end = max([last_end, *episodes["end"].to_list()])
    if closing is not None and end is not None:
        end = max(end, last_end + closing)
    since = None if begin is None else begin - cover
    for first, last in _days(archive, "responses", facility, since, end):
        found = _rows(archive, "responses", facility, first, last)
        yield "responses", _columns("responses", found)
    if closing is not None:
        roster = _roster(archive, facility, begin, end)
    # Only its last record is archived, so an assignment counts from its begin, however late it was
    # charted.
    yield "assignments", _columns("assignments", roster.with_columns(at=pl.col("from")))


def _roster(archive: Archive, facility: str, begin: int | None, end: int | None) -> pl.DataFrame:
    """The assignments in force from `begin` to `end` (ms)."""
    since = None if begin is None else begin - _ROSTER_DAYS * _DAY
    parts = [
        _rows(archive, "assignments", facility, first, last)
        for first, last in _days(archive, "assignments", facility, since, end)
    ]
    if not parts:
        return _rows(archive, "assignments", facility, 0, 0)
    roster = pl.concat(parts)
    ends_later = pl.col("to").is_null() | (pl.col("to") > begin)
    return roster if begin is None else roster.filter(ends_later)


def _days(
    archive: Archive, name: TableName, facility: str, begin: int | None, end: int | None
) -> Iterator[tuple[int, int]]:
    """The first and the last ms of each day with a file, within `begin` and `end`."""
    for day in archive.days(name, facility):
        first = round(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()) * 1000
        last = first + _DAY - 1
        first, last = max(first, begin or first), last if end is None else min(last, end)
        if first <= last:
            yield first, last


def day_of(moment: int) -> date:
    """The UTC date of a time (ms since 1970), by which files are named."""
    return datetime.fromtimestamp(moment / 1000, UTC).date()


def _named_once(episodes: pl.DataFrame, roster: pl.DataFrame, period: Period) -> pl.DataFrame:
    """Episodes without clinicians where the roster names these as of an earlier day or week."""
    if period == "none":
        return episodes
    pairs = episodes.select("alarm_id", "unit", "bed", "start").join(
        roster.select("unit", "bed", "from", "to"), on=["unit", "bed"]
    )
    since = [period_of(moment, period) for moment in pairs["from"]]
    then = [period_of(moment, period) for moment in pairs["start"]]
    of_roster = pairs.filter(
        pl.Series(since, dtype=pl.String) != pl.Series(then, dtype=pl.String),
        pl.col("from") <= pl.col("start"),
        pl.col("to").is_null() | (pl.col("to") > pl.col("start")),
    )
    earlier = episodes["alarm_id"].is_in(of_roster["alarm_id"].implode())
    return episodes.with_columns(pl.when(~earlier).then("clinicians").alias("clinicians"))


def _rows(archive: Archive, name: TableName, facility: str, first: int, last: int) -> pl.DataFrame:
    """The rows of one day whose time is between two of its times (ms)."""
    table = TABLES[name]
    frame = archive.scan(name, [facility], day_of(first), day_of(last)).collect()
    times = [pl.col(one).dt.epoch("ms") for one in table.times]
    return frame.with_columns(times).filter(pl.col(table.time).is_between(first, last))


def _event(episodes: pl.DataFrame, phase: str, time: str) -> pl.DataFrame:
    return episodes.with_columns(
        # an id that a device used again is another alarm
        event_id=pl.format("{}/{}/{}", "alarm_id", "start", pl.lit(phase)),
        phase=pl.lit(phase),
        at=pl.col(time),
        recipients=pl.col("clinicians"),  # whom the alarm was attributed to
    )


def _verdicts(episodes: pl.DataFrame) -> pl.DataFrame:
    return episodes.filter(pl.col("basis") == "label").with_columns(
        event_id=pl.format("{}/{}/label", "alarm_id", "start"),
        verdict=pl.col("class"),
        at=pl.col("end"),
        reviewer=pl.lit(None, pl.String),
        reason=pl.lit(None, pl.String),
    )


def _columns(topic: Topic, frame: pl.DataFrame) -> Columns:
    names = FACT_TYPES[topic].__slots__
    of_roster = _NAMES if topic == "assignments" else {}
    columns = {name: frame[of_roster.get(name, name)].to_list() for name in names}
    if topic == "alarms":
        columns["recipients"] = [
            None if one is None else tuple(one) for one in columns["recipients"]
        ]
    return tuple(columns.values())
