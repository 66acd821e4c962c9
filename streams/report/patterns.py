"""Patterns: when a unit's alarms come, which types make them, and how staffing lies beside load."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from analyzer import CLASSES
from analyzer.history import Change, Daily, Slope, change, slope
from streams.report.measuring import Both, UnitDays
from streams.report.span import HOUR, Grid

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
Numbers = npt.NDArray[np.int64]
AlarmType = tuple[str, str, str]

TOP = 10
"""ISA-18.2 reviews the ten most frequent types."""
WEEKEND = 5
"""Saturday."""


@dataclass(frozen=True, slots=True)
class Heat:
    """Alarms by hour of the week, local, and of how many hours of units they are; (7, 24)."""

    alarms: Numbers
    hours: Numbers

    @property
    def mean(self) -> Floats:
        """Alarms of a unit in an hour; NaN where nothing is known or shown."""
        found: Floats = np.divide(
            self.alarms, self.hours, out=np.full(self.hours.shape, np.nan), where=self.hours > 0
        )
        return found


def heat(units: Sequence[Both]) -> Heat:
    """Over the hours that are shown."""
    alarms, hours = np.zeros((7, 24), np.int64), np.zeros((7, 24), np.int64)
    for one in units:
        grid, shown = one.grid, one.now.shown
        where = grid.weekday[shown], grid.hour[shown]
        np.add.at(alarms, where, one.now.by_hour[shown])
        np.add.at(hours, where, 1)
    return Heat(alarms, hours)


@dataclass(frozen=True, slots=True)
class TypeRow:
    """One alarm type: its alarms, their share, and how many more a day than before."""

    type: AlarmType
    alarms: int
    of: int
    actionable: int
    nonactionable: int
    technical: int
    a_day: float
    a_day_before: float | None
    change: Change | None


def top_types(units: Sequence[Both], top: int = TOP) -> tuple[list[TypeRow], int]:
    """The most frequent types, and how many there are; of equals, the first by name."""
    now, before = (
        _by_type([one for one in some if one is not None])
        for some in ([one.now for one in units], [one.before for one in units])
    )
    every = int(sum(int(days.sum()) for days, _ in now.values()))
    order = sorted(now, key=lambda name: (-int(now[name][0].sum()), name))
    order = [name for name in order if now[name][0].sum()]
    if not units:
        return [], 0
    days = _days([one.now for one in units])
    days_before = _days([one.before for one in units if one.before is not None])
    rows = []
    for name in order[:top]:
        alarms, classes = now[name]
        daily = Daily.of(units[0].grid.days, alarms.astype(float), days)
        was, found = None, None
        if days_before.any():
            earlier = before[name][0] if name in before else np.zeros(len(days_before))
            other = Daily.of(units[0].before_grid.days, earlier.astype(float), days_before)
            was, found = other.value, change(other, daily)
        rows.append(
            TypeRow(
                name,
                int(alarms.sum()),
                every,
                int(classes[CLASSES.index("actionable")]),
                int(classes[CLASSES.index("non_actionable")]),
                int(classes[CLASSES.index("technical")]),
                daily.value or 0.0,
                was,
                found,
            )
        )
    return rows, len(order)


def _days(units: Sequence[UnitDays]) -> Floats:
    """How much of each day the archive knows of any of the units."""
    if not units:
        return np.zeros(0)
    found: Floats = np.max([np.where(one.seen, one.present, 0.0) for one in units], axis=0)
    return found


def _by_type(units: Sequence[UnitDays]) -> dict[AlarmType, tuple[Numbers, Numbers]]:
    found: dict[AlarmType, tuple[Numbers, Numbers]] = {}
    for unit in units:
        for place in np.flatnonzero(unit.by_type.any(axis=1)).tolist():
            name, parts = unit.types[place], (unit.by_type[place], unit.type_classes[place])
            known = found.get(name)
            found[name] = parts if known is None else (known[0] + parts[0], known[1] + parts[1])
    return found


@dataclass(frozen=True, slots=True)
class ShiftRow:
    """One part of the week; None where nothing is known."""

    cell: int
    """The shift of Monday to Friday; after the last one, the weekend."""
    hours: int
    """Hours of units that are shown."""
    clinicians: float
    beds_per_clinician: float
    acuity_per_clinician: float | None
    alarms_per_clinician_hour: float
    alarms_per_bed_hour: float | None
    responses: int
    response_median: float | None


@dataclass(frozen=True, slots=True)
class Shifts:
    rows: list[ShiftRow]
    hours: int
    """Hours of units in the span with anyone on duty."""
    shown: int
    """How many of these had enough clinicians with one name each."""


def shifts(units: Sequence[Both], count: int) -> Shifts:
    """By part of the week, units together; `count`: shifts of a day."""
    rows = [_shift_row(units, cell, count) for cell in range(count + 1)]
    return Shifts(
        [one for one in rows if one is not None],
        sum(int(one.now.people.anybody.sum()) for one in units),
        sum(int(one.now.people.large.sum()) for one in units),
    )


def _shift_row(units: Sequence[Both], cell: int, count: int) -> ShiftRow | None:
    seconds, sums = [], []
    clinicians = 0.0
    for one in units:
        grid, people = one.grid, one.now.people
        mine = people.large & (np.where(grid.weekday >= WEEKEND, count, grid.shift) == cell)
        if not mine.any():
            continue
        columns = (
            people.duty_by_hour,
            one.now.bed_time_by_hour,
            people.acuity_by_hour,
            people.acuity_known,
            one.now.rostered_by_hour,
        )
        sums.append((int(mine.sum()), *(float(column[mine].sum()) for column in columns)))
        clinicians += sums[-1][1] / HOUR / sums[-1][0]
        answered = one.now.responses
        seconds.append(answered.seconds[mine[answered.hour]])
    if not sums:
        return None
    hours, duty, beds, acuity, known, alarms = np.sum(sums, axis=0).tolist()
    times = np.concatenate(seconds)
    return ShiftRow(
        cell,
        round(hours),
        clinicians,
        beds / duty,
        acuity / known * beds / duty if known else None,
        alarms / (duty / HOUR),
        alarms / (beds / HOUR) if beds else None,
        len(times),
        float(np.median(times)) if len(times) else None,
    )


@dataclass(frozen=True, slots=True)
class Staffing:
    """How an hour's load and responses move with one more bed per clinician."""

    load: Slope | None
    """Alarms per clinician and hour."""
    per_bed: Slope | None
    """Alarms per bed and hour: what the beds send, whoever is there."""
    response: Slope | None
    """The natural logarithm of the seconds to the first response."""
    hours: int
    """Hours with enough clinicians who had one name each."""


