"""The interface behind the page: its numbers are those of /metrics, its form is the one described,
and it costs no more than it must.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate
from prometheus_client.parser import text_string_to_metric_families
from pydantic import SecretStr

from analyzer import AlarmEvent, Assignment, Engine, Policy
from analyzer.model.policy import HOUR, MINUTE, Level, Levels, OverloadPolicy
from streams.formats.calendars import Calendar, Calendars
from streams.http.site import page_files
from streams.settings import WebSettings
from tests.harness.hospitals import NINE, Hospital, storm, three_beds_storm, troubled
from tests.harness.site import FakeWorker, Site, pseudonym, simulated

BERLIN = Calendars(Calendar(ZoneInfo("Europe/Berlin")))
SPO2 = "facility=H01&unit=MICU&type=monitor/MDC_PULS_OXIM_SAT_O2/MDC_EVT_LO"
Numbers = dict[tuple[str, frozenset[tuple[str, str]]], float]


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with Site(FakeWorker(simulated()), pseudonym=pseudonym) as served:
        yield served


def exported(site: Site) -> Numbers:
    text = site.get("/metrics").body.decode()
    return {
        (sample.name.removeprefix("alarm_fatigue_"), frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


class Told:
    """Samples as the interface's numbers would be exported; what is null is not."""

    def __init__(self, **labels: str) -> None:
        self._labels = labels
        self.numbers: Numbers = {}

    def put(self, name: str, value: float | None, **labels: str) -> None:
        if value is not None:
            everything = {
                label.rstrip("_"): text for label, text in (self._labels | labels).items()
            }
            self.numbers[name, frozenset(everything.items())] = value

    def put_windows(self, name: str, values: dict[str, Any]) -> None:
        for window, value in values.items():
            self.put(name, value, window=window)

    def put_nonactionable(self, level: str, values: dict[str, Any]) -> None:
        for window, of in values.items():
            for scope in ("all", "clinical"):
                self.put(f"{level}_nonactionable_ratio", of[scope], window=window, scope=scope)
            for class_, count in of["classes"].items():
                self.put(f"{level}_classified_alarms", count, window=window, class_=class_)
            assert of["alarms"] == sum(of["classes"].values())


STATES = ("normal", "elevated", "overloaded")


def told_of_unit(unit: dict[str, Any]) -> Numbers:
    told = Told(facility=unit["facility"], unit=unit["unit"])
    for window, alarms in unit["alarms"].items():
        assert alarms["all"] == alarms["low"] + alarms["medium"] + alarms["high"]
        for priority in ("low", "medium", "high"):
            told.put("unit_alarms", alarms[priority], window=window, priority=priority)
    told.put_nonactionable("unit", unit["nonactionable"])
    for name in ("unassigned_alarms", "chattering_alarms"):
        told.put_windows(f"unit_{name}", unit[name])
    for name in ("open_alarms", "standing_alarms", "stale_alarms"):
        told.put(f"unit_{name}", unit[name])
    for name in ("clinicians", "beds", "beds_per_clinician", "acuity_per_clinician"):
        told.put(f"unit_{name}", unit["staffing"][name])
    told.put("unit_overload_state", STATES.index(unit["state"]))
    return told.numbers


def told_of_clinician(one: dict[str, Any], facility: str, unit: str) -> Numbers:
    told = Told(facility=facility, unit=unit, clinician=one["clinician"])
    told.put_nonactionable("clinician", one["nonactionable"])
    for name in ("alarm_seconds", "protected_ratio", "flood_ratio", "overlapping_alarms"):
        told.put_windows(f"clinician_{name}", one[name])
    for name in ("beds", "acuity", "shift_hours", "nonactionable_exposure"):
        told.put(f"clinician_{name}", one[name])
    told.put("clinician_overload_state", STATES.index(one["state"]))
    for band in ("recommended", "manageable", "over_demanding", "unacceptable"):
        told.put("clinician_load_band", float(one["load_band"] == band), band=band)
    for band in ("0-29", "30-79", "80+"):
        told.put("clinician_exposure_band", float(one["exposure_band"] == band), band=band)
    return told.numbers


def chosen(numbers: Numbers, names: set[str]) -> Numbers:
    return {key: value for key, value in numbers.items() if key[0] in names}


