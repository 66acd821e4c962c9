"""Segments: numpy operations on many groups at once, without a Python loop over groups.

The values of all groups are put on one axis, on which each group has a segment of its own:
position = group * span + value - low. Positions are ordered by group, then value. So one sort, one
running maximum or one `searchsorted` over positions serves all groups.
"""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

import numpy as np

from analyzer.arrays import Integers, Numbers

_LAST = (1 << 63) - 1
"""The greatest position that fits into an integer of 64 bits."""


class Axis(NamedTuple):
    """An axis whose segments hold the integers `low` <= value <= `high`.

    A value outside of them lies in the segment of another group. The value `low` - 1 of a group may
    be asked about: it lies after all values of the group before, and before all of its own; so may
    `high` + 1.
    """

    low: int
    high: int

    @property
    def span(self) -> int:
        """The length of a segment."""
        return self.high - self.low + 1

    def offsets(self, group: Integers) -> Numbers:
        """The number to add to a value of each group to get its position."""
        offsets: Numbers = group.astype(np.int64) * self.span
        offsets -= self.low
        return offsets

    def at(self, group: Integers, value: Any) -> Numbers:
        """The positions of values of groups (numbers from 0)."""
        positions = self.offsets(group)
        positions += value
        return positions

    def group_of(self, position: Numbers) -> Numbers:
        """The group in whose segment each position lies."""
        return position // self.span


def cumulative_maximum(values: Numbers, group: Integers) -> Numbers:
    """For each row, the maximum of its group's values up to and with that row.

    `group` (numbers from 0) must be in ascending order.

    >>> cumulative_maximum(np.array([3, 1, 4, 2, 5]), np.array([0, 0, 0, 1, 1])).tolist()
    [3, 3, 4, 2, 5]
    """
    if not len(values):
        return values
    axis = Axis(int(values.min()), int(values.max()))
    if (int(group[-1]) + 1) * axis.span > _LAST - max(abs(axis.low), abs(axis.high)):
        ordered, rank = np.unique(values, return_inverse=True)
        return ordered[cumulative_maximum(rank.reshape(-1), group)]
    offsets = axis.offsets(group)
    result: Numbers = np.maximum.accumulate(values + offsets)
    result -= offsets
    return result


def search(
    known: Numbers,
    known_group: Integers,
    value: Numbers,
    group: Integers,
    side: Literal["left", "right"] = "left",
) -> Numbers:
    """`np.searchsorted` within groups: the index at which each value would have to be inserted into
    `known`, so that the rows stay ordered by group, then value.

    `known` and `known_group` must be ordered so; groups are numbers from 0.

    >>> known, known_group = np.array([3, 5, 1]), np.array([0, 0, 1])
    >>> search(known, known_group, np.array([4, 4]), np.array([0, 1])).tolist()
    [1, 3]
    """
    if not len(known):
        return np.zeros(len(value), dtype=np.int64)
    # Values beyond all known ones are as good as the next one to them, and keep the axis short.
    axis = Axis(int(known.min()) - 1, int(known.max()) + 1)
    return np.searchsorted(
        axis.at(known_group, known), axis.at(group, np.clip(value, *axis)), side=side
    )


def union_length(begin: Numbers, end: Numbers, group: Integers, groups: int, axis: Axis) -> Numbers:
    """The length of the union of each group's intervals [begin, end); one number a group.

    The rows must be ordered by group, then `begin`. All times must be on the `axis`.

    >>> union_length(np.array([0, 1, 6]), np.array([3, 4, 9]), np.array([0, 0, 0]), 1, Axis(0, 9))
    array([7])
    """
    offsets = axis.offsets(group)
    begin, reached = begin + offsets, np.maximum.accumulate(end + offsets)
    # An interval adds what it has beyond all earlier ones.
    added = reached - begin
    added[1:] = reached[1:] - np.maximum(begin[1:], reached[:-1])
    return np.bincount(group, weights=added, minlength=groups).astype(np.int64)
