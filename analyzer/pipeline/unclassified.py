"""Unclassified: the final alarms of class `unknown`, to be classified again with new coverage."""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Collection, Iterable, Iterator
from itertools import compress, pairwise

import numpy as np

from analyzer.arrays import Codes, Flags, Numbers


class _OfUnit:
    """The ends (ms) and rows of a unit's alarms, ordered by both.

    Two arrays take 12 bytes an alarm; a list of tuples takes ten times as much.
    """

    __slots__ = ("ends", "rows")

    def __init__(self, ends: Iterable[int] = (), rows: Iterable[int] = ()) -> None:
        self.ends = array("q", ends)
        self.rows = array("i", rows)

    def add(self, end: int, row: int) -> None:
        ends, rows = self.ends, self.rows
        if not ends or ends[-1] < end:
            ends.append(end)
            rows.append(row)
            return
        low = bisect_left(ends, end)
        high = bisect_right(ends, end, lo=low)
        place = bisect_left(rows, row, lo=low, hi=high)
        if place == high or rows[place] != row:
            ends.insert(place, end)
            rows.insert(place, row)


class Unclassified:
    """By unit, the final alarms of class `unknown`: rows of the table and ends (ms).

    An entry may be out of date, as rows change: who takes it must look at the row.
    """

    def __init__(self) -> None:
        self._units: dict[int, _OfUnit] = {}

    def __iter__(self) -> Iterator[int]:
        """The units with an entry."""
        return iter(self._units)

    def add_all(self, units: Codes, ends: Numbers, rows: Numbers) -> None:
        """Enter alarms. Those that are entered already are ignored."""
        for unit, end, row in zip(units.tolist(), ends.tolist(), rows.tolist(), strict=True):
            of_unit = self._units.get(unit)
            if of_unit is None:
                of_unit = self._units[unit] = _OfUnit()
            of_unit.add(end, row)

    def take(self, unit: int, since: int, until: int) -> list[int]:
        """Remove the entries of a unit with an end in [`since`, `until`], and return their rows."""
        of_unit = self._units.get(unit)
        if of_unit is None:
            return []
        low = bisect_left(of_unit.ends, since)
        some = slice(low, bisect_right(of_unit.ends, until, lo=low))
        found = of_unit.rows[some].tolist()
        if found:
            del of_unit.ends[some], of_unit.rows[some]
        return found

    def entries(self, unit: int) -> tuple[Numbers, Numbers]:
        """Copies of the ends and the rows of a unit, in order."""
        of_unit = self._units[unit]
        return np.array(of_unit.ends, dtype=np.int64), np.array(of_unit.rows, dtype=np.int64)

    def keep(self, unit: int, stays: Flags) -> None:
        """Keep only these entries of a unit; `stays` is in the order of `entries`."""
        of_unit, chosen = self._units[unit], stays.tolist()
        if any(chosen):
            self._units[unit] = _OfUnit(
                compress(of_unit.ends, chosen), compress(of_unit.rows, chosen)
            )
        else:
            del self._units[unit]

    def drop(self, units: Collection[int]) -> None:
        """Forget units, each of which has an entry."""
        for unit in units:
            del self._units[unit]

    def renumber(self, units: Codes) -> None:
        """Apply new numbers of units, indexed by the old number; -1: the unit is forgotten."""
        self._units = {
            int(units[unit]): of_unit for unit, of_unit in self._units.items() if units[unit] >= 0
        }

    def load(self, units: Codes, ends: Numbers, rows: Numbers) -> None:
        """Enter distinct alarms, in any order, where there are none."""
        order = np.lexsort((rows, ends, units))
        units, ends, rows = units[order], ends[order], rows[order]
        bounds = np.flatnonzero(np.diff(units, prepend=-1, append=-1)).tolist()
        for begin, end in pairwise(bounds):
            own = self._units[int(units[begin])] = _OfUnit()
            own.ends.frombytes(ends[begin:end].astype(np.int64).tobytes())
            own.rows.frombytes(rows[begin:end].astype(np.int32).tobytes())
