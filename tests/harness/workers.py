"""Tools with which tests drive the service: commands in this process, workers in processes of their
own, and records to and from a broker.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

import yaml
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text
from typer.testing import CliRunner

from analyzer import TOPICS, Fact, Policy, Topic
from streams.cli.main import app
from streams.dev.broker import Broker, free_port
from streams.dev.processes import _die_with_parent
from streams.formats.codec import Malformed, decode
from streams.kafka.topics import DAY, LARGEST_RECORD, Topics
from streams.settings import load
from streams.simulator import Ward, simulate
from tests.oracle import reference as naive

COMMAND = str(Path(sys.executable).with_name("alarm-fatigue"))
# seconds until a test gives up on what should come true; nothing waits for it in vain
PATIENCE = 90.0
PARTITIONS = 4  # H01 to H05 of the simulator fall on three of them

Numbers = dict[tuple[str, frozenset[tuple[str, str]]], float]


def eventually(holds: Callable[[], Any], what: str, seconds: float = PATIENCE) -> Any:
    """Wait until `holds` returns something true, and return it. Raises `AssertionError` after
    `seconds`.
    """
    deadline = time.monotonic() + seconds
    while not (found := holds()):
        assert time.monotonic() < deadline, f"not within {seconds:.0f} s: {what}"
        time.sleep(0.1)
    return found


# --- commands


@dataclass
class Done:
    """The result of a command."""

    status: int
    out: bytes
    err: str

    @property
    def numbers(self) -> Numbers:
        """The samples printed, as long as they form a valid OpenMetrics exposition."""
        return numbers_of(parse_openmetrics(self.out.decode()))


def run(*arguments: str | Path, stdin: bytes = b"") -> Done:
    """Run a command in this process; anything that would be a traceback is raised."""
    done = CliRunner().invoke(app, [str(one) for one in arguments], input=stdin)
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return Done(done.exit_code, done.stdout_bytes, done.stderr)


def numbers_of(families: Iterable[Any]) -> Numbers:
    found: Numbers = {}
    for family in families:
        assert family.documentation
        for sample in family.samples:
            key = (sample.name, frozenset(sample.labels.items()))
            assert key not in found
            found[key] = sample.value
    return found


def burdens(numbers: Numbers) -> Numbers:
    """The families of clinicians, units and alarm types, and response times: what the oracle
    computes.
    """
    parts = tuple(
        f"alarm_fatigue_{one}"
        for one in ("clinician_", "unit_", "alarm_type_info", "response_seconds")
    )
    return {key: value for key, value in numbers.items() if key[0].startswith(parts)}


def events(numbers: Numbers) -> dict[tuple[str, str], float]:
    """`events_total` by topic and outcome, where it is not zero."""
    found = {
        tuple(dict(labels)[name] for name in ("topic", "outcome")): value
        for (metric, labels), value in numbers.items()
        if metric == "alarm_fatigue_events_total"
    }
    return {(topic, outcome): value for (topic, outcome), value in found.items() if value}


# --- workers


class WorkerProcess:
    """`alarm-fatigue worker` as a process; its log is kept from one life to the next."""

    def __init__(
        self, broker: Broker, /, folder: Path, name: str = "worker", **settings: Any
    ) -> None:
        self.port = free_port()
        self.log = folder / f"{name}.log"
        self._config = folder / f"{name}.yaml"
        ours = {
            "broker": broker.address,
            "clock": "event",
            "pseudonyms": False,
            "checkpoint_interval": "500ms",
            "session_timeout": "2s",
            "web": {"port": self.port},
            "privacy": {"smallest_group": 1},  # simulated units are small
        }
        self._settings = ours | settings
        self._config.write_text(yaml.safe_dump(self._settings))
        self._process: subprocess.Popen[bytes] | None = None

    def configure(self, **settings: Any) -> None:
        """Change settings, for the next start."""
        self._settings |= settings
        self._config.write_text(yaml.safe_dump(self._settings))

    def start(self) -> Self:
        with self.log.open("ab") as log:
            command = [COMMAND, "worker", "--config", str(self._config)]
            self._process = subprocess.Popen(  # which must not outlive a test run that is killed
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                preexec_fn=_die_with_parent(),
            )
        return self

    def get(self, path: str, accept: str = "", timeout: float = 20) -> tuple[int, str]:
        """Status and text; status 0 while the worker does not answer."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{path}", headers={"Accept": accept}
        )
        try:
            with urllib.request.urlopen(request, timeout=timeout) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
        except OSError:
            return 0, ""

    @property
    def ready(self) -> bool:
        assert self.running, self.log.read_text()[-2000:]
        return self.get("/ready")[0] == 200

    def wait_until_ready(self) -> Self:
        eventually(lambda: self.ready, "the worker is ready")
        return self

    @property
    def numbers(self) -> Numbers:
        """The samples of /metrics; empty while the worker does not answer."""
        return numbers_of(parse_text(self.get("/metrics")[1]))

    @property
    def held(self) -> set[int]:
        """The partitions it holds, as far as their lengths are known."""
        return {
            int(dict(labels)["partition"])
            for name, labels in self.numbers
            if name == "alarm_fatigue_consumer_lag_records"
        }

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def stop(self) -> int:
        """SIGTERM; the exit status."""
        self.signal(signal.SIGTERM)
        assert self._process is not None
        return self._process.wait(30)

    def kill(self) -> None:
        """SIGKILL."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    @property
    def words(self) -> list[dict[str, Any]]:
        """The log: every line must be a JSON object."""
        lines = [json.loads(line) for line in self.log.read_text().splitlines()]
        assert all(isinstance(line, dict) for line in lines)
        return lines

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.kill()
        if kind is not None:  # for pytest to show
            sys.stderr.write(f"--- {self.log}\n{self.log.read_text()[-5000:]}")


def union(workers: Sequence[WorkerProcess]) -> Numbers:
    """The samples of all workers, as Prometheus has them: series of one facility come from one
    worker alone; counts add up; the name of an alarm type may come from several.
    """
    whole: Numbers = {}
    for worker in workers:
        for key, value in worker.numbers.items():
            if key[0] == "alarm_fatigue_events_total":
                whole[key] = whole.get(key, 0) + value
            elif key[0] == "alarm_fatigue_alarm_type_info":
                whole[key] = value
            elif "facility" in dict(key[1]):
                assert key not in whole, key
                whole[key] = value
    return whole


# --- brokers


def new_topics(broker: Broker, partitions: int = PARTITIONS, group: str = "alarm-fatigue") -> None:
    """The service's topics, empty."""
    admin = KafkaAdminClient(bootstrap_servers=broker.address)
    try:
        ours = {"alarms", "assignments", "responses", "labels", "rejected", "episodes", "overload"}

        def left() -> list[str]:
            return [
                name for name in admin.list_topics() if name in ours or name.endswith("-changelog")
            ]

        if old := left():
            admin.delete_topics(old)
            eventually(lambda: not left(), "the topics are deleted")
    finally:
        admin.close()
    with Topics(load(broker=broker.address, partitions=partitions, group=group)) as topics:
        # Simulated records bear the times of simulated events, which Kafka would soon find too old
        # to keep. Nor may the broker compare them with its clock.
        topics.create(
            [
                plan
                if plan.retention is None
                else replace(plan, retention=36_500 * DAY, max_ahead=None)
                for plan in topics.missing()
            ]
        )
        eventually(lambda: not topics.missing(), "the topics are there")


