"""Patterns: coincidences, distances from limits and quartiles, computed for all alarms at once.

Times are in ms from any origin. The cost is at most proportional to the rows times the alarm types
of a bed, however dense the alarms are.
"""

from __future__ import annotations

from typing import TypeVar

import numpy as np
import numpy.typing as npt

from analyzer.arrays import Codes, Flags, Floats, Numbers
from analyzer.columns.segments import Axis

Figure = TypeVar("Figure", np.int64, np.float64)

_CELLS_AT_ONCE = 1 << 16
_NONE: Numbers = np.empty(0, dtype=np.int64)


class Meetings:
    """Coincidences: which alarms begin at a bed within `within` (ms) of alarms of other types.

    Alarms of one type that begin at one bed in one slot of time are one cell. A slot is no longer
    than `within`. So all alarms in a slot coincide, and others coincide at most with those of the
    adjacent slots.
    """

    def __init__(self, start: Numbers, bed: Codes, type_: Codes, types: int, within: int) -> None:
        self._types = types
        self._begin = int(start.min(initial=0))
        self._time = start - self._begin
        self._span = int(self._time.max(initial=0)) + 1
        slots = (self._span - 1) // (within + 1) + 3
        slot = bed.astype(np.int64) * slots + self._time // (within + 1) + 1
        self._cells, self._cell = np.unique(slot * types + type_, return_inverse=True)
        earliest, latest = np.full(len(self._cells), self._span), np.full(len(self._cells), -1)
        np.minimum.at(earliest, self._cell, self._time)
        np.maximum.at(latest, self._cell, self._time)
        slots_of, self._type = np.divmod(self._cells, types)
        begins = np.diff(slots_of, prepend=-1) != 0
        self._slots, self._slot_of = slots_of[begins], np.cumsum(begins) - 1
        self._firsts = np.append(np.flatnonzero(begins), len(self._cells))
        # For a cell and another type: an alarm meets the type if it begins no later than `until`,
        # or no earlier than `since`.
        pairs, until, since = [], [], []
        for begin in range(0, len(self._cells), _CELLS_AT_ONCE):
            one, other, step = self._neighbours(
                np.arange(begin, min(begin + _CELLS_AT_ONCE, len(self._cells)))
            )
            pair, index = np.unique(one * types + self._type[other], return_inverse=True)
            no_later, no_earlier = np.full(len(pair), -1), np.full(len(pair), self._span)
            np.maximum.at(
                no_later,
                index,
                np.select([step < 0, step == 0], [latest[other] + within, self._span], -1),
            )
            np.minimum.at(
                no_earlier, index, np.where(step > 0, earliest[other] - within, self._span)
            )
            some = (no_later >= earliest[pair // types]) | (no_earlier <= latest[pair // types])
            pairs.append(pair[some])
            until.append(no_later[some])
            since.append(no_earlier[some])
        self._pairs, self._until, self._since = (
            np.concatenate([_NONE, *parts]) for parts in (pairs, until, since)
        )

    def _neighbours(self, cells: Numbers) -> tuple[Numbers, Numbers, Numbers]:
        """Pairs of each of `cells` and the cells of other types in the same or an adjacent slot;
        and how many slots later (-1, 0 or 1).
        """
        found = []
        for step in (-1, 0, 1):
            low, high = self._cells_of(self._slot_of[cells], step)
            times = high - low
            one = np.repeat(cells, times)
            other = (
                np.arange(len(one))
                - np.repeat(np.cumsum(times) - times, times)
                + np.repeat(low, times)
            )
            differs = self._type[one] != self._type[other]
            found.append(
                np.stack([one[differs], other[differs], np.full(int(differs.sum()), step)])
            )
        one, other, step_ = np.concatenate(found, axis=1)
        return one, other, step_

    def _cells_of(self, place: Numbers, step: int) -> tuple[Numbers, Numbers]:
        """The first cell and the one after the last in the slot `step` later than each of the
        slots at `place`.
        """
        near = np.clip(place + step, 0, len(self._slots) - 1)
        there = self._slots[near] == self._slots[place] + step
        low = self._firsts[near]
        return low, np.where(there, self._firsts[near + 1], low)

    def most_met(self, counted: Flags, group: Numbers, groups: int, name_rank: Numbers) -> Numbers:
        """By group, the type that most `counted` alarms meet; of equals the first by name; or -1.

        Alarms of one type and bed must have the same `group`.
        """
        chosen = np.full(groups, -1, dtype=np.int64)
        axis = Axis(0, self._span)
        times = np.sort(axis.at(self._cell[counted], self._time[counted]))
        cell, other = np.divmod(self._pairs, self._types)
        base = axis.offsets(cell)
        low, high = np.searchsorted(times, base), np.searchsorted(times, base + axis.span)
        last = np.searchsorted(times, base + np.clip(self._until, -1, self._span), side="right")
        first = np.searchsorted(times, base + np.clip(self._since, 0, axis.span))
        meetings = high - low - np.maximum(first - np.maximum(last, low), 0)
        of_cell = np.zeros(len(self._cells), dtype=np.int64)
        of_cell[self._cell] = group
        keys, index = np.unique(of_cell[cell] * self._types + other, return_inverse=True)
        total = np.bincount(index, weights=meetings, minlength=len(keys)).astype(np.int64)
        keys, total = keys[total > 0], total[total > 0]
        of, others = np.divmod(keys, self._types)
        order = np.lexsort((name_rank[others], -total, of))
        of, firsts = np.unique(of[order], return_index=True)
        chosen[of] = others[order][firsts]
        return chosen

    def with_type(self, other: Numbers) -> Flags:
        """Which alarms meet the type that is given for each of them; -1: no type.

        Alarms of one type and bed must be given the same type.
        """
        met = np.zeros(len(other), dtype=np.bool_)
        if len(self._pairs):
            of_cell = np.full(len(self._cells), -1, dtype=np.int64)
            of_cell[self._cell] = other
            wanted = np.arange(len(self._cells)) * self._types + of_cell
            at = np.minimum(np.searchsorted(self._pairs, wanted), len(self._pairs) - 1)
            known = (self._pairs[at] == wanted) & (of_cell >= 0)
            until = np.where(known, self._until[at], -1)
            since = np.where(known, self._since[at], self._span)
            met = (self._time <= until[self._cell]) | (self._time >= since[self._cell])
        return met


def distance(value: Floats, limit: Floats) -> Floats:
    """The distance of readings from their limits, as a share of the limit; NaN if either is unknown
    or the limit is 0.
    """
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        found: Floats = np.abs(value - limit) / np.abs(limit)
    found[limit == 0] = np.nan
    return found


def quartile(values: npt.NDArray[Figure], group: Numbers, groups: int) -> npt.NDArray[Figure]:
    """The third quartile of the values of each group (one of the values); 0 of an empty group."""
    size = np.bincount(group, minlength=groups)
    # numpy sorts 16 bits by radix, in a fraction of the time
    short = group.astype(np.uint16) if groups <= 1 << 16 else group
    values = values[np.argsort(short, kind="stable")]
    begins = np.cumsum(size) - size
    found = np.zeros(groups, dtype=values.dtype)
    for one in np.flatnonzero(size).tolist():
        count = int(size[one])
        place = (3 * count + 3) // 4 - 1
        mine = values[begins[one] : begins[one] + count]
        found[one] = np.partition(mine, place)[place]
    return found
