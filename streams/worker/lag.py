"""How far a worker is behind its inputs: in records, in seconds, and behind open transactions."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from analyzer import TOPICS
from streams.health.transactions import End, OpenTransactions
from streams.worker.holder import Holder


class Lag:
    """Of the partitions of `holder`.

    `clock` gives seconds since the epoch; `wall`: whether records age by it.
    """

    def __init__(self, app: Any, holder: Holder, clock: Callable[[], float], wall: bool) -> None:
        self._app = app
        self._holder = holder
        self._clock = clock
        self._wall = wall
        self._transactions = OpenTransactions()

    def records(self) -> dict[tuple[str, int], int | None]:
        """Records not yet taken in, by topic and partition; None where the broker has not yet
        reported how many there are.
        """
        lags: dict[tuple[str, int], int | None] = self._app.consumer.lags(
            self._holder.expected_offsets()
        )
        return lags

    def uncommitted(self) -> dict[tuple[str, int], int]:
        """Records behind open transactions, by topic and partition. They are no lag, for they
        cannot be read yet.
        """
        return {
            (tp.topic, tp.partition): self._app.consumer.uncommitted(tp)
            for tp in self._holder.expected_offsets()
        }

    def seconds(self) -> dict[tuple[str, int], float]:
        """The age, by its Kafka timestamp, of the next record in line, by topic and partition; 0
        where none waits.

        Records that were not fetched yet do not count here, but in `records`.
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
        """The greatest of `seconds`; 0 by the event clock, by which no record is old."""
        return max(self.seconds().values(), default=0.0) if self._wall else 0.0

    def check_transactions(self, answered: float) -> None:
        """Take note of where partitions end; `answered`: when the broker last answered (s,
        monotonic).
        """
        self._transactions.update(self._ends(), answered)

    def held_back(self) -> dict[tuple[str, int], float]:
        """For how long (s) an open transaction has held back each topic-partition; 0: none does."""
        return self._transactions.seconds()

    def _ends(self) -> Iterator[End]:
        consumer = self._app.consumer
        for tp, offset in self._holder.expected_offsets().items():
            if (stable := consumer.highwater(tp)) is not None:
                yield End(tp.topic, tp.partition, offset, stable, consumer.uncommitted(tp))
