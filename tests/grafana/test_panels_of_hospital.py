"""Panels of the board `hospital` show what their series mean."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.harness.panels import (
    FIRING,
    HOSPITAL,
    ICU,
    OVERLOADED,
    RELIEF,
    Scenario,
    assert_shows,
    assignment,
    of_measure,
    of_unit,
    unit_alarms,
)

SCENARIOS = [
    Scenario(
        "units in the state, and no others",
        HOSPITAL,
        "Units overloaded",
        of_unit(overload_state="2x20")
        | of_unit("WARD", overload_state="2x20")
        | of_unit("ER", overload_state="1x20"),
        {"{}": 2},
        variables={"unit": ".*"},
    ),
    Scenario(
        "none is 0, not nothing",
        HOSPITAL,
        "Units overloaded",
        of_unit(overload_state="0x20"),
        {"{}": 0},
    ),
    Scenario("without data there is no 0", HOSPITAL, "Units overloaded", {}, {}),
    Scenario(
        "another facility does not count",
        HOSPITAL,
        "Units overloaded",
        {'alarm_fatigue_unit_overload_state{facility="H2", unit="ICU"}': "2x20"},
        {},
    ),
    Scenario(
        "clinicians on duty alone",
        HOSPITAL,
        "Assignments overloaded",
        assignment("a1", "2x20", "3x20", "9x20")
        | assignment("b2", "2x20", "0x20", "9x20")
        | assignment("c3", "1x20", "3x20", "9x20"),
        {"{}": 1},
    ),
    Scenario(
        "all priorities, over the clinicians on duty",
        HOSPITAL,
        "Units in need of help",
        unit_alarms("1h", "40x20", "8x20") | of_unit(clinicians="4x20"),
        {ICU: 12},
        "Alarms in 1 h, each",
    ),
    Scenario(
        "with nobody on duty there is no rate",
        HOSPITAL,
        "Units in need of help",
        unit_alarms("1h", "40x20", "8x20") | of_unit(clinicians="0x20"),
        {},
        "Alarms in 1 h, each",
    ),
    Scenario(
        "behind by the age of the latest alarm",
        HOSPITAL,
        "Data age",
        {'alarm_fatigue_watermark_timestamp_seconds{facility="H1"}': "540x20"},
        {"{}": 60},
    ),
    Scenario(
        "units in need of relief, and what a move spares",
        HOSPITAL,
        RELIEF,
        of_unit(relief_available="1x20", relief_alarms="19x20")
        | of_unit("WARD", relief_available="0x20")
        | of_unit("ER", clinicians="3x20"),
        {ICU: 19},
        "Spared per hour",
    ),
    Scenario(
        "nobody can take a bed: 0, not nothing",
        HOSPITAL,
        RELIEF,
        of_unit(relief_available="0x20") | of_unit("ER", clinicians="3x20"),
        {ICU: 0},
        "A bed can move",
    ),
    Scenario(
        "of no other units",
        HOSPITAL,
        RELIEF,
        of_unit(relief_available="0x20", clinicians="2x20") | of_unit("WARD", clinicians="3x20"),
        {ICU: 2},
        "On duty",
    ),
    Scenario(
        "an hour's alarms at its beginning, those of the next hour and no others",
        HOSPITAL,
        "Alarms by weekday and hour",
        unit_alarms("1h", "5x119 7 9x60", "1x180")
        | unit_alarms("1h", "2x180", "0x180", facility="H2"),
        {"{}": 10},
        "Value #A",
        at="1h",
        later="3h",
        variables={"facility": ".*", "unit": ".*"},
    ),
    Scenario(
        "the beds of all chosen units count, in all chosen facilities",
        HOSPITAL,
        "Alarms per bed and day",
        unit_alarms("12h", "40x1440", "0x1440")
        | unit_alarms("12h", "40x1440", "0x1440", unit="WARD", facility="H2")
        | of_unit(beds="10x1440")
        | {'alarm_fatigue_unit_beds{facility="H2", unit="WARD"}': "30x1440"},
        {"{}": 4},
        at="0m",
        later="36h",
        variables={"facility": ".*", "unit": ".*"},
    ),
    Scenario(
        "all facilities together",
        HOSPITAL,
        "Units overloaded",
        of_unit(overload_state="2x20")
        | {'alarm_fatigue_unit_overload_state{facility="H2", unit="ICU"}': "2x20"},
        {"{}": 2},
        variables={"facility": ".*", "unit": ".*"},
    ),
    Scenario(
        "units of one name in two facilities are two rows",
        HOSPITAL,
        "Units in need of help",
        unit_alarms("1h", "40x20", "8x20")
        | unit_alarms("1h", "6x20", "0x20", facility="H2")
        | of_unit(clinicians="4x20")
        | {'alarm_fatigue_unit_clinicians{facility="H2", unit="ICU"}': "3x20"},
        {ICU: 12, '{facility="H2", unit="ICU"}': 2},
        "Alarms in 1 h, each",
        variables={"facility": ".*", "unit": ".*"},
    ),
    Scenario(
        "the oldest of several facilities",
        HOSPITAL,
        "Data age",
        {
            'alarm_fatigue_watermark_timestamp_seconds{facility="H1"}': "590x20",
            'alarm_fatigue_watermark_timestamp_seconds{facility="H2"}': "300x20",
        },
        {"{}": 300},
        variables={"facility": ".*", "unit": ".*"},
    ),
    Scenario(
        "since when an alert's condition holds, in milliseconds",
        HOSPITAL,
        "Firing now",
        {
            f'ALERTS{{{FIRING}, alertstate="firing"}}': "1x20",
            f"ALERTS_FOR_STATE{{{FIRING}}}": "120x20",
            'ALERTS_FOR_STATE{alertname="UnitFlood", facility="H1", unit="ICU"}': "60x20",
        },
        {f"{{{FIRING}}}": 120_000},
    ),
    Scenario(
        "a quarter fewer than the shift before",
        HOSPITAL,
        "Against 12 h before",
        unit_alarms("12h", "100x720 75x60", "0x780"),
        {"{}": -0.25},
        at="12h30m",
    ),
    Scenario(
        "nothing to compare with yet",
        HOSPITAL,
        "Against 12 h before",
        unit_alarms("12h", "100x60", "0x60"),
        {},
    ),
    Scenario(
        "the limits to leave are not those to enter",
        HOSPITAL,
        "Measures behind the state",
        OVERLOADED,
        {of_measure("alarms_10m"): 5, of_measure("protected_1h"): 15},
        "Limit to leave",
    ),
    Scenario(
        "an elevated unit leaves at the limits of elevated, else at those of overloaded",
        HOSPITAL,
        "Measures behind the state",
        OVERLOADED | of_unit(overload_state="1x20"),
        {of_measure("alarms_10m"): 3, of_measure("protected_1h"): 15},
        "Limit to leave",
    ),
    Scenario(
        "shares in percent, without needless decimals",
        HOSPITAL,
        "Measures behind the state",
        OVERLOADED
        | {
            f'alarm_fatigue_unit_overload_reason{ICU[:-1]}, measure="{measure}"}}': f"{value}x20"
            for measure, value in (("alarms_10m", 11.333), ("protected_1h", 0.034))
        },
        {of_measure("alarms_10m"): 11.3, of_measure("protected_1h"): 3.4},
        "When it rose",
    ),
]


@pytest.mark.parametrize("scenario", SCENARIOS, ids=str)
def test_a_panel_shows_the_expected_values(scenario: Scenario, tmp_path: Path) -> None:
    assert_shows(scenario, tmp_path)
