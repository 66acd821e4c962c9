"""Alarms before and after a setting by unit, and by local hour and day, for `tune --json`."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from analyzer.arrays import Flags, Numbers
from analyzer.model import HOUR
from analyzer.pipeline import CLASSES
from analyzer.whatif import DAY, Recorded, by_day, by_hour, by_unit
from streams.formats.calendars import Calendar, Calendars

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_STEP = HOUR // 4
"""Clocks change at whole quarters of an hour (IANA time zones since 1972)."""


def breakdowns(
    recorded: Recorded, rows: Numbers, sounds: Flags, calendars: Calendars
) -> dict[str, Any]:
    """The sections `time_zone`, `units`, `hours` and `days`; without alarms, lists are empty.

    `rows`: the alarms of the scope; `sounds`: which of them would still sound.
    """
    units = [
        {
            "facility": one.facility,
            "unit": one.unit,
            "before": counted(one.before),
            "after": counted(one.after),
        }
        for one in by_unit(recorded, rows, sounds)
    ]
    local, used = _local_starts(recorded, rows, calendars)
    begin, last = recorded.span
    begins = [begin + _offset(begin, one) for one in used]
    ends = [last + _offset(last, one) for one in used]
    hours = (one.tolist() for one in by_hour(local, sounds))
    days = (one.tolist() for one in by_day(local, sounds))
    zones = {str(one.zone) for one in used}
    return {
        "time_zone": zones.pop() if len(zones) == 1 else None,
        "units": units,
        "hours": [
            {"hour": hour, "before": before, "after": after}
            for hour, (before, after) in enumerate(zip(*hours, strict=True))
            if len(rows)
        ],
        "days": [
            {
                "day": (_EPOCH + timedelta(days=day)).date().isoformat(),
                "before": before,
                "after": after,
                "whole": max(begins) <= day * DAY and (day + 1) * DAY <= min(ends),
            }
            for day, before, after in zip(*days, strict=True)
        ],
    }


def _local_starts(
    recorded: Recorded, rows: Numbers, calendars: Calendars
) -> tuple[Numbers, list[Calendar]]:
    """The start of each alarm in the local time of its facility (ms), and the calendars in use."""
    local, used = recorded.start[rows].copy(), []
    place = np.array([facility for facility, _ in recorded.units], np.int64)[recorded.unit[rows]]
    for number in np.unique(place).tolist():
        calendar, mine = calendars.of(recorded.facilities[number]), place == number
        steps, index = np.unique(local[mine] // _STEP, return_inverse=True)
        offsets = [_offset(step * _STEP, calendar) for step in steps.tolist()]
        local[mine] += np.array(offsets, np.int64)[index]
        used.append(calendar)
    return local, used or [calendars.default]


def _offset(at: int, calendar: Calendar) -> int:
    """How far the local time is ahead of UTC, in ms."""
    offset = calendar.local(at).utcoffset()
    return 0 if offset is None else offset // timedelta(milliseconds=1)


def counted(classes: Numbers) -> dict[str, Any]:
    """Counts by `CLASSES`, and their sum."""
    return {
        "alarms": int(classes.sum()),
        "classes": dict(zip(CLASSES, classes.tolist(), strict=True)),
    }
