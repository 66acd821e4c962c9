"""Calendars: the local time and the shifts of each facility.

Inside, every time is UTC. People read the time on their own wall, and plan by shift.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from datetime import time as time_of_day
from typing import NamedTuple
from zoneinfo import ZoneInfo

from streams.formats.times import since_epoch

NIGHT = time_of_day(3)
"""A time that every night shift has."""
UTC_ZONE = ZoneInfo("UTC")
DAY_AND_NIGHT = (time_of_day(7), time_of_day(19))
"""The beginnings of two shifts of 12 h."""


class Shift(NamedTuple):
    """A shift: `begin` belongs to it, `end` to the next one (ms since 1970)."""

    begin: int
    end: int


@dataclass(frozen=True, slots=True)
class Calendar:
    """The time zone of a facility, and the local times at which its shifts begin.

    Raises `ValueError` if `shifts` is empty, not ascending, or has seconds.
    """

    zone: ZoneInfo = UTC_ZONE
    shifts: tuple[time_of_day, ...] = DAY_AND_NIGHT

    def __post_init__(self) -> None:
        if not self.shifts or list(self.shifts) != sorted(set(self.shifts)):
            raise ValueError("shifts: expected at least one time, in ascending order")
        if any(one.second or one.microsecond or one.tzinfo for one in self.shifts):
            raise ValueError("shifts: expected local times such as 07:00")

    def local(self, at: int) -> datetime:
        """The local time of `at` (ms since 1970)."""
        return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=at)).astimezone(self.zone)

    def show(self, at: int, now: int) -> str:
        """`at` in local time; with the date if that is not the local date of `now` (both in ms).

        >>> Calendar().show(1772359200000, 1772366400000)
        '10:00'
        >>> Calendar().show(1772359200000, 1772445600000)
        'Sun 1 Mar 10:00'
        >>> Calendar().show(1772359200000, 1803981600000)
        '1 Mar 2026 10:00'
        """
        moment, present = self.local(at), self.local(now)
        clock = f"{moment:%H:%M}"
        if moment.date() == present.date():
            return clock
        if abs(present - moment) < timedelta(days=180):
            return f"{moment:%a} {moment.day} {moment:%b} {clock}"
        return f"{moment.day} {moment:%b %Y} {clock}"

    def written(self, at: int) -> str:
        """`at` (ms since 1970) with its date and its zone, to the minute.

        >>> Calendar(ZoneInfo("Europe/Berlin")).written(1_773_185_124_898)
        '2026-03-11 00:25 CET'
        """
        return f"{self.local(at):%Y-%m-%d %H:%M %Z}"

    def shift(self, at: int, earlier: int = 0) -> Shift:
        """The shift in force at `at` (ms since 1970), or the one `earlier` shifts before it.

        A shift lasts an hour less or more in the night when the clocks change.

        >>> (lambda found: (found.end - found.begin) // 3_600_000)(Calendar().shift(1772359200000))
        12
        """
        day = self.local(at).date()
        begins = sorted(
            since_epoch(
                datetime.combine(day + timedelta(days=offset), begin, self.zone).astimezone(UTC)
            )
            for offset in range(-2 - earlier, 3)
            for begin in self.shifts
        )
        index = bisect_right(begins, at) - 1 - earlier
        return Shift(begins[index], begins[index + 1])

    def is_night(self, at: int) -> bool:
        """Whether the shift in force at `at` (ms since 1970) is the night shift: that which has
        03:00. Where a single shift lasts all day, there is none.

        >>> Calendar().is_night(1772359200000), Calendar().is_night(1772402400000)
        (False, True)
        """
        if len(self.shifts) == 1:
            return False
        begin, end = map(self.local, self.shift(at))
        nights = (
            datetime.combine(begin.date() + timedelta(days=days), NIGHT, self.zone)
            for days in range(2)
        )
        return any(begin <= night < end for night in nights)


@dataclass(frozen=True, slots=True)
class Calendars:
    """The calendar of each facility; `default` is that of the facilities that are not named."""

    default: Calendar = Calendar()
    facilities: Mapping[str, Calendar] = field(default_factory=dict)

    def of(self, facility: str) -> Calendar:
        return self.facilities.get(facility, self.default)


UTC_CALENDARS = Calendars()
"""All facilities in UTC, with `DAY_AND_NIGHT`."""
