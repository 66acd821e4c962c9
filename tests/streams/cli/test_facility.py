"""`facility reset` and `facility forget` against a running worker on the real broker, by the wall
clock.
"""

from __future__ import annotations

import json
import re
import time
from pathlib import Path
from typing import Any

import pytest
import zstandard

from streams.dev.broker import Broker, free_port
from streams.kafka.permissions import checkpoint_topic
from tests.harness.workers import (
    Message,
    WorkerProcess,
    events,
    eventually,
    new_topics,
    read,
    run,
    send,
)

PARTITIONS = 2
AHEAD = 58 * 60_000


@pytest.fixture
def broker(apache_kafka: Broker) -> Broker:
    new_topics(apache_kafka, partitions=PARTITIONS)
    return apache_kafka


def now() -> int:
    return int(time.time() * 1000)


def alarm(name: str, at: int, facility: str = "H01", **fields: Any) -> Message:
    event = {
        "event_id": name,
        "alarm_id": name,
        "phase": "start",
        "at": at,
        "facility": facility,
        "unit": "ICU",
        "bed": "1",
        "device_id": "m1",
        "device_type": "monitor",
        "code": "MDC_EVT_LO",
        "kind": "physiological",
        "priority": "high",
    }
    return Message("alarms", facility.encode(), json.dumps(event | fields).encode(), at)


def open_alarms(worker: WorkerProcess) -> dict[str, float]:
    return {
        dict(labels)["facility"]: value
        for (name, labels), value in worker.numbers.items()
        if name == "alarm_fatigue_unit_open_alarms"
    }


def outcome(worker: WorkerProcess, name: str) -> float:
    return events(worker.numbers).get(("alarms", name), 0)


def test_one_clock_58_min_ahead_makes_alarms_late_until_the_reset(
    broker: Broker, tmp_path: Path
) -> None:
    with WorkerProcess(broker, tmp_path, clock="wall", partitions=PARTITIONS) as worker:
        worker.wait_until_ready()
        begun = now()
        send(
            broker,
            [
                alarm("before", begun),
                alarm("other", begun, facility="H02"),
                alarm("wrong", begun + AHEAD),
            ],
        )
        eventually(lambda: outcome(worker, "accepted") == 3, "all three are accepted")
        send(broker, [alarm("late", now())])
        eventually(lambda: outcome(worker, "late") == 1, "a normal alarm is late")

        dry = run("facility", "reset", "H01", "--broker", broker.address, "--dry-run")
        assert (dry.status, dry.err) == (0, "")
        said = dry.out.decode().splitlines()
        assert re.fullmatch(
            r"alarms: 3 records of H01 read \(partition \d\); the latest is dated \S+Z "
            r"\(34\d\d s after now\), its timestamp is \S+Z",
            said[0],
        )
        assert re.fullmatch(
            r"This forgets everything dated after \S+Z. Among the records read:", said[1]
        )
        assert said[2:] == [
            "  alarms: 1 alarm event, and with them all events of 1 alarm",
            "  assignments: 0 assignment records",
            "  responses: 0 responses",
            "  labels: 0 labels",
            "Nothing was sent: --dry-run. "
            "Without it, the command is written into 2 partitions of each input.",
        ]
        assert len(read(broker, "alarms")) == 4

        done = run("facility", "reset", "H01", "--broker", broker.address)
        assert done.status == 0, done.err
        assert (
            len(
                [
                    line
                    for line in done.out.decode().splitlines()
                    if line.startswith("sent: reset H01 to ")
                ]
            )
            == 4 * PARTITIONS
        )
        send(broker, [alarm("after", now())])
        eventually(
            lambda: open_alarms(worker) == {"H01": 2, "H02": 1},
            "the next alarm counts, beside those of before",
        )
        assert outcome(worker, "malformed") == 0
        assert [dict(one.headers)["reason"] for one in read(broker, "rejected")] == [b"late"]
        assert worker.stop() == 0

    with WorkerProcess(
        broker, tmp_path, name="next", clock="wall", partitions=PARTITIONS
    ) as worker:
        worker.wait_until_ready()
        assert open_alarms(worker) == {"H01": 2, "H02": 1}
        forget = ("facility", "forget", "H01", "--json", "--broker", broker.address)
        planned = run(*forget, "--dry-run")
        plan = json.loads(planned.out)
        assert (planned.status, plan["sent"]) == (0, [])
        assert open_alarms(worker) == {"H01": 2, "H02": 1}
        forgotten = run(*forget)
        assert forgotten.status == 0, forgotten.err
        proof = json.loads(forgotten.out)
        assert (proof["facility"], proof["read"]) == ("H01", plan["read"])
        assert proof["read"]["alarms"]["records"] >= 2
        assert len(proof["sent"]) == 4 * PARTITIONS
        kept = {one["topic"]: one["kept_ms"] for one in proof["left"] if "topic" in one}
        assert kept["episodes"] == 90 * 86_400_000
        eventually(lambda: open_alarms(worker) == {"H02": 1}, "the facility leaves /metrics")
        assert not [key for key in worker.numbers if dict(key[1]).get("facility") == "H01"]


