"""Windows: counts and durations over (now - W, now], for all clinicians or all units at once.

A window of length W holds the episodes that started in it; durations are clipped to it. Times are
relative to now (ms).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from analyzer.arrays import Integers, Numbers


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
        of = group[inside].astype(np.int64)
        # Each group gets a stretch of its own on one long line, so one running maximum serves all
        # groups.
        shift = of * (length + 1) + length
        begins = np.maximum(start[inside], -length) + shift
        ends = np.minimum(end[inside], 0) + shift
        reached = np.maximum.accumulate(ends)
        # What each adds: from its begin, or from what those before it have reached, as far as it
        # reaches beyond.
        added = reached - begins
        added[1:] = reached[1:] - np.maximum(begins[1:], reached[:-1])
        result[:, number] = np.bincount(of, weights=added, minlength=groups).astype(np.int64)
    return result
