"""Kafka: the broker of the benchmarks, and the producer that fills its topics."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from math import inf
from pathlib import Path

from aiokafka import AIOKafkaProducer
from aiokafka.partitioner import murmur2
from kafka import KafkaAdminClient, KafkaConsumer, TopicPartition

from analyzer import TOPICS
from bench import machine
from bench.hospital import Load, Row
from streams.dev import broker as brokers
from streams.dev.broker import ApacheKafka
from streams.kafka.handshake import connect
from streams.kafka.security import admin_options, client_options
from streams.kafka.state_version import state_group
from streams.kafka.topics import DAY, LARGEST_RECORD, Topics, plans
from streams.kafka_settings import KafkaSettings
from streams.settings import Settings
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
        new_topics(self.settings, group)

    @property
    def settings(self) -> Settings:
        """The connection to it: without TLS and without a user, whatever the environment says."""
        found = load_settings(broker=self.address, partitions=PARTITIONS)
        return found.model_copy(update={"kafka": KafkaSettings()})

    def fill(self, load: Load, seconds: float = inf) -> dict[TopicAndPartition, int]:
        """Write the input for at most `seconds`, using all cores, then free the measured core.

        Returns the number of records by partition.
        """
        assert self.pid is not None
        machine.confine(self.pid, machine.ALL)
        try:
            return produce(self.settings, load, within(load.rows(), seconds))
        finally:
            machine.confine(self.pid, machine.OTHERS)


def partition_of(facility: bytes, partitions: int = PARTITIONS) -> int:
    """The partition that the default partitioner of Kafka clients chooses for this key."""
    return int(murmur2(facility) & 0x7FFFFFFF) % partitions


def on_existing(config: Path) -> Settings:
    """The connection to an existing Kafka, as a settings file says, with topics and a group of our
    own, which `remove` deletes again. Raises `SettingsError`, `NotConnected`.
    """
    found = load_settings(config, partitions=PARTITIONS)
    connect(found)
    name = f"bench-{secrets.token_hex(4)}"
    names = found.kafka.model_copy(update={"topic_prefix": f"{name}."})
    return found.model_copy(update={"group": name, "kafka": names})


def new_topics(settings: Settings, group: str) -> None:
    """Create the service's topics again, empty, with a checkpoint topic for `group`."""
    remove(settings, group)
    add_topics(settings, group)


def remove(settings: Settings, group: str) -> None:
    """Delete the service's topics, as these settings name them, and the checkpoint topic of
    `group`.
    """
    settings = settings.model_copy(update={"group": group})
    names = {one.called for one in plans(settings, PARTITIONS)}
    admin = KafkaAdminClient(**admin_options(settings))
    try:
        if ours := names & set(admin.list_topics()):
            admin.delete_topics(list(ours))
            _until(lambda: not ours & set(admin.list_topics()), "the topics are deleted")
    finally:
        admin.close()


def add_topics(settings: Settings, group: str) -> None:
    """Create missing topics of the service: for another group, its checkpoint topic."""
    with Topics(settings.model_copy(update={"group": group})) as topics:
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
    settings: Settings, load: Load, rows: Iterator[Row] | None = None, count: int | None = None
) -> dict[TopicAndPartition, int]:
    """Write the input, or the next `count` of its `rows`.

    Returns the number of records by partition.
    """
    return asyncio.run(
        _produce(settings, load.names, islice(load.rows() if rows is None else rows, count))
    )


async def _produce(
    settings: Settings, names: list[bytes], rows: Iterator[Row]
) -> dict[TopicAndPartition, int]:
    producer = AIOKafkaProducer(
        **client_options(settings),
        acks="all",
        max_batch_size=BATCH,
        max_request_size=LARGEST_RECORD,
    )
    await producer.start()
    try:
        writers = {
            (topic, number): _PartitionWriter(producer, settings.kafka.topic(topic), number)
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


def within(rows: Iterator[Row], seconds: float) -> Iterator[Row]:
    """The rows that are asked for within this time."""
    deadline = time.monotonic() + seconds
    for row in rows:
        if time.monotonic() > deadline:
            return
        yield row


def committed(settings: Settings, group: str, ends: Mapping[TopicAndPartition, int]) -> int:
    """The number of records that the group has committed: counted and checkpointed."""
    consumer = KafkaConsumer(
        **admin_options(settings), group_id=state_group(group), enable_auto_commit=False
    )
    try:
        return sum(
            min(consumer.committed(TopicPartition(settings.kafka.topic(topic), number)) or 0, end)
            for (topic, number), end in ends.items()
        )
    finally:
        consumer.close()
