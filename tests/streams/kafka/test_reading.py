"""What a real broker may hold: every codec, transactions, bombs, and junk where the state is
stored. The worker reads what there is.
"""

from __future__ import annotations

import asyncio
import gzip
import json
import re
from collections.abc import Awaitable, Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
import zstandard
from aiokafka import AIOKafkaProducer
from aiokafka.producer.message_accumulator import BatchBuilder
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from kafka import KafkaAdminClient
from kafka.admin import ConfigResource, ConfigResourceType

from analyzer import TOPICS, Topic
from streams.dev.broker import Broker
from streams.kafka.inflate import INFLATED_BYTES
from streams.kafka.topics import checkpoint_topic
from tests.harness.batches import Batch, sealed
from tests.harness.workers import WorkerProcess, events, eventually, new_topics, read

AT = 1_767_225_600_000  # 2026-01-01
CHECKPOINTS = checkpoint_topic("alarm-fatigue")
KEY = b"H01"


@pytest.fixture
def broker(apache_kafka: Broker) -> Broker:
    new_topics(apache_kafka, partitions=1)
    return apache_kafka


@pytest.fixture
def worker(broker: Broker, tmp_path: Path) -> Iterator[WorkerProcess]:
    with WorkerProcess(broker, tmp_path) as one:
        yield one


def fact(topic: Topic, number: int) -> bytes:
    fields: dict[str, Any] = {"event_id": f"{topic}-{number}", "facility": "H01", "at": AT + number}
    fields |= {
        "alarms": {
            "alarm_id": f"a{number}",
            "phase": "start",
            "unit": "ICU",
            "bed": "1",
            "device_id": "mon-1",
            "device_type": "monitor",
            "code": "MDC_EVT_LO",
            "kind": "physiological",
            "priority": "high",
        },
        "assignments": {
            "assignment_id": f"s{number}",
            "unit": "ICU",
            "bed": "1",
            "clinician": "ann",
            "from": AT - 1000,
        },
        "responses": {"action": "attend", "bed": "1"},
        "labels": {"alarm_id": f"a{number}", "verdict": "actionable"},
    }[topic]
    return json.dumps(fields).encode()


Client = Callable[..., Any]


def produce(
    broker: Broker, work: Callable[[AIOKafkaProducer], Awaitable[None]], **settings: Any
) -> None:
    """Have `work` done with a producer."""

    async def run() -> None:
        client = AIOKafkaProducer(
            bootstrap_servers=broker.address,
            max_request_size=64 << 20,
            transaction_timeout_ms=300_000,
            **settings,
        )
        await client.start()
        try:
            await work(client)
        finally:
            await client.stop()

    asyncio.run(run())


async def send(client: AIOKafkaProducer, numbers: Iterable[int], topic: Topic = "alarms") -> None:
    for sent in [
        await client.send(topic, fact(topic, number), KEY, timestamp_ms=AT + number)
        for number in numbers
    ]:
        await sent


class RawBatch(BatchBuilder):
    """A batch of given bytes, as far as the broker lets it pass."""

    def __init__(self, raw: bytes, records: int) -> None:
        super().__init__(1 << 30, 0)
        self.raw, self._relative_offset, self._closed = raw, records, True

    def _build(self) -> bytes:
        return self.raw

    def record_count(self) -> int:
        return self._relative_offset


def send_raw(broker: Broker, *batches: bytes, topic: str = "alarms") -> None:
    async def work(client: AIOKafkaProducer) -> None:
        for raw in batches:
            await (await client.send_batch(RawBatch(raw, 1), topic, partition=0))

    produce(broker, work)


def stamped(raw: bytes, stamp: int) -> bytes:
    """A batch whose first record has this time, and the others as much later as they were."""
    earlier = int.from_bytes(raw[35:43], "big") - int.from_bytes(raw[27:35], "big")
    times = b"".join(one.to_bytes(8, "big", signed=True) for one in (stamp, stamp + earlier))
    return sealed(bytearray(raw[:27] + times + raw[43:]))


def wait_for(worker: WorkerProcess, accepted: int, topic: Topic = "alarms") -> None:
    """So many are accepted, nothing waits, and the worker says that it is ready."""

    def taken_in() -> bool:
        return (
            events(worker.numbers).get((topic, "accepted")) == accepted
            and lag(worker) == 0
            and worker.ready
        )

    eventually(taken_in, f"{accepted} {topic} are accepted")