class Message(NamedTuple):
    """A record to be sent; `stamp` is the Kafka timestamp in ms."""

    topic: str
    key: bytes | None
    value: bytes | None
    stamp: int
    partition: int | None = None


def send(broker: Broker, messages: Iterable[Message]) -> None:
    """Produce in order, and return when everything is delivered."""
    producer = KafkaProducer(
        bootstrap_servers=broker.address, max_request_size=LARGEST_RECORD, linger_ms=5
    )
    try:
        sent = [
            producer.send(
                one.topic,
                key=one.key,
                value=one.value,
                timestamp_ms=one.stamp,
                partition=one.partition,
            )
            for one in messages
        ]
        producer.flush()
        for one in sent:
            one.get(30)
    finally:
        producer.close()


def ends(
    broker: Broker, topics: Iterable[str] = TOPICS, group: str | None = None
) -> dict[tuple[str, int], int]:
    """Where each partition ends; of a `group`, what it has committed."""
    consumer = KafkaConsumer(
        bootstrap_servers=broker.address, group_id=group, enable_auto_commit=False
    )
    try:
        partitions = [
            TopicPartition(topic, number)
            for topic in topics
            for number in consumer.partitions_for_topic(topic)
        ]
        if group is None:
            return {
                (tp.topic, tp.partition): offset
                for tp, offset in consumer.end_offsets(partitions).items()
            }
        return {(tp.topic, tp.partition): consumer.committed(tp) or 0 for tp in partitions}
    finally:
        consumer.close()


