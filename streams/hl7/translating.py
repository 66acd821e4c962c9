"""Translating: turns the messages of the topic `hl7` into facts in the input topics, exactly once.

A process has one translator for each partition that it holds, and one producer whose transactional
id names the partition. The facts of a batch of messages, the changes of the state and the next
offset are written in one transaction. A process that takes over a partition starts the producer,
which fences off the previous holder; then it reads the state; then it continues at the stored
offset. So nothing is lost or doubled if a process is killed, or still believes that it holds a
partition.

On a broker without transactions, the facts are written before the state. A crash between the two
repeats facts, with the same ids, so workers count them once.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Sequence
from typing import Any

import structlog
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import KafkaError
from aiokafka.producer.message_accumulator import BatchBuilder

from analyzer import TOPICS
from analyzer.hl7 import NoMessage, Outcome, Profiles, Translator, stripped
from streams.hl7.facts import encode, topic_of
from streams.hl7.listening import Hl7Error, check_topics, stopped_by_signals
from streams.hl7.metrics import Hl7Metrics
from streams.hl7.serving import Serving
from streams.hl7.state import Record, State
from streams.kafka.failures import explained
from streams.kafka.permissions import called, translation_group, translation_topic
from streams.kafka.security import client_options
from streams.partitions.checkpoint import CheckpointError
from streams.partitions.sealing import CLEAR, Sealing
from streams.pseudonyms import pseudonyms, state_keys, warnings
from streams.service_manager import managed
from streams.settings import Settings, SettingsError

log = structlog.get_logger("alarm_fatigue")

MOST_AT_ONCE = 5000
"""Messages of one transaction."""
YIELD_EVERY = 500
"""The event loop gets a turn after this many messages, for heartbeats."""
FETCH_BYTES = 16 << 20
"""More than `MOST_AT_ONCE` messages, so that the next transaction does not wait for the broker."""
POLL_MS = 200
AGAIN_SECONDS = 1.0
READ_SECONDS = 30.0
NOTE_SECONDS = 5.0
BATCH_SECONDS = 45.0
"""A transaction that takes longer is aborted: the client may wait for an answer that was lost."""
_BATCH_BYTES = 512 << 10
_LONGEST_RECORD = 2 << 20


class Translation:
    """One partition of the topic `hl7`."""

    def __init__(
        self,
        settings: Settings,
        profiles: Profiles,
        metrics: Hl7Metrics,
        partition: int,
        sealing: Sealing = CLEAR,
        transactions: bool = True,
    ) -> None:
        self._settings = settings
        self._profiles = profiles
        self._metrics = metrics
        self._transactions = transactions
        self.partition = partition
        self.translator = Translator(profiles)
        self.next_offset: int | None = None
        self._producer: Any = None
        self._lost = 0
        self._state = State(sealing)

    async def begin(self) -> None:
        """Fence off the previous holder, and read the state.

        Raises `KafkaError`, and `CheckpointError` or `ValueError` for state that cannot be read.
        """
        group = translation_group(self._settings.group)
        self._producer = AIOKafkaProducer(
            **client_options(self._settings),
            transactional_id=f"{group}-{self.partition}" if self._transactions else None,
            acks="all",
            max_batch_size=_BATCH_BYTES,
            max_request_size=_LONGEST_RECORD,
        )
        await self._producer.start()
        place = TopicPartition(translation_topic(self._settings.group), self.partition)
        records = await read_committed(self._settings, place)
        self.translator, self.next_offset = self._state.restored(records, self._profiles)
        self._lost = self.translator.episodes.forgotten_ends
        self._metrics.open[self.partition] = self.translator.episodes.open

    async def end(self) -> None:
        """Release the partition."""
        self._metrics.open.pop(self.partition, None)
        self._metrics.lag.pop(self.partition, None)
        if self._producer is not None:
            try:
                async with asyncio.timeout(AGAIN_SECONDS * 5):
                    await self._producer.stop()
            except (KafkaError, TimeoutError):
                pass

    async def apply(self, records: Sequence[Any]) -> None:
        """Translate records in one transaction.

        Raises `KafkaError`. Then only the stored state counts; do not use this object again.
        """
        outgoing = _Outgoing(self._producer, self._settings)
        storing = _Outgoing(self._producer, self._settings)
        counted: list[tuple[Outcome, int]] = []
        for number, record in enumerate(records):
            if self.next_offset is not None and record.offset < self.next_offset:
                continue
            outcome = self.translator.translate(record.value or b"", _port(record.headers))
            counted.append((outcome, record.timestamp))
            for fact in outcome.facts:
                await outgoing.add(
                    topic_of(fact), fact.facility.encode(), encode(fact), record.timestamp
                )
            if outcome.refusal is not None:
                await outgoing.add(
                    "rejected",
                    record.key,
                    _kept(record.value),
                    record.timestamp,
                    _rejected(outcome, record),
                )
            if number % YIELD_EVERY == YIELD_EVERY - 1:
                await asyncio.sleep(0)
        after: int = records[-1].offset + 1
        topic = translation_topic(self._settings.group)
        now = int(time.time() * 1000)
        for key, value in self._state.changes(self.translator, after):
            await storing.add(topic, key, value, now, partition=self.partition)
        if self._transactions:
            await self._producer.begin_transaction()
        await outgoing.deliver()
        await storing.deliver()
        if self._transactions:
            await self._producer.commit_transaction()
        self._state.stored(self.translator)
        self.next_offset = after
        self._count(counted)

    def _count(self, counted: Iterable[tuple[Outcome, int]]) -> None:
        metrics, episodes = self._metrics, self.translator.episodes
        for outcome, arrived in counted:
            metrics.translated(outcome, arrived)
        metrics.open[self.partition] = episodes.open
        metrics.lost_ends += episodes.forgotten_ends - self._lost
        self._lost = episodes.forgotten_ends
        metrics.transactions += 1


class _Outgoing:
    """The records of one transaction by partition, in order."""

    def __init__(self, producer: Any, settings: Settings) -> None:
        self._producer = producer
        self._settings = settings
        self._batches: dict[tuple[str, int], list[BatchBuilder]] = {}
        self._places: dict[tuple[str, bytes | None], tuple[str, int]] = {}

    async def add(
        self,
        topic: str,
        key: bytes | None,
        value: bytes | None,
        stamp: int,
        headers: Sequence[tuple[str, bytes]] = (),
        partition: int | None = None,
    ) -> None:
        """Add a record to a topic (its name within the service); `stamp` in ms since 1970."""
        if partition is not None:
            place = topic, partition
        else:
            known = self._places.get((topic, key))
            place = known or await self._place(topic, key)
        batches = self._batches.setdefault(place, [])
        while not batches or (
            batches[-1].append(timestamp=stamp, key=key, value=value, headers=list(headers)) is None
        ):
            batches.append(self._producer.create_batch())  # the first record always fits

    async def _place(self, topic: str, key: bytes | None) -> tuple[str, int]:
        name = called(self._settings, topic)
        await self._producer.client._wait_on_metadata(name)
        number = int(self._producer._partition(name, None, key, None, key, None))
        self._places[topic, key] = name, number
        return name, number

    async def deliver(self) -> None:
        """Send all records; returns when the broker has stored them."""
        deliveries = []
        for (name, partition), batches in self._batches.items():
            for batch in batches:
                batch.close()
                deliveries.append(await self._producer.send_batch(batch, name, partition=partition))
        for delivery in deliveries:
            await delivery


async def read_committed(settings: Settings, place: TopicPartition) -> list[Record]:
    """All committed records of a partition, in order. Raises `KafkaError`."""
    consumer = AIOKafkaConsumer(
        **client_options(settings), enable_auto_commit=False, isolation_level="read_committed"
    )
    await consumer.start()
    try:
        consumer.assign([place])
        await consumer.seek_to_beginning(place)
        end = (await consumer.end_offsets([place]))[place]
        found: list[Record] = []
        deadline = time.monotonic() + READ_SECONDS
        while await consumer.position(place) < end:
            records = await consumer.getmany(place, timeout_ms=POLL_MS)
            for one in records.get(place, ()):
                found.append((one.key, one.value))
                deadline = time.monotonic() + READ_SECONDS
            if time.monotonic() > deadline:
                raise KafkaError(f"{place.topic}: the broker does not give the stored state")
        return found
    finally:
        await consumer.stop()


class Translating(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka has no types
    """Translates all partitions that this process holds."""

    def __init__(
        self,
        settings: Settings,
        profiles: Profiles,
        metrics: Hl7Metrics,
        sealing: Sealing = CLEAR,
        transactions: bool = True,
    ) -> None:
        self._settings = settings
        self._profiles = profiles
        self._sealing = sealing
        self._transactions = transactions
        self.metrics = metrics
        self.held: dict[TopicPartition, Translation] = {}
        self._lock = asyncio.Lock()
        self._consumer: Any = None
        self.joined = False
        self._noted: dict[TopicPartition, float] = {}

    async def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        async with self._lock:
            await asyncio.gather(*(self._drop(place) for place in set(revoked)))

    async def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        self.joined = True
        log.info("partitions", held=sorted(one.partition for one in assigned))

    async def run(self, stop: asyncio.Event) -> None:
        """Translate until `stop` is set. Raises `Hl7Error`."""
        topic = called(self._settings, "hl7")
        self._consumer = AIOKafkaConsumer(
            **client_options(self._settings),
            group_id=translation_group(self._settings.group),
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            isolation_level="read_committed",
            fetch_max_wait_ms=POLL_MS,
            max_partition_fetch_bytes=FETCH_BYTES,
        )
        try:
            await self._consumer.start()
        except KafkaError as error:
            await self._consumer.stop()
            raise Hl7Error(
                await explained(self._settings, error, "Read", "hl7")
                or f"no Kafka broker answers at {self._settings.broker} ({type(error).__name__})"
            ) from None
        self._consumer.subscribe([topic], listener=self)
        try:
            while not stop.is_set():
                await self._step()
        finally:
            await self._consumer.stop()
            for place in list(self.held):
                await self._drop(place)

    async def _step(self) -> None:
        try:
            found = await self._consumer.getmany(timeout_ms=POLL_MS, max_records=MOST_AT_ONCE)
        except KafkaError as error:
            log.warning("the topic hl7 cannot be read", error=type(error).__name__)
            await asyncio.sleep(AGAIN_SECONDS)
            return
        async with self._lock:
            for place, records in found.items():
                if place not in self._consumer.assignment():
                    continue
                try:
                    async with asyncio.timeout(BATCH_SECONDS):
                        await self._translate(place, records)
                except (KafkaError, TimeoutError) as error:
                    log.warning(
                        "a batch is translated again",
                        partition=place.partition,
                        error=type(error).__name__,
                    )
                    await self._drop(place)
                    if place in self._consumer.assignment():
                        self._consumer.seek(place, records[0].offset)
                    await asyncio.sleep(AGAIN_SECONDS)

    async def _translate(self, place: TopicPartition, records: Sequence[Any]) -> None:
        one = self.held.get(place)
        if one is None:
            one = self.held[place] = Translation(
                self._settings,
                self._profiles,
                self.metrics,
                place.partition,
                self._sealing,
                self._transactions,
            )
            try:
                await one.begin()
            except (CheckpointError, ValueError) as error:
                raise Hl7Error(f"{translation_topic(self._settings.group)}: {error}") from None
            log.info(
                "state restored",
                partition=place.partition,
                open_alarms=one.translator.episodes.open,
                next_offset=one.next_offset,
            )
            if one.next_offset not in (None, records[0].offset):
                self._consumer.seek(place, one.next_offset)
                return
        await one.apply(records)
        highwater = self._consumer.highwater(place)
        if highwater is not None and one.next_offset is not None:
            self.metrics.lag[place.partition] = max(0, highwater - one.next_offset)
            await self._note(place, one.next_offset)

    async def _note(self, place: TopicPartition, offset: int) -> None:
        """Commit the offset, for people who look at the lag. A restart uses the stored state."""
        if time.monotonic() - self._noted.get(place, 0.0) < NOTE_SECONDS:
            return
        self._noted[place] = time.monotonic()
        try:
            async with asyncio.timeout(NOTE_SECONDS):
                await self._consumer.commit({place: offset})
        except (KafkaError, TimeoutError) as error:
            log.info("commit", error=type(error).__name__)

    async def _drop(self, place: TopicPartition) -> None:
        one = self.held.pop(place, None)
        if one is not None:
            await one.end()


def _port(headers: Sequence[tuple[str, bytes]]) -> int | None:
    for name, value in headers:
        if name == "port" and value.isdigit() and len(value) < 6:
            return int(value)
    return None


def _kept(value: bytes | None) -> bytes:
    """A rejected message without patient data; empty if it cannot be parsed."""
    try:
        return stripped(value or b"")
    except NoMessage:
        return b""


def _rejected(outcome: Outcome, record: Any) -> list[tuple[str, bytes]]:
    assert outcome.refusal is not None
    detail = f"{outcome.refusal.field}: expected {outcome.refusal.expected}"
    return [
        ("reason", b"malformed"),
        ("detail", detail.encode()),
        ("topic", b"hl7"),
        ("partition", str(record.partition).encode()),
        ("offset", str(record.offset).encode()),
    ]


async def translate(
    settings: Settings,
    profiles: Profiles,
    web: tuple[str, int],
    *,
    transactions: bool = True,
) -> None:
    """Translate until SIGTERM or Ctrl-C. Raises `Hl7Error`."""
    wanted = ["hl7", *TOPICS, "rejected", translation_topic(settings.group)]
    found = check_topics(settings, "hl7 translate", wanted)
    if found["hl7"] != found[translation_topic(settings.group)]:
        raise Hl7Error(
            f"topic {translation_topic(settings.group)}: {found[translation_topic(settings.group)]}"
            f" partitions, but {called(settings, 'hl7')} has {found['hl7']}"
        )
    try:
        pseudonyms(settings)  # creates a key for this account if none is configured
        sealing = Sealing(*state_keys(settings))
    except SettingsError as error:
        raise Hl7Error(str(error)) from None
    for line in warnings(settings):
        log.warning(line)
    stop = stopped_by_signals()
    metrics = Hl7Metrics()
    translating = Translating(settings, profiles, metrics, sealing, transactions)
    serving = Serving(metrics, lambda: translating.joined)
    try:
        await serving.start(*web)
    except OSError as error:
        raise Hl7Error(f"cannot serve on {web[0]}:{web[1]}: {error.strerror}") from None
    try:
        log.info("translating HL7", broker=settings.broker, metrics=f"http://{web[0]}:{web[1]}")
        async with managed(f"translating HL7, metrics on {web[0]}:{web[1]}"):
            await translating.run(stop)
    finally:
        await serving.stop()
