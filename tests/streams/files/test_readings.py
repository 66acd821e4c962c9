"""Readings of tables are read by columns: the same as row by row, with the same rows reported."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analyzer.model import LATEST
from analyzer.whatif import Trend
from streams.files.lines import BadLine
from streams.files.readings import NAMES, Reading, Readings
from streams.files.tables import Csv, table_rows
from streams.formats.codec import detail, to_json

WANTED = {"SpO2", "Pulse"}
TEXTS = ["H03", "MICU", "", " ", "7", "é"]
SOURCES = ["SpO2", "SpO2", "Pulse", "HR", ""]
TIMES = [
    "0", "5", "1772409600000", "1772409600000", str(LATEST), str(LATEST + 1), "-1", "007", "", " 5",
    "1e3", "5.0", "5.5", "99999999999999999999", "x", "+5", "1_000",
]  # fmt: skip
VALUES = [
    "", "97", "97.5", "-0", "-3.25", "1e3", "nan", "inf", "x", "0.1", "123456789.123456", " 9",
    "0.12345678901234567", "99999999999999999999", "true", "007", ".5", "5.", "null",
]  # fmt: skip

Table = Callable[[Path], None]


def by_row(path: Path) -> tuple[Trend, set[str], list[tuple[int, str]]]:
    """The reference: one row after the other."""
    bad: list[BadLine] = []
    rows, seen = [], set()
    for number, row in table_rows(path, Csv(), NAMES, bad.append):
        given = {name: row.get(name) for name in NAMES}
        some = {name: one for name, one in given.items() if one not in (None, "")}
        try:
            one = msgspec.convert(some, Reading, strict=False)
        except msgspec.ValidationError as error:
            bad.append(BadLine(path, number, detail(str(error))))
            continue
        if not 0 <= one.at <= LATEST:
            bad.append(BadLine(path, number, "at: expected a time from 1970 to 2100"))
            continue
        seen.add(one.source)
        if one.source in WANTED:
            rows.append(one)
    value = [np.nan if one.value is None else one.value for one in rows]
    made = Trend.of(
        [one.facility for one in rows],
        [one.unit for one in rows],
        [one.bed for one in rows],
        [one.at for one in rows],
        value,
    )
    return made, seen, told(bad)


def told(bad: list[BadLine]) -> list[tuple[int, str]]:
    return sorted((one.line, one.detail) for one in bad)


def by_columns(path: Path) -> tuple[Trend, set[str], list[tuple[int, str]]]:
    bad: list[BadLine] = []
    readings = Readings(path, WANTED, bad.append)
    readings.read(lambda _: None)
    return readings.trend(), readings.seen, told(bad)


def check(path: Path) -> Trend:
    expected, seen, bad = by_row(path)
    found, seen_by_columns, bad_by_columns = by_columns(path)
    assert (seen_by_columns, bad_by_columns) == (seen, bad)
    assert found.beds == expected.beds
    for name in ("bed", "at", "value"):
        one, other = getattr(found, name), getattr(expected, name)
        assert one.dtype == other.dtype
        assert np.array_equal(one, other), name
    return found


CELLS = st.tuples(
    st.sampled_from(TEXTS),
    st.sampled_from(TEXTS),
    st.sampled_from(TEXTS),
    st.sampled_from(SOURCES),
    st.sampled_from(TIMES),
    st.sampled_from(VALUES),
)


@given(rows=st.lists(CELLS, max_size=40), columns=st.permutations(NAMES))
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_csv_file_gives_what_its_rows_give(
    tmp_path: Path, rows: list[tuple[str, ...]], columns: list[str]
) -> None:
    path = tmp_path / "readings.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(
            [dict(zip(NAMES, row, strict=True))[one] for one in columns] for row in rows
        )
    check(path)


@given(rows=st.lists(CELLS, max_size=40))
@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_text_in_a_parquet_file_gives_what_its_rows_give(
    tmp_path: Path, rows: list[tuple[str, ...]]
) -> None:
    path = tmp_path / "readings.parquet"
    pl.DataFrame(rows, dict.fromkeys(NAMES, pl.String), orient="row").write_parquet(path)
    check(path)


PLAIN: dict[str, Any] = {
    "facility": ["H03"] * 4,
    "unit": ["MICU", "MICU", "SICU", "MICU"],
    "bed": ["1", "2", "1", "1"],
    "source": ["SpO2", "SpO2", "SpO2", "HR"],
    "at": [1000, 1000, 2000, 1000],
    "value": [97.0, 88.5, None, 60.0],
}


@pytest.mark.parametrize(
    ("column", "values"),
    [
        ("value", [97, None, 88, 60]),
        ("value", pl.Series([97.5, float("nan"), float("inf"), None], dtype=pl.Float32)),
        ("value", [True, False, None, True]),
        ("value", [None] * 4),
        ("at", pl.Series([1, 2, 3, 4], dtype=pl.UInt8)),
        ("at", pl.Series([1, None, 2**64 - 1, 4], dtype=pl.UInt64)),
        ("at", [1.0, 2.5, float("nan"), None]),
        ("at", pl.Series([1, 2, 3, 4]).cast(pl.Datetime("ms"))),
        ("at", [True, False, True, None]),
        ("bed", [1, 2, 3, None]),
        ("bed", pl.Series(["1", "2", None, ""], dtype=pl.Categorical)),
        ("unit", [["MICU"], [], None, ["a"]]),
        ("source", [None] * 4),
    ],
)
def test_every_type_of_a_parquet_column_gives_what_its_rows_give(
    tmp_path: Path, column: str, values: Any
) -> None:
    path = tmp_path / "readings.parquet"
    pl.DataFrame(PLAIN | {column: values}, strict=False).write_parquet(path)
    check(path)


@pytest.mark.parametrize("missing", NAMES)
def test_without_a_column_every_row_says_so_unless_it_is_the_value(
    tmp_path: Path, missing: str
) -> None:
    path = tmp_path / "readings.parquet"
    pl.DataFrame(PLAIN).drop(missing).write_parquet(path)
    check(path)
    assert len(by_columns(path)[2]) == (0 if missing == "value" else 4)


def test_lines_of_json_and_tables_give_the_same(tmp_path: Path) -> None:
    """Also over several frames, with odd rows between plain ones and times that repeat."""
    count = 70_000
    rng = np.random.default_rng(1)
    frame = pl.DataFrame(
        {
            "facility": ["H03"] * count,
            "unit": [f"U{one}" for one in rng.integers(0, 3, count)],
            "bed": [str(one) for one in rng.integers(0, 9, count)],
            "source": [("SpO2", "HR")[one] for one in rng.integers(0, 2, count)],
            "at": rng.integers(0, 20_000, count),
            "value": [None if one < 1 else float(one) for one in rng.integers(0, 100, count)],
        }
    )
    odd = frame.with_columns(pl.col("at", "value").cast(pl.String)).with_columns(
        pl.when(pl.int_range(pl.len()) % 997 == 5)
        .then(pl.lit("1e1"))
        .otherwise("value")
        .alias("value")
    )
    odd.write_csv(tmp_path / "odd.csv")
    frame.write_parquet(tmp_path / "readings.parquet")
    assert len(check(tmp_path / "odd.csv")) > 1000
    table = check(tmp_path / "readings.parquet")
    lines = tmp_path / "readings.jsonl"
    lines.write_bytes(b"".join(to_json(row) + b"\n" for row in frame.iter_rows(named=True)))
    readings = Readings(lines, WANTED, lambda bad: pytest.fail(bad.detail))
    readings.read(lambda _: None)
    found = readings.trend()
    assert found.beds == table.beds
    assert np.array_equal(found.at, table.at)
    assert np.array_equal(found.value, table.value)
