"""The latest records of the input topics, for a look at what arrives."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from analyzer import TOPICS, Topic
from streams.kafka.failures import explained
from streams.kafka.permissions import called
from streams.kafka.security import client_options
from streams.kafka.topics import LARGEST_RECORD, Topics, TopicsError
from streams.settings import Settings

_SECONDS = 10.0
"""How long a broker may take to answer a fetch."""
_IDLE_SECONDS = 30.0
"""After this time without records before the end of a topic, reading is aborted."""


class RecentError(Exception):
    """The topics cannot be read: one line."""


async def recent(
    settings: Settings, most: int, passed: Callable[[int], object] = lambda _: None
) -> AsyncIterator[tuple[Topic, list[bytes | None], list[int]]]:
    """Topic, values and Kafka's timestamps (ms) of some records at a time: at most the latest
    `most` offsets of each partition.

    `passed` is called with how many records were read. Raises `RecentError`.
    """
    numbers = await asyncio.to_thread(_partitions, settings)
    consumer: Any = AIOKafkaConsumer(
        **client_options(settings),
        enable_auto_commit=False,
        isolation_level="read_committed",
        request_timeout_ms=int(_SECONDS * 1000),
        max_partition_fetch_bytes=LARGEST_RECORD,  # some brokers cut off what is longer
    )
    try:
        await consumer.start()
        places = {
            TopicPartition(called(settings, topic), number): topic
            for topic, count in numbers.items()
            for number in range(count)
        }
        # before any is assigned, since the client then forgets the others' leaders
        ends = await consumer.end_offsets(list(places))
        begins = await consumer.beginning_offsets(list(places))
        for place, topic in places.items():
            begin = max(begins[place], ends[place] - most)
            async for values, stamps in _of_partition(consumer, place, begin, ends[place]):
                passed(len(values))
                yield topic, values, stamps
    except KafkaError as error:
        raise RecentError(
            await explained(settings, error, "Read", *TOPICS)
            or f"no Kafka broker answers at {settings.broker} ({type(error).__name__}); "
            "is it running?"
        ) from None
    finally:
        await consumer.stop()


async def _of_partition(
    consumer: Any, place: Any, begin: int, end: int
) -> AsyncIterator[tuple[list[bytes | None], list[int]]]:
    loop = asyncio.get_running_loop()
    consumer.assign([place])
    consumer.seek(place, begin)
    furthest, since = begin, loop.time()
    while furthest < end:
        found = (await consumer.getmany(place, timeout_ms=1000)).get(place, ())
        if found:
            yield [record.value for record in found], [record.timestamp for record in found]
        if (position := await consumer.position(place)) > furthest:
            furthest, since = position, loop.time()
        elif loop.time() - since > _IDLE_SECONDS:
            raise RecentError(f"the broker brought nothing for {_IDLE_SECONDS:.0f} s")


def _partitions(settings: Settings) -> dict[Topic, int]:
    """How many partitions each input topic has."""
    try:
        with Topics(settings, "doctor") as known:
            known.check_permissions()
            found = known.partitions()
    except TopicsError as error:
        raise RecentError(str(error)) from None
    if not any(topic in found for topic in TOPICS):
        raise RecentError(
            f"the broker at {settings.broker} has no topic of the service; run: alarm-fatigue "
            f"topics --broker {settings.broker}"
        )
    return {topic: found[topic] for topic in TOPICS if topic in found}
