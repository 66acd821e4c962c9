"""`import --guess`: the proposed mapping reads its table, what is uncertain is marked, and nothing
about patients is in it.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import streams.files.mapping
from tests.harness.tables import TABLE
from tests.harness.workers import run

MAPS = Path(streams.files.mapping.__file__).parent / "maps"
READ = {
    "bedmaster": "7 rows: 14 alarms; 0 rejected",
    "central-monitor-jp": "6 rows: 11 alarms; 0 rejected",
    "nurse-call": "8 rows: 5 alarms; 0 rejected",
    "philips-events": "9 rows: 8 alarms; 0 rejected",
    "roster": "6 rows: 12 assignments; 0 rejected",
    "spacelabs": "4 rows: 7 alarms; 0 rejected",
}


def guess(path: Path, folder: Path) -> str:
    done = run("import", "--guess", path)
    assert (done.status, done.err) == (0, "")
    (folder / "guess.yml").write_bytes(done.out)
    return done.out.decode()


@pytest.mark.parametrize("name", READ)
def test_the_proposal_reads_its_table(name: str, tmp_path: Path) -> None:
    text = guess(MAPS / f"{name}.csv", tmp_path)
    assert "facility: {value: hospital}  # DECIDE: the name of the hospital" in text
    given = ("--mapping", tmp_path / "guess.yml", "--out", tmp_path / "o")
    done = run("import", MAPS / f"{name}.csv", *given)
    assert (done.status, done.err.splitlines()[-1]) == (0, READ[name])


def test_patients_stay_out_of_the_proposal(tmp_path: Path) -> None:
    text = guess(MAPS / "spacelabs.csv", tmp_path)
    assert "about patients: PatientId, FullName, DOB" in text
    assert not re.search(r"SAMPLE|ADA|1950", text)


def test_the_encoding_the_lines_above_and_decimal_commas_are_found(tmp_path: Path) -> None:
    rows = TABLE.replace("88;90", "36,1;36,5").replace("ICU", "HNO-Ä")
    (tmp_path / "t.csv").write_bytes(f"Alarms of one day\n\n{rows}".encode("cp1252"))
    text = guess(tmp_path / "t.csv", tmp_path)
    assert 'csv: {encoding: cp1252, skip: 2, decimal: ","}' in text
    assert "zone: UTC  # DECIDE: the zone of the clocks" in text
    given = ("--mapping", tmp_path / "guess.yml", "--out", tmp_path / "o")
    done = run("import", tmp_path / "t.csv", *given)
    assert done.err == "4 rows: 8 alarms, 4 labels; 0 rejected\n"


@pytest.mark.parametrize(
    ("times", "marked"),
    [(("03/04/2026 07:00:00", "05/06/2026 07:00:00"), True), (("03/14/2026 07:00:00",), False)],
)
def test_day_and_month_are_a_decision_only_where_both_orders_fit(
    times: tuple[str, ...], marked: bool, tmp_path: Path
) -> None:
    rows = "".join(f"{at};{at};ICU;1;LO;high\n" for at in times)
    (tmp_path / "t.csv").write_text(f"Start;End;Unit;Bed;Alarm;Priority\n{rows}")
    assert ("is the day or the month first?" in guess(tmp_path / "t.csv", tmp_path)) is marked


def test_a_table_without_names_of_columns_is_refused(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("2026-03-01 07:00;B1;90\n2026-03-01 07:01;B2;88\n")
    done = run("import", "--guess", tmp_path / "t.csv")
    assert done.status == 2
    assert "the first line seems to hold data" in done.err
    assert "B1" not in done.err


HEAD = "Unit;Bed;Alarm;Priority;Start;End"


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (f"{HEAD}\nS\u00e4le;B1;x;High;1;2\n".encode("cp1252"), "encoding: cp1252"),
        (f"{HEAD}\nS\u00e4le\u00df;B1;\u00d6;High;1;2\n".encode("cp1252"), "encoding: cp1252"),
        (f"{HEAD}\n\u75c5\u68df;1;\u96fb\u6975\u5916\u308c;High;1;2\n".encode("cp932"), "cp932"),
        (f"{HEAD}\n\u75c5\u68df;1;\u96fb\u6975\u5916\u308c;High;1;2\n".encode("euc_jp"), "euc_jp"),
        (f"Report;;;;;\nof today;;;;;\n\n{HEAD}\nA;1;x;High;1;2\n".encode(), "skip: 3"),
        (f"{HEAD};Actionable\nA;1;x;High;1;2;Yes\nA;1;x;High;3;4;No\n".encode(), "Yes: actionable"),
        (
            f"{HEAD};Value\nA;1;x;High;1;2;1.234,5\nA;1;x;High;3;4;86,5\n".encode(),
            "    value: Value\n",
        ),
        (b"Unit,Bed,Alarm,Start\nA,1,x,3/1/2026 1:00:00 PM\n", '"%m/%d/%Y %I:%M:%S %p"'),
        (b"Date;Unit;Bed;Nurse;Shift\n2026-03-01;A;1;N1;N\n", 'N: "19:00-07:00"'),
    ],
)
def test_unusual_spellings_are_recognised(data: bytes, says: str, tmp_path: Path) -> None:
    (tmp_path / "table.csv").write_bytes(data)
    assert says in guess(tmp_path / "table.csv", tmp_path)
