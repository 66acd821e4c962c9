"""The incident view of a worker: the answer of `incident`, about what the worker holds, without
names; bounded, and honest about what it does not hold.
"""

from __future__ import annotations

import json
import threading
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from analyzer import TOPICS, Policy
from analyzer.incident import BANNED, Facts, Incident, Question, analyse
from analyzer.model.policy import HOUR, MINUTE
from streams.access_settings import TokenSettings
from streams.formats.codec import decode_slice, to_json
from streams.incidents import as_json
from streams.settings import WebSettings
from streams.simulator import Storm, Ward, simulate
from streams.simulator.output import write_files
from tests.harness.site import START, UNTIL, Answer, FakeWorker, Site, simulated
from tests.harness.workers import run


def ask(site: Site, path: str = "/api/v1/incident", **more: Any) -> Answer:
    given = {"facility": "H01", "unit": "MICU", "at": UNTIL} | more
    return site.get(f"{path}?{urlencode({name: one for name, one in given.items() if one})}")


@pytest.fixture(scope="module")
def site() -> Any:
    with Site(FakeWorker(simulated()), WebSettings(show_beds=True)) as found:
        yield found


@pytest.fixture(scope="module")
def answer(site: Site) -> dict[str, Any]:
    got = ask(site)
    assert got.status == 200, got.body
    found: dict[str, Any] = got.json
    return found


@cache
def as_recorded() -> Facts:
    ward = Ward(
        seed=3,
        start=START,
        duration=UNTIL - START,
        units=3,
        beds=6,
        beds_per_nurse=2,
        storms=(Storm(start=UNTIL - 14 * MINUTE, duration=14 * MINUTE, factor=12.0, unit="MICU"),),
        profiles=("micu", "picu", "ward"),
    )
    values: dict[Any, list[bytes | None]] = {topic: [] for topic in TOPICS}
    for topic, value, _ in simulate(ward):
        values[topic].append(to_json(value))
    return Facts.of((topic, decode_slice(topic, some).columns) for topic, some in values.items())


def from_files(at: int) -> Incident:
    question = Question(at=at, facility="H01", unit="MICU")
    return analyse(as_recorded(), question, Policy(), goes_on=True)


@pytest.mark.slow
def test_the_answer_is_that_of_the_command_on_the_same_records(answer: dict[str, Any]) -> None:
    expected = as_json(from_files(UNTIL), as_recorded())
    assert list(answer) == list(expected)
    for one, other in zip(answer["conditions"], expected["conditions"], strict=True):
        assert one["unit"] == other["unit"]
        figures = [
            sorted(json.dumps({**each, "clinician": ""}) for each in some["clinicians"])
            for some in (one, other)
        ]
        assert figures[0] == figures[1]
    for part in ("factors", "not_factors"):
        assert [one["statement"] for one in answer[part]] == [
            one["statement"] for one in expected[part]
        ]
    assert [one["at"] for one in answer["timeline"]] == [one["at"] for one in expected["timeline"]]
    assert [one["verdict"] for one in answer["counterfactuals"]] == [
        one["verdict"] for one in expected["counterfactuals"]
    ]


def test_a_storm_ends_in_a_change_that_a_role_owns(answer: dict[str, Any]) -> None:
    assert {"flood", "overload"} & {one["kind"] for one in answer["factors"]}
    assert all(one["owner"] and one["measure"]["numerator"] for one in answer["actions"])


def test_nobody_is_named(site: Site, answer: dict[str, Any]) -> None:
    recorded = as_recorded()
    names = {*recorded.assignments["clinician"], *filter(None, recorded.responses["clinician"])}
    people = {one["clinician"] for each in answer["conditions"] for one in each["clinicians"]}
    assert people
    assert all(one.startswith("clinician ") for one in people)
    text = to_json(answer).decode() + ask(site, "/incident").body.decode()
    assert not [one for one in names if one in text]
    assert not [one for one in BANNED if one in text.lower()]


@pytest.mark.slow
def test_without_beds_no_bed_device_or_alarm_is_named() -> None:
    recorded = as_recorded()
    with Site(FakeWorker(simulated()), WebSettings(show_beds=False)) as site:
        got = ask(site, "/incident")
        refused = ask(site, bed="MICU-01")
    assert got.status == 200
    named = {*recorded.alarms["bed"], *recorded.alarms["device_id"], *recorded.alarms["alarm_id"]}
    text = got.body.decode()
    assert not [
        one for one in named if f'"{one}"' in text or f" {one}<" in text or f" {one} " in text
    ]
    assert (refused.status, refused.json["error"]) == (
        400,
        "bed: this worker names no beds (web.show_beds)",
    )


