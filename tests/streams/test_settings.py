"""Settings of the calendar: time zones and shifts, by facility."""

from __future__ import annotations

from pathlib import Path

import pytest

from streams.settings import SettingsError, load

MARCH = 1_772_359_200_000
"""2026-03-01T10:00Z."""


def written(folder: Path, text: str) -> Path:
    path = folder / "settings.yml"
    path.write_text(text)
    return path


def test_a_facility_may_have_a_time_zone_or_shifts_of_its_own(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        """calendar:
  time_zone: Europe/Berlin
  shifts: [06:00, "14:00", 22:00]
  facilities:
    H2: {time_zone: America/New_York}
    H3: {shifts: ["07:00", "19:00"]}
""",
    )
    calendars = load(path).calendar.calendars
    shown = {name: calendars.of(name).show(MARCH, MARCH) for name in ("H1", "H2", "H3")}
    assert shown == {"H1": "11:00", "H2": "05:00", "H3": "11:00"}
    begun = {
        name: calendars.of(name).local(calendars.of(name).shift(MARCH).begin).hour for name in shown
    }
    assert begun == {"H1": 6, "H2": 22, "H3": 7}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{time_zone: Mars/Base}", "calendar.time_zone: expected a time zone"),
        ("{time_zone: ../../etc/passwd}", "calendar.time_zone: expected a time zone"),
        ("{time_zone: 5}", "calendar.time_zone: expected a time zone"),
        ("{shifts: ['19:00', '07:00']}", "shifts: expected at least one time, in ascending order"),
        ("{shifts: []}", "shifts: expected at least one time, in ascending order"),
        ("{shifts: ['7']}", "calendar.shifts.0: expected local times such as 07:00"),
        ("{shifts: [24:00]}", "calendar.shifts.0: expected local times such as 07:00"),
        ('{"time\\nzone": UTC}', "calendar.time\\nzone: no such setting"),
        ("{facilities: {H1: {zone: UTC}}}", "calendar.facilities.H1.zone: no such setting"),
    ],
)
def test_an_impossible_calendar_is_refused(tmp_path: Path, text: str, expected: str) -> None:
    with pytest.raises(SettingsError) as refused:
        load(written(tmp_path, f"calendar: {text}\n"))
    assert expected in str(refused.value)
