"""Every command and the library answer from an archive in an object store as from a folder."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import alarm_fatigue
from alarm_fatigue import InputError
from streams.archive import TABLES, Archive
from streams.archive.objects import Objects
from streams.formats.codec import to_json
from tests.harness.archives import ZONE, Place, ms
from tests.harness.objects import ObjectServer
from tests.harness.workers import run

PLACE = Place(units={"MICU": 6}, days=16)
FROM, TO = str(PLACE.day(8)), str(PLACE.day(15))


@pytest.fixture(scope="module")
def server() -> Iterator[ObjectServer]:
    made = ObjectServer()
    try:
        with made.known():
            yield made
    finally:
        made.close()


@pytest.fixture(scope="module")
def places(server: ObjectServer, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """A folder, and the URL of a bucket with the same objects."""
    folder = PLACE.archived(tmp_path_factory.mktemp("site") / "archive").folder
    bucket = server.new_bucket()
    objects = Objects("s3", bucket, "site")
    for path in folder.rglob("*"):
        if path.is_file() and "_locks" not in path.parts:
            objects.put(str(path.relative_to(folder)), path.read_bytes(), None)
    return str(folder), f"s3://{bucket}/site"


def answer(*arguments: str) -> Any:
    done = run(*arguments)
    assert done.status == 0, done.err
    return json.loads(done.out)


@pytest.mark.parametrize(
    "arguments",
    [
        ("tune", "--delay", "15", "--since", FROM, "--json"),
        ("compare", "--at", str(PLACE.day(8)), "--unit", "MICU", "--json"),
        ("findings", "--facility", "H03", "--since", FROM, "--until", TO, "--json"),
        ("incident", "--at", TO, "--facility", "H03", "--unit", "MICU", "--json"),
        ("report", "--from", FROM, "--to", TO, "--facility", "H03", "--json"),
    ],
    ids=lambda arguments: arguments[0],
)
def test_commands_answer_the_same(arguments: tuple[str, ...], places: tuple[str, str]) -> None:
    folder, url = places
    expected = answer(*arguments, "--archive", folder)
    found = answer(*arguments, "--archive", url)
    assert json.dumps(found).replace(url, folder) == json.dumps(expected)


def test_the_library_answers_the_same(places: tuple[str, str]) -> None:
    folder, url = (
        alarm_fatigue.read_archive(one, facility="H03", start=int(FROM), end=int(TO)).episodes()
        for one in places
    )
    assert len(folder)
    assert url.equals(folder)
    with pytest.raises(InputError, match="there is no such bucket"):
        alarm_fatigue.read_archive("s3://no-such-bucket/site")


def test_the_last_days_on_the_page_are_the_same(places: tuple[str, str]) -> None:
    """By the process that a worker starts."""
    found = []
    for place in places:
        question = {"archive": place, "facility": "H03", "unit": "MICU", "now": int(TO),
                    "time_zone": str(ZONE), "least": 5}  # fmt: skip
        command = [sys.executable, "-m", "streams.report.week"]
        done = subprocess.run(command, input=to_json(question), capture_output=True, check=True)
        found.append(json.loads(done.stdout))
    assert found[0] == found[1]
    assert len(found[0]["days"]) == 14


def test_a_report_of_days_fetches_no_others(server: ObjectServer, places: tuple[str, str]) -> None:
    server.seen()
    end = PLACE.begin + timedelta(days=3)
    answer("tune", "--delay", "15", "--archive", places[1], "--facility", "H03", "--json",
           "--since", str(ms(end) - 86_400_000), "--until", str(ms(end) - 1))  # fmt: skip
    fetched = {path.split("date=")[1][:10] for _, path in server.seen() if "date=" in path}
    first = datetime.fromtimestamp(ms(end) / 1000 - 86_400, UTC).date()
    assert fetched == {str(first), str(first + timedelta(days=1))}


def test_replay_writes_the_same_rows_to_a_bucket(server: ObjectServer, tmp_path: Path) -> None:
    tiny = Path(__file__).parents[2] / "data" / "tiny"
    files = [
        part
        for topic in ("alarms", "assignments", "responses")
        for part in (f"--{topic}", str(tiny / f"{topic}.jsonl"))
    ]
    url, folder = f"s3://{server.new_bucket()}/tiny", str(tmp_path / "tiny")
    for where in (url, folder):
        assert run("replay", *files, "--archive", where).status == 0
    for name, table in TABLES.items():
        found, expected = (
            Archive(where).scan(name).collect().sort("facility", *table.order)
            for where in (url, folder)
        )
        assert expected.height or name == "overload"
        assert found.equals(expected)
    done = run("archive", "erase", "--archive", url, "--before", "2099-01-01")
    assert done.status == 0, done.err
    assert b"episodes: 0 rows" not in done.out
    assert Archive(url).facilities("episodes") == []


@pytest.mark.parametrize(
    "arguments",
    [
        ("tune", "--delay", "15"),
        ("compare", "--at", FROM),
        ("findings",),
        ("incident", "--at", TO, "--facility", "H03", "--unit", "MICU"),
        ("report", "--from", FROM, "--to", TO, "--json"),
        ("archive", "erase", "--before", "2026-12-31"),
    ],
    ids=lambda arguments: arguments[0],
)
def test_a_store_that_fails_is_told_in_one_line(
    arguments: tuple[str, ...], server: ObjectServer, places: tuple[str, str]
) -> None:
    """Here while days are read; the archive itself was found."""
    server.fail("denied", "rows.parquet", "GET", 1000)
    try:
        done = run(*arguments, "--archive", places[1])
    finally:
        server.mend()
    assert done.status == 1
    [line] = done.err.strip().splitlines()
    assert line.startswith("error: ")
    assert line.endswith(f"{places[1]}: access is refused")
