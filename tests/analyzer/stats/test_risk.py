"""Bounds of lost alarms where the alarms of one patient are alike."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.arrays import Flags, Numbers
from analyzer.stats.bounds import upper_bound
from analyzer.stats.risk import Risk, effective_size

WARDS = 400
"""At a coverage of exactly 95 %, 20 of these bounds lie below the truth, and more than 33 with
odds of 1 in 500.
"""


def simulated(rng: np.random.Generator, truth: float, likeness: float) -> tuple[Numbers, Flags]:
    """Of each needed alarm of 20 beds in 30 days: its bed and day, and whether it is lost.

    Patients stay for 4.4 days on average and differ in how often they alarm. `likeness` is the
    correlation of two alarms of one stay in being lost; over all patients the share is `truth`.
    """
    bed_days, weight = 20 * 30, (1 - likeness) / likeness
    stays = np.ceil(rng.lognormal(np.log(4.4) - 0.245, 0.7, bed_days)).astype(np.int64)
    rate = 3 * np.minimum(rng.lognormal(-0.5, 1.0, bed_days), 10.0)
    share = rng.beta(truth * weight, (1 - truth) * weight, bed_days)
    patient = np.repeat(np.arange(bed_days), stays)[:bed_days]
    cluster = np.repeat(np.arange(bed_days), rng.poisson(rate[patient]))
    return cluster, rng.random(len(cluster)) < share[patient[cluster]]


def misses(bound: Callable[[Numbers, Flags], float | None], truth: float, likeness: float) -> int:
    """In how many of `WARDS` the bound lies below the truth."""
    rng = np.random.default_rng(15)
    below = 0
    for _ in range(WARDS):
        found = bound(*simulated(rng, truth, likeness))
        assert found is not None
        below += found < truth
    return below


def clustered(cluster: Numbers, lost: Flags) -> float | None:
    return Risk.among(lost, cluster).upper


def independent(cluster: Numbers, lost: Flags) -> float | None:
    return upper_bound(int(lost.sum()), len(lost), 0.95)


@pytest.mark.parametrize("truth", [0.005, 0.02, 0.1])
@pytest.mark.parametrize("likeness", [0.05, 0.2])
def test_the_bound_covers_the_truth_where_alarms_of_one_patient_are_alike(
    truth: float, likeness: float
) -> None:
    assert misses(clustered, truth, likeness) <= 33


@pytest.mark.parametrize("truth", [0.005, 0.02, 0.1])
def test_a_bound_that_takes_alarms_as_independent_is_too_low(truth: float) -> None:
    assert misses(independent, truth, 0.2) > 80


@given(st.lists(st.integers(1, 500), min_size=1, max_size=50))
def test_clusters_inform_at_most_as_their_number_and_at_least_as_one(sizes: list[int]) -> None:
    found = effective_size(np.array(sizes))
    assert 1 - 1e-9 <= found <= len(sizes) + 1e-9
    assert effective_size(np.array([7] * len(sizes))) == pytest.approx(len(sizes))


@given(st.integers(0, 40), st.integers(1, 40), st.integers(1, 40))
def test_the_bound_rises_with_what_is_lost_and_falls_with_the_clusters(
    count: int, more: int, clusters: int
) -> None:
    of = count + more
    bound = Risk(count, of, float(clusters)).upper
    assert bound is not None
    assert bound >= count / of
    assert bound <= Risk(count + 1, of, float(clusters)).upper  # type: ignore[operator]
    assert bound >= Risk(count, of, clusters + 1.0).upper  # type: ignore[operator]


def test_one_alarm_a_cluster_gives_the_exact_bound_and_no_change_loses_nothing() -> None:
    alone = Risk.among(np.arange(300) < 3, np.arange(300))
    assert alone == Risk(3, 300, 300.0)
    assert alone.upper == pytest.approx(upper_bound(3, 300, 0.95))
    assert Risk.none(300).upper == 0.0
    assert Risk.none(0).upper is None


@pytest.mark.parametrize(
    ("lost", "expected"),
    [
        (Risk(0, 299, 299), "kept"),  # the rule of three: just under 1 %
        (Risk(0, 298, 298), "open"),
        (Risk(0, 5_000, 298), "open"),
        (Risk(1, 101, 101), "open"),
        (Risk(2, 101, 101), "broken"),
        (Risk(0, 0, 0), "open"),
        (Risk.none(9), "kept"),
    ],
)
def test_a_promise_is_kept_by_its_bound_and_broken_by_its_count(lost: Risk, expected: str) -> None:
    assert lost.promise(0.01) == expected
