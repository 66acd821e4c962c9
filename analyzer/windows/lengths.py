"""Windows: counts and durations over (now - W, now], for all clinicians or all units at once.

A window of length W holds the episodes that started in it; durations are clipped to it. Times are
relative to now (ms).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from analyzer.arrays import Integers, Numbers
from analyzer.columns.segments import Axis, union_length


def counts(
    start: Numbers,
    group: Integers,
    code: Integers,
    groups: int,
    codes: int,
    windows: Sequence[int],
) -> Numbers:
    """How many rows of each group and code started in each window.

    `start`, `group`, `code`: one entry a row. Returns an array of shape (groups, len(windows),
    codes).
    """
    result = np.zeros((groups, len(windows), codes), dtype=np.int64)
    key = group.astype(np.int64) * codes + code
    for number, length in enumerate(windows):
        result[:, number, :] = np.bincount(key[start > -length], minlength=groups * codes).reshape(
            groups, codes
        )
    return result


def covered_length(
    start: Numbers, end: Numbers, group: Integers, groups: int, windows: Sequence[int]
) -> Numbers:
    """Length (ms) of the union of each group's intervals [start, end), clipped to each window.

    The intervals are ordered by group, then start (those that start before all windows in any
    order). Those still open are given an `end` of 0 or later. Returns an array of shape (groups,
    len(windows)).
    """
    result = np.zeros((groups, len(windows)), dtype=np.int64)
    for number, length in enumerate(windows):
        inside = np.flatnonzero((end > -length) & (start < 0))
        result[:, number] = union_length(
            np.maximum(start[inside], -length),
            np.minimum(end[inside], 0),
            group[inside],
            groups,
            Axis(-length, 0),
        )
    return result
