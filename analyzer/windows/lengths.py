"""Lengths: counts and durations in windows (now - W, now], for all clinicians or all units at once.

An episode counts in a window if it started in it. Durations are clipped to the window. Times are
relative to now (ms).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from analyzer.arrays import Codes, Integers, Numbers
from analyzer.columns.segments import Axis, union_length


def counts(
    start: Numbers,
    group: Integers,
    code: Integers,
    groups: int,
    codes: int,
    windows: Sequence[int],
) -> Numbers:
    """How many rows of each group and code started in each window. Shape (groups, len(windows),
    codes).

    `start`, `group` and `code` have one entry per row.
    """
    result = np.zeros((groups, len(windows), codes), dtype=np.int64)
    key = group.astype(np.int64) * codes + code
    for number, length in enumerate(windows):
        result[:, number, :] = np.bincount(key[start > -length], minlength=groups * codes).reshape(
            groups, codes
        )
    return result


def most_at_one(
    start: Numbers, bed: Codes, group: Integers, groups: int, windows: Sequence[int]
) -> Numbers:
    """The greatest number of rows of one bed that started in each window. Shape (groups,
    len(windows)); 0 for groups without rows.

    `start`, `bed` and `group` have one entry per row; all rows of a bed are of one group.
    """
    result = np.zeros((groups, len(windows)), dtype=np.int64)
    of_bed = np.zeros(int(bed.max(initial=-1)) + 1, dtype=np.int64)
    of_bed[bed] = group
    for number, length in enumerate(windows):
        rows = np.bincount(bed[start > -length], minlength=len(of_bed))
        np.maximum.at(result[:, number], of_bed, rows)
    return result


def covered_length(
    start: Numbers, end: Numbers, group: Integers, groups: int, windows: Sequence[int]
) -> Numbers:
    """Length (ms) of the union of each group's intervals [start, end), clipped to each window.

    Shape (groups, len(windows)). The intervals must be ordered by group, then start; the order of
    those that start before all windows does not matter. An open interval has an `end` of 0 or
    later.
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
