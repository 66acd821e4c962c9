"""No figure about fewer than five clinicians, in a report or in the difference of two."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from analyzer import Policy
from streams.files.provenance import Provenance
from streams.formats.calendars import Calendar
from streams.formats.codec import to_json
from streams.report import document, page, report_on
from tests.harness.archives import ZONE, Place

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
    place: Place, folder: Path, begin: int, end: int, unit: str | None = None
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
    )
    found = json.loads(to_json(document([hospital], Policy())))
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


def test_two_reports_differ_by_whole_days_of_at_least_five_clinicians(tmp_path: Path) -> None:
    """Spans that end at any hour: what the longer one adds is a large day, or nothing."""
    place = Place(units={"MICU": 6})
    archive = place.archived(tmp_path / "archive")
    below = []
    for hours in range(0, 49, 3):
        end = place.day(10) + hours * 3_600_000
        one = report_on(archive, "H03", place.day(7), end, Calendar(ZONE), Policy())
        figures = document([one], Policy())["hospitals"][0]["sections"][0]["figures"]
        below.append(figures["protected_share"]["below"])
    steps = {round(after - before, 6) for before, after in pairwise(below)}
    assert steps == {0.0, 6 * 24.0}


def test_a_day_at_the_edge_of_a_span_adds_the_same_as_within_one(tmp_path: Path) -> None:
    """Otherwise two reports would tell of the one stretch or flood that midnight cuts."""
    place = Place(units={"MICU": 6}, alarms_a_day=8000)
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


def test_a_week_with_one_small_shift_is_not_shown_by_shift(tmp_path: Path) -> None:
    """Its other shifts would tell of the small one, by the figures of the whole week."""
    shown = told(Place(units={"MICU": 5}, crews=1), tmp_path / "five", 7, 14)["MICU"]
    hidden = told(Place(units={"MICU": 4}, crews=1), tmp_path / "four", 7, 14)["MICU"]
    assert shown["shifts"]["shown"] == 1
    assert len(shown["shifts"]["rows"]) == 3
    assert (hidden["shifts"]["weeks"], hidden["shifts"]["shown"]) == (1, 0)
    assert hidden["shifts"]["rows"] == []
    # By day there are eight clinicians, of whom no shift can be told.
    assert hidden["figures"]["protected_share"]["value"] is not None


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
