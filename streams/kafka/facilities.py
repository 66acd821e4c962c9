"""Facilities: finds them at the ends of the inputs, and writes commands about them into
the inputs.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaError

from analyzer import TOPICS, Topic
from streams.formats.codec import Malformed, decode
from streams.formats.control import Control
from streams.kafka.failures import explained
from streams.kafka.permissions import Command, called
from streams.kafka.security import client_options
from streams.kafka.topics import Topics, TopicsError
from streams.settings import Settings

TAIL_RECORDS = 2000
"""Records read from the end of each input partition: some minutes of a large hospital."""
READ_SECONDS = 30.0
"""How long reading all of them may take."""
REQUEST_SECONDS = 10.0
"""How long a broker may take to answer a request."""
_POLL_MS = 500


class FacilitiesError(Exception):
    """The broker cannot be read, or does not accept records: one line."""


@dataclass(slots=True)
class Reading:
    """Statistics of one facility's records in one input."""

    records: int = 0
    partitions: set[int] = field(default_factory=set)
    latest: int = 0
    """The greatest event time (ms)."""
    stamped: int = 0
    """The Kafka timestamp (ms) of the record with that event time."""
    after: int = 0
    """Records with an event time after the given moment."""
    about: set[str] = field(default_factory=set)
    """The alarms or assignments of those records."""

    def add(self, partition: int, fact: Any, stamped: int, moment: int) -> None:
        """Count a fact."""
        self.records += 1
        self.partitions.add(partition)
        self.latest, self.stamped = max((self.latest, self.stamped), (fact.at, stamped))
        if fact.at > moment:
            self.after += 1
            about = getattr(fact, "assignment_id", None) or getattr(fact, "alarm_id", None)
            if about is not None:
                self.about.add(about)


@dataclass(slots=True)
class Tail:
    """The facilities at the ends of the inputs."""

    partitions: dict[Topic, int]
    facilities: dict[str, dict[Topic, Reading]] = field(default_factory=dict)
    whole: bool = True
    """Whether all records were read."""


def read_tail(settings: Settings, moment: int, command: Command) -> Tail:
    """Read the ends of the inputs for `command`, and count the records after `moment` (ms).

    Raises `FacilitiesError`.
    """
    tail = Tail(partitions_for(settings, command))
    asyncio.run(_read(settings, tail, moment))
    return tail


async def _read(settings: Settings, tail: Tail, moment: int) -> None:
    counts = tail.partitions.items()
    names = {called(settings, topic): topic for topic in TOPICS}
    places = [
        TopicPartition(called(settings, topic), number)
        for topic, count in counts
        for number in range(count)
    ]
    async with consuming(settings) as consumer:
        ends = await consumer.end_offsets(places)
        begins = await consumer.beginning_offsets(places)
        tail.whole = all(ends[one] - begins[one] <= TAIL_RECORDS for one in places)
        waiting = {one for one in places if begins[one] < ends[one]}
        consumer.assign(sorted(waiting))
        for one in waiting:
            consumer.seek(one, max(begins[one], ends[one] - TAIL_RECORDS))
        until = time.monotonic() + READ_SECONDS
        while waiting and time.monotonic() < until:
            for place, records in (await consumer.getmany(*waiting, timeout_ms=_POLL_MS)).items():
                for record in records:
                    _add(tail, names[place.topic], place.partition, record, moment)
            waiting = {one for one in waiting if await consumer.position(one) < ends[one]}
        tail.whole &= not waiting


def existing_topics(settings: Settings, command: Command) -> dict[str, int]:
    """The number of partitions of each topic that `command` uses, by the service's names. Raises
    `FacilitiesError`, also where `command` lacks a permission.
    """
    try:
        with Topics(settings, command) as known:
            known.check_permissions()
            return known.partitions()
    except TopicsError as error:
        raise FacilitiesError(str(error)) from None


def partitions_for(
    settings: Settings, command: Command, topics: Sequence[Topic] = TOPICS
) -> dict[Topic, int]:
    """The number of partitions of each input. Raises `FacilitiesError`."""
    existing = existing_topics(settings, command)
    missing = [called(settings, topic) for topic in topics if topic not in existing]
    if missing:
        raise FacilitiesError(
            f"the broker at {settings.broker} has no topic {', '.join(missing)}; run: "
            f"alarm-fatigue topics --broker {settings.broker}"
        )
    return {topic: existing[topic] for topic in topics}


