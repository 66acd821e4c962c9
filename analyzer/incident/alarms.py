"""The alarms of a unit around a moment, as the engine has folded them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from analyzer.columns.statics import AlarmType
from analyzer.engine import Engine
from analyzer.model.alarm_names import alarm_name
from analyzer.model.episodes import EpisodeRecord
from analyzer.times import OPEN


@dataclass(frozen=True, slots=True)
class Alarms:
    """The alarms of a unit, ordered by start and id."""

    records: tuple[EpisodeRecord, ...]

    @classmethod
    def of(cls, engine: Engine, facility: str, unit: str) -> Alarms:
        found = [one for one in engine.alarms(facility) if one.unit == unit]
        return cls(tuple(sorted(found, key=lambda one: (one.start, one.alarm_id))))

    def between(self, begin: int, end: int) -> Iterator[EpisodeRecord]:
        """Those that started in (begin, end]."""
        return (one for one in self.records if begin < one.start <= end)

    def sounding(self, begin: int, end: int) -> Iterator[EpisodeRecord]:
        """Those that sounded at some time in (begin, end]."""
        return (one for one in self.records if one.start <= end and one.end > begin)


def type_of(one: EpisodeRecord) -> AlarmType:
    return one.device_type, one.source, one.code


def name_of(one: EpisodeRecord) -> str:
    return alarm_name(one.source, one.code)


def end_of(one: EpisodeRecord, now: int) -> int:
    """When it ended, or `now` while it is open."""
    return now if one.end >= OPEN else min(one.end, now)
