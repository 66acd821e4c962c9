"""Real brokers that go away or refuse: a worker stays up, says one line, ends in time, and loses
nothing good.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from kafka import KafkaAdminClient, KafkaProducer
from kafka.admin import ConfigResource, ConfigResourceType

from streams.dev.broker import Broker
from streams.kafka.state_version import checkpoint_topic
from tests.harness.brokers import new_apache_kafka
from tests.harness.wards import (
    AT,
    SabotagedWorker,
    alarm,
    hours,
    told,
    unit_alarms,
    wait_until_taken_in,
)
from tests.harness.workers import WorkerProcess, eventually, new_topics, read, send

IN_TIME = 12.0
"""Seconds: ten are promised; the machine may be busy."""


@pytest.fixture
def broker() -> Iterator[Broker]:
    with new_apache_kafka() as one:
        new_topics(one, partitions=1)
        yield one


def stop(worker: WorkerProcess) -> int:
    """SIGTERM; the status, which must come in time."""
    worker.signal(signal.SIGTERM)
    assert worker._process is not None
    return worker._process.wait(IN_TIME)


def limit(broker: Broker, topic: str, bytes_: int) -> None:
    admin = KafkaAdminClient(bootstrap_servers=broker.address)
    try:
        admin.alter_configs(
            [
                ConfigResource(
                    ConfigResourceType.TOPIC, topic, configs={"max.message.bytes": str(bytes_)}
                )
            ]
        )
    finally:
        admin.close()


@pytest.mark.parametrize("away", ["kill", "pause"])
def test_a_worker_whose_broker_is_away_says_so_once_and_ends_in_time_and_the_next_goes_on(
    broker: Broker, tmp_path: Path, away: str
) -> None:
    with WorkerProcess(broker, tmp_path, checkpoint_interval="1h") as worker:
        send(broker, hours(0, 5))
        wait_until_taken_in([worker.wait_until_ready()], 5)
        complaints = [
            one for one in worker.words if one["level"] != "info" and one["event"] != "topic"
        ]
        assert complaints == []  # nor on the first start on a fresh Kafka
        before = len(worker.words)
        getattr(broker, away)()
        eventually(lambda: told(worker, "the broker does not answer"), "the silence is noticed")
        time.sleep(5)
        said = [one["event"] for one in worker.words[before:] if one["level"] != "info"]
        assert said == ["the broker does not answer; waiting for it"]
        assert worker.get("/healthz")[0] == 200
        assert stop(worker) == 75
        [word] = told(worker, "not drained")
        assert (
            word["event"]
            == "not drained: 5 records taken in since the last checkpoint will be read again"
        )
        assert word["by_partition"] == {"0": 5}
    if away == "kill":
        broker.start()
    else:
        broker.resume()
    with WorkerProcess(broker, tmp_path, "next") as successor:
        wait_until_taken_in([successor], 5)
        assert successor.numbers[unit_alarms("H01", "ICU")] == 5
        assert successor.stop() == 0


def test_a_worker_that_is_still_starting_ends_in_time(broker: Broker, tmp_path: Path) -> None:
    with WorkerProcess(broker, tmp_path) as worker:
        eventually(lambda: worker.log.exists() and told(worker, "worker starting"), "it starts")
        broker.pause()
        time.sleep(1)
        stop(worker)
    broker.resume()


STUCK = """
from streams.partitions.partition import Partition
import time
def stuck(self, *_):
    time.sleep(1000)
