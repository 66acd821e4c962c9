"""Tables as hospitals export them, through `tune`: what a person sees in a table is what is
counted, and what cannot be is said.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars
import pytest

from tests.harness.tables import AUTUMN, HEAD, MAP, TABLE, VENDOR, VENDOR_MAP
from tests.harness.workers import Done, run


def tuned(folder: Path, table: str | bytes, mapping: str | None = MAP, *more: Any) -> Done:
    content = table if isinstance(table, bytes) else table.encode()
    (folder / "alarms.csv").write_bytes(content)
    given: tuple[Any, ...] = ()
    if mapping is not None:
        (folder / "map.yaml").write_text(mapping)
        given = ("--mapping", folder / "map.yaml")
    more = more or ("--delay", "15")
    return run("tune", "--episodes", folder / "alarms.csv", *given, *more, "--json")


def classes(done: Done) -> dict[str, int]:
    assert done.status == 0, done.err
    found = json.loads(done.out)["before"]["classes"]
    return {name: count for name, count in found.items() if count}


def test_excels_mark_is_no_part_of_the_first_name(tmp_path: Path) -> None:
    done = tuned(tmp_path, TABLE.encode("utf-8-sig"))
    assert classes(done) == {"actionable": 1, "non_actionable": 3}
    assert done.err == ""


def test_units_of_another_encoding_stay_apart_or_are_refused(tmp_path: Path) -> None:
    table = TABLE.replace("ICU;B1", "HNO-Ä;B1").replace("ICU", "HNO-Ö").encode("cp1252")
    done = tuned(tmp_path, table)
    assert (done.status, done.out) == (1, b"")
    assert "alarms.csv: line 2: not UTF-8; set csv.encoding" in done.err
    done = tuned(tmp_path, table, MAP.replace('";"}', '";", encoding: cp1252}'))
    assert {one["unit"]: one["before"]["alarms"] for one in json.loads(done.out)["units"]} == {
        "HNO-Ä": 1,
        "HNO-Ö": 3,
    }


NUMBERED = "".join(
    f"FP;ICU;B{bed};Yellow;SpO2 LO;01.03.2026 07:0{number}:00;01.03.2026 07:0{number}:10;;;"
    f"{number}\n"
    for bed in range(3)
    for number in range(5)
)


def test_ids_of_each_device_are_said_and_can_be_joined(tmp_path: Path) -> None:
    table = f"{HEAD};No\n{NUMBERED}"
    done = tuned(tmp_path, table, MAP + "  alarm_id: No\n")
    assert classes(done) == {"non_actionable": 5}
    assert "10 rows replaced earlier ones of the same alarm_id" in done.err
    done = tuned(tmp_path, table, MAP + "  alarm_id: {columns: [Bed, No], join: /}\n")
    assert classes(done) == {"non_actionable": 15}
    assert done.err == ""
    assert classes(tuned(tmp_path, table, MAP + "  alarm_id: [Bed, No]\n")) == {
        "non_actionable": 15
    }


def test_a_comment_that_is_not_closed_costs_no_row(tmp_path: Path) -> None:
    row = TABLE.splitlines()[-1]
    comments = ["ok", "ok", '"checked', *["ok"] * 597]
    done = tuned(tmp_path, f"{HEAD};Comment\n" + "".join(f"{row};{one}\n" for one in comments))
    assert classes(done) == {"non_actionable": 600}
    assert "1 row has a quotation mark that is never closed" in done.err


def test_milliseconds_are_read_as_the_product_writes_them(tmp_path: Path) -> None:
    head = "facility,unit,bed,alarm_id,device_type,code,kind,priority,start,end,class\n"
    rows = (
        "H1,ICU,B1,a1,monitor,LO,physiological,medium,1772348400000,1772348440000,unknown\n"
        "H1,ICU,B2,a2,monitor,LO,physiological,medium,1772348500000.0,1772348510000.0,unknown\n"
    )
    done = tuned(tmp_path, head + rows, None)
    assert classes(done) == {"unknown": 2}
    assert json.loads(done.out)["sounding_seconds"]["before"] == 50
    done = tuned(tmp_path, head + rows + rows.splitlines()[0].replace("8400000", "8400"), None)
    assert done.err.splitlines() == [
        f"malformed: {tmp_path / 'alarms.csv'}:4: start: expected milliseconds since 1970, found "
        "what looks like seconds (time: s in the mapping)"
    ]


@pytest.mark.parametrize(
    "absent", ["---", "-", "", " ", "n/a", "N/A", "#N/A", "NaN", "null", "--.-"]
)
def test_sentinel_values_are_not_readings(absent: str, tmp_path: Path) -> None:
    done = tuned(
        tmp_path,
        TABLE.replace(";;\n", f";{absent};{absent}\n"),
        MAP,
        "--type",
        "monitor//VT",
        "--limit",
        "90",
    )
    assert classes(done) == {"actionable": 1}
    assert done.err == ""
    assert json.loads(done.out)["not_evaluable"] == 1


def test_a_mapping_names_what_else_is_no_value(tmp_path: Path) -> None:
    table = TABLE.replace(";;\n", ";-999;k.A.\n")
    assert "expected a number" in tuned(tmp_path, table).err
    done = tuned(tmp_path, table, 'absent: ["-999", k.A.]\n' + MAP)
    assert (classes(done), done.err) == ({"actionable": 1, "non_actionable": 3}, "")


def test_no_number_in_a_parquet_table_is_no_reading(tmp_path: Path) -> None:
    start = datetime(2026, 3, 1, 7, tzinfo=UTC)
    rows = {
        "facility": ["H1", "H1"],
        "unit": [7, 7],
        "bed": [1.0, 2.0],
        "device_type": ["monitor"] * 2,
        "code": ["LO", "LEADS"],
        "kind": ["physiological", "technical"],
        "priority": ["medium", "low"],
        "start": [start, start],
        "end": [start.timestamp() * 1000 + 20_000, float("nan")],
        "value": [86.0, float("nan")],
        "limit": [90.0, float("nan")],
    }
    polars.DataFrame(rows).write_parquet(tmp_path / "t.parquet")
    done = run("tune", "--episodes", tmp_path / "t.parquet", "--delay", "15", "--json")
    assert (classes(done), done.err) == ({"unknown": 1, "technical": 1}, "")
    assert [one["unit"] for one in json.loads(done.out)["units"]] == ["7"]


def test_a_technical_alarm_is_technical_unless_somebody_judged_it(tmp_path: Path) -> None:
    unjudged = "\n".join(line for line in MAP.splitlines() if "Judged" not in line)
    assert classes(tuned(tmp_path, TABLE, unjudged)) == {"technical": 1, "unknown": 3}
    some = TABLE.replace("FP;ICU;B2;Cyan", "?;ICU;B2;Cyan")
    assert classes(tuned(tmp_path, some)) == {
        "actionable": 1,
        "technical": 1,
        "non_actionable": 2,
    }


def test_all_columns_that_are_not_there_are_one_error(tmp_path: Path) -> None:
    has = f"(it has: {', '.join(HEAD.split(';'))})"
    path = tmp_path / "alarms.csv"
    done = tuned(tmp_path, TABLE, MAP.replace("column: End", "column: Ende"))
    assert (done.status, done.out) == (1, b"")
    assert done.err == (
        f"error: {tmp_path / 'map.yaml'}: fields.end: {path} has no column Ende {has}\n"
    )
    done = tuned(tmp_path, TABLE, MAP.replace("column: End", "column: Ende") + "  source: Sig\n")
    assert f"fields.end, fields.source: {path} has no column Ende, Sig {has}" in done.err
    done = tuned(tmp_path, TABLE, None)
    assert f"{path} has no column facility, unit, device_type, code, priority, start" in done.err
    assert done.err.count("\n") == 1


def test_words_that_yaml_takes_for_truth_values_are_words(tmp_path: Path) -> None:
    table = TABLE.replace("TP;", "Yes;").replace("FP;", "No;").replace("Judged;", "On;")
    mapping = (
        MAP.replace("TP:", "Yes:").replace("FP:", "No:").replace("column: Judged", "column: On")
    )
    assert classes(tuned(tmp_path, table, mapping)) == {"actionable": 1, "non_actionable": 3}
    table = TABLE.replace("Red;", "1;").replace("Yellow;", "2;").replace("Cyan;", "3;")
    mapping = MAP.replace("Red:", "1:").replace("Yellow:", "2:").replace("Cyan:", "3:")
    assert classes(tuned(tmp_path, table, mapping)) == {"actionable": 1, "non_actionable": 3}


def test_an_hour_that_came_twice_costs_no_row_and_is_said(tmp_path: Path) -> None:
    done = tuned(tmp_path, AUTUMN)
    assert classes(done) == {"actionable": 1, "non_actionable": 2}
    assert json.loads(done.out)["sounding_seconds"]["before"] == 20 + 120 + 30
    [line] = done.err.splitlines()
    assert "2 rows lie in an hour that came twice" in line


def test_a_time_that_never_was_is_said(tmp_path: Path) -> None:
    done = tuned(tmp_path, TABLE.replace("01.03.2026 07:00", "29.03.2026 02:00"))
    assert classes(done) == {"actionable": 1, "non_actionable": 3}
    assert "1 row has a time that never was" in done.err


def test_patterns_take_a_text_apart_so_that_limits_apply(tmp_path: Path) -> None:
    done = tuned(tmp_path, VENDOR, VENDOR_MAP)
    assert (classes(done), done.err) == ({"technical": 1, "unknown": 4}, "")
    for of, limit, removed in (
        ("SpO2/low", "86", 1),
        ("SpO2/low", "87", 0),
        ("HF/high", "134", 1),
        ("HF/high", "130", 0),
        ("ABPs/low", "88", 1),
        ("/VTACH", "1", 0),
    ):
        done = tuned(tmp_path, VENDOR, VENDOR_MAP, "--type", f"monitor/{of}", "--limit", limit)
        found = json.loads(done.out)
        assert (found["before"]["alarms"], found["removed"]["alarms"]) == (1, removed), of


def test_a_text_that_fits_no_pattern_is_told_without_quoting_it(tmp_path: Path) -> None:
    done = tuned(tmp_path, VENDOR.replace("LEADS OFF", "LEADS <> OFF, patient 7"), VENDOR_MAP)
    assert done.err.splitlines() == [
        f"malformed: {tmp_path / 'alarms.csv'}:4: Text: expected a text that fits one of the "
        "patterns"
    ]


def test_date_and_time_of_two_columns_are_joined(tmp_path: Path) -> None:
    table = VENDOR.replace("2026 ", "2026;").replace("Alarm Time;", "Day;Hour;")
    table = table.replace("End Time;Ack Time", "End Day;End Hour;Ack Day;Ack Hour")
    mapping = (
        VENDOR_MAP.replace("column: Alarm Time", "columns: [Day, Hour]")
        .replace("column: End Time", "columns: [End Day, End Hour]")
        .replace("column: Ack Time", "columns: [Ack Day, Ack Hour]")
    )
    table = table.replace(";29.03.2026;07:09:00;", ";29.03.2026;07:09:00;;")
    done = tuned(tmp_path, table, mapping)
    assert done.err == ""
    assert json.loads(done.out) == json.loads(tuned(tmp_path, VENDOR, VENDOR_MAP).out)


def test_a_local_time_without_offset_needs_a_zone(tmp_path: Path) -> None:
    head = "facility,unit,device_type,code,priority,start,end\n"
    row = "H1,ICU,monitor,LO,high,2026-03-01 08:00:00,2026-03-01T08:00:20\n"
    assert "expected an RFC 3339 time with an offset" in tuned(tmp_path, head + row, "").err
    zone = "zone: Europe/Berlin"
    mapping = f"fields: {{start: {{column: start, {zone}}}, end: {{column: end, {zone}}}}}"
    done = tuned(tmp_path, head + row, mapping)
    assert json.loads(done.out)["span"]["from"] == 1772348400000


@pytest.mark.parametrize(
    ("mapping", "says"),
    [
        ("texts: [{column: a, patterns: ['(']}]", "expected a regular expression"),
        ("texts: [{column: a, patterns: [a]}]", "expected a named group such as (?P<code>.+)"),
        ("texts: [{column: a, patterns: []}]", "texts.0.patterns: "),
        ("fields: {unit: []}", "fields.unit.columns: "),
        ("fields: {unit: {columns: [a], column: b}}", "expected either column or value"),
    ],
)
def test_patterns_and_columns_that_cannot_be_are_one_line(
    tmp_path: Path, mapping: str, says: str
) -> None:
    done = tuned(tmp_path, TABLE, mapping)
    assert done.status == 1
    [line] = done.err.splitlines()
    assert says in line
