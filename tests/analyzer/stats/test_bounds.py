"""Confidence bounds against their definition and against R."""

from __future__ import annotations

from math import comb

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.stats.bounds import least_needed, upper_bound


@given(st.integers(1, 60), st.data())
def test_at_the_bound_as_few_as_observed_have_the_remaining_probability(
    of: int, data: st.DataObject
) -> None:
    count, confidence = (
        data.draw(st.integers(0, of - 1)),
        data.draw(st.sampled_from((0.8, 0.95, 0.99))),
    )
    bound = upper_bound(count, of, confidence)
    assert bound is not None
    chance = sum(
        comb(of, seen) * bound**seen * (1 - bound) ** (of - seen) for seen in range(count + 1)
    )
    assert chance == pytest.approx(1 - confidence, rel=1e-6)


def test_with_none_observed_the_bound_is_the_rule_of_three() -> None:
    assert upper_bound(0, 1_000, 0.95) == pytest.approx(3 / 1_000, rel=0.005)
    assert upper_bound(7, 7, 0.95) == 1.0
    assert upper_bound(0, 0, 0.95) is None
    assert (
        upper_bound(0, least_needed(0.01, 0.95), 0.95)
        <= 0.01
        < upper_bound(0, least_needed(0.01, 0.95) - 1, 0.95)
    )  # type: ignore[operator]


def test_the_exact_bound_equals_the_one_computed_by_r() -> None:
    """R: binom.test(c(12, 2000), c(250, 5e5), alternative = "less")$conf.int[2]."""
    assert upper_bound(12, 250, 0.95) == pytest.approx(0.0766, abs=1e-4)
    assert upper_bound(2_000, 500_000, 0.95) == pytest.approx(0.00414997, abs=1e-7)


@pytest.mark.parametrize("confidence", [0, 1, -0.5, 95])
def test_a_confidence_that_is_no_share_is_refused(confidence: float) -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        upper_bound(1, 10, confidence)
