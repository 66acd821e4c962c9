"""The archive's files hold the last edition of each row, whatever was written in which order."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pandas
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.archive import Archive, ArchiveError, fact_rows, record_rows
from streams.formats.codec import decode_slice, to_json
from tests.harness.archived import HORIZON, HOUR, MIDNIGHT, REASON, change, episode, starts, write


def test_an_episode_stands_under_the_utc_date_of_its_start(tmp_path: Path) -> None:
    archive = Archive.create(tmp_path / "archive")
    write(archive, "episodes", [episode("a", MIDNIGHT - 1), episode("b", MIDNIGHT)])
    files = sorted(
        str(one.relative_to(archive.folder)) for one in archive.folder.rglob("*.parquet")
    )
    assert files == [
        "episodes/facility=H03/date=2026-03-01/rows.parquet",
        "episodes/facility=H03/date=2026-03-02/rows.parquet",
    ]


@pytest.mark.parametrize("facility", ["H03", "007", "St. Marien / Süd", "a=b%20c"])
def test_pandas_polars_and_duckdb_read_a_table_as_it_is(tmp_path: Path, facility: str) -> None:
    archive = Archive.create(tmp_path / "archive")
    write(archive, "episodes", [episode("a", MIDNIGHT, facility=facility)])
    folder = archive.folder / "episodes"
    expected = (facility, "a", datetime.fromtimestamp(MIDNIGHT / 1000, UTC))
    by_polars = pl.read_parquet(folder, hive_schema={"facility": pl.String, "date": pl.Date})
    assert by_polars.select("facility", "alarm_id", "start").row(0) == expected
    by_pandas = pandas.read_parquet(folder)
    assert by_pandas["start"][0].to_pydatetime() == expected[2]
    assert list(by_pandas["clinicians"][0]) == ["aa", "bb"]
    files = f"{folder}/*/*/*.parquet"
    with duckdb.connect() as database:
        database.sql("set timezone = 'UTC'")
        source = "read_parquet(?, hive_types = {'facility': varchar})"
        query = f"select facility, alarm_id, epoch_ms(start) from {source}"
        assert database.execute(query, [files]).fetchall() == [(facility, "a", MIDNIGHT)]
    assert archive.facilities("episodes") == [facility]


def test_a_later_edition_replaces_an_earlier_one_also_across_midnight(tmp_path: Path) -> None:
    archive = Archive.create(tmp_path)
    write(archive, "episodes", [episode("a", MIDNIGHT + 5)])
    write(archive, "episodes", [episode("a", MIDNIGHT - 5)], at=1)
    assert starts(archive) == [("a", MIDNIGHT - 5)]


def test_a_suspended_writer_that_wakes_up_late_changes_nothing(tmp_path: Path) -> None:
    archive = Archive.create(tmp_path)
    write(archive, "episodes", [episode("a", MIDNIGHT, priority="high")], edition=2, at=9)
    assert write(archive, "episodes", [episode("a", MIDNIGHT - 5)], edition=1, at=12) == 0
    assert starts(archive) == [("a", MIDNIGHT)]


def test_an_alarm_id_that_is_used_again_is_another_alarm(tmp_path: Path) -> None:
    archive = Archive.create(tmp_path)
    write(archive, "episodes", [episode("a", MIDNIGHT), episode("a", MIDNIGHT + HORIZON + 1)])
    assert [start for _, start in starts(archive)] == [MIDNIGHT, MIDNIGHT + HORIZON + 1]


def test_a_retracted_change_is_not_there_and_does_not_come_back(tmp_path: Path) -> None:
    archive = Archive.create(tmp_path)
    write(archive, "overload", [change(MIDNIGHT), change(MIDNIGHT + 1)])
    write(archive, "overload", [change(MIDNIGHT, withdrawn=True)], at=2)
    write(archive, "overload", [change(MIDNIGHT)])
    found = archive.scan("overload").collect()
    assert found["at"].dt.epoch("ms").to_list() == [MIDNIGHT + 1]
    assert found["reasons"].to_list() == [[REASON]]


def test_records_that_are_something_else_are_counted_and_left_out(tmp_path: Path) -> None:
    junk = [b"", b"\xff", b"[1]", b'{"id":"x","facility":"H03"}', b'{"facility":"H03","start":1}']
    wrong = to_json(episode("a", MIDNIGHT) | {"value": "high"})
    good = to_json(episode("b", MIDNIGHT))
    rows = record_rows("episodes", [*junk, wrong, good], [0] * 7, range(7))
    assert rows.frame["alarm_id"].to_list() == ["b"]
    assert rows.unreadable == 6


def test_assignments_hold_the_last_record_with_pseudonyms_for_clinicians(tmp_path: Path) -> None:
    def record(event: str, at: int, **more: Any) -> bytes:
        fields = {"event_id": event, "assignment_id": "s1", "facility": "H03", "unit": "MICU"}
        shift = {"bed": "7", "clinician": "n.1", "from": MIDNIGHT - HOUR, "at": at}
        return to_json(fields | shift | more)

    archive = Archive.create(tmp_path)
    lines = [
        record("e1", MIDNIGHT - HOUR),
        record("e3", MIDNIGHT + 2, to=MIDNIGHT + HOUR, **{"from": MIDNIGHT + 1}),
        record("e2", MIDNIGHT + 1, to=MIDNIGHT),
    ]
    for line in lines:
        columns = decode_slice("assignments", [line]).columns
        archive.write(fact_rows("assignments", columns, lambda _: "pseudonym"), HORIZON)
    [found] = archive.scan("assignments").collect().to_dicts()
    assert found["from"] == datetime.fromtimestamp((MIDNIGHT + 1) / 1000, UTC)
    assert (found["event_id"], found["clinician"]) == ("e3", "pseudonym")
    assert archive.days("assignments", "H03") == [found["from"].date()]


@st.composite
def deliveries(draw: st.DrawFn) -> list[tuple[str, int, int, str]]:
    """Alarm, edition, start and class of records, in the order of their offsets."""
    alarms = st.sampled_from("abc")
    starts = st.integers(MIDNIGHT - 2 * HOUR, MIDNIGHT + 2 * HOUR)
    classes = st.sampled_from(["actionable", "technical"])
    return draw(
        st.lists(st.tuples(alarms, st.integers(0, 2), starts, classes), min_size=1, max_size=12)
    )


@given(records=deliveries(), data=st.data())
def test_any_delivery_ends_with_the_greatest_edition_of_each_alarm(
    tmp_path_factory: pytest.TempPathFactory,
    records: list[tuple[str, int, int, str]],
    data: st.DataObject,
) -> None:
    expected: dict[str, tuple[int, int]] = {}
    for offset, (alarm, edition, _, _) in enumerate(records):
        expected[alarm] = max(expected.get(alarm, (-1, -1)), (edition, offset))
    archive = Archive.create(tmp_path_factory.mktemp("archive"))
    order = data.draw(st.permutations(range(len(records))))
    again = data.draw(st.lists(st.sampled_from(range(len(records))), max_size=6))
    deliver = [*order, *again]
    while deliver:
        size = data.draw(st.integers(1, len(deliver)))
        some, deliver = deliver[:size], deliver[size:]
        values = [
            to_json(episode(records[one][0], records[one][2], **{"class": records[one][3]}))
            for one in some
        ]
        archive.write(
            record_rows("episodes", values, [records[one][1] for one in some], some), HORIZON
        )
    found = archive.scan("episodes").collect()
    assert sorted(
        zip(found["alarm_id"], found["start"].dt.epoch("ms"), found["class"], strict=True)
    ) == sorted(
        (alarm, records[offset][2], records[offset][3]) for alarm, (_, offset) in expected.items()
    )


def test_erasing_a_facility_or_old_days_deletes_their_files(tmp_path: Path) -> None:
    archive = Archive.create(tmp_path)
    records = [
        episode(f"{facility}{start}", start, facility=facility)
        for facility in ("H1", "H2")
        for start in (MIDNIGHT - 1, MIDNIGHT)
    ]
    write(archive, "episodes", records)
    assert archive.erase("H1", None)["episodes"] == 2
    assert archive.facilities("episodes") == ["H2"]
    assert not (tmp_path / "episodes" / "facility=H1").exists()
    day = datetime.fromtimestamp(MIDNIGHT / 1000, UTC).date()
    assert archive.erase(None, day)["episodes"] == 1
    assert archive.days("episodes", "H2") == [day]


def test_a_forgotten_facility_does_not_come_back_and_goes_on(tmp_path: Path) -> None:
    archive = Archive.create(tmp_path)
    old = [episode("a", MIDNIGHT - HOUR), episode("b", MIDNIGHT), episode("c", MIDNIGHT + 2)]
    other = episode("d", MIDNIGHT, facility="H04")
    write(archive, "episodes", [*old, other])
    archive.forget("H03", MIDNIGHT)
    write(archive, "episodes", [*old, other, episode("e", MIDNIGHT + 3)])
    archive.forget("H03", MIDNIGHT)
    assert [alarm for alarm, _ in starts(archive)] == ["c", "d", "e"]


def test_an_erased_clinician_is_in_no_row_and_does_not_come_back(tmp_path: Path) -> None:
    archive = Archive.create(tmp_path)
    relief = {
        "bed": "7",
        "from": {"clinician": "aa", "alarms_1h": 40.0, "alarms_1h_after": 30.0},
        "to": {"clinician": "bb", "alarms_1h": 4.0, "alarms_1h_after": 14.0, "beds_after": 3},
        "text": "aa to bb",
    }
    unit = change(MIDNIGHT, clinician=None, level="unit", relief=relief, relief_text="aa to bb")
    for _ in range(2):
        write(archive, "episodes", [episode("a", MIDNIGHT)])
        write(archive, "overload", [change(MIDNIGHT), unit])
        archive.erase_clinician(lambda begin: ["aa"])
    write(archive, "overload", [change(MIDNIGHT)])
    assert archive.scan("episodes").collect()["clinicians"].to_list() == [["bb"]]
    [left] = archive.scan("overload").collect().to_dicts()
    assert (left["clinician"], left["relief"], left["relief_text"]) == (None, None, None)
    assert "aa" not in json.dumps(left, default=str)


def test_a_folder_of_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(ArchiveError, match="expected an archive or an empty folder"):
        Archive.create(tmp_path)
    with pytest.raises(ArchiveError, match=r"expected an archive, found no _schema\.json"):
        Archive(tmp_path)


def test_an_archive_of_another_schema_is_refused(tmp_path: Path) -> None:
    Archive.create(tmp_path)
    (tmp_path / "_schema.json").write_text('{"schema": 99}')
    with pytest.raises(ArchiveError, match="expected schema 1, found 99"):
        Archive(tmp_path)
