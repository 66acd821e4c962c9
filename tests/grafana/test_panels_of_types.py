"""Panels of the board `types` show what their series mean."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.harness.panels import (
    TYPES,
    WARD,
    Scenario,
    assert_shows,
    named,
    of_type,
    unit_alarms,
)

SCENARIOS = [
    Scenario("too few classified", TYPES, "Fix first (clinical)", of_type("HI", "4x20", None), {}),
    Scenario(
        "the chosen units alone",
        TYPES,
        "Chatter by unit",
        unit_alarms("12h", "10x20", "1x20") | unit_alarms("12h", "7x20", "0x20", unit="WARD"),
        {WARD: 7},
        "Alarms",
        variables={"unit": "WARD"},
    ),
    Scenario(
        "the most non-actionable, not the most frequent",
        TYPES,
        "Fix first (clinical)",
        of_type("HI", "100x20", "0.1x20")
        | of_type("LO", "50x20", "0.9x20")
        | named("HI", "SpO2 high")
        | named("LO", "SpO2 low"),
        {
            '{facility="H1", unit="ICU", device_type="monitor", source="SPO2", '
            'code="LO", name="SpO2 low"}': 45
        },
    ),
    Scenario(
        "one name while an update changes it",
        TYPES,
        "Pareto: alarms by type",
        of_type("HI", "10x20", None)
        | {
            f'alarm_fatigue_alarm_type_info{{device_type="monitor", source="SPO2", code="HI", '
            f'name="SpO2 high", instance="{worker}"}}': "1x20"
            for worker in ("w1", "w2")
        }
        | {
            'alarm_fatigue_alarm_type_info{device_type="monitor", source="SPO2", code="HI", '
            'name="Saturation high"}': "0.5x20"
        },
        {'{device_type="monitor", source="SPO2", code="HI", name="SpO2 high"}': 10},
        "Alarms",
    ),
    Scenario(
        "types of all chosen units, together",
        TYPES,
        "Pareto: alarms by type",
        of_type("HI", "10x20", None)
        | of_type("HI", "5x20", None, unit="WARD")
        | named("HI", "SpO2 high"),
        {'{device_type="monitor", source="SPO2", code="HI", name="SpO2 high"}': 15},
        "Alarms",
        variables={"unit": "ICU|WARD"},
    ),
    Scenario(
        "shares are of all alarms, including types that are not exported",
        TYPES,
        "Pareto: alarms by type",
        of_type("HI", "10x20", None)
        | of_type("LO", "5x20", None)
        | named("HI", "SpO2 high")
        | named("LO", "SpO2 low")
        | unit_alarms("12h", "15x20", "5x20"),
        {
            '{device_type="monitor", source="SPO2", code="HI", name="SpO2 high"}': 0.5,
            '{device_type="monitor", source="SPO2", code="LO", name="SpO2 low"}': 0.25,
        },
        "Value #B",
    ),
]


@pytest.mark.parametrize("scenario", SCENARIOS, ids=str)
def test_a_panel_shows_the_expected_values(scenario: Scenario, tmp_path: Path) -> None:
    assert_shows(scenario, tmp_path)
