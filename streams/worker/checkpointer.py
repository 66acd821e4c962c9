"""State out: checkpoints into their topic, and what they emit to the output topics afterwards.

The state is the truth about how far the work has come. It holds the offsets of the records that it
contains, and reading goes on from there; the offsets committed to the group are a copy for
monitoring. So a crash at any point leads back to a stored state and the records that follow it,
whatever others committed or failed to commit.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from time import monotonic
from typing import Any

import structlog
from faust.types import TP

from streams.kafka.outgoing import Outgoing
from streams.kafka.producer import Refused
from streams.kafka.topics import checkpoint_topic
from streams.partitions.held import Held
from streams.partitions.pressure import Pressure
from streams.settings import Settings
from streams.worker.holder import Holder
from streams.worker.reader import Reader
from streams.worker.sink import Sink

HAND_OVER_SECONDS = 2.0
"""How long a rebalance waits for a checkpoint."""
CONFIRMED_SECONDS = 0.5
"""How long a commit proves that a partition is ours: a fraction of the shortest session."""
EMITTED_AT_ONCE = 2000
"""Episodes handed to the producer between two looks at the clock."""
REFUSED_SECONDS = 60.0
"""How long a partition waits after the broker refused its checkpoint, before everything is written
again.
"""
PART_HEADROOM = 1024
"""Bytes of a checkpoint's record next to its value, generously: its key and the batch around it."""
EPISODES_LIMIT = 50_000
"""Finished episodes after which the next checkpoint is due at once."""

log = structlog.get_logger("alarm_fatigue")


class Checkpointer:
    """Stores the partitions of `holder`, and emits their episodes and overload transitions."""

    def __init__(
        self,
        app: Any,
        settings: Settings,
        holder: Holder,
        reader: Reader,
        sink: Sink,
        pressure: Pressure,
        clock: Callable[[], float],
    ) -> None:
        self._app = app
        self._topic = checkpoint_topic(settings.group)
        self._holder = holder
        self._reader = reader
        self._sink = sink
        self._pressure = pressure
        self._clock = clock
        self._storing = asyncio.Lock()

    @property
    def is_due(self) -> bool:
        """Whether so many episodes wait that a checkpoint is due before its time. False while one
        is under way, for one that is stuck must not hold up the ticks.
        """
        if self._storing.locked():
            return False
        held = self._holder.held.values()
        if any(one.partition.outbox.new_episodes >= EPISODES_LIMIT for one in held):
            return True
        return self._pressure.checkpoint_due and not any(one.refused for one in held)

    async def checkpoint(self) -> None:
        """Store every partition that changed, and emit what is pending."""
        async with self._storing:
            for number in list(self._holder.held):
                held = self._holder.held.get(number)
                if held is None or held.failed or monotonic() < held.not_before:
                    continue
                held.partition.evaluate()
                if held.partition.changed:
                    await self._store(held)
                    held.partition.outbox.emitted()
                    self._reader.press()

    async def checkpoint_within(self, seconds: float) -> bool:
        """A checkpoint, waited for no longer than this; whether it came to its end.

        It is never cancelled, for what is planned counts as stored. Raises what it raises.
        """
        done, _ = await asyncio.wait([asyncio.ensure_future(self.checkpoint())], timeout=seconds)
        for one in done:
            one.result()
        return bool(done)

    async def _store(self, held: Held) -> None:
        partition, number = held.partition, held.partition.number
        self._reader.advance(held)
        await self._sink.start()
        place = self._topic, number
        part_bytes = max(self._sink.limits.of(self._topic) - PART_HEADROOM, PART_HEADROOM)
        # One moment: the state, what it has to emit, and the offsets it has reached.
        plan, rejected = held.checkpoints.plan(partition, part_bytes), partition.take_rejected()
        stored = dict(partition.next_offsets)
        reached = {TP(topic, number): offset for topic, offset in stored.items()}
        await self._sink.send(rejected)
        await self._sink.delivered()
        try:
            for records in (plan.shards, plan.manifest):
                await self._sink.store(place, records)
        except Refused as error:
            log.error(
                "the broker refuses a checkpoint: numbers go on, "
                "but after a restart everything since the last one is read again",
                topic=self._topic,
                partition=number,
                error=type(error.reason).__name__,
            )
            held.not_stored(plan, monotonic() + REFUSED_SECONDS)
            held.refused = type(error.reason).__name__
            return
        held.stored_at, held.stored_offsets, held.refused = self._clock(), stored, None
        await self._emit(held, plan.episodes, reached)
        with contextlib.suppress(Refused):  # superseded records stay, and are ignored
            await self._sink.store(place, plan.deletions)

    async def _emit(self, held: Held, episodes: list[Outgoing], reached: dict[TP, int]) -> None:
        """Send finished episodes, and commit: before the first, and again after a while.

        A worker that was suspended may have lost its partitions without knowing, and should not
        repeat what its successor has superseded (where it still does, generations tell). The group
        takes commits of its members alone; but a member that has just joined again has old state in
        its hands for a moment, so its state must be recovered, too. What is not sent waits for the
        next checkpoint, or for whoever restores this one.
        """
        begin, confirmed = 0, -CONFIRMED_SECONDS
        while begin < len(episodes) or confirmed < 0:
            if monotonic() - confirmed >= CONFIRMED_SECONDS:
                ours = self._holder.is_ours(held)
                if not ours or not await self._app.consumer.commit_offsets(reached):
                    held.partition.outbox.put_back(episodes[begin:])
                    break
                confirmed = monotonic()
            await self._sink.send(episodes[begin : begin + EMITTED_AT_ONCE])
            begin += EMITTED_AT_ONCE
        await self._sink.delivered()

    async def hand_over(self) -> None:
        """Store before partitions may go to others, so that they need not read it all again.

        Nothing is lost if time runs out.
        """
        if self._holder.held and self._app.crash_reason is None:
            # Never cancelled: what is planned counts as stored.
            await asyncio.wait(
                [asyncio.ensure_future(self.checkpoint())], timeout=HAND_OVER_SECONDS
            )
        self._holder.recovered = False
