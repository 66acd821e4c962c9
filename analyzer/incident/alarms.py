"""The alarms of a unit around a moment, as the engine computed them."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, replace

from analyzer.columns.statics import AlarmType
from analyzer.engine import Engine
from analyzer.model.alarm_names import alarm_name
from analyzer.model.episodes import EpisodeRecord
from analyzer.model.policy import HOUR, STALE
from analyzer.times import OPEN


@dataclass(frozen=True, slots=True)
class Alarms:
    """The alarms of a unit, ordered by start and id."""

    records: tuple[EpisodeRecord, ...]
    _starts: tuple[int, ...]

    @classmethod
    def of(cls, engine: Engine, facility: str, unit: str) -> Alarms:
        found = [one for one in engine.alarms(facility) if one.unit == unit]
        found.sort(key=lambda one: (one.start, one.alarm_id))
        return cls(tuple(_with_lost_ends(found)), tuple(one.start for one in found))

    def between(self, begin: int, end: int) -> tuple[EpisodeRecord, ...]:
        """The alarms that started in (begin, end]."""
        return self.records[bisect_right(self._starts, begin) : bisect_right(self._starts, end)]

    def sounding(self, begin: int, end: int) -> Iterator[EpisodeRecord]:
        """The alarms that sounded at some time in (begin, end]."""
        started = self.records[: bisect_right(self._starts, end)]
        return (one for one in started if one.end > begin)


def _with_lost_ends(ordered: list[EpisodeRecord]) -> Iterator[EpisodeRecord]:
    """The same alarms, in which an open alarm whose end was lost gets an end.

    It ends at the next alarm of the device with the same code, because a device raises a condition
    once at a time. If a sensor was off, it ends at the sensor's next alarm with a reading, because
    a sensor that is off measures nothing.
    """
    raised: dict[tuple[str, ...], list[int]] = {}
    for one in ordered:
        raised.setdefault(_condition(one), []).append(one.start)
        if one.kind == "physiological":
            raised.setdefault(_sensor(one), []).append(one.start)
    for one in ordered:
        ends = []
        if one.end >= OPEN:
            signals = [_condition(one)]
            if one.kind == "technical" and one.source:
                signals.append(_sensor(one))
            for signal in signals:
                starts = raised.get(signal, [])
                ends += starts[bisect_right(starts, one.start) :][:1]
        yield replace(one, end=min(ends)) if ends else one


def _condition(one: EpisodeRecord) -> tuple[str, ...]:
    return one.device_id or one.bed, one.source, one.code


def _sensor(one: EpisodeRecord) -> tuple[str, ...]:
    return one.device_id or one.bed, one.source


def type_of(one: EpisodeRecord) -> AlarmType:
    return one.device_type, one.source, one.code


def name_of(one: EpisodeRecord) -> str:
    return alarm_name(one.source, one.code)


def end_of(one: EpisodeRecord, now: int) -> int:
    """When an alarm ended; `now` if it is open."""
    return now if one.end >= OPEN else min(one.end, now)


STALE_OF_UNIT = 12 * HOUR
"""For a question about a whole unit: a signal that has been lost for a whole shift (ms) is taken
for one whose end was lost, or for an empty bed (our own).
"""


def is_stale(one: EpisodeRecord, now: int, longest: int = STALE) -> bool:
    """Whether an alarm has been open for so long (ms) that its end must have been lost."""
    return one.end >= OPEN and now - one.start > longest
