"""What rows may be: events that belong together, snapshots, rosters, responses; cells filled from
above, marks and words.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from streams.files.importing import facts_of_tables
from tests.harness.imports import imported
from tests.harness.workers import run

STATIC = """
    facility: {value: H}
    unit: {value: ICU}
    bed: Bed
    device_type: {value: monitor}
    code: Code
    priority: {value: low}
"""
EVENTS = f"""
alarms:
  rows: events
  fields:{STATIC}
    phase: {{column: What, words: {{on: start, off: end, up: update}}}}
    at: {{column: At, time: "%H:%M:%S %d.%m.%Y"}}
"""
LOG = [
    "07:00:00 01.03.2026;B1;LO;on",
    "07:00:05 01.03.2026;B2;LO;on",
    "07:00:10 01.03.2026;B1;LO;off",
    "07:00:10 01.03.2026;B1;LO;on",
    "07:00:12 01.03.2026;B1;LO;up",
    "07:00:15 01.03.2026;B1;LO;on",
    "07:00:20 01.03.2026;B1;HI;off",
    "07:00:30 01.03.2026;B1;LO;off",
]


def at(seconds: float) -> int:
    return round((datetime(2026, 3, 1, 7, tzinfo=UTC).timestamp() + seconds) * 1000)


def table(lines: list[str], head: str = "At;Bed;Code;What") -> str:
    return "\n".join([head, *lines, ""])


SPANS = {("LO", at(0), at(10)), ("LO", at(5), None), ("LO", at(10), at(30))}


@pytest.mark.parametrize("order", ["forward", "backward", "by bed"])
def test_an_end_belongs_to_the_alarm_that_is_on(order: str, tmp_path: Path) -> None:
    lines = {"forward": LOG, "backward": LOG[::-1], "by bed": sorted(LOG, key=lambda x: x[20:22])}
    found = imported(tmp_path, table(lines[order]), EVENTS)
    assert found.spans() == SPANS
    assert [one[1:] for one in found.rejected] == [("phase", "no_start")]
    assert "1 start is of an alarm that is on already" in found.done.err


def test_alarms_that_are_raised_again_may_be_new_ones(tmp_path: Path) -> None:
    found = imported(
        tmp_path, table(LOG), EVENTS.replace("rows: events", "rows: events\n  again: new")
    )
    assert found.spans() == {
        ("LO", at(0), at(10)),
        ("LO", at(5), None),
        ("LO", at(10), None),
        ("LO", at(15), at(30)),
    }


def test_alarms_go_on_in_the_next_file(tmp_path: Path) -> None:
    from tests.harness.imports import written
    from tests.harness.workers import run

    (tmp_path / "map.yml").write_text(EVENTS)
    for name, lines in (("a.csv", LOG[:5]), ("b.csv", LOG[5:])):
        (tmp_path / name).write_text(table(lines))
    given = ("--mapping", tmp_path / "map.yml", "--out", tmp_path / "o")
    run("import", tmp_path / "a.csv", tmp_path / "b.csv", *given)
    alarms = written(tmp_path / "o")["alarms"]
    assert {one["at"] for one in alarms if one["phase"] == "end"} == {at(10), at(30)}
    assert len({one["alarm_id"] for one in alarms}) == 3


def test_events_with_ids_need_no_order(tmp_path: Path) -> None:
    lines = [f"{line};{'a' if 'B2' in line else 'b'}" for line in LOG[:3]][::-1]
    found = imported(
        tmp_path,
        table(lines, "At;Bed;Code;What;Id"),
        EVENTS + "    alarm_id: Id\n",
    )
    assert found.spans() == {("LO", at(0), at(10)), ("LO", at(5), None)}
    assert {one["alarm_id"] for one in found.alarms} == {"a", "b"}


SNAPSHOTS = f"""
alarms:
  rows: snapshots
  fields:{STATIC}
    at: {{column: At, time: "%H:%M:%S %d.%m.%Y"}}
