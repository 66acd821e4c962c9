"""Inputs: files, open files and frames of several libraries give the same history."""

from __future__ import annotations

import gzip
import io
import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import alarm_fatigue as af
import streams.files.mapping
from tests.harness.files import NINE, Files, event
from tests.harness.workers import run


def rows_of(files: Files, topic: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in files.lines[topic]]  # type: ignore[index]  # a topic


def frame_of(files: Files, topic: str) -> pl.DataFrame:
    return pl.DataFrame(rows_of(files, topic), infer_schema_length=None)


def csv_of(frame: pl.DataFrame) -> pl.DataFrame:
    lists = [name for name, kind in frame.schema.items() if isinstance(kind, pl.List)]
    return frame.with_columns(pl.col(lists).list.join(";"))


def moments(frame: pl.DataFrame) -> pl.DataFrame:
    times = [name for name in ("at", "from", "to") if name in frame.columns]
    stamps = [pl.from_epoch(pl.col(one), "ms").dt.replace_time_zone("UTC") for one in times]
    return frame.with_columns(
        one.dt.convert_time_zone("Europe/Berlin").alias(name)
        for one, name in zip(stamps, times, strict=True)
    )


FORMS: dict[str, Callable[[pl.DataFrame, Path], Any]] = {
    "polars": lambda frame, _: frame,
    "lazy": lambda frame, _: frame.lazy(),
    "datetimes": lambda frame, _: moments(frame),
    "pandas": lambda frame, _: frame.to_pandas(),
    "pandas of objects": lambda frame, _: pd.DataFrame(frame.to_dicts()),
    "pandas of datetimes": lambda frame, _: moments(frame).to_pandas(),
    "arrow": lambda frame, _: frame.to_arrow(),
    "text": lambda frame, path: io.StringIO(frame.write_ndjson()),
    "binary": lambda frame, path: io.BytesIO(frame.write_ndjson().encode()),
    "gzip": lambda frame, path: packed(path, frame),
    "csv": lambda frame, path: written(path / "of.csv", csv_of(frame).write_csv().encode()),
    "tsv": lambda frame, path: written(
        path / "of.tsv", csv_of(frame).write_csv(separator="\t").encode()
    ),
    "parquet": lambda frame, path: parquet(path / "of.parquet", frame),
}


