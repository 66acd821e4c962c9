"""Kafka: the broker of the benchmarks, and the producer that fills its topics."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from math import inf

from aiokafka import AIOKafkaProducer
from aiokafka.partitioner import murmur2
from kafka import KafkaAdminClient, KafkaConsumer, TopicPartition

from analyzer import TOPICS
from bench import machine
from bench.hospital import Load, Row
from streams.dev import broker as brokers
from streams.dev.broker import ApacheKafka
from streams.kafka.topics import DAY, LARGEST_RECORD, Topics
from streams.settings import load as load_settings

PARTITIONS = 4
JVM = (
    "-Xms1g",
    "-Xmx1g",
    "-XX:+UseG1GC",
    "-XX:MaxGCPauseMillis=20",
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
)
"""Heap and garbage collector as in Kafka's own start scripts, with the full compiler."""
BATCH = 64 << 10
"""Bytes of a producer's batch: between those of a gateway that sends every few ms and of a bulk
loader.
"""
# Simulated records have old timestamps, so a normal retention would delete them.
LONG = 36_500 * DAY

TopicAndPartition = tuple[str, int]


class BenchKafka(ApacheKafka):
    """Apache Kafka with production JVM options."""

    def _command(self) -> Sequence[str]:
        java, *rest = super()._command()
        return [java, *JVM, *(option for option in rest if option not in brokers._JVM_OPTIONS)]

    def new_topics(self, group: str) -> None:
        """Create all topics of the service again, empty, with a checkpoint topic for `group`."""
        new_topics(self.address, group)

    def fill(self, load: Load, seconds: float = inf) -> dict[TopicAndPartition, int]:
        """Write the input for at most `seconds`, using all cores, then free the measured core.

        Returns the number of records by partition.
        """
        assert self.pid is not None
        machine.confine(self.pid, machine.ALL)
        try:
            return produce(self.address, load, _within(load.rows(), seconds))
        finally:
            machine.confine(self.pid, machine.OTHERS)


def partition_of(facility: bytes, partitions: int = PARTITIONS) -> int:
    """The partition that the default partitioner of Kafka clients chooses for this key."""
    return int(murmur2(facility) & 0x7FFFFFFF) % partitions


def new_topics(address: str, group: str, partitions: int = PARTITIONS) -> None:
    """Create all topics of the service again, empty, with a checkpoint topic for `group`."""
    admin = KafkaAdminClient(bootstrap_servers=address)
    try:
        ours = [name for name in admin.list_topics() if not name.startswith("__")]
        if ours:
            admin.delete_topics(ours)
            _until(lambda: not set(ours) & set(admin.list_topics()), "the topics are deleted")
    finally:
        admin.close()
    add_topics(address, group, partitions)


def add_topics(address: str, group: str, partitions: int = PARTITIONS) -> None:
    """Create missing topics of the service: for another group, its checkpoint topic."""
    with Topics(load_settings(broker=address, partitions=partitions, group=group)) as topics:
        if missing := topics.missing():
            topics.create(
                [
                    plan if plan.retention is None else replace(plan, retention=LONG)
                    for plan in missing
                ]
            )
        _until(lambda: not topics.missing(), "the topics are there")


def _until(holds: object, what: str, seconds: float = 60.0) -> None:
    assert callable(holds)
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {seconds:.0f} s: {what}")
        time.sleep(0.05)


def produce(
    address: str, load: Load, rows: Iterator[Row] | None = None, count: int | None = None
) -> dict[TopicAndPartition, int]:
    """Write the input, or the next `count` of its `rows`.

    Returns the number of records by partition.
    """
    return asyncio.run(
        _produce(address, load.names, islice(load.rows() if rows is None else rows, count))
    )


async def _produce(
    address: str, names: list[bytes], rows: Iterator[Row]
) -> dict[TopicAndPartition, int]:
    producer = AIOKafkaProducer(
        bootstrap_servers=address, acks="all", max_batch_size=BATCH, max_request_size=LARGEST_RECORD
    )
    await producer.start()
    try:
        writers = {
            (topic, number): _PartitionWriter(producer, topic, number)
            for topic in TOPICS
            for number in range(PARTITIONS)
        }
        partitions = [(name, partition_of(name)) for name in names]
        for topic, due, head, tail in rows:
            for name, partition in partitions:
                writer = writers[topic, partition]
                value = head + name + tail
                if writer.batch.append(timestamp=due, key=name, value=value) is None:
                    await writer.flush()
                    writer.batch.append(timestamp=due, key=name, value=value)
        for writer in writers.values():
            await writer.flush()
            await writer.drain()
        return {partition: writer.count for partition, writer in writers.items()}
    finally:
        await producer.stop()


class _PartitionWriter:
    """Writes to one partition: one batch is being filled, one may be in flight."""

    def __init__(self, producer: AIOKafkaProducer, topic: str, partition: int) -> None:
        self._producer, self._topic, self._partition = producer, topic, partition
        self._in_flight: asyncio.Task[None] | None = None
        self.batch = producer.create_batch()
        self.count = 0

    async def flush(self) -> None:
        """Send the batch after the previous one is delivered, which keeps the order."""
        await self.drain()
        if self.batch.record_count():
            self.count += self.batch.record_count()
            self._in_flight = asyncio.create_task(self._send(self.batch))
            self.batch = self._producer.create_batch()

    async def drain(self) -> None:
        if self._in_flight is not None:
            await self._in_flight
            self._in_flight = None

    async def _send(self, batch: object) -> None:
        await (await self._producer.send_batch(batch, self._topic, partition=self._partition))


def _within(rows: Iterator[Row], seconds: float) -> Iterator[Row]:
    deadline = time.monotonic() + seconds
    for row in rows:
        if time.monotonic() > deadline:
            return
        yield row


def committed(address: str, group: str, ends: Mapping[TopicAndPartition, int]) -> int:
    """The number of records that the group has committed: counted and checkpointed."""
    consumer = KafkaConsumer(bootstrap_servers=address, group_id=group, enable_auto_commit=False)
    try:
        return sum(
            min(consumer.committed(TopicPartition(*partition)) or 0, end)
            for partition, end in ends.items()
        )
    finally:
        consumer.close()
