"""The command `rejected` on a real Apache Kafka: what it shows, what it keeps to itself, and what it sends again."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer

from streams.broker import Broker
from tests.brokers import new_apache_kafka
from tests.workers import Done, WorkerProcess, events, eventually, new_topics, read, run

ALARM = {
    "event_id": "e1", "alarm_id": "a1", "phase": "start", "facility": "H1", "unit": "ICU", "bed": "1", "device_id": "mon-1",
    "device_type": "monitor", "code": "MDC_EVT_LO", "kind": "physiological", "priority": "high",
}  # fmt: skip
SECRET = "Mrs Q"


@pytest.fixture(scope="module")
def broker() -> Iterator[Broker]:
    with new_apache_kafka() as own:
        new_topics(own, 1)
        yield own


async def _produce(broker: Broker, values: list[bytes], headers: list[tuple[str, bytes]]) -> None:
    async with AIOKafkaProducer(bootstrap_servers=broker.address) as producer:
        for value in values:
            await producer.send_and_wait("alarms", value, key=b"H1", headers=headers)


def produce(broker: Broker, *values: bytes, headers: list[tuple[str, bytes]] | None = None) -> None:
    asyncio.run(_produce(broker, list(values), headers or []))


def rejected(broker: Broker, *arguments: str) -> Done:
    name, *more = arguments
    return run("rejected", name, "--broker", broker.address, *more)


def test_list_show_and_replay(broker: Broker, tmp_path: Path) -> None:
    bad = json.dumps(ALARM | {"at": "2026-03-01T07:00:00Z", "phase": "begin", "label": SECRET}).encode()
    hostile = b"\x1b[2J" + SECRET.encode()
    with WorkerProcess(broker, tmp_path, clock="event") as worker:
        worker.wait_until_ready()
        produce(broker, bad, hostile)
        eventually(lambda: events(worker.numbers).get(("alarms", "malformed")) == 2, "both are rejected")
        eventually(lambda: len(read(broker, "rejected")) == 2, "both are in the topic")

        listed = rejected(broker, "list", "--reason", "malformed", "--since", "1h")
        assert (listed.status, listed.err) == (0, "2 malformed\n")
        lines = listed.out.decode().splitlines()
        assert [line.split("  ")[0] for line in lines] == ["0/0", "0/1"]
        assert lines[0].endswith("malformed  H1  alarms/0/0  phase: expected one of start, update, end")
        assert listed.err == "2 malformed\n"
        assert SECRET not in listed.out.decode()

        with_values = rejected(broker, "list", "--values").out.decode()
        assert SECRET in with_values
        assert "\x1b" not in with_values
        assert "\\x1b[2J" in with_values

        shown = rejected(broker, "show", "0/0")
        assert (shown.status, SECRET in shown.out.decode()) == (0, False)
        assert "reason       malformed" in shown.out.decode()
        assert rejected(broker, "show", "0/99").err.startswith("error: 0/99: no such record")
        assert rejected(broker, "list", "--facility", "H2").err == "nothing rejected\n"
        assert rejected(broker, "list", "--since", "2030-01-01T00:00:00Z").err == "nothing rejected\n"
        as_json = [json.loads(line) for line in rejected(broker, "list", "--json").out.splitlines()]
        assert [one["headers"]["reason"] for one in as_json] == ["malformed", "malformed"]

        dry = rejected(broker, "replay", "--dry-run")
        assert (dry.status, dry.out) == (0, b"would send: 2 malformed to alarms\n")
        assert rejected(broker, "replay").status == 2  # nobody can be asked
        assert rejected(broker, "replay", "--yes", "--max", "1").status == 1
        assert len(read(broker, "alarms")) == 2

        sent = rejected(broker, "replay", "--yes")
        assert (sent.status, sent.out.decode().splitlines()[-1]) == (0, "2 records sent")
        assert [(one.key, one.value, one.headers) for one in read(broker, "alarms")[2:]] == [
            (b"H1", bad, [("replayed", b"1")]),
            (b"H1", hostile, [("replayed", b"1")]),
        ]
        eventually(lambda: len(read(broker, "rejected")) == 4, "both are rejected again")

        again = rejected(broker, "replay", "--yes")
        assert again.out.decode().splitlines() == ["passed over: 4 sent again before, and rejected again", "nothing to send"]


def test_what_cannot_be_done_is_one_line(broker: Broker) -> None:
    for arguments, status, line in [
        (("list", "--broker", "127.0.0.1:9"), 1, "error: no Kafka broker answers at 127.0.0.1:9"),
        (("list", "--broker", broker.address, "--reason", "odd"), 2, "error: --reason: expected one of"),
        (("list", "--broker", broker.address, "--topic", "odd"), 2, "error: --topic: expected one of"),
        (("list", "--broker", broker.address, "--since", "soon"), 2, "error: --since: expected"),
        (("show", "one", "--broker", broker.address), 2, "error: PARTITION/OFFSET: expected"),
    ]:
        done = run("rejected", *arguments)
        assert (done.status, done.err.splitlines()[-1].startswith(line)) == (status, True), done.err


def test_a_broker_without_the_topic_says_what_to_do() -> None:
    with new_apache_kafka() as empty:
        done = rejected(empty, "list")
    assert (done.status, done.err.splitlines()[-1]) == (
        1,
        f"error: the broker at {empty.address} has no topic rejected; run: alarm-fatigue topics --broker {empty.address}",
    )