def read(broker: Broker, topic: str) -> list[Any]:
    """All records of a topic as it is now, by partition."""
    until = {place: offset for place, offset in ends(broker, [topic]).items() if offset}
    consumer = KafkaConsumer(
        bootstrap_servers=broker.address,
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        fetch_max_bytes=64 << 20,
        # whole batches, of which the embedded broker's end is short
        max_partition_fetch_bytes=LARGEST_RECORD,
        max_poll_records=1 << 20,
    )
    try:
        consumer.assign([TopicPartition(*place) for place in until])
        found: list[Any] = []

        def complete() -> bool:
            for batch in consumer.poll(200).values():
                found.extend(batch)
            return all(
                consumer.position(TopicPartition(*place)) >= offset
                for place, offset in until.items()
            )

        if until:
            eventually(complete, f"{topic} is read")
        return sorted(found, key=lambda one: (one.partition, one.offset))
    finally:
        consumer.close()


def read_by_generation(broker: Broker, topic: str) -> list[Any]:
    """All records of an output topic, so that of those about one thing the one that counts is the
    last.
    """
    return sorted(
        read(broker, topic),
        key=lambda one: (int(dict(one.headers)["edition"]), one.partition, one.offset),
    )


# --- wards


class Delivery:
    """A simulated hospital's records as they reach Kafka, and what must be made of them."""

    def __init__(self, messages: list[Message]) -> None:
        self.messages = messages

    @classmethod
    def of(cls, ward: Ward) -> Delivery:
        return cls(
            [
                Message(
                    one.topic,
                    str(one.value["facility"]).encode(),
                    json.dumps(one.value).encode(),
                    one.due,
                )
                for one in simulate(ward)
            ]
        )

    @cached_property
    def outcomes(self) -> list[tuple[Topic, Fact | None, str]]:
        """(topic, fact, outcome) of each record, by the naive reading of the contract."""
        decoded: list[tuple[Topic, Fact | None]] = []
        by_facility: dict[str, list[int]] = {}
        for number, one in enumerate(self.messages):
            topic: Topic = one.topic  # type: ignore[assignment]
            try:
                fact: Fact | None = decode(topic, one.value)
            except Malformed:
                fact = None
            decoded.append((topic, fact))
            if fact is not None:
                by_facility.setdefault(fact.facility, []).append(number)
        found = [(topic, fact, "malformed") for topic, fact in decoded]
        for numbers in by_facility.values():
            records: Any = [(*decoded[number], self.messages[number].stamp) for number in numbers]
            for number, outcome in zip(numbers, naive.admission(records, Policy()), strict=True):
                found[number] = (*decoded[number], outcome)
        return found

    def accepted(self) -> list[Fact]:
        return [
            fact for _, fact, outcome in self.outcomes if fact is not None and outcome == "accepted"
        ]

    def counts(self) -> dict[tuple[str, str], float]:
        counts: dict[tuple[str, str], float] = {}
        for topic, _, outcome in self.outcomes:
            counts[topic, outcome] = counts.get((topic, outcome), 0) + 1
        return counts

    def write_accepted(self, folder: Path) -> list[str]:
        """Files of the accepted records, as arguments of `replay`."""
        arguments: list[str] = []
        for topic in TOPICS:
            lines = [
                one.value or b""
                for one, (_, _, outcome) in zip(self.messages, self.outcomes, strict=True)
                if (one.topic, outcome) == (topic, "accepted")
            ]
            (folder / f"{topic}.jsonl").write_bytes(b"".join(line + b"\n" for line in lines))
            arguments += [f"--{topic}", str(folder / f"{topic}.jsonl")]
        return arguments
