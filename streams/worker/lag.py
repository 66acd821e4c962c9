"""How far a worker is behind its inputs: in records, in seconds, and behind open transactions."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from analyzer import TOPICS
from streams.health.transactions import End, OpenTransactions
from streams.worker.holder import Holder


class Lag:
    """The lag of the partitions of `holder`.

    `clock` gives seconds since the epoch; `wall` is whether records age by it.
    """

    def __init__(self, app: Any, holder: Holder, clock: Callable[[], float], wall: bool) -> None:
        self._app = app
        self._holder = holder
        self._clock = clock
        self._wall = wall
        self._transactions = OpenTransactions()

    def records(self) -> dict[tuple[str, int], int | None]:
        """Records not yet taken in, by topic and partition; None until the broker has reported the
        end.
        """
        lags: dict[tuple[str, int], int | None] = self._app.consumer.lags(
            self._holder.expected_offsets()
        )
        return lags

    def uncommitted(self) -> dict[tuple[str, int], int]:
        """Records behind open transactions, by topic and partition.

        They do not count as lag, because they cannot be read yet.
        """
        return {
            (tp.topic, tp.partition): self._app.consumer.uncommitted(tp)
            for tp in self._holder.expected_offsets()
        }

    def seconds(self) -> dict[tuple[str, int], float]:
        """The age of the next record by its Kafka timestamp, by topic and partition; 0 if none
        waits.

        Records that were not fetched yet count only in `records`.
        """
        now, oldest = self._clock(), self._app.consumer.backlog.oldest()
        return {
            (topic, number): max(now - oldest[topic, number] / 1000, 0.0)
            if (topic, number) in oldest
            else 0.0
            for number in sorted(self._holder.held)
            for topic in TOPICS
        }

    def most_seconds(self) -> float:
        """The greatest of `seconds`; 0 with the event clock, by which no record is old."""
        return max(self.seconds().values(), default=0.0) if self._wall else 0.0

    def check_transactions(self, answered: float) -> None:
        """Record where partitions end. `answered` is when the broker last answered (s,
        monotonic).
        """
        self._transactions.update(self._ends(), answered)

    def held_back(self) -> dict[tuple[str, int], float]:
        """For how long (s) an open transaction has blocked each topic-partition; 0 if none does."""
        return self._transactions.seconds()

    def _ends(self) -> Iterator[End]:
        consumer = self._app.consumer
        for tp, offset in self._holder.expected_offsets().items():
            if (stable := consumer.highwater(tp)) is not None:
                yield End(tp.topic, tp.partition, offset, stable, consumer.uncommitted(tp))