"""


def snapshots(*rows: tuple[int, str, str]) -> list[str]:
    return [f"07:00:{second:02} 01.03.2026;{bed};{code};" for second, bed, code in rows]


SEEN = snapshots(
    (0, "B1", "LO"),
    (1, "B1", "LO"),
    (1, "B1", "HI"),
    (1, "B2", "LO"),
    (2, "B1", "HI"),
    (3, "B1", "LO"),
    (4, "B1", "---"),
    (5, "B1", "---"),
)


@pytest.mark.parametrize("backward", [False, True])
def test_alarms_of_snapshots_last_while_they_are_seen(backward: bool, tmp_path: Path) -> None:
    found = imported(tmp_path, table(SEEN[::-1] if backward else SEEN), SNAPSHOTS)
    assert found.rejected == []
    assert found.spans() == {
        ("LO", at(0), at(2)),
        ("HI", at(1), at(3)),
        ("LO", at(3), at(4)),
        ("LO", at(1), None),
    }


def test_a_snapshot_of_the_table_ends_alarms_of_all_beds(tmp_path: Path) -> None:
    mapping = SNAPSHOTS.replace("rows: snapshots", "rows: snapshots\n  of: table")
    found = imported(tmp_path, table(SEEN), mapping)
    assert ("LO", at(1), at(2)) in found.spans()


def test_a_long_silence_ends_an_alarm_where_it_was_last_seen(tmp_path: Path) -> None:
    lines = snapshots((0, "B1", "LO"), (1, "B1", "LO"), (30, "B1", "LO"), (31, "B1", "LO"))
    mapping = SNAPSHOTS.replace("rows: snapshots", "rows: snapshots\n  lost_after: 10s")
    found = imported(tmp_path, table(lines), mapping)
    assert found.spans() == {("LO", at(0), at(1)), ("LO", at(30), None)}


ROSTER = """
zone: Europe/Berlin
assignments:
  fields:
    facility: {value: H}
    unit: {value: ICU}
    bed: {column: Beds, separator: ","}
    clinician: Who
    date: {column: Day, time: "%d.%m.%Y"}
    shift: {column: Shift, words: {N: "22:00-06:00", F: "06:00-14:30", X: null}}
"""


def test_shifts_become_hours_also_across_midnight_and_the_change_of_clocks(tmp_path: Path) -> None:
    lines = ["28.03.2026;n1;N;B1, B2", "29.03.2026;n2;F;B1", "29.03.2026;n3;X;B1", "x;n4;F;B1"]
    found = imported(tmp_path, table(lines, "Day;Who;Shift;Beds"), ROSTER)
    roster = [
        (one["clinician"], one["bed"], (one["to"] - one["from"]) / 3_600_000)
        for one in found.files["assignments"]
    ]
    assert roster == [("n1", "B1", 7), ("n1", "B2", 7), ("n2", "B1", 8.5)]
    assert found.rejected == [(5, "date", "not_a_time")]
    assert "1 cell is no shift" in found.done.err


def test_a_roster_with_a_column_for_each_day(tmp_path: Path) -> None:
    mapping = (
        ROSTER.replace(
            "  fields:", "  unpivot: {columns: '[0-9.]+', name: Day, content: Shift}\n  fields:"
        )
        .replace("22:00-06:00", "22-6")
        .replace("Beds", "Bed")
    )
    lines = ["n1;B1;F;N", "n2;B2;;Q"]
    found = imported(tmp_path, table(lines, "Who;Bed;01.03.2026;02.03.2026"), mapping)
    assert [one["clinician"] for one in found.files["assignments"]] == ["n1", "n1"]
    assert found.rejected == [(3, "shift", "not_hours")]


NIGHT = """
zone: Europe/Berlin
assignments:
  fields:
    facility: {value: H}
    unit: {value: ICU}
    bed: Bed
    clinician: Who
    from: {columns: [Day, Begin], time: "%d.%m.%Y %H:%M"}
    to: {columns: [Day, End], time: "%d.%m.%Y %H:%M"}
"""


def test_a_night_shift_of_one_date_is_named_or_taken_as_meant(tmp_path: Path) -> None:
    lines = table(["28.03.2026;22:00;06:00;B1;n1"], "Day;Begin;End;Bed;Who")
    found = imported(tmp_path, lines, NIGHT)
    assert found.rejected == [(2, "to", "ends_before_it_begins")]
    assert "over_midnight: yes" in found.files["rejected"][0]["expected"]
    found = imported(tmp_path, lines, NIGHT.replace("  fields", "  over_midnight: yes\n  fields"))
    [one] = found.files["assignments"]
    assert (one["to"] - one["from"]) / 3_600_000 == 7


def test_responses_and_labels_of_tables_of_their_own(tmp_path: Path) -> None:
    mapping = """
responses:
  tables: r*.csv
  fields:
    facility: {value: H}
    bed: Bed
    clinician: Who
    action: {column: What, words: {Ack: acknowledge, Entry: attend}}
    at: {column: At}
labels:
  tables: l*.csv
  fields:
    facility: {value: H}
    alarm_id: Alarm
    verdict: {column: Judged, words: {TP: actionable, FP: non-actionable}}
    at: {column: At}
"""
    from tests.harness.imports import written
    from tests.harness.workers import run

    when = "2026-03-01T07:00:00+01:00"
    (tmp_path / "r1.csv").write_text(
        f"At,Bed,Who,What\n{when},B1,n1,Ack\n,B1,n1,Ack\n{when},,n1,Entry\n{when},B1,n1,Lunch\n"
    )
    (tmp_path / "l1.csv").write_text(f"At,Alarm,Judged\n{when},a1,TP\n{when},a2,FP\n{when},a3,\n")
    (tmp_path / "map.yml").write_text(mapping)
    tables = (tmp_path / "r1.csv", tmp_path / "l1.csv")
    done = run("import", *tables, "--mapping", tmp_path / "map.yml", "--out", tmp_path / "o")
    found = written(tmp_path / "o")
    [response] = found["responses"]
    assert (response["action"], response["bed"]) == ("acknowledge", "B1")
    assert [one["verdict"] for one in found["labels"]] == ["actionable", "non_actionable"]
    assert [(one["line"], one["field"]) for one in found["rejected"]] == [
        (4, "alarm_id"),
        (5, "action"),
    ]
    assert "1 row has no response" in done.err
    assert "1 row has no verdict" in done.err


HARD = """
csv: {encoding: cp1252, decimal: ","}
zone: Europe/Berlin
texts:
  - column: Alarm
    patterns:
      - '[*!]* ?(?P<source>[^ ]+) (?P<value>[0-9,]+)(?P<code>[<>])(?P<limit>[0-9,]+)'
      - '[*!]* ?(?P<code>.+)'