def staffing(units: Sequence[Both]) -> Staffing:
    """Units together; hours are compared within their unit and hour of the day."""
    columns: list[tuple[Floats, ...]] = []
    for place, one in enumerate(units):
        columns.append(_hours_of(one.now, one.grid, place))
    if not columns:
        return Staffing(None, None, None, 0)
    beds, load, per_bed, log_seconds, answered, kind, day = (
        np.concatenate(some) for some in zip(*columns, strict=True)
    )
    kind, day = kind.astype(np.int64), day.astype(np.int64)
    each = np.ones(len(beds))
    return Staffing(
        slope(beds, load, each, kind, day),
        slope(beds, per_bed, each, kind, day),
        slope(beds, log_seconds, answered, kind, day),
        len(beds),
    )


def _hours_of(unit: UnitDays, grid: Grid, place: int) -> tuple[Floats, ...]:
    people = unit.people
    answered = unit.responses
    hours = len(grid.hours) - 1
    count = np.bincount(answered.hour, minlength=hours).astype(float)
    logs = np.bincount(
        answered.hour, weights=np.log(np.maximum(answered.seconds, 1)), minlength=hours
    )
    kept = people.large & (unit.bed_time_by_hour > 0)
    duty, beds = people.duty_by_hour[kept], unit.bed_time_by_hour[kept]
    alarms = unit.rostered_by_hour[kept].astype(float)
    kind = grid.hour + 24 * (grid.weekday >= WEEKEND) + 48 * place
    return (
        beds / duty,
        alarms / (duty / HOUR),
        alarms / (beds / HOUR),
        logs[kept] / np.maximum(count[kept], 1),
        count[kept],
        kind[kept].astype(float),
        grid.day[kept].astype(float),
    )
