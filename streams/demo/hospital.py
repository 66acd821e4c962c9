"""Hospital: the simulated hospitals of the demo, one in time-lapse and one in real time."""

from __future__ import annotations

from itertools import cycle

from analyzer.model import HOUR, MINUTE
from streams.simulator.ward import DAY, Storm, Ward

HISTORY = 24 * HOUR
"""Sent at once: the longest window, and the same time before it for comparison."""
AGO = 4 * DAY
"""How long ago the demo's live time begins: an hour of demo does not reach the present, and topics
keep records for a week.
"""
BEGINS = 18 * HOUR + 30 * MINUTE
"""The time of day at which the time-lapse begins: half an hour before the night shift."""
STORM_BEGAN = 10 * MINUTE
"""With pages: how long ago the storm began. Its alarms take some five minutes to exceed the limit,
and the state follows two minutes later (`hold`), so a page is due soon after the start.
"""
STORM_LASTS = 2 * MINUTE
"""With pages: how much longer the storm lasts. Its end is reported within a quarter of an hour,
because its alarms stay in the 10 min window.
"""


def hospital(seed: int, now: int) -> tuple[Ward, int]:
    """The hospital as of `now`, and the time from which it is shown in time-lapse (all in ms)."""
    begins = (now - AGO - BEGINS) // DAY * DAY + BEGINS
    start = begins - HISTORY
    units = ("MICU", "SICU", "PICU", "STEPDOWN")
    # A storm soon after the start, and then every two hours, in one unit after the other.
    storms = [
        Storm(start=at, duration=12 * MINUTE, factor=6.0, unit=unit)
        for at, unit in zip(range(begins + 12 * MINUTE, now, 2 * HOUR), cycle(units), strict=False)
    ]
    ward = Ward(
        seed=seed,
        start=start,
        duration=now - start,
        units=len(units),
        beds=9,
        beds_per_nurse=3,
        profiles=("micu", "micu", "picu", "ward"),
        storms=tuple(storms),
        chattering_sensors=2,
        understaffed_nights=0.5,
        duplicates=0.01,
        late=0.02,
        late_beyond=0.001,
        late_charting=0.1,
    )
    assert {unit.name for unit in ward.layout} == set(units)
    return ward, begins


def present_hospital(seed: int, now: int) -> tuple[Ward, int]:
    """The hospital for pages: `now` (ms) is in the middle of a storm in an otherwise quiet day."""
    storm = Storm(
        start=now - STORM_BEGAN, duration=STORM_BEGAN + STORM_LASTS, factor=30.0, unit="MICU"
    )
    ward = Ward(
        seed=seed,
        start=now - HISTORY,
        duration=HISTORY + DAY,
        units=4,
        beds=9,
        beds_per_nurse=3,
        profiles=("micu", "micu", "picu", "ward"),
        alarms_per_bed_day=60.0,
        storms=(storm,),
        duplicates=0.01,
        late=0.02,
    )
    return ward, now
