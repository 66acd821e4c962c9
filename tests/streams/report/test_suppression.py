"""No figure about fewer than five clinicians, in a report or in the difference of two."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from analyzer import Policy
from analyzer.history import FEWEST
from streams.files.provenance import Provenance
from streams.formats.calendars import Calendar
from streams.formats.codec import to_json
from streams.report import document, page, report_on
from streams.report.week import Question, week
from tests.harness.archives import ZONE, Place
from tests.harness.workers import run

PEOPLE = (
    "hours_over_30",
    "flood_share",
    "protected_share",
    "clinician_elevated",
    "clinician_overloaded",
    "unit_elevated",
    "unit_overloaded",
    *(
        f"{key}.{priority}"
        for key in ("response_median", "response_nine_in_ten", "answered")
        for priority in ("high", "medium", "low")
    ),
)
"""Figures that are about people."""


def told(
    place: Place,
    folder: Path,
    begin: int,
    end: int,
    unit: str | None = None,
    fewest: int = FEWEST,
) -> dict[str, Any]:
    """By unit (the hospital is None), the section of the JSON."""
    archive = place.archived(folder)
    hospital = report_on(
        archive,
        "H03",
        place.day(begin),
        place.day(end),
        Calendar(ZONE),
        Policy(),
        unit,
        fewest=fewest,
    )
    found = json.loads(to_json(document([hospital], Policy())))
    assert found["fewest"] == fewest
    return {one["unit"]: one for one in found["hospitals"][0]["sections"]}


def about_people(section: dict[str, Any]) -> Any:
    figures = {key: section["figures"][key] for key in PEOPLE}
    return json.dumps([figures, section["shifts"]["rows"], section["staffing"]])


def test_a_unit_with_fewer_than_five_clinicians_has_no_figure_about_them(tmp_path: Path) -> None:
    place = Place(units={"MICU": 6, "WARD": 1})  # a night, a day and a night shift: three a day
    found = told(place, tmp_path / "archive", 7, 21)
    for key in PEOPLE:
        figure = found["WARD"]["figures"][key]
        assert figure["value"] is None
        assert figure["below"] == 0
        assert figure["change"] is None
        assert "withheld" in figure["why"]
    assert found["WARD"]["shifts"]["rows"] == []
    assert found["WARD"]["staffing"]["load"] is None
    assert found["WARD"]["figures"]["alarms_per_bed_day.all"]["value"] is not None


def test_nothing_that_a_small_unit_does_moves_a_figure_about_people(tmp_path: Path) -> None:
    """The strongest attacker knows all but the small unit: the figures tell nothing of it."""
    calm = told(Place(units={"MICU": 6, "WARD": 1}), tmp_path / "calm", 7, 21)
    busy = told(Place(units={"MICU": 6, "WARD": 1}, burst="WARD"), tmp_path / "busy", 7, 21)
    assert busy["WARD"]["alarms"] > calm["WARD"]["alarms"]
    for unit in (None, "MICU", "WARD"):
        assert about_people(busy[unit]) == about_people(calm[unit])
    assert about_people(calm[None]) != about_people(calm["WARD"])


@pytest.mark.parametrize(("fewest", "shown"), [(1, True), (2, False)])
def test_the_setting_decides_which_unit_is_small(tmp_path: Path, fewest: int, shown: bool) -> None:
    """The ward has one clinician at a time. Where it is small, neither a figure nor a difference of
    the hospital and its other unit changes with what happens there.
    """
    calm, busy = (
        told(Place(units={"MICU": 6, "WARD": 1}, burst=burst), tmp_path / name, 7, 21, None, fewest)
        for name, burst in (("calm", None), ("busy", "WARD"))
    )
    assert (calm["WARD"]["figures"]["protected_share"]["value"] is not None) == shown
    for unit in (None, "MICU", "WARD"):
        moved = about_people(busy[unit]) != about_people(calm[unit])
        assert moved == (shown and unit != "MICU")
    for key in PEOPLE:
        whole, other = (calm[unit]["figures"][key] for unit in (None, "MICU"))
        if not shown:
            assert (whole["above"], whole["below"]) == (other["above"], other["below"])


def test_reports_of_any_numbers_from_the_setting_on_differ_by_groups_of_that_size(
    tmp_path: Path,
) -> None:
    """Hours of duty tell how many people a difference is about: the crews work 24 h a day."""
    place = Place(units={"MICU": 6, "SICU": 2, "WARD": 1})
    found = [told(place, tmp_path / str(n), 7, 10, None, n)[None] for n in (1, 2, 3, 6, 7)]
    hours = [one["figures"]["protected_share"]["below"] for one in found]
    assert hours == [3 * 24.0 * beds for beds in (9, 8, 6, 6, 0)]


@pytest.mark.slow
def test_every_day_of_the_pages_week_is_made_of_hours_of_the_report(tmp_path: Path) -> None:
    """Both publish sums over hours of enough clinicians, and so is the difference of the two."""
    published = 0
    place = Place(units={"MICU": 6, "WARD": 1})
    archive = place.archived(tmp_path / "archive")
    for unit in ("MICU", "WARD"):
        for least in (1, 2, 6, 7):
            asked = Question(str(archive.folder), "H03", unit, place.day(14), str(ZONE), least)
            for one in week(archive, asked):
                report = report_on(
                    archive, "H03", one.begin, one.end, Calendar(ZONE), Policy(), unit, fewest=least
                )
                [section] = document([report], Policy())["hospitals"][0]["sections"]
                below = section["figures"]["protected_share"]["below"]
                assert below == (one.clinician_hours or 0)
                published += bool(one.clinician_hours)
    assert published == 14 * (3 + 1)


def by_hour(place: Place, folder: Path, fewest: int = FEWEST) -> Any:
    """What is said by hour of the week, and its hours of duty."""
    section = told(place, folder, 7, 14, None, fewest)["MICU"]
    return section["heat_map"]["hours"], section["figures"]["protected_share"]["below"]


@pytest.mark.parametrize("standing", [False, True])
def test_a_person_with_two_names_counts_once(tmp_path: Path, standing: bool) -> None:
    """Three clinicians; with a bed each since long ago, under the name of that week, besides."""
    place = Place(units={"MICU": 3}, weekly=True, standing=standing)
    hours, duty = by_hour(place, tmp_path / "archive", fewest=3)
    assert sum(map(sum, hours)) > 0
    assert (duty > 0) is not standing
    hours, duty = by_hour(place, tmp_path / "archive", fewest=4)
    assert (sum(map(sum, hours)), duty) == (0, 0)


def test_a_person_with_the_names_of_two_keys_counts_once(tmp_path: Path) -> None:
    place = Place(units={"MICU": 3}, rekeyed=True, alarms_a_day=2000, days=15)
    for fewest in (4, 6):
        hours, duty = by_hour(place, tmp_path / str(fewest), fewest)
        assert (sum(map(sum, hours)), duty) == (0, 0)


def test_hours_with_few_clinicians_are_in_no_figure_by_hour(tmp_path: Path) -> None:
    """The page and the board leave them out, too. At night there is one clinician."""
    place = Place(units={"MICU": 6}, at_night=1)
    hours, duty = by_hour(place, tmp_path / "archive")
    assert [one == 1 for one in hours[0]] == [7 <= hour < 19 for hour in range(24)]
    assert duty == 6 * (7 * 12)


def test_spans_that_differ_by_hours_tell_nothing_of_a_few_clinicians(tmp_path: Path) -> None:
    """Else the difference would be the alarms of whoever was on duty in one hour."""
    place = Place(units={"MICU": 6, "WARD": 1}, days=14)
    archive = place.archived(tmp_path / "archive")
    found = []
    for hours in (0, 1, 5):
        end = place.day(10) + hours * 3_600_000
        one = report_on(archive, "H03", place.day(7), end, Calendar(ZONE), Policy())
        found.append({some.unit: some for some in one.sections})
    ward = [one["WARD"] for one in found]
    assert {one.alarms for one in ward} == {ward[0].alarms}
    assert [len(one.cut_days) for one in ward] == [0, 1, 1]
    micu = [one["MICU"].alarms for one in found]
    assert micu[0] < micu[1] < micu[2]
    assert [one[None].alarms for one in found] == [ward[0].alarms + one for one in micu]


def test_the_command_takes_the_setting_and_only_a_higher_number(tmp_path: Path) -> None:
    place = Place(units={"MICU": 6, "WARD": 1})
    place.archived(tmp_path / "archive")
    config = tmp_path / "config.yml"
    config.write_text("privacy: {smallest_group: 4}\n")
    of = ("report", "--archive", tmp_path / "archive", "--from", str(place.day(7)), "--to")
    of = (*of, str(place.day(14)), "--json", "--config", config)
    assert json.loads(run(*of).out)["fewest"] == 4
    assert json.loads(run(*of, "--smallest-group", "6").out)["fewest"] == 6
    refused = run(*of, "--smallest-group", "3")
    assert refused.status == 2
    assert refused.err == (
        "error: --smallest-group: expected at least 4 (privacy.smallest_group): the difference of "
        "two reports would be about fewer\n"
    )


def test_the_hospital_less_its_other_units_leaves_nothing(tmp_path: Path) -> None:
    found = told(Place(units={"MICU": 6, "WARD": 1}), tmp_path / "archive", 7, 21)
    for key in PEOPLE:
        whole, other = (found[unit]["figures"][key] for unit in (None, "MICU"))
        assert (whole["above"], whole["below"]) == (other["above"], other["below"])
        assert whole["value"] == other["value"]


def test_findings_about_a_small_unit_say_nothing_of_its_response_times(tmp_path: Path) -> None:
    place = Place(units={"MICU": 6, "WARD": 1})
    archive = place.archived(tmp_path / "archive")
    one = report_on(archive, "H03", place.day(7), place.day(21), Calendar(ZONE), Policy())
    unanswered = {
        unit.unit: sum(finding.shown_by("unanswered").count for finding in unit.findings)
        for unit in one.to_fix
    }
    assert unanswered["MICU"] > 0
    assert unanswered["WARD"] == 0


def test_two_reports_differ_by_whole_hours_of_at_least_five_clinicians(tmp_path: Path) -> None:
    """Spans that end at any minute: what the longer one adds is whole hours, or nothing."""
    place = Place(units={"MICU": 6})
    archive = place.archived(tmp_path / "archive")
    below = []
    for quarters in range(13):
        end = place.day(10) + quarters * 900_000
        one = report_on(archive, "H03", place.day(7), end, Calendar(ZONE), Policy())
        figures = document([one], Policy())["hospitals"][0]["sections"][0]["figures"]
        below.append(figures["protected_share"]["below"])
    steps = {round(after - before, 6) for before, after in pairwise(below)}
    assert steps == {0.0, 6.0}


@pytest.mark.slow
def test_a_day_at_the_edge_of_a_span_adds_the_same_as_within_one(tmp_path: Path) -> None:
    """Otherwise two reports would tell of the one stretch or flood that midnight cuts."""
    place = Place(units={"MICU": 6}, alarms_a_day=8000, days=12)
    archive = place.archived(tmp_path / "archive")

    def above(begin: int, end: int, key: str) -> float:
        one = report_on(
            archive,
            "H03",
            place.day(begin),
            place.day(end),
            Calendar(ZONE),
            Policy(),
        )
        section = document([one], Policy())["hospitals"][0]["sections"][0]
        return float(section["figures"][key]["above"])

    for key in ("protected_share", "flood_share", "hours_over_30", "clinician_overloaded"):
        parts = [above(day, day + 1, key) for day in (8, 9, 10)]
        assert parts[0] > 0
        assert above(8, 11, key) == pytest.approx(sum(parts))


def test_a_part_of_the_week_with_few_clinicians_is_not_shown_by_shift(tmp_path: Path) -> None:
    """Nothing else tells of it, as no figure counts its hours."""
    shown = told(Place(units={"MICU": 5}, crews=1), tmp_path / "five", 7, 14)["MICU"]
    hidden = told(Place(units={"MICU": 4}, crews=1), tmp_path / "four", 7, 14)["MICU"]
    nights = told(Place(units={"MICU": 5}, crews=1, at_night=4), tmp_path / "night", 7, 14)["MICU"]
    for found, parts, hours in ((shown, 3, 7 * 24 - 1), (hidden, 0, 0), (nights, 2, 7 * 12)):
        assert len(found["shifts"]["rows"]) == parts
        assert found["shifts"]["shown"] == hours
        assert found["figures"]["protected_share"]["below"] == 5 * hours


@pytest.mark.parametrize("unit", [None, "MICU"])
def test_no_pseudonym_stands_on_the_page_or_in_the_json(tmp_path: Path, unit: str | None) -> None:
    place = Place()
    archive = place.archived(tmp_path / "archive")
    one = report_on(
        archive,
        "H03",
        place.day(7),
        place.day(21),
        Calendar(ZONE),
        Policy(),
        unit,
    )
    found = document([one], Policy())
    made = Provenance("1", 0, "f", {}, "alarm-fatigue report", ())
    text = page([one], Policy(), found, made) + to_json(found).decode()
    for clinician in {one["clinician"] for one in place.assignments()}:
        assert clinician not in text
