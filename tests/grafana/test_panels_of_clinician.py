"""Panels of the board `clinician` show what their series mean."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.harness.panels import CLINICIAN, ICU, Scenario, assert_shows, assignment, of_unit

SCENARIOS = [
    Scenario(
        "over-demanding is 2",
        CLINICIAN,
        "Load band, over time",
        {
            f'alarm_fatigue_clinician_load_band{{facility="H1", unit="ICU", '
            f'clinician="a1", band="{band}"}}': values
            for band, values in (
                ("recommended", "0x20"),
                ("manageable", "0x20"),
                ("over_demanding", "1x20"),
                ("unacceptable", "0x20"),
            )
        },
        {'{facility="H1", clinician="a1"}': 2},
    ),
    Scenario(
        "the limit of the unit of this assignment",
        CLINICIAN,
        "Beds",
        of_unit(beds_per_clinician_limit="2x20"),
        {ICU: 2},
        "limit",
    ),
    Scenario(
        "one clinician, wherever they are assigned",
        CLINICIAN,
        "Beds",
        assignment("a1", "0x20", "2x20", "1x20") | assignment("b2", "0x20", "9x20", "1x20"),
        {'{facility="H1", clinician="a1"}': 2},
        "now",
    ),
    Scenario(
        "nobody without a link",
        CLINICIAN,
        "Beds",
        assignment("a1", "0x20", "2x20", "1x20"),
        {},
        "now",
        variables={"clinician": ""},
    ),
]


@pytest.mark.parametrize("scenario", SCENARIOS, ids=str)
def test_a_panel_shows_the_expected_values(scenario: Scenario, tmp_path: Path) -> None:
    assert_shows(scenario, tmp_path)
