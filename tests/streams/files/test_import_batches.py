"""Whatever the size of batches, the facts of a table are the same; pieces that polars reads give
what reading row by row gives.
"""

from __future__ import annotations

import csv
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.files.importing import batches, facts_of_tables, spool, texts
from streams.files.importing.batches import LINE, CsvBatches
from streams.files.lines import BadLine
from streams.files.tables import Csv, CsvRows

CELL = st.one_of(
    st.text(alphabet='ab"; \n,\\é', max_size=6),
    st.text(alphabet='a"\r\n\0\ufeff€', max_size=3),
    st.sampled_from(['"two\r\nlines"', '"x ""y"" z"', "q" * 40, f'"{"q" * 40}"', "\u2028", "1e3"]),
)
LINES = st.lists(st.lists(CELL, min_size=1, max_size=5), max_size=12)
OPTIONS = Csv(delimiter=";", encoding="utf-8")
"""With an encoding named, NUL does not make a file binary."""


@contextmanager
def in_pieces(size: int) -> Iterator[None]:
    """Read, hold and sort only so much at a time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(texts, "_AT_ONCE", size)
        patch.setattr(batches, "ROWS_AT_ONCE", max(size // 8, 1))
        patch.setattr(batches, "_FEW_LINES", 2)
        patch.setattr(spool, "_IN_MEMORY", max(size // 8, 1))
        patch.setattr(spool, "_AT_ONCE", max(size // 8, 1))
        yield


def read_fast(path: Path, size: int) -> tuple[list[tuple[Any, ...]], list[str]]:
    said: list[str] = []

    def report(bad: BadLine) -> None:
        said.append(str(bad))

    with in_pieces(size):
        table = CsvBatches(path, OPTIONS, ("A",), report)
        frames = [one.select(LINE, "A", "B", "C") for one in table.frames(("A", "B", "C"))]
    rows = [row for one in frames for row in one.iter_rows()]
    return rows, said + list(table.words())


def read_slow(path: Path) -> tuple[list[tuple[Any, ...]], list[str]]:
    said: list[str] = []
    table = CsvRows(path, OPTIONS, ("A",), lambda bad: said.append(str(bad)))
    rows = [(n, *(row.get(name, "") for name in ("A", "B", "C"))) for n, row in table]
    return rows, said + list(table.words())


@contextmanager
def texts_of_at_most(characters: int) -> Iterator[None]:
    """A greater length of a quoted text is refused."""
    before = csv.field_size_limit(characters)
    try:
        yield
    finally:
        csv.field_size_limit(before)


@given(
    lines=LINES,
    size=st.sampled_from([16, 40, 1 << 20]),
    end=st.sampled_from(["\n", "\r\n", "\r"]),
    last=st.booleans(),
    mark=st.sampled_from(["", "\ufeff"]),
)
def test_runs_of_lines_are_read_as_rows_are(
    lines: list[list[str]], size: int, end: str, last: bool, mark: str
) -> None:
    text = mark + end.join(["A;B;C", *(";".join(one) for one in lines)]) + (end if last else "")
    with tempfile.TemporaryDirectory() as folder, texts_of_at_most(32):
        path = Path(folder) / "t.csv"
        path.write_bytes(text.encode())
        assert read_fast(path, size) == read_slow(path)


def test_a_text_over_the_limit_is_refused_in_a_regular_table_too(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text('A;B;C\n"a";b;c\n"' + "q" * (csv.field_size_limit() + 1) + '";b;c\n"d";e;f\n')
    found, said = read_fast(path, 1 << 20)
    assert found == [(2, "a", "b", "c"), (4, "d", "e", "f")]
    (line,) = said
    assert line.endswith(":3: expected at most 131,072 characters in a column")


def test_an_odd_row_leaves_the_others_to_polars(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "t.csv"
    plain = [f'"{number}";b;c' for number in range(3000)]
    path.write_text("\n".join(["A;B;C", *plain, '"x\ny";b;c', *plain]))
    by_row: list[int] = []
    some = CsvBatches._some

    def counted(table: CsvBatches, slow: Any, last: int) -> list[tuple[int, dict[str, str]]]:
        found = some(table, slow, last)
        by_row.extend(number for number, _ in found)
        return found

    monkeypatch.setattr(CsvBatches, "_some", counted)
    table = CsvBatches(path, Csv(), ("A",), lambda bad: None)
    (frame,) = table.frames(("A", "B", "C"))
    assert frame.height == 6001
    assert frame.row(3000) == (3002, "x\ny", "b", "c")
    assert frame.row(3001) == (3004, "0", "b", "c")
    assert by_row == [3002]


EVENTS = """
alarms:
  rows: {rows}
  fields:
    facility: {{value: H}}
    unit: {{value: U}}
    bed: Bed
    device_type: {{value: monitor}}
    code: Code
    priority: {{value: low}}
    at: {{column: At, time: ms}}
