"""Junk and overwritten state in the checkpoint topic keep no worker from starting."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import zstandard
from aiokafka import AIOKafkaProducer

from streams.dev.broker import Broker
from tests.harness.batches import Batch
from tests.harness.real_topics import (
    CHECKPOINTS,
    produce,
    restart,
    send,
    send_raw,
    wait_for,
    wait_until_stored,
)
from tests.harness.workers import WorkerProcess, events, eventually, read

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
