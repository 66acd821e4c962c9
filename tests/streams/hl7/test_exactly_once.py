"""On a real Kafka, `hl7 listen` and `hl7 translate` that are killed lose and double nothing."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from kafka import KafkaConsumer, TopicPartition

from analyzer.hl7 import Translator
from streams.dev.broker import ApacheKafka, free_port
from streams.hl7.facts import encode, topic_of
from tests.analyzer.hl7.messages import PATIENT, adt, alert, message, rol
from tests.harness.brokers import new_apache_kafka
from tests.harness.workers import eventually, run

BEDS = 50


class Process:
    """A command of the service as a process."""

    def __init__(self, folder: Path, name: str, *arguments: object) -> None:
        self.log = folder / f"{name}.log"
        self._command = [sys.executable, "-m", "streams.cli.main", *map(str, arguments)]
        self.start()

    def start(self) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(self._command, stdout=log, stderr=log)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(30)


@pytest.fixture
def kafka() -> Iterator[ApacheKafka]:
    with new_apache_kafka() as broker:
        assert run("topics", "--broker", broker.address, "--partitions", "2").status == 0
        yield broker


class Gateway:
    """Sends messages one after the other, and again until each is acknowledged."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._line: socket.socket | None = None
        self.repeated = 0

    def send(self, data: bytes) -> None:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            try:
                if self._line is None:
                    self._line = socket.create_connection(("127.0.0.1", self._port), 10)
                self._line.sendall(b"\x0b" + data + b"\x1c\r")
                answer = b""
                while not answer.endswith(b"\x1c\r"):
                    some = self._line.recv(4096)
                    if not some:
                        raise ConnectionError
                    answer += some
                if b"MSA|CA|" in answer:
                    return
            except OSError:
                self._line = None
            self.repeated += 1
            time.sleep(0.05)
        raise AssertionError("a message was never acknowledged")


def committed(broker: ApacheKafka, topics: Sequence[str]) -> dict[str, list[str]]:
    """The values of all committed records, by topic."""
    found = records(broker, topics)
    return {topic: [value.decode() for _, value in some] for topic, some in found.items()}


def records(broker: ApacheKafka, topics: Sequence[str]) -> dict[str, list[tuple[bytes, bytes]]]:
    """Keys and values of all committed records, by topic; a deletion has an empty value."""
    consumer = KafkaConsumer(
        bootstrap_servers=broker.address, isolation_level="read_committed", enable_auto_commit=False
    )
    try:
        places = [TopicPartition(one, number) for one in topics for number in (0, 1)]
        consumer.assign(places)
        consumer.seek_to_beginning(*places)
        found: dict[str, list[tuple[bytes, bytes]]] = {one: [] for one in topics}
        quiet = 0
        while quiet < 3:
            batches = consumer.poll(timeout_ms=300)
            quiet = 0 if batches else quiet + 1
            for place, some in batches.items():
                found[place.topic] += [(one.key or b"", one.value or b"") for one in some]
        return found
    finally:
        consumer.close()


def story() -> list[bytes]:
    """50 alarms that start at two hospitals, are silenced, last, and end."""

    def of(number: int, phase: str, second: int, **more: str) -> bytes:
        now = f"2026030112{second // 60:02}{second % 60:02}+0000"
        return alert(
            phase,
            id_=f"a-very-long-alert-id-{number:02}",
            place=f"ICU^^B{number}",
            facility=f"H{number % 2}",
            onset=now if phase != "continue" else "20260301120000+0000",
            time=now,
            **more,
        )

    found = [of(number, "start", number) for number in range(BEDS)]
    found += [
        of(number, "continue", 60 + number, inactivation="audio-paused") for number in range(BEDS)
    ]
    found += [of(number, "end", 120 + number, state="inactive") for number in range(BEDS)]
    return found


