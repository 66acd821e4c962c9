"""Spread: how unevenly a load is shared out, as one number that names nobody."""

from __future__ import annotations

import numpy as np

from analyzer.arrays import Floats, Integers, Numbers


def gini(value: Numbers, group: Integers, groups: int) -> Floats:
    """Gini's coefficient of each group's values: 0, all alike; (n - 1) / n, one of n has
    everything. NaN under two values, or all zero.

    Taken rather than largest over median, which has no value where half of the people had nothing,
    and hangs on one person alone.

    >>> gini(np.array([5, 5, 0, 3, 1, 4]), np.array([0, 0, 1, 1, 2, 3]), 4).tolist()
    [0.0, 0.5, nan, nan]
    """
    order = np.lexsort((value, group))
    value, group = value[order], group[order]
    size, total = (
        np.bincount(group, minlength=groups),
        np.bincount(group, weights=value, minlength=groups),
    )
    # from 1, within the group
    rank = np.arange(1, len(value) + 1) - (np.cumsum(size) - size)[group]
    weighted = np.bincount(group, weights=(2 * rank - size[group] - 1) * value, minlength=groups)
    known = (size >= 2) & (total > 0)
    return np.where(known, weighted / np.where(known, size * total, 1), np.nan)
