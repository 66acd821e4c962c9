"""Context: the recent alarms and the assignments of one facility, from which a transition is
explained and a bed is found that a colleague could take.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from functools import cached_property
from itertools import chain, repeat
from typing import NamedTuple

import numpy as np

from analyzer.arrays import Numbers
from analyzer.columns.statics import AlarmType
from analyzer.model.policy import HOUR, Levels
from analyzer.overload.measures import Ticks
from analyzer.overload.relief import NO_ALARMS, Alarms, Person, Ward, last_hour
from analyzer.overload.thresholds import LevelTable
from analyzer.pipeline.responses import NO_UNIT
from analyzer.pipeline.roster import NURSE
from analyzer.pipeline.state import State
from analyzer.times import OPEN

_new = tuple.__new__  # a named tuple's own constructor takes three times as long
TOP = 3
"""How many alarm types are reported with a change."""


class _Post(NamedTuple):
    """An assignment in [`start`, `end`) (ms); `bed` is a number in `Statics.beds`."""

    start: int
    end: int
    clinician: int
    bed: int
    acuity: float
    role: str


class Contexts:
    """The context of each facility during some ticks, worked out on demand."""

    def __init__(self, state: State, ticks: Ticks) -> None:
        self._state = state
        self._ticks = ticks
        self._contexts: dict[int, Context] = {}
        self._levels = LevelTable(state.policy.overload)

    def __getitem__(self, facility: int) -> Context:
        if facility not in self._contexts:
            if not self._contexts:  # most evaluations find no transition and need no context
                self._prepare()
            rows = self._rows[
                slice(*np.searchsorted(self._facility, [facility, facility + 1]).tolist())
            ]
            shifts = self._shifts[self._shift_facility == facility]
            self._contexts[facility] = Context(self._state, facility, rows, shifts, self._levels)
        return self._contexts[facility]

    def _prepare(self) -> None:
        state, ticks, table = self._state, self._ticks, self._state.table
        rows = table.alarms()
        facility, start = table.facility[rows], table.start[rows]
        first = ticks.moments()[facility]
        chosen = np.flatnonzero(
            ticks.facilities[facility] & ((start > first - HOUR) | (_closing(state, rows) > first))
        )
        # one sort of one number, which is faster than one of two columns
        since = int(start[chosen].min(initial=OPEN))
        bits = int(start[chosen].max(initial=since) - since).bit_length()
        key = (facility[chosen].astype(np.int64) << bits) + (start[chosen] - since)
        chosen = chosen[np.argsort(key)]
        self._rows, self._facility = rows[chosen], facility[chosen]
        self._shifts = state.roster.shifts.of(ticks.facilities)
        self._shift_facility = state.roster.shifts.facility[self._shifts]


class Context:
    """The recent alarms of one facility, and its assignments."""

    def __init__(
        self,
        state: State,
        facility: int,
        rows: Numbers,
        assignments: Numbers,
        levels: LevelTable,
    ) -> None:
        """`rows`: of alarms, in order of start; `assignments`: rows of `Roster.shifts`."""
        self._state, self._facility = state, facility
        table, statics, shifts = state.table, state.statics, state.roster.shifts
        static = table.static[rows]
        self._start, self._closing = table.start[rows], _closing(state, rows)
        self._unit, self._type = statics.unit[static], statics.type[static]
        units_of_beds = statics.units_of_beds()
        # There are few pairs of bed and team, so alarms are counted by pair.
        pair = statics.bed[static].astype(np.int64) << 32 | table.team[rows]
        pairs, self._pair = np.unique(pair, return_inverse=True)
        self._pair_bed, self._pair_team = pairs >> 32, pairs & 0xFFFFFFFF
        self._pair_unit = units_of_beds[self._pair_bed]
        of_teams = [state.teams[team] for team in self._pair_team.tolist()]
        self._pair_of = np.repeat(np.arange(len(of_teams)), list(map(len, of_teams)))
        self._clinician_of = np.fromiter(chain.from_iterable(of_teams), dtype=np.int64)
        self._posts = assignments
        self._posted = shifts.clinician[assignments]
        self._post_unit = units_of_beds[shifts.bed[assignments]]
        self._post_start, self._post_end = shifts.start[assignments], shifts.end[assignments]
        self._alarms: dict[int, dict[int, Alarms]] = {}
        self._wards: dict[tuple[str, int], Ward] = {}
        self._levels = levels

    @cached_property
    def _posts_of(self) -> dict[int, list[_Post]]:
        """The assignments by clinician, the latest to begin first; of those with the same start,
        by name of the unit.
        """
        shifts, beds = self._state.roster.shifts, self._state.statics.beds.by_number
        posts = zip(
            self._post_start.tolist(),
            self._post_end.tolist(),
            self._posted.tolist(),
            shifts.bed[self._posts].tolist(),
            shifts.acuity[self._posts].tolist(),
            map(shifts.roles.get, self._posts.tolist(), repeat(NURSE)),
            strict=True,
        )
        found: dict[int, list[_Post]] = {}
        for one in map(_new, repeat(_Post), posts):
            found.setdefault(one.clinician, []).append(one)
        for own in found.values():
            if len(own) > 1:
                own.sort(key=lambda one: (-one.start, beds[one.bed].unit))
        return found

    @cached_property
    def _pairs_of(self) -> dict[int, list[int]]:
        """The pairs of bed and team by clinician of the team."""
        found: dict[int, list[int]] = {}
        for pair, clinician in zip(
            self._pair_of.tolist(), self._clinician_of.tolist(), strict=True
        ):
            found.setdefault(clinician, []).append(pair)
        return found

    def _last_hour(self, at: int) -> slice:
        return slice(*np.searchsorted(self._start, [at - HOUR, at], side="right").tolist())

    def unit_of(self, clinician: int, at: int) -> str:
        """The unit of the clinician's latest assignment begun by `at` (ms).

        Of assignments with the same start, the first unit by name; "" if none has begun, or all
        ended more than the horizon ago.
        """
        beds, since = self._state.statics.beds.by_number, at - self._state.policy.horizon
        return next(
            (
                beds[one.bed].unit
                for one in self._posts_of.get(clinician, ())
                if one.start <= at and one.end > since
            ),
            "",
        )

    def top_types(self, of_unit: bool, number: int, at: int) -> tuple[tuple[AlarmType, int], ...]:
        """The `TOP` most frequent alarm types in the hour up to `at` (ms) of a unit or clinician,
        with their counts.
        """
        hour, types = self._last_hour(at), self._state.statics.types.by_number
        if of_unit:
            own = self._unit[hour] == number
        else:
            of_pair = np.zeros(len(self._pair_bed), dtype=np.bool_)
            of_pair[self._pair_of[self._clinician_of == number]] = True
            own = of_pair[self._pair[hour]]
        counts = Counter(self._type[hour][own].tolist())
        return tuple(
            sorted(
                ((types[type_], count) for type_, count in counts.items()),
                key=lambda one: (-one[1], one[0]),
            )[:TOP]
        )

    def ward(self, unit: str, at: int, state_of: Callable[[int], int]) -> Ward:
        """A unit at `at` (ms). `state_of`: the overload state of a clinician then, by number; it
        must say the same whenever it is asked.
        """
        known = self._wards.get((unit, at))
        if known is None:
            known = self._wards[unit, at] = self._ward(unit, at, state_of)
        return known

    def _ward(self, unit: str, at: int, state_of: Callable[[int], int]) -> Ward:
        state, policy = self._state, self._state.policy
        names, beds = state.teams.clinicians.by_number, state.statics.beds.by_number
        unit_number = state.statics.units.get((self._facility, unit), NO_UNIT)
        present = (self._post_start <= at) & (at < self._post_end)
        on_duty = set(self._posted[present & (self._post_unit == unit_number)].tolist())
        by_pair = self._alarms_at(at)
        alarms: dict[str, dict[frozenset[str], Alarms]] = {}
        for number in np.flatnonzero(self._pair_unit == unit_number).tolist():
            if number in by_pair:
                bed, team = beds[self._pair_bed[number]].bed, int(self._pair_team[number])
                alarms.setdefault(bed, {})[frozenset(state.teams.names(team))] = by_pair[number]
        return Ward(
            people={
                names[one][1]: self._person(one, unit, at, state_of(one), by_pair)
                for one in on_duty
            },
            alarms=alarms,
            levels=self._levels_of(unit),
            overload=policy.overload,
            rules=policy.relief,
        )

    @property
    def _name(self) -> str:
        return self._state.facilities.by_number[self._facility]

    def _person(
        self, clinician: int, unit: str, at: int, state: int, by_pair: dict[int, Alarms]
    ) -> Person:
        beds, since = self._state.statics.beds.by_number, at - HOUR
        recent = [one for one in self._posts_of[clinician] if one.end > since and one.start <= at]
        held = [one for one in recent if at < one.end]
        here: dict[str, list[float]] = {}
        for one in held:
            if beds[one.bed].unit == unit:
                here.setdefault(beds[one.bed].bed, []).append(one.acuity)
        own = (by_pair[pair] for pair in self._pairs_of.get(clinician, ()) if pair in by_pair)
        return Person(
            state=state,
            role=min(one.role for one in held if beds[one.bed].unit == unit),
            beds=len({one.bed for one in held}),
            here=here,
            elsewhere=[one.acuity for one in held if beds[one.bed].unit != unit],
            alarms=NO_ALARMS.with_also(own),
            duty=last_hour({(one.start - at, one.end - at) for one in recent}),
            levels=self._levels_of(self.unit_of(clinician, at) if self._levels.varies else ""),
        )

    def _levels_of(self, unit: str) -> Mapping[str, Levels]:
        return self._levels.of(self._levels.number(self._name, unit))

    def _alarms_at(self, at: int) -> dict[int, Alarms]:
        """The alarms that count at `at` (ms), by pair of bed and team."""
        if at not in self._alarms:
            hour = self._last_hour(at)
            waits = self._closing[: hour.stop] > at
            rows = np.concatenate(
                [np.flatnonzero(waits[: hour.start]), np.arange(hour.start, hour.stop)]
            )
            # Of each pair, alarms of before the hour come first.
            rows = rows[np.argsort(self._pair[rows], kind="stable")]
            pair, started = self._pair[rows], (self._start[rows] - at).tolist()
            begins = np.flatnonzero(np.diff(pair, prepend=-1))
            recent, waiting = (
                np.add.reduceat(which.astype(np.int64), begins).tolist() if len(rows) else []
                for which in (rows >= hour.start, waits[rows])
            )
            ends = [*begins[1:].tolist(), len(rows)]
            self._alarms[at] = {
                number: _new(Alarms, (tuple(started[end - count : end]), waits_now))
                for number, end, count, waits_now in zip(
                    pair[begins].tolist(), ends, recent, waiting, strict=False
                )
            }
        return self._alarms[at]


def _closing(state: State, rows: Numbers) -> Numbers:
    """When each alarm stops waiting: at its end or its first response (ms)."""
    table = state.table
    return np.minimum(table.end[rows], np.maximum(table.first_response[rows], table.start[rows]))
