"""Publish: records of files or of the simulator to Kafka, at their own pace, faster, or as fast as
the broker takes them.
"""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from analyzer import TOPICS, Topic
from streams.files.messages import Message
from streams.files.ordered import EARLIEST, Ordered
from streams.formats.codec import Malformed, decode
from streams.kafka.failures import explained
from streams.kafka.permissions import called, kafka_tool
from streams.kafka.security import client_options
from streams.kafka.topics import BEFORE_MAX, DAY, LARGEST_RECORD, Keeping
from streams.settings import Settings

# deliveries awaited at a time: enough to fill batches, little enough to stop soon after a failure
_IN_FLIGHT = 5000


Aside = Callable[[Message], Awaitable["asyncio.Future[Any] | None"]]


class PublishError(Exception):
    """Records that Kafka did not take: one line."""


async def _nothing(_: Message) -> None:
    """Takes no message."""


def from_files(files: Iterable[Ordered], sent_at: int) -> Iterator[Message]:
    """The files' lines, merged by event time.

    Each record gets the event time that its file has reached as its Kafka timestamp, as if it had
    been sent then; a worker would take recorded alarms under the time of sending for late ones.
    None is later than `sent_at` (ms), which brokers refuse. Lines that are no facts go along
    unchanged, right after the line before them: rejecting is the worker's part.
    """
    return (
        message
        for _, _, message in heapq.merge(
            *(_dated(number, file, sent_at) for number, file in enumerate(files)),
            key=_due,
        )
    )


def _dated(number: int, file: Ordered, sent_at: int) -> Iterator[tuple[int, int, Message]]:
    latest = EARLIEST
    for line in file:
        key = due = None
        try:
            fact = decode(file.topic, line)
        except Malformed:
            key = _facility(line)
        else:
            key, due = fact.facility.encode(), fact.at
            latest = max(latest, due)
        yield (
            latest,
            number,
            Message(file.topic, key, line, due, min(latest, sent_at) if latest > 0 else None),
        )


def _due(dated: tuple[int, int, Message]) -> tuple[int, int]:
    return dated[:2]


def _facility(line: bytes) -> bytes | None:
    """The key of a malformed record, where it can be told."""
    try:
        facility = msgspec.json.decode(line)["facility"]
    except (msgspec.DecodeError, UnicodeDecodeError, KeyError, TypeError, RecursionError):
        return None
    return facility.encode() if isinstance(facility, str) else None


def warned(
    messages: Iterable[Message],
    keeping: Mapping[str, Keeping],
    now: int,
    settings: Settings,
    warn: Callable[[str], object],
) -> Iterator[Message]:
    """The same messages. `warn` is called before the first one that its topic would not keep as it
    is, once a topic.

    `now` in ms. Records keep the time of their events, so that workers judge their lateness as if
    they were live; so a broker judges their age by it, too.
    """
    seen: set[str] = set()
    for message in messages:
        if message.timestamp is not None and message.topic not in seen:
            says = _endangered(
                message.topic,
                message.timestamp,
                keeping.get(message.topic, Keeping()),
                now,
                settings,
            )
            if says is not None:
                seen.add(message.topic)
                warn(says)
        yield message


def _endangered(
    topic: str, timestamp: int, kept: Keeping, now: int, settings: Settings
) -> str | None:
    """Why a record of that time may not reach a worker as it is, and what to do, in one line.

    None where nothing is known against it.
    """
    age = now - timestamp
    topic = called(settings, topic)
    old = (
        f"{topic}: records are dated from "
        f"{datetime.fromtimestamp(timestamp // 1000, UTC):%Y-%m-%d} on"
    )
    command = f"{kafka_tool('kafka-configs.sh', settings)} --alter --topic {topic} --add-config"
    if kept.restamps and age > settings.policy.horizon:
        return (
            f"{old}, but the topic gives them the time of their arrival (LogAppendTime), so that "
            f"workers refuse them as late; run before: {command} message.timestamp.type=CreateTime"
        )
    if kept.before_max is not None and age > kept.before_max:
        return (
            f"{old}, but the broker refuses records older than {_days(kept.before_max)} "
            f"({BEFORE_MAX}); run before: {command} {BEFORE_MAX}={age + DAY}"
        )
    if kept.retention is not None and age > kept.retention:
        return (
            f"{old}, but the topic keeps records for {_days(kept.retention)} by that time "
            f"(retention.ms), so the broker may delete them at once; run before: {command} "
            f"retention.ms=-1 (and when they are read: {command} retention.ms={kept.retention})"
        )
    return None


def _days(ms: int) -> str:
    return f"{ms / DAY:.3g} days"


async def publish(
    settings: Settings,
    messages: Iterable[Message],
    speed: float | None,
    sent: Callable[[], object],
    sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    aside: Aside = _nothing,
) -> int:
    """Produce `messages` and return how many were delivered.

    `aside` is handed each message in its turn; of one that it takes, it gives the delivery.

    `speed` 1 keeps the recorded pace, 60 makes an hour of a minute, None does not wait at all.
    `sent` is called once a message. Raises `PublishError`.
    """
    producer = AIOKafkaProducer(
        **client_options(settings), acks="all", linger_ms=5, max_request_size=LARGEST_RECORD
    )
    names = {topic: called(settings, topic) for topic in TOPICS}
    try:
        await producer.start()
        try:
            return await _produce(producer, names, messages, speed, sent, sleep, aside)
        finally:
            await producer.stop()
    except KafkaError as error:
        raise PublishError(
            await explained(settings, error, "Write", *TOPICS)
            or f"the broker at {settings.broker} took no more records ({type(error).__name__})"
        ) from None


async def _produce(
    producer: Any,
    names: Mapping[Topic, str],
    messages: Iterable[Message],
    speed: float | None,
    sent: Callable[[], object],
    sleep: Callable[[float], Awaitable[object]],
    aside: Aside,
) -> int:
    count = 0
    deliveries: list[asyncio.Future[Any]] = []
    loop = asyncio.get_running_loop()
    began, first = 0.0, None
    for message in messages:
        if speed is not None and message.due is not None:
            if first is None:  # what has no time of its own went before, at once
                began, first = loop.time(), message.due
            ahead = (message.due - first) / 1000 / speed - (loop.time() - began)
            if ahead > 0:
                deliveries = _outstanding(deliveries)
                await sleep(ahead)
        delivery = await aside(message)
        if delivery is None:
            delivery = await producer.send(
                names[message.topic],
                message.value,
                key=message.key,
                timestamp_ms=message.timestamp,
            )
        deliveries.append(delivery)
        count += 1
        sent()
        if len(deliveries) >= _IN_FLIGHT:
            await asyncio.gather(*deliveries)
            deliveries.clear()
    await asyncio.gather(*deliveries)
    return count


def _outstanding(deliveries: list[asyncio.Future[Any]]) -> list[asyncio.Future[Any]]:
    """The deliveries still under way. Raises the error of a failed one; at a slow pace it would
    otherwise be noticed thousands of records later.
    """
    return [one for one in deliveries if not one.done() or one.result() is None]
