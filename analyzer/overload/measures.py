"""Load: what clinicians and units bear, at each of many ticks at once - what the overload state is
told from.

A tick is a moment at which the state is looked at: a whole multiple of `OverloadPolicy.every` since
the epoch. Ticks are columns, clinicians or units rows; times inside are relative to each facility's
first tick (ms). It knows nothing of states or limits.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from analyzer.arrays import Floats, Numbers, distinct
from analyzer.columns.segments import search
from analyzer.model.policy import FLOOD_INTERVAL, HOUR, MEASURES
from analyzer.pipeline.roster import Shifts, pairs
from analyzer.windows.duty import PIECE, stretches

if TYPE_CHECKING:
    from analyzer.pipeline.state import State

_LATER = 1 << 45  # ms after any tick asked for, and safe to multiply by a number of people


class Intervals(NamedTuple):
    """Disjoint [start, end) of each group, ordered by group and start (see `duty.stretches`).

    Columns of the same length.
    """

    start: Numbers
    end: Numbers
    group: Numbers


@dataclass(frozen=True, slots=True)
class Loads:
    """Measures of some clinicians or units.

    `values` by measure: (subjects, ticks), NaN where there is nothing to say.
    """

    numbers: Numbers
    """Which clinicians (of `Teams.clinicians`) or units (of `Statics.units`), ascending."""
    facility: Numbers
    values: dict[str, Floats]


@dataclass(frozen=True, slots=True)
class Ticks:
    """Which ticks are looked at: `count` of them from `first` on, which is the number of a tick for
    each facility.
    """

    first: Numbers
    """By facility number; only those in `facilities` mean anything."""
    facilities: npt.NDArray[np.bool_]
    """By facility number: whether it is looked at."""
    count: int
    every: int

    def moments(self) -> Numbers:
        """Times (ms) of the first tick, by facility number."""
        return np.where(self.facilities, self.first, 0) * self.every

    def columns(self, times: Numbers) -> Numbers:
        """The first tick at or after each relative time, as a column."""
        return -(-times // self.every)


def measure(
    state: State, ticks: Ticks, clinicians_too: Sequence[int] = (), units_too: Sequence[int] = ()
) -> tuple[Loads, Loads]:
    """The loads of the clinicians and of the units of some facilities, as far as they are known by
    now.

    All with alarms or assignments about then, and those numbered in `clinicians_too` and
    `units_too`.
    """
    table, statics = state.table, state.statics
    begins, after = ticks.moments(), ticks.count * ticks.every
    rows = table.alarms()
    rows = rows[ticks.facilities[table.facility[rows]]]
    moments = begins[table.facility[rows]]
    start = table.start[rows] - moments
    # An alarm is unanswered until somebody responds to it, or it ends.
    closing = (
        np.minimum(table.end[rows], np.maximum(table.first_response[rows], table.start[rows]))
        - moments
    )
    chosen = np.flatnonzero((start < after) & ((start > -HOUR) | (closing > 0)))
    rows, start, closing = rows[chosen], start[chosen], np.minimum(closing[chosen], _LATER)
    which, who = pairs(state.teams.all, table.team[rows])

    shifts = state.roster.shifts
    held = shifts.of(ticks.facilities)
    moments = begins[shifts.facility[held]]
    shift = _Shifts(shifts, held, moments, after, statics.units_of_places())

    clinicians = distinct(np.concatenate([who, shift.clinician, clinicians_too]).astype(np.int64))
    units = distinct(
        np.concatenate([statics.unit[table.static[rows]], shift.unit, units_too]).astype(np.int64)
    )
    of_clinician, of_unit = _places(clinicians), _places(units)
    ours = _Alarms(of_clinician[who], start[which], closing[which], len(clinicians), ticks)
    theirs = _Alarms(of_unit[statics.unit[table.static[rows]]], start, closing, len(units), ticks)

    duty = Intervals(*stretches(shift.start, shift.end, of_clinician[shift.clinician]))
    free, on_duty = ours.protected(duty)
    beds = _in_force(
        shift.merged_by(of_clinician[shift.clinician], shift.place), len(clinicians), ticks
    )

    there = shift.merged_by(of_unit[shift.unit], of_clinician[shift.clinician])
    staff = _in_force(there, len(units), ticks)
    beds_of_unit = _in_force(shift.merged_by(of_unit[shift.unit], shift.place), len(units), ticks)
    least = state.policy.overload.protected_duty
    enough = on_duty >= least
    protected_of_unit = _share(
        _summed(there, np.where(enough, free, 0), len(units), ticks),
        _summed(there, np.where(enough, on_duty, 0), len(units), ticks),
        1,
    )
    people = np.maximum(staff, 1)
    return (
        Loads(
            clinicians,
            _facilities(state.teams.clinicians.by_number, clinicians),
            dict(
                zip(
                    MEASURES,
                    (
                        ours.begun(FLOOD_INTERVAL),
                        ours.begun(HOUR),
                        _share(free, on_duty, least),
                        ours.unanswered(),
                        beds,
                    ),
                    strict=True,
                )
            ),
        ),
        Loads(
            units,
            _facilities(statics.units.by_number, units),
            dict(
                zip(
                    MEASURES,
                    (
                        theirs.begun(FLOOD_INTERVAL) / people,
                        theirs.begun(HOUR) / people,
                        protected_of_unit,
                        theirs.unanswered() / people,
                        beds_of_unit / people,
                    ),
                    strict=True,
                )
            ),
        ),
    )


class _Shifts:
    """Assignments of the facilities looked at, as far as they matter to the ticks; in columns."""

    def __init__(
        self,
        shifts: Shifts,
        rows: Numbers,
        moments: Numbers,
        after: int,
        unit_of_place: npt.NDArray[np.int32],
    ) -> None:
        start = np.maximum(shifts.start[rows] - moments, -HOUR)
        end = np.minimum(shifts.end[rows] - moments, after)
        some = end > start
        rows = rows[some]
        self.start, self.end = start[some], end[some]
        self.clinician, self.place = shifts.clinician[rows], shifts.bed[rows]
        self.unit = unit_of_place[self.place]

    def merged_by(self, group: Numbers, what: npt.NDArray[np.integer]) -> tuple[Intervals, Numbers]:
        """When each group had each thing: the intervals of these pairs under their groups, and
        beside them the things.
        """
        many = int(what.max(initial=0)) + 1
        found = Intervals(*stretches(self.start, self.end, group.astype(np.int64) * many + what))
        return found._replace(group=found.group // many), found.group % many


class _Alarms:
    """Alarms of some groups, and what they come to at each tick."""

    def __init__(
        self, group: Numbers, start: Numbers, closing: Numbers, groups: int, ticks: Ticks
    ) -> None:
        self._ticks = ticks
        # columns before the first tick: column j + before holds what began in the step up to tick j
        self._before = HOUR // ticks.every
        self._groups = groups
        column = np.maximum(ticks.columns(start) + self._before, 0)
        recent = np.flatnonzero(start > -HOUR)
        self._begun = self._running(group[recent], column[recent])
        until = np.minimum(ticks.columns(closing) + self._before, self._before + ticks.count)
        self._open = self._running(group, column) - self._running(group, np.maximum(until, 0))
        order = recent[np.lexsort((start[recent], group[recent]))]
        self._group, self._start = group[order], start[order]

    def _running(self, group: Numbers, column: Numbers) -> Numbers:
        """How many are in each group's columns up to each one: (groups, columns)."""
        width = self._before + self._ticks.count
        inside = column < width
        flat = np.bincount(group[inside] * width + column[inside], minlength=self._groups * width)
        running: Numbers = flat.reshape(self._groups, width).cumsum(axis=1)
        return running

    def begun(self, length: int) -> Floats:
        """How many began in (tick - length, tick]."""
        back = length // self._ticks.every
        now = self._begun[:, self._before :]
        return (now - self._begun[:, self._before - back : self._begun.shape[1] - back]).astype(
            np.float64
        )

    def unanswered(self) -> Floats:
        return self._open[:, self._before :].astype(np.float64)

    def protected(self, duty: Intervals) -> tuple[Numbers, Numbers]:
        """Of the last hour's duty at each tick: ms in alarm-free stretches of `PIECE` or more, and
        ms in all.
        """
        ticks, count = self._ticks, self._ticks.count
        if not len(duty.group):
            nothing = np.zeros((self._groups, count), dtype=np.int64)
            return nothing, nothing
        start = np.append(self._start, 0)  # so that what is nobody's can be asked for, too
        first = np.searchsorted(self._group, duty.group)
        gaps = np.diff(self._start, prepend=0)
        gaps[(gaps < PIECE) | (np.diff(self._group, prepend=-1) != 0)] = 0
        in_gaps = np.append(np.cumsum(gaps), 0)
        until = np.arange(count) * ticks.every
        begin, end = (
            np.maximum(until - HOUR, duty.start[:, np.newaxis]),
            np.minimum(until, duty.end[:, np.newaxis]),
        )
        # The alarms that begin within: from this one on, up to and with that one.
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
        """How many alarms lie before the first one of the group that begins after the moment."""
        return search(self._start, self._group, moment, group, side="right")


