"""Panels of the board `pipeline` show what their series mean."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.harness.panels import PIPELINE, Scenario, assert_shows, sent

SCENARIOS = [
    Scenario(
        "late records, a second",
        PIPELINE,
        "Rejected records",
        {
            'alarm_fatigue_events_total{topic="alarms", outcome="late"}': "0+30x20",
            'alarm_fatigue_events_total{topic="labels", outcome="late"}': "0+30x20",
        },
        {"{}": 1},
        "late",
    ),
    Scenario(
        "pages that went out, without heartbeats",
        PIPELINE,
        "Pages and tickets sent",
        {
            sent('receiver_name="charge-nurse"'): "0+1x20",
            sent('receiver_name="dead-mans-switch"'): "0+60x20",
        },
        {"{}": 5},
        "sent",
    ),
    Scenario(
        "receivers without names are not called pages",
        PIPELINE,
        "Pages and tickets sent",
        {sent(""): "0+61x20"},
        {},
        "sent",
    ),
    Scenario(
        "what has heartbeats in it says so",
        PIPELINE,
        "Pages and tickets sent",
        {sent(""): "0+61x20"},
        {"{}": 305},
        "sent, with heartbeats",
    ),
    Scenario(
        "the broker's last answer",
        PIPELINE,
        "Last broker answer",
        {'alarm_fatigue_broker_answered_timestamp_seconds{version=""}': "0+60x5 300x20"},
        {"{}": 300},
    ),
    Scenario(
        "unread partitions",
        PIPELINE,
        "Unread partitions",
        {
            'alarm_fatigue_unread_partitions{topic="alarms"}': "4x20",
            'alarm_fatigue_unread_partitions{topic="labels"}': "0x20",
        },
        {"{}": 4},
    ),
    Scenario(
        "a watermark ahead",
        PIPELINE,
        "Watermark ahead",
        {
            'alarm_fatigue_watermark_ahead_seconds{facility="H1"}': "3000x20",
            'alarm_fatigue_watermark_ahead_seconds{facility="H2"}': "9x20",
        },
        {"{}": 3000},
    ),
    Scenario(
        "batches that cannot be read, a second",
        PIPELINE,
        "Lost or cut records",
        {'alarm_fatigue_unreadable_batches_total{topic="alarms"}': "0+60x20"},
        {"{}": 1},
        "unreadable",
    ),
    Scenario(
        "no alert is 0", PIPELINE, "Alerts firing", {'up{job="prometheus"}': "1x20"}, {"{}": 0}
    ),
]


@pytest.mark.parametrize("scenario", SCENARIOS, ids=str)
def test_a_panel_shows_the_expected_values(scenario: Scenario, tmp_path: Path) -> None:
    assert_shows(scenario, tmp_path)
