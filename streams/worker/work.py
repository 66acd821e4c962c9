"""The work of a worker as a whole: its parts, its tick and its end.

The web pages, the exporter, the consumer and the process use it, and it delegates to its parts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from time import monotonic
from typing import Any

import structlog
from faust.types import TP

from analyzer import TOPICS
from streams.health.health import Health
from streams.metrics.exporter import Exporter
from streams.partitions.held import Departures
from streams.partitions.partition import Partition
from streams.partitions.pressure import Pressure
from streams.partitions.progress import Standing
from streams.worker.checkpointer import Checkpointer
from streams.worker.holder import Holder
from streams.worker.lag import Lag
from streams.worker.reader import Reader
from streams.worker.recomputation import Recomputation
from streams.worker.sink import Sink
from streams.worker.stall_watch import StallWatch
from streams.worker.watchdog import NOT_DRAINED, STOP_SECONDS, Watchdog

DRAIN_SECONDS = 5.0
"""How long a stopping worker waits for its last checkpoint. The rest of `watchdog.STOP_SECONDS`
remains for closing the clients.
"""
CLOSE_SECONDS = 3.0
"""How long a drained worker waits for its clients to close."""

log = structlog.get_logger("alarm_fatigue")


@dataclass(frozen=True, slots=True)
class Parts:
    """The parts of a worker (see `app.new_work`)."""

    holder: Holder
    sink: Sink
    pressure: Pressure
    reader: Reader
    checkpointer: Checkpointer
    lag: Lag


class Work:
    """The parts of a worker as one, for the web pages, the exporter, the consumer and the process.

    `clock` gives seconds since the epoch. Each input has `partitions` partitions. `max_ahead` (ms)
    is how far a watermark may be ahead of the clock; None with the event clock.
    """

    exporter: Exporter
    stall_watch: StallWatch

    def __init__(
        self,
        app: Any,
        parts: Parts,
        clock: Callable[[], float],
        partitions: int,
        max_ahead: int | None,
    ) -> None:
        self._app = app
        self._clock = clock
        self._partitions = partitions
        self._max_ahead = max_ahead
        self._departures = Departures(max_ahead is not None)
        self.holder, self.sink, self.pressure = parts.holder, parts.sink, parts.pressure
        self.reader, self.checkpointer, self.lag = parts.reader, parts.checkpointer, parts.lag
        self.recomputation = Recomputation(self.holder, self.lag, clock)
        self.reader.when_taken = self._slice_taken
        self.watchdog: Watchdog | None = None
        self.drained: bool | None = None
        """Whether the last checkpoint of an orderly end succeeded.

        None before it, and if there was nothing to store.
        """

    # -- the pages and the exporter

    @property
    def recovered(self) -> bool:
        """See `Holder.recovered`."""
        return self.holder.recovered

    @property
    def partitions(self) -> list[Partition]:
        """See `Holder.partitions`."""
        return self.holder.partitions

    def checkpoint_times(self) -> dict[int, float]:
        """See `Holder.checkpoint_times`."""
        return self.holder.checkpoint_times()

    def lags(self) -> dict[tuple[str, int], int | None]:
        """See `Lag.records`."""
        return self.lag.records()

    def uncommitted_records(self) -> dict[tuple[str, int], int]:
        """See `Lag.uncommitted`."""
        return self.lag.uncommitted()

    def lag_seconds(self) -> dict[tuple[str, int], float]:
        """See `Lag.seconds`."""
        return self.lag.seconds()

    def seconds_behind(self) -> float:
        """See `Lag.most_seconds`."""
        return self.lag.most_seconds()

    def advance(self) -> None:
        """See `Reader.advance_all`; what has reached its inputs by now is recomputed."""
        self.recomputation.check()
        self.reader.advance_all()

    def health(self) -> Health:
        """How current and complete the numbers are."""
        return Health.of(
            self.partitions,
            self._clock(),
            self.stall_watch.broker_answered_at(),
            self._app.consumer.partition_counts(TOPICS),
            self._partitions,
            self._max_ahead,
            self._losses(),
            self.lag.held_back(),
            self.exporter.unmeasured.count,
            self.reader.backpressure(),
            self.recomputation.progress(),
        )

    def _losses(self) -> dict[str, Mapping[str, int]]:
        """Records refused, cut or skipped since the start, by metric (see `health.LOSSES`) and
        topic.
        """
        return {"unreadable_batches": self.reader.unreadable_batches()} | self.sink.losses()

    # -- the consumer

    def expected_offsets(self) -> dict[TP, int]:
        """See `Holder.expected_offsets`."""
        return self.holder.expected_offsets()

    async def hand_over(self) -> None:
        """See `Checkpointer.hand_over`."""
        await self.checkpointer.hand_over()

    # -- the process

    async def tick(self) -> None:
        """Do everything that is due every second."""
        self.advance()
        self.recomputation.report()
        answered = self.stall_watch.answers.last()
        if answered is not None:
            self.lag.check_transactions(answered)
        self._departures.check(self, self._clock())
        for held in list(self.holder.held.values()):
            await self.sink.send(held.partition.take_rejected())
        self.pressure.report(self.reader.backpressure())
        self.checkpointer.begin_if_due(retry=True)

    def _slice_taken(self) -> None:
        """What does not wait for the next tick, which may be a second away: a worker is ready once
        it has recomputed, and reading pauses unless a checkpoint begins in time.
        """
        self.recomputation.check()
        self.checkpointer.begin_if_due()

    def standing(self) -> Standing:
        """The progress that the stall watch checks."""
        app = self._app
        settled = self.recovered and not app.rebalancing and not app.in_recovery
        paused = self.pressure.paused
        lag = (
            sum(lag or 0 for (_, number), lag in self.lags().items() if number not in paused)
            if settled
            else 0
        )
        return Standing(
            settled=settled,
            restored=sum(offset or 0 for offset in app.tables.recovery.active_offsets.values()),
            partitions=len(self.holder.held.keys() - paused),
            waiting=lag,
            taken_in=self.reader.taken_in,
            answered=app.consumer.last_answer() if settled else None,
        )

    async def drain(self) -> None:
        """Take the last checkpoint of a stopping worker.

        If it does not complete, the process ends here, because all else would wait for the broker,
        too.
        """
        if self.watchdog is not None:
            self.watchdog.stop_within(STOP_SECONDS)
        held = self.holder.held
        if not held or self._app.crash_reason is not None:
            return
        done = await self.checkpointer.checkpoint_within(DRAIN_SECONDS)
        self.drained = done and not any(one.not_before > monotonic() for one in held.values())
        if self.drained:
            log.info("drained", partitions=sorted(held))
            if self.watchdog is not None:
                self.watchdog.stop_within(CLOSE_SECONDS, status=0)
            return
        unstored = self.holder.unstored()
        log.warning(
            f"not drained: {sum(unstored.values())} records taken in since the last checkpoint "
            "will be read again",
            records=sum(unstored.values()),
            by_partition=unstored,
            partitions=sorted(held),
        )
        if not done and self.watchdog is not None:
            self.watchdog.exit(NOT_DRAINED)

    def in_hand(self) -> dict[str, Any]:
        """For the last log line of a stuck process: the slice being taken in, and how many records
        will be read again.
        """
        one, unstored = self.reader.in_hand, self.holder.unstored()
        found: dict[str, Any] = {
            "records_to_read_again": sum(unstored.values()),
            "by_partition": unstored,
        }
        if one is None:
            return found
        offsets = [one.begin, one.next_offset]
        return found | {"topic": one.topic, "partition": one.partition, "offsets": offsets}
