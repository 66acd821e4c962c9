"""`import`: the files that it writes, the rows that it rejects, and what it says."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import polars
import pytest

from tests.harness.imports import imported, written
from tests.harness.tables import AUTUMN, HEAD, MAP, TABLE, VENDOR, VENDOR_MAP
from tests.harness.workers import run


def test_a_table_becomes_four_files(tmp_path: Path) -> None:
    found = imported(tmp_path, VENDOR, VENDOR_MAP)
    assert (found.done.status, found.done.out) == (0, b"")
    assert found.done.err == "5 rows: 9 alarms, 2 responses; 0 rejected\n"
    assert sorted(found.files) == ["alarms", "rejected", "responses"]
    first = next(one for one in found.alarms if one["code"] == "low")
    assert (first["source"], first["value"], first["limit"]) == ("SpO2", 86, 90)
    assert {one["action"] for one in found.files["responses"]} == {"acknowledge"}


def test_the_files_answer_as_the_table_does(tmp_path: Path) -> None:
    imported(tmp_path, VENDOR, VENDOR_MAP)
    of_files = run(
        "replay",
        *("--alarms", tmp_path / "out" / "alarms.jsonl"),
        *("--responses", tmp_path / "out" / "responses.jsonl"),
    )
    mapped = ("--mapping", tmp_path / "map.yml")
    assert of_files.out == run("replay", "--alarms", tmp_path / "t.csv", *mapped).out


def test_rejected_rows_are_named_with_what_was_expected(tmp_path: Path) -> None:
    table = f"{AUTUMN}FP;;B1;Yellow;SpO2 LO;01.03.2026 07:00:10;;;\nFP;ICU;B1;Pink;X;gone;;;\n"
    found = imported(tmp_path, table, MAP)
    assert found.rejected == [
        (5, "unit", "missing"),
        (6, "start", "not_a_time"),
        (3, "start", "ambiguous_time"),
        (4, "start", "ambiguous_time"),
    ]
    assert found.files["rejected"][1] == {
        "file": str(tmp_path / "t.csv"),
        "line": 6,
        "field": "start",
        "reason": "not_a_time",
        "expected": "a time like %d.%m.%Y %H:%M:%S",
    }
    assert found.done.status == 0
    assert imported(tmp_path, table, MAP, "--strict").done.status == 3


@pytest.mark.parametrize(
    ("table", "mapping", "says"),
    [
        (TABLE, MAP.replace("column: End", "column: Ende"), "has no column Ende (it has: Judged"),
        (TABLE, MAP.replace("column: Judged", "colum: Judged"), "fields.class.colum: Extra inputs"),
        (TABLE, "alarms: {rows: pairs}", "alarms.rows: Input should be 'intervals'"),
        (TABLE, "alarms: {fields: {patient: A}}", "alarms.fields.patient: expected one of"),
        (TABLE.replace("ICU", "Ä").encode("cp1252"), MAP, "line 2: not UTF-8; set csv.encoding"),
        ("", MAP, "expected a line with the names of the columns"),
    ],
)
def test_unusable_input_is_one_error_line_and_status_2(
    tmp_path: Path, table: str | bytes, mapping: str, says: str
) -> None:
    found = imported(tmp_path, table, mapping)
    assert found.done.status == 2
    [line] = found.done.err.splitlines()
    assert says in line
    assert found.files == {}


def test_a_failed_run_leaves_what_an_earlier_one_wrote(tmp_path: Path) -> None:
    before = imported(tmp_path, TABLE, MAP).files
    (tmp_path / "t.csv").write_bytes(TABLE.encode() + b"FP;\x81;B1;Red;VT;;;;\n")
    given = ("--mapping", tmp_path / "map.yml", "--out", tmp_path / "out")
    assert run("import", tmp_path / "t.csv", *given).status == 2
    assert written(tmp_path / "out") == before
    assert not list((tmp_path / "out").glob(".*"))


def test_equal_rows_are_alarms_each_and_an_import_again_gives_the_same(tmp_path: Path) -> None:
    table = TABLE + 2 * (TABLE.splitlines()[-1] + "\n")
    found = imported(tmp_path, table, MAP)
    ids = {one["alarm_id"] for one in found.alarms}
    assert len(ids) == 6
    assert len({one["event_id"] for one in found.alarms}) == 12
    assert imported(tmp_path, table, MAP).files == found.files


def test_two_tables_with_equal_rows_stay_apart(tmp_path: Path) -> None:
    for name in ("a.csv", "b.csv"):
        (tmp_path / name).write_text(TABLE)
    (tmp_path / "map.yml").write_text(MAP)
    tables = [tmp_path / "a.csv", tmp_path / "b.csv"]
    run("import", *tables, "--mapping", tmp_path / "map.yml", "--out", tmp_path / "out")
    events = written(tmp_path / "out")["alarms"]
    assert len({one["event_id"] for one in events}) == 16


def spelled(folder: Path, kind: str) -> Path:
    frame = polars.read_csv(TABLE.encode(), separator=";", infer_schema=False)
    path = folder / f"t.{kind}"
    if kind == "parquet":
        frame.write_parquet(path)
    elif kind == "xlsx":
        from openpyxl import Workbook

        book = Workbook()
        assert book.active is not None
        for row in [frame.columns, *frame.iter_rows()]:
            book.active.append(row)
        book.save(path)
    elif kind == "tsv":
        path.write_text(TABLE.replace(";", "\t"))
    else:
        path.write_bytes(gzip.compress(TABLE.encode("utf-16")))
    return path


@pytest.mark.parametrize("kind", ["parquet", "xlsx", "tsv", "csv.gz"])
def test_every_kind_of_table_gives_the_same_facts(kind: str, tmp_path: Path) -> None:
    expected = imported(tmp_path, TABLE, MAP).files
    mapping = tmp_path / "any.yml"
    mapping.write_text(MAP.replace('csv: {delimiter: ";"}', ""))
    done = run(*("import", spelled(tmp_path, kind), "--mapping", mapping, "--out", tmp_path / "o2"))
    assert (done.status, done.err) == (0, "4 rows: 8 alarms, 4 labels; 0 rejected\n")
    found = written(tmp_path / "o2")

    def without_ids(events: list[dict[str, object]]) -> list[dict[str, object]]:
        return [{k: v for k, v in one.items() if not k.endswith("_id")} for one in events]

    assert without_ids(found["alarms"]) == without_ids(expected["alarms"])


def test_dates_and_numbers_of_a_workbook_are_read_as_such(tmp_path: Path) -> None:
    from datetime import datetime

    from openpyxl import Workbook

    book = Workbook()
    assert book.active is not None
    book.active.append(["Unit", "Bed", "Code", "Priority", "Begin", "Seconds", "Value"])
    book.active.append(["ICU", 12, "LO", "High", datetime(2026, 3, 1, 7, 0, 5), 14.5, 86])
    book.active.append(["ICU", "12A", "LO", "low", datetime(2026, 3, 1, 8), None, None])
    book.save(tmp_path / "t.xlsx")
    (tmp_path / "map.yml").write_text(
        "zone: Europe/Berlin\nfields: {facility: {value: H}, unit: Unit, bed: Bed, code: Code, "
        "device_type: {value: monitor}, priority: Priority, start: Begin, lasts: Seconds, "
        "value: Value}"
    )
    given = ("--mapping", tmp_path / "map.yml", "--out", tmp_path / "out")
    done = run("import", tmp_path / "t.xlsx", *given)
    assert done.err == "2 rows: 3 alarms; 0 rejected\n"
    start, other, end = written(tmp_path / "out")["alarms"]
    assert (start["bed"], other["bed"], start["priority"]) == ("12", "12A", "high")
    assert (start["at"], end["at"] - start["at"]) == (1772344805000, 14500)


def test_mixed_encodings_are_read_line_by_line_and_said(tmp_path: Path) -> None:
    lines = TABLE.replace("ICU", "HNO-Ä").splitlines()
    mixed = b"\n".join([*(one.encode("cp1252") for one in lines[:3]), lines[3].encode(), b""])
    found = imported(tmp_path, mixed, MAP.replace('";"}', '";", encoding: cp1252}'))
    assert {one["unit"] for one in found.alarms} == {"HNO-Ä"}
    assert "1 line is UTF-8 (first line 4), though csv.encoding says cp1252" in found.done.err


def test_a_stated_order_decides_an_hour_that_came_twice(tmp_path: Path) -> None:
    head = f"{HEAD}\n"
    rows = [
        "FP;ICU;B1;Yellow;LO;25.10.2026 02:50:00;25.10.2026 02:05:00;;\n",
        "FP;ICU;B1;Yellow;LO;25.10.2026 02:10:00;25.10.2026 02:10:20;;\n",
    ]
    fields = "".join(f"  {line}\n" for line in MAP.splitlines()[2:])
    for order, some in (("oldest first", rows), ("newest first", rows[::-1])):
        mapping = f'csv: {{delimiter: ";"}}\nalarms:\n  order: {order}\n{fields}'
        found = imported(tmp_path, head + "".join(some), mapping)
        assert found.rejected == []
        starts = {one["at"] for one in found.alarms if one["phase"] == "start"}
        assert starts == {1792889400000, 1792890600000}


def test_no_patients_column_reaches_any_output(tmp_path: Path) -> None:
    canary = "KANARIENVOGEL"
    table = "".join(
        f"{line};{'Patient' if number == 0 else canary}\n"
        for number, line in enumerate(
            [*TABLE.splitlines(), "X;ICU;B1;Pink;VT;never;;;", "X;;B1;Red;VT;;;;"]
        )
    )
    broken = f'X;ICU;B1;Red;VT;01.03.2026 07:00:00;;;;{canary};{canary}\nX;"{canary};{canary}\n'
    found = imported(tmp_path, table + broken, MAP)
    assert found.rejected
    texts = [found.done.err, found.done.out.decode(), json.dumps(found.files)]
    for command in ("replay", "findings"):
        done = run(command, "--alarms", tmp_path / "t.csv", "--mapping", tmp_path / "map.yml")
        texts += [done.err, done.out.decode()]
    assert canary not in "".join(texts)


def test_help_and_mistakes(tmp_path: Path) -> None:
    assert run("import").status == 2
    assert "no such file" in run("import", tmp_path / "no.csv", "--out", tmp_path).err
    (tmp_path / "t.csv").write_text(TABLE)
    assert "--out: expected a folder" in run("import", tmp_path / "t.csv").err
    done = run("import", tmp_path / "t.csv", "--mapping", "nothing", "--out", tmp_path / "o")
    assert done.status == 2
    assert "no ready mapping (there are: bedmaster" in done.err
