"""Names of clinicians in an archive: others in each week, the same in all tables, whoever wrote it,
and found again by those who have the key.
"""

from __future__ import annotations

import hmac
import json
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from analyzer import FACT_TYPES, Relief, Topic
from streams.archive import TABLES, Archive, archived_facts, record_rows
from streams.archive.names import renamed
from streams.dev.broker import Broker
from streams.formats.advice import advice
from streams.formats.archive_names import names_of
from streams.formats.pseudonyms import Pseudonyms, key_id, keyed
from tests.harness.files import Files
from tests.harness.workers import Message, new_topics, run, send

KEY = b"a key for tests that is long enough"
HOUR = 3_600_000
MONDAY = 1_772_409_600_000  # 2026-03-02T00:00:00Z
TABLE_NAMES = ("episodes", "overload", "assignments", "responses")


@pytest.fixture(autouse=True)
def _key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "pseudonym.key"
    path.write_bytes(KEY)
    path.chmod(0o600)
    monkeypatch.setenv("ALARM_FATIGUE_PSEUDONYM_KEY_FILE", str(path))


def weekly(week: str, clinician: str) -> str:
    """By the formula in docs/privacy.md."""
    label = f"alarm-fatigue: names in archives of {week}".encode()
    of_week = hmac.digest(KEY, label, "sha256")
    return hmac.new(of_week, keyed(KEY)(clinician).encode(), "sha256").hexdigest()[:16]


def event(name: str, phase: str, at: int) -> dict[str, Any]:
    return {
        "event_id": f"{name}/{phase}",
        "alarm_id": name,
        "phase": phase,
        "at": at,
        "facility": "H01",
        "unit": "ICU",
        "bed": "1",
        "device_id": "m1",
        "device_type": "monitor",
        "code": "LOW",
        "kind": "physiological",
        "priority": "high",
    }


def shift(name: str, clinician: str, start: int, end: int) -> dict[str, Any]:
    return {
        "event_id": name,
        "assignment_id": name,
        "facility": "H01",
        "unit": "ICU",
        "bed": "1",
        "clinician": clinician,
        "from": start,
        "to": end,
        "at": start,
    }


def answer(name: str, clinician: str, at: int) -> dict[str, Any]:
    return {
        "event_id": name,
        "facility": "H01",
        "unit": "ICU",
        "bed": "1",
        "clinician": clinician,
        "at": at,
        "action": "intervene",
    }


def night(folder: Path, *more: str) -> Path:
    """The archive of a Sunday's evening and night, and of a Monday's evening, all of one nurse."""
    files = {
        "alarms": [
            event(name, phase, at + later)
            for name, at in (
                ("sunday", MONDAY - HOUR),
                ("night", MONDAY + 2 * HOUR),
                ("monday", MONDAY + 20 * HOUR),
                ("last", MONDAY + 24 * HOUR),
            )
            for phase, later in (("start", 0), ("end", 60_000))
        ],
        "assignments": [
            shift("s1", "ann", MONDAY - 2 * HOUR, MONDAY + 6 * HOUR),
            shift("s2", "ann", MONDAY + 19 * HOUR, MONDAY + 30 * HOUR),
        ],
        "responses": [answer("r1", "ann", MONDAY + 2 * HOUR + 30_000)],
    }
    arguments = []
    for topic, values in files.items():
        path = folder / f"{topic}.jsonl"
        path.write_text("".join(json.dumps(one) + "\n" for one in values))
        arguments += [f"--{topic}", str(path)]
    out = folder / "archive"
    done = run("replay", *arguments, "--archive", out, *more)
    assert done.status == 0, done.err
    return out


def rows(archive: Path, name: Any) -> list[dict[str, Any]]:
    return Archive(archive).scan(name).collect().sort(TABLES[name].order).to_dicts()


