"""Rows of the episode table against a Python dict, also with marks that collide."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.pipeline.table import Table

WORDS = st.sampled_from([f"w{number}" for number in range(40)])
SCOPED = st.tuples(st.integers(0, 2), WORDS)


@pytest.mark.usefixtures("weak_marks")
@given(st.lists(st.tuples(st.booleans(), st.lists(SCOPED, min_size=1, max_size=20)), max_size=10))
def test_an_alarm_keeps_its_row_until_it_is_dropped(
    steps: list[tuple[bool, list[tuple[int, str]]]],
) -> None:
    table, rows = Table(), dict[tuple[int, str], int]()
    for keep, scoped in steps:
        if keep:
            taken = table.rows_of(
                np.array([scope for scope, _ in scoped]), [text for _, text in scoped]
            )
            for one, row in zip(scoped, taken.tolist(), strict=True):
                assert rows.setdefault(one, row) == row
        else:
            table.drop(
                np.array(sorted({rows.pop(one) for one in scoped if one in rows}), dtype=np.int64)
            )
        assert len(set(rows.values())) == len(rows) == table.held
        held = table.rows()
        assert sorted(rows.values()) == held.tolist()
        assert sorted(zip(table.facility[held].tolist(), table.ids(held), strict=True)) == sorted(
            rows
        )
