"""Floods, by hand and against the oracle."""

from __future__ import annotations

from itertools import accumulate

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer import Policy
from analyzer.model.policy import HOUR, MINUTE
from analyzer.windows.flood import flood_ratio
from tests.harness.workloads import H, M, of_ann, to_ann
from tests.oracle import clinicians as naive


def test_a_flood_begins_with_the_eleventh_alarm_and_ends_when_fewer_than_five_are_left() -> None:
    """One alarm a minute from 1 to 11 min is no flood: at 11 min, the alarm of 1 min is 10 min old
    and no longer counts, so ten are left.

    One more alarm at 11 min makes eleven, and a flood. At 17 min, five count (8, 9, 10, 11, 11). At
    18 min, the alarm of 8 min no longer counts, four are left, and the flood ends. It lasts from 11
    to 18 min, 7 min of 60.
    """
    ticks = [one * M for one in range(1, 12)]
    assert of_ann(to_ann(*ticks), 60 * M, "flood_ratio", "", window="1h") == 0
    assert of_ann(to_ann(*ticks, 11 * M), 60 * M, "flood_ratio", "", window="1h") == pytest.approx(
        7 / 60
    )
    assert of_ann(to_ann(*ticks, 11 * M), 15 * M, "flood_ratio", "", window="10m") == pytest.approx(
        4 / 10
    )
    # the flood has only just begun
    assert of_ann(to_ann(*ticks, 11 * M), 11 * M, "flood_ratio", "", window="10m") == 0


def test_a_flood_lasts_between_its_thresholds() -> None:
    """Eleven alarms at 0, then five every ten minutes from 9 to 49 min: the count is never above
    ten again, and not below five before 59 min.
    """
    facts = to_ann(*[0.0] * 11, *(minute * M for minute in (9, 19, 29, 39, 49) for _ in range(5)))
    assert of_ann(facts, H, "flood_ratio", "", window="1h") == pytest.approx(59 / 60)
    fewer = to_ann(*[0.0] * 11, *(minute * M for minute in (9, 19, 29, 39, 49) for _ in range(4)))
    assert of_ann(fewer, H, "flood_ratio", "", window="1h") == pytest.approx(10 / 60)


def test_the_state_is_evaluated_from_an_hour_before_the_window() -> None:
    """Eleven alarms at 0 and five every ten minutes from 10 min on: n is 11 at 0 and always 5 from
    10 min on, so the flood never ends.

    At 70 min, the window of 10 min begins at 60 min, and its state is evaluated from 0 on, where n
    is 11: a flood. The same holds until just before 80 min, because n includes alarms less than 10
    min old. At 80 min, the state is evaluated from 10 min on, where n is 5, and no flood begins.
    """
    later = [minute * M for minute in range(10, 121, 10) for _ in range(5)]
    facts = to_ann(*[0.0] * 11, *later)
    assert of_ann(facts, 70 * M, "flood_ratio", "", window="10m") == 1
    assert of_ann(facts, 80 * M - 0.001, "flood_ratio", "", window="10m") == 1
    assert of_ann(facts, 80 * M, "flood_ratio", "", window="10m") == 0
    assert of_ann(facts, 80 * M, "flood_ratio", "", window="1h") == 1
    # ten are no flood; the flood half an hour earlier is over by then
    ten = to_ann(*[-30.0 * M] * 11, *[0.0] * 10, *later)
    assert of_ann(ten, 75 * M, "flood_ratio", "", window="10m") == 0


FLOOD_GAPS = st.sampled_from((0, 0, 1, 30, 60, 120, 120, 120, 120.001, 119.999, 150, 600)).map(
    lambda seconds: round(seconds * 1000)
)


RUNS = st.tuples(FLOOD_GAPS, st.sampled_from((1, 1, 4, 5, 10, 11, 12, 25, 30, 35)))


STARTS = st.lists(RUNS, max_size=6).map(
    lambda runs: [gap for gap, times in runs for _ in range(times)]
)


@given(st.lists(STARTS, min_size=1, max_size=3), st.sampled_from((0, 1, 60_000, 299_999, 600_000)))
def test_floods_of_several_clinicians_at_once_are_those_of_the_oracle(
    gaps: list[list[int]], since: int
) -> None:
    """Runs of alarms about as dense as the thresholds, long enough that the state an hour before a
    window matters.
    """
    windows = (10 * MINUTE, HOUR)
    ago = [[-since - one for one in accumulate(of_one)] for of_one in gaps]
    ago = [
        sorted(start for start in of_one if start > -windows[-1] - 70 * MINUTE) for of_one in ago
    ]
    start = np.array([one for of_one in ago for one in of_one], dtype=np.int64)
    who = np.repeat(np.arange(len(ago)), [len(of_one) for of_one in ago])
    found = flood_ratio(start, who, len(ago), windows)
    expected = [
        [naive.flood_length(of_one, -length - HOUR, -length, 0) / length for length in windows]
        for of_one in ago
    ]
    assert found.tolist() == expected


def test_a_horizon_too_short_for_floods_is_refused() -> None:
    with pytest.raises(ValueError, match="tell floods"):
        Policy(windows={"1h": HOUR}, cover=0, horizon=2 * HOUR)
    assert Policy(windows={"1h": HOUR}, cover=0, horizon=130 * MINUTE).lookback == 130 * MINUTE
