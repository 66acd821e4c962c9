"""/api/v1/week: the last seven days of a unit, from the archive, and what is not shown of them."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from streams.archive import Archive
from streams.formats.calendars import Calendar, Calendars
from streams.http.documents.week import Week
from streams.http.weeks import Weeks, document
from streams.report.week import Question, says, week
from streams.settings import WebSettings
from tests.harness.archives import DAY, HOUR, ZONE, Place
from tests.harness.hospitals import NINE, Hospital
from tests.harness.readers import token, tokens
from tests.harness.site import FakeWorker, Site

PLACE = Place(
    facility="H", units={"ICU": 6, "SICU": 3}, begin=datetime(2026, 2, 9, tzinfo=ZONE), days=21
)
CALENDARS = Calendars(Calendar(ZONE))
ASK = "/api/v1/week?facility=H&unit="


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return PLACE.archived(tmp_path_factory.mktemp("week") / "archive").folder


@pytest.fixture(scope="module")
def worker() -> FakeWorker:
    hospital = Hospital()
    for unit in ("ICU", "SICU", "PICU"):
        hospital.alarm(NINE - HOUR, bed=unit, unit=unit)
    hospital.run(NINE)
    return FakeWorker(hospital.engine)


def site_of(worker: FakeWorker, archive: Path | None, **more: Any) -> Site:
    place = None if archive is None else str(archive)
    options = {"now": NINE / 1000, "smallest_group": 5, "calendars": CALENDARS} | more
    return Site(worker, archive=place, **options)


def question(folder: Path, unit: str, least: int = 5) -> Question:
    return Question(str(folder), "H", unit, NINE, str(ZONE), least)


def found(place: Place, folder: Path, unit: str = "ICU", least: int = 5) -> Week:
    days = week(place.archived(folder), question(folder, unit, least))
    return document(("H", unit), {"days": map(asdict, days), "says": says(days)}, least)


def test_the_days_are_those_of_the_archived_alarms(worker: FakeWorker, folder: Path) -> None:
    with site_of(worker, folder) as site:
        answer = site.get(ASK + "ICU")
        assert (answer.status, answer.json["nothing"]) == (200, None)
        days = answer.json["days"]
        assert site.get(ASK + "ICU", If_None_Match=answer.headers["ETag"]).status == 304
    assert [days[0]["date"], days[-1]["date"]] == ["2026-02-15", "2026-02-28"]
    alarms = [
        one
        for one in PLACE.episodes()
        if one["unit"] == "ICU" and one["priority"] != "info" and one["kind"] != "advisory"
    ]
    for day in days:
        assert (day["until"] - day["from"]) == DAY
        mine = [one for one in alarms if day["from"] <= one["start"] < day["until"]]
        known = [one for one in mine if one["class"] in ("actionable", "non_actionable")]
        assert day["alarms"] == len(mine)
        assert day["classified"] == len(known)
        assert day["clinical"] == sum(one["class"] != "technical" for one in mine)
        needless = sum(one["class"] == "non_actionable" for one in known)
        assert day["nonactionable"] == pytest.approx(needless / len(known))
        assert day["clinician_hours"] == 144  # six nurses all day long
        assert day["overloaded_hours"] == 0
    means = [sum(one["alarms"] for one in some) / 7 for some in (days[7:], days[:7])]
    change = round(100 * (means[0] - means[1]) / means[1])
    assert answer.json["says"]["load"].startswith(
        f"{means[0]:.0f} alarms a day, {abs(change)} % {'more' if change > 0 else 'fewer'} than in "
        f"the 7 days before ({means[1]:.0f})"
    )


def test_a_day_with_too_few_clinicians_in_some_hour_is_not_shown(folder: Path) -> None:
    small = document(
        ("H", "SICU"), {"days": map(asdict, week(Archive(folder), question(folder, "SICU"))),
                        "says": {}}, 5
    )  # fmt: skip
    assert {one.left_out for one in small.days} == {"small"}
    assert {one.alarms for one in small.days} == {None}
    assert small.nothing == (
        "7 days are not shown, as fewer than 5 clinicians were there in some hours"
    )
    shown = week(Archive(folder), question(folder, "SICU", least=3))
    assert {one.left_out for one in shown} == {None}


def test_a_night_with_new_names_does_not_make_a_small_group_large(tmp_path: Path) -> None:
    """Three nurses have two names each in the night to Monday: that is not six people."""
    place = replace(PLACE, units={"ICU": 3}, crews=1)
    for weekly in (False, True):
        folder = tmp_path / str(weekly)
        archive = replace(place, weekly=weekly).archived(folder)
        days = week(archive, question(folder, "ICU"))
        assert {one.left_out for one in days} == {"small"}


def test_a_day_with_an_interrupted_feed_is_no_quiet_day(tmp_path: Path) -> None:
    place = replace(PLACE, units={"ICU": 6}, gap=(18 * 24 + 3, 18 * 24 + 21))
    answer = found(place, tmp_path / "archive")
    assert [one.left_out for one in answer.days[7:]] == [None] * 5 + ["broken", None]
    assert answer.days[-2].alarms is None
    assert answer.nothing == "1 day is only in part in the archive"


def test_a_silent_day_is_no_quiet_day(tmp_path: Path) -> None:
    place = replace(PLACE, units={"ICU": 6}, silent=frozenset({("ICU", 18)}))
    answer = found(place, tmp_path / "archive")
    assert [one.left_out for one in answer.days[7:]] == [None] * 5 + ["silent", None]
    assert answer.nothing == "1 day is not in the archive"


def test_without_a_roster_no_figure_per_clinician_is_given(tmp_path: Path) -> None:
    answer = found(replace(PLACE, units={"ICU": 6}, roster=False), tmp_path / "archive")
    assert {one.clinician_hours for one in answer.days} == {None}
    assert {one.overloaded_hours for one in answer.days} == {None}  # nothing is known of states
    assert answer.says is not None
    assert "clinician" not in answer.says.load
    assert answer.says.overloaded.startswith("not known")


def test_an_empty_page_says_why(worker: FakeWorker, tmp_path: Path) -> None:
    with site_of(worker, None) as site:
        assert site.get(ASK + "ICU").json["nothing"].startswith("no archive of past days")
    with site_of(worker, tmp_path) as site:
        answer = site.get(ASK + "ICU")
        assert answer.json == {
            "facility": "H",
            "unit": "ICU",
            "days": [],
            "says": None,
            "nothing": "the archive cannot be read at the moment",
        }
    Archive.create(tmp_path / "new")
    with site_of(worker, tmp_path / "new") as site:
        assert site.get(ASK + "ICU").json["nothing"] == (
            "the archive holds nothing of this unit in the last 14 days"
        )
        assert site.get(ASK + "nowhere").status == 404
        assert site.get("/api/v1/week?facility=H").status == 400


def test_a_reader_sees_the_weeks_of_their_own_units_only(
    worker: FakeWorker, folder: Path, tmp_path: Path
) -> None:
    settings = WebSettings(tokens=tokens(tmp_path))
    with site_of(worker, folder, settings=settings) as site:
        for unit in ("ICU", "nowhere"):
            elsewhere = site.get(ASK + unit, Authorization=f"Bearer {token('micu')}")
            assert elsewhere.status == 403


class Reading:
    """An archive that takes its time; it counts what it is asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.at_once = self.most_at_once = 0
        self.answer: Mapping[str, Any] = {"days": [], "says": {}}

    async def __call__(self, question: Mapping[str, Any]) -> Mapping[str, Any]:
        self.asked.append(question["unit"])
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        await asyncio.sleep(0.05)
        self.at_once -= 1
        return self.answer


