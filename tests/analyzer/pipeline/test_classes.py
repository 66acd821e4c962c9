"""The non-actionable share of classified alarms."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from analyzer.pipeline.classes import CLASSES, SCOPES, nonactionable_ratios


def ratio(counts: dict[str, int], scope: str, min_classified: int) -> float | None:
    part = counts["non_actionable"] + (counts["technical"] if scope == "all" else 0)
    whole = part + counts["actionable"]
    return None if whole < max(min_classified, 1) else part / whole


@given(
    st.lists(
        st.lists(st.integers(0, 100), min_size=len(CLASSES), max_size=len(CLASSES)), min_size=1
    ),
    st.integers(0, 50),
)
def test_ratios_are_those_of_each_row_and_scope(
    classified: list[list[int]], min_classified: int
) -> None:
    found = nonactionable_ratios(np.array(classified, dtype=np.int64), min_classified).tolist()
    assert [[None if value != value else value for value in row] for row in found] == [
        [ratio(dict(zip(CLASSES, row, strict=True)), scope, min_classified) for scope in SCOPES]
        for row in classified
    ]
