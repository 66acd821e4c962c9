"""Frequent: each unit's most frequent alarm types, which a review begins with (ISA-18.2 reviews the
ten most frequent).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from analyzer.arrays import Integers, Numbers
from analyzer.columns.statics import AlarmType
from analyzer.pipeline.classes import CLASSES

Types = dict[int, list[list[tuple[AlarmType, int]]]]
Counts = dict[int, list[list[list[int]]]]


_FEW = 1 << 22


def most_frequent(
    start: Numbers,
    unit: Integers,
    type_: Integers,
    klass: Integers,
    names: Sequence[AlarmType],
    windows: Sequence[int],
    top: int,
) -> tuple[Types, Counts]:
    """By unit, per window: its `top` most frequent types with their counts, ties by name; and the
    same types' counts by `CLASSES`.
    """
    types: Types = {}
    classes: Counts = {}
    in_order = sorted(range(len(names)), key=names.__getitem__)
    by_name = np.empty(len(names), dtype=np.int64)
    by_name[in_order] = np.arange(len(names))
    recent = np.flatnonzero(start > -max(windows))
    start = start[recent]
    key = unit[recent].astype(np.int64) * max(len(names), 1) + by_name[type_[recent]]
    present, place = _compact(key, (int(unit.max(initial=0)) + 1) * len(names))
    key = place * len(CLASSES) + klass[recent]
    units = present // max(len(names), 1)
    for window, length in enumerate(windows):
        by_class = np.bincount(key[start > -length], minlength=len(present) * len(CLASSES)).reshape(
            -1, len(CLASSES)
        )
        count = by_class.sum(axis=1)
        order = np.lexsort((present, -count, units))
        of = units[order]
        rank = np.arange(len(of)) - np.searchsorted(of, of)
        chosen = order[(rank < top) & (count[order] > 0)]
        found = zip(
            units[chosen].tolist(),
            present[chosen].tolist(),
            count[chosen].tolist(),
            by_class[chosen].tolist(),
            strict=True,
        )
        for number, unit_and_name, alarms, of_classes in found:
            if number not in types:
                types[number], classes[number] = [[] for _ in windows], [[] for _ in windows]
            types[number][window].append((names[in_order[unit_and_name % len(names)]], alarms))
            classes[number][window].append(of_classes)
    return types, classes


def _compact(key: Numbers, space: int) -> tuple[Numbers, Numbers]:
    """The different keys below `space` in order, and each one's place among them, as `np.unique`
    tells them; without sorting if few are possible.

    >>> [one.tolist() for one in _compact(np.array([7, 2, 7]), 8)] == [one.tolist() for one in _compact(np.array([7, 2, 7]), 1 << 40)]
    True
    """
    if space > _FEW:
        return np.unique(key, return_inverse=True)
    present = np.flatnonzero(np.bincount(key))
    place = np.empty(space, dtype=np.int64)
    place[present] = np.arange(len(present))
    return present, place[key]
