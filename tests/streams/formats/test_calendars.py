"""Calendars: local times and shifts, also in the nights when the clocks change."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from datetime import time as time_of_day
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.formats.calendars import Calendar, Calendars
from streams.formats.times import since_epoch

BERLIN = Calendar(ZoneInfo("Europe/Berlin"), (time_of_day(6), time_of_day(14), time_of_day(22)))
CALENDARS = (
    Calendar(),
    BERLIN,
    Calendar(ZoneInfo("Asia/Kathmandu"), (time_of_day(0),)),
    Calendar(ZoneInfo("America/Sao_Paulo"), (time_of_day(7), time_of_day(19))),
    Calendar(ZoneInfo("Australia/Lord_Howe"), (time_of_day(2, 15), time_of_day(14, 30))),
)


def at(text: str) -> int:
    return since_epoch(datetime.fromisoformat(text).astimezone(UTC))


def test_times_are_shown_in_local_time_and_with_a_date_if_it_is_another_day() -> None:
    now = at("2026-03-02T20:00+01:00")
    assert BERLIN.show(at("2026-03-02T17:48Z"), now) == "18:48"
    assert BERLIN.show(at("2026-03-01T17:48Z"), now) == "Sun 1 Mar 18:48"
    assert BERLIN.show(at("2026-03-01T23:30Z"), now) == "00:30", "the local date decides"


def test_a_night_shift_that_contains_a_change_of_clocks_has_another_length() -> None:
    hours = {
        text: (BERLIN.shift(at(text)).end - BERLIN.shift(at(text)).begin) / 3_600_000
        for text in (
            "2026-03-28T23:30+01:00",
            "2026-03-29T05:59+02:00",
            "2026-10-25T02:30+01:00",
            "2026-10-26T02:30+01:00",
        )
    }
    assert list(hours.values()) == [7, 7, 9, 8]


@pytest.mark.parametrize(
    ("shifts", "nights"),
    [
        ((7, 19), [0, 3, 6, 19, 22, 23]),
        ((6, 14, 22), [0, 3, 22, 23]),
        ((0, 8, 16), [0, 3, 6]),
        ((7,), []),
    ],
)
def test_the_night_shift_is_that_which_has_three_o_clock(
    shifts: tuple[int, ...], nights: list[int]
) -> None:
    calendar = Calendar(ZoneInfo("Europe/Vienna"), tuple(map(time_of_day, shifts)))
    hours = (0, 3, 6, 8, 12, 15, 19, 22, 23)
    found = [hour for hour in hours if calendar.is_night(at(f"2026-03-10T{hour:02}:30+01:00"))]
    assert found == nights


def test_the_previous_shift_ends_where_this_one_begins() -> None:
    this, previous = (BERLIN.shift(at("2026-06-01T06:00+02:00"), earlier) for earlier in (0, 1))
    assert (this.begin, this.end) == (at("2026-06-01T04:00Z"), at("2026-06-01T12:00Z"))
    assert (previous.begin, previous.end) == (at("2026-05-31T20:00Z"), this.begin)


@given(
    st.sampled_from(CALENDARS),
    st.integers(at("2001-01-01T00:00Z"), at("2090-01-01T00:00Z")),
    st.integers(0, 12),
)
def test_shifts_follow_one_another_without_gap_or_overlap(
    calendar: Calendar, moment: int, earlier: int
) -> None:
    this = calendar.shift(moment)
    assert this.begin <= moment < this.end
    assert this.end - this.begin <= 26 * 3_600_000
    later, before = calendar.shift(moment, earlier), calendar.shift(moment, earlier + 1)
    assert before.end == later.begin
    assert calendar.local(this.begin).time() in calendar.shifts or _skipped(calendar, this.begin)


def _skipped(calendar: Calendar, moment: int) -> bool:
    """Whether the clocks go forward within the hour before."""
    hour = timedelta(hours=1)
    return (
        calendar.local(moment).utcoffset()
        != (calendar.local(moment) - hour).astimezone(UTC).astimezone(calendar.zone).utcoffset()
    )


@pytest.mark.parametrize(
    "shifts",
    [
        (),
        (time_of_day(19), time_of_day(7)),
        (time_of_day(7), time_of_day(7)),
        (time_of_day(7, 0, 1),),
    ],
)
def test_impossible_shifts_are_refused(shifts: tuple[time_of_day, ...]) -> None:
    with pytest.raises(ValueError, match=r"^shifts: expected"):
        Calendar(shifts=shifts)


def test_a_facility_that_is_not_named_has_the_default() -> None:
    calendars = Calendars(facilities={"H1": BERLIN})
    assert calendars.of("H1") is BERLIN
    assert calendars.of("H2") == Calendar()
