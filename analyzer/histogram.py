"""Response times, as a Prometheus histogram per unit and priority."""

from __future__ import annotations

from bisect import bisect_left

RESPONSE_BUCKETS = (5, 15, 30, 60, 120, 300, 600, 1800)
"""Upper bounds in seconds; +Inf follows."""


class ResponseTimes:
    """Counts by (unit, rank of priority). An observation can be taken back when a late fact changes it."""

    def __init__(self) -> None:
        self._counts: dict[tuple[int, int], list[int]] = {}  # one a bucket, not cumulative; the last is the sum in ms

    def update(self, unit: int, rank: int, milliseconds: int) -> None:
        self._enter(unit, rank, milliseconds, 1)

    def revert(self, unit: int, rank: int, milliseconds: int) -> None:
        self._enter(unit, rank, milliseconds, -1)

    def _enter(self, unit: int, rank: int, milliseconds: int, times: int) -> None:
        key = unit, rank
        counts = self._counts.setdefault(key, [0] * (len(RESPONSE_BUCKETS) + 2))
        counts[bisect_left(RESPONSE_BUCKETS, milliseconds / 1000)] += times
        counts[-1] += times * milliseconds
        if not any(counts):
            del self._counts[key]

    def copy(self) -> ResponseTimes:
        other = ResponseTimes()
        other._counts = {key: list(counts) for key, counts in self._counts.items()}
        return other

    def histograms(self) -> list[tuple[int, int, list[int], float]]:
        """(unit, rank, cumulative counts with +Inf last, sum in seconds), in no order."""
        result = []
        for (unit, rank), counts in self._counts.items():
            cumulative, total = [], 0
            for count in counts[:-1]:
                total += count
                cumulative.append(total)
            result.append((unit, rank, cumulative, counts[-1] / 1000))
        return result

    def dump(self) -> list[tuple[int, int, list[int]]]:
        return [(unit, rank, counts) for (unit, rank), counts in self._counts.items()]

    def load(self, unit: int, rank: int, counts: list[int]) -> None:
        self._counts[unit, rank] = list(counts)