def lag(worker: WorkerProcess, name: str = "alarm_fatigue_consumer_lag_records") -> float:
    return sum(value for (metric, _), value in worker.numbers.items() if metric == name)


def unreadable(worker: WorkerProcess) -> dict[str, float]:
    name = "alarm_fatigue_unreadable_batches_total"
    return {
        dict(labels)["topic"]: value
        for (metric, labels), value in worker.numbers.items()
        if metric == name and value
    }


def wait_until_stored(broker: Broker, worker: WorkerProcess) -> None:
    before = len(read(broker, CHECKPOINTS))
    produce(broker, lambda client: send(client, [0], "labels"))  # something changes
    eventually(
        lambda: len(read(broker, CHECKPOINTS)) > before and lag(worker) == 0, "the state is stored"
    )


def restart(worker: WorkerProcess) -> None:
    assert worker.stop() == 0
    worker.start().wait_until_ready()


# --- codecs


def test_every_codec_is_read_in_every_topic_from_producers_and_from_brokers_that_compress(
    broker: Broker, worker: WorkerProcess
) -> None:
    """Topics with a codec of their own are compressed by the broker, in Java: snappy with its own
    framing, LZ4 in its own blocks.
    """
    codecs = [None, "gzip", "snappy", "lz4", "zstd"]
    for round_, topic_codec in enumerate(["producer", "gzip", "snappy", "lz4", "zstd"]):
        compress_topics(broker, topic_codec)
        for turn, codec in enumerate(codecs):
            first = 10 * (round_ * len(codecs) + turn)

            async def work(client: AIOKafkaProducer, first: int = first) -> None:
                for topic in TOPICS:
                    await send(client, range(first, first + 10), topic)

            produce(broker, work, compression_type=codec)
    for topic in TOPICS:
        wait_for(worker, 250, topic)
    assert unreadable(worker) == {}
    restart(worker)
    wait_for(worker, 250)


def compress_topics(broker: Broker, codec: str) -> None:
    admin = KafkaAdminClient(bootstrap_servers=broker.address)
    try:
        admin.alter_configs(
            [
                ConfigResource(ConfigResourceType.TOPIC, topic, {"compression.type": codec})
                for topic in TOPICS
            ]
        )
    finally:
        admin.close()


# --- transactions


def test_records_of_aborted_transactions_do_not_exist(
    broker: Broker, worker: WorkerProcess
) -> None:
    async def work(client: AIOKafkaProducer) -> None:
        async with client.transaction():
            await send(client, range(10))
        await client.begin_transaction()
        await send(client, range(100, 110))
        await client.abort_transaction()

    produce(broker, work, transactional_id="t")
    wait_for(worker, 10)  # an aborted tail and its marker leave no lag
    restart(worker)
    wait_for(worker, 10)
    assert set(events(worker.numbers)) == {("alarms", "accepted")}

    async def interleaved(client: AIOKafkaProducer) -> None:
        for turn in range(4):
            await client.begin_transaction()
            await send(client, range(200 + 10 * turn, 205 + 10 * turn))
            await asyncio.to_thread(
                produce,
                broker,
                lambda plain, turn=turn: send(plain, range(205 + 10 * turn, 210 + 10 * turn)),
            )
            await (client.commit_transaction() if turn % 2 else client.abort_transaction())

    produce(broker, interleaved, transactional_id="t")
    wait_for(worker, 10 + 4 * 5 + 2 * 5)
    restart(worker)
    wait_for(worker, 40)


def test_an_open_transaction_holds_back_what_follows_and_that_is_said_and_is_no_lag(
    broker: Broker, worker: WorkerProcess
) -> None:
    async def work(client: AIOKafkaProducer) -> None:
        await client.begin_transaction()
        await send(client, range(5))
        await asyncio.to_thread(produce, broker, lambda plain: send(plain, range(10, 20)))
        check()  # a worker dies with the thread that started it, so in this one
        await client.commit_transaction()

    def check() -> None:
        def is_said() -> bool:
            return (
                lag(worker, "alarm_fatigue_consumer_uncommitted_records") == 15
                and lag(worker) == 0
                and worker.ready
            )

        eventually(is_said, "what cannot be read yet is said")
        restart(worker)
        eventually(is_said, "and after a restart")
        eventually(
            lambda: lag(worker, "alarm_fatigue_consumer_held_back_seconds") >= 2,
            "for how long is said",
        )
        assert events(worker.numbers) == {}

    produce(broker, work, transactional_id="open")
    wait_for(worker, 15)
    assert lag(worker, "alarm_fatigue_consumer_uncommitted_records") == 0
    eventually(
        lambda: lag(worker, "alarm_fatigue_consumer_held_back_seconds") == 0,
        "nothing is held back any longer",
    )


