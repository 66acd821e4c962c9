"""The Gini coefficient against its definition."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.stats.spread import gini


@given(st.lists(st.lists(st.integers(0, 50), max_size=6), min_size=1, max_size=5), st.randoms())
def test_the_gini_index_is_the_mean_difference_of_all_pairs_over_twice_the_mean(
    groups: list[list[int]], random: Random
) -> None:
    rows = [(value, group) for group, values in enumerate(groups) for value in values]
    random.shuffle(rows)
    value = np.array([one for one, _ in rows], dtype=np.int64)
    group = np.array([one for _, one in rows], dtype=np.int64)
    for found, values in zip(gini(value, group, len(groups)).tolist(), groups, strict=True):
        if len(values) < 2 or not any(values):
            assert np.isnan(found)
        else:
            pairs = sum(abs(one - other) for one in values for other in values)
            assert found == pytest.approx(pairs / (2 * len(values) * sum(values)))