Partition.take_slice = stuck
"""


def test_a_worker_with_a_stuck_loop_says_what_it_had_in_hand_and_heeds_sigterm(
    broker: Broker, tmp_path: Path
) -> None:
    worker = SabotagedWorker(broker, tmp_path)
    worker.sabotage = STUCK
    with worker:
        worker.wait_until_ready()
        send(broker, hours(0, 5))
        eventually(lambda: worker.get("/healthz", timeout=2)[0] == 0, "it is stuck")
        assert stop(worker) == 75
        [word] = told(worker, "not drained")
        assert (word["topic"], word["partition"], word["offsets"][0]) == ("alarms", 0, 0)
        assert word["stack"][-1].endswith(" stuck")
    ended = SabotagedWorker(broker, tmp_path, "ended", stall_timeout="2s")
    ended.sabotage = STUCK
    with ended:
        assert ended.wait(60) == 70
        [word] = told(ended, "the event loop is stuck")
        assert word["topic"] == "alarms"


def test_outputs_too_long_for_their_topics_are_cut_or_skipped_and_stop_nothing(
    broker: Broker, tmp_path: Path
) -> None:
    limit(broker, "rejected", 100_000)
    limit(broker, "episodes", 1200)
    limit(broker, checkpoint_topic("alarm-fatigue"), 20_000)
    poison: list[Any] = hours(0, 5)
    long = alarm(90, label="x" * 1_000_000)
    junk = b'{"value":"' + b"x" * 900_000
    done = alarm(90, phase="end", event_id="e91", at=AT + 60_000)
    poison += [poison[0]._replace(value=one) for one in (long, done, junk)] + hours(5, 5)
    with WorkerProcess(broker, tmp_path) as worker:
        worker.wait_until_ready()
        send(broker, poison)
        eventually(
            lambda: worker.numbers.get(unit_alarms("H01", "ICU"), 0) >= 10,
            "normal alarms are counted",
        )
        producer = KafkaProducer(
            bootstrap_servers=broker.address, compression_type="gzip", max_request_size=40 << 20
        )
        producer.send(
            "alarms", key=b"H01", value=b"{" + b" " * 20_000_000, timestamp_ms=poison[0].stamp
        ).get(60)
        producer.close()
        send(broker, hours(10, 5))
        eventually(
            lambda: worker.numbers.get(unit_alarms("H01", "ICU"), 0) >= 15,
            "normal alarms are counted after 20 MB",
        )
        eventually(lambda: len(read(broker, "rejected")) >= 2, "what was bad is kept")
        cut = [dict(one.headers) for one in read(broker, "rejected")]
        assert {one["truncated"] for one in cut} == {b"true"}
        assert all(len(one.value) < 100_000 for one in read(broker, "rejected"))
        assert int(max(int(one["original_size"]) for one in cut)) > 900_000
        eventually(
            lambda: [one for one in read(broker, "episodes") if b'"alarm_id":"a90"' in one.value],
            "the long episode is there",
        )
        [episode] = [
            one.value for one in read(broker, "episodes") if b'"alarm_id":"a90"' in one.value
        ]
        assert len(episode) < 1200
        assert worker.running
        assert [one for one in worker.words if one["level"] == "error"] == []
        assert worker.stop() == 0
    with WorkerProcess(broker, tmp_path, "next") as successor:
        successor.wait_until_ready()
        send(broker, hours(15, 5))
        eventually(
            lambda: successor.numbers.get(unit_alarms("H01", "ICU"), 0) >= 20, "and after a restart"
        )
        assert successor.stop() == 0


def test_records_refused_while_a_worker_runs_are_cut_and_a_refused_checkpoint_stops_nothing(
    broker: Broker, tmp_path: Path
) -> None:
    junk = hours(0, 1)[0]._replace(value=b"x" * 300_000)
    with WorkerProcess(broker, tmp_path) as worker:
        send(broker, hours(0, 5))
        wait_until_taken_in([worker.wait_until_ready()], 5)
        eventually(lambda: told(worker, "partitions held"), "it works")
        limit(broker, "rejected", 50_000)
        send(broker, [junk, *hours(5, 5)])
        eventually(
            lambda: worker.numbers.get(unit_alarms("H01", "ICU"), 0) >= 10,
            "normal alarms are counted",
        )
        [kept] = eventually(lambda: read(broker, "rejected"), "what is too long is cut")
        assert 30_000 < len(kept.value) < 50_000
        limit(broker, checkpoint_topic("alarm-fatigue"), 200)
        send(broker, hours(10, 5))
        eventually(lambda: told(worker, "the broker refuses a checkpoint"), "it is said")
        send(broker, hours(15, 5))
        eventually(lambda: worker.numbers.get(unit_alarms("H01", "ICU"), 0) >= 20, "numbers go on")
        assert worker.ready
        assert stop(worker) == 75
    limit(broker, checkpoint_topic("alarm-fatigue"), 1_000_000)
    with WorkerProcess(broker, tmp_path, "next") as successor:
        eventually(
            lambda: successor.numbers.get(unit_alarms("H01", "ICU"), 0) >= 20,
            "what was not stored is read again",
        )
        assert successor.stop() == 0


def test_a_missing_output_topic_blocks_no_other_output(broker: Broker, tmp_path: Path) -> None:
    with WorkerProcess(broker, tmp_path) as worker:
        worker.wait_until_ready()
        admin = KafkaAdminClient(bootstrap_servers=broker.address)
        try:
            admin.delete_topics(["rejected"])
            # until then, the broker may still take a record
            eventually(lambda: "rejected" not in admin.list_topics(), "the topic is deleted")
        finally:
            admin.close()
        send(broker, [hours(0, 1)[0]._replace(value=b"junk"), *hours(0, 5)])
        eventually(
            lambda: worker.numbers.get(unit_alarms("H01", "ICU"), 0) >= 5,
            "normal alarms are counted",
        )
        eventually(
            lambda: told(worker, "the broker refuses records of an output"), "it is said", 180
        )
        [word, *_] = told(worker, "the broker refuses records of an output")
        assert (
            word["topic"],
            word["source_topic"],
            word["source_partition"],
            word["source_offset"],
        ) == ("rejected", "alarms", "0", "0")
        send(broker, hours(5, 5))
        eventually(
            lambda: worker.numbers.get(unit_alarms("H01", "ICU"), 0) >= 10,
            "normal alarms are counted",
        )
        assert worker.running
