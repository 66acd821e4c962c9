"""The work of a worker: records into partitions, outcomes and checkpoints out, partitions taken over and let go.

Offsets are acknowledged only after the state that contains them is stored, so a crash at any point leads back to a state
and to the records that follow it.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any

import structlog
from faust.types import TP

from analyzer import TOPICS, Engine, Policy, Topic
from streams.checkpoint import CheckpointError, Checkpoints, Restored, reaches, restore
from streams.exporter import REUSE_SECONDS, Exporter
from streams.partition import Outgoing, Partition, Record
from streams.pseudonyms import pseudonyms
from streams.settings import Settings
from streams.store import CheckpointTable
from streams.topics import checkpoint_topic
from streams.web import add_pages

TICK_SECONDS = 1.0
"""How often time passes for facilities without new alarms."""
DRAIN_SECONDS = 15.0
"""How long a stopping worker waits for its last checkpoint: half of what orchestrators allow before they kill."""
OUTBOX_LIMIT = 500
"""Rejected records after which the consumer waits for the producer."""
EPISODES_LIMIT = 5000
"""Finished episodes after which the next checkpoint is due at once."""

log = structlog.get_logger("alarm_fatigue")


class Work:
    """The partitions this worker holds, and the tasks that move them on."""

    def __init__(self, app: Any, settings: Settings, clock: Callable[[], float]) -> None:
        self._app = app
        self._settings = settings
        self._clock = clock
        self._policy = settings.policy.policy()
        self._pseudonym = pseudonyms(settings)
        self._held: dict[int, Held] = {}
        self._in_flight: list[Awaitable[Any]] = []
        self._storing = asyncio.Lock()
        self.recovered = False

        raw = {"key_type": bytes, "value_type": bytes, "key_serializer": "raw", "value_serializer": "raw"}
        self._table = CheckpointTable(app, name="checkpoint", partitions=settings.partitions, key_type=bytes, value_type=bytes)
        app.tables.add(self._table)
        self._table.on_revoked = self._revoked
        self._table.on_recovered = self._recovered
        app.agent(app.topic(*TOPICS, **raw), name="records", concurrency=1)(self._consume)
        app.timer(interval=TICK_SECONDS, name="tick")(self._tick)
        app.timer(interval=settings.checkpoint_interval / 1000, name="checkpoint")(self.checkpoint)

        reuse = REUSE_SECONDS if settings.clock == "wall" else 0.0
        self.exporter = Exporter(self, self._pseudonym, self._policy.min_classified, settings.metrics, reuse)
        add_pages(app, self, self.exporter)

    # -- what the exporter and the pages ask

    @property
    def partitions(self) -> list[Partition]:
        return [self._held[number].partition for number in sorted(self._held)]

    def checkpoint_times(self) -> dict[int, float]:
        """Seconds since the epoch at which each partition was last stored; those never stored are left out."""
        return {number: held.stored_at for number, held in sorted(self._held.items()) if held.stored_at is not None}

    def lags(self) -> dict[tuple[str, int], int | None]:
        """Records not yet taken in, by topic and partition; None where the broker has not told yet how many there are."""
        lags: dict[tuple[str, int], int | None] = {}
        for partition in self.partitions:
            for topic in TOPICS:
                end = self._app.consumer.highwater(TP(topic, partition.number))
                lags[topic, partition.number] = None if end is None else max(end - partition.next_offsets.get(topic, 0), 0)
        return lags

    def advance(self) -> None:
        """Bring every partition to now."""
        now = None if self._settings.clock == "event" else int(self._clock() * 1000)
        for held in self._held.values():
            held.partition.advance(now)

    # -- records in

    async def _consume(self, stream: Any) -> None:
        async for event in stream.noack().events():
            message = event.message
            held = self._held.get(message.partition)
            if held is None:
                continue  # revoked while it waited in the buffer
            record = Record(message.topic, message.offset, message.key, message.value, int(message.timestamp * 1000))
            taken = held.partition.take(record)
            held.events.append(event)
            if taken is not None and taken.outcome == "accepted":
                self.exporter.observe_delay(record.topic, taken.at, self._clock())
            if len(held.partition.outbox) >= OUTBOX_LIMIT:
                await self._send(held.partition.take_outbox())

    async def _tick(self) -> None:
        self.advance()
        for held in list(self._held.values()):
            await self._send(held.partition.take_outbox())
        if any(len(held.partition.episodes) >= EPISODES_LIMIT for held in self._held.values()):
            await self.checkpoint()

    # -- records out

    async def _send(self, outbox: list[Outgoing]) -> None:
        """Hand records to the producer, and remember their deliveries until a checkpoint has awaited them."""
        for one in outbox:
            self._in_flight.append(await self._produce(one.topic, one.key, one.value, headers=one.headers))

    async def _delivered(self) -> None:
        in_flight, self._in_flight = self._in_flight, []
        await asyncio.gather(*in_flight)

    async def _produce(self, topic: str, key: bytes | None, value: bytes | None, **more: Any) -> Awaitable[Any]:
        producer = await self._app.maybe_start_producer()
        delivery: Awaitable[Any] = await producer.send(topic, key, value, more.get("partition"), None, more.get("headers"))
        return delivery

    # -- state

    async def checkpoint(self) -> None:
        """Store every partition that changed, then acknowledge what its state contains."""
        async with self._storing:
            for number in list(self._held):
                held = self._held.get(number)
                if held is not None and (held.partition.changed or held.events):
                    await self._store(held)

    async def _store(self, held: Held) -> None:
        partition = held.partition
        # One moment: the state, what it has to say, and the records it contains.
        checkpoints = held.checkpoints
        plan, outbox, events = checkpoints.plan(partition), partition.take_outbox(), held.take_events()
        await self._send(outbox)
        await self._delivered()
        topic = checkpoint_topic(self._settings.group)
        for records in (plan.shards, plan.manifest):
            await asyncio.gather(*[await self._produce(topic, key, value, partition=partition.number) for key, value in records])
        held.stored_at = self._clock()
        await self._send(plan.episodes)
        await self._delivered()
        if self._held.get(partition.number) is held:
            if held.checkpoints is checkpoints:
                for event in events:
                    event.ack()
            else:  # others had the partition meanwhile, and may delete what they found of this checkpoint
                held.events[:0] = events
        await asyncio.gather(*[await self._produce(topic, key, value, partition=partition.number) for key, value in plan.deletions])

    def _revoked(self, numbers: set[int]) -> None:
        """What is others' now leaves memory and /metrics."""
        for number in numbers & self._held.keys():
            del self._held[number]

    async def _recovered(self, numbers: set[int]) -> None:
        """After a rebalance: restore what came."""
        try:
            self._revoked(self._held.keys() - numbers)
            committed = await self._app.consumer.seek_to_committed()
            for number in sorted(numbers):
                found = self._table.data.records.pop(number, {})
                of_partition = {topic: committed.get(TP(topic, number)) or 0 for topic in TOPICS}
                new_partition = partial(self._new_partition, number)
                self._held[number] = take_hold(self._held.get(number), found, of_partition, self._policy, new_partition)
            self.recovered = True
            log.info("partitions held", partitions=sorted(numbers), episodes=sum(one.engine.held for one in self.partitions))
        except Exception as error:  # Faust drops exceptions of this callback
            log.error("state cannot be restored", error=str(error))
            await self._app.crash(error)

    def _new_partition(self, number: int, restored: Restored) -> Partition:
        settings = self._settings
        return Partition(
            number,
            settings.partitions,
            restored.engine,
            restored.next_offsets,
            self._pseudonym,
            settings.max_record_bytes,
            restored.episodes,
        )

    async def drain(self) -> None:
        """The last checkpoint of a worker that is stopping."""
        if self._held and self._app.crash_reason is None:
            try:
                async with asyncio.timeout(DRAIN_SECONDS):
                    await self.checkpoint()
                    await self._app.consumer.commit()
            except TimeoutError:  # the next worker goes on from the checkpoint before
                log.warning("not drained: the broker does not answer", partitions=sorted(self._held))
            else:
                log.info("drained", partitions=sorted(self._held))


