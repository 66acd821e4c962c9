"""Intervals cover the truth as often as they say, on simulated months without a change.

These are few months with fixed seeds; `python -m bench calibration` simulates a thousand of each.
"""

from __future__ import annotations

from math import comb, log, sqrt

import numpy as np
import pytest

from analyzer.arrays import Numbers
from analyzer.stats import student
from analyzer.stats.serial import Stretches
from analyzer.whatif import compare
from analyzer.whatif.rates import Rates
from bench.calibration import AT, KINDS, Plan, coverage, month

MONTHS = 100
IMPROBABLE = 1e-4


def at_most(count: int, of: int, share: float) -> float:
    """The probability of so many or fewer."""
    return sum(comb(of, one) * share**one * (1 - share) ** (of - one) for one in range(count + 1))


def too_few(covered: int, of: int, share: float = 0.93) -> bool:
    """Whether so few are improbable if at least this share of intervals covers the truth."""
    return at_most(covered, of, share) < IMPROBABLE


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_about_95_of_100_intervals_cover_the_truth(kind: str) -> None:
    for one in coverage(kind, Plan(14, 14, earlier=28, controls=2), MONTHS, 5):
        assert one.of == MONTHS, "every month has a verdict"
        assert not too_few(one.covered, one.of), one


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["patients", "AR 0.5", "busy days"])
def test_half_of_the_intervals_of_half_confidence_do(kind: str) -> None:
    (found,) = coverage(kind, Plan(28, 28), MONTHS, 6, confidence=0.5)
    assert not too_few(found.covered, found.of, 0.45)
    assert not too_few(found.of - found.covered, found.of, 0.35)


@pytest.mark.parametrize("kind", ["patients", "AR 0.5"])
def test_independent_days_would_promise_too_much(kind: str) -> None:
    """What took days for independent covers the truth far too seldom."""
    plan, rng = Plan(28, 28), np.random.default_rng(5)
    covered = 0
    for _ in range(MONTHS):
        day = (month(kind, plan, rng).start - AT) // 86_400_000
        counts = np.bincount(day + 28, minlength=56)[:56]
        covered += abs(log(counts[28:].mean() / counts[:28].mean())) <= independent(counts)
    assert too_few(covered, MONTHS)


def independent(counts: Numbers) -> float:
    """How far from 0 the log of the ratio lies at most, if days are independent."""
    halves = counts[:28], counts[28:]
    variance = sum(max(one.var(ddof=1), one.mean()) / (28 * one.mean() ** 2) for one in halves)
    return student(54, 0.975) * sqrt(variance)


def test_few_days_of_few_beds_make_a_wider_interval() -> None:
    known = list(coverage("busy days", Plan(28, 28), 20, 1))
    few = list(coverage("busy days", Plan(7, 7), 20, 1))
    assert few[0].width > 1.5 * known[0].width


def test_a_change_is_found() -> None:
    """Half the alarms, in a unit whose days vary by a third: no interval should contain no change
    where there are four weeks on each side.
    """
    rng, plan = np.random.default_rng(3), Plan(28, 28, controls=2)
    for _ in range(20):
        recorded = month("busy days", plan, rng)
        ours = recorded.unit == 0
        gone = ours & (recorded.start > AT) & (rng.random(len(recorded)) < 0.5)
        left = recorded.of(np.flatnonzero(~gone))
        ours = left.unit == 0
        found = compare(left, ours, ~ours, AT, 28, 0.95)
        assert found.direction == "fewer"
        assert found.beyond_control.low is not None
        assert found.beyond_control.low < 0.5 * 1.2


def test_one_patient_with_most_alarms_makes_an_interval_wide() -> None:
    days = Stretches(tuple(range(-14, 14)), 14)
    even = np.full((10, 28), 8.0)
    odd = even.copy()
    odd[0, 14:] = 80
    spread = [Rates(days, one).between_beds() for one in (even, odd)]
    assert spread[0] == (0.0, 9)
    assert spread[1] is not None
    assert spread[1][0] > 0.2