def test_every_number_of_units_is_the_one_exported(site: Site) -> None:
    shown = exported(site)
    units = site.get("/api/v1/units").json["units"]
    told: Numbers = {}
    for unit in units:
        told |= told_of_unit(unit)
    assert len(units) == 3
    assert told == chosen(shown, {name for name, _ in told})
    for unit in units:
        key = {"facility": unit["facility"], "unit": unit["unit"]}
        on_duty = {
            dict(labels)["clinician"]
            for (name, labels), value in shown.items()
            if name == "clinician_beds" and value and dict(labels).items() >= key.items()
        }
        for name, of in (
            ("clinician_overload_state", "states"),
            ("clinician_load_band", "load_bands"),
        ):
            counts = dict.fromkeys(unit["staffing"][of], 0)
            for (metric, labels), value in shown.items():
                if metric == name and dict(labels)["clinician"] in on_duty:
                    if of == "states":
                        counts[STATES[int(value)]] += 1
                    else:
                        counts[dict(labels)["band"]] += int(value)
            assert unit["staffing"][of] == counts
        assert sum(unit["trend"]["minutes"][-60:]) == unit["alarms"]["1h"]["all"]
        assert sum(unit["trend"]["minutes"][-10:]) == unit["alarms"]["10m"]["all"]
        assert sum(unit["trend"]["hours"][-12:]) == unit["alarms"]["12h"]["all"]


def test_every_number_of_clinicians_is_the_one_exported_and_nobody_is_ranked(site: Site) -> None:
    shown, told = exported(site), Numbers()
    for unit in site.get("/api/v1/units").json["units"]:
        answer = site.get(
            f"/api/v1/clinicians?facility={unit['facility']}&unit={unit['unit']}"
        ).json
        names = [one["clinician"] for one in answer["clinicians"]]
        assert names == sorted(names)
        for one in answer["clinicians"]:
            told |= told_of_clinician(one, answer["facility"], answer["unit"])
            alarms = {
                window: sum(
                    value
                    for (name, labels), value in shown.items()
                    if name == "clinician_alarms"
                    and {("clinician", one["clinician"]), ("window", window)} <= labels
                )
                for window in one["alarms"]
            }
            assert alarms == one["alarms"]
    assert len({dict(labels)["clinician"] for _, labels in told}) > 3
    assert told == chosen(shown, {name for name, _ in told})


def test_those_beyond_the_cap_are_not_told_of_either() -> None:
    with Site(FakeWorker(simulated()), pseudonym=pseudonym, max_clinicians=2) as site:
        shown = {
            dict(labels)["clinician"] for name, labels in exported(site) if name == "clinician_beds"
        }
        told = set()
        for unit in site.get("/api/v1/units").json["units"]:
            answer = site.get(
                f"/api/v1/clinicians?facility={unit['facility']}&unit={unit['unit']}"
            ).json
            told |= {one["clinician"] for one in answer["clinicians"]}
        assert told == shown
        assert len(told) == 2


def test_where_clinicians_are_not_shown_nobody_is_told_of() -> None:
    with Site(FakeWorker(simulated()), pseudonym=pseudonym, clinicians=False) as site:
        units = site.get("/api/v1/units").json["units"]
        assert [unit["relief"] for unit in units] == [None] * 3
        answer = site.get(f"/api/v1/clinicians?facility=H01&unit={units[0]['unit']}")
        assert (answer.status, answer.json) == (
            404,
            {"error": "metrics.clinicians is off: this worker shows units only"},
        )


# --- answers


