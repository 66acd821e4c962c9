"""The span of a report on the hospital's own calendar: its days, hours, weeks and shifts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from streams.formats.calendars import Calendar
from streams.formats.pseudonyms import Period
from streams.formats.times import since_epoch

Numbers = npt.NDArray[np.int64]
HOUR = 3_600_000
WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


@dataclass(frozen=True, slots=True)
class Grid:
    """The days and hours from `begin` to `end` (ms since 1970, not included).

    Days are local ones, cut at both ends; hours are whole ones from local midnight. A day has an
    hour less or more when the clocks change.
    """

    begin: int
    end: int
    dates: tuple[date, ...]
    edges: Numbers
    """The edges of the days."""
    whole: npt.NDArray[np.bool_]
    """Which days the span holds from midnight to midnight."""
    period: Period
    """How often clinicians get new names in the archive."""
    hours: Numbers
    """The edges of the hours; one edge if there is no whole hour."""
    day: Numbers
    """The day of each hour, by its place in `dates`."""
    weekday: Numbers
    """The weekday of each hour; 0 is Monday."""
    hour: Numbers
    """The local hour of the day of each hour."""
    shift: Numbers
    """The shift in which each hour begins, by its place in the calendar's."""
    keys: int = 1
    """The most keys from which names of one period were made: so many names one person can have."""

    @classmethod
    def of(
        cls, begin: int, end: int, calendar: Calendar, period: Period = "none", keys: int = 1
    ) -> Grid:
        first, last = calendar.local(begin).date(), calendar.local(end - 1).date()
        dates = tuple(first + timedelta(days=by) for by in range((last - first).days + 1))
        midnights = [_midnight(one, calendar) for one in (*dates, last + timedelta(days=1))]
        edges = np.clip(np.array(midnights, np.int64), begin, end)
        whole = (edges[:-1] == midnights[:-1]) & (edges[1:] == midnights[1:])
        hours = np.arange(midnights[0], midnights[-1] + 1, HOUR, dtype=np.int64)
        inside = hours[(hours >= begin) & (hours <= end)]
        hours = inside if len(inside) else hours[hours < begin][-1:]
        local = [calendar.local(one) for one in hours[:-1].tolist()]
        day = np.array([(one.date() - first).days for one in local], np.int64)
        return cls(
            begin,
            end,
            dates,
            edges,
            whole,
            period,
            hours,
            day,
            np.array([one.weekday() for one in local], np.int64),
            np.array([one.hour for one in local], np.int64),
            np.array([_shift(one, calendar) for one in local], np.int64),
            keys,
        )

    @staticmethod
    def midnight(day: date, calendar: Calendar, later: int = 0) -> int:
        """When a day begins (ms since 1970), or the day so many days `later`."""
        return _midnight(day + timedelta(days=later), calendar)

    def blocks(self, calendar: Calendar, days: int) -> list[Grid]:
        """The span in parts of so many days, the last of which ends with it. The first one may be
        shorter. They begin with whole hours of this grid.
        """
        cuts = range(len(self.dates) - days, 0, -days)
        known = set(self.hours.tolist())
        inner = [edge for edge in self.edges[list(cuts)].tolist() if edge in known]
        edges = [self.begin, *reversed(inner), self.end]
        if len(edges) == 2:
            return [self]
        return [Grid.of(*two, calendar, self.period, self.keys) for two in pairwise(edges)]

    @property
    def days(self) -> tuple[int, ...]:
        """The numbers of the days; neighbouring days have neighbouring ones."""
        return tuple(one.toordinal() for one in self.dates)

    def day_of(self, at: Numbers) -> Numbers:
        """The place of the day of each moment within the span."""
        found: Numbers = np.searchsorted(self.edges, at, side="right") - 1
        return found

    def hour_of(self, at: Numbers) -> Numbers:
        """The place of the hour of each moment; -1 at the cut ends."""
        found = (at - self.hours[0]) // HOUR
        kept: Numbers = np.where((found >= 0) & (found < len(self.hours) - 1), found, -1)
        return kept

    def before(self, calendar: Calendar) -> Grid:
        """The span before: of as many days if these are whole, else of equal length."""
        begin = 2 * self.begin - self.end
        if self.whole.all():
            begin = _midnight(self.dates[0] - timedelta(days=len(self.dates)), calendar)
        return Grid.of(begin, self.begin, calendar, self.period, self.keys)

    def fields(self) -> dict[str, Any]:
        return {"from": self.begin, "to": self.end, "days": len(self.dates)}


def _midnight(day: date, calendar: Calendar) -> int:
    return since_epoch(datetime(day.year, day.month, day.day, tzinfo=calendar.zone).astimezone(UTC))


def _shift(moment: datetime, calendar: Calendar) -> int:
    begun = [place for place, one in enumerate(calendar.shifts) if one <= moment.time()]
    return begun[-1] if begun else len(calendar.shifts) - 1
