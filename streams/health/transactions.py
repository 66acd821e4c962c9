"""Transactions: which partitions are blocked by an open transaction of a producer, and for how
long.

A reader of committed records stops at the last stable offset, where the oldest open transaction
begins. Short transactions move it constantly. While it does not move, all later records wait,
committed or not, until that transaction ends.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

HELD_BACK_SECONDS = 30.0
"""Transactions that are open for longer are reported. Kafka producers send and commit within
seconds; the broker aborts a dead producer's transaction after `transaction.timeout.ms`, by default
60 s.
"""


class End(NamedTuple):
    """How far a topic-partition has been read, and where it ends."""

    topic: str
    partition: int
    next_offset: int
    stable: int
    """The last stable offset."""
    uncommitted: int
    """Offsets from there to the high watermark."""

    @property
    def held_back(self) -> bool:
        """Whether only open transactions keep the reader from reading further."""
        return self.uncommitted > 0 and self.next_offset >= self.stable


class OpenTransactions:
    """Tracks since when each topic-partition has been blocked at the same offset."""

    def __init__(self) -> None:
        self._since: dict[tuple[str, int], tuple[int, float]] = {}
        self._seconds: dict[tuple[str, int], float] = {}

    def update(self, ends: Iterable[End], now: float) -> None:
        """Record where partitions end.

        `now` is when the broker last answered (s, of any monotonic clock): while it does not
        answer, it is unknown whether a transaction is still open.
        """
        since = self._since
        self._since, self._seconds = {}, {}
        for one in ends:
            place = one.topic, one.partition
            self._seconds[place] = 0.0
            if one.held_back:
                offset, begun = since.get(place, (one.stable, now))
                self._since[place] = one.stable, begun if offset == one.stable else now
                self._seconds[place] = max(now - self._since[place][1], 0.0)

    def seconds(self) -> dict[tuple[str, int], float]:
        """For how long (s) each topic-partition has been blocked; 0 if it is not."""
        return dict(self._seconds)
