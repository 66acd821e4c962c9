"""`doctor`: what is missing, odd or late in recorded facts and on the topics."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from streams.dev.broker import EmbeddedBroker
from tests.harness.workers import Message, new_topics, run, send

PLACE = {"facility": "H", "unit": "ICU", "device_type": "monitor", "device_id": "m"}
AT = 1_772_348_400_000


def event(number: int, phase: str, at: int, **fields: Any) -> dict[str, Any]:
    alarm = {"alarm_id": f"a{number}", "event_id": f"{number}{phase}", "phase": phase, "at": at}
    static = {"bed": "1", "code": "LO", "kind": "physiological", "priority": "medium"}
    return PLACE | alarm | static | fields


def asked(folder: Path, **files: list[dict[str, Any]]) -> dict[str, Any]:
    given: list[Any] = []
    for name, facts in files.items():
        path = folder / f"{name}.jsonl"
        path.write_text("".join(json.dumps(one) + "\n" for one in facts))
        given += [f"--{name}", path]
    done = run("doctor", *given, "--json")
    assert done.status == 0, done.err
    found: dict[str, Any] = json.loads(done.out)
    return found


def alarms(count: int, **fields: Any) -> list[dict[str, Any]]:
    return [
        event(number, phase, AT + 60_000 * number + shift, **fields)
        for number in range(count)
        for phase, shift in (("start", 0), ("end", 10_000))
    ]


def figures(found: dict[str, Any]) -> list[str]:
    return [one["figure"] for one in found["unknown_figures"]]


def test_a_complete_recording_can_tell_all(tmp_path: Path) -> None:
    some = alarms(20, value=88, limit=90) + alarms(1, kind="technical", alarm_id="t", code="LEADS")
    some[-2]["event_id"], some[-1]["event_id"] = "t1", "t2"
    roster = {"event_id": "s", "assignment_id": "s", "facility": "H", "unit": "ICU", "bed": "1"}
    roster |= {"clinician": "n", "from": AT - 1000, "to": None, "at": AT}  # type: ignore[dict-item]
    response = {"event_id": "r", "facility": "H", "bed": "1", "action": "attend", "at": AT + 5000}
    found = asked(tmp_path, alarms=some, assignments=[roster], responses=[response])
    assert found["unknown_figures"] == []
    assert found["alarms"]["unassigned"] == {"count": 0, "of": 21}
    assert found["responses"]["alarms_with_response"] == {"count": 2, "of": 21}
    assert found["alarms"]["technical"] == {"count": 1, "of": 21}
    text = run("doctor", "--alarms", tmp_path / "alarms.jsonl").out.decode()
    assert "missing  roster: there is none" in text
    assert "missing  interventions: none recorded in H/ICU" in text


def test_missing_records_make_figures_unknown(tmp_path: Path) -> None:
    starts = [one for one in alarms(30, code="ECG LEADS OFF") if one["phase"] == "start"]
    found = asked(tmp_path, alarms=starts)
    assert figures(found) == [
        "classes, sounding time, delays in tune",
        "all figures of clinicians, and who can relieve whom",
        "time to response",
        "non-actionable alarms that last 15 s or longer (they are unknown)",
        "other limits in tune (most alarms are not evaluable)",
        "technical alarms",
    ]
    assert found["looks_technical"] == ["monitor//ECG LEADS OFF"]
    assert found["clocks"] is None


def test_oddities_are_counted(tmp_path: Path) -> None:
    some = alarms(3)
    some += [some[0], some[0] | {"bed": "2"}, event(9, "end", AT)]
    some += [event(7, "start", AT + 9 * 3_600_000, unit="icu")]
    roster = [
        {"event_id": f"s{bed}", "assignment_id": f"s{bed}", "facility": "H", "unit": "ICU"}
        | {"bed": bed, "clinician": "n", "from": AT, "to": AT - 1, "at": AT}
        for bed in ("1", "5")
    ]
    answer = {"event_id": "r", "facility": "H", "alarm_id": "a0", "action": "silence"}
    found = asked(tmp_path, alarms=some, assignments=roster, responses=[answer | {"at": AT - 5000}])
    assert found["duplicates"] == {"same": 1, "other_content": 1}
    assert found["alarms"]["ends_without_start"] == 1
    assert found["alarms"]["longest_gap_seconds"] > 8 * 3600
    assert found["roster"]["ends_before_it_begins"] == 2
    assert found["roster"]["beds_without_alarms"] == ["H/ICU/5"]
    assert found["responses"]["before_the_alarm"] == {"count": 1, "of": 1}
    assert found["odd_names"] == [["H/ICU", "H/icu"], ["H/ICU/1", "H/icu/1"]]


def test_an_overlong_shift_counts_beside_later_ones(tmp_path: Path) -> None:
    roster = [
        {"event_id": f"s{k}", "assignment_id": f"s{k}", "facility": "H", "unit": "ICU", "bed": "1"}
        | {"clinician": "n", "from": AT + shift, "to": AT + shift + lasts, "at": AT}
        for k, (shift, lasts) in enumerate([(-1000, 3_600_000), (60_000, 1000)])
    ]
    found = asked(tmp_path, alarms=alarms(5), assignments=roster)
    assert found["alarms"]["unassigned"] == {"count": 0, "of": 5}


def test_a_zone_that_is_wrong_is_named(embedded_broker: EmbeddedBroker) -> None:
    new_topics(embedded_broker, partitions=2)
    now = round(time.time() * 1000)
    values = [json.dumps(event(k, "start", now - 2 * 3_600_000 + k)) for k in range(5)]
    send(
        embedded_broker,
        [Message("alarms", b"H", one.encode(), now) for one in [*values, "{}"]],
    )
    done = run("doctor", "--broker", embedded_broker.address)
    assert done.status == 0, done.err
    text = done.out.decode()
    assert "look     clocks: alarms is about +2 h off; is its zone right?" in text
    assert "look     malformed: 1 records are no facts" in text


def test_mistakes_are_one_line(tmp_path: Path) -> None:
    assert run("doctor").status == 2
    given = ("--alarms", tmp_path / "a.jsonl", "--broker", "127.0.0.1:9")
    assert "expected no files beside it" in run("doctor", *given).err
    done = run("doctor", "--broker", "127.0.0.1:9")
    assert (done.status, len(done.err.splitlines())) == (1, 1)
