"""Board: its numbers are those of /metrics, and it is worked out once for however many ask."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from analyzer import Engine, Policy
from tests.harness.hospitals import NINE, Hospital
from tests.harness.site import SPO2, FakeWorker, Site, pseudonym, simulated

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


def test_changes_of_clinicians_beyond_the_cap_are_not_exported() -> None:
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


def test_with_clinicians_off_no_answer_names_one() -> None:
    with Site(FakeWorker(simulated()), pseudonym=pseudonym, clinicians=False) as site:
        units = site.get("/api/v1/units").json["units"]
        assert [unit["relief"] for unit in units] == [None] * 3
        answer = site.get(f"/api/v1/clinicians?facility=H01&unit={units[0]['unit']}")
        assert (answer.status, answer.json) == (
            404,
            {"error": "metrics.clinicians is off: this worker shows units only"},
        )


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

    def status(self, facility: str | None = None, shifts: Any = None, beside: Any = None) -> Any:
        self.looked += 1
        return super().status(facility, shifts, beside)


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
