"""Panels of the board `unit` show what their series mean."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.harness.panels import (
    ICU,
    LIMITS,
    OVERLOADED,
    RELIEF,
    UNIT,
    Scenario,
    assert_shows,
    assignment,
    limits_of,
    named,
    of_another,
    of_measure,
    of_unit,
    unit_alarms,
)

RESPONSES = {
    f'alarm_fatigue_response_seconds_bucket{{facility="H1", unit="ICU", '
    f'priority="{priority}", le="{le}"}}': f"{begun}+{step}x20"
    for priority, steps in (("low", (2, 3, 3)), ("high", (1, 1, 1)))
    for le, begun, step in zip(("30.0", "60.0", "+Inf"), (500, 700, 900), steps, strict=True)
}
"""Of two priorities, 3 responses a minute within 30 s and 4 at all."""

SCENARIOS = [
    Scenario(
        "the unit's own",
        UNIT,
        RELIEF,
        of_unit(relief_available="1x20", relief_taker_alarms="28x20")
        | of_unit("WARD", relief_available="1x20", relief_taker_alarms="5x20"),
        {ICU: 28},
        "Colleague's alarms then",
    ),
    Scenario(
        "a rate of 6 in 10 min",
        UNIT,
        "Alarms in 10 min",
        unit_alarms("10m", "10x20", "2x20") | of_unit(clinicians="2x20"),
        {ICU: 6},
    ),
    Scenario(
        "alarms once, though workers of two versions count them",
        UNIT,
        "Alarms in 10 min",
        unit_alarms("10m", "10x20", "2x20")
        | of_unit(clinicians="2x20")
        | of_another(unit_alarms("10m", "10x20", "2x20") | of_unit(clinicians="2x20")),
        {ICU: 6},
    ),
    Scenario(
        "the unit's own",
        UNIT,
        "Alarms in 10 min",
        unit_alarms("10m", "10x20", "2x20", unit="WARD") | of_unit("WARD", clinicians="2x20"),
        {},
    ),
    Scenario(
        "what is known, of all classes",
        UNIT,
        "Non-actionable share (clinical)",
        {
            f'alarm_fatigue_unit_classified_alarms{{facility="H1", unit="ICU", '
            f'window="12h", class="{name}"}}': values
            for name, values in (
                ("actionable", "1x20"),
                ("non_actionable", "5x20"),
                ("technical", "2x20"),
                ("pending", "2x20"),
                ("unknown", "6x20"),
            )
        },
        {ICU: 0.5},
        "known",
    ),
    Scenario(
        "half of ten responses came within half a minute",
        UNIT,
        "First response",
        {
            f'alarm_fatigue_response_seconds_bucket{{facility="H1", unit="ICU", '
            f'priority="low", le="{le}"}}': f"0+{step}x60"
            for le, step in (("15.0", 0), ("30.0", 5), ("60.0", 10), ("+Inf", 10))
        },
        {"{}": 0.5},
        "median",
        at="30m",
    ),
    Scenario(
        "responses once, though two versions count them",
        UNIT,
        "Time to the first response",
        {**RESPONSES, **of_another(RESPONSES)},
        {'{le="30.0"}': 15, '{le="60.0"}': 20, '{le="+Inf"}': 20},
    ),
    Scenario(
        "those on duty alone",
        UNIT,
        "Assignments",
        assignment("a1", "0x20", "2x20", "7x20") | assignment("b2", "0x20", "0x20", "9x20"),
        {'{facility="H1", unit="ICU", clinician="a1"}': 7},
        "Alarms 1 h",
    ),
    Scenario(
        "a day's alarms at its beginning, over the beds of that day",
        UNIT,
        "Alarms per bed and day",
        unit_alarms("12h", "0x719 30 0x718 70 900x720", "0x2160") | of_unit(beds="20x1440 99x720"),
        {"{}": 5},
        at="0m",
        later="36h",
    ),
    Scenario(
        "nothing of a day that is not over",
        UNIT,
        "Alarms per bed and day",
        unit_alarms("12h", "30x600", "0x600") | of_unit(beds="10x600"),
        {},
        at="0m",
        later="36h",
    ),
    Scenario(
        "technical alarms of all that are classified",
        UNIT,
        "Non-actionable share (clinical)",
        {
            f'alarm_fatigue_unit_classified_alarms{{facility="H1", unit="ICU", '
            f'window="12h", class="{name}"}}': values
            for name, values in (
                ("actionable", "1x20"),
                ("non_actionable", "4x20"),
                ("technical", "5x20"),
                ("unknown", "90x20"),
            )
        },
        {ICU: 0.5},
        "technical: avoidable at the source",
    ),
    Scenario(
        "the beds at which these clinicians would be elevated",
        UNIT,
        "Alarms in 1 h, beds and clinicians",
        of_unit(clinicians="3x20", beds_per_clinician_limit="8x20"),
        {ICU: 24},
        "beds: limit to enter",
    ),
    Scenario(
        "another policy is marked",
        UNIT,
        "annotation",
        {
            'alarm_fatigue_build_info{version="1", policy="aaaa"}': "1x20 _x20",
            'alarm_fatigue_build_info{version="1", policy="bbbb"}': "_x20 1x20",
        },
        {'{version="1", policy="bbbb"}': 1},
        "Worker's settings changed",
        at="25m",
    ),
    Scenario(
        "a policy that stays is not",
        UNIT,
        "annotation",
        {'alarm_fatigue_build_info{version="1", policy="aaaa"}': "1x40"},
        {},
        "Worker's settings changed",
        at="25m",
    ),
    Scenario(
        "the first worker ever is no change",
        UNIT,
        "annotation",
        {'alarm_fatigue_build_info{version="1", policy="aaaa"}': "1x40"},
        {},
        "Worker's settings changed",
        at="5m",
    ),
    Scenario(
        "the average of clinicians on duty",
        UNIT,
        "Protected time",
        {
            f'alarm_fatigue_clinician_protected_ratio{{facility="H1", unit="ICU", '
            f'clinician="{name}", window="1h"}}': values
            for name, values in (("a1", "0.5x20"), ("b2", "0.25x20"), ("c3", "1x20"))
        }
        | assignment("a1", "0x20", "2x20", "1x20")
        | assignment("b2", "0x20", "2x20", "1x20")
        | assignment("c3", "0x20", "0x20", "1x20"),
        {ICU: 0.375},
        "now",
    ),
    Scenario(
        "two workers export one unit for a moment",
        UNIT,
        "Beds per clinician",
        {
            f'alarm_fatigue_unit_beds_per_clinician{{facility="H1", unit="ICU", '
            f'instance="{name}"}}': "3x20"
            for name in ("w1", "w2")
        },
        {ICU: 3},
        "now",
    ),
    Scenario(
        "the values now, of the measures that raised the state or hold it",
        UNIT,
        "Measures behind the state",
        OVERLOADED,
        {of_measure("alarms_10m"): 6, of_measure("protected_1h"): 4.2},
        "Now",
    ),
    Scenario(
        "the limits to enter are those of the present state",
        UNIT,
        "Measures behind the state",
        OVERLOADED,
        {of_measure("alarms_10m"): 12, of_measure("protected_1h"): 5},
        "Limit to enter",
    ),
    Scenario(
        "a normal unit has no measure beyond a limit",
        UNIT,
        "Measures behind the state",
        of_unit(overload_state="0x20") | limits_of(LIMITS),
        {},
        "Limit to enter",
    ),
    Scenario(
        "since when, as dates are shown",
        UNIT,
        "Since",
        of_unit(overload_since_timestamp_seconds="120x20"),
        {ICU: 120_000},
    ),
    Scenario(
        "the line of a limit follows the policy",
        UNIT,
        "Alarms in 10 min per clinician",
        limits_of(LIMITS),
        {ICU: 12},
        "overloaded: enter",
    ),
    Scenario(
        "the limit at which the state is left",
        UNIT,
        "Protected time, over time",
        limits_of(LIMITS),
        {ICU: 0.15},
        "overloaded: leave",
    ),
    Scenario(
        "the night as the hospital's own shifts have it",
        UNIT,
        "annotation",
        {
            'alarm_fatigue_night_shift{facility="H1"}': "1x20",
            'alarm_fatigue_night_shift{facility="H2"}': "1x20",
        },
        {'{facility="H1"}': 1},
        "Night shift",
    ),
    Scenario(
        "by day there is no mark",
        UNIT,
        "annotation",
        {'alarm_fatigue_night_shift{facility="H1"}': "0x20"},
        {},
        "Night shift",
    ),
    Scenario(
        "names as the workers say",
        UNIT,
        "Most frequent alarm types, 1 h",
        {
            'alarm_fatigue_unit_type_alarms{facility="H1", unit="ICU", '
            'window="1h", device_type="pump", source="", code="X-17"}': "3x20"
        }
        | named("X-17", "Syringe empty", "pump", ""),
        {'{facility="H1", unit="ICU", device_type="pump", code="X-17", name="Syringe empty"}': 3},
    ),
]


@pytest.mark.parametrize("scenario", SCENARIOS, ids=str)
def test_a_panel_shows_the_expected_values(scenario: Scenario, tmp_path: Path) -> None:
    assert_shows(scenario, tmp_path)