class Held:
    """A partition in this worker's hands: its checkpoints, and the events to acknowledge with the next one."""

    def __init__(self, partition: Partition, checkpoints: Checkpoints) -> None:
        self.partition = partition
        self.checkpoints = checkpoints
        self.events: list[Any] = []
        self.stored_at: float | None = None

    def take_events(self) -> list[Any]:
        events, self.events = self.events, []
        return events


def take_hold(
    before: Held | None,
    found: Mapping[bytes, bytes],
    committed: Mapping[Topic, int],
    policy: Policy,
    new_partition: Callable[[Restored], Partition],
) -> Held:
    """A partition after a rebalance.

    `found` is what recovery read of the checkpoint topic: everything, or of a partition held `before` what is new. Raises
    `CheckpointError` where no state reaches what the group has committed, for the records between would be lost.
    """
    writer = uuid.uuid4().hex[:12]
    if before is not None and reaches(before.partition.next_offsets, committed):
        before.checkpoints = before.checkpoints.renewed(writer, found)
        return before
    # Not ours before, or others got further with it while we did not hear that we had lost it.
    restored = restore(found, policy, committed) or Restored(Engine(policy), {}, [])
    if not reaches(restored.next_offsets, committed):
        raise CheckpointError(
            f"the group has committed {_told(committed)}, the stored state only reaches {_told(restored.next_offsets)}; "
            "restart this worker, and if that does not help, start a new group"
        )
    return Held(new_partition(restored), Checkpoints(writer, found))


def _told(offsets: Mapping[Topic, int]) -> str:
    return ", ".join(f"{topic} {offset}" for topic, offset in offsets.items()) or "nothing"
