"""Names of people leave a worker as pseudonyms only."""

from __future__ import annotations

import hmac
import json
import re
from pathlib import Path

from streams.dev.broker import EmbeddedBroker
from streams.formats.pseudonyms import key_id, keyed
from tests.harness.wards import AT, alarm, wait_until_taken_in
from tests.harness.workers import Message, WorkerProcess, events, eventually, read, send

MARK = "zzmark"
KEY = b"the key of this test, which is long enough"


def test_no_identifying_word_leaves_the_worker_but_in_the_records_it_must_pass_on(
    own_broker: EmbeddedBroker, tmp_path: Path
) -> None:
    """Canaries in every field that names or describes somebody; pseudonyms as the contract makes
    them.
    """
    key = tmp_path / "key"
    key.write_bytes(KEY + b"\n")
    key.chmod(0o600)
    clinician = f"{MARK}-clinician"
    canary = {
        "bed": f"{MARK}-bed",
        "device_id": f"{MARK}-device",
        "label": f"{MARK} label",
        "recipients": [clinician, f"{MARK}-recipient"],
    }
    duty = {
        "event_id": f"{MARK}-s",
        "assignment_id": f"{MARK}-s",
        "facility": "H01",
        "unit": "ICU",
        "bed": f"{MARK}-bed",
        "clinician": clinician,
        "from": AT,
        "at": AT,
        "role": f"{MARK}-role",
    }
    said = {
        "event_id": f"{MARK}-r",
        "facility": "H01",
        "at": AT + 500,
        "action": "attend",
        "bed": f"{MARK}-bed",
        "clinician": clinician,
    }
    label = {
        "event_id": "l",
        "facility": "H01",
        "alarm_id": f"{MARK}-a",
        "verdict": "actionable",
        "at": AT + 2000,
        "reviewer": MARK,
        "reason": MARK,
    }
    bad = [
        alarm(9, bed=MARK * 100),
        alarm(9, kind=MARK),
        alarm(9, at=MARK),
        MARK.encode(),
        json.dumps([MARK]).encode(),
    ]
    messages = [
        Message("assignments", b"H01", json.dumps(duty).encode(), AT),
        Message(
            "alarms", b"H01", alarm(1, alarm_id=f"{MARK}-a", event_id=f"{MARK}-1", **canary), AT
        ),
        Message("responses", b"H01", json.dumps(said).encode(), AT),
        Message(
            "alarms",
            b"H01",
            alarm(
                2, alarm_id=f"{MARK}-a", event_id=f"{MARK}-2", phase="end", at=AT + 1000, **canary
            ),
            AT,
        ),
        Message("labels", b"H01", json.dumps(label).encode(), AT),
        *(Message("alarms", b"H01", value, AT) for value in bad),
        Message("alarms", MARK.encode(), alarm(1), AT),
        # time for the first to become final
        Message("alarms", b"H01", alarm(3, at=AT + 600_000), AT + 600_000),
    ]
    send(own_broker, messages)
    with WorkerProcess(
        own_broker, tmp_path, pseudonyms=True, pseudonym_key_file=str(key), log_level="debug"
    ) as worker:
        worker.wait_until_ready()
        wait_until_taken_in([worker], len(messages))
        shown = "".join(
            worker.get("/metrics", accept)[1] for accept in ("", "application/openmetrics-text")
        )
        pages = [
            worker.get(f"/api/v1/{page}")
            for page in ("units", "clinicians?facility=H01&unit=ICU", "findings")
        ]
        assert worker.stop() == 0
    pseudonyms = {
        name: hmac.new(KEY, name.encode(), "sha256").hexdigest()[:16]
        for name in (clinician, f"{MARK}-recipient")
    }
    assert set(re.findall(r'clinician="([^"]+)"', shown)) == set(pseudonyms.values())
    assert MARK not in shown
    assert [(status, MARK in text) for status, text in pages] == [(200, False)] * 3
    assert pseudonyms[clinician] in pages[1][1]
    assert MARK not in worker.log.read_text()
    rejected = read(own_broker, "rejected")
    assert len(rejected) == len(bad) + 1
    assert not [
        value for record in rejected for _, value in record.headers if MARK.encode() in value
    ]
    [episode] = [json.loads(record.value) for record in read(own_broker, "episodes")]
    assert (episode["alarm_id"], episode["clinicians"]) == (
        f"{MARK}-a",
        sorted(pseudonyms.values()),
    )
    assert clinician not in json.dumps(episode)
    assert episode["pseudonym_key"] == key_id(KEY)
    stored = read(own_broker, "alarm-fatigue-checkpoint-changelog")
    values = [record.value for record in stored if record.value]
    assert values
    assert {value[:12] for value in values} == {b"AFS1" + key_id(KEY).encode()}


def test_state_outlives_a_change_of_the_key_and_is_refused_without_the_old_one(
    own_broker: EmbeddedBroker, tmp_path: Path
) -> None:
    old, new, other = (tmp_path / name for name in ("old", "new", "other"))
    for path in (old, new, other):
        path.write_text(f"{path.name}: a key of this test that is long enough\n")
        path.chmod(0o600)
    send(own_broker, [Message("alarms", b"H01", alarm(1, recipients=["ann"]), AT)])
    more = {"pseudonyms": True}
    first = WorkerProcess(own_broker, tmp_path, "1", **more, pseudonym_key_file=str(old))
    with first:
        first.wait_until_ready()
        wait_until_taken_in([first], 1)
        assert first.stop() == 0

    lost = WorkerProcess(own_broker, tmp_path, "2", **more, pseudonym_key_file=str(other))
    with lost:
        eventually(lambda: not lost.running, "it ends")
    said = lost.log.read_text()
    names = [key_id(path.read_bytes().strip()) for path in (old, other)]
    assert (
        "the stored state was sealed with another pseudonym key "
        f"(id {names[0]}; here: {names[1]}): give that key" in said
    )
    assert "start a new group to compute everything again" in said

    both = {"pseudonym_key_file": str(new), "pseudonym_previous_key_file": str(old)}
    with WorkerProcess(own_broker, tmp_path, "3", **more, **both) as rotated:
        rotated.wait_until_ready()
        shown = {
            labels["clinician"]
            for name, found in rotated.numbers
            if "clinician" in (labels := dict(found))
        }
        assert shown == {keyed(new.read_bytes().strip())("ann")}
        assert events(rotated.numbers)["alarms", "accepted"] == 1  # restored, not read again
        assert rotated.stop() == 0
    # the whole state is now sealed with the new key
    with WorkerProcess(own_broker, tmp_path, "4", **more, pseudonym_key_file=str(new)) as last:
        last.wait_until_ready()
        assert last.stop() == 0
