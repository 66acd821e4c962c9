"""Response times, as a Prometheus histogram per unit and priority."""

from __future__ import annotations

from bisect import bisect_left
from typing import Any

from analyzer.episodes import Observation

RESPONSE_BUCKETS = (5, 15, 30, 60, 120, 300, 600, 1800)
"""Upper bounds in seconds; +Inf follows."""


class ResponseTimes:
    """Counts by (unit, priority). An observation can be taken back when a late fact changes it."""

    def __init__(self) -> None:
        self._counts: dict[tuple[str, str], list[int]] = {}  # one a bucket, not cumulative; the last is the sum in ms

    def update(self, observed: Observation) -> None:
        self._enter(observed, 1)

    def revert(self, observed: Observation) -> None:
        self._enter(observed, -1)

    def _enter(self, observed: Observation, times: int) -> None:
        key = observed.unit, observed.priority
        counts = self._counts.setdefault(key, [0] * (len(RESPONSE_BUCKETS) + 2))
        counts[bisect_left(RESPONSE_BUCKETS, observed.milliseconds / 1000)] += times
        counts[-1] += times * observed.milliseconds
        if not any(counts):
            del self._counts[key]

    def histograms(self) -> list[tuple[str, str, list[int], float]]:
        """Ordered (unit, priority, cumulative counts with +Inf last, sum in seconds)."""
        result = []
        for (unit, priority), counts in sorted(self._counts.items()):
            cumulative, total = [], 0
            for count in counts[:-1]:
                total += count
                cumulative.append(total)
            result.append((unit, priority, cumulative, counts[-1] / 1000))
        return result

    def dump(self) -> list[Any]:
        return sorted([*key, counts] for key, counts in self._counts.items())

    @classmethod
    def load(cls, content: list[Any]) -> ResponseTimes:
        self = cls()
        self._counts = {(unit, priority): list(counts) for unit, priority, counts in content}
        return self
