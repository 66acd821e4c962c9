"""The simulated hospitals of the demo: one lived in time-lapse, one in the present."""

from __future__ import annotations

from itertools import cycle

from analyzer.model.policy import HOUR, MINUTE
from streams.simulator.hospital import DAY, Storm, Ward

HISTORY = 24 * HOUR
"""Sent at once: the longest window, and as long before it for the page to compare with."""
AGO = 4 * DAY
"""Live at least so long ago that an hour of demo does not reach the present, and within the week
that topics keep.
"""
BEGINS = 18 * HOUR + 30 * MINUTE
"""The hour of the simulated day at which the time-lapse begins: half an hour before the night
shift.
"""
STORM_BEGAN = 6 * MINUTE
"""So long ago, with pages: enough for the storm to become an overload soon after the first numbers.
"""
STORM_LASTS = 2 * MINUTE
"""So much longer: its end will be told within a quarter of an hour, for it takes 10 min until as
many alarms are of the past.
"""


def hospital(seed: int, now: int) -> tuple[Ward, int]:
    """The hospital as of `now`, and the moment from which it is shown in time-lapse (all in ms)."""
    begins = (now - AGO - BEGINS) // DAY * DAY + BEGINS
    start = begins - HISTORY
    units = ("MICU", "SICU", "PICU", "STEPDOWN")
    # Something to see soon, and then every two hours, in one unit after the other.
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
    """The same for pages: it has come to `now` (ms), and to the middle of a storm in an otherwise
    quiet day.
    """
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