def test_a_clinician_has_another_name_each_week_the_same_in_all_tables(tmp_path: Path) -> None:
    out = night(tmp_path)
    before, after = weekly("2026-W09", "ann"), weekly("2026-W10", "ann")
    names = {one["alarm_id"]: one["clinicians"] for one in rows(out, "episodes")}
    assert names["sunday"] == [before]
    assert names["night"] == names["monday"] == [after]
    origins = [(one["pseudonym_key"], one["pseudonym_period"]) for one in rows(out, "episodes")]
    assert origins == [(key_id(KEY), f"2026-W{week}") for week in ("09", "10", "10")]
    assert [one["clinician"] for one in rows(out, "assignments")] == [before, after]
    assert [one["clinician"] for one in rows(out, "responses")] == [after]
    for path in out.rglob("*.parquet"):
        assert keyed(KEY)("ann") not in pl.read_parquet(path).write_json()


def test_the_names_of_the_topics_are_kept_on_request(tmp_path: Path) -> None:
    out = night(tmp_path, "--pseudonym-period", "none")
    assert {name for one in rows(out, "episodes") for name in one["clinicians"]} == {
        keyed(KEY)("ann")
    }
    assert [one["clinician"] for one in rows(out, "assignments")] == [keyed(KEY)("ann")] * 2


def test_an_archive_keeps_the_period_with_which_it_was_begun(tmp_path: Path) -> None:
    out = night(tmp_path, "--pseudonym-period", "day")
    first = rows(out, "assignments")
    assert rows(night(tmp_path), "assignments") == first
    alarms = ("--alarms", tmp_path / "alarms.jsonl")
    done = run("replay", *alarms, "--archive", out, "--pseudonym-period", "week")
    assert (done.status, done.out) == (1, b"")
    assert "expected pseudonym period day, with which the archive was begun, found week" in done.err


def test_an_archive_that_an_older_release_began_keeps_the_names_of_the_topics(
    tmp_path: Path,
) -> None:
    (tmp_path / "archive").mkdir()
    (tmp_path / "archive" / "_schema.json").write_text('{"schema": 1}')
    out = night(tmp_path)
    assert {one["clinician"] for one in rows(out, "assignments")} == {keyed(KEY)("ann")}


def test_files_of_an_older_release_are_read_and_grow_the_columns_that_they_lack(
    tmp_path: Path,
) -> None:
    out = night(tmp_path, "--pseudonym-period", "none")
    [path, *_] = sorted((out / "episodes").rglob("*.parquet"))
    about = pl.read_parquet_metadata(path)
    kept = {name: about[name] for name in ("alarm_fatigue_schema", "editions", "retracted")}
    older = pl.read_parquet(path, hive_partitioning=False)
    older.drop("pseudonym_key", "pseudonym_period").write_parquet(path, metadata=kept)
    assert [one["pseudonym_key"] is None for one in rows(out, "episodes")].count(True) == 1
    night(tmp_path)
    assert len(rows(out, "episodes")) == 3


def test_advice_names_people_as_the_other_columns_do() -> None:
    move = Relief("12", "ann", (41, 22), "bob", (9, 28), 3)
    old = keyed(KEY)
    record = {
        "id": "1",
        "facility": "H01",
        "unit": "ICU",
        "level": "unit",
        "clinician": None,
        "at": MONDAY,
        "relief": {
            "bed": "12",
            "from": {"clinician": old("ann"), "alarms_1h": 41, "alarms_1h_after": 22},
            "to": {"clinician": old("bob"), "alarms_1h": 9, "alarms_1h_after": 28},
            "text": advice(move, old, with_bed=True),
        },
        "relief_text": advice(move, old, with_bed=True),
        "withdrawn": False,
    }
    rows = record_rows("overload", [json.dumps(record).encode()], [0], [0])
    [found] = renamed(rows, names_of(Pseudonyms(KEY), "week")).frame.to_dicts()
    relief = found["relief"]
    of_week = partial(weekly, "2026-W10")
    assert (relief["from"]["clinician"], relief["to"]["clinician"]) == (
        of_week("ann"),
        of_week("bob"),
    )
    assert found["relief_text"] == relief["text"] == advice(move, of_week, with_bed=True)
    assert found["clinician"] is None


def test_an_id_is_erased_from_all_weeks(tmp_path: Path) -> None:
    out = night(tmp_path)
    done = run("archive", "erase", "--archive", out, "--clinician", "ann")
    assert (done.status, done.err) == (0, "")
    assert done.out.decode().splitlines() == [
        "episodes: 3 rows changed",
        "overload: 0 rows changed",
        "assignments: 2 rows changed",
        "responses: 1 rows changed",
    ]
    assert [one["clinicians"] for one in rows(out, "episodes")] == [[]] * 3


