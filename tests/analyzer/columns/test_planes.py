"""Columns survive storage as byte planes."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from analyzer.columns.planes import from_planes, planes


@given(st.lists(st.integers(-(1 << 63), (1 << 63) - 1), min_size=1))
def test_columns_survive_storage(values: list[int]) -> None:
    assert from_planes(planes(np.array(values)), np.int64).tolist() == values
