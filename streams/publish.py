"""Publish: records of files or of the simulator to Kafka, at their own pace, faster, or as fast as the broker takes them."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from analyzer import Topic
from streams.codec import Malformed, decode
from streams.replay import lines
from streams.settings import Settings
from streams.topics import LARGEST_RECORD

_IN_FLIGHT = 5000  # deliveries awaited at a time: enough to fill batches, little enough to stop soon after a failure


class PublishError(Exception):
    """Records that Kafka did not take: one line."""


@dataclass(frozen=True, slots=True)
class Message:
    """A record on its way. `due` in ms of event time; None: as soon as it is its turn.

    `timestamp`, in ms, becomes the Kafka record's own; None: the time of sending.
    """

    topic: Topic
    key: bytes | None
    value: bytes
    due: int | None
    timestamp: int | None = None


def from_files(files: Iterable[tuple[Topic, Path]], sent_at: int) -> Iterator[Message]:
    """The files' lines, merged by event time without changing the order within a file.

    Each record gets the event time that its file has reached as its Kafka timestamp, as if it had been sent then; a worker would
    take recorded alarms under the time of sending for late ones. None is later than `sent_at` (ms), which brokers refuse.
    Lines that are no facts go along unchanged, right after the line before them: rejecting is the worker's part.
    """
    return (
        message
        for _, _, message in heapq.merge(*(_dated(number, topic, path, sent_at) for number, (topic, path) in enumerate(files)), key=_due)
    )


def _dated(number: int, topic: Topic, path: Path, sent_at: int) -> Iterator[tuple[int, int, Message]]:
    latest = -(1 << 62)
    for _, line in lines(path):
        key = due = None
        try:
            fact = decode(topic, line)
        except Malformed:
            key = _facility(line)
        else:
            key, due = fact.facility.encode(), fact.at
            latest = max(latest, due)
        yield latest, number, Message(topic, key, line, due, min(latest, sent_at) if latest > 0 else None)


def _due(dated: tuple[int, int, Message]) -> tuple[int, int]:
    return dated[:2]


def _facility(line: bytes) -> bytes | None:
    """The key of a malformed record, where it can be told."""
    try:
        facility = msgspec.json.decode(line)["facility"]
    except (msgspec.DecodeError, UnicodeDecodeError, KeyError, TypeError, RecursionError):
        return None
    return facility.encode() if isinstance(facility, str) else None


async def publish(
    settings: Settings,
    messages: Iterable[Message],
    speed: float | None,
    sent: Callable[[], object],
    sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
) -> int:
    """Produce `messages` and return how many were delivered.

    `speed` 1 keeps the recorded pace, 60 makes an hour of a minute, None does not wait at all. `sent` is called once a
    message. Raises `PublishError`.
    """
    producer = AIOKafkaProducer(bootstrap_servers=settings.broker, acks="all", linger_ms=5, max_request_size=LARGEST_RECORD)
    try:
        await producer.start()
        try:
            return await _produce(producer, messages, speed, sent, sleep)
        finally:
            await producer.stop()
    except KafkaError as error:
        raise PublishError(f"the broker at {settings.broker} took no more records ({type(error).__name__})") from None


async def _produce(
    producer: Any, messages: Iterable[Message], speed: float | None, sent: Callable[[], object], sleep: Callable[[float], Awaitable[object]]
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
        deliveries.append(await producer.send(message.topic, message.value, key=message.key, timestamp_ms=message.timestamp))
        count += 1
        sent()
        if len(deliveries) >= _IN_FLIGHT:
            await asyncio.gather(*deliveries)
            deliveries.clear()
    await asyncio.gather(*deliveries)
    return count


def _outstanding(deliveries: list[asyncio.Future[Any]]) -> list[asyncio.Future[Any]]:
    """Those still under way; raises if one failed, which at a slow pace would else be noticed thousands of records later."""
    return [one for one in deliveries if not one.done() or one.result() is None]
