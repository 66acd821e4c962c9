"""What workers report when a real broker stops answering, or topics get more partitions."""

from __future__ import annotations

import json
import time
from pathlib import Path

from kafka.admin import KafkaAdminClient

from tests.harness.brokers import new_apache_kafka
from tests.harness.health import event
from tests.harness.workers import Message, WorkerProcess, eventually, new_topics, send


def currency(worker: WorkerProcess) -> dict[str, str]:
    found: dict[str, str] = json.loads(worker.get("/api/v1/units")[1])["currency"]
    return found


def test_a_suspended_broker_makes_the_worker_not_ready_and_its_page_say_so(tmp_path: Path) -> None:
    with new_apache_kafka() as kafka:
        new_topics(kafka)
        now = int(time.time() * 1000)
        send(kafka, [Message("alarms", b"HC", event(number, now), now) for number in range(5)])
        with WorkerProcess(kafka, tmp_path, clock="wall", pseudonyms=True) as worker:
            worker.wait_until_ready()
            eventually(lambda: currency(worker)["state"] == "current", "it is current")
            assert currency(worker)["says"].startswith("up to date: the broker answered ")
            kafka.pause()
            try:
                eventually(lambda: worker.get("/ready")[0] == 503, "it is not ready", 40)
                assert worker.get("/ready")[1].startswith("the broker has not answered for ")
                eventually(
                    lambda: currency(worker)["says"].startswith(
                        "behind: the broker has not answered for "
                    ),
                    "the page says so",
                )
                answered = worker.numbers[
                    "alarm_fatigue_broker_answered_timestamp_seconds", frozenset()
                ]
                assert time.time() - answered > 15
            finally:
                kafka.resume()
            worker.wait_until_ready()


def test_partitions_added_while_it_runs_are_noticed_and_nothing_is_claimed_of_them(
    tmp_path: Path,
) -> None:
    with new_apache_kafka() as kafka:
        new_topics(kafka)
        with WorkerProcess(kafka, tmp_path, clock="wall", pseudonyms=True) as worker:
            worker.wait_until_ready()
            admin = KafkaAdminClient(bootstrap_servers=kafka.address)
            try:
                admin.create_partitions({"alarms": 8})
            finally:
                admin.close()
            line = (
                "the inputs must have equally many partitions, but have: alarms 8, "
                "assignments 4, responses 4, labels 4"
            )
            eventually(lambda: worker.get("/ready") == (503, f"{line}\n"), "it is not ready", 60)
            eventually(lambda: currency(worker)["says"] == f"behind: {line}", "the page says so")
            assert (
                worker.numbers["alarm_fatigue_unread_partitions", frozenset({("topic", "alarms")})]
                == 4
            )
