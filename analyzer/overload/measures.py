"""Measures: the loads of clinicians and units, at many ticks at once. Overload states follow from
them.

A tick is a whole multiple of `OverloadPolicy.every` since the epoch. Rows are clinicians or units,
columns are ticks; times inside are relative to each facility's first tick (ms). Nothing here knows
states or limits.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from analyzer.arrays import Codes, Flags, Floats, Integers, Numbers, distinct
from analyzer.columns.segments import search
from analyzer.model.policy import FLOOD_INTERVAL, HOUR, MEASURES
from analyzer.pipeline.roster import Shifts, pairs
from analyzer.pipeline.state import State
from analyzer.windows.duty import PIECE, stretches

_LATER = 1 << 45  # ms; after any tick, yet small enough to multiply by a number of people


class Intervals(NamedTuple):
    """Disjoint intervals [start, end) of each group, as columns ordered by group and start; see
    `duty.stretches`.
    """

    start: Numbers
    end: Numbers
    group: Numbers


@dataclass(frozen=True, slots=True)
class Loads:
    """The measures of some clinicians or units (rows)."""

    numbers: Numbers
    """The clinicians (numbers in `Teams.clinicians`) or units (in `Statics.units`), ascending."""
    facility: Numbers
    """The facility of each row."""
    values: dict[str, Floats]
    """By measure: (rows, ticks), NaN where a measure is undefined."""


@dataclass(frozen=True, slots=True)
class Ticks:
    """The ticks to evaluate: for each facility, `count` of them from its `first` on."""

    first: Numbers
    """The number of the first tick, by facility; undefined for facilities not in `facilities`."""
    facilities: Flags
    """Whether a facility is evaluated, by its number."""
    count: int
    every: int
    """ms between ticks."""

    def moments(self) -> Numbers:
        """The time (ms) of the first tick, by facility; 0 for facilities not evaluated."""
        return np.where(self.facilities, self.first, 0) * self.every

    def columns(self, times: Numbers) -> Numbers:
        """The column of the first tick at or after each relative time."""
        return -(-times // self.every)


def measure(
    state: State, ticks: Ticks, more_clinicians: Sequence[int] = (), more_units: Sequence[int] = ()
) -> tuple[Loads, Loads]:
    """The loads of the clinicians and of the units of the facilities in `ticks`.

    Rows: all clinicians and units with alarms or assignments around these ticks, and those whose
    numbers are in `more_clinicians` and `more_units`.
    """
    table, statics = state.table, state.statics
    first, until = ticks.moments(), ticks.count * ticks.every
    rows = table.alarms()
    rows = rows[ticks.facilities[table.facility[rows]]]
    moments = first[table.facility[rows]]
    start = table.start[rows] - moments
    # An alarm is unanswered until the first response, or until it ends.
    closing = (
        np.minimum(table.end[rows], np.maximum(table.first_response[rows], table.start[rows]))
        - moments
    )
    chosen = np.flatnonzero((start < until) & ((start > -HOUR) | (closing > 0)))
    rows, start, closing = rows[chosen], start[chosen], np.minimum(closing[chosen], _LATER)
    alarm, clinician = pairs(state.teams.all, table.team[rows])
    unit = statics.unit[table.static[rows]]

    shifts = state.roster.shifts
    chosen = shifts.of(ticks.facilities)
    moments = first[shifts.facility[chosen]]
    shift = _Shifts(shifts, chosen, moments, until, statics.units_of_beds())

    clinicians = distinct(
        np.concatenate([clinician, shift.clinician, more_clinicians]).astype(np.int64)
    )
    units = distinct(np.concatenate([unit, shift.unit, more_units]).astype(np.int64))
    row_of_clinician, row_of_unit = _rows_of(clinicians), _rows_of(units)
    of_clinicians = _Alarms(
        row_of_clinician[clinician], start[alarm], closing[alarm], len(clinicians), ticks
    )
    of_units = _Alarms(row_of_unit[unit], start, closing, len(units), ticks)

    duty = Intervals(*stretches(shift.start, shift.end, row_of_clinician[shift.clinician]))
    free, on_duty = of_clinicians.protected(duty)
    beds = _in_force(
        shift.merged_by(row_of_clinician[shift.clinician], shift.bed), len(clinicians), ticks
    )

    present = shift.merged_by(row_of_unit[shift.unit], row_of_clinician[shift.clinician])
    staff = _in_force(present, len(units), ticks)
    beds_of_unit = _in_force(shift.merged_by(row_of_unit[shift.unit], shift.bed), len(units), ticks)
    least = state.policy.overload.protected_duty
    enough = on_duty >= least
    protected_of_unit = _share(
        _summed(present, np.where(enough, free, 0), len(units), ticks),
        _summed(present, np.where(enough, on_duty, 0), len(units), ticks),
        1,
    )
    people = np.maximum(staff, 1)  # a unit without staff counts as if one clinician were on duty
    clinician_values = (
        of_clinicians.begun(FLOOD_INTERVAL),
        of_clinicians.begun(HOUR),
        _share(free, on_duty, least),
        of_clinicians.unanswered(),
        beds,
    )
    unit_values = (
        of_units.begun(FLOOD_INTERVAL) / people,
        of_units.begun(HOUR) / people,
        protected_of_unit,
        of_units.unanswered() / people,
        beds_of_unit / people,
    )
    return (
        Loads(
            clinicians,
            _facilities(state.teams.clinicians.by_number, clinicians),
            dict(zip(MEASURES, clinician_values, strict=True)),
        ),
        Loads(
            units,
            _facilities(statics.units.by_number, units),
            dict(zip(MEASURES, unit_values, strict=True)),
        ),
    )


class _Shifts:
    """The assignments that overlap the ticks or the hour before them, as columns."""

    def __init__(
        self,
        shifts: Shifts,
        rows: Numbers,
        moments: Numbers,
        until: int,
        unit_of_bed: Codes,
    ) -> None:
        start = np.maximum(shifts.start[rows] - moments, -HOUR)
        end = np.minimum(shifts.end[rows] - moments, until)
        some = end > start
        rows = rows[some]
        self.start, self.end = start[some], end[some]
        self.clinician, self.bed = shifts.clinician[rows], shifts.bed[rows]
        self.unit = unit_of_bed[self.bed]

    def merged_by(self, group: Numbers, item: Integers) -> tuple[Intervals, Numbers]:
        """The intervals during which each group has each item (a bed or a clinician).

        Returns the intervals by group, and the item of each interval.
        """
        items = int(item.max(initial=0)) + 1
        found = Intervals(*stretches(self.start, self.end, group.astype(np.int64) * items + item))
        return found._replace(group=found.group // items), found.group % items


class _Alarms:
    """The alarms of some groups (rows of clinicians or units), and their counts at each tick."""

    def __init__(
        self, group: Numbers, start: Numbers, closing: Numbers, groups: int, ticks: Ticks
    ) -> None:
        self._ticks = ticks
        # Columns of the hour before the first tick come first: column `before + j` counts the
        # alarms that began in the step up to tick j.
        self._before = HOUR // ticks.every
        self._groups = groups
        since = ticks.columns(start)
        recent = start > -HOUR
        self._begun = self._counted(group[recent], since[recent] + self._before, self._before)
        self._begun = self._begun.cumsum(axis=1, dtype=np.int32)
        opened = self._counted(group, np.maximum(since, 0))
        closed = self._counted(group, np.maximum(ticks.columns(closing), 0))
        self._open = (opened - closed).cumsum(axis=1, dtype=np.int32)
        # One sort of both as one number: several times faster than of two columns.
        bits = (ticks.count * ticks.every + HOUR).bit_length()
        ordered = np.sort((group[recent].astype(np.int64) << bits) + (start[recent] + HOUR))
        self._group, self._start = ordered >> bits, (ordered & ((1 << bits) - 1)) - HOUR

    def _counted(self, group: Numbers, column: Numbers, before: int = 0) -> Numbers:
        """How many alarms each group has in each column: (groups, `before` + ticks)."""
        width = before + self._ticks.count
        inside = column < width
        flat = np.bincount(group[inside] * width + column[inside], minlength=self._groups * width)
        return flat.reshape(self._groups, width)

    def begun(self, length: int) -> Floats:
        """How many alarms began in (tick - length, tick]."""
        back = length // self._ticks.every
        now = self._begun[:, self._before :]
        return (now - self._begun[:, self._before - back : self._begun.shape[1] - back]).astype(
            np.float64
        )

    def unanswered(self) -> Floats:
        """How many alarms sound without a response."""
        return self._open.astype(np.float64)

    def protected(self, duty: Intervals) -> tuple[Numbers, Numbers]:
        """The duty in the hour up to each tick: ms in alarm-free stretches of at least `PIECE`, and
        ms in total; each (groups, ticks).
        """
        ticks, count = self._ticks, self._ticks.count
        if not len(duty.group):
            nothing = np.zeros((self._groups, count), dtype=np.int64)
            return nothing, nothing
        start = np.append(self._start, 0)  # index -1 stands for no alarm
        first = np.searchsorted(self._group, duty.group)
        gaps = np.diff(self._start, prepend=0)
        gaps[(gaps < PIECE) | (np.diff(self._group, prepend=-1) != 0)] = 0
        in_gaps = np.append(np.cumsum(gaps), 0)
        until = np.arange(count) * ticks.every
        begin, end = (
            np.maximum(until - HOUR, duty.start[:, np.newaxis]),
            np.minimum(until, duty.end[:, np.newaxis]),
        )
        # The first and the last alarm that begin within each stretch of duty and the last hour.
        at_start, at_end = (
            self._position(duty.group, duty.start),
            self._position(duty.group, duty.end),
        )
        begun = self._begun[duty.group] + first[:, np.newaxis]
        since = np.maximum(begun[:, :count], at_start[:, np.newaxis])
        last = np.minimum(begun[:, self._before :], at_end[:, np.newaxis]) - 1
        some = last >= since
        whole = end - begin
        one, other = np.where(some, since, -1), np.where(some, last, -1)
        free = np.where(
            some,
            _long(start[one] - begin) + (in_gaps[other] - in_gaps[one]) + _long(end - start[other]),
            _long(whole),
        )
        free[whole <= 0] = 0
        return _by_group(duty.group, free, self._groups), _by_group(
            duty.group, np.maximum(whole, 0), self._groups
        )

    def _position(self, group: Numbers, moment: Numbers) -> Numbers:
        """The index of the first alarm of the group that begins after the moment."""
        return search(self._start, self._group, moment, group, side="right")


def _in_force(merged: tuple[Intervals, Numbers], groups: int, ticks: Ticks) -> Floats:
    """How many items each group has at each tick: (groups, ticks)."""
    intervals, count = merged[0], ticks.count
    result = np.zeros((groups, count + 1), dtype=np.int64)
    np.add.at(result, (intervals.group, np.clip(ticks.columns(intervals.start), 0, count)), 1)
    np.add.at(result, (intervals.group, np.clip(ticks.columns(intervals.end), 0, count)), -1)
    return result[:, :count].cumsum(axis=1).astype(np.float64)


def _summed(
    merged: tuple[Intervals, Numbers], values: Numbers, groups: int, ticks: Ticks
) -> Numbers:
    """The sum of `values` (items, ticks) over the items that each group has at each tick."""
    (start, end, group), item = merged
    if not len(group):
        return np.zeros((groups, ticks.count), dtype=np.int64)
    moments = np.arange(ticks.count) * ticks.every
    has = (start[:, np.newaxis] <= moments) & (moments < end[:, np.newaxis])
    return _by_group(group, np.where(has, values[item], 0), groups)


def _by_group(group: Numbers, values: Numbers, groups: int) -> Numbers:
    """The sums of rows by group; `group` ascends."""
    result = np.zeros((groups, values.shape[1]), dtype=np.int64)
    firsts = np.flatnonzero(np.diff(group, prepend=-1) != 0)
    result[group[firsts]] = np.add.reduceat(values, firsts, axis=0)
    return result


def _long(stretch: Numbers) -> Numbers:
    """Stretches of at least `PIECE`; 0 for shorter ones."""
    return np.where(stretch >= PIECE, stretch, 0)


def _share(free: Numbers, total: Numbers, least: int) -> Floats:
    """`free / total`; NaN where the total is less than `least`."""
    return np.where(total >= max(least, 1), free / np.maximum(total, 1), np.nan)


def _rows_of(numbers: Numbers) -> Numbers:
    """The index of each number in `numbers`; -1 for numbers that are not there."""
    rows = np.full(int(numbers.max(initial=-1)) + 1, -1)
    rows[numbers] = np.arange(len(numbers))
    return rows


def _facilities(things: list[tuple[int, str]], numbers: Numbers) -> Numbers:
    return np.array([things[number][0] for number in numbers.tolist()], dtype=np.int64)