def test_errors_say_which_facilities_there_are_and_which_broker_does_not_answer(
    broker: Broker,
) -> None:
    send(broker, [alarm("a", now()), alarm("b", now(), facility="H02")])
    unknown = run("facility", "reset", "H0l", "--broker", broker.address)
    assert (unknown.status, unknown.out) == (1, b"")
    assert unknown.err == (
        "error: no record of facility H0l; known facilities: H01, H02 "
        "(--force sends the command anyway)\n"
    )
    assert len(read(broker, "alarms")) == 2
    nobody = f"127.0.0.1:{free_port()}"
    unreachable = run("facility", "forget", "H01", "--broker", nobody)
    assert unreachable.status == 1
    assert f"no Kafka broker answers at {nobody}" in unreachable.err
    assert run("facility", "forget", "x" * 129, "--broker", broker.address).status == 2


def test_a_facility_silent_for_longer_than_the_horizon_leaves_a_worker_that_has_read_everything(
    broker: Broker, tmp_path: Path
) -> None:
    long_ago = now() - 28 * 3_600_000
    with WorkerProcess(broker, tmp_path, clock="wall", partitions=PARTITIONS) as worker:
        worker.wait_until_ready()
        send(
            broker,
            [
                alarm("a", long_ago, "OLD"),
                alarm("a", long_ago + 1000, "OLD", event_id="b", phase="end"),
                alarm("c", now()),
            ],
        )
        send(broker, [alarm("d", long_ago, "KEPT")])

        def watermarks() -> set[str]:
            name = "alarm_fatigue_watermark_timestamp_seconds"
            return {dict(labels)["facility"] for of, labels in worker.numbers if of == name}

        eventually(lambda: outcome(worker, "accepted") == 4, "all are accepted")
        eventually(
            lambda: watermarks() == {"H01", "KEPT"},
            "the silent one is forgotten; an open alarm keeps the other",
        )
        assert worker.stop() == 0
        assert [
            line["facilities"]
            for line in worker.words
            if line["event"].startswith("facilities forgotten")
        ] == [1]
    with WorkerProcess(
        broker, tmp_path, name="next", clock="wall", partitions=PARTITIONS
    ) as worker:
        worker.wait_until_ready()
        assert watermarks() == {"H01", "KEPT"}


def stored_with(broker: Broker, facility: str) -> tuple[int, int]:
    """Of the stored state's records that count, how many name a facility; and all of them."""
    last = {one.key: one.value for one in read(broker, checkpoint_topic("alarm-fatigue"))}
    values = [value for value in last.values() if value is not None]
    plain = [zstandard.ZstdDecompressor().decompressobj().decompress(one) for one in values]
    return sum(facility.encode() in one for one in plain), len(plain)


def test_forgetting_leaves_nothing_in_the_state_and_says_what_it_leaves_elsewhere(
    broker: Broker, tmp_path: Path
) -> None:
    with WorkerProcess(broker, tmp_path, clock="wall", partitions=PARTITIONS) as worker:
        worker.wait_until_ready()
        begun = now() - 20 * 60_000
        send(
            broker,
            [
                alarm(f"{facility}-{phase}", begun + later, facility, alarm_id="x", phase=phase)
                for facility in ("H01", "H02")
                for phase, later in (("start", 0), ("end", 60_000))
            ]
            + [alarm(f"{facility}-last", now(), facility) for facility in ("H01", "H02")],
        )
        eventually(lambda: len(read(broker, "episodes")) >= 2, "both alarms are finished")
        eventually(lambda: stored_with(broker, "H01")[0] > 0, "the state holds the facility")
        done = run("facility", "forget", "H01", "--json", "--broker", broker.address)
        assert done.status == 0, done.err
        eventually(lambda: stored_with(broker, "H01")[0] == 0, "the state holds it no more")
        assert stored_with(broker, "H02")[0] > 0
        left = {one["topic"]: one for one in json.loads(done.out)["left"] if "topic" in one}
        assert left["episodes"]["removed_by"] == "retention"
        finished = [json.loads(one.value)["facility"] for one in read(broker, "episodes")]
        assert sorted(set(finished)) == ["H01", "H02"], "as it said, episodes stay in their topic"
        assert worker.stop() == 0
    with WorkerProcess(broker, tmp_path, clock="wall", partitions=PARTITIONS) as worker:
        worker.wait_until_ready()
        eventually(lambda: set(open_alarms(worker)) == {"H02"}, "nor does it come back")
