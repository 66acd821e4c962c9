"""Frequent: the most frequent alarm types of each unit, with which a review begins (ISA-18.2
reviews the ten most frequent).
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
"""The number of possible keys up to which counting is faster than sorting."""


def most_frequent(
    start: Numbers,
    unit: Integers,
    type_: Integers,
    klass: Integers,
    names: Sequence[AlarmType],
    windows: Sequence[int],
    top: int,
) -> tuple[Types, Counts]:
    """By unit and window: the `top` most frequent types with their counts, ties by name; and the
    counts of these types by `CLASSES`.

    `start`, `unit`, `type_` and `klass` have one entry per alarm; `names` gives the types by
    number. Units without alarms in any window are left out.
    """
    types: Types = {}
    classes: Counts = {}
    in_order = sorted(range(len(names)), key=names.__getitem__)
    by_name = np.empty(len(names), dtype=np.int64)
    by_name[in_order] = np.arange(len(names))
    recent = np.flatnonzero(start > -max(windows))
    start = start[recent]
    key = unit[recent].astype(np.int64) * max(len(names), 1) + by_name[type_[recent]]
    present, place = compact(key, (int(unit.max(initial=0)) + 1) * len(names))
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


def compact(key: Numbers, space: int) -> tuple[Numbers, Numbers]:
    """The distinct keys in order, and the index of each key among them, as `np.unique` with
    `return_inverse`. All keys are below `space`; if that is small, nothing is sorted.

    >>> for space in (8, 1 << 40):
    ...     present, index = compact(np.array([7, 2, 7]), space)
    ...     print(present.tolist(), index.tolist())
    [2, 7] [1, 0, 1]
    [2, 7] [1, 0, 1]
    """
    if space > _FEW:
        return np.unique(key, return_inverse=True)
    present = np.flatnonzero(np.bincount(key))
    place = np.empty(space, dtype=np.int64)
    place[present] = np.arange(len(present))
    return present, place[key]
