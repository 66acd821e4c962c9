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

from streams.archive import Archive
from streams.dev.broker import Broker, free_port
from streams.formats.archive_names import names_of_one
from streams.formats.pseudonyms import Pseudonyms, keyed
from streams.kafka.state_version import STATE_VERSION, checkpoint_topic
from streams.partitions.sealing import Sealing
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
        assert (proof["facility"], proof["clinician"]) == ("H01", None)
        assert proof["state"]["before"] == plan["state"]["before"]
        assert proof["state"]["before"]["alarms"] == 2
        assert (proof["state"]["confirmed"], set(proof["state"]["after"].values())) == (True, {0})
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
        assert (left["episodes"]["records"], left["labels"]["records"]) == (1, PARTITIONS)
        finished = [json.loads(one.value)["facility"] for one in read(broker, "episodes")]
        assert sorted(set(finished)) == ["H01", "H02"], "as it said, episodes stay in their topic"
        assert worker.stop() == 0
    with WorkerProcess(broker, tmp_path, clock="wall", partitions=PARTITIONS) as worker:
        worker.wait_until_ready()
        eventually(lambda: set(open_alarms(worker)) == {"H02"}, "nor does it come back")


def test_the_proof_names_old_states_and_the_command_that_deletes_them(
    broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    newer = STATE_VERSION + 1
    topic = checkpoint_topic("alarm-fatigue", newer)
    with monkeypatch.context() as patch:
        patch.setattr("streams.kafka.state_version.STATE_VERSION", newer)
        assert run("topics", "--broker", broker.address, "--partitions", PARTITIONS).status == 0
    send(broker, [alarm("a", now()), Message(topic, b"manifest", b"unreadable here", now())])
    of = ("facility", "forget", "H01", "--broker", broker.address, "--wait", "0s")

    def old_states(*more: str) -> list[dict[str, Any]]:
        done = run(*of, "--json", "--force", *more)
        assert done.status == 0, done.err
        return [one for one in json.loads(done.out)["left"] if "state_topic" in one]

    expected = {
        "state": f"version {newer}",
        "state_topic": topic,
        "records": 1,
        "workers": 0,
        "removed_by": "alarm-fatigue state clean --older-than 0s --yes",
    }
    assert old_states("--dry-run") == [expected]
    said = run(*of).out.decode().splitlines()
    [line] = [one for one in said if "state of version" in one]
    assert line == f"  state of version {newer}: 1 records; {expected['removed_by']}"
    command = line.rpartition("; alarm-fatigue ")[2].split()
    assert run(*command, "--broker", broker.address).status == 0
    eventually(lambda: old_states("--dry-run") == [], "it is deleted, and named no more")


def assignment(name: str, clinician: str, begin: int, end: int | None, **fields: Any) -> Message:
    record = {
        "event_id": name,
        "assignment_id": name,
        "facility": "H01",
        "unit": "ICU",
        "bed": "1",
        "clinician": clinician,
        "from": begin,
        "to": end,
        "at": begin,
    }
    return Message("assignments", b"H01", json.dumps(record | fields).encode(), begin)


def test_a_forgotten_clinician_is_in_no_place_that_the_proof_says_is_empty(
    broker: Broker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By pseudonym, with the state sealed; the last records of the outputs do not name them."""
    key = tmp_path / "key"
    key.write_text("5" * 64)
    key.chmod(0o600)
    for name, value in {
        "XDG_STATE_HOME": str(tmp_path / "state"),
        "ALARM_FATIGUE_PSEUDONYM_KEY_FILE": str(key),
        "ALARM_FATIGUE_AUDIT__FILE": str(tmp_path / "audit.jsonl"),
    }.items():
        monkeypatch.setenv(name, value)
    pseudonym = keyed(b"5" * 64)("Quux-Ann")
    archive = tmp_path / "archive"
    of = ("facility", "forget", "H01", "--clinician", "Quux-Ann", "--json")
    of = (*of, "--broker", broker.address, "--archive", archive)
    with WorkerProcess(
        broker,
        tmp_path,
        clock="wall",
        partitions=PARTITIONS,
        pseudonyms=True,
        pseudonym_key_file=str(key),
        log_level="debug",
    ) as worker:
        worker.wait_until_ready()
        begun = now() - 30 * 60_000
        send(
            broker,
            [
                assignment("s1", "Quux-Ann", begun, begun + 25 * 60_000),
                assignment("s2", "bob", begun, None, bed="2"),
                *(
                    alarm(f"{name}-{phase}", begun + later, alarm_id=name, phase=phase, **more)
                    for name, more in (("x", {}), ("y", {"bed": "2", "recipients": ["Quux-Ann"]}))
                    for phase, later in (("start", 60_000), ("end", 70_000))
                ),
                alarm("late", begun - 20 * 60_000, recipients=["Quux-Ann"]),
            ],
        )
        eventually(lambda: len(read(broker, "episodes")) >= 2, "both alarms are finished")
        archived = run("archive", "--to", archive, "--once", "--broker", broker.address)
        assert archived.status == 0, archived.err
        learned = run("who", "--from-topic", "--broker", broker.address)
        assert learned.status == 0, learned.err
        eventually(
            lambda: any(dict(labels).get("clinician") == pseudonym for _, labels in worker.numbers),
            "there are series of the clinician",
        )
        planned = run(*of, "--dry-run")
        assert planned.status == 0, planned.err
        plan = json.loads(planned.out)
        held = {"alarms": 2, "assignments": 1, "waiting": 0, "changes": 0, "people": 1}
        assert plan["state"]["before"] == held | {"waiting_records": 0}
        assert (plan["sent"], plan["state"]["confirmed"]) == ([], None)

        done = run(*of)
        assert done.status == 0, done.err
        assert b"Quux-Ann" not in done.out
        proof = json.loads(done.out)
        assert (proof["facility"], proof["clinician"]) == ("H01", pseudonym)
        assert proof["state"]["before"] == plan["state"]["before"]
        assert (proof["state"]["confirmed"], set(proof["state"]["after"].values())) == (True, {0})
        assert len(proof["sent"]) == 4 * PARTITIONS
        rows = {"episodes": 2, "overload": 0, "assignments": 1, "responses": 0}
        assert [one.get("rows", one.get("entries")) for one in proof["removed"]] == [rows, 1]
        eventually(
            lambda: (
                not any(dict(labels).get("clinician") == pseudonym for _, labels in worker.numbers)
            ),
            "the series are gone",
        )
        assert not [one for one in opened_with(broker, b"5" * 64) if b"Quux-Ann" in one]
        left = {one["topic"]: one for one in proof["left"] if "topic" in one}
        assert left["episodes"]["records"] == 2
        assert left["episodes"]["until"] > now() + 89 * 86_400_000
        assert (left["rejected"]["records"], left["alarms"]["records"]) == (1, 3 + PARTITIONS)
        assert left["assignments"]["records"] == 1 + PARTITIONS
        assert left["overload"] == left["overload"] | {"records": 0, "until": None}
        last = {
            one["alarm_id"]: one["clinicians"]
            for one in (json.loads(record.value) for record in read(broker, "episodes"))
        }
        assert last == {"x": [], "y": [keyed(b"5" * 64)("bob")]}
        again = run("archive", "--to", archive, "--once", "--broker", broker.address)
        assert again.status == 0, again.err
        assert worker.stop() == 0
    said = worker.log.read_text()
    assert "forget_clinician" in said
    assert "Quux-Ann" not in said
    names = {pseudonym, "Quux-Ann"}
    for table in ("episodes", "overload", "assignments", "responses"):
        for row in Archive(archive).scan(table).collect().to_dicts():  # type: ignore[arg-type]
            week = names_of_one(Pseudonyms(b"5" * 64), "week", "Quux-Ann", begun)
            assert not [one for one in (*names, *week) if one in json.dumps(row, default=str)]
    assert "Quux-Ann" not in (tmp_path / "state" / "alarm-fatigue" / "who.json").read_text()
    entries = (tmp_path / "audit.jsonl").read_text()
    assert "facility forget clinician" in entries
    assert "Quux-Ann" not in entries


def opened_with(broker: Broker, key: bytes) -> list[bytes]:
    """The stored state's records that count, in clear."""
    last = {one.key: one.value for one in read(broker, checkpoint_topic("alarm-fatigue"))}
    values = {of: value for of, value in last.items() if of is not None and value is not None}
    found = Sealing(key).opened(values)
    return [zstandard.ZstdDecompressor().decompressobj().decompress(one) for one in found.values()]


def test_a_clinician_on_duty_is_forgotten_by_force_alone(
    broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALARM_FATIGUE_PSEUDONYMS", "off")
    send(broker, [assignment("s1", "ann", now() - 60_000, None)])
    of = ("facility", "forget", "H01", "--broker", broker.address, "--wait", "0s")
    refused = run(*of, "--clinician", "ann")
    assert (refused.status, refused.err) == (
        1,
        "error: 1 bed is assigned to this clinician in facility H01 now, and would count as "
        "unassigned: end the assignments first, or give --force\n",
    )
    unknown = run(*of, "--clinician", "nobody")
    assert unknown.status == 1
    assert "nothing names this clinician in facility H01" in unknown.err
    forced = run(*of, "--clinician", "ann", "--force")
    assert (forced.status, forced.err) == (0, "")
    said = forced.out.decode().splitlines()
    assert said[:3] == [
        f"sent: forget_clinician to {4 * PARTITIONS} partitions of the inputs",
        "state: not looked at",
        "What is left, and what removes it:",
    ]
    assert len(read(broker, "assignments")) == 1 + PARTITIONS