def test_the_page_loads_nothing_and_cannot_be_framed(site: Site) -> None:
    got = ask(site, "/incident")
    assert got.headers["Content-Type"] == "text/html; charset=utf-8"
    policy = got.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "script-src" not in policy
    assert got.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    ("asked", "status", "words"),
    [
        ({"at": ""}, 400, "expected the parameters facility, unit and at"),
        ({"at": "noon"}, 400, "at: expected"),
        ({"at": UNTIL + HOUR}, 400, "at: expected a moment that is not in the future"),
        ({"window": "13h"}, 400, "window: expected 1m to 12h"),
        ({"window": "x"}, 400, "window: expected a duration"),
        ({"why": "x"}, 400, "expected the parameters"),
        ({"unit": "XICU"}, 404, "no such unit"),
        ({"facility": "H99"}, 404, "no such unit"),
        ({"bed": "X9"}, 404, "no such bed"),
        ({"at": UNTIL - 27 * HOUR}, 404, "older than the 26 h that this worker holds"),
    ],
)
def test_an_unanswerable_question_is_refused_in_a_sentence(
    site: Site, asked: dict[str, Any], status: int, words: str
) -> None:
    got = ask(site, **asked)
    assert got.status == status
    assert words in got.json["error"]


def test_the_time_before_the_records_is_not_taken_for_calm(site: Site) -> None:
    found = ask(site, at=START + 20 * MINUTE).json
    assert found["completeness"]["alarms"]["gaps"]
    told = ("No system condition beyond baseline in what", "Not assessable")
    assert found["summary"].startswith(told)


def test_a_second_question_is_refused_while_one_is_worked_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    begun, go_on = threading.Event(), threading.Event()
    real = analyse

    def slow(*arguments: Any, **more: Any) -> Incident:
        begun.set()
        assert go_on.wait(30)
        return real(*arguments, **more)

    monkeypatch.setattr("analyzer.incident.analyse", slow)
    with Site(FakeWorker(simulated())) as site:
        first: list[Answer] = []
        thread = threading.Thread(target=lambda: first.append(ask(site)))
        thread.start()
        assert begun.wait(30)
        second = ask(site, at=UNTIL - HOUR)
        ready = site.get("/healthz")
        go_on.set()
        thread.join(60)
    assert (second.status, second.headers["Retry-After"]) == (503, "10")
    assert "ask again in 10 s" in second.json["error"]
    assert ready.status == 200
    assert first[0].status == 200


def test_only_readers_of_the_unit_are_answered(tmp_path: Path) -> None:
    for name in ("here", "there", "scraper"):
        (tmp_path / name).write_text(f"{name}-{'x' * 40}")
        (tmp_path / name).chmod(0o600)
    settings = WebSettings(
        tokens={
            "here": TokenSettings(
                file=tmp_path / "here", role="viewer", facility="H01", unit="MICU"
            ),
            "there": TokenSettings(
                file=tmp_path / "there", role="viewer", facility="H01", unit="PICU"
            ),
            "scraper": TokenSettings(file=tmp_path / "scraper", role="metrics"),
        }
    )
    given = urlencode({"facility": "H01", "unit": "MICU", "at": UNTIL})
    with Site(FakeWorker(simulated()), settings) as site:
        for path in ("/incident", "/api/v1/incident"):
            statuses = [
                site.get(f"{path}?{given}", Authorization=f"Bearer {name}-{'x' * 40}").status
                for name in ("here", "there", "scraper")
            ]
            assert statuses == [200, 403, 403]
            assert site.get(f"{path}?{given}").status == 401


def test_few_clinicians_are_not_shown() -> None:
    with Site(FakeWorker(simulated()), smallest_group=50) as site:
        got = ask(site)
    assert (got.status, "fewer than 50 clinicians" in got.json["error"]) == (404, True)


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve days of the hospital, that end with the day which the worker holds."""
    folder = tmp_path_factory.mktemp("archive")
    ward = Ward(
        seed=3,
        start=UNTIL - 12 * 24 * HOUR,
        duration=12 * 24 * HOUR,
        units=1,
        beds=6,
        beds_per_nurse=2,
        alarms_per_bed_day=20,
    )
    write_files(simulate(ward), folder)
    files = [
        part
        for topic in ("alarms", "assignments", "responses")
        for part in (f"--{topic}", folder / f"{topic}.jsonl")
    ]
    done = run("replay", *files, "--archive", folder / "history", "--at", str(UNTIL - 24 * HOUR))
    assert done.status == 0, done.err
    return folder / "history"


@pytest.mark.slow
def test_an_archive_answers_what_is_older_and_gives_the_hours_to_compare_with(
    archive: Path,
) -> None:
    with Site(FakeWorker(simulated()), archive=str(archive)) as site:
        older, now = ask(site, at=UNTIL - 3 * 24 * HOUR), ask(site)
    assert (older.status, now.status) == (200, 200)
    told = older.json["completeness"]["alarms"]["not_assessable"]
    assert "alarms that had not ended when the archive was written" in told
    [staffing] = [
        one for one in now.json["factors"] + now.json["not_factors"] if one["kind"] == "staffing"
    ]
    assert staffing["baseline"]["n"] >= 8
    assert not [name for name in ("nurse-",) if name in older.body.decode()]
