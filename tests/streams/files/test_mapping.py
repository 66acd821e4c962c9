"""CSV and Parquet tables with a mapping file give the facts of JSON lines; bad rows are reported by
number.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars
import pytest

from tests.harness.recordings import episode, written
from tests.harness.workers import Done, run

MAPPING = """
csv: {delimiter: ";", decimal: ","}
fields:
  facility: {value: H}
  unit: ward
  device_type: {value: monitor}
  source: {value: SpO2}
  code: what
  priority: {column: colour, words: {red: high, yellow: medium}}
  start: {column: onset, time: "%d.%m.%Y %H:%M:%S", zone: Europe/Berlin}
  lasts: seconds
  class: {column: judged, words: {TP: actionable, FP: non_actionable}, otherwise: unknown}
  clinicians: {column: staff, separator: "+"}
"""
CSV = """ward;what;colour;onset;seconds;judged;staff;value;limit
icu;LO;red;01.03.2026 08:00:00;14,0;TP;n1+n2;86,5;90
icu;LO;yellow;01.03.2026 08:10:00;14,001;FP;;;
icu;LO;yellow;01.03.2026 08:20:00;20;?;n1;89,5;90
icu;LO;green;01.03.2026 08:30:00;20;FP;n1;89;90
icu;LO;yellow;2026-03-01;20;FP;n1;89;90
icu;LO;yellow;01.03.2026 08:40:00;long;FP;n1;89;90
;LO;yellow;01.03.2026 08:50:00;20;FP;n1;89;90
"""


def asked(path: Path, *more: Any) -> Done:
    return run(
        "tune",
        "--episodes",
        path,
        *more,
        "--delay",
        "14",
        "--type",
        "monitor/SpO2/LO",
        "--limit",
        "89",
        "--json",
    )


def test_a_mapped_csv_is_read_and_its_bad_rows_are_told(tmp_path: Path) -> None:
    path, mapping = tmp_path / "log.csv", tmp_path / "map.yaml"
    path.write_text(CSV)
    mapping.write_text(MAPPING)
    done = asked(path, "--mapping", mapping)
    found = json.loads(done.out)
    assert done.err.splitlines() == [
        f"malformed: {path}:5: priority: expected one of high, medium, low, info",
        f"malformed: {path}:6: start: expected a time like %d.%m.%Y %H:%M:%S",
        f"malformed: {path}:7: lasts: expected a number",
        f"malformed: {path}:8: unit: required, but missing",
    ]
    assert found["span"]["from"] == int(datetime(2026, 3, 1, 7, tzinfo=UTC).timestamp() * 1000)
    assert found["before"]["classes"] == {
        "actionable": 1,
        "non_actionable": 1,
        "technical": 0,
        "pending": 0,
        "unknown": 1,
    }
    assert found["removed"]["classes"]["actionable"] == 1
    assert (found["by"]["delay"], found["by"]["limit"], found["not_evaluable"]) == (1, 1, 1)
    assert run("tune", "--episodes", path, "--mapping", mapping, "--strict").status == 3


def test_a_parquet_table_with_the_fields_own_names_needs_no_mapping(tmp_path: Path) -> None:
    rows = [episode(number, value=None if number % 3 else 86.0) for number in range(1, 20)]
    path = tmp_path / "log.parquet"
    times = [
        one | {name: datetime.fromtimestamp(one[name] / 1000, UTC) for name in ("start", "end")}
        for one in rows
    ]
    polars.DataFrame(times).write_parquet(path)
    assert asked(path).out == asked(written(tmp_path, *rows)).out


@pytest.mark.parametrize(
    ("mapping", "says"),
    [
        ("fields: {start: {column: a, zone: Nowhere}}", "fields.start.zone: expected a time zone"),
        ("fields: {patient: a}", "fields.patient: expected one of facility"),
        ("fields: {unit: {column: a, value: b}}", "fields.unit: expected either column or value"),
        ("fields: [", "expected YAML"),
        ("colums: {}", "colums: Extra inputs"),
        ('"col\\nums": {}', "col\\nums: Extra inputs"),
    ],
)
def test_an_impossible_mapping_is_one_error_line(tmp_path: Path, mapping: str, says: str) -> None:
    (tmp_path / "log.csv").write_text(CSV)
    (tmp_path / "map.yaml").write_text(mapping)
    done = asked(tmp_path / "log.csv", "--mapping", tmp_path / "map.yaml")
    assert done.status == 1
    [line] = done.err.splitlines()
    assert says in line


def test_a_file_that_is_no_table_is_one_error_line(tmp_path: Path) -> None:
    (tmp_path / "log.parquet").write_text("no")
    assert asked(tmp_path / "log.parquet").err.startswith(f"error: {tmp_path / 'log.parquet'}: ")
    (tmp_path / "map.yaml").write_text("")
    done = asked(written(tmp_path, episode(1)), "--mapping", tmp_path / "map.yaml")
    assert "expected a table, found JSON objects, which need no mapping" in done.err


ROWS = """facility,unit,device_type,code,priority,start,lasts
H,ICU,monitor,LO,high,1772344800,20
H,ICU,monitor,LO,high,1772344800,1e999999
H,ICU,monitor,LO,high,1e999999,20
H,ICU,monitor,LO,high,-1e300,20
H,ICU,monitor,LO,high,1772344800,1e300
"""


def test_infinite_numbers_are_errors_with_their_row_before_any_computation(
    tmp_path: Path,
) -> None:
    (tmp_path / "log.csv").write_text(ROWS)
    (tmp_path / "map.yaml").write_text(
        "fields: {start: {column: start, time: s}, lasts: {column: lasts}}"
    )
    done = run(
        "tune",
        "--episodes",
        tmp_path / "log.csv",
        "--mapping",
        tmp_path / "map.yaml",
        "--delay",
        "14",
        "--json",
    )
    assert done.err.splitlines() == [
        f"malformed: {tmp_path / 'log.csv'}:{line}: {said}"
        for line, said in (
            (3, "lasts: expected a number"),
            (4, "start: expected a number"),
            (5, "start: expected no more than the milliseconds from 1970 to 2100"),
            (6, "lasts: expected no more than the milliseconds from 1970 to 2100"),
        )
    ]
    assert json.loads(done.out)["before"]["alarms"] == 1


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York", "UTC"])
def test_days_at_the_edges_of_the_calendar_are_errors_with_their_row(
    tmp_path: Path, zone: str
) -> None:
    days = ("2026-03-01", "0001-01-01", "9999-12-31", "1969-12-30")
    rows = "".join(f"H,ICU,monitor,LO,high,{day}\n" for day in days)
    (tmp_path / "log.csv").write_text("facility,unit,device_type,code,priority,start\n" + rows)
    (tmp_path / "map.yaml").write_text(
        f'fields: {{start: {{column: start, time: "%Y-%m-%d", zone: {zone}}}}}'
    )
    done = run(
        "tune",
        "--episodes",
        tmp_path / "log.csv",
        "--mapping",
        tmp_path / "map.yaml",
        "--delay",
        "14",
        "--json",
    )
    assert done.err.splitlines() == [
        f"malformed: {tmp_path / 'log.csv'}:{line}: start: expected a time from 1970 to 2100"
        for line in (3, 4, 5)
    ]
    assert json.loads(done.out)["before"]["alarms"] == 1
