"""The reader: takes slices into partitions, advances time, and pauses reading under
back-pressure.
"""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic
from typing import Any

import numpy as np
import numpy.typing as npt
import structlog

from analyzer import Topic
from streams.kafka.slices import Skipped, Slice, report_move
from streams.partitions.held import Held
from streams.partitions.pressure import Backpressure, Pressure
from streams.worker.holder import Holder
from streams.worker.sink import Sink

ADVANCE_RECORDS = 8192
"""Records after which time advances at once, so that pending facts do not accumulate."""
REJECTED_LIMIT = 500
"""Rejected records after which the consumer waits for the producer."""

ObserveDelays = Callable[[Topic, npt.NDArray[np.int64], float], None]

log = structlog.get_logger("alarm_fatigue")


class Reader:
    """Takes in slices for the partitions of `holder`.

    `clock` gives seconds since the epoch. `wall` is whether time advances with it, rather than with
    the records. `observe_delays` gets the event times (ms) of accepted records, by topic, and when
    (s) they were taken in.
    """

    def __init__(
        self,
        app: Any,
        holder: Holder,
        sink: Sink,
        pressure: Pressure,
        clock: Callable[[], float],
        wall: bool,
        observe_delays: ObserveDelays,
    ) -> None:
        self._app = app
        self._holder = holder
        self._sink = sink
        self._pressure = pressure
        self._clock = clock
        self._wall = wall
        self._observe_delays = observe_delays
        self.taken_in = 0
        """Records taken in since the start."""
        self.unreadable_batches = Skipped()
        self.in_hand: Slice | None = None
        """The slice being taken in."""
        self.when_taken: Callable[[], None] = lambda: None
        """Called after each slice."""

    async def consume(self, stream: Any) -> None:
        """Take in the slices of a Faust stream, for as long as the worker runs."""
        async for event in stream.noack().events():
            one: Slice = event.value
            if self._app.consumer.is_current(one):
                held = self._holder.held.get(one.partition)
                if held is not None:  # else it has just been revoked
                    self.take(held, one)
                    if len(held.partition.rejected) >= REJECTED_LIMIT:
                        await self._sink.send(held.partition.take_rejected())
            self._app.consumer.finished(one)

    def take(self, held: Held, one: Slice) -> None:
        """Take in a slice. Raises `RuntimeError` if records before it are missing."""
        expected = held.partition.next_offsets.get(one.topic, 0)
        if one.begin != expected:
            if not one.moved:
                raise RuntimeError(
                    f"{one.topic}, partition {one.partition}: "
                    f"expected offset {expected}, but got {one.begin}"
                )
            report_move(one, expected)
            held.partition.next_offsets[one.topic] = one.begin
        self.in_hand = one
        try:
            taken = held.partition.take_slice(one, int(self._clock() * 1000))
        except Exception as error:
            held.failed = True
            log.error(
                "the engine failed in the middle of a slice; "
                "the stored state stays as it was, and the worker ends",
                topic=one.topic,
                partition=one.partition,
                offsets=[one.begin, one.next_offset],
                error=type(error).__name__,
            )
            raise
        self.in_hand = None
        self.unreadable_batches.add(one)
        self.taken_in += len(one)
        self._observe_delays(one.topic, taken.accepted_at, self._clock())
        held.arrived += len(one)
        if held.arrived >= ADVANCE_RECORDS:
            self.advance(held)
            self.press()
        self.when_taken()

    def held_since(self) -> int:
        """Since when (ms) facts are held at least as long as reading takes to reach others: see
        `Backlog`. Time that advances with the records forgets nothing before the alarms are read.
        """
        if not self._wall:
            return 0
        return int(self._clock() * 1000) - self._holder.policy.horizon // 2

    def advance(self, held: Held) -> None:
        """Advance the time of one partition to the present."""
        held.partition.advance(int(self._clock() * 1000) if self._wall else None)
        held.arrived = 0

    def advance_all(self) -> None:
        """Advance the time of every partition to the present."""
        for held in self._holder.held.values():
            self.advance(held)
        self.press()

    def press(self) -> None:
        """Pause partitions whose waiting episodes exceed the capacity, and resume the others."""
        before = self._pressure.paused
        waiting = {number: held.waiting for number, held in self._holder.held.items()}
        paused = self._pressure.update(waiting, monotonic())
        if paused != before:
            self._app.consumer.backlog.paused = paused

    def backpressure(self) -> Backpressure:
        """The present state of back-pressure."""
        refused = {
            number: held.refused
            for number, held in self._holder.held.items()
            if held.refused is not None
        }
        return self._pressure.now(monotonic(), refused)
