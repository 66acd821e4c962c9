"""Archived alarms for what-ifs and comparisons."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date

import polars as pl

from analyzer.whatif import Recorded, Recorder
from streams.archive.dataset import Archive
from streams.archive.facts import day_of
from streams.archive.tables import TABLES
from streams.formats.episode_columns import episode_columns

_TIMES = TABLES["episodes"].times


def archived_alarms(
    archive: Archive,
    facilities: Collection[str] | None = None,
    begin: int | None = None,
    end: int | None = None,
) -> Recorded:
    """The finished alarms of some facilities (None: all) that started from `begin` to `end` (ms
    since 1970). Only the files of these facilities and days are opened, one at a time.
    """
    recorder = Recorder()
    since, until = (None if one is None else day_of(one) for one in (begin, end))
    known = archive.facilities("episodes")
    for facility in known if facilities is None else [one for one in known if one in facilities]:
        for day in archive.days("episodes", facility):
            if (since is None or since <= day) and (until is None or day <= until):
                frame = _day(archive, facility, day, begin, end)
                recorder.take_columns(episode_columns(frame))
    return recorder.recorded()


def _day(
    archive: Archive, facility: str, day: date, begin: int | None, end: int | None
) -> pl.DataFrame:
    frame = archive.scan("episodes", [facility], day, day).collect()
    frame = frame.with_columns(pl.col(_TIMES).dt.epoch("ms")).sort("end", "alarm_id")
    if begin is not None:
        frame = frame.filter(pl.col("start") >= begin)
    return frame if end is None else frame.filter(pl.col("start") <= end)
