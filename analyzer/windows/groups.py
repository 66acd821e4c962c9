"""Groups: how many clinicians stand behind the figures of a unit, hour by hour.

A figure about few clinicians is a figure about each of them. Behind an hour stand those who were on
duty in the unit for half of it, under one assignment, and those who were not on duty there although
an alarm that started in it is attributed to them. Whoever came or went within the hour does not
hide the others. Where only such clinicians are known, one stands behind it.
"""

from __future__ import annotations

import numpy as np

from analyzer.arrays import Numbers
from analyzer.model.policy import HOUR
from analyzer.pipeline.admission import NOTHING_YET
from analyzer.pipeline.roster import pairs
from analyzer.pipeline.state import State

LEAST_DUTY = HOUR // 2  # ms


def groups(state: State) -> dict[tuple[str, str], list[int]]:
    """The clinicians of each unit, by facility and unit, in each hour of the horizon, the latest
    first. Hour h is (now - (h + 1) hours, now - h hours]. Units without anybody are left out.
    """
    hours = -(-state.policy.horizon // HOUR)
    names, units = state.facilities.by_number, state.statics.units.by_number
    touched, long = _on_duty(state, hours)
    attributed = _attributed(state, hours)
    behind = np.concatenate([long, np.setdiff1d(attributed, touched, assume_unique=True)])
    anybody = np.concatenate([touched, attributed])
    people = max(len(state.teams.clinicians), 1)

    def counts(cells: Numbers) -> Numbers:
        return np.bincount(np.unique(cells) // people, minlength=len(units) * hours)

    by_unit = np.maximum(counts(behind), counts(anybody) > 0).reshape(len(units), hours)
    return {
        (names[units[number][0]], units[number][1]): by_unit[number].tolist()
        for number in np.flatnonzero(by_unit.any(axis=1)).tolist()
    }


def _on_duty(state: State, hours: int) -> tuple[Numbers, Numbers]:
    """A cell (unit, hour, clinician) for each hour that an assignment touches, and for each of
    which it covers `LEAST_DUTY`.
    """
    shifts = state.roster.shifts
    rows = shifts.rows()
    now = state.times.now[shifts.facility[rows]]
    known = (now != NOTHING_YET) & (shifts.start[rows] <= now)
    rows, now = rows[known], now[known]
    first, last = shifts.start[rows], np.minimum(shifts.end[rows] - 1, now)  # ms of duty
    newest = (now - last) // HOUR
    oldest = np.minimum((now - first) // HOUR, hours - 1)
    times = np.maximum(oldest - newest + 1, 0)
    which = np.repeat(np.arange(len(rows)), times)
    hour = newest[which] + np.arange(len(which)) - np.repeat(np.cumsum(times) - times, times)
    unit = state.statics.units_of_beds()[shifts.bed[rows]].astype(np.int64)
    end = now[which] - hour * HOUR
    covered = np.minimum(last[which], end) - np.maximum(first[which], end - HOUR + 1) + 1
    cells = _cells(state, hours, unit[which], hour, shifts.clinician[rows][which])
    return np.unique(cells), np.unique(cells[covered >= LEAST_DUTY])


def _attributed(state: State, hours: int) -> Numbers:
    """A cell for each hour and clinician with an alarm that is attributed to them."""
    table, statics = state.table, state.statics
    rows = table.alarms()
    age = state.times.now[table.facility[rows]] - table.start[rows]
    held = (age >= 0) & (age < hours * HOUR)
    rows, hour = rows[held], age[held] // HOUR
    which, clinician = pairs(state.teams.all, table.team[rows])
    unit = statics.unit[table.static[rows]].astype(np.int64)
    return np.unique(_cells(state, hours, unit[which], hour[which], clinician))


def _cells(state: State, hours: int, unit: Numbers, hour: Numbers, clinician: Numbers) -> Numbers:
    people = max(len(state.teams.clinicians), 1)
    return (unit * hours + hour) * people + clinician
