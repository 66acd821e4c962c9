"""Facts from an archive, so that the engine can compute again what it computed when they came.

An archived episode becomes a start, an end, and a verdict where its class came from a label. The
events in between are not archived: an alarm has its final priority from its start on.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import polars as pl

from analyzer import FACT_TYPES, Columns, Topic
from streams.archive.dataset import Archive
from streams.archive.tables import TABLES, TableName

_DAY = 86_400_000
_ROSTER_DAYS = TABLES["assignments"].reach_days
_NAMES = {"start": "from", "end": "to"}


def archived_facts(
    archive: Archive, facility: str, begin: int, end: int
) -> Iterator[tuple[Topic, Columns]]:
    """The facts of a facility from `begin` to `end` (ms since 1970), by topic.

    Assignments that began up to `reach_days` earlier are included if they were still in force.
    """
    episodes = _rows(archive, "episodes", facility, begin, end)
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
    roster = _rows(archive, "assignments", facility, begin - _ROSTER_DAYS * _DAY, end)
    in_force = roster.filter(pl.col("to").is_null() | (pl.col("to") > begin))
    # Only its last record is archived, so an assignment counts from its begin, however late it was
    # charted.
    yield "assignments", _columns("assignments", in_force.with_columns(at=pl.col("from")))


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
