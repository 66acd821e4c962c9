"""Sparse columns behave as arrays that are mostly filled with one value."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from analyzer.columns.sparse import Sparse

ROWS = 12
_rows = st.lists(st.integers(0, ROWS - 1), min_size=1, max_size=6, unique=True)
_values = st.integers(-2, 2)
_steps = st.lists(
    st.one_of(
        st.tuples(st.just("set"), st.sampled_from("ab"), _rows, _values),
        st.tuples(st.just("one"), st.sampled_from("ab"), _rows, _values),
        st.tuples(st.just("slice"), st.sampled_from("ab"), _rows, _values),
        st.tuples(st.just("raise"), st.sampled_from("ab"), _rows, _values),
        st.tuples(st.just("drop"), st.just("a"), _rows, _values),
    ),
    max_size=30,
)


@given(_steps)
def test_sparse_columns_hold_what_arrays_would(
    steps: list[tuple[str, str, list[int], int]],
) -> None:
    sparse = Sparse(a=(np.int64, -1), b=(np.int8, 0))
    sparse.reserve(ROWS)
    columns: dict[str, Any] = {name: sparse.column(name) for name in "ab"}
    arrays: dict[str, Any] = {
        "a": np.full(ROWS, -1, dtype=np.int64),
        "b": np.zeros(ROWS, dtype=np.int8),
    }
    for step, name, numbers, value in steps:
        rows = np.array(numbers)
        for one in (columns[name], arrays[name]):
            if step == "set":
                one[rows] = np.arange(len(rows)) + value
            elif step == "one":
                one[numbers[0]] = value
            elif step == "slice":
                one[min(numbers) : max(numbers) + 1] = value
        if step == "raise":
            often = np.concatenate([rows, rows])
            values = (np.arange(len(often)) + value).astype(arrays[name].dtype)
            columns[name].raise_to(often, values)
            np.maximum.at(arrays[name], often, values)
        elif step == "drop":
            sparse.drop(rows)
            arrays["a"][rows], arrays["b"][rows] = -1, 0
        for each, array in arrays.items():
            assert columns[each][np.arange(ROWS)].tolist() == array.tolist()
            assert columns[each][:ROWS].tolist() == array.tolist()
            assert int(columns[each][numbers[0]]) == int(array[numbers[0]])


def test_only_rows_with_another_value_get_an_entry() -> None:
    sparse = Sparse(a=(np.int64, -1))
    sparse.reserve(ROWS)
    column = sparse.column("a")
    column[:ROWS] = -1
    column[np.array([3, 5])] = np.array([-1, 7])
    assert np.flatnonzero(sparse.entries(np.arange(ROWS))).tolist() == [5]


def test_entries_of_dropped_rows_are_used_again() -> None:
    sparse = Sparse(a=(np.int64, -1))
    sparse.reserve(ROWS)
    column = sparse.column("a")
    for row in range(ROWS):
        column[row] = row
        sparse.drop(np.array([row]))
    column[0] = 5
    assert int(sparse.entries(0)) == 1
