"""An archive in an object store holds the rows of one in a folder, whatever happens on the way."""

from __future__ import annotations

import itertools
import random
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest

from streams.archive import TABLES, Archive, ArchiveError
from streams.archive.bucket import Bucket
from streams.archive.objects import Conflict, Objects
from tests.harness.archived import (
    HORIZON,
    HOUR,
    MIDNIGHT,
    change,
    delivered,
    episode,
    starts,
    write,
)
from tests.harness.certificates import Authority
from tests.harness.objects import KEYS, ObjectServer

DAY = 24 * HOUR
TODAY = datetime.fromtimestamp(MIDNIGHT / 1000, UTC).date()


@pytest.fixture(scope="module")
def server() -> Iterator[ObjectServer]:
    made = ObjectServer()
    try:
        yield made
    finally:
        made.close()


@pytest.fixture(autouse=True)
def store(server: ObjectServer) -> Iterator[ObjectServer]:
    server.mend()
    server.seen()
    with server.known():
        yield server


@pytest.fixture
def url(store: ObjectServer) -> str:
    return f"s3://{store.new_bucket()}/deep/archive"


def rows(archive: Archive, name: Any) -> list[dict[str, Any]]:
    return archive.scan(name).collect().sort("facility", *TABLES[name].order).to_dicts()


def test_the_server_of_these_tests_keeps_to_conditions(url: str) -> None:
    """Of writers that start from the same version, exactly one may put."""
    objects = Objects("s3", url.split("/")[2], "p")
    objects.check_conditions()
    seen = None
    for _ in range(10):
        won: list[Any] = []
        lost: list[int] = []

        def put(number: int, seen: Any = seen, won: Any = won, lost: Any = lost) -> None:
            try:
                won.append(objects.put("one", f"{number}-{random.random()}".encode(), seen))
            except Conflict:
                lost.append(number)

        threads = [threading.Thread(target=put, args=(one,)) for one in range(6)]
        for one in threads:
            one.start()
        for one in threads:
            one.join()
        assert (len(won), len(lost)) == (1, 5)
        seen = won[0]


@pytest.mark.parametrize("seed", range(3))
def test_a_bucket_holds_the_rows_of_a_folder(url: str, tmp_path: Path, seed: int) -> None:
    bucket, folder = Archive.create(url), Archive.create(tmp_path / "archive")
    for number, (name, records, edition) in enumerate(delivered(random.Random(seed))):
        for archive in (bucket, folder):
            write(archive, name, records, edition, at=number * 100)
    for name in ("episodes", "overload"):
        assert rows(folder, name)
        assert rows(bucket, name) == rows(folder, name)
    some = (
        pl.col("facility") == "St. Marien / Süd",
        pl.col("start") >= datetime(2026, 3, 2, tzinfo=UTC),
    )
    for archive in (bucket, folder):
        found = archive.scan("episodes").filter(*some).select("alarm_id", "date").sort("alarm_id")
        if archive is bucket:
            expected = found.collect()
        else:
            assert expected.equals(found.collect())


def test_duckdb_reads_the_objects_of_a_bucket_as_they_are(
    url: str, store: ObjectServer, tmp_path: Path
) -> None:
    archive = Archive.create(url)
    write(archive, "episodes", [episode("a", MIDNIGHT), episode("b", MIDNIGHT - 1)])
    write(archive, "episodes", [episode("b", MIDNIGHT)], at=9)
    _copy(url, tmp_path)  # as `aws s3 sync`: names and bytes
    with duckdb.connect() as database:
        query = "select alarm_id, facility, date::varchar from read_parquet(?) order by all"
        found = database.execute(query, [f"{tmp_path}/episodes/*/*/*.parquet"]).fetchall()
    assert found == [("a", "H03", "2026-03-02"), ("b", "H03", "2026-03-02")]


def _copy(url: str, folder: Path) -> None:
    scheme, _, bucket, prefix = url.split("/", 3)
    objects = Objects(scheme[:-1], bucket, prefix)
    for key, _ in objects.listed(""):
        found = objects.get(key)
        assert found is not None
        path = folder / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(found[0])