def expected(messages: Sequence[bytes]) -> dict[str, list[str]]:
    translator = Translator()
    found: dict[str, list[str]] = {"alarms": [], "responses": []}
    for one in messages:
        for fact in translator.translate(one).facts:
            found[topic_of(fact)].append(encode(fact).decode())
    return {topic: sorted(values) for topic, values in found.items()}


def test_killed_at_any_point_they_lose_and_double_nothing(
    kafka: ApacheKafka, tmp_path: Path
) -> None:
    port = free_port()
    listening = Process(
        tmp_path,
        "listen",
        *("hl7", "listen", "--port", port, "--broker", kafka.address),
        *("--metrics-port", free_port()),
    )
    one, two = (
        Process(
            tmp_path,
            name,
            *("hl7", "translate", "--broker", kafka.address, "--metrics-port", free_port()),
        )
        for name in ("one", "two")
    )
    messages, gateway = story(), Gateway(port)
    try:
        for number, data in enumerate(messages):
            gateway.send(data)
            if number % 7 == 3:
                gateway.send(data)  # an acknowledgement that got lost
            if number % 40 == 20:
                listening.kill()
                listening.start()
            if number % 30 == 10:
                victim = one if number % 60 == 10 else two
                victim.kill()
                victim.start()
        wanted = expected(messages)

        def complete() -> bool:
            found = committed(kafka, ["alarms", "responses"])
            return {topic: len(values) for topic, values in found.items()} == {
                topic: len(values) for topic, values in wanted.items()
            }

        eventually(complete, "all facts are there", 120)
        time.sleep(2)  # what would come twice comes now
        found = committed(kafka, ["alarms", "responses", "rejected"])
        assert sorted(found["alarms"]) == wanted["alarms"]
        assert sorted(found["responses"]) == wanted["responses"]
        assert found["rejected"] == []
        assert listening.stop() == one.stop() == two.stop() == 0
    finally:
        for process in (listening, one, two):
            process.kill()


def test_a_broker_that_goes_and_comes_back_and_what_is_malformed(
    kafka: ApacheKafka, tmp_path: Path
) -> None:
    port = free_port()
    listening = Process(
        tmp_path,
        "listen",
        *("hl7", "listen", "--port", port, "--broker", kafka.address),
        *("--metrics-port", free_port()),
    )
    translating = Process(
        tmp_path,
        "translate",
        *("hl7", "translate", "--broker", kafka.address, "--metrics-port", free_port()),
    )
    try:
        gateway = Gateway(port)
        gateway.send(adt(rol("AD", person="nurse-4711")))
        gateway.send(alert("start"))
        eventually(lambda: committed(kafka, ["alarms"])["alarms"], "the start is there")
        kafka.kill()
        with socket.create_connection(("127.0.0.1", port), 20) as line:
            line.sendall(b"\x0b" + alert("end", state="inactive", control="9") + b"\x1c\r")
            assert b"MSA|CE|9" in line.recv(4096)
        kafka.start()
        end = "20260301120009+0000"
        gateway.send(alert("end", state="inactive", onset=end, time=end))
        gateway.send(message(PATIENT, "OBR|1", "OBX|1|ST|8251-1^Note||Canarysson"))
        found = eventually(
            lambda: (
                one
                if len((one := committed(kafka, ["alarms", "rejected"]))["alarms"]) >= 2
                and one["rejected"]
                else None
            ),
            "the end is there",
            120,
        )
        start, last = map(json.loads, found["alarms"])
        assert (start["phase"], last["phase"]) == ("start", "end")
        assert start["alarm_id"] == last["alarm_id"]
        assert "anary" not in found["rejected"][0]
        [assigned] = committed(kafka, ["assignments"])["assignments"]
        assert json.loads(assigned)["clinician"] == "nurse-4711"
        stored = records(kafka, ["alarm-fatigue-hl7-state"])["alarm-fatigue-hl7-state"]
        assert len(stored) > 3
        assert not [one for one in stored if b"nurse-4711" in one[0] + one[1]]
    finally:
        for process in (listening, translating):
            process.kill()