def test_a_pseudonym_of_the_topics_is_erased_too(tmp_path: Path) -> None:
    out = night(tmp_path)
    assert run("archive", "erase", "--archive", out, "--clinician", keyed(KEY)("ann")).status == 0
    assert [one["clinician"] for one in rows(out, "assignments")] == [None, None]


def test_without_the_key_erasing_says_that_it_knows_the_given_name_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = night(tmp_path)
    monkeypatch.setenv("ALARM_FATIGUE_PSEUDONYM_KEY_FILE", str(tmp_path / "none.key"))
    name = weekly("2026-W09", "ann")
    done = run("archive", "erase", "--archive", out, "--clinician", name)
    assert done.status == 0
    assert "warning: pseudonym_key_file" in done.err
    left = [one["clinician"] for one in rows(out, "assignments")]
    assert left == [None, weekly("2026-W10", "ann")]


def test_who_finds_names_of_an_archive(tmp_path: Path) -> None:
    (tmp_path / "clinicians.jsonl").write_text(
        json.dumps(shift("s", "ann", MONDAY, MONDAY + HOUR)) + "\n"
    )
    name = weekly(f"{datetime.now(UTC):%G-W%V}", "ann")
    asked = ("who", name, "--reason", "a review", "--directory", tmp_path / "state")
    (tmp_path / "state").mkdir(mode=0o700)
    learn = ("--assignments", tmp_path / "clinicians.jsonl")
    done = run(*asked, *learn, "--archived")
    assert (done.status, done.out.decode()) == (0, f"{name}\tann\n")
    assert run(*asked).status == 1, "it is no name of the topics"


def test_a_shift_across_the_turn_of_a_week_is_one_persons(tmp_path: Path) -> None:
    """An incident at night counts one nurse, although the archive has two names for her."""
    out = night(tmp_path)
    facts: dict[Topic, list[tuple[Any, ...]]] = {}
    for topic, columns in archived_facts(
        Archive(out), "H01", MONDAY - 3 * HOUR, MONDAY + 23 * HOUR
    ):
        facts.setdefault(topic, []).extend(zip(*columns, strict=True))
    names = FACT_TYPES["alarms"].__slots__
    about = [dict(zip(names, one, strict=True)) for one in facts["alarms"]]
    recipients = {one["alarm_id"]: one["recipients"] for one in about if one["phase"] == "start"}
    assert recipients == {
        "sunday": (weekly("2026-W09", "ann"),),
        "night": None,  # the roster says whose it was
        "monday": (weekly("2026-W10", "ann"),),
    }


def test_an_archiver_writes_the_names_that_replay_writes(
    ward: Files, tmp_path: Path, apache_kafka: Broker
) -> None:
    new_topics(apache_kafka)
    outputs = {name: tmp_path / f"{name}.jsonl" for name in ("episodes", "overload")}
    options = [part for name, path in outputs.items() for part in (f"--{name}", path)]
    assert run("replay", *ward.arguments, *options, "--archive", tmp_path / "files").status == 0
    lines: dict[str, list[bytes]] = {
        name: path.read_bytes().splitlines() for name, path in outputs.items()
    }
    lines |= {name: ward.lines[name] for name in ("assignments", "responses")}  # type: ignore[index]
    for name, values in lines.items():
        of = [json.loads(one) for one in values]
        send(
            apache_kafka,
            [
                Message(name, one["facility"].encode(), value, one["at" if "at" in one else "end"])
                for one, value in zip(of, values, strict=True)
            ],
        )
    topics = tmp_path / "topics"
    broker = ("--broker", apache_kafka.address)
    assert run("archive", *broker, "--to", topics, "--once").status == 0
    for name in ("episodes", "overload"):
        assert rows(topics, name) == rows(tmp_path / "files", name), name
    for name in ("assignments", "responses"):
        mine = {one["event_id"]: one["clinician"] for one in rows(topics, name)}
        others = {one["event_id"]: one["clinician"] for one in rows(tmp_path / "files", name)}
        assert others
        assert {one: mine[one] for one in others if one in mine} == {
            one: others[one] for one in others if one in mine
        }
