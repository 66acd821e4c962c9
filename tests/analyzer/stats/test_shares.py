"""Wilson intervals of shares."""

from __future__ import annotations

from math import isclose

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer import Share
from tests.oracle import findings as naive


@pytest.mark.parametrize(
    ("count", "of", "low", "high"),
    [
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_intervals_are_those_published(count: int, of: int, low: float, high: float) -> None:
    """Newcombe 1998, Statistics in Medicine 17:857, table I, method 3."""
    share = Share(count, of)
    assert (round(share.low or 0, 4), round(share.high or 0, 4)) == (low, high)


@given(st.integers(0, 60).flatmap(lambda of: st.tuples(st.integers(0, of), st.just(of))))
def test_intervals_are_the_roots_of_wilsons_equation(share: tuple[int, int]) -> None:
    count, of = share
    found = Share(count, of)
    if of == 0:
        assert (found.value, found.low, found.high) == (None, None, None)
    else:
        low, high = naive.interval(count, of)
        assert isclose(found.low or 0, low, abs_tol=1e-7)
        assert isclose(found.high or 0, high, abs_tol=1e-7)
