"""Facilities: the numbers of the hospitals of a partition."""

from __future__ import annotations

import numpy as np

from analyzer.arrays import Flags
from analyzer.columns.numbered import Numbered

VACANT = ""
"""The name at the number of a dropped facility. No facility has it, because ids are not empty."""


class Facilities(Numbered[str]):
    """Numbered facilities. The number of a dropped facility is reused, so that columns indexed by
    facility stay short.

    It is reused only after the next compaction. Until then, unused names may still refer to it.
    """

    def __init__(self) -> None:
        super().__init__()
        self._dropped: list[int] = []
        self._free: list[int] = []

    def __missing__(self, facility: str) -> int:
        if not self._free:
            return super().__missing__(facility)
        number = self[facility] = self._free.pop()
        self.by_number[number] = facility
        return number

    def drop(self, number: int) -> None:
        """Drop a facility."""
        del self[self.by_number[number]]
        self.by_number[number] = VACANT
        self._dropped.append(number)

    @property
    def dropped(self) -> bool:
        """Whether any facility was dropped since the last compaction."""
        return bool(self._dropped)

    def named(self) -> Flags:
        """For each number, whether a facility has it."""
        return np.array([facility != VACANT for facility in self.by_number], dtype=np.bool_)

    def compacted(self) -> None:
        """After a compaction: nothing refers to dropped facilities any more."""
        self._free += self._dropped
        self._dropped = []

    def renew(self, values: list[str]) -> None:
        super().renew(values)
        self.pop(VACANT, None)
        self._free = []
        self._dropped = [number for number, facility in enumerate(values) if facility == VACANT]
