"""Silence in a recording: what is told from success, and what is not."""

from __future__ import annotations

import numpy as np
import pytest

from analyzer.arrays import Numbers
from analyzer.whatif.presence import missing_days, presence_of
from analyzer.whatif.rates import DAY

SPAN = (0, 28 * DAY)
HOUR = DAY // 24


def feed(a_day: float, seed: int = 1) -> Numbers:
    rng = np.random.default_rng(seed)
    return np.sort(rng.integers(0, 28 * DAY, rng.poisson(28 * a_day)))


def without(start: Numbers, since: float, until: float) -> Numbers:
    """Silence from day to day."""
    return start[(start < since * DAY) | (start >= until * DAY)]


@pytest.mark.parametrize("a_day", [1, 4, 30, 200])
def test_a_feed_that_was_there_has_no_silence(a_day: float) -> None:
    for seed in range(10):
        found = presence_of(feed(a_day, seed), SPAN)
        assert (found.first, found.last, found.missing) == (*SPAN, [])


def test_days_without_alarms_in_a_busy_unit_are_missing() -> None:
    found = presence_of(without(feed(40), 9.5, 12), SPAN)
    assert missing_days(found.missing, at=14 * DAY) == {-5, -4, -3}


def test_the_same_silence_of_a_quiet_unit_is_no_gap() -> None:
    assert presence_of(without(feed(1), 9.5, 12), SPAN).missing == []


def test_a_feed_that_stops_or_begins_is_seen_where_it_does() -> None:
    stopped = presence_of(without(feed(40), 14, 29), SPAN)
    assert stopped.ended(SPAN[1])
    assert 13.8 * DAY < stopped.last <= 14 * DAY
    began = presence_of(without(feed(40), -1, 14), SPAN)
    assert began.began(SPAN[0])
    assert 14 * DAY <= began.first < 14.2 * DAY


def test_quiet_nights_are_no_gaps() -> None:
    start = feed(40)
    assert presence_of(start[start % DAY > 14 * HOUR], SPAN).missing == []


def test_a_unit_that_a_change_made_quiet_has_no_gap() -> None:
    """40 alarms a day before, 2 after: days without an alarm are to be expected then."""
    start = feed(40)
    after = start >= 14 * DAY
    kept = start[~after | (np.cumsum(after) % 20 == 0)]
    assert presence_of(kept, SPAN).missing == []
    assert not presence_of(kept, SPAN).ended(SPAN[1])


def test_a_drift_of_patients_does_not_hide_a_gap() -> None:
    """The rate falls from 120 to 30 over four weeks; two days are missing."""
    rng = np.random.default_rng(1)
    start = feed(120)
    start = start[rng.random(len(start)) < np.linspace(1, 0.25, len(start))]
    assert missing_days(presence_of(without(start, 20, 22), SPAN).missing, 14 * DAY) == {6, 7}