def test_who_needs_help_first_stands_first_with_why_and_who_could_take_a_bed() -> None:
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
            "now 14.5 alarms per clinician in 10 min; the state ends at 4 or fewer"
        ]
        assert icu["entered"] == ["14 alarms per clinician in 10 min, limit 10"]
        assert icu["says"] == (
            "overloaded since 09:09 (14 alarms per clinician in 10 min, limit 10); "
            "stays so until 4 or fewer for 10 min; now 14.5"
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
        "now 9"
    )
    assert unit["says"] == (
        "elevated since Sat 28 Feb 23:02 (9 beds per clinician, limit 8); "
        "stays so until 8 or fewer for 10 min; now 9"
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
def test_how_current_the_numbers_are_is_told_in_words(
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


# --- queries


@pytest.mark.parametrize(
    ("path", "status", "error"),
    [
        ("units?limit=0", 400, "limit: expected a whole number from 1 to 500"),
        ("units?limit=501", 400, "limit: expected a whole number from 1 to 500"),
        ("units?limit=%C2%B2", 400, "limit: expected a whole number from 1 to 500"),
        ("units?clinician=ann", 400, "expected no parameters but facility and limit"),
        ("clinicians", 400, "expected the parameters facility and unit"),
        ("clinicians?facility=H01", 400, "expected the parameters facility and unit"),
        ("clinicians?facility=H01&unit=nowhere", 404, "no such unit among those of this worker"),
        ("unit", 400, "expected the parameters facility and unit"),
        ("unit?facility=H01&unit=x&limit=1", 400, "expected the parameters facility and unit"),
        ("unit?facility=H01&unit=nowhere", 404, "no such unit among those of this worker"),
    ],
)
def test_a_query_that_cannot_be_answered_is_told_so(
    site: Site, path: str, status: int, error: str
) -> None:
    answer = site.get(f"/api/v1/{path}")
    assert (answer.status, answer.json) == (status, {"error": error})


def test_units_are_chosen_and_those_left_out_are_counted(site: Site) -> None:
    every = site.get("/api/v1/units").json["units"]
    two = site.get("/api/v1/units?limit=2&facility=H01").json
    assert (two["units"], two["left_out"]) == (every[:2], 1)
    assert site.get("/api/v1/units?facility=H02").json["units"] == []


def test_without_state_it_says_that_it_waits() -> None:
    worker = FakeWorker(simulated())
    worker.recovered = False
    with Site(worker) as site:
        for path in (
            "units",
            "unit?facility=H01&unit=x",
            "clinicians?facility=H01&unit=x",
            "findings",
            f"whatif?{SPO2}",
            "whatif/types?facility=H01&unit=x",
        ):
            answer = site.get(f"/api/v1/{path}")
            assert (answer.status, answer.json) == (
                503,
                {"error": "waiting for partitions or their state"},
            )


class Counting(Engine):
    """Counts how often it is looked at."""

    looked = 0

    def status(self, facility: str | None = None, shifts: Any = None) -> Any:
        self.looked += 1
        return super().status(facility, shifts)


def test_however_many_ask_it_is_worked_out_once_in_a_while_and_sent_once() -> None:
    hospital = Hospital()
    hospital.engine = Counting(Policy())
    hospital.alarm(NINE)
    hospital.run(NINE)
    with Site(FakeWorker(hospital.engine), reuse=5.0) as site:
        first = site.get("/api/v1/units")
        hospital.alarm(NINE + 1000)
        hospital.run(NINE + 1000)
        for _ in range(3):
            again = site.get("/api/v1/units", If_None_Match=first.headers["ETag"])
            assert (again.status, again.body) == (304, b"")
        assert site.get("/api/v1/clinicians?facility=H&unit=ICU").status == 200
        assert hospital.engine.looked == 1
        site.moment = 5.0
        last = site.get("/api/v1/units", If_None_Match=first.headers["ETag"])
        assert (last.status, last.json["units"][0]["alarms"]["10m"]["all"]) == (200, 2)
        assert hospital.engine.looked == 2


def test_answers_are_compressed_for_whoever_takes_them(site: Site) -> None:
    plain, packed = (
        site.get("/api/v1/units?limit=3"),
        site.get("/api/v1/units?limit=3", Accept_Encoding="gzip"),
    )
    assert packed.headers["Content-Encoding"] == "gzip"
    assert json.loads(gzip.decompress(packed.body))["units"] == plain.json["units"]
    assert len(packed.body) < len(plain.body) / 3
    assert len(plain.body) < 3 * 5000, (
        "bounded: MOST_UNITS of these are under 2.5 MB, and a third of that, or less, as sent"
    )


def test_partitions_taken_over_are_seen_at_once() -> None:
    worker = FakeWorker(simulated())
    with Site(worker, reuse=1000.0) as site:
        assert len(site.get("/api/v1/units").json["units"]) == 3
        worker.hold()
        assert site.get("/api/v1/units").json["units"] == []


# --- the description


def strict(schema: Any) -> Any:
    """What is described, and nothing beside it."""
    if isinstance(schema, list):
        return [strict(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    found = {key: strict(value) for key, value in schema.items()}
    return (
        found | {"additionalProperties": False}
        if "properties" in schema and "type" in schema
        else found
    )


@pytest.fixture(scope="module")
def described(site: Site) -> Any:
    found = site.get("/api/v1/openapi.json").json
    validate(found)
    return found


def assert_described(described: Any, path: str, status: int, content: Any) -> None:
    response = described["paths"][path]["get"]["responses"][str(status)]
    schema = strict(response["content"]["application/json"]["schema"])
    Draft202012Validator(schema | {"components": strict(described["components"])}).validate(content)


def test_everything_served_under_api_is_described_and_nothing_else(
    site: Site, described: Any
) -> None:
    assert {path for path in site.paths if path.startswith("/api/")} - {
        "/api/v1/openapi.json"
    } == set(described["paths"])


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/units",
        "/api/v1/units?limit=1",
        "/api/v1/units?limit=0",
        "/api/v1/unit?facility=H01&unit=PICU",
        "/api/v1/unit?facility=H01&unit=nowhere",
        "/api/v1/unit",
        "/api/v1/clinicians?facility=H01&unit=PICU",
        "/api/v1/clinicians?facility=H01&unit=nowhere",
        "/api/v1/clinicians",
        "/api/v1/findings?top=50",
        "/api/v1/findings?top=0",
        f"/api/v1/whatif?{SPO2}",
        f"/api/v1/whatif?{SPO2}&delay=15&limit=85",
        f"/api/v1/whatif?{SPO2}&limit=99",
        "/api/v1/whatif",
        "/api/v1/whatif?facility=H01&unit=PICU&type=a/b/c",
        "/api/v1/whatif/types?facility=H01&unit=PICU",
        "/api/v1/whatif/types",
        "/api/v1/whatif/types?facility=H01&unit=nowhere",
    ],
)
def test_answers_have_the_form_described(site: Site, described: Any, path: str) -> None:
    answer = site.get(path)
    assert_described(described, path.partition("?")[0], answer.status, answer.json)


def test_a_described_form_is_not_just_any(site: Site, described: Any) -> None:
    found = site.get("/api/v1/units").json
    del found["units"][0]["state"]
    with pytest.raises(Exception, match="'state' is a required property"):
        assert_described(described, "/api/v1/units", 200, found)


def test_the_parameters_described_are_those_taken(site: Site, described: Any) -> None:
    given = {
        "facility": "H01",
        "unit": "MICU",
        "limit": "1",
        "window": "1h",
        "top": "1",
        "delay": "1",
    }
    given["type"] = SPO2.partition("type=")[2]
    for path, of in described["paths"].items():
        names = [one["name"] for one in of["get"]["parameters"]]
        assert (
            site.get(f"{path}?{'&'.join(f'{name}={given[name]}' for name in names)}").status == 200
        )
        assert site.get(f"{path}?other=1").status == 400


# --- pseudonyms

MARK = "zzmark"


def test_no_bed_device_person_or_text_is_told() -> None:
    engine = Engine(Policy())
    for bed, who in (("1", "a"), ("2", "a"), ("4", "a"), ("3", "b")):
        duty = Assignment(
            event_id=bed,
            assignment_id=bed,
            facility="H",
            unit="ICU",
            bed=f"{MARK}-bed-{bed}",
            clinician=f"{MARK}-{who}",
            start=NINE - HOUR,
            at=NINE - HOUR,
            role=MARK,
        )
        engine.apply("assignments", duty, None)
    alarm = AlarmEvent(
        event_id="-",
        alarm_id="-",
        phase="start",
        at=NINE,
        facility="H",
        unit="ICU",
        bed=f"{MARK}-bed-1",
        device_id=f"{MARK}-device",
        device_type="monitor",
        code="MDC_EVT_LO",
        kind="physiological",
        priority="high",
        label=f"{MARK} text",
        recipients=(f"{MARK}-c",),
    )
    for phase, moment in (("start", NINE - 30 * MINUTE), ("end", NINE - 29 * MINUTE)):
        engine.apply(
            "alarms",
            replace(alarm, event_id=f"{MARK}{phase}", alarm_id=MARK, at=moment, phase=phase),
            None,
        )  # type: ignore[arg-type]
    for number in range(30):
        bed = f"{MARK}-bed-{'124'[number % 3]}"
        for phase, moment in (("start", 0), ("end", 5_000)):
            event = replace(
                alarm,
                event_id=f"{MARK}{number}{phase}",
                alarm_id=f"{MARK}{number}",
                at=NINE + 20_000 * number + moment,
                bed=bed,
                phase=phase,  # type: ignore[arg-type]
            )
            engine.apply("alarms", event, None)
    engine.advance(NINE + 12 * MINUTE)
    with Site(FakeWorker(engine), pseudonym=pseudonym, now=NINE / 1000) as site:
        paths = [
            "units",
            "clinicians?facility=H&unit=ICU",
            "unit?facility=H&unit=ICU",
            "findings",
            "openapi.json",
            "whatif/types?facility=H&unit=ICU",
            "whatif?facility=H&unit=ICU&type=monitor//MDC_EVT_LO",
        ]
        answers = [site.get(f"/api/v1/{path}") for path in paths]
        assert [answer.status for answer in answers] == [200] * 7
        assert answers[0].json["units"][0]["state"] == "overloaded"
        assert answers[0].json["units"][0]["relief"] is not None
        assert pseudonym(f"{MARK}-a") in answers[1].body.decode()
        assert not [
            answer
            for answer in answers
            if MARK in answer.body.decode() or MARK in str(answer.headers)
        ]


def test_the_page_s_files_are_served_as_they_are_and_ask_no_other_host(site: Site) -> None:
    for file in page_files():
        answer = site.get(file.path)
        assert (answer.status, answer.headers["Content-Type"], answer.body) == (
            200,
            file.type,
            file.body,
        )
        assert site.get(file.path, If_None_Match=answer.headers["ETag"]).status == 304
        text = answer.body.decode()
        hosts = (
            set()
            if file.path.endswith("openapi.json")
            else {word for word in text.split('"') if "://" in word}
        )
        assert hosts <= {"http://www.w3.org/2000/svg"}, "a name of XML, which is not asked"
        assert "innerHTML" not in text
