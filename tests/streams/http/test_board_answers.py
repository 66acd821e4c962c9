"""Answers of the board: who needs help first, comparisons, times, legends, how current it is."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest
from pydantic import SecretStr

from analyzer import Engine, Policy
from analyzer.model.policy import HOUR, MINUTE, Level, Levels, OverloadPolicy
from streams.formats.calendars import Calendar, Calendars
from streams.paging.tiers import TIERS
from streams.settings import WebSettings
from tests.harness.hospitals import NINE, Hospital, storm, three_beds_storm, troubled
from tests.harness.site import FakeWorker, Site

BERLIN = Calendars(Calendar(ZoneInfo("Europe/Berlin")))


def test_the_unit_in_most_need_is_first_with_reasons_and_relief() -> None:
    hospital = Hospital()
    hospital.assign("ann", "1", "2", "4")
    hospital.assign("bob", "3")
    hospital.assign("eve", "9", unit="CCU")
    hospital.assign("fay", "8", unit="STEPDOWN")
    hospital.alarm(NINE - HOUR)
    for second in (1, 2):
        hospital.alarm(NINE + second * 1000, bed="8", unit="STEPDOWN")
    three_beds_storm(hospital)
    hospital.alarm(NINE + 1000, bed="9", unit="CCU")
    hospital.run(NINE + 10 * MINUTE)
    with Site(FakeWorker(hospital.engine), now=(NINE + 10 * MINUTE) / 1000) as site:
        icu, stepdown, ccu = site.get("/api/v1/units").json["units"]
        assert (stepdown["unit"], ccu["unit"]) == ("STEPDOWN", "CCU")
        assert (icu["unit"], icu["state"], icu["since"]) == ("ICU", "overloaded", NINE + 9 * MINUTE)
        assert icu["reasons"] == [
            "14.5 alarms per clinician in 10 min at 09:10; the state ends at 4 or fewer"
        ]
        assert icu["entered"] == ["14 alarms per clinician in 10 min, limit 10"]
        assert icu["says"] == (
            "overloaded since 09:09 (14 alarms per clinician in 10 min, limit 10); "
            "stays so until 4 or fewer for 10 min; 14.5 at 09:10"
        )
        assert icu["relief"] == {
            "bed": None,
            "from": {"clinician": "ann", "alarms_1h": 30, "alarms_1h_after": 20},
            "to": {"clinician": "bob", "alarms_1h": 0, "alarms_1h_after": 10, "beds_after": 2},
            "says": icu["relief_says"],
        }
        assert icu["relief_says"] == (
            "Move one bed from ann to bob: alarms per hour 30 → 20 and 0 → 10; bob then has 2 beds."
        )
        assert ccu["relief_says"] is None
        assert (icu["relief_possible"], ccu["relief_possible"]) == (True, None)
        assert icu["staffing"]["states"] == {"normal": 1, "elevated": 0, "overloaded": 1}
        assert [one["state"] for one in icu["strained"]] == ["overloaded"]
        assert (ccu["state"], ccu["since"], ccu["reasons"], ccu["relief"], ccu["strained"]) == (
            "normal",
            None,
            [],
            None,
            [],
        )
        ann, bob = site.get("/api/v1/clinicians?facility=H&unit=ICU").json["clinicians"]
        assert (ann["state"], ann["relief"], bob["state"], bob["relief"]) == (
            "overloaded",
            icu["relief"],
            "normal",
            None,
        )


@pytest.mark.parametrize(
    ("settings", "clinicians", "says"),
    [
        (WebSettings(), True, "Move one bed from ann to bob: "),
        (WebSettings(token=SecretStr("t" * 16)), True, "Move bed 1 from ann to bob: "),
        (WebSettings(show_beds=True), True, "Move bed 1 from ann to bob: "),
        (
            WebSettings(token=SecretStr("t" * 16), show_beds=False),
            True,
            "Move one bed from ann to bob: ",
        ),
        (WebSettings(), False, "Move one bed to a colleague: "),
    ],
)
def test_the_bed_is_named_where_readers_may_see_it(
    settings: WebSettings, clinicians: bool, says: str
) -> None:
    now = (NINE + 10 * MINUTE) / 1000
    with Site(FakeWorker(troubled().engine), settings, now=now, clinicians=clinicians) as site:
        icu = site.get("/api/v1/units", Authorization=f"Bearer {'t' * 16}").json["units"][0]
    assert icu["relief_says"] == (
        f"{says}alarms per hour 30 → 20 and 0 → 10; "
        f"{'bob' if clinicians else 'the colleague'} then has 2 beds."
    )
    assert (icu["relief"] is not None) == clinicians
    assert not clinicians or icu["relief"]["bed"] == ("1" if "bed 1" in says else None)


def test_where_nobody_can_take_a_bed_it_says_so() -> None:
    hospital = Hospital()
    hospital.assign("ann", "1", "2")
    hospital.assign("bob", "3")
    for bed in ("1", "2"):  # either bed alone is a flood
        storm(hospital, NINE, minutes=10, every=40 * 1000, bed=bed)
    hospital.run(NINE + 10 * MINUTE)
    with Site(FakeWorker(hospital.engine), now=(NINE + 10 * MINUTE) / 1000) as site:
        [icu] = site.get("/api/v1/units").json["units"]
    assert icu["relief_possible"] is False
    assert (icu["relief"], icu["relief_says"]) == (
        None,
        "No one on the unit can take a bed: ask for help from outside.",
    )


def test_a_colleague_who_is_overloaded_comes_before_more_alarms_for_each() -> None:
    hospital = Hospital()
    for number, who in enumerate(("ann", "bob", "cyd", "dan", "eve", "fay")):
        hospital.assign(who, str(number), unit="ICU")
    hospital.assign("gus", "9", unit="CCU")
    storm(hospital, NINE, minutes=10, every=40 * 1000, bed="0")
    for number in range(6):
        hospital.alarm(NINE + number * 100_000, bed="9", unit="CCU")
    hospital.run(NINE + 10 * MINUTE)
    with Site(FakeWorker(hospital.engine), now=(NINE + 10 * MINUTE) / 1000) as site:
        units = site.get("/api/v1/units").json["units"]
    rates = [sum(unit["trend"]["minutes"][-10:]) / unit["staffing"]["clinicians"] for unit in units]
    assert [(unit["unit"], unit["state"], len(unit["strained"])) for unit in units] == [
        ("ICU", "normal", 1),
        ("CCU", "normal", 0),
    ]
    assert rates[0] < rates[1]


def test_this_shift_so_far_is_compared_with_the_same_part_of_the_one_before() -> None:
    hospital = Hospital()
    hospital.assign("ann", "1")
    # In Berlin it is 10:00: the shift began at 07:00, 3 h ago, and the one before at 19:00.
    for hours, count in ((15.5, 1), (14.5, 3), (12.5, 5), (11.5, 7), (0.5, 9)):
        for number in range(count):
            hospital.alarm(NINE - int(hours * HOUR) + number)
    hospital.run(NINE)
    with Site(FakeWorker(hospital.engine), now=NINE / 1000, calendars=BERLIN) as site:
        found = site.get("/api/v1/units").json
    trend = found["units"][0]["trend"]
    assert found["currency"]["facilities"][0]["time_zone"] == "Europe/Berlin"
    assert trend["hours"][:8] == [None] * 8
    assert trend["hours"][8:13] == [1, 3, 0, 5, 7]
    assert trend["shifts"] == {
        "before": {"begin": NINE - 15 * HOUR, "end": NINE - 12 * HOUR, "hours": 3, "alarms": 8},
        "last": {"begin": NINE - 3 * HOUR, "end": NINE, "hours": 3, "alarms": 9},
        "says": "3.0 alarms per hour since 07:00, 2.7 in the same part of the shift before "
        "(Sat 28 Feb 19:00 to 22:00)",
    }


def test_times_are_those_on_the_clocks_of_the_facility_with_the_date_of_another_day() -> None:
    hospital = Hospital()
    hospital.assign("ann", *"123456789", start=NINE - 12 * HOUR)
    hospital.alarm(NINE - 11 * HOUR)
    hospital.run(NINE)
    with Site(FakeWorker(hospital.engine), now=NINE / 1000, calendars=BERLIN) as site:
        [unit] = site.get("/api/v1/units").json["units"]
        [ann] = site.get("/api/v1/clinicians?facility=H&unit=ICU").json["clinicians"]
    assert ann["says"] == (
        "elevated since Sat 28 Feb 23:02 (9 beds, limit 8); stays so until 8 or fewer for 10 min; "
        "9 at 10:00"
    )
    assert unit["says"] == (
        "elevated since Sat 28 Feb 23:02 (9 beds per clinician, limit 8); "
        "stays so until 8 or fewer for 10 min; 9 at 10:00"
    )
    assert unit["strained"][0]["says"] == ann["says"]


def test_the_legend_and_the_limits_of_each_unit_are_those_of_the_policy() -> None:
    own = {"ICU": {"alarms_10m": Levels(overloaded=Level(7, 3)), "beds": Levels()}}
    policy = OverloadPolicy(
        cool_down=20 * MINUTE,
        alarms_10m=Levels(overloaded=Level(12, 5)),
        alarms_1h=Levels(),
        protected_1h=Levels(),
        unanswered=Levels(),
        units=own,
    )
    hospital = Hospital(policy)
    hospital.alarm(NINE)
    hospital.alarm(NINE, unit="CCU")
    hospital.run(NINE)
    with Site(FakeWorker(hospital.engine), now=NINE / 1000, overload=policy) as site:
        found = site.get("/api/v1/units").json
    assert found["rules"] == {
        "hold_seconds": 120,
        "cool_down_seconds": 1200,
        "legend": [
            {"state": "elevated", "says": ["more than 8 beds (until 8 or fewer)"]},
            {"state": "overloaded", "says": ["more than 12 alarms in 10 min (until 5 or fewer)"]},
        ],
        "paged": [
            {"role": one.role, "who": one.words, "after_seconds": one.after} for one in TIERS
        ],
        "links": False,
    }
    ccu, icu = sorted(found["units"], key=lambda one: one["unit"])
    assert ccu["own_limits"] == []
    assert icu["own_limits"] == [
        {"state": "elevated", "says": []},
        {"state": "overloaded", "says": ["more than 7 alarms in 10 min (until 3 or fewer)"]},
    ]
    assert [tuple(one.values()) for one in icu["limits"]] == [("alarms_10m", "overloaded", 7, 3)]
    assert [tuple(one.values()) for one in ccu["limits"]] == [
        ("alarms_10m", "overloaded", 12, 5),
        ("beds", "elevated", 8, 8),
    ]


@pytest.mark.parametrize(
    ("quiet", "behind", "state", "says"),
    [
        (
            600,
            None,
            "current",
            "up to date: the broker answered 2 s ago, and all its records are counted",
        ),
        (
            601,
            None,
            "old",
            "no alarm event from H for 10 min: is its feed still running?; "
            "the broker answered 2 s ago",
        ),
        (0, "12345 records behind", "behind", "behind: 12345 records behind"),
    ],
)
def test_the_currency_of_the_numbers_is_stated_in_words(
    quiet: int, behind: str | None, state: str, says: str
) -> None:
    hospital = Hospital()
    hospital.alarm(NINE, seconds=0)
    hospital.run(NINE)
    worker = FakeWorker(hospital.engine)
    worker.behind = behind
    with Site(worker, now=NINE / 1000 + quiet) as site:
        found = site.get("/api/v1/units").json
    assert (found["currency"]["state"], found["currency"]["says"]) == (state, says)
    (facility,) = found["currency"]["facilities"]
    assert (facility["facility"], facility["watermark"], facility["quiet_seconds"]) == (
        "H",
        NINE,
        quiet,
    )
    assert facility["old"] == (quiet > 600)
    assert found["at"] == NINE + 1000 * quiet


def test_a_recorded_hospital_is_old_once_its_clock_has_stood_still() -> None:
    hospital = Hospital()
    hospital.alarm(NINE, seconds=0)
    hospital.run(NINE)
    with Site(FakeWorker(hospital.engine), event=True) as site:
        assert site.get("/api/v1/units").json["currency"]["state"] == "current"
        site.moment += 601
        assert site.get("/api/v1/units").json["currency"]["state"] == "old"
        hospital.alarm(NINE + 1000, seconds=0)
        hospital.run(NINE + 1000)
        assert site.get("/api/v1/units").json["currency"]["state"] == "current"


def test_without_any_alarm_it_says_what_to_look_at() -> None:
    with Site(FakeWorker(Engine(Policy()))) as site:
        found = site.get("/api/v1/units").json
    assert found["units"] == []
    assert found["currency"] | {"facilities": []} == found["currency"]
    assert (
        found["currency"]["says"]
        == "no alarm event has arrived yet: is anything sent to the topic alarms?"
    )
