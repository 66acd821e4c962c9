"""Status: what a page shows next to the burdens: the trend of alarms, the standing overload states
with their reasons, and the beds that a colleague could take now.

Clinicians are named by their raw ids.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from analyzer.arrays import Flags, Numbers
from analyzer.columns.facilities import VACANT
from analyzer.model.overload import (
    ELEVATED,
    NORMAL,
    OVERLOADED,
    STATES,
    Change,
    Correction,
    Reason,
    Relief,
)
from analyzer.model.policy import HOUR, MINUTE
from analyzer.overload.context import Contexts
from analyzer.overload.measures import Ticks, measure
from analyzer.overload.reasons import reasons_to_hold, to_leave
from analyzer.overload.shifts import Parts, ShiftsAt, parts_of
from analyzer.overload.thresholds import LevelTable, levels_in_force
from analyzer.pipeline.overload_log import Subject
from analyzer.pipeline.state import State
from analyzer.windows.groups import groups

TREND_MINUTES = 70
"""The last hour, and before it the ten minutes (the interval of ISA-18.2 rates) that the window
`10m` needs at the hour's first minute.
"""
TREND_HOURS = 24
"""A day; by default, facts of the last 26 h are held."""


class Standing(NamedTuple):
    """An overload state that is not normal."""

    since: int
    """When the subject came into this state (ms)."""
    rise: Change
    """The change by which the state last rose."""
    holding: tuple[Reason, ...]
    """The measures beyond a limit to leave at the last tick; none while the state cools down."""
    relief: Relief | None
    """The best move of a bed now; None if no move may be advised."""
    leaving: tuple[Reason, ...] = ()
    """The reasons why the state lasts, as of the last tick: see `reasons.to_leave`."""
    quiet_since: int | None = None
    """Since when (ms) no measure has been beyond a limit to leave; None: one is."""
    correction: Correction | None = None
    """The latest correction of this state; None: it was found when its time came."""


@dataclass(frozen=True, slots=True)
class Trend:
    """How many alarms of a unit started in each of the last minutes and hours, oldest first.

    The last minute and the last hour end now, so the last ten minutes are the window `10m`.
    """

    minutes: list[int]
    hours: list[int]


def known_hours(trend: Trend, now: int, known_since: int | None) -> list[int | None]:
    """The alarms by hour until `now` (ms); None: nothing of the hour is known.

    All alarms since `known_since` (ms) are known; None: none.
    """
    ends = (now - (TREND_HOURS - 1 - hour) * HOUR for hour in range(TREND_HOURS))
    return [
        count if known_since is not None and known_since < end else None
        for count, end in zip(trend.hours, ends, strict=True)
    ]


NO_ALARMS = Trend([0] * TREND_MINUTES, [0] * TREND_HOURS)


@dataclass(frozen=True, slots=True)
class Status:
    """The status of a partition's facilities at one moment; a copy, independent of the engine.

    Normal states, and units without alarms, are left out.
    """

    now: Mapping[str, int]
    """The time of each facility (ms)."""
    known_since: Mapping[str, int]
    """Since when (ms) all alarms of each facility are held."""
    trends: Mapping[tuple[str, str], Trend]
    """By facility and unit."""
    units: Mapping[tuple[str, str], Standing]
    """By facility and unit."""
    clinicians: Mapping[tuple[str, str], Standing]
    """By facility and clinician."""
    reliefs: Mapping[tuple[str, str], Relief | None]
    """By facility and unit: the best move of a bed now, for each unit that is not normal or has a
    clinician on duty who is not; None if no move may be advised.
    """
    unit_changes: Mapping[tuple[str, str], Sequence[tuple[int, int]]] = field(default_factory=dict)
    """By facility and unit: when (ms) the unit came into which state, as far back as is known, in
    order of time. Units that were always normal are left out.
    """
    parts: Mapping[str, Parts] = field(default_factory=dict)
    """The parts of shifts that are compared, by facility, where any alarms are known."""
    shift_alarms: Mapping[tuple[str, str], tuple[int, int]] = field(default_factory=dict)
    """By facility and unit: the alarms of these parts, of the shift before and of the present."""
    groups: Mapping[tuple[str, str], Sequence[int]] = field(default_factory=dict)
    """By facility and unit: how many clinicians stand behind each hour, the latest first."""

    @classmethod
    def of(
        cls,
        state: State,
        reliefs: Mapping[tuple[int, str], Relief | None],
        facility: str | None = None,
        shifts: ShiftsAt | None = None,
    ) -> Status:
        """The status now, of all facilities or of one; the overload states must be evaluated.

        `reliefs`: as `unit_reliefs`.
        """
        names = state.facilities.by_number
        now = state.times.now[: len(names)]
        first_alarm = state.overload.first_alarm[: len(names)] * state.policy.overload.every
        since = np.maximum(first_alarm, state.times.evicted_until[: len(names)]).tolist()
        chosen = {
            name: number
            for number, name in enumerate(names)
            if name != VACANT and facility in (None, name)
        }
        moments = {name: int(now[number]) for name, number in chosen.items()}
        standing = _standing(state, now, facility)
        known_since = {
            name: since[number] for name, number in chosen.items() if since[number] <= moments[name]
        }
        parts = {
            name: parts_of(*shifts(name, moments[name]), moments[name], since)
            for name, since in known_since.items()
            if shifts is not None
        }
        return cls(
            now=moments,
            known_since=known_since,
            trends={key: one for key, one in _trends(state, now).items() if key[0] in chosen},
            units=standing[True],
            clinicians=standing[False],
            reliefs={
                (names[of], unit): relief
                for (of, unit), relief in reliefs.items()
                if names[of] in chosen
            },
            unit_changes={key: found for key, found in _unit_changes(state) if key[0] in chosen},
            parts=parts,
            groups={key: one for key, one in groups(state).items() if key[0] in chosen},
            shift_alarms=_shift_alarms(state, {chosen[name]: one for name, one in parts.items()}),
        )

    @classmethod
    def joined(cls, parts: Sequence[Status]) -> Status:
        """The status of several partitions; a facility is always whole in one of them."""
        return cls(
            *(
                {key: value for one in parts for key, value in getattr(one, field).items()}
                for field in cls.__slots__
            )
        )


def _trends(state: State, now: Numbers) -> dict[tuple[str, str], Trend]:
    """The trend of each unit with alarms in the last `TREND_HOURS`, by facility and unit."""
    table, statics = state.table, state.statics
    rows = table.alarms()
    age = now[table.facility[rows]] - table.start[rows]
    recent = np.flatnonzero((age >= 0) & (age < TREND_HOURS * HOUR))
    age, unit = age[recent], statics.unit[table.static[rows[recent]]].astype(np.int64)
    groups = len(statics.units)

    def counts(step: int, steps: int) -> Numbers:
        """How many alarms each unit had in each of the last `steps` times `step` ms."""
        inside = np.flatnonzero(age < step * steps)
        cell = unit[inside] * steps + steps - 1 - age[inside] // step
        return np.bincount(cell, minlength=groups * steps).reshape(groups, steps)

    minutes, hours = counts(MINUTE, TREND_MINUTES), counts(HOUR, TREND_HOURS)
    names = state.facilities.by_number
    return {
        (names[facility], name): Trend(minutes[number].tolist(), hours[number].tolist())
        for number, (facility, name) in enumerate(statics.units.by_number)
        if hours[number].any()
    }


def _unit_changes(state: State) -> Iterator[tuple[tuple[str, str], list[tuple[int, int]]]]:
    names, units = state.facilities.by_number, state.statics.units.by_number
    for facility, of_facility in state.overload.transitions.items():
        for (is_unit, number), known in of_facility.items():
            if is_unit:
                key = names[facility], units[number][1]
                yield key, [(one.change.at, one.state) for one in known]


def _shift_alarms(
    state: State, parts: Mapping[int, Parts]
) -> dict[tuple[str, str], tuple[int, int]]:
    """The alarms of each unit in `parts` (by facility number), by facility and unit."""
    table, statics, names = state.table, state.statics, state.facilities.by_number
    begins, ends = (np.zeros((2, len(names)), dtype=np.int64) for _ in range(2))
    for facility, of_facility in parts.items():
        for number, one in enumerate(of_facility):
            begins[number, facility], ends[number, facility] = one
    rows = table.alarms()
    facilities, start = table.facility[rows], table.start[rows]
    unit = statics.unit[table.static[rows]]
    before, last = (
        np.bincount(
            unit[(begin[facilities] <= start) & (start < end[facilities])],
            minlength=len(statics.units),
        ).tolist()
        for begin, end in zip(begins, ends, strict=True)
    )
    return {
        (names[facility], name): (before[number], last[number])
        for number, (facility, name) in enumerate(statics.units.by_number)
        if facility in parts
    }


def _standing(
    state: State, now: Numbers, only: str | None
) -> dict[bool, dict[tuple[str, str], Standing]]:
    """The standing states by whether they are of units, of all facilities or of one."""
    found: dict[bool, dict[tuple[str, str], Standing]] = {True: {}, False: {}}
    facilities = state.facilities.by_number
    names = {True: state.statics.units.by_number, False: state.teams.clinicians.by_number}
    standing = [
        (subject, since, rise)
        for subject, since, rise in state.overload.standing()
        if only is None or facilities[names[subject[0]][subject[1]][0]] == only
    ]
    if not standing:
        return found
    chosen = np.zeros(len(facilities), dtype=np.bool_)
    chosen[[names[is_unit][number][0] for (is_unit, number), *_ in standing]] = True
    # Ticks of 1 ms, so that the only tick is `now`.
    contexts, state_of = Contexts(state, Ticks(now, chosen, 1, 1)), _state_of(state)
    policy = state.policy.overload
    back = policy.cool_down // policy.every
    present = _present(state, now, chosen, {subject for subject, *_ in standing}, back)
    corrections = state.overload.corrections()
    for subject, since, rise in standing:
        is_unit, number = subject
        facility, name = names[is_unit][number]
        context, at = contexts[facility], int(now[facility])
        unit = name if is_unit else context.unit_of(number, at)
        levels = policy.levels(facilities[facility], unit)
        current = _current(since, rise)
        values, quiet_since = present[subject].values, present[subject].quiet_since[current]
        ward = contexts.ward(facility, unit, at, state_of)
        found[is_unit][facilities[facility], name] = Standing(
            since=since,
            rise=rise,
            holding=reasons_to_hold(levels, values, current),
            leaving=to_leave(levels, values, current, {why.measure for why in rise.reasons}),
            quiet_since=quiet_since,
            correction=corrections.get(subject),
            relief=ward.relief if is_unit else ward.relief_of(name),
        )
    return found


def unit_reliefs(state: State) -> dict[tuple[int, str], Relief | None]:
    """The best move of a bed now for each unit, by facility number and name, that is not normal or
    has a clinician on duty who is not; None if no move may be advised.
    """
    facilities = len(state.facilities.by_number)
    now = state.times.now[:facilities]
    strained = state.overload.states(of_units=False)
    units = {state.statics.units.by_number[one] for one in state.overload.states(of_units=True)}
    shifts = state.roster.shifts
    rows = shifts.rows()
    moment = now[shifts.facility[rows]]
    rows = rows[(shifts.start[rows] <= moment) & (moment < shifts.end[rows])]
    rows = rows[np.isin(shifts.clinician[rows], np.array([*strained], dtype=np.int64))]
    beds = state.statics.beds.by_number
    units.update(
        (facility, beds[bed].unit)
        for facility, bed in zip(
            shifts.facility[rows].tolist(), shifts.bed[rows].tolist(), strict=True
        )
    )
    chosen = np.zeros(facilities, dtype=np.bool_)
    chosen[[facility for facility, _ in units]] = True
    contexts, state_of = Contexts(state, Ticks(now, chosen, 1, 1)), _state_of(state)
    return {
        (facility, unit): contexts.ward(facility, unit, int(now[facility]), state_of).relief
        for facility, unit in units
    }


def _state_of(state: State) -> Callable[[int], int]:
    """The overload state of a clinician now, by number."""
    states = state.overload.states(of_units=False)
    return lambda clinician: states.get(clinician, NORMAL)


def unit_present(state: State) -> dict[int, tuple[Reason, ...]]:
    """For each unit that is not normal, by number, the reasons why its state lasts, as of the last
    tick: see `Standing.leaving`.
    """
    log, units = state.overload, state.statics.units.by_number
    standing = [
        (number, since, rise) for (of_unit, number), since, rise in log.standing() if of_unit
    ]
    if not standing:
        return {}
    facilities = len(state.facilities.by_number)
    chosen = np.zeros(facilities, dtype=np.bool_)
    chosen[[units[number][0] for number, *_ in standing]] = True
    subjects = {(True, number) for number, *_ in standing}
    present = _present(state, state.times.now[:facilities], chosen, subjects, back=0)
    return {
        number: to_leave(
            state.policy.overload.levels(
                state.facilities.by_number[units[number][0]], units[number][1]
            ),
            present[True, number].values,
            _current(since, rise),
            {why.measure for why in rise.reasons},
        )
        for number, since, rise in standing
    }


def _current(since: int, rise: Change) -> int:
    """The state of a subject that has been in it since `since` (ms) and last rose by `rise`.

    Since then it may have fallen from overloaded to elevated only.
    """
    return STATES.index(rise.after) if since == rise.at else ELEVATED


class _Present(NamedTuple):
    """The measures of a subject at the last tick, and since when (ms) none has been beyond a limit
    to leave each state of `STATES`; None: one is.
    """

    values: dict[str, float]
    quiet_since: tuple[int | None, ...]


def _present(
    state: State, now: Numbers, facilities: Flags, subjects: set[Subject], back: int
) -> dict[Subject, _Present]:
    """The present of some subjects, from `back` ticks before the last one on."""
    policy = state.policy.overload
    ticks = Ticks(now // policy.every - back, facilities, back + 1, policy.every)
    table = LevelTable(policy)
    clinicians, units = (
        [number for is_unit, number in subjects if is_unit == of_units]
        for of_units in (False, True)
    )
    found = {}
    for is_unit, loads in zip((False, True), measure(state, ticks, clinicians, units), strict=True):
        level_sets = levels_in_force(state, ticks, table, loads, is_unit)
        overloaded, elevated = (
            table.beyond(loads.values, level_sets, STATES[level], "leave")
            for level in (OVERLOADED, ELEVATED)
        )
        last = ticks.first[loads.facility] + back
        for row, number in enumerate(loads.numbers.tolist()):
            if (is_unit, number) in subjects:
                of_states = (elevated[row] | overloaded[row],) * 2 + (overloaded[row],)
                found[is_unit, number] = _Present(
                    {name: float(values[row, -1]) for name, values in loads.values.items()},
                    tuple(_quiet_since(one, int(last[row]), policy.every) for one in of_states),
                )
    return found


def _quiet_since(beyond: Flags, last: int, every: int) -> int | None:
    """The time (ms) of the first of the trailing ticks that are not beyond; `last`: the number of
    the last tick.
    """
    if beyond[-1]:
        return None
    quiet = len(beyond) if not beyond.any() else int(np.argmax(beyond[::-1]))
    return (last - quiet + 1) * every