alarms:
  order: newest first
  fill_down: [Station, Bett]
  fields:
    facility: {value: H}
    unit: Station
    bed: Bett
    device_type: {value: monitor}
    code: {column: code, words: {"<": LO, ">": HI}}
    priority: {column: Alarm, marks: {"***": high, "**": medium, "*": low}, otherwise: low}
    kind: {column: Alarm, pattern: '^!', words: {"!": technical}, otherwise: physiological}
    start: {column: Beginn, time: ["%d.%m.%y %H:%M:%S", "%d.%m.%y %H:%M"]}
    lasts: Dauer
"""


def test_a_table_with_everything_that_is_hard(tmp_path: Path) -> None:
    lines = [
        "HNO-Ä;1a;01.03.26 08:00:00;** SpO2 72<80;20,5",
        ";;01.03.26 07:30;! EKG ab;0:01:40",
        ";1b;01.03.26 07:00:00;*** VTach;---",
        ";;01.03.26 06:00:00;* Temp 38,9>38,5;00:10",
        ";;;;",
    ]
    text = table(lines, "Station;Bett;Beginn;Alarm;Dauer")
    found = imported(tmp_path, text.encode("cp1252"), HARD)
    assert (found.rejected, found.done.status) == ([], 0)
    starts = [one for one in found.alarms if one["phase"] == "start"]
    assert [
        (one["unit"], one["bed"], one["code"], one["priority"], one["kind"]) for one in starts
    ] == [
        ("HNO-Ä", "1a", "LO", "medium", "physiological"),
        ("HNO-Ä", "1a", "EKG ab", "low", "technical"),
        ("HNO-Ä", "1b", "VTach", "high", "physiological"),
        ("HNO-Ä", "1b", "HI", "low", "physiological"),
    ]
    assert [(one["value"], one["limit"]) for one in starts] == [
        (72, 80),
        (None, None),
        (None, None),
        (38.9, 38.5),
    ]
    spans = {code: None if end is None else end - start for code, start, end in found.spans()}
    assert spans == {"LO": 20_500, "EKG ab": 100_000, "VTach": None, "HI": 10_000}


def test_rows_that_do_not_count_are_left_out_and_said(tmp_path: Path) -> None:
    mapping = EVENTS.replace(
        "rows: events", "rows: events\n  only: {What: [on, /of+/]}\n  leave_out: {Bed: B2}"
    )
    found = imported(tmp_path, table(LOG), mapping)
    assert found.spans() == {("LO", at(0), at(10)), ("LO", at(10), at(30))}
    assert "note: " in found.done.err
    assert "2 rows are left out, as the mapping says (only, leave_out): alarms" in found.done.err


@pytest.mark.parametrize(
    ("decimal", "text", "value"),
    [
        (",", "1.234,5", 1234.5),
        (",", "1.234.567", 1234567.0),
        (",", "1 234,5", 1234.5),
        (".", '"1,234.5"', 1234.5),
        (".", "1'234.5", 1234.5),
        (".", '"1,234"', None),
        (",", "1.234", 1.234),
    ],
)
def test_marks_of_thousands_are_left_out_where_nothing_else_is_meant(
    decimal: str, text: str, value: float | None, tmp_path: Path
) -> None:
    delimiter = "," if decimal == "." else ";"
    names = "facility,unit,bed,device_type,code,priority,start,value".replace(",", delimiter)
    row = "H,U,B,monitor,LO,low,1772348400000,{}".replace(",", delimiter).format(text)
    (tmp_path / "t.csv").write_text(f"{names}\n{row}\n")
    (tmp_path / "m.yml").write_text(f'csv: {{decimal: "{decimal}"}}\n')
    found = facts_of_tables([tmp_path / "t.csv"], tmp_path / "m.yml")
    if value is None:
        assert found.rejected["field"].to_list() == ["value"]
    else:
        assert found.alarms is not None
        assert found.alarms["value"].to_list() == [value]


def test_columns_that_nothing_reads_are_named(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("Bed,Code,Begin,Actionable\nB1,LO,1772348400000,Yes\n")
    (tmp_path / "m.yml").write_text(f"alarms:\n  fields:{STATIC}    start: Begin\n")
    done = run("import", "--mapping", tmp_path / "m.yml", tmp_path / "t.csv", "--out", tmp_path)
    assert "t.csv: columns that are not read: Actionable\n" in done.err
