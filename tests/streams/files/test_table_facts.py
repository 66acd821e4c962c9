"""`replay`, `findings` and `publish` take a table under the mapping that `tune` takes, too: they
answer as from the same facts in JSON.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from streams.dev.broker import EmbeddedBroker
from streams.files.lines import BadLine
from streams.files.table_facts import TableFacts
from tests.harness.tables import AUTUMN, HEAD, MAP, TABLE, VENDOR, VENDOR_MAP
from tests.harness.workers import new_topics, read, run

OPEN_TIME = "2026-03-29T06:00:00Z"


@pytest.fixture
def vendor(tmp_path: Path) -> tuple[Path, Path]:
    """A table and its mapping."""
    table, mapping = tmp_path / "alarms.csv", tmp_path / "map.yml"
    table.write_text(VENDOR)
    mapping.write_text(VENDOR_MAP)
    return table, mapping


def event(row: int, phase: str, at: str, **fields: Any) -> dict[str, Any]:
    alarm = {"alarm_id": f"a{row}", "event_id": f"{row}{phase}", "phase": phase, "at": at}
    place = {"facility": "H1", "unit": "ICU", "device_type": "monitor", "kind": "physiological"}
    return place | alarm | {"device_id": fields["bed"]} | fields


def by_hand(folder: Path) -> list[Any]:
    """The facts of the table as somebody would write them, as arguments."""
    alarms = {
        2: ("06:58:11", "06:58:45", {"bed": "ICU-1", "priority": "medium", "code": "low"}),
        3: ("07:01:02", "07:01:20", {"bed": "ICU-1", "priority": "high", "code": "VTACH"}),
        4: ("07:03:00", "07:09:00", {"bed": "ICU-2", "priority": "low", "code": "LEADS OFF"}),
        5: ("07:05:30", "07:05:41", {"bed": "ICU-2", "priority": "medium", "code": "high"}),
        6: ("07:10:00", None, {"bed": "ICU-3", "priority": "medium", "code": "low"}),
    }
    readings: dict[int, dict[str, Any]] = {
        2: {"source": "SpO2", "value": 86, "limit": 90},
        4: {"kind": "technical"},
        5: {"source": "HF", "value": 134, "limit": 120},
        6: {"source": "ABPs", "value": 88, "limit": 90},
    }
    day = "2026-03-29T{}+02:00"
    events, responses = [], []
    for row, (start, end, fields) in alarms.items():
        fields |= readings.get(row, {})
        events.append(event(row, "start", day.format(start), **fields))
        if end is not None:
            events.append(event(row, "end", day.format(end), **fields))
    for row, at in ((2, "06:58:30"), (3, "07:01:12")):
        of = {"facility": "H1", "alarm_id": f"a{row}"}
        responses.append(
            of | {"event_id": f"r{row}", "at": day.format(at), "action": "acknowledge"}
        )
    for name, facts in (("alarms", events), ("responses", responses)):
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(one) + "\n" for one in facts))
    return ["--alarms", folder / "alarms.jsonl", "--responses", folder / "responses.jsonl"]


@pytest.mark.parametrize("command", ["replay", "findings"])
def test_a_table_answers_as_its_facts_do(
    command: str, vendor: tuple[Path, Path], tmp_path: Path
) -> None:
    table, mapping = vendor
    of_table = run(command, "--alarms", table, "--mapping", mapping, "--at", OPEN_TIME)
    of_facts = run(command, *by_hand(tmp_path), "--at", OPEN_TIME)
    assert (of_table.status, of_table.err) == (0, "")
    assert of_table.out == of_facts.out
    assert b"ABPs" in of_table.out


def test_finished_alarms_of_a_table_have_readings_limits_and_responses(
    vendor: tuple[Path, Path], tmp_path: Path
) -> None:
    table, mapping = vendor
    out = tmp_path / "e.jsonl"
    run("replay", "--alarms", table, "--mapping", mapping, "--at", OPEN_TIME, "--episodes", out)
    found = {one["code"]: one for one in map(json.loads, out.read_text().splitlines())}
    assert {code: (one["value"], one["limit"]) for code, one in found.items()} == {
        "low": (86, 90),
        "VTACH": (None, None),
        "LEADS OFF": (None, None),
        "high": (134, 120),
    }
    assert [
        (code, one["first_response"] - one["start"])
        for code, one in found.items()
        if one["first_response"] is not None
    ] == [("low", 19_000), ("VTACH", 10_000)]


def facts(folder: Path, table: str, mapping: str) -> tuple[dict[str, list[Any]], list[str]]:
    """The facts by topic, and what is reported and said."""
    (folder / "alarms.csv").write_text(table)
    (folder / "map.yml").write_text(mapping)
    told: list[str] = []

    def report(line: BadLine) -> None:
        told.append(f"{line.line}: {line.detail}")

    found = TableFacts(folder / "alarms.csv", folder / "map.yml", report)
    written = {
        topic: [json.loads(line) for line in path.read_text().splitlines()]
        for topic, path in found.write(folder, lambda _: None)
    }
    return written, [*told, *found.words()]


def test_judged_rows_are_labels_and_people_recipients(tmp_path: Path) -> None:
    table = TABLE.replace(HEAD, f"{HEAD};Staff").replace(";86;90", ";86;90;n1, n2")
    written, told = facts(
        tmp_path,
        table.replace("FP;ICU;B2;Yellow", ";ICU;B2;Yellow"),
        MAP + '  clinicians: {column: Staff, separator: ","}\n  label: Alarm\n',
    )
    assert told == []
    assert [one["verdict"] for one in written["labels"]] == [
        "actionable",
        "non_actionable",
        "non_actionable",
    ]
    assert written["alarms"][-1]["recipients"] == ["n1", "n2"]
    assert written["alarms"][-1]["label"] == "SpO2 LO"
    assert {one["alarm_id"] for one in written["labels"]} < {
        one["alarm_id"] for one in written["alarms"]
    }


def test_rows_without_ids_are_no_duplicates_though_all_fields_are_equal(tmp_path: Path) -> None:
    written, _ = facts(tmp_path, TABLE + TABLE.splitlines()[-1], MAP)
    ids = [one["event_id"] for one in written["alarms"]]
    assert len(set(ids)) == len(ids) == 10


def test_rows_that_are_no_facts_are_told_by_row(tmp_path: Path) -> None:
    row = "FP;ICU;B1;Yellow;SpO2 LO;"
    table = (
        f"{AUTUMN}{row}01.03.2026 07:00:10;01.03.2026 07:00:00;;\n"
        f"{row}01.03.1999 07:00:10;;;\n{row}29.03.2026 02:30:00;;;\n"
        f"FP;;B1;Yellow;SpO2 LO;01.03.2026 07:00:10;;;\n"
    )
    written, told = facts(tmp_path, table, MAP)
    one_meaning = "expected a time of one meaning, but the clocks were changed in this hour"
    assert told == [
        "5: end: expected no earlier than start",
        "6: start: expected a time from 2000 to 2100",
        "8: unit: required, but missing",
        f"3: start: {one_meaning}",
        f"4: start: {one_meaning}",
        f"7: start: {one_meaning}",
    ]
    assert [one["at"] for one in written["alarms"]] == [1792889990000, 1792890010000]


def test_refused_rows_count_as_malformed(tmp_path: Path) -> None:
    (tmp_path / "alarms.csv").write_text(AUTUMN)
    (tmp_path / "map.yml").write_text(MAP)
    given = ("--alarms", tmp_path / "alarms.csv", "--mapping", tmp_path / "map.yml")
    done = run("replay", *given, "--strict")
    assert done.status == 3
    assert b'{outcome="malformed",topic="alarms"} 2.0' in done.out


def test_a_mapping_without_a_table_is_refused(tmp_path: Path) -> None:
    (tmp_path / "map.yml").write_text(MAP)
    mapping = ("--mapping", tmp_path / "map.yml")
    given = by_hand(tmp_path)
    assert "expected a table, found JSON objects" in run("replay", *given, *mapping).err
    done = run("publish", "--broker", "127.0.0.1:9", *given[2:], *mapping)
    assert (done.status, "--mapping: expected a table of alarms" in done.err) == (2, True)


def test_a_published_table_arrives_as_facts_in_order_of_time(
    vendor: tuple[Path, Path], embedded_broker: EmbeddedBroker
) -> None:
    table, mapping = vendor
    new_topics(embedded_broker, partitions=1)
    given = ("--alarms", table, "--mapping", mapping)
    done = run("publish", "--broker", embedded_broker.address, *given, "--fast")
    assert done.status == 0, done.err
    assert done.err.splitlines()[-1] == "11 records published"
    alarms = [json.loads(one.value) for one in read(embedded_broker, "alarms")]
    assert len(alarms) == 9
    assert [one["at"] for one in alarms] == sorted(one["at"] for one in alarms)
    assert [json.loads(one.value)["action"] for one in read(embedded_broker, "responses")] == [
        "acknowledge"
    ] * 2


def test_a_roster_that_is_a_table_needs_no_import(
    vendor: tuple[Path, Path], tmp_path: Path
) -> None:
    table, mapping = vendor
    fields = "".join(f"  {line}\n" for line in VENDOR_MAP.split("fields:\n")[1].splitlines())
    texts = VENDOR_MAP.split("fields:\n")[0]
    mapping.write_text(
        f"{texts}alarms:\n  fields:\n{fields}"
        "assignments:\n  fields:\n    facility: {value: H1}\n    unit: {value: ICU}\n"
        "    bed: Place\n    clinician: Who\n    from: From\n"
    )
    given = ("--alarms", table, "--mapping", mapping, "--at", OPEN_TIME)
    assert (
        b'unit_unassigned_alarms{facility="H1",unit="ICU",window="2h"} 5.0'
        in run("replay", *given).out
    )
    roster = tmp_path / "roster.csv"
    roster.write_text(
        "Place,Who,From\n" + "".join(f"ICU-{n},n{n},2026-03-29T00:00:00Z\n" for n in (1, 2, 3))
    )
    done = run("replay", *given, "--assignments", roster)
    assert (done.status, done.err) == (0, "")
    assert b'unit_unassigned_alarms{facility="H1",unit="ICU",window="2h"} 0.0' in done.out