def test_a_day_of_a_facility_fetches_one_object(url: str, store: ObjectServer) -> None:
    archive = Archive.create(url)
    for day in range(4):
        some = [episode(f"a{day}", MIDNIGHT + day * DAY, facility=one) for one in ("H03", "H04")]
        write(archive, "episodes", some)
    store.seen()
    found = Archive(url).scan("episodes", ["H03"], TODAY, TODAY).collect()
    assert found.height == 1
    fetched = [path for _, path in store.seen() if path.endswith(".parquet")]
    assert [path.split("episodes/")[1] for path in fetched] == [
        "facility=H03/date=2026-03-02/rows.parquet"
    ]


def test_records_that_come_again_put_nothing(url: str, store: ObjectServer) -> None:
    archive = Archive.create(url)
    write(archive, "episodes", [episode("a", MIDNIGHT)])
    store.seen()
    assert write(archive, "episodes", [episode("a", MIDNIGHT)]) == 0
    assert not [one for one in store.seen() if one[0] != "GET"]


@pytest.mark.parametrize("key", ["rows.parquet", "_writing"])
def test_a_put_whose_answer_is_lost_changes_no_row(url: str, store: ObjectServer, key: str) -> None:
    archive = Archive.create(url)
    write(archive, "episodes", [episode("a", MIDNIGHT), episode("b", MIDNIGHT)])
    store.fail("lost", key, times=2)
    write(archive, "episodes", [episode("a", MIDNIGHT - 5), episode("c", MIDNIGHT)], at=2)
    assert starts(archive) == [("a", MIDNIGHT - 5), ("b", MIDNIGHT), ("c", MIDNIGHT)]
    assert _notes(url) == {}


def test_a_store_that_is_away_for_a_while_is_waited_for(url: str, store: ObjectServer) -> None:
    archive = Archive.create(url)
    store.fail("unavailable", "rows.parquet", times=7)
    write(archive, "episodes", [episode("a", MIDNIGHT)])
    assert starts(archive) == [("a", MIDNIGHT)]


# --- writers at the same time


class Suspended(Archive):
    """An archive whose writer stops where a test says: before the put of a key with these letters.

    Other writers act there; then it goes on, or is ended.
    """

    def stop_before(self, letters: str, meanwhile: Callable[[], object]) -> None:
        store = self._store
        assert isinstance(store, Bucket)
        objects, put = store._objects, store._objects.put

        def stopped(key: str, content: bytes, seen: Any) -> Any:
            if letters in key:
                objects.put = put  # type: ignore[method-assign]
                meanwhile()
            return put(key, content, seen)

        objects.put = stopped  # type: ignore[method-assign]


class Killed(BaseException):
    pass


def _killed() -> None:
    raise Killed


def test_a_writer_that_wakes_up_late_does_not_overwrite_a_newer_day(url: str) -> None:
    archive, stale = Archive.create(url), Suspended(url)
    old, new = episode("a", MIDNIGHT, priority="low"), episode("a", MIDNIGHT, priority="high")
    stale.stop_before(
        "date=", lambda: write(archive, "episodes", [new, episode("b", MIDNIGHT)], edition=2, at=7)
    )
    write(stale, "episodes", [old, episode("c", MIDNIGHT)], edition=1, at=9)
    found = archive.scan("episodes").select("alarm_id", "priority").sort("alarm_id").collect()
    assert found.rows() == [("a", "high"), ("b", "medium"), ("c", "medium")]


def test_a_stale_edition_of_another_day_does_not_stand_beside_the_newer_one(url: str) -> None:
    """No day is put by both, so the days' objects alone would not tell."""
    archive, stale = Archive.create(url), Suspended(url)
    stale.stop_before(
        "date=",
        lambda: write(archive, "episodes", [episode("a", MIDNIGHT - 5)], edition=2, at=7),
    )
    write(stale, "episodes", [episode("a", MIDNIGHT)], edition=1, at=6)
    assert starts(archive) == [("a", MIDNIGHT - 5)]


def test_the_next_write_repairs_the_remains_of_a_killed_stale_writer(url: str) -> None:
    archive, stale = Archive.create(url), Suspended(url)

    def meanwhile() -> None:
        write(archive, "episodes", [episode("a", MIDNIGHT - 5)], edition=2, at=7)
        stale.stop_before("_writing", _killed)  # when the day is in place

    stale.stop_before("date=", meanwhile)
    with pytest.raises(Killed):
        write(stale, "episodes", [episode("a", MIDNIGHT)], edition=1, at=6)
    assert starts(archive) == [("a", MIDNIGHT - 5), ("a", MIDNIGHT)]  # for a moment
    archive.complete(HORIZON)
    assert starts(archive) == [("a", MIDNIGHT - 5)]


