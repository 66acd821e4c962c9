"""Operations on segments against plain Python, a group at a time."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from itertools import accumulate
from typing import Literal

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from analyzer.columns.segments import Axis, cumulative_maximum, search, union_length

SMALL = st.integers(-20, 20)
ANY = st.integers(-(1 << 62), 1 << 62)


def flat(groups: list[list[int]]) -> tuple[np.ndarray, np.ndarray]:
    """All values in order of their groups, and the group of each."""
    values = np.array([value for group in groups for value in group], dtype=np.int64)
    return values, np.repeat(np.arange(len(groups)), [len(group) for group in groups])


@given(st.lists(st.tuples(st.integers(0, 5), SMALL)))
def test_positions_are_ordered_by_group_then_value(rows: list[tuple[int, int]]) -> None:
    axis = Axis(-20, 20)
    group = np.array([one for one, _ in rows], dtype=np.int32)
    value = np.array([one for _, one in rows], dtype=np.int64)
    position = axis.at(group, value)
    assert [rows[row] for row in np.argsort(position, kind="stable")] == sorted(rows)
    assert axis.group_of(position).tolist() == group.tolist()
    assert (axis.offsets(group) + value).tolist() == position.tolist()
    assert len(set(position.tolist())) == len(set(rows))
    assert (axis.at(group, axis.high + 1) == axis.at(group + 1, axis.low)).all()


@given(st.lists(st.lists(SMALL) | st.lists(ANY), max_size=6))
def test_the_cumulative_maximum_begins_again_with_each_group(groups: list[list[int]]) -> None:
    """Also where times are so far apart that the axis would not fit into 64 bits."""
    expected = [one for group in groups for one in accumulate(group, max)]
    assert cumulative_maximum(*flat(groups)).tolist() == expected


@given(
    st.lists(st.lists(SMALL).map(sorted), max_size=6),
    st.lists(st.tuples(st.integers(0, 7), SMALL | ANY)),
    st.sampled_from(["left", "right"]),
)
def test_a_search_finds_the_index_within_the_group(
    groups: list[list[int]], asked: list[tuple[int, int]], side: Literal["left", "right"]
) -> None:
    """Also for groups without values, and for values beyond all known ones."""
    bisect = bisect_left if side == "left" else bisect_right
    expected = [
        sum(map(len, groups[:group])) + bisect(groups[group] if group < len(groups) else [], value)
        for group, value in asked
    ]
    value = np.array([one for _, one in asked], dtype=np.int64)
    group = np.array([one for one, _ in asked], dtype=np.int64)
    assert search(*flat(groups), value, group, side).tolist() == expected


@given(st.lists(st.lists(st.tuples(SMALL, SMALL).map(sorted).map(tuple)).map(sorted), max_size=6))
def test_the_union_counts_what_several_intervals_cover_once(
    groups: list[list[tuple[int, int]]],
) -> None:
    begin, group = flat([[begin for begin, _ in one] for one in groups])
    end, _ = flat([[end for _, end in one] for one in groups])
    expected = [len({at for begin, end in one for at in range(begin, end)}) for one in groups]
    found = union_length(begin, end, group, len(groups) + 1, Axis(-20, 20))
    assert found.tolist() == [*expected, 0]
