"""Who needs help first, and what shifts are compared over."""

from __future__ import annotations

from itertools import pairwise

import pytest

from analyzer import Burdens, Change, Standing, Trend
from analyzer.model.policy import HOUR
from analyzer.overload.priority import (
    UnitNeed,
    clinician_order,
    first_facilities,
    first_units,
)
from analyzer.overload.shifts import Span, parts_of
from analyzer.overload.status import TREND_HOURS, known_hours
from streams.metrics.burdens import joined
from tests.harness.exposition import ward


def test_units_need_help_by_state_then_colleagues_then_alarms_each() -> None:
    calm, busy = [0] * 70, [0] * 60 + [3] * 10
    needs = [
        UnitNeed(state=2, overloaded=0, elevated=0, minutes=calm, clinicians=1),
        UnitNeed(state=1, overloaded=1, elevated=0, minutes=calm, clinicians=1),
        UnitNeed(state=1, overloaded=0, elevated=9, minutes=calm, clinicians=9),
        UnitNeed(state=1, overloaded=0, elevated=0, minutes=busy, clinicians=0),
        UnitNeed(state=1, overloaded=0, elevated=0, minutes=busy, clinicians=2),
        UnitNeed(state=1, overloaded=0, elevated=0, minutes=busy[::-1], clinicians=1),
        UnitNeed(state=0, overloaded=9, elevated=9, minutes=busy, clinicians=18),
    ]
    assert all(first.order < second.order for first, second in pairwise(needs))


def standing(since: int) -> Standing:
    rise = Change("H", "ICU", None, since, "normal", "elevated", (), (), None)
    return Standing(since, rise, (), None)


def test_clinicians_need_help_by_state_then_for_how_long() -> None:
    found = sorted(
        [(1, standing(1)), (2, standing(9)), (2, standing(5))],
        key=lambda one: clinician_order(*one),
    )
    assert [(state, one.since) for state, one in found] == [(2, 5), (2, 9), (1, 1)]


def units(*alarms: tuple[str, str, int]) -> Burdens:
    return joined(
        [ward(facility=facility, unit=unit, alarms=count) for facility, unit, count in alarms]
    )


def test_units_that_need_help_come_first_then_the_busiest_then_by_name() -> None:
    of = units(
        ("H1", "b", 3),
        ("H1", "a", 3),
        ("H1", "calm", 0),
        ("H2", "busy", 9),
        ("H2", "overloaded", 1),
    ).units
    of.overload[of.unit.index("overloaded")] = 2
    kept = [[of.unit[row] for row in first_units(of, {"H1", "H2"}, most)] for most in range(1, 5)]
    assert kept == [
        ["overloaded"],
        ["busy", "overloaded"],
        ["a", "busy", "overloaded"],
        ["b", "a", "busy", "overloaded"],
    ]
    assert [of.unit[row] for row in first_units(of, {"H1"}, 1)] == ["a"]


def test_facilities_come_by_their_worst_unit_then_by_all_their_alarms_then_by_name() -> None:
    of = units(
        ("calm", "icu", 1),
        ("many", "a", 3),
        ("many", "b", 3),
        ("one", "icu", 5),
        ("worst", "icu", 0),
    ).units
    of.overload[of.facility.index("worst")] = 1
    names = ["calm", "many", "one", "worst", "empty", "also empty"]
    order = ["worst", "many", "one", "calm", "also empty", "empty"]
    for most in range(len(names)):
        assert first_facilities(of, names, most) == set(order[:most])


@pytest.mark.parametrize(
    ("known_for", "unknown"), [(30.0, 0), (24.0, 0), (20.5, 3), (0.5, 23), (None, 24)]
)
def test_hours_before_the_first_alarm_are_unknown(known_for: float | None, unknown: int) -> None:
    now = 100 * HOUR
    since = None if known_for is None else now - round(known_for * HOUR)
    hours = known_hours(Trend([0] * 70, [1] * TREND_HOURS), now, since)
    assert hours == [None] * unknown + [1] * (TREND_HOURS - unknown)


@pytest.mark.parametrize(
    ("elapsed", "known_from", "hours", "from_"),
    [
        (3, -20, 3.0, 0),
        (3, 0.5, 2.5, 0.5),  # less of the shift before is known: as much less of both
        (3, 2.5, 0.0, 3),  # half an hour is too little to compare
        (0.5, -20, 0.0, 0.5),
        (9, -20, 8.0, 0),  # the shift before was shorter
    ],
)
def test_the_shift_so_far_is_compared_with_the_same_part_of_the_one_before(
    elapsed: float, known_from: float, hours: float, from_: float
) -> None:
    before, present = Span(0, 8 * HOUR), Span(8 * HOUR, 20 * HOUR)
    now = present.begin + int(elapsed * HOUR)
    found = parts_of(before, present, now, int(known_from * HOUR))
    assert found.hours == hours
    assert found.before.begin == from_ * HOUR if hours else found.before.begin == found.before.end
    assert found.last.begin - found.before.begin == 8 * HOUR
    assert found.before.end <= before.end