def test_a_forgotten_facility_does_not_come_back_by_a_writer_that_wakes_up(url: str) -> None:
    archive, stale = Archive.create(url), Suspended(url)
    stale.stop_before("date=", lambda: archive.forget("H03", MIDNIGHT))
    write(stale, "episodes", [episode("a", MIDNIGHT), episode("b", MIDNIGHT + 1)])
    assert starts(archive) == [("b", MIDNIGHT + 1)]


@pytest.mark.parametrize("letters", ["_writing", "date=2026-03-01", "date=2026-03-02"])
def test_a_writer_killed_at_a_put_ends_with_the_same_rows(url: str, letters: str) -> None:
    archive = Archive.create(url)
    write(archive, "episodes", [episode("a", MIDNIGHT), episode("b", MIDNIGHT)])
    killed = Suspended(url)
    killed.stop_before(letters, _killed)
    moved = [episode("a", MIDNIGHT - 5)]
    with pytest.raises(Killed):
        write(killed, "episodes", moved, at=2)
    write(Archive(url), "episodes", moved, at=2)
    assert starts(archive) == [("a", MIDNIGHT - 5), ("b", MIDNIGHT)]


def test_many_writers_at_once_end_with_the_rows_of_one(url: str, tmp_path: Path) -> None:
    folder, dice = Archive.create(tmp_path / "archive"), random.Random(4)
    Archive.create(url)
    parts = [(number, *one) for number, one in enumerate(delivered(dice))]
    for number, name, records, edition in parts:
        write(folder, name, records, edition, at=number * 100)
    errors: list[BaseException] = []

    def deliver(some: Iterable[tuple[int, Any, list[dict[str, Any]], int]]) -> None:
        try:
            archive = Archive(url)
            for number, name, records, edition in some:
                write(archive, name, records, edition, at=number * 100)
        except BaseException as error:
            errors.append(error)

    shuffled = [dice.sample(parts, len(parts)) for _ in range(3)]
    threads = [threading.Thread(target=deliver, args=(some,)) for some in shuffled]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert errors == []
    for name in ("episodes", "overload"):
        assert rows(Archive(url), name) == rows(folder, name)
    assert _notes(url) == {}


def test_sigkill_at_random_points_ends_with_the_same_rows(url: str, tmp_path: Path) -> None:
    dice, seed = random.Random(9), 11
    folder = Archive.create(tmp_path / "archive")
    Archive.create(url)
    for number, (name, records, edition) in enumerate(delivered(random.Random(seed))):
        write(folder, name, records, edition, at=number * 100)
    command = [sys.executable, "-m", "tests.harness.archived", url, str(seed)]
    for kill in itertools.chain([True] * 4, [False]):
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        if kill:
            threading.Timer(dice.uniform(0, 0.25), process.send_signal, [signal.SIGKILL]).start()
        rest = process.stdout.read()
        process.wait(60)
    assert rest == "done\n"
    for name in ("episodes", "overload"):
        assert rows(Archive(url), name) == rows(folder, name)


def _notes(url: str) -> dict[str, Any]:
    """Which writers say that they did not finish."""
    return {f"{table.name} {facility}": 1 for table, facility in Bucket(*_parts(url)).unfinished()}


def _parts(url: str) -> tuple[str, str, str]:
    scheme, _, bucket, prefix = url.split("/", 3)
    return scheme[:-1], bucket, prefix


# --- erasing


def test_erasing_days_and_clinicians_of_a_bucket(url: str) -> None:
    archive = Archive.create(url)
    write(archive, "episodes", [episode("a", MIDNIGHT - 1), episode("b", MIDNIGHT)])
    write(archive, "overload", [change(MIDNIGHT)])
    assert archive.erase("H04", None)["episodes"] == 0
    assert archive.erase("H03", TODAY)["episodes"] == 1
    assert archive.days("episodes", "H03") == [TODAY]
    gone = archive.erase_clinician(lambda begin: ["aa"])
    assert (gone["episodes"], gone["overload"]) == (1, 1)
    write(archive, "overload", [change(MIDNIGHT)])
    assert archive.scan("overload").collect().is_empty()
    assert archive.scan("episodes").collect()["clinicians"].to_list() == [["bb"]]
    archive.forget("H03", MIDNIGHT + 2 * DAY)
    assert archive.scan("episodes").collect().is_empty()
    assert archive.erase(None, TODAY + timedelta(days=9))["episodes"] == 0
    assert archive.facilities("episodes") == []


