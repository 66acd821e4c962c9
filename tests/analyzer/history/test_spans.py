"""Spans, floods and the load of duty equal their definitions, computed ms by ms."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from analyzer.history import Spans, inside, load, overlap, union
from analyzer.history.duty_load import MANY
from analyzer.windows.flood import floods

MINUTE = 60_000
LAST = 60


def spans(people: int = 3) -> st.SearchStrategy[list[tuple[int, int, int]]]:
    time = st.integers(0, LAST)
    return st.lists(st.tuples(time, time, st.integers(0, people - 1)), max_size=8)


def as_spans(rows: list[tuple[int, int, int]], unit: int = 1) -> Spans:
    columns = np.array(rows, np.int64).reshape(-1, 3).T
    return Spans(columns[0] * unit, columns[1] * unit, columns[2])


def covered(rows: list[tuple[int, int, int]], who: int) -> set[int]:
    return {at for begin, end, of in rows if of == who for at in range(begin, end)}


@given(spans(), spans())
def test_union_and_overlap_are_those_of_sets(
    rows: list[tuple[int, int, int]], others: list[tuple[int, int, int]]
) -> None:
    one, other = union(as_spans(rows)), union(as_spans(others))
    both = overlap(one, other)
    edges = np.array([0, 7, 20, LAST])
    for found, expected in (
        (one, [covered(rows, who) for who in range(3)]),
        (both, [covered(rows, who) & covered(others, who) for who in range(3)]),
    ):
        for low, high, bin_ in zip(edges, edges[1:], found.in_bins(edges), strict=False):
            assert bin_ == sum(low <= at < high for each in expected for at in each)


@given(spans(), st.lists(st.tuples(st.integers(0, LAST), st.integers(0, 2)), max_size=6))
def test_a_moment_is_inside_a_span_of_its_group(
    rows: list[tuple[int, int, int]], moments: list[tuple[int, int]]
) -> None:
    at, who = np.array(moments, np.int64).reshape(-1, 2).T
    found = inside(at, who, union(as_spans(rows)))
    assert found.tolist() == [moment in covered(rows, of) for moment, of in moments]


@given(st.lists(st.integers(0, 40), min_size=1, max_size=60))
def test_floods_are_those_of_a_latch_that_is_asked_each_half_minute(minutes: list[int]) -> None:
    start = np.sort(np.array(minutes, np.int64)) * MINUTE
    begin, end, _ = floods(start, np.zeros(len(start), np.int64))
    flood, expected = False, []
    for at in range(0, 60 * MINUTE, MINUTE // 2):
        count = int(((start > at - 10 * MINUTE) & (start <= at)).sum())
        flood = count > 10 or (flood and count >= 5)
        expected.append(flood)
    found = [bool(((begin <= at) & (at < end)).any()) for at in range(0, 60 * MINUTE, MINUTE // 2)]
    assert found == expected


@given(spans(2), st.lists(st.tuples(st.integers(0, LAST), st.integers(0, 1)), max_size=30))
def test_protected_time_is_in_stretches_of_five_minutes_without_a_new_alarm(
    rows: list[tuple[int, int, int]], alarms: list[tuple[int, int]]
) -> None:
    alarms = sorted(alarms, key=lambda one: (one[1], one[0]))
    at, who = np.array(alarms, np.int64).reshape(-1, 2).T
    edges = np.array([0, 30, LAST]) * MINUTE
    found = load(union(as_spans(rows, MINUTE)), at * MINUTE, who, edges, 2)
    expected = [0, 0]
    for person in range(2):
        duty, cuts = covered(rows, person), {at for at, of in alarms if of == person}
        piece: list[int] = []
        for minute in range(LAST + 1):
            if minute not in duty or minute in cuts:
                if len(piece) >= 5:
                    for one in piece:
                        expected[one >= 30] += 1
                piece = []
            if minute in duty:
                piece.append(minute)
    assert found.protected.tolist() == [one * MINUTE for one in expected]


def test_an_hour_is_busy_with_more_than_thirty_alarms_on_duty_for_all_of_it() -> None:
    hour = 60 * MINUTE
    duty = union(Spans(*map(np.array, ([0, 10], [2 * hour, 2 * hour], [0, 1]))))
    start = np.sort(np.concatenate([np.arange(MANY + 1), hour + np.arange(MANY)]))
    hours = np.array([0, hour, 2 * hour])
    found = load(duty, start, np.zeros(len(start), np.int64), hours, 2)
    assert found.hours.tolist() == [1, 2]
    assert found.busy_hours.tolist() == [1, 0]
