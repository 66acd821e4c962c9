"""Event ids: which facts of complete history are new.

`SeenIds` holds the ids of the last hours, with their texts; these are those of months, without.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from analyzer.arrays import Checks, Flags, Marks, Numbers
from analyzer.columns.growing import Growing
from analyzer.columns.hashing import fingerprints
from analyzer.columns.packed import pack
from analyzer.columns.slots import UNKNOWN, Slots


class EventIds(Growing):
    """The event ids of complete history so far, as fingerprints, in some 20 bytes each."""

    marks: Marks
    checks: Checks

    def __init__(self) -> None:
        super().__init__(marks=(np.uint64, 0), checks=(np.uint32, 0))
        self._slots = Slots()
        self._count = 0

    def add(self, facilities: Numbers, ids: Sequence[str]) -> Flags:
        """Add ids, each within its facility (by number). Returns which of them are new; of equal
        ones, the first alone is.
        """
        marks, checks = fingerprints(facilities, pack(ids))
        new = np.ones(len(marks), dtype=np.bool_)
        if self.size:
            new = self._slots.find(marks, checks, self.marks, self.checks) == UNKNOWN
        ordered = np.sort(marks)
        if (ordered[1:] == ordered[:-1]).any():
            seen: set[tuple[int, int]] = set()
            for place, one in enumerate(zip(marks.tolist(), checks.tolist(), strict=True)):
                new[place] &= one not in seen
                seen.add(one)
        added = np.arange(self._count, self._count + int(new.sum()))
        self._count += len(added)
        self.reserve(self._count)
        self.marks[added], self.checks[added] = marks[new], checks[new]
        self._slots.insert(marks[new], added, self.marks)
        return new
