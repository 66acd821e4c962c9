"""Panels of the board `clinician` show what their series mean."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.harness.panels import CLINICIAN, Scenario, assert_shows, assignment

SCENARIOS = [
    Scenario(
        "one clinician, wherever they are assigned",
        CLINICIAN,
        "Beds",
        assignment("a1", "0x20", "2x20", "1x20") | assignment("b2", "0x20", "9x20", "1x20"),
        {'{facility="H1", clinician="a1"}': 2},
    ),
    Scenario(
        "nobody without a link",
        CLINICIAN,
        "Beds",
        assignment("a1", "0x20", "2x20", "1x20"),
        {},
        variables={"clinician": ""},
    ),
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
]


@pytest.mark.parametrize("scenario", SCENARIOS, ids=str)
def test_a_panel_shows_what_it_should(scenario: Scenario, tmp_path: Path) -> None:
    assert_shows(scenario, tmp_path)