def written(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def packed(path: Path, frame: pl.DataFrame) -> str:
    return str(written(path / "of.jsonl.gz", gzip.compress(frame.write_ndjson().encode())))


def parquet(path: Path, frame: pl.DataFrame) -> Path:
    frame.write_parquet(path)
    return path


@pytest.fixture(scope="module")
def wanted(shift: Files) -> pl.DataFrame:
    return af.read(**shift.paths).episodes()


@pytest.mark.parametrize("form", FORMS)
def test_every_form_gives_the_same_episodes(
    shift: Files, wanted: pl.DataFrame, tmp_path: Path, form: str
) -> None:
    given = {}
    for topic in shift.paths:
        folder = tmp_path / topic
        folder.mkdir()
        given[topic] = FORMS[form](frame_of(shift, topic), folder)
    history = af.read(**given)
    assert history.rejected.is_empty()
    assert history.episodes().equals(wanted)


def test_polars_gives_arrow_tables() -> None:
    assert isinstance(pl.DataFrame({"a": [1]}).to_arrow(), pa.Table)


def test_rejected_rows_have_file_line_field_and_reason(tmp_path: Path) -> None:
    path = tmp_path / "alarms.jsonl"
    lines = [
        event("start", 0),
        event("begin", 1),
        b"{",
        json.dumps({"event_id": "e"}).encode(),
        event("end", 2, at=1_772_355_600),
    ]
    path.write_bytes(b"\n".join(lines))
    assert af.read(alarms=path).rejected.rows() == [
        (str(path), 2, "phase", "expected one of start, update, end"),
        (str(path), 3, "value", "expected JSON"),
        (str(path), 4, "alarm_id", "required, but missing"),
        (str(path), 5, "at", "expected milliseconds since 1970, found what looks like seconds"),
    ]


def test_rejected_rows_of_a_frame_are_numbered_from_one() -> None:
    frame = pl.DataFrame([json.loads(event("start", 0)), json.loads(event("end", 1))])
    wrong = frame.with_columns(bed=pl.Series([None, "1"], dtype=pl.String))
    found = af.read(alarms=wrong)
    assert found.rejected.rows() == [("alarms", 1, "bed", "expected a string")]
    assert found.count == 1


def test_numbers_of_beds_are_their_names() -> None:
    frame = pl.DataFrame([json.loads(event("start", 0))]).with_columns(bed=pl.lit(12))
    assert af.read(alarms=frame).count == 1


def test_beds_of_a_csv_keep_their_zeros(tmp_path: Path) -> None:
    rows = [json.loads(event(one, at)) | {"bed": "01"} for one, at in (("start", 0), ("end", 1000))]
    rows.append(json.loads(event("start", 3_600_000, alarm_id="b")))
    path = tmp_path / "alarms.csv"
    pl.DataFrame(rows).write_csv(path)
    assert af.read(alarms=path).episodes()["bed"].to_list() == ["01"]


def test_times_without_a_zone_are_refused_with_the_remedy() -> None:
    frame = pl.DataFrame([json.loads(event("start", 0))]).with_columns(at=datetime(2026, 3, 1, 9))
    with pytest.raises(af.InputError, match="alarms: at: expected times with a zone"):
        af.read(alarms=frame)


def test_a_frame_without_a_required_column_says_which(tmp_path: Path) -> None:
    frame = pl.DataFrame([json.loads(event("start", 0))]).drop("bed", "code")
    with pytest.raises(af.InputError, match=r"alarms: expected the columns .* no bed, code"):
        af.read(alarms=frame)
    with pytest.raises(af.InputError, match=r"labels: expected the columns .* no event_id"):
        af.read(alarms=written(tmp_path / "a.jsonl", event("start", 0)), labels=pl.DataFrame())


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({}, "expected alarms, assignments, responses or labels"),
        ({"alarms": "nowhere.jsonl"}, "nowhere.jsonl: no such file"),
        ({"alarms": 7}, "alarms: expected a path, an open file or a frame, found int"),
        ({"labels": "nowhere.csv", "mapping": "map.yml"}, "mapping: expected a table of alarms"),
    ],
)
def test_invalid_input_says_what_was_expected(given: dict[str, Any], says: str) -> None:
    with pytest.raises(af.InputError, match=says):
        af.read(**given)


def test_a_table_of_alarms_needs_no_mapping_where_its_columns_are_fields(tmp_path: Path) -> None:
    """One row an alarm, as what-ifs take it."""
    row = {
        "facility": "F", "unit": "ICU", "bed": "1", "alarm_id": "a", "device_type": "monitor",
        "code": "C", "kind": "technical", "priority": "low", "class": "technical",
        "start": "2026-03-01T09:00:00Z", "end": "2026-03-01T09:01:00Z",
    }  # fmt: skip
    later = row | {"alarm_id": "b", "start": "2026-03-01T10:00:00Z", "end": "2026-03-01T10:01:00Z"}
    path = tmp_path / "log.csv"
    pl.DataFrame([row, later]).write_csv(path)
    assert af.read(alarms=path).episodes()["alarm_id"].to_list() == ["a"]


MAPS = Path(streams.files.mapping.__file__).parent / "maps"


def as_replay_reads_it(name: str, folder: Path) -> list[Any]:
    episodes = folder / "episodes.jsonl"
    done = run("replay", "--alarms", MAPS / f"{name}.csv", "--mapping", name,
               "--episodes", episodes, "--pseudonyms", "off")  # fmt: skip
    assert done.status == 0, done.err
    return [json.loads(line) for line in episodes.read_text().splitlines()]


@pytest.mark.parametrize("name", ["bedmaster", "philips-events", "central-monitor-jp"])
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a_ready_mapping_reads_a_vendors_table_by_name(name: str, tmp_path: Path) -> None:
    expected = as_replay_reads_it(name, tmp_path)
    history = af.read(alarms=MAPS / f"{name}.csv", mapping=name)
    found = history.episodes().with_columns(pl.col("start", "end").dt.epoch("ms"))
    columns = ["alarm_id", "bed", "code", "start", "end", "class"]
    assert len(expected) > 0
    assert found.select(columns).rows() == [tuple(one[of] for of in columns) for one in expected]
    assert history.rejected.is_empty()


