"""Hours and days of a what-if are those on the wall of each facility."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from analyzer.whatif import Scope
from streams.files.breakdowns import breakdowns
from streams.formats.calendars import UTC_CALENDARS, Calendar, Calendars
from tests.harness.recordings import episode, recorded

BERLIN, KOLKATA = Calendar(ZoneInfo("Europe/Berlin")), Calendar(ZoneInfo("Asia/Kolkata"))
STARTS = (
    ("H01", "2026-10-24T21:59:59Z"),  # Berlin: 23:59 on the 24th
    ("H01", "2026-10-24T22:00:00Z"),  # 00:00 on the 25th
    ("H01", "2026-10-25T00:30:00Z"),  # 02:30, before the clocks are set back
    ("H01", "2026-10-25T01:30:00Z"),  # 02:30 again
    ("H01", "2026-10-25T22:59:00Z"),  # 23:59 on a day of 25 h
    ("H02", "2026-10-25T18:31:00Z"),  # Kolkata: 00:01 on the 26th
)


def found(folder: Path, calendars: Calendars, facility: str | None) -> dict[str, Any]:
    rows = [
        episode(number, facility=facility, start=at, end=at + 1)
        for number, (facility, moment) in enumerate(STARTS)
        for at in [round(datetime.fromisoformat(moment).timestamp() * 1000)]
    ]
    alarms = recorded(rows, folder)
    mine = Scope(facility=facility).rows(alarms)
    return breakdowns(alarms, mine, alarms.start[mine] > 0, calendars)


@pytest.mark.parametrize(
    ("calendars", "facility", "zone", "hours", "days"),
    [
        pytest.param(
            UTC_CALENDARS,
            "H01",
            "UTC",
            {0: 1, 1: 1, 21: 1, 22: 2},
            {"2026-10-24": (2, False), "2026-10-25": (3, False)},
            id="utc",
        ),
        pytest.param(
            Calendars(BERLIN),
            "H01",
            "Europe/Berlin",
            {0: 1, 2: 2, 23: 2},
            {"2026-10-24": (1, False), "2026-10-25": (4, False)},
            id="the-hour-that-comes-twice",
        ),
        pytest.param(
            Calendars(BERLIN, {"H02": KOLKATA}),
            None,
            None,
            {0: 2, 2: 2, 23: 2},
            {"2026-10-24": (1, False), "2026-10-25": (4, False), "2026-10-26": (1, False)},
            id="each-facility-by-its-own-clock",
        ),
    ],
)
def test_an_alarm_belongs_to_the_local_hour_and_day_of_its_start(
    tmp_path: Path,
    calendars: Calendars,
    facility: str | None,
    zone: str | None,
    hours: dict[int, int],
    days: dict[str, tuple[int, bool]],
) -> None:
    shown = found(tmp_path, calendars, facility)
    assert shown["time_zone"] == zone
    assert {one["hour"]: one["before"] for one in shown["hours"] if one["before"]} == hours
    assert {one["day"]: (one["before"], one["whole"]) for one in shown["days"]} == days
