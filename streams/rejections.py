"""Rejections: the records of the topic `rejected`, read within bounds, and sent again to where they came from.

Reading stops at the end that the topic had when it began, so a command never chases what it causes itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaError

from analyzer import TOPICS
from streams.settings import Settings
from streams.topics import LARGEST_RECORD, Topics, TopicsError

REPLAYED = "replayed"
"""Header of a record that was sent again: how often, as a decimal number."""
MOST_REPLAYS = 1
"""A record that was sent again and rejected again is not sent a third time: that would go on for ever."""
TRUNCATED = "truncated"
"""Header of a rejected record that is not whole, since it was too long for the topic."""
READ_SECONDS = 10.0
"""How long a broker may take over a fetch."""


class RejectionsError(Exception):
    """The topic cannot be read, or a record not be sent: one line."""


@dataclass(frozen=True, slots=True)
class Rejection:
    """A record of the topic `rejected`. `stamp`: when it was rejected (ms since 1970)."""

    partition: int
    offset: int
    stamp: int
    key: bytes | None
    value: bytes | None
    headers: dict[str, str]

    @property
    def place(self) -> str:
        return f"{self.partition}/{self.offset}"

    @property
    def facility(self) -> str | None:
        """The key, which is the facility's name unless the record was misrouted."""
        return None if self.key is None else self.key.decode(errors="replace")

    @property
    def source(self) -> tuple[str, int, int] | None:
        """Topic, partition and offset of the original record; None if its headers do not say."""
        topic, partition, offset = (self.headers.get(name, "") for name in ("topic", "partition", "offset"))
        return (topic, int(partition), int(offset)) if partition.isdecimal() and offset.isdecimal() else None

    @property
    def digest(self) -> bytes:
        """Equal for records with the same topic, key and value."""
        parts = (self.headers.get("topic", "").encode(), self.key, self.value)
        content = b"".join(b"-" if part is None else b"%d:%b" % (len(part), part) for part in parts)
        return blake2b(content, digest_size=16).digest()


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which rejections are asked for. None: any. `since` <= rejected at < `until` (ms since 1970)."""

    reason: str | None = None
    topic: str | None = None
    facility: str | None = None
    since: int | None = None
    until: int | None = None

    def __call__(self, one: Rejection) -> bool:
        return (
            self.reason in (None, one.headers.get("reason"))
            and self.topic in (None, one.headers.get("topic"))
            and self.facility in (None, one.facility)
            and (self.since is None or one.stamp >= self.since)
            and (self.until is None or one.stamp < self.until)
        )


@asynccontextmanager
async def _consumer(settings: Settings) -> AsyncIterator[Any]:
    consumer = AIOKafkaConsumer(
        bootstrap_servers=settings.broker,
        enable_auto_commit=False,
        isolation_level="read_committed",
        request_timeout_ms=int(READ_SECONDS * 1000),
    )
    try:
        await consumer.start()
    except KafkaError as error:
        await consumer.stop()
        raise RejectionsError(f"no Kafka broker answers at {settings.broker} ({type(error).__name__}); is it running?") from None
    try:
        yield consumer
    except KafkaError as error:
        raise RejectionsError(f"the broker at {settings.broker} does not let us read ({type(error).__name__})") from None
    finally:
        await consumer.stop()


async def read(settings: Settings, wanted: Wanted) -> AsyncIterator[Rejection]:
    """The rejections that are `wanted`, partition by partition in order of offsets.

    Raises `RejectionsError` where the broker or the topic is not there.
    """
    numbers = await _partitions(settings)
    async with _consumer(settings) as consumer:
        places = [TopicPartition(settings.rejected_topic, number) for number in numbers]
        ends = await consumer.end_offsets(places)
        begins = await consumer.beginning_offsets(places)
        if wanted.since is not None:
            found = await consumer.offsets_for_times(dict.fromkeys(places, max(wanted.since, 0)))
            begins = {place: ends[place] if at is None else at.offset for place, at in found.items()}
        for place in places:
            consumer.assign([place])
            consumer.seek(place, begins[place])
            while await consumer.position(place) < ends[place]:
                batch = await consumer.getmany(place, timeout_ms=1000)
                for record in batch.get(place, ()):
                    if record.offset >= ends[place]:
                        break
                    one = _rejection(record)
                    if wanted(one):
                        yield one


async def find(settings: Settings, partition: int, offset: int) -> Rejection | None:
    """One rejection by its place; None if there is none."""
    if partition not in await _partitions(settings):
        return None
    async with _consumer(settings) as consumer:
        record = await _record_at(consumer, TopicPartition(settings.rejected_topic, partition), offset)
        return None if record is None else _rejection(record)


async def _partitions(settings: Settings) -> list[int]:
    def ask() -> dict[str, int]:
        with Topics(settings) as known:
            return known.partitions()

    try:
        existing = await asyncio.to_thread(ask)
    except TopicsError as error:
        raise RejectionsError(str(error)) from None
    if settings.rejected_topic not in existing:
        raise RejectionsError(
            f"the broker at {settings.broker} has no topic {settings.rejected_topic}; run: alarm-fatigue topics --broker {settings.broker}"
        )
    return list(range(existing[settings.rejected_topic]))


async def _record_at(consumer: Any, place: TopicPartition, offset: int) -> Any:
    """The record at exactly this offset; None where it is gone."""
    [begin], [end] = (found.values() for found in (await consumer.beginning_offsets([place]), await consumer.end_offsets([place])))
    if not begin <= offset < end:
        return None
    consumer.assign([place])
    consumer.seek(place, offset)
    while await consumer.position(place) < end:
        for record in (await consumer.getmany(place, timeout_ms=1000, max_records=1)).get(place, ()):
            return record if record.offset == offset else None
    return None


def _rejection(record: Any) -> Rejection:
    headers = {name: value.decode(errors="replace") for name, value in record.headers}
    return Rejection(record.partition, record.offset, record.timestamp, record.key, record.value, headers)


@dataclass(slots=True)
class Replay:
    """What sending some rejections again comes to: those that can be sent, and how many cannot, by reason."""

    ready: list[tuple[Rejection, int]] = field(default_factory=list)
    """With how often each was sent again before."""
    passed_over: dict[str, int] = field(default_factory=dict)

    def pass_over(self, reason: str) -> None:
        self.passed_over[reason] = self.passed_over.get(reason, 0) + 1


CUT = "cut when they were rejected, so not whole"
NO_SOURCE = "without the topic that they came from"
IN_VAIN = "sent again before, and rejected again"


async def plan(settings: Settings, rejections: Iterable[Rejection]) -> Replay:
    """Which of `rejections` can be sent again.

    How often a record was sent again is a header of the original, in its own topic. What was sent again and
    came back is passed over, and so is its first rejection: sending it once more would change nothing.
    """
    found, counted = Replay(), []
    async with _consumer(settings) as consumer:
        for one in rejections:
            source = one.source
            if one.headers.get(TRUNCATED) is not None:
                found.pass_over(CUT)
            elif source is None or source[0] not in TOPICS:
                found.pass_over(NO_SOURCE)
            else:
                original = await _record_at(consumer, TopicPartition(*source[:2]), source[2])
                counted.append((one, 0 if original is None else _times_replayed(original.headers)))
    in_vain = {one.digest for one, times in counted if times >= MOST_REPLAYS}
    for one, times in counted:
        if one.digest in in_vain:
            found.pass_over(IN_VAIN)
        else:
            found.ready.append((one, times))
    return found


def _times_replayed(headers: Iterable[tuple[str, bytes]]) -> int:
    for name, value in headers:
        if name == REPLAYED:
            return int(value) if value.isdigit() and len(value) < 6 else MOST_REPLAYS
    return 0


async def send(settings: Settings, ready: Iterable[tuple[Rejection, int]]) -> list[Rejection]:
    """Send records again to the topics that they came from, with their original keys and values.

    Returns what was sent, once everything is delivered. Raises `RejectionsError`.
    """
    producer = AIOKafkaProducer(bootstrap_servers=settings.broker, acks="all", max_request_size=LARGEST_RECORD)
    sent, deliveries = [], []
    try:
        await producer.start()
        try:
            for one, times in ready:
                headers = [(REPLAYED, b"%d" % (times + 1))]
                topic = one.headers["topic"]
                deliveries.append(await producer.send(topic, one.value, key=one.key, headers=headers))
                sent.append(one)
            for delivery in deliveries:
                await delivery
        finally:
            await producer.stop()
    except KafkaError as error:
        raise RejectionsError(f"the broker at {settings.broker} took no more records ({type(error).__name__})") from None
    return sent
