"""Intervals of differences cover the truth as often as they say, also where days are alike."""

from __future__ import annotations

import numpy as np
import pytest

from analyzer.history import Daily, change, slope

REPEATS = 200


def series(rng: np.random.Generator, days: int, alike: float) -> np.ndarray:
    found = np.zeros(days + 20)
    for day in range(1, len(found)):
        found[day] = alike * found[day - 1] + rng.normal() * np.sqrt(1 - alike**2)
    return found[20:]


@pytest.mark.parametrize("alike", [0.0, 0.3, 0.5])
def test_an_interval_covers_no_change_at_least_nine_times_in_ten(alike: float) -> None:
    rng = np.random.default_rng(5)
    covered = 0
    for _ in range(REPEATS):
        days = tuple(range(56))
        below = rng.integers(80, 120, 56).astype(float)
        above = below * (0.5 + 0.05 * series(rng, 56, alike))
        before = Daily.of(days[:28], above[:28], below[:28])
        now = Daily.of(days[28:], above[28:], below[28:])
        found = change(before, now)
        assert found is not None
        assert found.low is not None
        assert found.high is not None
        covered += found.low <= 0 <= found.high
    assert covered >= 0.9 * REPEATS


def test_a_large_change_is_found() -> None:
    rng = np.random.default_rng(6)
    days, below = tuple(range(56)), np.full(56, 100.0)
    above = 50 + 3 * rng.normal(size=56)
    above[28:] -= 20
    found = change(
        Daily.of(days[:28], above[:28], below[:28]), Daily.of(days[28:], above[28:], below[28:])
    )
    assert found is not None
    assert found.sure
    assert found.value == pytest.approx(-0.2, abs=0.03)


def test_few_patients_make_the_interval_wide() -> None:
    """The same sums by day: from many beds alike, and from one bed that has most of them."""
    rng = np.random.default_rng(7)
    days = tuple(range(28))
    even = rng.poisson(20.0, (10, 28)).astype(float)
    one_bed = np.zeros((10, 28))
    one_bed[0, :14], one_bed[1, 14:] = even[:, :14].sum(axis=0), even[:, 14:].sum(axis=0)
    beds = np.ones((10, 28))
    widths = []
    for counts in (even, one_bed):
        found = change(
            Daily.of(days[:14], counts[:, :14], beds[:, :14]),
            Daily.of(days[14:], counts[:, 14:], beds[:, 14:]),
        )
        assert found is not None
        assert found.low is not None
        assert found.high is not None
        widths.append(found.high - found.low)
    assert widths[1] > 5 * widths[0]


def test_two_days_have_no_interval_and_no_days_no_difference() -> None:
    short = Daily.of((0, 1), np.array([5.0, 6.0]), np.array([10.0, 10.0]))
    long = Daily.of((2, 3, 4), np.array([5.0, 6.0, 7.0]), np.full(3, 10.0))
    found = change(short, long)
    assert found is not None
    assert (found.low, found.high) == (None, None)
    assert change(Daily.of((), np.zeros(0), np.zeros(0)), long) is None


def test_a_slope_is_that_within_hours_of_one_kind() -> None:
    """Nights have more beds per clinician and fewer alarms: taken together, the sign would turn."""
    rng = np.random.default_rng(8)
    day = np.repeat(np.arange(30), 24)
    kind = np.tile(np.arange(24), 30)
    night = kind < 8
    beds = 2.0 + 2.0 * night + rng.integers(0, 2, len(day))
    load = 20 - 12 * night + 1.5 * beds + rng.normal(size=len(day))
    found = slope(beds, load, np.ones(len(day)), kind, day)
    assert found is not None
    assert found.low <= 1.5 <= found.high
    assert found.sure
    assert np.polyfit(beds, load, 1)[0] < 0
    assert slope(2.0 + night, load, np.ones(len(day)), kind, day) is None
