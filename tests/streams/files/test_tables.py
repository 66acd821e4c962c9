"""Tables as other programs write them: the rows that a person sees in them come out, or one line
says why not.
"""

from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.files.lines import InputError
from streams.files.tables import Csv, CsvRows, ParquetRows, is_table, table_rows
from tests.harness.tables import SPELLINGS

TABLE = "Unit;Bed;Comment\nHNO-Ä;1;\nHNO-Ö;2;SpO₂\n"


def rows(
    path: Path, options: Csv | None = None, known: tuple[str, ...] = ("Unit",)
) -> tuple[list[tuple[int, dict[str, Any]]], list[str], list[str]]:
    """The rows, what is reported and what is said."""
    reported: list[str] = []
    table = CsvRows(path, options or Csv(), known, lambda line: reported.append(str(line)))
    return list(table), reported, list(table.words())


def read(folder: Path, text: str, options: Csv | None = None) -> list[dict[str, Any]]:
    (folder / "t.csv").write_text(text, newline="")
    found, reported, said = rows(folder / "t.csv", options)
    assert (reported, said) == ([], [])
    return [row for _, row in found]


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_every_spelling_gives_the_same_rows(spelling: str, tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(SPELLINGS[spelling](TABLE))
    found, _, _ = rows(path)
    assert found == [
        (2, {"Unit": "HNO-Ä", "Bed": "1", "Comment": ""}),
        (3, {"Unit": "HNO-Ö", "Bed": "2", "Comment": "SpO₂"}),
    ]


def test_two_names_never_become_one_because_of_the_encoding(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(TABLE.replace("₂", "2").encode("cp1252"))
    with pytest.raises(InputError, match=r"t\.csv: line 2: not UTF-8; set csv\.encoding"):
        rows(path)
    found, _, _ = rows(path, Csv(encoding="cp1252"))
    assert [row["Unit"] for _, row in found] == ["HNO-Ä", "HNO-Ö"]


def test_bytes_that_the_named_encoding_does_not_know_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(b"Unit\nA\n\x81\n")
    with pytest.raises(InputError, match="line 3: not cp1252"):
        rows(path, Csv(encoding="cp1252"))
    with pytest.raises(InputError, match=r"csv\.encoding"):
        rows(path, Csv(encoding="klingon"))


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_delimiters_and_line_ends_are_recognised(end: str, delimiter: str, tmp_path: Path) -> None:
    text = end.join(delimiter.join(one) for one in (("Unit", "Bed, room"), ("ICU", "1 / 2"), ""))
    if delimiter == ",":
        text = text.replace("Bed, room", '"Bed, room"')
    assert read(tmp_path, text) == [{"Unit": "ICU", "Bed, room": "1 / 2"}]


def test_names_of_columns_that_the_mapping_knows_decide_on_the_delimiter(tmp_path: Path) -> None:
    assert read(tmp_path, "Unit;Bed, Room, Floor, Wing\nICU;1\n") == [
        {"Unit": "ICU", "Bed, Room, Floor, Wing": "1"}
    ]


def test_excels_first_line_and_lines_above_the_names_are_no_rows(tmp_path: Path) -> None:
    assert read(tmp_path, "sep=|\nUnit|Bed\nICU|1\n") == [{"Unit": "ICU", "Bed": "1"}]
    text = "Alarm report, printed on 1 March\n\nUnit;Bed\nICU;1\n"
    assert read(tmp_path, text, Csv(skip=1)) == [{"Unit": "ICU", "Bed": "1"}]


def test_a_wrong_delimiter_is_one_line_with_the_right_one(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(TABLE)
    with pytest.raises(InputError, match=r"one column only with the delimiter ',' .*';' gives 3"):
        rows(tmp_path / "t.csv", Csv(delimiter=","))


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "expected a line with the names of the columns"),
        (b"\n\n", "expected a line with the names of the columns"),
        (b"Unit;Unit\nA;B\n", "two columns are called Unit"),
        (b"PK\x03\x04 xl/workbook.xml", "found an Excel workbook .*save it as CSV UTF-8"),
        (b'{"facility": "H"}\n', "found JSON objects, which need no mapping"),
        (gzip.compress(TABLE.encode() * 100, mtime=0)[:-20], "damaged or cut off"),
    ],
)
def test_an_impossible_table_is_one_error_line(content: bytes, says: str, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes(content)
    with pytest.raises(InputError, match=says):
        rows(tmp_path / "t.csv")


def test_a_row_with_more_columns_is_reported_and_one_with_fewer_is_read(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("Unit;Bed\nICU;1;;\nICU;1;2\nICU\n")
    found, reported, _ = rows(path)
    assert found == [(2, {"Unit": "ICU", "Bed": "1"}), (4, {"Unit": "ICU"})]
    assert reported == [f"{path}:3: expected 2 columns, found 3"]


def test_a_text_that_is_too_long_costs_its_own_row_only(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text('Unit;Bed\nICU;1\n"' + "x" * 200_000 + '";2\nICU;3\n')
    found, reported, _ = rows(path)
    assert [number for number, _ in found] == [2, 4]
    assert reported == [f"{path}:3: expected at most 131,072 characters in a column"]


CELL = st.text('a" \n,', max_size=4)


@given(st.lists(st.lists(CELL, min_size=4, max_size=4), max_size=12))
def test_written_files_are_read_back_unchanged(
    tmp_path_factory: pytest.TempPathFactory, cells: list[list[str]]
) -> None:
    text = io.StringIO()
    writer = csv.writer(text, delimiter=";", lineterminator="\n")
    writer.writerows([["Unit", "b", "c", "d"], *cells])
    read_back = read(tmp_path_factory.mktemp("tables"), text.getvalue())
    assert [list(row.values()) for row in read_back] == cells


LONE: dict[str, Callable[[str], str]] = {
    "begins a text": lambda text: f'"{text}',
    "ends a text": lambda text: f'{text}"',
    "is an inch": lambda text: f'5" {text}',
}


@pytest.mark.parametrize("lone", LONE)
@given(
    of=st.integers(1, 40),
    at=st.lists(st.tuples(st.integers(0, 39), st.integers(0, 2)), max_size=5),
    quoted=st.booleans(),
)
def test_a_lone_quotation_mark_costs_no_row(
    tmp_path_factory: pytest.TempPathFactory,
    lone: str,
    of: int,
    at: list[tuple[int, int]],
    quoted: bool,
) -> None:
    path = tmp_path_factory.mktemp("tables") / "t.csv"
    expected = [[f"u{number}", "b", "ok"] for number in range(of)]
    for number, column in at:
        if number < of:
            expected[number][column] = LONE[lone]("x")
    written = [
        [f'"{one}"' if quoted and '"' not in one else one for one in row] for row in expected
    ]
    path.write_text("".join(";".join(row) + "\n" for row in [["Unit", "b", "c"], *written]))
    found, reported, _ = rows(path)
    assert reported == []
    assert [list(row.values())[1:] for _, row in found if "x" not in str(row)] == [
        row[1:] for row in expected if "x" not in str(row)
    ]
    assert [number for number, _ in found] == list(range(2, of + 2))


def test_an_unclosed_quotation_mark_is_said(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text('Unit;Bed;Comment\nICU;1;"checked\n' + "ICU;1;ok\n" * 600)
    found, _, said = rows(path)
    assert len(found) == 601
    assert found[0] == (2, {"Unit": "ICU", "Bed": "1", "Comment": '"checked'})
    assert said == [
        f"{path}: 1 row has a quotation mark that is never closed (first in line 2); it is "
        "taken as text"
    ]


def test_a_name_says_whether_a_file_is_a_table() -> None:
    assert all(map(is_table, map(Path, ("a.csv", "a.TSV", "a.csv.gz", "a.tsv.zst", "a.parquet"))))
    assert not any(map(is_table, map(Path, ("a", "a.jsonl", "a.jsonl.gz", "-", ".gz"))))


def test_parquet_rows_have_numbers(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    polars.DataFrame({"Unit": ["A", "B"], "Bed": [1, None]}).write_parquet(path)
    table = ParquetRows(path)
    other = path.rename(tmp_path / "export.dat")
    assert list(table_rows(other, Csv(), (), lambda line: None)) == list(table)
    assert table.columns == ("Unit", "Bed")
    assert list(table) == [(1, {"Unit": "A", "Bed": 1}), (2, {"Unit": "B", "Bed": None})]