@asynccontextmanager
async def consuming(settings: Settings) -> AsyncIterator[Any]:
    consumer = AIOKafkaConsumer(
        **client_options(settings),
        enable_auto_commit=False,
        isolation_level="read_committed",
        request_timeout_ms=int(REQUEST_SECONDS * 1000),
    )
    try:
        await consumer.start()
    except KafkaError as error:
        await consumer.stop()
        raise await _unreachable(settings, error) from None
    try:
        yield consumer
    except KafkaError as error:
        name = type(error).__name__
        raise FacilitiesError(
            await explained(settings, error, "Read", *TOPICS)
            or f"the broker at {settings.broker} refuses to be read ({name})"
        ) from None
    finally:
        await consumer.stop()


def _add(tail: Tail, topic: Topic, partition: int, record: Any, moment: int) -> None:
    try:
        fact = decode(topic, record.value)
    except Malformed:
        return
    of_facility = tail.facilities.setdefault(fact.facility, {})
    reading = of_facility.setdefault(topic, Reading())
    reading.add(partition, fact, record.timestamp, moment)


def read_whole(settings: Settings, topic: Topic) -> list[bytes]:
    """The values of all records that an input holds now. Raises `FacilitiesError`."""
    count = partitions_for(settings, "who", (topic,))[topic]
    found: list[bytes] = []

    def each(_: str, record: Any) -> None:
        if record.value is not None:
            found.append(record.value)

    asyncio.run(each_record(settings, {topic: count}, each))
    return found


async def each_record(
    settings: Settings, topics: Mapping[str, int], each: Callable[[str, Any], None]
) -> None:
    """Call `each` with every record that the topics, with so many partitions, hold now.

    Raises `FacilitiesError`.
    """
    names = {called(settings, topic): topic for topic in topics}
    places = [
        TopicPartition(name, number)
        for name, topic in names.items()
        for number in range(topics[topic])
    ]
    async with consuming(settings) as consumer:
        ends = await consumer.end_offsets(places)
        begins = await consumer.beginning_offsets(places)
        waiting = {one for one in places if begins[one] < ends[one]}
        consumer.assign(sorted(waiting))
        for one in waiting:
            consumer.seek(one, begins[one])
        while waiting:
            found = await consumer.getmany(*waiting, timeout_ms=_POLL_MS)
            for place, records in found.items():
                for record in records:
                    each(names[place.topic], record)
            waiting = {one for one in waiting if await consumer.position(one) < ends[one]}


def write(
    settings: Settings, control: Control, partitions: dict[Topic, int]
) -> list[tuple[Topic, int, int]]:
    """Write a command into every partition of every input.

    Returns topic, partition and offset of each record. All partitions get it, because producers
    choose partitions in different ways. It has no effect where the facility is unknown. Raises
    `FacilitiesError`.
    """
    return asyncio.run(_write(settings, control, partitions))


async def _write(
    settings: Settings, control: Control, partitions: dict[Topic, int]
) -> list[tuple[Topic, int, int]]:
    producer = AIOKafkaProducer(
        **client_options(settings),
        acks="all",
        enable_idempotence=True,
        request_timeout_ms=int(REQUEST_SECONDS * 1000),
    )
    try:
        await producer.start()
    except KafkaError as error:
        await producer.stop()
        raise await _unreachable(settings, error) from None
    try:
        deliveries = [
            await producer.send(
                called(settings, topic),
                control.encode(),
                key=control.key,
                partition=number,
                timestamp_ms=control.at,
            )
            for topic, count in partitions.items()
            for number in range(count)
        ]
        sent = [await one for one in deliveries]
        return [(one.topic, one.partition, one.offset) for one in sent]
    except KafkaError as error:
        name = type(error).__name__
        raise FacilitiesError(
            await explained(settings, error, "Write", *TOPICS)
            or f"the broker at {settings.broker} did not take all records ({name}); running "
            "the command again does no harm"
        ) from None
    finally:
        await producer.stop()


async def _unreachable(settings: Settings, error: Exception) -> FacilitiesError:
    name = type(error).__name__
    return FacilitiesError(
        await explained(settings, error, "Read", *TOPICS)
        or f"no Kafka broker answers at {settings.broker} ({name}); is it running?"
    )