def test_equal_questions_are_read_once_and_one_at_a_time(worker: FakeWorker) -> None:
    reading = Reading()
    with site_of(worker, Path("archive"), read=reading) as site, ThreadPoolExecutor(8) as many:
        answers = list(many.map(lambda unit: site.get(ASK + unit), ["ICU", "SICU", "PICU"] * 4))
    assert {one.status for one in answers} == {200}
    assert sorted(reading.asked) == ["ICU", "PICU", "SICU"]
    assert reading.most_at_once == 1


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


class Shown:
    """A board that shows every unit."""

    async def now_of(self, key: tuple[str, str]) -> int:
        return NINE


def test_a_failure_is_forgotten_sooner_than_an_answer() -> None:
    async def run() -> None:
        clock, reading = Clock(), Reading()
        weeks = Weeks("archive", Shown(), 5, clock=clock, read=reading)
        given = {"facility": "H", "unit": "ICU"}
        for now, failing, reads in ((0, True, 1), (59, True, 1), (61, False, 2), (600, False, 2)):
            clock.now, reading.answer = (
                now,
                {"error": "gone"} if failing else {"days": [], "says": {}},
            )
            await weeks.week(given)
            assert len(reading.asked) == reads
        clock.now = 662
        await weeks.week(given)
        assert len(reading.asked) == 3

    asyncio.run(run())
