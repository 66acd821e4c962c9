"""The days of a span."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest

from streams.formats.calendars import Calendar
from streams.report.span import HOUR, Grid

SATURDAY = 1_772_236_800_000  # 2026-02-28T00:00:00Z
DAY = 24 * HOUR


@pytest.mark.parametrize(
    ("period", "named"),
    [
        ("none", [True, True, True, True]),
        ("week", [True, True, False, True]),
        ("day", [False, False, False, False]),
    ],
)
@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "America/New_York"])
def test_a_day_after_names_changed_is_not_counted(
    zone: str, period: str, named: list[bool]
) -> None:
    calendar = Calendar(ZoneInfo(zone))
    begin = SATURDAY - round(calendar.local(SATURDAY).utcoffset().total_seconds() * 1000)  # type: ignore[union-attr]
    grid = Grid.of(begin, begin + 4 * DAY, calendar, period)  # type: ignore[arg-type]
    if (zone, period) == ("America/New_York", "week"):  # its Sunday evening is already Monday
        named = [True, False, False, True]
    assert grid.named.tolist() == named
    assert grid.before(calendar).period == period


def test_no_week_is_whole_where_names_change_weekly() -> None:
    begin, end = SATURDAY + 2 * DAY, SATURDAY + 16 * DAY
    assert Grid.of(begin, end, Calendar()).week.max() == 1
    assert Grid.of(begin, end, Calendar(), "week").week.max() == -1
