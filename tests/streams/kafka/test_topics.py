"""Topics are created once, checked always, and never created by a dry run."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from kafka.admin import KafkaAdminClient
from kafka.errors import InvalidTimestampError

from streams.dev.broker import Broker, EmbeddedBroker
from streams.kafka.state_version import checkpoint_topic
from streams.kafka.topics import Topics, plans
from streams.settings import Settings, load
from tests.harness.brokers import new_apache_kafka
from tests.harness.workers import COMMAND, Message, ends, run, send

ALL = {
    "alarms",
    "assignments",
    "responses",
    "labels",
    "rejected",
    "episodes",
    "overload",
    "alarm-fatigue-checkpoint-changelog",
    "hl7",
    "alarm-fatigue-hl7-state",
}


@pytest.fixture(params=["embedded", "apache"])
def empty_broker(request: pytest.FixtureRequest) -> Iterator[Broker]:
    """A broker of the test's own: what is created here would be in the way of others."""
    with EmbeddedBroker() if request.param == "embedded" else new_apache_kafka() as own:
        yield own


def settings(broker: Broker, **more: object) -> Settings:
    return load(broker=broker.address, **more)


def existing(broker: Broker) -> dict[str, int]:
    with Topics(settings(broker)) as topics:
        return topics.partitions()


def test_a_dry_run_creates_nothing_and_says_what_it_would(empty_broker: Broker) -> None:
    done = run("topics", "--broker", empty_broker.address, "--partitions", "3", "--dry-run")
    assert done.status == 0
    assert {line.split()[2].rstrip(":") for line in done.out.decode().splitlines()} == ALL
    assert existing(empty_broker) == {}


def test_topics_are_created_once_with_equally_many_partitions(empty_broker: Broker) -> None:
    assert run("topics", "--broker", empty_broker.address, "--partitions", "3").status == 0
    assert existing(empty_broker) == dict.fromkeys(ALL, 3)
    again = run("topics", "--broker", empty_broker.address, "--partitions", "5")
    assert (again.status, again.out) == (0, b"all topics exist\n")
    assert "warning: alarms: 3 partitions, not 5: existing topics keep their number" in again.err
    assert existing(empty_broker) == dict.fromkeys(ALL, 3)


def test_topics_of_a_new_group_follow_the_inputs_that_are_there(empty_broker: Broker) -> None:
    assert run("topics", "--broker", empty_broker.address, "--partitions", "3").status == 0
    assert run("topics", "--broker", empty_broker.address, "--group", "second").status == 0
    with Topics(settings(empty_broker, group="second")) as topics:
        assert topics.partitions()[checkpoint_topic("second")] == 3


def test_inputs_with_unequal_partitions_are_an_error(empty_broker: Broker) -> None:
    with Topics(settings(empty_broker)) as topics:
        topics.create([plan for plan in plans(settings(empty_broker), 2) if plan.name != "labels"])
        topics.create([plan for plan in plans(settings(empty_broker), 3) if plan.name == "labels"])
    done = run("topics", "--broker", empty_broker.address)
    assert done.status == 1
    assert (
        "error: alarms: the inputs must have equally many partitions, but have: alarms 2, "
        "assignments 2, responses 2, labels 3" in done.err
    )


def test_settings_that_lose_data_are_found() -> None:
    """Only Apache Kafka tells the settings of its topics."""
    with new_apache_kafka() as kafka:
        wrong = {
            "labels": {"retention.ms": "1000", "max.message.bytes": "1000"},
            "alarm-fatigue-checkpoint-changelog": {},
        }
        admin = KafkaAdminClient(bootstrap_servers=kafka.address)
        try:
            for name, config in wrong.items():
                admin.create_topics(
                    {name: {"num_partitions": 4, "replication_factor": 1, "configs": config}},
                    wait_for_metadata=True,
                )
        finally:
            admin.close()
        done = run("topics", "--broker", kafka.address)
    assert done.status == 1
    assert (
        "error: alarm-fatigue-checkpoint-changelog: cleanup.policy: expected compact, else "
        "state is lost" in done.err
    )
    assert (
        "warning: labels: retention.ms: shorter than the horizon, so nothing can be computed again"
        in done.err
    )
    assert "warning: labels: max.message.bytes: 1000, expected" in done.err
    assert (
        "warning: labels: message.timestamp.after.max.ms: 9223372036854775807, expected at "
        "most 120000"
        in done.err
        or (
            "warning: labels: message.timestamp.after.max.ms: 3600000, expected at most 120000"
            in done.err
        )
    )
    assert "--alter --topic labels --add-config message.timestamp.after.max.ms=120000" in done.err


def test_a_broker_refuses_what_is_stamped_ahead_of_its_clock() -> None:
    """One record whose timestamp is its event time of the future would make a facility's present
    late.
    """
    with new_apache_kafka() as kafka:
        assert run("topics", "--broker", kafka.address).status == 0
        again = run("topics", "--broker", kafka.address)
        assert "timestamp" not in again.err
        now = int(time.time() * 1000)
        send(kafka, [Message("alarms", b"HA", b"{}", now - 1000 * number) for number in range(5)])
        with pytest.raises(InvalidTimestampError):
            send(kafka, [Message("alarms", b"HA", b"{}", now + 50 * 60_000)])
        send(kafka, [Message("alarms", b"HA", b"{}", now)])
        assert sum(ends(kafka, ["alarms"]).values()) == 6


def test_topics_wait_for_a_broker_that_is_not_there_yet() -> None:
    broker = EmbeddedBroker()
    command = [COMMAND, "topics", "--broker", broker.address, "--wait", "60s"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        assert process.stderr.readline().startswith(
            f"waiting for up to 60s: no Kafka broker answers at {broker.address} ("
        )
        with broker:
            out, err = process.communicate(timeout=60)
            assert (process.returncode, err) == (0, "")
            assert {line.split()[1].rstrip(":") for line in out.splitlines()} == ALL
            assert existing(broker).keys() == ALL


def test_waiting_ends_with_the_reason_and_does_not_cure_a_wrong_file(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        broker = f"127.0.0.1:{closed.getsockname()[1]}"
    done = run("topics", "--broker", broker, "--wait", "1s")
    assert done.status == 1
    said = f"no Kafka broker answers at {broker} ("
    assert [said in line for line in done.err.splitlines()] == [True, True]
    assert done.err.splitlines()[-1].startswith("error: ")
    config = tmp_path / "settings.yaml"
    config.write_text(
        f"kafka: {{security_protocol: SSL, ca_file: {tmp_path / 'no-such-ca.pem'}}}\n"
    )
    done = run("topics", "--broker", broker, "--config", config, "--wait", "10m")
    assert done.status == 1
    assert "no-such-ca.pem" in done.err
    assert "waiting for up to" not in done.err
