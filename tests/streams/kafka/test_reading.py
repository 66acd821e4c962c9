"""A worker reads what a real broker may hold: every codec, transactions, bombs and damage."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

from aiokafka import AIOKafkaProducer
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from kafka import KafkaAdminClient
from kafka.admin import ConfigResource, ConfigResourceType

from analyzer import TOPICS
from streams.dev.broker import Broker
from streams.kafka.inflate import INFLATED_BYTES
from tests.harness.batches import Batch
from tests.harness.real_topics import (
    AT,
    KEY,
    fact,
    lag,
    produce,
    restart,
    send,
    send_raw,
    stamped,
    unreadable,
    wait_for,
)
from tests.harness.workers import WorkerProcess, events, eventually, read


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


def test_unreadable_batches_on_the_broker_are_skipped_and_their_neighbours_count(
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
