"""Episodes that are read by columns are the same as those that are read row by row."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analyzer.whatif import FIELDS, Recorded, Recorder
from streams.files.importing import batches, texts
from streams.files.recorded import read_episodes
from streams.formats.episode_columns import episode_columns

AT = 1_772_348_400_000
WORDS = st.sampled_from(["a", "b", "ä€", "x" * 128])
TIMES = st.integers(AT, AT + 5)
EPISODES = st.lists(
    st.fixed_dictionaries(
        {
            "facility": WORDS,
            "unit": WORDS,
            "bed": WORDS,
            "alarm_id": WORDS,
            "device_id": WORDS | st.sampled_from(["", None]),
            "device_type": WORDS,
            "source": WORDS | st.sampled_from(["", None]),
            "code": WORDS,
            "kind": st.sampled_from(["physiological", "technical", "advisory"]),
            "priority": st.sampled_from(["high", "medium", "low", "info"]),
            "start": TIMES,
            "end": TIMES | st.none(),
            "value": st.none() | st.floats(allow_nan=False),
            "limit": st.none() | st.floats(allow_nan=False),
            "clinicians": st.lists(WORDS, max_size=2) | st.none(),
            "class": st.sampled_from(["actionable", "technical", "unknown"]),
            "first_response": TIMES | st.none(),
        }
    ),
    max_size=6,
)
SCHEMA = {
    **dict.fromkeys([name.rstrip("_") for name in FIELDS], pl.String),
    **dict.fromkeys(["start", "end", "first_response"], pl.Int64),
    **dict.fromkeys(["value", "limit"], pl.Float64),
    "clinicians": pl.List(pl.String),
}


def same(one: Recorded, other: Recorded) -> None:
    for name in (field.name for field in fields(Recorded)):
        left, right = getattr(one, name), getattr(other, name)
        if isinstance(left, np.ndarray):
            assert left.dtype == right.dtype, name
            np.testing.assert_array_equal(left, right, name)
        else:
            assert left == right, name


def by_row(rows: Sequence[dict[str, Any]], recorder: Recorder) -> None:
    for row in rows:
        found = {
            **row,
            "device_id": row["device_id"] or "",
            "source": row["source"] or "",
            "clinicians": tuple(row["clinicians"] or ()),
        }
        recorder.take([[found[name.rstrip("_")]] for name in FIELDS])


@given(st.lists(EPISODES, max_size=3))
def test_frames_give_what_their_rows_give(some: list[list[dict[str, Any]]]) -> None:
    columns, rows = Recorder(), Recorder()
    for one in some:
        columns.take_columns(episode_columns(pl.DataFrame(one, schema=SCHEMA)))
        by_row(one, rows)
    same(columns.recorded(), rows.recorded())


CELLS = {
    "facility": ["H", ""],
    "unit": ["ICU", "", "u" * 129, "a\u200bb"],
    "bed": ["1", '"1, by ""the"" door"', '"1\r\n2"', "\ufeff1", "q" * 140_000],
    "alarm_id": ["a"],
    "device_type": ["monitor", " monitor "],
    "code": ["LO", "n/a"],
    "priority": ["high", "HIGH", "urgent", ""],
    "kind": ["", "technical", "strange"],
    "class": ["", "Non-Actionable", "actionable", "null"],
    "start": [
        str(AT),
        "2026-03-01T08:00:00.250+01:00",
        "2026-03-01 07:00:00Z",
        "2026-02-30T07:00:00Z",
        "2026-03-01T07:00:00",
        "1e12",
        "4102444800001",
        "-1",
        "",
        "soon",
    ],
    "end": ["", str(AT + 9000), f"{AT + 9000}.0", str(AT - 1), "2026-03-01T07:00:10+00:00"],
    "value": ["", "86", "86.5", "nan", "inf", "8 6", "1,234.5"],
    "limit": ["", "90"],
    "clinicians": ["", "n1", "n1; n2", "n" * 129],
    "first_response": ["", str(AT + 100), "x"],
}
ROWS = st.lists(
    st.tuples(
        *(
            st.one_of(st.just(first), st.just(first), st.just(first), st.sampled_from(cells))
            for first, *cells in ([one[0], *one] for one in CELLS.values())
        )
    ),
    min_size=1,
    max_size=5,
)


def read(folder: Path, rows: Sequence[Sequence[str]], end: str) -> tuple[Recorded, list[str]]:
    path = folder / "t.csv"
    lines = [",".join(CELLS), *(",".join(row) for row in rows)]
    path.write_bytes((end.join(lines) + end).encode())
    refused: list[str] = []
    return read_episodes(path, lambda bad: refused.append(bad.detail)), refused


def rows_of(found: Recorded) -> list[tuple[Any, ...]]:
    """What is known of each alarm, without the numbers of names."""
    return [
        (
            found.facilities[found.facility[row]],
            found.units[found.unit[row]][1],
            found.beds[found.bed[row]][1],
            found.types[found.type[row]],
            [found.clinicians[one][1] for one in found.teams[found.team[row]]],
            *(int(one[row]) for one in (found.rank, found.klass, found.start, found.end)),
            *(repr(float(one[row])) for one in (found.value, found.limit)),
            int(found.answered[row]),
        )
        for row in range(len(found))
    ]


@settings(max_examples=25)
@given(rows=ROWS, end=st.sampled_from(["\n", "\r\n"]), size=st.sampled_from([64, 1 << 20]))
def test_a_table_gives_and_refuses_what_each_row_alone_does(
    rows: list[tuple[str, ...]], end: str, size: int
) -> None:
    ids = list(CELLS).index("alarm_id")
    rows = [(*row[:ids], f"{place}", *row[ids + 1 :]) for place, row in enumerate(rows)]
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(texts, "_AT_ONCE", size)
        patch.setattr(batches, "ROWS_AT_ONCE", max(size // 32, 1))
        patch.setattr(batches, "_FEW_LINES", 1)
        whole, refused = read(Path(folder), rows, end)
        alone = [read(Path(folder), [row], end) for row in rows]
    assert rows_of(whole) == [one for found, _ in alone for one in rows_of(found)]
    assert sorted(refused) == sorted(one for _, said in alone for one in said)
