"""Context: the recent alarms and the assignments of one facility, from which a transition is
explained and a bed is found that a colleague could take.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from itertools import chain, repeat
from typing import NamedTuple

import numpy as np

from analyzer.arrays import Numbers
from analyzer.columns.statics import AlarmType
from analyzer.model.policy import HOUR, Levels
from analyzer.overload.measures import Ticks
from analyzer.overload.relief import NO_ALARMS, Alarms, Ward, last_hour
from analyzer.overload.thresholds import LevelTable
from analyzer.pipeline.responses import NO_UNIT
from analyzer.pipeline.roster import NURSE
from analyzer.pipeline.state import State
from analyzer.times import OPEN

_new = tuple.__new__  # a named tuple's own constructor takes three times as long
TOP = 3
"""How many alarm types are reported with a change."""


class _Post(NamedTuple):
    """An assignment in [`start`, `end`) (ms); `bed` is a number in `Statics.beds`, `unit` in
    `Statics.units`.
    """

    start: int
    end: int
    clinician: int
    bed: int
    unit: int
    acuity: float
    role: str


class Contexts:
    """The context of each facility during some ticks, worked out on demand."""

    def __init__(self, state: State, ticks: Ticks) -> None:
        self._state = state
        self._ticks = ticks
        self._contexts: dict[int, Context] = {}
        # Not kept by their contexts: a ward refers to its context, and what refers to each other
        # stays in memory until the garbage collector visits it, which is seldom.
        self._wards: dict[tuple[int, str, int], Ward] = {}
        self._levels = LevelTable(state.policy.overload)

    def ward(self, facility: int, unit: str, at: int, state_of: Callable[[int], int]) -> Ward:
        """A unit at `at` (ms). `state_of`: the overload state of a clinician then, by number; it
        must say the same whenever it is asked.
        """
        known = self._wards.get((facility, unit, at))
        if known is None:
            known = self._wards[facility, unit, at] = self[facility].ward(unit, at, state_of)
        return known

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
        table, statics = state.table, state.statics
        self._units_of_beds = statics.units_of_beds()
        # There are few pairs of bed and team, so alarms are kept by pair, in order of start.
        pair = statics.bed[table.static[rows]].astype(np.int64) << 32 | table.team[rows]
        order = np.argsort(pair, kind="stable")
        rows, pair = rows[order], pair[order]
        begins = np.flatnonzero(np.diff(pair, prepend=-1))
        self._bounds = [*begins.tolist(), len(rows)]
        self._start: list[int] = table.start[rows].tolist()
        self._type: list[int] = statics.type[table.static[rows]].tolist()
        self._closing = _closing(state, rows)
        self._pair_bed = (pair[begins] >> 32).tolist()
        self._pair_team = (pair[begins] & 0xFFFFFFFF).tolist()
        self._assignments = assignments
        self._alarms: dict[tuple[int, int], Alarms] = {}
        self._levels = levels

    @cached_property
    def _posts_of(self) -> dict[int, list[_Post]]:
        """The assignments by clinician, the latest to begin first; of those with the same start,
        by name of the unit.
        """
        shifts, units = self._state.roster.shifts, self._state.statics.units.by_number
        rows = self._assignments
        posts = zip(
            shifts.start[rows].tolist(),
            shifts.end[rows].tolist(),
            shifts.clinician[rows].tolist(),
            shifts.bed[rows].tolist(),
            self._units_of_beds[shifts.bed[rows]].tolist(),
            shifts.acuity[rows].tolist(),
            map(shifts.roles.get, rows.tolist(), repeat(NURSE)),
            strict=True,
        )
        found: dict[int, list[_Post]] = {}
        for one in map(_new, repeat(_Post), posts):
            found.setdefault(one.clinician, []).append(one)
        for own in found.values():
            if len(own) > 1:
                own.sort(key=lambda one: (-one.start, units[one.unit][1]))
        return found

    @cached_property
    def _posts_in(self) -> dict[int, list[_Post]]:
        """The assignments by unit."""
        found: dict[int, list[_Post]] = {}
        for one in chain.from_iterable(self._posts_of.values()):
            found.setdefault(one.unit, []).append(one)
        return found

    @cached_property
    def _pairs_of(self) -> dict[int, list[int]]:
        """The pairs of bed and team by clinician of the team."""
        found: dict[int, list[int]] = {}
        for pair, team in enumerate(self._pair_team):
            for clinician in self._state.teams[team]:
                found.setdefault(clinician, []).append(pair)
        return found

    @cached_property
    def _pairs_in(self) -> dict[int, list[int]]:
        """The pairs of bed and team by unit of the bed."""
        found: dict[int, list[int]] = {}
        for pair, unit in enumerate(self._units_of_beds[self._pair_bed].tolist()):
            found.setdefault(unit, []).append(pair)
        return found

    def _last_hour(self, pair: int, at: int) -> tuple[int, int]:
        """Which alarms of a pair of bed and team began in the hour up to `at` (ms): the first, and
        the one after the last.
        """
        begin, end = self._bounds[pair], self._bounds[pair + 1]
        end = bisect_right(self._start, at, begin, end)
        return bisect_right(self._start, at - HOUR, begin, end), end

    def unit_of(self, clinician: int, at: int) -> str:
        """The unit of the clinician's latest assignment begun by `at` (ms).

        Of assignments with the same start, the first unit by name; "" if none has begun, or all
        ended more than the horizon ago.
        """
        units, since = self._state.statics.units.by_number, at - self._state.policy.horizon
        return next(
            (
                units[one.unit][1]
                for one in self._posts_of.get(clinician, ())
                if one.start <= at and one.end > since
            ),
            "",
        )

    def top_types(self, of_unit: bool, number: int, at: int) -> tuple[tuple[AlarmType, int], ...]:
        """The `TOP` most frequent alarm types in the hour up to `at` (ms) of a unit or clinician,
        with their counts.
        """
        types = self._state.statics.types.by_number
        pairs = (self._pairs_in if of_unit else self._pairs_of).get(number, ())
        own = (self._type[slice(*self._last_hour(pair, at))] for pair in pairs)
        counts = Counter(chain.from_iterable(own))
        return tuple(
            sorted(
                ((types[type_], count) for type_, count in counts.items()),
                key=lambda one: (-one[1], one[0]),
            )[:TOP]
        )

    def ward(self, unit: str, at: int, state_of: Callable[[int], int]) -> Ward:
        """A unit at `at` (ms), see `Contexts.ward`."""
        state, policy = self._state, self._state.policy
        names = state.teams.clinicians.by_number
        number = state.statics.units.get((self._facility, unit), NO_UNIT)
        posts = self._posts_in.get(number, ())
        on_duty = {one.clinician for one in posts if one.start <= at < one.end}
        return Ward(
            people={names[one][1]: _Colleague(self, one, number, at, state_of) for one in on_duty},
            alarms=_AlarmsOfBeds(self, number, at),
            levels=self.levels_of(unit),
            overload=policy.overload,
            rules=policy.relief,
        )

    def levels_of(self, unit: str) -> Mapping[str, Levels]:
        """The levels of a unit, by measure."""
        facility = self._state.facilities.by_number[self._facility]
        return self._levels.of(self._levels.number(facility, unit))

    def levels_at(self, clinician: int, at: int) -> Mapping[str, Levels]:
        """The levels in force for a clinician at `at` (ms)."""
        return self.levels_of(self.unit_of(clinician, at) if self._levels.varies else "")

    def posts_of(self, clinician: int, at: int) -> list[_Post]:
        """The assignments of a clinician that were in force within the hour up to `at` (ms)."""
        since = at - HOUR
        return [one for one in self._posts_of[clinician] if one.end > since and one.start <= at]

    def name_of_bed(self, bed: int) -> str:
        return self._state.statics.beds.by_number[bed].bed

    @cached_property
    def _pairs_at(self) -> dict[tuple[int, str], list[int]]:
        """The pairs of bed and team by unit and name of the bed."""
        found: dict[tuple[int, str], list[int]] = {}
        for unit, pairs in self._pairs_in.items():
            for pair in pairs:
                found.setdefault((unit, self.name_of_bed(self._pair_bed[pair])), []).append(pair)
        return found

    def alarms_at_bed(self, unit: int, bed: str, at: int) -> dict[frozenset[str], Alarms]:
        """The alarms at a bed of a unit that count at `at` (ms), by whom they are attributed to."""
        found = {}
        for pair in self._pairs_at.get((unit, bed), ()):
            alarms = self._alarms_at(pair, at)
            if alarms != NO_ALARMS:
                found[frozenset(self._state.teams.names(self._pair_team[pair]))] = alarms
        return found

    def beds_with_alarms(self, unit: int) -> Iterator[str]:
        """The beds of a unit with alarms during the ticks of this context."""
        return (bed for of_unit, bed in self._pairs_at if of_unit == unit)

    def alarms_of(self, clinician: int, at: int) -> Alarms:
        """The alarms of a clinician that count at `at` (ms)."""
        pairs = self._pairs_of.get(clinician, ())
        return NO_ALARMS.with_also(self._alarms_at(pair, at) for pair in pairs)

    def _alarms_at(self, pair: int, at: int) -> Alarms:
        """The alarms of a pair of bed and team that count at `at` (ms)."""
        known = self._alarms.get((pair, at))
        if known is None:
            begin, end = self._last_hour(pair, at)
            unanswered = int(np.count_nonzero(self._closing[self._bounds[pair] : end] > at))
            starts = tuple([start - at for start in self._start[begin:end]])
            known = self._alarms[pair, at] = _new(Alarms, (starts, unanswered))
        return known


class _AlarmsOfBeds(Mapping[str, Mapping[frozenset[str], Alarms]]):
    """The alarms of a unit at one moment, as `Ward.alarms`, worked out on demand: few beds are
    asked for.
    """

    def __init__(self, context: Context, unit: int, at: int) -> None:
        self._context, self._unit, self._at = context, unit, at

    def __getitem__(self, bed: str) -> Mapping[frozenset[str], Alarms]:
        found = self._context.alarms_at_bed(self._unit, bed, self._at)
        if not found:
            raise KeyError(bed)
        return found

    def __iter__(self) -> Iterator[str]:
        return (bed for bed in self._context.beds_with_alarms(self._unit) if bed in self)

    def __len__(self) -> int:
        return sum(1 for _ in self)


class _Colleague:
    """A clinician on duty in a unit (see `Person`). What few moves need is worked out on demand."""

    def __init__(
        self,
        context: Context,
        clinician: int,
        unit: int,
        at: int,
        state_of: Callable[[int], int],
    ) -> None:
        self._context, self._clinician, self._at = context, clinician, at
        self.state = state_of(clinician)
        self._recent = context.posts_of(clinician, at)
        self.here: dict[str, list[float]] = {}
        self.elsewhere: list[float] = []
        beds, roles = set(), []
        for one in self._recent:
            if at >= one.end:
                continue
            beds.add(one.bed)
            if one.unit == unit:
                roles.append(one.role)
                self.here.setdefault(context.name_of_bed(one.bed), []).append(one.acuity)
            else:
                self.elsewhere.append(one.acuity)
        self.role = min(roles)
        self.beds = len(beds)

    @cached_property
    def alarms(self) -> Alarms:
        return self._context.alarms_of(self._clinician, self._at)

    @cached_property
    def duty(self) -> list[tuple[int, int]]:
        at = self._at
        return last_hour({(one.start - at, one.end - at) for one in self._recent})

    @cached_property
    def levels(self) -> Mapping[str, Levels]:
        return self._context.levels_at(self._clinician, self._at)


def _closing(state: State, rows: Numbers) -> Numbers:
    """When each alarm stops waiting: at its end or its first response (ms)."""
    table = state.table
    until: Numbers = np.maximum(table.first_response[rows], table.start[rows])
    return np.minimum(table.end[rows], until)