"""
ROWS = st.lists(
    st.tuples(
        st.integers(0, 12), st.sampled_from("12"), st.sampled_from("xy-"), st.sampled_from("se")
    ),
    max_size=30,
)


def facts(folder: Path, rows: list[tuple[int, str, str, str]], form: str) -> list[Any]:
    words = {"s": "start", "e": "end"}
    (folder / "t.csv").write_text(
        "At;Bed;Code;phase\n"
        + "".join(f"{1772348400000 + 1000 * at};{b};{c};{words[p]}\n" for at, b, c, p in rows)
    )
    mapping = EVENTS.format(rows=form) + ("    phase: phase\n" if form == "events" else "")
    (folder / "m.yml").write_text(mapping)
    found = facts_of_tables([folder / "t.csv"], folder / "m.yml")
    alarms = [] if found.alarms is None else sorted(map(str, found.alarms.sort("event_id").rows()))
    return [alarms, sorted(map(str, found.rejected.rows())), found.words]


@pytest.mark.parametrize("form", ["events", "snapshots"])
@given(rows=ROWS, order=st.sampled_from(["forward", "backward", "any"]))
def test_batches_of_any_size_give_the_same_alarms(
    form: str, rows: list[tuple[int, str, str, str]], order: str
) -> None:
    if order != "any":
        rows = sorted(rows, key=lambda row: row[0], reverse=order == "backward")
    with tempfile.TemporaryDirectory() as folder:
        whole = facts(Path(folder), rows, form)
        with in_pieces(40):
            assert facts(Path(folder), rows, form) == whole


@given(rows=ROWS)
def test_alarms_of_events_equal_those_of_a_plain_loop(
    rows: list[tuple[int, str, str, str]],
) -> None:
    rows = [row for row in sorted(rows, key=lambda row: row[0]) if row[2] != "-"]
    on: dict[tuple[str, str], int] = {}
    spans = []
    for at, bed, code, phase in rows:
        if phase == "s":
            on.setdefault((bed, code), at)
        elif (bed, code) in on:
            spans.append((bed, code, on.pop((bed, code)), at))
    spans += [(bed, code, at, None) for (bed, code), at in on.items()]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        facts(folder, rows, "events")
        found = facts_of_tables([folder / "t.csv"], folder / "m.yml").alarms
    got = []
    if found is not None:
        by_alarm = found.group_by("alarm_id").agg(
            pl.col("bed", "code").first(),
            pl.col("at").filter(pl.col("phase") != "end").min().alias("start"),
            pl.col("at").filter(pl.col("phase") == "end").max().alias("end"),
        )
        got = [
            (bed, code, *(None if t is None else (t - 1772348400000) // 1000 for t in (s, e)))
            for _, bed, code, s, e in by_alarm.iter_rows()
        ]
    assert sorted(map(str, got)) == sorted(map(str, spans))
