"""The error of the difference of two stretches of days that depend on each other."""

from __future__ import annotations

import numpy as np
import pytest

from analyzer.stats import student
from analyzer.stats.serial import (
    CORRELATIONS,
    Stretches,
    errors,
    log_likelihoods,
    outside,
    reach,
)

INDEPENDENT = int(np.flatnonzero(CORRELATIONS == 0)[0])


def stretches(before: int, after: int) -> Stretches:
    return Stretches(tuple(range(-before, after)), before)


def test_for_independent_days_the_error_is_that_of_the_t_test() -> None:
    values = np.array([3.0, 5, 4, 8, 9, 7, 12])
    found, freedom = errors(stretches(3, 4), values)
    pooled = (values[:3].var() * 3 + values[3:].var() * 4) / 5
    assert freedom == 5
    assert found[INDEPENDENT] == pytest.approx(np.sqrt(pooled * (1 / 3 + 1 / 4)))


def test_correlated_days_give_less_evidence() -> None:
    rng = np.random.default_rng(1)
    found, _ = errors(stretches(14, 14), rng.normal(size=28))
    assert found[CORRELATIONS == 0.9] > 2 * found[INDEPENDENT]


def test_a_stretch_with_one_more_weekend_counts_each_day_of_the_week_alike() -> None:
    days = stretches(8, 14)
    week = np.where(np.array(days.days) % 7 < 2, 10.0, 20.0)
    first, second = days.weights()
    assert first @ week[:8] == pytest.approx(second @ week[8:])
    assert week[:8].mean() != pytest.approx(week[8:].mean())
    # nothing is left of a weekly rhythm
    assert errors(days, week)[0].max() < 1e-9


def test_less_than_a_week_cannot_be_balanced() -> None:
    first, _ = stretches(6, 14).weights()
    assert first.tolist() == [1 / 6] * 6


@pytest.mark.parametrize("truth", [0.0, 0.6])
def test_a_long_series_shows_its_correlation(truth: float) -> None:
    rng, series = np.random.default_rng(4), np.zeros(400)
    for day in range(1, 400):
        series[day] = truth * series[day - 1] + rng.normal()
    found = log_likelihoods(stretches(200, 200), series)
    assert CORRELATIONS[found.argmax()] == pytest.approx(truth, abs=0.11)


def test_the_tail_of_students_t_is_that_of_its_quantile() -> None:
    for freedom in (1, 2, 5, 12, 47):
        for share in (0.75, 0.975, 0.995):
            quantile = student(freedom, share)
            assert outside(np.array([quantile]), freedom)[0] == pytest.approx(2 * (1 - share))


def test_the_overlap_of_a_mixture_is_the_average_of_its_parts() -> None:
    certain = np.array([1.0, 0.0])
    wide = np.array([1.0, 3.0])
    assert reach(certain, wide, 12, 0.95) == pytest.approx(student(12, 0.975), abs=1e-5)
    halves = reach(np.array([0.5, 0.5]), wide, 12, 0.95)
    assert outside(halves / wide, 12).mean() == pytest.approx(0.05, abs=1e-6)
    assert reach(certain, np.zeros(2), 12, 0.95) == 0