# --- what cannot be read


def test_what_the_broker_lets_pass_and_nobody_can_read_is_skipped_and_what_surrounds_it_counts(
    broker: Broker, worker: WorkerProcess
) -> None:
    produce(broker, lambda client: send(client, range(5)))
    bombs = [
        Batch([(0, KEY, bytes(64 << 20))], 1, codec=codec).build(0) for codec in ("gzip", "zstd")
    ]
    send_raw(broker, *bombs)
    produce(broker, lambda client: send(client, range(5, 10)), compression_type="lz4")
    long = Batch(
        [
            (0, KEY, b'"' + bytes(20 << 20)),
            (1, KEY, fact("alarms", 10)),
            (2, None, None),
            (3, None, fact("alarms", 11)),
        ],
        4,
    )
    long.codec = "gzip"
    send_raw(broker, stamped(long.build(0), AT))
    produce(broker, lambda client: send(client, range(12, 15)), compression_type="snappy")
    wait_for(worker, 15)
    for _ in range(2):
        assert events(worker.numbers) == {("alarms", "accepted"): 15, ("alarms", "malformed"): 2}
        assert memory_of(worker) < 500
        restart(worker)
        wait_for(worker, 15)
    lines = [one for one in worker.words if one["event"].startswith("a batch cannot be read")]
    assert [(one["topic"], one["partition"], one["offsets"], one["size"]) for one in lines] == [
        ("alarms", 0, [5, 6], len(bombs[0])),
        ("alarms", 0, [6, 7], len(bombs[1])),
    ]
    assert {one["reason"] for one in lines} == {f"more than {INFLATED_BYTES} bytes when inflated"}
    kept = {dict(one.headers)["offset"]: one for one in read(broker, "rejected")}
    assert {offset: dict(one.headers)["reason"] for offset, one in kept.items()} == dict.fromkeys(
        [b"5", b"6", b"12", b"14"], b"malformed"
    )
    headers = {name: value.decode() for name, value in kept[b"5"].headers}
    assert re.fullmatch(
        r"batch: expected readable records, found none from here to offset 5: more than \d+ "
        r"bytes.*",
        headers.pop("detail"),
    )
    assert headers == {
        "reason": "malformed",
        "topic": "alarms",
        "partition": "0",
        "offset": "5",
        "truncated": "true",
        "original_size": str(len(bombs[0])),
    }
    assert bombs[0].endswith(kept[b"5"].value[61:] + bombs[0][len(kept[b"5"].value) :])


def memory_of(worker: WorkerProcess) -> float:
    """Greatest resident memory so far, MB."""
    [peak] = [
        line.split()[1]
        for line in Path(f"/proc/{worker.pid}/status").read_text().splitlines()
        if line.startswith("VmHWM")
    ]
    return int(peak) / 1024


def test_headers_that_are_no_text_and_records_without_a_timestamp_stop_nothing(
    broker: Broker, worker: WorkerProcess
) -> None:
    builder = DefaultRecordBatchBuilder(2, 0, 0, -1, -1, -1, 1 << 20)
    builder.append(0, 0, KEY, fact("alarms", 4), [("xx", b"\xff\0")])
    odd = bytearray(builder.build())
    place = odd.index(b"xx")
    odd[place : place + 2] = b"\xff\xfe"
    send_raw(
        broker,
        stamped(bytes(odd), AT),
        stamped(Batch([(0, KEY, fact("alarms", 0))], 1).build(0), -1),
    )
    produce(broker, lambda client: send(client, range(1, 4)))
    wait_for(worker, 4)
    [kept] = eventually(lambda: read(broker, "rejected"), "the one without a timestamp is rejected")
    assert dict(kept.headers)["reason"] == b"future"
    assert dict(kept.headers)["detail"].startswith(b"timestamp: the record has none")


