"""Which points of a run chart are hardly chance."""

from __future__ import annotations

from itertools import combinations, groupby

import numpy as np
import pytest

from analyzer.stats.run_rules import Signal, probability_of_runs, run_chart

STEADY = [10.0, 12, 9, 11, 8, 12, 11, 9, 12, 8]


def signals(values: list[float], baseline: int = len(STEADY)) -> list[Signal]:
    return run_chart(np.array(values), baseline).signals


def test_steady_days_make_no_signal() -> None:
    assert signals(STEADY) == []
    assert signals([5.0] * 30) == []


def test_a_point_beyond_three_sigma_is_astronomical() -> None:
    chart = run_chart(np.array([*STEADY, 40.0]), len(STEADY))
    apart = np.abs(np.diff(STEADY)).mean() / 1.128
    assert (chart.median, chart.high) == (10.5, pytest.approx(10.5 + 3 * apart))
    assert chart.signals == [Signal("astronomical", 10, 10, 1, True)]


def test_eight_on_one_side_are_a_shift_and_points_on_the_median_do_not_end_it() -> None:
    lower = [9.0, 8, 9, 10.5, 8, 9, 8, 9]
    assert signals([*STEADY, *lower]) == [Signal("shift", 9, 17, 8, False)]
    assert signals([*STEADY, *lower[:-1]]) == []


def test_six_in_one_direction_are_a_trend() -> None:
    rising = [12.0, 8, 9, 10, 11, 11, 12, 13, 9]
    assert signals([*STEADY, *rising]) == [Signal("trend", 11, 17, 6, True)]


def test_too_few_runs_say_that_the_days_before_were_not_steady() -> None:
    halves = [9.0, 8, 9, 8, 7, 9, 12, 13, 12, 13, 12, 14]
    assert signals(halves, 12)[-1] == Signal("too_few_runs", 0, 11, 2, False)


def test_the_probability_of_runs_equals_a_count_of_all_orders() -> None:
    above, below = 4, 5
    counts = []
    for places in combinations(range(above + below), above):
        order = [place in places for place in range(above + below)]
        counts.append(sum(1 for _ in groupby(order)))
    for runs in range(2, 10):
        share = sum(one <= runs for one in counts) / len(counts)
        assert probability_of_runs(runs, above, below) == pytest.approx(share)
