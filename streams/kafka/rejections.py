"""Rejections (dead letters): reads the records of the topic `rejected`, and sends them again to the
topics that they came from.

Reading stops at the end that the topic had at the start, so a command never reads records that it
has caused itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaError, MessageSizeTooLargeError

from analyzer import TOPICS
from streams.kafka.failures import explained
from streams.kafka.permissions import called
from streams.kafka.security import client_options
from streams.kafka.slices import REPLAYED, TRUNCATED, times_replayed
from streams.kafka.topics import LARGEST_RECORD, Topics, TopicsError
from streams.settings import Settings

MOST_REPLAYS = 1
"""A record that was sent again and rejected again is not sent a third time, which would
never end.
"""
READ_SECONDS = 10.0
"""How long a broker may take to answer a fetch."""
IDLE_SECONDS = 30.0
"""After this time without records before the end of the topic, reading is aborted."""
IN_FLIGHT = 500
"""Records sent and not yet delivered."""
MOST_BYTES = 256 << 20
"""The most bytes of keys and values that one replay holds."""


class RejectionsError(Exception):
    """The topic cannot be read, or a record cannot be sent: one line."""


@dataclass(frozen=True, slots=True)
class Rejection:
    """A record of the topic `rejected`. `stamp` is when it was rejected (ms since 1970)."""

    partition: int
    offset: int
    stamp: int
    key: bytes | None
    value: bytes | None
    headers: dict[str, str]
    replayed: int = 0
    """How often it had been sent again before this rejection."""

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
        topic, partition, offset = (
            self.headers.get(name, "") for name in ("topic", "partition", "offset")
        )
        are_numbers = all(
            one.isascii() and one.isdigit() and len(one) < 19 for one in (partition, offset)
        )
        return (topic, int(partition), int(offset)) if are_numbers else None

    @property
    def digest(self) -> bytes:
        """Equal for records with the same topic, key and value."""
        parts = (self.headers.get("topic", "").encode(), self.key, self.value)
        content = b"".join(b"-" if part is None else b"%d:%b" % (len(part), part) for part in parts)
        return blake2b(content, digest_size=16).digest()


@dataclass(frozen=True, slots=True)
class Wanted:
    """The rejections to read. None means any. `since` <= rejected at < `until` (ms since 1970)."""

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
        **client_options(settings),
        enable_auto_commit=False,
        isolation_level="read_committed",
        request_timeout_ms=int(READ_SECONDS * 1000),
    )
    try:
        await consumer.start()
    except KafkaError as error:
        await consumer.stop()
        raise RejectionsError(
            await explained(settings, error, "Read", "rejected")
            or f"no Kafka broker answers at {settings.broker} ({type(error).__name__}); "
            "is it running?"
        ) from None
    try:
        yield consumer
    except KafkaError as error:
        raise RejectionsError(
            await explained(settings, error, "Read", "rejected")
            or f"the broker at {settings.broker} refuses to be read ({type(error).__name__})"
        ) from None
    finally:
        await consumer.stop()


async def read(
    settings: Settings, wanted: Wanted, passed: Callable[[int, int], object] = lambda *_: None
) -> AsyncIterator[Rejection]:
    """The rejections that are `wanted`, by partition and in order of offsets.

    `passed` is called with the number of offsets read so far, and their total. Raises
    `RejectionsError` if the broker or the topic is missing.
    """
    numbers = await _partitions(settings)
    async with _consumer(settings) as consumer:
        places = [TopicPartition(called(settings, "rejected"), number) for number in numbers]
        ends = await consumer.end_offsets(places)
        begins = await consumer.beginning_offsets(places)
        if wanted.since is not None:
            found = await consumer.offsets_for_times(dict.fromkeys(places, max(wanted.since, 0)))
            begins = {
                place: ends[place] if at is None else at.offset for place, at in found.items()
            }
        total, before = sum(max(0, ends[place] - begins[place]) for place in places), 0
        loop = asyncio.get_running_loop()
        for place in places:
            consumer.assign([place])
            consumer.seek(place, begins[place])
            position, since = begins[place], loop.time()
            while position < ends[place]:
                batch = await consumer.getmany(place, timeout_ms=1000)
                for record in batch.get(place, ()):
                    if record.offset >= ends[place]:
                        break
                    one = _rejection(record)
                    if wanted(one):
                        yield one
                position, last = await consumer.position(place), position
                passed(before + min(position, ends[place]) - begins[place], total)
                if position > last:
                    since = loop.time()
                elif loop.time() - since > IDLE_SECONDS:
                    raise RejectionsError(
                        f"the broker at {settings.broker} brought nothing for {IDLE_SECONDS:.0f} s"
                    )
            before += max(0, ends[place] - begins[place])


async def find(settings: Settings, partition: int, offset: int) -> Rejection | None:
    """The rejection at this partition and offset; None if there is none."""
    if partition not in await _partitions(settings):
        return None
    async with _consumer(settings) as consumer:
        record = await _record_at(
            consumer, TopicPartition(called(settings, "rejected"), partition), offset
        )
        return None if record is None else _rejection(record)


async def _partitions(settings: Settings) -> list[int]:
    def ask() -> dict[str, int]:
        with Topics(settings, "rejected") as known:
            known.check_permissions()
            return known.partitions()

    try:
        existing = await asyncio.to_thread(ask)
    except TopicsError as error:
        raise RejectionsError(str(error)) from None
    if "rejected" not in existing:
        raise RejectionsError(
            f"the broker at {settings.broker} has no topic {called(settings, 'rejected')}; run: "
            f"alarm-fatigue topics --broker {settings.broker}"
        )
    return list(range(existing["rejected"]))


async def _record_at(consumer: Any, place: TopicPartition, offset: int) -> Any:
    """The record at exactly this offset; None if it is gone."""
    [begin], [end] = (
        found.values()
        for found in (
            await consumer.beginning_offsets([place]),
            await consumer.end_offsets([place]),
        )
    )
    if not begin <= offset < end:
        return None
    consumer.assign([place])
    consumer.seek(place, offset)
    deadline = asyncio.get_running_loop().time() + IDLE_SECONDS
    while await consumer.position(place) < end and asyncio.get_running_loop().time() < deadline:
        for record in (await consumer.getmany(place, timeout_ms=1000, max_records=1)).get(
            place, ()
        ):
            return record if record.offset == offset else None
    return None


def _rejection(record: Any) -> Rejection:
    headers = {name: (value or b"").decode(errors="replace") for name, value in record.headers}
    times = times_replayed(record.headers)
    return Rejection(
        record.partition, record.offset, record.timestamp, record.key, record.value, headers, times
    )


@dataclass(slots=True)
class Replay:
    """A plan to send rejections again: those that can be sent, and how many cannot, by reason."""

    ready: list[Rejection] = field(default_factory=list)
    skipped: dict[str, int] = field(default_factory=dict)

    def skip(self, reason: str) -> None:
        self.skipped[reason] = self.skipped.get(reason, 0) + 1


CUT = "cut when they were rejected, so not complete"
NO_SOURCE = "without the topic that they came from"
EMPTY = "without key and value"
EQUAL = "equal to others of the same topic"
IN_VAIN = "sent again before, and rejected again"


async def plan(
    settings: Settings,
    wanted: Wanted,
    most: int,
    passed: Callable[[int, int], object] = lambda *_: None,
) -> Replay:
    """Which of the `wanted` rejections can be sent again.

    The worker records how often a record was sent again. Records that were rejected again are
    skipped, and so are their first rejections: sending them once more would change nothing. Raises
    `RejectionsError`, also if more than `most` can be sent.
    """
    found = Replay()
    chosen: dict[bytes, Rejection] = {}
    in_vain: set[bytes] = set()
    held = 0
    # Read all: records may have been rejected again after `until`, or for another reason.
    async for one in read(settings, Wanted(since=wanted.since), passed):
        if one.replayed >= MOST_REPLAYS:
            in_vain.add(one.digest)
        if not wanted(one):
            continue
        source = one.source
        if one.headers.get(TRUNCATED) is not None:
            found.skip(CUT)
        elif source is None or source[0] not in TOPICS:
            found.skip(NO_SOURCE)
        elif one.key is None and one.value is None:
            found.skip(EMPTY)
        elif one.digest in in_vain:
            found.skip(IN_VAIN)
        elif one.digest in chosen:
            found.skip(EQUAL)
        else:
            chosen[one.digest] = one
            held += len(one.key or b"") + len(one.value or b"")
            if len(chosen) > most:
                raise RejectionsError(
                    f"more than {most} records match: choose fewer with --since, --facility "
                    "or --reason, or raise --max"
                )
            if held > MOST_BYTES:
                raise RejectionsError(
                    f"more than {MOST_BYTES >> 20} MiB of records match: choose fewer with "
                    "--since, --facility or --reason"
                )
    for digest, one in chosen.items():
        if digest in in_vain:
            found.skip(IN_VAIN)
        else:
            found.ready.append(one)
    return found


async def send(settings: Settings, ready: Iterable[Rejection], sent: Callable[[], object]) -> int:
    """Send records again to the topics that they came from, with their original keys and values.

    Their Kafka timestamp is the time of rejection, moments after the original one: an alarm of
    yesterday is not late because it is sent again today. `sent` is called for each delivered
    record. Returns how many the broker refused as too large. Raises `RejectionsError`, which states
    how many were delivered.
    """
    producer = AIOKafkaProducer(
        **client_options(settings), acks="all", linger_ms=5, max_request_size=LARGEST_RECORD
    )
    delivered = refused = 0
    deliveries: list[Any] = []

    async def settle() -> None:
        nonlocal delivered, refused
        for delivery in deliveries:
            try:
                await delivery
            except MessageSizeTooLargeError:
                refused += 1
            else:
                delivered += 1
                sent()
        deliveries.clear()

    try:
        await producer.start()
        try:
            for one in ready:
                headers = [(REPLAYED, b"%d" % (one.replayed + 1))]
                try:
                    stamp = max(one.stamp, 0)
                    delivery = await producer.send(
                        called(settings, one.headers["topic"]),
                        one.value,
                        key=one.key,
                        headers=headers,
                        timestamp_ms=stamp,
                    )
                except MessageSizeTooLargeError:
                    refused += 1
                    continue
                deliveries.append(delivery)
                if len(deliveries) >= IN_FLIGHT:
                    await settle()
            await settle()
        finally:
            await producer.stop()
    except KafkaError as error:
        why = await explained(settings, error, "Write", *TOPICS) or (
            f"the broker at {settings.broker} took no more records ({type(error).__name__})"
        )
        raise RejectionsError(f"{why}; {delivered} were delivered") from None
    return refused