@pytest.mark.parametrize("form", ["workbook", "polars", "pandas", "open file"])
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a_table_under_a_mapping_may_come_in_any_form(form: str, tmp_path: Path) -> None:
    path = MAPS / "bedmaster.csv"
    wanted = af.read(alarms=path, mapping="bedmaster")
    frame = pl.read_csv(path, infer_schema=False)
    book = tmp_path / "log.xlsx"
    frame.to_pandas().to_excel(book, index=False)
    with path.open("rb") as opened:
        given = {"workbook": book, "polars": frame, "pandas": frame.to_pandas(),
                 "open file": opened}[form]  # fmt: skip
        found = af.read(alarms=given, mapping="bedmaster")
    assert found.count == wanted.count > 0
    # an id that the table lacks is made with the number of the row, which a CSV file counts by line
    mine, theirs = (one.episodes().drop("alarm_id").rows() for one in (found, wanted))
    assert mine == theirs


def test_alarms_and_a_roster_are_read_under_one_mapping(tmp_path: Path) -> None:
    mapping = tmp_path / "map.yml"
    mapping.write_text(
        "alarms:\n  fields: {alarm_id: Id, unit: {value: ICU}, facility: {value: F}, bed: Bed,"
        " device_type: {value: monitor}, code: Text, kind: {value: physiological},"
        " priority: {value: high}, start: On, end: Off}\n"
        "assignments:\n  fields: {unit: {value: ICU}, facility: {value: F}, bed: Place,"
        " clinician: Nurse, from: Since, to: Until}\n"
    )
    alarms = pl.DataFrame(
        {
            "Id": ["1", "2", "3"], "Bed": ["1", "1", "1"], "Text": ["LO", "HI", "LO"],
            "On": [f"2026-03-01T0{hour}:00:00Z" for hour in (8, 9, 9)],
            "Off": ["2026-03-01T08:00:30Z", "2026-03-01T09:00:30Z", "soon"],
        }
    )  # fmt: skip
    roster = pl.DataFrame(
        {"Place": ["1"], "Nurse": ["n1"], "Since": ["2026-03-01T07:00:00Z"],
         "Until": ["2026-03-01T19:00:00Z"]}
    )  # fmt: skip
    book = tmp_path / "roster.xlsx"
    roster.to_pandas().to_excel(book, index=False)
    history = af.read(alarms=alarms, assignments=book, mapping=mapping)
    assert history.episodes()["clinicians"].to_list() == [["n1"]]
    assert history.rejected.select("file", "line", "field").rows() == [("alarms", 3, "end")]


def test_a_workbook_with_the_columns_of_a_topic_needs_no_mapping(tmp_path: Path) -> None:
    rows = [json.loads(event(one, at)) | {"bed": 1} for one, at in (("start", 0), ("end", 1000))]
    rows.append(json.loads(event("start", 3_600_000, alarm_id="b")) | {"bed": 1})
    path = tmp_path / "alarms.xlsx"
    pd.DataFrame(rows).to_excel(path, index=False)
    history = af.read(alarms=path)
    assert history.rejected.is_empty()
    assert history.episodes()["bed"].to_list() == ["1"]


def test_oddities_of_a_table_are_warnings(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_text(
        "facility,unit,bed,alarm_id,device_type,code,kind,priority,start,end,label\n"
        + 'F,ICU,1,a,monitor,LO,physiological,low,2026-03-01T09:00:00Z,2026-03-01T09:01:00Z,"x\n'
    )
    with pytest.warns(UserWarning, match="quotation mark that is never closed"):
        assert af.read(alarms=path, mapping=written(tmp_path / "map.yml", b"{}")).count == 2


def test_the_same_facts_in_two_zones_are_one_history() -> None:
    at = datetime.fromtimestamp(NINE / 1000, UTC)
    rows = [json.loads(event("start", 0)) | {"at": at}, json.loads(event("end", 9)) | {"at": at}]
    berlin = pl.DataFrame(rows).with_columns(pl.col("at").dt.convert_time_zone("Europe/Berlin"))
    assert af.read(alarms=berlin).burden(every="1s")["at"].to_list() == [at]
