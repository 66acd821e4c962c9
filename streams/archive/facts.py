"""Facts from an archive, so that the engine can compute again what it computed when they came.

An archived episode becomes a start, an end, and a verdict where its class came from a label. The
events in between are not archived: an alarm has its final priority from its start on.

Clinicians have other names in each week or day of an archive. An alarm at a bed whose assignment
began in an earlier one is therefore attributed by the roster, which has one name for the shift.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import polars as pl

from analyzer import FACT_TYPES, Columns, Topic
from streams.archive.dataset import Archive
from streams.archive.tables import TABLES, TableName
from streams.formats.pseudonyms import Period, period_of

_DAY = 86_400_000
_ROSTER_DAYS = TABLES["assignments"].reach_days
_NAMES = {"start": "from", "end": "to"}


def archived_facts(
    archive: Archive, facility: str, begin: int, end: int
) -> Iterator[tuple[Topic, Columns]]:
    """The facts of a facility from `begin` to `end` (ms since 1970), by topic.

    Assignments that began up to `reach_days` earlier are included if they were still in force.
    """
    roster = _rows(archive, "assignments", facility, begin - _ROSTER_DAYS * _DAY, end)
    in_force = roster.filter(pl.col("to").is_null() | (pl.col("to") > begin))
    episodes = _named_once(
        _rows(archive, "episodes", facility, begin, end), in_force, archive.period
    )
    yield "alarms", _columns("alarms", _event(episodes, "start", "start"))
    yield "alarms", _columns("alarms", _event(episodes, "end", "end"))
    judged = episodes.filter(pl.col("basis") == "label")
    yield (
        "labels",
        _columns(
            "labels",
            judged.with_columns(
                event_id=pl.col("alarm_id") + "/label",
                verdict=pl.col("class"),
                at=pl.col("end"),
                reviewer=pl.lit(None, pl.String),
                reason=pl.lit(None, pl.String),
            ),
        ),
    )
    yield "responses", _columns("responses", _rows(archive, "responses", facility, begin, end))
    # Only its last record is archived, so an assignment counts from its begin, however late it was
    # charted.
    yield "assignments", _columns("assignments", in_force.with_columns(at=pl.col("from")))


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


def _rows(archive: Archive, name: TableName, facility: str, begin: int, end: int) -> pl.DataFrame:
    table = TABLES[name]
    days = [datetime.fromtimestamp(one / 1000, UTC).date() for one in (begin, end)]
    frame = archive.scan(name, [facility], *days).collect()
    times = [pl.col(one).dt.epoch("ms") for one in table.times]
    when = pl.col(table.time)
    return frame.with_columns(times).filter(
        when.is_between(begin, end) if name != "assignments" else when <= end
    )


def _event(episodes: pl.DataFrame, phase: str, time: str) -> pl.DataFrame:
    return episodes.with_columns(
        event_id=pl.col("alarm_id") + pl.lit(f"/{phase}"),
        phase=pl.lit(phase),
        at=pl.col(time),
        recipients=pl.col("clinicians"),  # whom the alarm was attributed to
    )


def _columns(topic: Topic, frame: pl.DataFrame) -> Columns:
    names = FACT_TYPES[topic].__slots__
    of_roster = _NAMES if topic == "assignments" else {}
    return tuple(frame[of_roster.get(name, name)].to_list() for name in names)