# --- what cannot be used


def test_a_store_that_ignores_conditions_is_refused_at_the_start(
    url: str, store: ObjectServer
) -> None:
    for what in ("unconditional", "not implemented"):
        store.fail(what, "_probe", times=50)
        with pytest.raises(ArchiveError, match="does not keep to If-None-Match and If-Match"):
            Archive.create(url)
    store.mend()
    assert Archive.create(url).facilities("episodes") == []


@pytest.mark.parametrize(
    ("where", "environment", "says"),
    [
        ("s3://no-such-bucket/a", {}, "s3://no-such-bucket/a: there is no such bucket"),
        ("s3://b/a", {"AWS_ENDPOINT_URL": "http://127.0.0.1:9"}, "the connection is refused"),
        ("s3://b/a", {"AWS_ENDPOINT_URL": "http://nowhere.invalid"}, "the name of the store"),
        ("s3://key:secret@b/a", {}, "s3://b/a: expected no credentials or parameters in a URL"),
        ("s3://b/a?secret=x", {}, "s3://b/a: expected no credentials or parameters in a URL"),
        ("s3:///a", {}, "expected the name of a bucket"),
        ("ftp://b/a", {}, "ftp://: expected a folder, s3://BUCKET/PREFIX"),
        ("s3://b/a", {"AWS_CA_BUNDLE": "/no/such.pem"}, "/no/such.pem: No such file"),
        ("az://b/a", {}, "there are no credentials; expected AZURE_STORAGE_ACCOUNT_NAME"),
    ],
)
def test_errors_are_told_in_one_line(
    where: str, environment: dict[str, str], says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    for open_ in (Archive, Archive.create):
        with pytest.raises(ArchiveError) as told:
            open_(where)
        assert says in str(told.value)
        assert "\n" not in str(told.value)
        assert "secret" not in str(told.value)


def test_without_the_library_the_extra_is_named() -> None:
    code = (
        "import sys; sys.modules['obstore'] = None\n"
        "from streams.archive import Archive, ArchiveError\n"
        "try: Archive('s3://bucket/archive')\n"
        "except ArchiveError as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("s3:// needs the extra objectstore; run: ")
    assert done.stdout.endswith('pip install "alarm-fatigue[objectstore]"\n')


@pytest.mark.parametrize("facility", ["007", "..", "~a+b&c=d#e?f", "a%20b/c", "Süd 'x' \"y\""])
def test_any_name_of_a_facility_is_found_again(url: str, facility: str) -> None:
    archive = Archive.create(url)
    write(archive, "episodes", [episode("a", MIDNIGHT, facility=facility)])
    assert archive.facilities("episodes") == [facility]
    assert archive.scan("episodes", [facility]).collect()["facility"].to_list() == [facility]
    assert list(Bucket(*_parts(url)).unfinished()) == []


def test_keys_come_from_a_file_of_profiles_and_the_store_may_have_its_own_authority(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = Authority(tmp_path, "hospital")
    served = ObjectServer(authority.sign("127.0.0.1"), authority.cert)
    try:
        monkeypatch.setenv("AWS_ENDPOINT_URL", served.endpoint)
        for name in KEYS:
            monkeypatch.delenv(name)
        files = {"AWS_SHARED_CREDENTIALS_FILE": "credentials", "AWS_CONFIG_FILE": "config"}
        for name, file in files.items():
            monkeypatch.setenv(name, str(tmp_path / file))
        (tmp_path / "credentials").write_text(
            "[archive]\naws_access_key_id = a\naws_secret_access_key = b\n"
        )
        (tmp_path / "config").write_text("[profile archive]\nregion = eu-central-1\n")
        monkeypatch.setenv("AWS_PROFILE", "archive")
        with pytest.raises(ArchiveError, match="the certificate of the store is not trusted"):
            Archive.create("s3://b/archive")
        monkeypatch.setenv("AWS_CA_BUNDLE", str(authority.cert))
        bucket = served.new_bucket()
        assert Archive.create(f"s3://{bucket}/archive").facilities("episodes") == []
    finally:
        served.close()


def test_a_table_without_rows_is_an_empty_frame(url: str) -> None:
    archive = Archive.create(url)
    for name, table in TABLES.items():
        found = archive.scan(name).collect()
        assert (found.height, found.columns) == (0, [*table.columns, "facility", "date"])
