"""Records that are no facts go to the dead letter topic and stop nothing."""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path

from analyzer import TOPICS
from streams.dev.broker import Broker, EmbeddedBroker
from tests.harness.wards import AT, BASE, alarm, no_errors, unit_alarms, wait_until_taken_in
from tests.harness.workers import Message, WorkerProcess, events, new_topics, read, send


def poison() -> list[tuple[Message, str, str]]:
    """Records that must be rejected, with their reasons and details."""
    key = b"H01"
    nested = b'{"x": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"
    duty = {
        "event_id": "s",
        "assignment_id": "s",
        "facility": "H01",
        "unit": "ICU",
        "bed": "1",
        "clinician": "ann",
        "from": AT,
        "at": AT,
    }
    misrouted = ("misrouted", "key: expected the record's facility, by which partitions are chosen")
    a_time = "expected an RFC 3339 time with an offset, or integer milliseconds since 1970"
    behind = (
        "at: expected no more than the allowed lateness behind the topic's watermark, "
        "nor the horizon before the record's timestamp"
    )
    acuity = json.dumps(duty | {"acuity": -1}).encode()
    return [
        (Message("alarms", key, b"\xff\xfe", AT), "malformed", "value: expected UTF-8"),
        (Message("alarms", key, b"no json", AT), "malformed", "value: expected JSON"),
        (Message("alarms", key, b"", AT), "malformed", "value: expected JSON"),
        (Message("alarms", key, b"[1, 2]", AT), "malformed", "value: expected a JSON object"),
        (Message("responses", key, nested, AT), "malformed", "value: expected JSON"),
        (
            Message("alarms", key, None, AT),
            "malformed",
            "value: expected a JSON object, found none",
        ),
        (
            Message("labels", b"H02", None, AT),
            "malformed",
            "value: expected a JSON object, found none",
        ),
        (
            Message("alarms", key, b"x" * (5 << 20), AT),
            "malformed",
            "value: expected at most 1048576 bytes",
        ),
        (
            Message("alarms", key, alarm(1, label="Mrs Q" * (1 << 20)), AT),
            "malformed",
            "value: expected at most 1048576 bytes",
        ),
        (
            Message("alarms", key, alarm(1, phase="begin"), AT),
            "malformed",
            "phase: expected one of start, update, end",
        ),
        (
            Message("alarms", key, alarm(1, bed=""), AT),
            "malformed",
            "bed: expected 1 to 128 characters",
        ),
        (
            Message("alarms", key, alarm(1, bed="Mrs Q" * 30), AT),
            "malformed",
            "bed: expected 1 to 128 characters",
        ),
        (
            Message("alarms", key, alarm(1, value="Mrs Q"), AT),
            "malformed",
            "value: expected a number",
        ),
        (Message("alarms", key, alarm(1, at="at noon"), AT), "malformed", f"at: {a_time}"),
        (
            Message("assignments", key, acuity, AT),
            "malformed",
            "acuity: expected a number from 0 to 1,000",
        ),
        (Message("responses", key, b"{}", AT), "malformed", "event_id: required, but missing"),
        (
            Message("labels", key, json.dumps(BASE).encode(), AT),
            "malformed",
            "verdict: required, but missing",
        ),
        (Message("alarms", b"H02", alarm(1), AT), *misrouted),
        (Message("alarms", None, alarm(1), AT, 1), *misrouted),
        (Message("alarms", b"\xff", alarm(1), AT), *misrouted),
        (
            Message("alarms", key, alarm(1), AT - 120_001),
            "future",
            "at: expected no more than max_ahead after the record's timestamp",
        ),
        (Message("alarms", key, alarm(1, at=AT - 600_001), AT), "late", behind),
    ]


def test_poison_of_every_kind_is_set_aside_and_stops_nothing(
    broker: Broker, tmp_path: Path
) -> None:
    bad = poison()
    good = [
        Message("alarms", b"H01", alarm(100 + number, at=AT + number), AT)
        for number in range(len(bad) + 1)
    ]
    messages = [
        good[0],
        *(
            message
            for pair in zip((message for message, _, _ in bad), good[1:], strict=True)
            for message in pair
        ),
    ]
    send(broker, messages)
    with WorkerProcess(broker, tmp_path) as worker:
        worker.wait_until_ready()
        wait_until_taken_in([worker], len(messages))
        counts = {
            key: float(len([1 for message, reason, _ in bad if (message.topic, reason) == key]))
            for key in {(m.topic, r) for m, r, _ in bad}
        }
        assert events(worker.numbers) == counts | {("alarms", "accepted"): len(good)}
        assert worker.numbers[unit_alarms("H01", "ICU")] == len(good)
        assert worker.stop() == 0
        assert no_errors(worker)
    rejected = read(broker, "rejected")
    sources = {
        (one.topic, one.partition, one.offset): one
        for topic in TOPICS
        for one in read(broker, topic)
    }
    assert len(rejected) == len(bad)
    told = []
    for one in rejected:
        headers = {name: value.decode() for name, value in one.headers}
        assert headers.keys() == {"reason", "detail", "topic", "partition", "offset"}
        source = sources[headers["topic"], int(headers["partition"]), int(headers["offset"])]
        assert (one.key, one.value) == (source.key, source.value)
        told.append(
            (
                headers["topic"],
                sha256(one.value or b"").hexdigest(),
                one.key,
                headers["reason"],
                headers["detail"],
            )
        )
    expected = [
        (message.topic, sha256(message.value or b"").hexdigest(), message.key, reason, detail)
        for message, reason, detail in bad
    ]
    assert sorted(told, key=repr) == sorted(expected, key=repr)


def test_with_one_partition_any_key_will_do(
    tmp_path: Path, embedded_broker: EmbeddedBroker
) -> None:
    with EmbeddedBroker() as broker:
        new_topics(broker, partitions=1)
        send(
            broker,
            [
                Message("alarms", key, alarm(number), AT)
                for number, key in enumerate([None, b"", b"H02", b"\xff", b"H01"])
            ],
        )
        with WorkerProcess(broker, tmp_path) as worker:
            worker.wait_until_ready()
            wait_until_taken_in([worker], 5)
            assert events(worker.numbers) == {("alarms", "accepted"): 5}
