"""Publishing old records to Kafka: they keep their event times, and the command warns of what the
broker would do to them.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
from kafka import KafkaAdminClient
from kafka.admin import ConfigResource, ConfigResourceType

from streams.dev.broker import Broker, EmbeddedBroker
from streams.files.publish import Message, warned
from streams.kafka.topics import BEFORE_MAX, DAY, Keeping
from streams.settings import Settings
from tests.harness.workers import ends, new_topics, read, run

NOW = 1_767_225_600_000  # 2026-01-01
SETTINGS = Settings(broker="kafka:9092")
ALTER = "kafka-configs.sh --bootstrap-server kafka:9092 --alter --topic {} --add-config"


def message(age: int | None, topic: Any = "alarms") -> Message:
    return Message(topic, b"H", b"{}", None, None if age is None else NOW - age)


def said(*messages: Message, **keeping: Keeping) -> list[str]:
    lines: list[str] = []
    assert list(warned(messages, keeping, NOW, SETTINGS, lines.append)) == [*messages]
    return lines


def test_records_older_than_the_retention_are_reported_once_a_topic_with_a_remedy() -> None:
    week = Keeping(retention=7 * DAY)
    old = [
        message(None),
        message(30 * DAY),
        message(29 * DAY),
        message(30 * DAY, "labels"),
        message(8 * DAY, "responses"),
    ]
    alarms, responses = said(*old, alarms=week, responses=week)
    assert alarms == (
        "alarms: records are dated from 2025-12-02 on, "
        "but the topic keeps records for 7 days by that time (retention.ms), so the broker "
        f"may delete them at once; run before: {ALTER.format('alarms')} retention.ms=-1 "
        f"(and when they are read: {ALTER.format('alarms')} retention.ms=604800000)"
    )
    assert responses.startswith("responses: records are dated from 2025-12-24 on, but ")
    assert said(message(7 * DAY), message(0), alarms=week) == []


def test_a_broker_that_refuses_or_restamps_old_records_is_reported() -> None:
    [refused] = said(message(2 * DAY), alarms=Keeping(retention=DAY, before_max=DAY))
    assert refused == (
        "alarms: records are dated from 2025-12-30 on, "
        "but the broker refuses records older than 1 days (message.timestamp.before.max.ms); "
        f"run before: {ALTER.format('alarms')} message.timestamp.before.max.ms={3 * DAY}"
    )
    [restamped] = said(message(2 * DAY), alarms=Keeping(restamps=True))
    assert restamped == (
        "alarms: records are dated from 2025-12-30 on, but the topic gives them the time of "
        "their arrival (LogAppendTime), so that workers refuse them as late; "
        f"run before: {ALTER.format('alarms')} message.timestamp.type=CreateTime"
    )
    assert said(message(DAY), alarms=Keeping(restamps=True)) == [], "within the horizon"


@pytest.mark.parametrize(
    ("config", "keeping"),
    [
        ({}, Keeping()),
        (
            {
                "retention.ms": "-1",
                BEFORE_MAX: "9223372036854775807",
                "message.timestamp.type": "CreateTime",
            },
            Keeping(),
        ),
        (
            {"retention.ms": "1000", BEFORE_MAX: "0", "message.timestamp.type": "LogAppendTime"},
            Keeping(1000, 0, True),
        ),
        ({"retention.ms": None}, Keeping()),
    ],
)
def test_the_retention_of_a_topic_is_read_from_its_settings(
    config: dict[str, str | None], keeping: Keeping
) -> None:
    assert Keeping.of(config) == keeping


def alarms(folder: Path, at: int) -> Path:
    fields = {
        "event_id": "e1",
        "alarm_id": "a1",
        "phase": "start",
        "at": at,
        "facility": "H01",
        "unit": "ICU",
        "bed": "1",
        "device_id": "m",
        "device_type": "monitor",
        "code": "MDC_EVT_LO",
        "kind": "physiological",
        "priority": "high",
    }
    path = folder / "alarms.jsonl"
    path.write_text(json.dumps(fields) + "\n")
    return path


def alter(broker: Broker, setting: str, value: int) -> None:
    """Of the topic alarms alone: all its other settings become the broker's own."""
    admin = KafkaAdminClient(bootstrap_servers=broker.address)
    try:
        admin.alter_configs(
            [ConfigResource(ConfigResourceType.TOPIC, "alarms", {setting: str(value)})]
        )
    finally:
        admin.close()


def test_old_records_reach_apache_kafka_with_the_time_of_their_events_after_a_warning(
    apache_kafka: Broker, tmp_path: Path
) -> None:
    new_topics(apache_kafka, partitions=1)
    alter(apache_kafka, "retention.ms", 7 * DAY)
    at = int(time.time() * 1000) - 30 * DAY
    done = run(
        "publish", "--broker", apache_kafka.address, "--fast", "--alarms", alarms(tmp_path, at)
    )
    assert done.status == 0
    warning, *others = done.err.splitlines()
    assert warning.startswith("warning: alarms: records are dated from ")
    assert (
        "retention.ms=-1 (and when they are read: "
        f"kafka-configs.sh --bootstrap-server {apache_kafka.address}" in warning
    )
    assert others[-1] == "1 records published"
    assert [one.timestamp for one in read(apache_kafka, "alarms")] == [at]

    done = run(
        "publish",
        "--broker",
        apache_kafka.address,
        "--fast",
        "--alarms",
        alarms(tmp_path, at + 29 * DAY),
    )
    assert "warning" not in done.err


def test_a_broker_that_will_refuse_old_records_is_reported_before_it_does(
    apache_kafka: Broker, tmp_path: Path
) -> None:
    new_topics(apache_kafka, partitions=1)
    alter(apache_kafka, BEFORE_MAX, DAY)
    at = int(time.time() * 1000) - 3 * DAY
    done = run(
        "publish", "--broker", apache_kafka.address, "--fast", "--alarms", alarms(tmp_path, at)
    )
    assert done.status == 1
    warning, *_, error = done.err.splitlines()
    assert warning.startswith("warning: alarms: records are dated from ")
    assert "but the broker refuses records older than 1 days" in warning
    assert error.endswith("took no more records (InvalidTimestampError)")
    assert ends(apache_kafka, ["alarms"]) == {("alarms", 0): 0}


def test_a_broker_that_hides_topic_settings_causes_no_warning(
    embedded_broker: EmbeddedBroker, tmp_path: Path
) -> None:
    new_topics(embedded_broker, partitions=1)
    done = run(
        "publish", "--broker", embedded_broker.address, "--fast", "--alarms", alarms(tmp_path, NOW)
    )
    assert (done.status, done.err) == (0, "1 records published\n")
