"""Checkpoints: stores the state in the checkpoint topic, then emits records to the output topics.

The state is authoritative for progress. It holds the offsets that it has reached, and reading
continues from them. The offsets committed to the group are only a copy for monitoring. So after a
crash at any point, a worker restores a stored state and reads the records that follow it, whatever
was committed.
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
from streams.kafka.state_version import checkpoint_topic, edition_noted
from streams.partitions.held import Held
from streams.partitions.pressure import Pressure
from streams.partitions.sealing import CLEAR, Sealing
from streams.settings import Settings
from streams.worker.freed_memory import give_back
from streams.worker.holder import Holder
from streams.worker.reader import Reader
from streams.worker.sink import Sink

HAND_OVER_SECONDS = 2.0
"""How long a rebalance waits for a checkpoint."""
CONFIRMED_SECONDS = 0.5
"""How long a commit proves that we own a partition: a fraction of the shortest session."""
EMITTED_AT_ONCE = 2000
"""Episodes handed to the producer between two checks of the clock."""
REFUSED_SECONDS = 60.0
"""How long a partition waits after a refused checkpoint before it writes everything again."""
PART_HEADROOM = 1024
"""Generous bound of a checkpoint record's bytes besides its value: its key and the batch header."""
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
        sealing: Sealing = CLEAR,
    ) -> None:
        self._app = app
        self._sealing = sealing
        self._topic = checkpoint_topic(settings.group)
        self._holder = holder
        self._reader = reader
        self._sink = sink
        self._pressure = pressure
        self._clock = clock
        self._storing = asyncio.Lock()
        self._wanted = asyncio.Event()
        self._completed = True
        """Whether the last checkpoint stored and emitted everything; False while one is under
        way.
        """

    @property
    def is_due(self) -> bool:
        """Whether so many episodes wait that a checkpoint is due early; False while one is under
        way.
        """
        if self._storing.locked():
            return False
        held = self._holder.held.values()
        if any(one.partition.outbox.new_episodes >= EPISODES_LIMIT for one in held):
            return True
        return self._pressure.checkpoint_due and not any(one.refused for one in held)

    async def run_early(self) -> None:
        """Take the checkpoints that `begin_if_due` asks for, for as long as the worker runs."""
        while True:
            await self._wanted.wait()
            self._wanted.clear()
            if self.is_due:
                await self.checkpoint()

    def begin_if_due(self, retry: bool = False) -> None:
        """Begin a checkpoint if one is due early, without waiting for it.

        After a checkpoint that did not complete, only a `retry` begins another one: an attempt
        after each slice would store everything again in vain.
        """
        if self.is_due and (retry or self._completed):
            self._wanted.set()

    async def checkpoint(self) -> None:
        """Store every partition that changed, and emit its pending records."""
        async with self._storing:
            stored, self._completed, completed = False, False, True
            for number in list(self._holder.held):
                held = self._holder.held.get(number)
                if held is None:
                    continue
                if held.failed or monotonic() < held.not_before:
                    completed = False
                    continue
                held.partition.evaluate()
                if held.partition.changed:
                    completed &= await self._store(held)
                    held.partition.outbox.emitted()
                    self._reader.press()
                    stored = True
            if stored:
                give_back()  # plans and sent episodes, and what was read since the last checkpoint
            self._completed = completed
        if stored:  # otherwise another one would find nothing to do either, without end
            self.begin_if_due()  # what came meanwhile may have paused reading again

    async def checkpoint_within(self, seconds: float) -> bool:
        """Start a checkpoint and wait at most `seconds` for it; returns whether it completed.

        It is never cancelled, because a planned checkpoint counts as stored. Raises its exceptions.
        """
        done, _ = await asyncio.wait([asyncio.ensure_future(self.checkpoint())], timeout=seconds)
        for one in done:
            one.result()
        return bool(done)

    async def _store(self, held: Held) -> bool:
        """Store a partition and emit its pending records. Returns whether it stored and emitted
        everything.
        """
        partition, number = held.partition, held.partition.number
        self._reader.advance(held)
        await self._sink.start()
        place = self._topic, number
        part_bytes = max(self._sink.limits.of(self._topic) - PART_HEADROOM, PART_HEADROOM)
        # No await in between: the state, its pending records and its offsets must agree.
        silent = partition.outbox.silent
        plan, rejected = held.checkpoints.plan(partition, part_bytes), partition.take_rejected()
        stored = dict(partition.next_offsets)
        reached = {TP(topic, number): offset for topic, offset in stored.items()}
        await self._sink.send(rejected)
        await self._sink.delivered()
        try:
            for records in (plan.shards, plan.manifest):
                await self._sink.store(place, self._sealing.sealed(records))
        except Refused as error:
            log.error(
                "the broker refuses a checkpoint: the numbers stay current, "
                "but a restart reads everything since the last checkpoint again",
                topic=self._topic,
                partition=number,
                error=type(error.reason).__name__,
            )
            held.not_stored(plan, monotonic() + REFUSED_SECONDS)
            held.refused = type(error.reason).__name__
            return False
        held.stored_at, held.stored_offsets, held.refused = self._clock(), stored, None
        # a commit says what was emitted; without offsets it is refused
        commits = bool(reached) and not silent
        if commits and not await self._emit(held, plan.episodes, reached):
            held.checkpoints.not_deleted(plan)
            return False
        with contextlib.suppress(Refused):  # superseded records stay, and are ignored
            await self._sink.store(place, plan.deletions)
        return True

    async def _emit(self, held: Held, episodes: list[Outgoing], reached: dict[TP, int]) -> bool:
        """Send finished episodes. Commit before the first one, and again every `CONFIRMED_SECONDS`.
        Returns whether the group accepted all commits.

        A worker that was suspended may have lost its partitions without knowing it. It should not
        send versions that its successor has superseded; if it still does, the generation decides.
        The group accepts commits only from its members. But a member that has just rejoined holds
        old state for a moment, so its state must be recovered as well. Records that are not sent
        wait for the next checkpoint, or are restored by another worker.
        """
        begin, confirmed, ours = 0, -CONFIRMED_SECONDS, True
        edition = edition_noted(held.partition.outbox.generation)
        while begin < len(episodes) or confirmed < 0:
            if monotonic() - confirmed >= CONFIRMED_SECONDS:
                ours = self._holder.is_ours(held)
                ours = ours and await self._app.consumer.commit_offsets(reached, edition)
                if not ours:
                    held.partition.outbox.put_back(episodes[begin:])
                    break
                confirmed = monotonic()
            await self._sink.send(episodes[begin : begin + EMITTED_AT_ONCE])
            begin += EMITTED_AT_ONCE
        await self._sink.delivered()
        return ours

    async def hand_over(self) -> None:
        """Store the state before partitions may be reassigned, so that less must be read again.

        Nothing is lost if the time is too short.
        """
        if self._holder.held and self._app.crash_reason is None:
            # Never cancelled: a planned checkpoint counts as stored.
            await asyncio.wait(
                [asyncio.ensure_future(self.checkpoint())], timeout=HAND_OVER_SECONDS
            )
        self._holder.recovered = False
