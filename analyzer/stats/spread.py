"""Spread: how unevenly a load is distributed, as one number that identifies no person."""

from __future__ import annotations

import numpy as np

from analyzer.arrays import Floats, Integers, Numbers


def gini(value: Numbers, group: Integers, groups: int) -> Floats:
    """The Gini coefficient of each group's values: 0 if all are equal, (n - 1) / n if one of n has
    everything. NaN with fewer than two values, or if all are zero. Shape (groups,).

    Preferred to the ratio of largest to median, which is undefined if half of the people had no
    alarm, and depends on one person alone.

    >>> gini(np.array([5, 5, 0, 3, 1, 4]), np.array([0, 0, 1, 1, 2, 3]), 4).tolist()
    [0.0, 0.5, nan, nan]
    """
    order = np.lexsort((value, group))
    value, group = value[order], group[order]
    size, total = (
        np.bincount(group, minlength=groups),
        np.bincount(group, weights=value, minlength=groups),
    )
    # Ranks within the group, from 1.
    rank = np.arange(1, len(value) + 1) - (np.cumsum(size) - size)[group]
    weighted = np.bincount(group, weights=(2 * rank - size[group] - 1) * value, minlength=groups)
    known = (size >= 2) & (total > 0)
    return np.where(known, weighted / np.where(known, size * total, 1), np.nan)
