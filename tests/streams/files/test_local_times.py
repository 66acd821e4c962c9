"""Nights on which clocks were changed: what decides on a time is taken, and the rest is said."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from streams.files.local_times import EVIDENCE, ChangedClocks, Twice, in_order, reading

BERLIN = "Europe/Berlin"
NIGHT = datetime(2026, 10, 25)
MINUTE = 60_000


def at(hour: int, minute: int = 0, second: int = 0) -> int | Twice:
    return reading(NIGHT + timedelta(hours=hour, minutes=minute, seconds=second), BERLIN)


def utc(hour: int, minute: int = 0, second: int = 0) -> int:
    moment = datetime(2026, 10, 25, hour, minute, second, tzinfo=UTC)
    return int(moment.timestamp() * 1000)


def settled(
    *rows: tuple[int | Twice, int | Twice | None],
) -> tuple[dict[int, tuple[int, int | None, str | None]], ChangedClocks]:
    """By place: start, end, and the time on which nothing decided."""
    clocks = ChangedClocks()
    found: dict[int, tuple[int, int | None, str | None]] = {}
    for place, (start, end) in enumerate(rows):
        fields: dict[str, Any] = {"start": start} | ({} if end is None else {"end": end})
        if not clocks.takes(place, fields):
            found[place] = (fields["start"], fields.get("end"), None)
    for place, fields, undecided in clocks.settled():
        found[place] = (fields["start"], fields.get("end"), undecided)
    return found, clocks


def test_an_alarm_does_not_end_before_it_begins() -> None:
    found, clocks = settled((at(2, 59, 50), at(2, 0, 10)), (at(2, 10), at(2, 12)))
    assert found[0] == (utc(0, 59, 50), utc(1, 0, 10), None)
    assert found[1] == (utc(0, 10), utc(0, 12), "start")
    assert clocks.undecided == 1


def test_rows_in_order_tell_where_the_second_hour_begins() -> None:
    before: list[Any] = [
        (utc(0) - (EVIDENCE - minute) * MINUTE, None) for minute in range(EVIDENCE)
    ]
    night = [(at(2, 20), None), (at(2, 50), at(2, 55)), (at(2, 10), None), (at(2, 20), at(2, 21))]
    for rows in ([*before, *night, (utc(2), None)], [(utc(2), None), *night[::-1], *before[::-1]]):
        found, clocks = settled(*rows)
        starts = sorted(found.values(), key=lambda one: one[0])[EVIDENCE:-1]
        assert [start for start, _, _ in starts] == [
            utc(0, 20),
            utc(0, 50),
            utc(1, 10),
            utc(1, 20),
        ]
        # 02:50 may have lasted 5 min or 65 min
        assert [undecided for _, _, undecided in starts] == [None, "end", None, None]
        assert clocks.undecided == 1


def test_rows_in_no_order_tell_nothing() -> None:
    before: list[Any] = [
        (utc(0) - (EVIDENCE - minute) * MINUTE * (-1) ** minute, None) for minute in range(EVIDENCE)
    ]
    found, clocks = settled(*before, (at(2, 50), None), (at(2, 10), None))
    assert [undecided for _, _, undecided in found.values()][-2:] == ["start", "start"]
    assert clocks.undecided == 2


def test_a_time_that_never_was_is_by_the_old_clock() -> None:
    start = reading(datetime(2026, 3, 29, 2, 30), BERLIN)
    found, clocks = settled((start, None))
    assert found[0][0] == int(datetime(2026, 3, 29, 1, 30, tzinfo=UTC).timestamp() * 1000)
    assert (clocks.undecided, clocks.missing) == (0, 1)


def test_a_duration_is_counted_from_either_reading() -> None:
    clocks = ChangedClocks()
    assert clocks.takes(0, {"start": at(2, 30), "lasts": 90 * MINUTE})
    [(_, fields, undecided)] = clocks.settled()
    assert (fields, undecided) == ({"start": utc(0, 30), "end": utc(2)}, "start")


HOUR = 60 * MINUTE
ROWS = st.lists(
    st.tuples(st.integers(0, 59), st.one_of(st.none(), st.integers(0, 200))).map(
        lambda one: (
            {"start": Twice(one[0], one[0] + HOUR, True)}
            | ({} if one[1] is None else {"end": _end(one[1])})
        )
    ),
    min_size=1,
    max_size=7,
)


def _in_the_hour(minute: int) -> Twice:
    return Twice(minute * MINUTE, minute * MINUTE + HOUR, True)


def _end(minute: int) -> int | Twice:
    return _in_the_hour(minute) if minute < 60 else minute * MINUTE


@given(ROWS)
def test_the_order_decides_what_all_possible_nights_have_in_common(
    rows: list[dict[str, Any]],
) -> None:
    nights = []
    for change in range(len(rows) + 1):
        starts = [
            row["start"].second if place >= change else row["start"].first
            for place, row in enumerate(rows)
        ]
        ends = [row.get("end") for row in rows]
        if all(one <= other for one, other in pairwise(starts)) and all(
            end is None or (end.second if isinstance(end, Twice) else end) >= start
            for start, end in zip(starts, ends, strict=True)
        ):
            nights.append([place >= change for place in range(len(rows))])
    expected = [
        (choices.pop() if len(choices := set(column)) == 1 else None)
        for column in zip(*nights, strict=True)
    ] or [None] * len(rows)
    assert in_order(rows) == expected