def _in_force(there: tuple[Intervals, Numbers], groups: int, ticks: Ticks) -> Floats:
    """How many things each group has at each tick."""
    intervals, count = there[0], ticks.count
    result = np.zeros((groups, count + 1), dtype=np.int64)
    np.add.at(result, (intervals.group, np.clip(ticks.columns(intervals.start), 0, count)), 1)
    np.add.at(result, (intervals.group, np.clip(ticks.columns(intervals.end), 0, count)), -1)
    return result[:, :count].cumsum(axis=1).astype(np.float64)


def _summed(
    there: tuple[Intervals, Numbers], values: Numbers, groups: int, ticks: Ticks
) -> Numbers:
    """The values (by thing and tick) of what each group has at each tick, added up."""
    (start, end, group), what = there
    moments = np.arange(ticks.count) * ticks.every
    has = (start[:, np.newaxis] <= moments) & (moments < end[:, np.newaxis])
    return (
        _by_group(group, np.where(has, values[what], 0), groups)
        if len(group)
        else np.zeros((groups, ticks.count), dtype=np.int64)
    )


def _by_group(group: Numbers, values: Numbers, groups: int) -> Numbers:
    """Rows summed by group, which ascend."""
    result = np.zeros((groups, values.shape[1]), dtype=np.int64)
    firsts = np.flatnonzero(np.diff(group, prepend=-1) != 0)
    result[group[firsts]] = np.add.reduceat(values, firsts, axis=0)
    return result


def _long(stretch: Numbers) -> Numbers:
    return np.where(stretch >= PIECE, stretch, 0)


def _share(free: Numbers, of: Numbers, least: int) -> Floats:
    return np.where(of >= max(least, 1), free / np.maximum(of, 1), np.nan)


def _places(numbers: Numbers) -> Numbers:
    """By number, its place among `numbers`."""
    places = np.full(int(numbers.max(initial=-1)) + 1, -1)
    places[numbers] = np.arange(len(numbers))
    return places


def _facilities(things: list[tuple[int, str]], numbers: Numbers) -> Numbers:
    return np.array([things[number][0] for number in numbers.tolist()], dtype=np.int64)
