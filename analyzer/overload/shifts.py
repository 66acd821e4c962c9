"""Shifts: the last two shifts of a unit, compared only over hours of which all alarms are known."""

from __future__ import annotations

from typing import NamedTuple

from analyzer.model.policy import HOUR
from analyzer.overload.status import TREND_HOURS, Trend

SHIFT_HOURS = 12


class Shift(NamedTuple):
    """How many hours of a shift are known as a whole, and their alarms."""

    hours: int
    alarms: int


class History(NamedTuple):
    """The alarms of a unit by hour and by shift, oldest first."""

    hours: list[int | None]
    """None: nothing of the hour is known."""
    before: Shift
    last: Shift


def history(trend: Trend, now: int, known_since: int | None) -> History:
    """The history until `now` (ms). All alarms since `known_since` (ms) are known; None: none."""
    begins = [now - (TREND_HOURS - hour) * HOUR for hour in range(TREND_HOURS)]

    def shift(first: int) -> Shift:
        whole = [
            hour
            for hour in range(first, first + SHIFT_HOURS)
            if known_since is not None and known_since <= begins[hour]
        ]
        return Shift(len(whole), sum(trend.hours[hour] for hour in whole))

    return History(
        [
            count if known_since is not None and known_since < begin + HOUR else None
            for count, begin in zip(trend.hours, begins, strict=True)
        ],
        shift(0),
        shift(SHIFT_HOURS),
    )
