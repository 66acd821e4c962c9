"""Response times: a Prometheus histogram for each unit and priority."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from analyzer.arrays import Codes, Numbers
from analyzer.columns.growing import Growing

RESPONSE_BUCKETS = (5, 15, 30, 60, 120, 300, 600, 1800)
"""Upper bounds in seconds; +Inf follows."""
_BOUNDS = np.array(RESPONSE_BUCKETS, dtype=np.int64) * 1000
_RANKS = 4


class ResponseTimes(Growing):
    """Counts by unit and priority rank. An observation can be retracted when a late fact changes
    it.
    """

    _counts: Numbers  # (unit * ranks + rank, bucket), not cumulative; the last is the sum in ms

    def __init__(self) -> None:
        super().__init__(_counts=((np.int64, (len(RESPONSE_BUCKETS) + 2,)), 0))

    def enter(
        self, units: Codes, ranks: npt.NDArray[np.int8], milliseconds: Numbers, times: int
    ) -> None:
        """Add observations (`times` 1), or retract them (-1)."""
        if not len(units):
            return
        keys = units.astype(np.int64) * _RANKS + ranks
        self.reserve(int(keys.max()) + 1)
        flat, begins = self._counts.reshape(-1), keys * self._counts.shape[1]
        np.add.at(flat, begins + np.searchsorted(_BOUNDS, milliseconds), times)
        np.add.at(flat, begins + len(RESPONSE_BUCKETS) + 1, times * milliseconds)

    def units(self) -> set[int]:
        """The units with an observation."""
        return {unit for unit, _, _ in self.dump()}

    def drop(self, units: Iterable[int]) -> None:
        """Forget units."""
        for unit in units:
            self._counts[unit * _RANKS : (unit + 1) * _RANKS] = 0

    def renumber(self, units: Codes) -> None:
        """Apply new numbers of units, indexed by the old number; -1: the unit is forgotten."""
        observed = self.dump()
        self.empty()
        for unit, rank, counts in observed:
            if units[unit] >= 0:
                self.load(int(units[unit]), rank, counts)

    def copy(self) -> ResponseTimes:
        other = ResponseTimes()
        other.size, other._counts = self.size, self._counts.copy()
        return other

    def histograms(self) -> list[tuple[int, int, list[int], float]]:
        """(unit, rank, cumulative counts with +Inf last, sum in seconds), where there are any."""
        return [
            (unit, rank, np.cumsum(counts[:-1]).tolist(), counts[-1] / 1000)
            for unit, rank, counts in self.dump()
        ]

    def dump(self) -> list[tuple[int, int, list[int]]]:
        """(unit, rank, counts), where there are any."""
        keys = np.flatnonzero(self._counts[:, :-1].any(axis=1))
        return [
            (*divmod(key, _RANKS), counts)
            for key, counts in zip(keys.tolist(), self._counts[keys].tolist(), strict=True)
        ]

    def load(self, unit: int, rank: int, counts: Sequence[int]) -> None:
        key = unit * _RANKS + rank
        self.reserve(key + 1)
        self._counts[key] = counts