# --- junk where the state is

JUNK: list[tuple[bytes, bytes | None]] = [
    (b"", b""),
    (b"\xff\xfe\0key", b"\x80"),
    (b"key", b'{"a": 1}'),
    (b"[1, 2]", b"[]"),
    (b"null", None),
    (b"[" * 100_000, b"deep"),
    (b'["manifest"]', b"no writer"),
    (b'["manifest","x"]', b"nobody's"),
    (b'["manifest","000000000001"]', b""),
    (b'["manifest","000000000002"]', b"no zstd"),
    (b'["manifest","000000000003"]', zstandard.compress(b"\xc1 no msgpack")),
    # of another shape
    (b'["manifest","000000000004"]', zstandard.compress(b"\x81\xa7version\x03")),
    (b'["manifest","000000000005"]', zstandard.compress(bytes(1 << 30))),  # a bomb
    (b'["manifest","000000000006"]', zstandard.compress(b"\x91" * 100_000)),  # deep
    (b'["shard","000000000007",1,"head",0,0]', b"of nobody"),
    (b'["shard","x",1,"head",0]', b"of another shape"),
]


def send_junk(broker: Broker) -> None:
    async def work(client: AIOKafkaProducer) -> None:
        async with client.transaction():
            for key, value in JUNK:
                await (await client.send(CHECKPOINTS, value, key, partition=0))
        await client.begin_transaction()
        await (await client.send(CHECKPOINTS, b"aborted", b"x", partition=0))
        await client.abort_transaction()

    produce(broker, work, transactional_id="junk", compression_type="gzip")
    bomb = Batch([(0, b"k", bytes(64 << 20))], 1, codec="gzip").build(0)
    send_raw(broker, bomb, topic=CHECKPOINTS)


def test_junk_in_the_checkpoint_topic_keeps_no_worker_from_starting_nor_from_its_state(
    broker: Broker, tmp_path: Path
) -> None:
    send_junk(broker)
    produce(broker, lambda client: send(client, range(10)))
    with WorkerProcess(broker, tmp_path) as worker:
        wait_for(worker, 10)
        wait_until_stored(broker, worker)
        send_junk(broker)
        restart(worker)
        wait_for(worker, 10)
        produce(broker, lambda client: send(client, range(10, 20)))
        wait_for(worker, 20)
        assert events(worker.numbers)["alarms", "accepted"] == 20
        lines = [
            one
            for one in worker.words
            if one["event"].startswith("a record in the checkpoint topic is no stored state")
        ]
        assert {(one["topic"], one["partition"]) for one in lines} == {(CHECKPOINTS, 0)}
        assert {one["key"] for one in lines} >= {
            "",
            b"\xff\xfe\0key".hex(),
            b"[1, 2]".hex(),
            (b"[" * 16).hex(),
        }
        told = "".join(one["event"] for one in worker.words)
        assert "is no manifest (no zstd data)" in told
        assert "is no manifest (more than 16777216 bytes when inflated)" in told
        assert [
            one
            for one in worker.words
            if one["level"] == "error" and "a batch cannot be read" not in one["event"]
        ] == []


def test_state_that_is_overwritten_is_said_with_its_place_and_what_to_do(
    broker: Broker, tmp_path: Path
) -> None:
    produce(broker, lambda client: send(client, range(10)))
    with WorkerProcess(broker, tmp_path) as worker:
        wait_for(worker, 10)
        wait_until_stored(broker, worker)
        assert worker.stop() == 0
        found = {one.key: one.value for one in read(broker, CHECKPOINTS) if one.key is not None}
        [manifest] = [
            key
            for key, value in found.items()
            if json.loads(key)[0] == "manifest" and value is not None
        ]

        async def work(client: AIOKafkaProducer) -> None:
            await (await client.send(CHECKPOINTS, gzip.compress(b"junk"), manifest, partition=0))

        produce(broker, work)
        offset = read(broker, CHECKPOINTS)[-1].offset
        worker.start()
        eventually(lambda: not worker.running, "the worker ends")
        last = worker.log.read_text().splitlines()[-1]
        assert last == (
            f"error: stopped by a failure: {CHECKPOINTS}, partition 0, offset {offset}: "
            "stored state cannot be read (no zstd data): "
            "start a new group to compute everything again"
        )
