"""Explanation: what is reported with a transition: its reasons, the most frequent alarm types, and
a bed that a colleague could take.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from itertools import chain

import numpy as np

from analyzer.arrays import Flags, Indices, Numbers
from analyzer.columns.statics import AlarmType
from analyzer.model.overload import STATES, Change, Relief
from analyzer.model.policy import HOUR, Levels
from analyzer.overload.machine import Transition
from analyzer.overload.measures import Loads, Ticks
from analyzer.overload.reasons import reasons_for
from analyzer.overload.relief import Ward, relieve
from analyzer.overload.thresholds import LevelTable
from analyzer.pipeline.state import State

TOP = 3
"""How many alarm types are reported with a change."""


class Explainer:
    """Explains the transitions of clinicians, or of units, within some ticks."""

    def __init__(
        self,
        state: State,
        ticks: Ticks,
        levels: LevelTable,
        loads: Loads,
        level_sets: Indices,
        contexts: Contexts,
        is_unit: bool,
    ) -> None:
        """`level_sets`: from `levels_in_force`."""
        self._state = state
        self._ticks = ticks
        self._levels = levels
        self._loads = loads
        self._level_sets = level_sets
        self._is_unit = is_unit
        self._contexts = contexts

    def change(self, transition: Transition, drivers: set[str]) -> Change:
        """The change to report for a transition.

        `drivers`: the measures by which the state last rose.
        """
        state, loads, (row, tick, before, after) = self._state, self._loads, transition
        facility, number = int(loads.facility[row]), int(loads.numbers[row])
        context = self._contexts[facility]
        at = (int(self._ticks.first[facility]) + tick) * self._ticks.every
        level_set = self._level_sets[row, min(tick, self._level_sets.shape[1] - 1)]
        levels = self._levels.of(int(level_set))
        values = {measure: float(column[row, tick]) for measure, column in loads.values.items()}
        clinician = None
        if self._is_unit:
            unit = state.statics.units.by_number[number][1]
        else:
            unit, clinician = (
                context.unit_of(number, at),
                state.teams.clinicians.by_number[number][1],
            )
        relief = relief_of(context.ward(unit, at), clinician, levels) if after > before else None
        return Change(
            facility=state.facilities.by_number[facility],
            unit=unit,
            clinician=clinician,
            at=at,
            before=STATES[before],
            after=STATES[after],
            reasons=reasons_for(before, after, levels, values, drivers),
            top_types=context.top_types(self._is_unit, number, at),
            relief=relief,
        )


def relief_of(ward: Ward, clinician: str | None, levels: Mapping[str, Levels]) -> Relief | None:
    """The best move of a bed from a clinician of a unit, or from the busiest one if None.

    The limit of beds to enter elevated, if there is one, bounds the beds of the colleague.
    """
    most_beds = np.inf if levels["beds"].elevated is None else levels["beds"].elevated.enter
    giver = clinician if clinician is not None else ward.busiest()
    return None if giver is None else relieve(ward, giver, most_beds)


class Contexts:
    """The context of each facility during some ticks, worked out on demand."""

    def __init__(self, state: State, ticks: Ticks) -> None:
        self._state = state
        self._ticks = ticks
        self._contexts: dict[int, Context] = {}

    def __getitem__(self, facility: int) -> Context:
        if facility not in self._contexts:
            if not self._contexts:  # most evaluations find no transition and need no context
                self._prepare()
            rows = self._rows[
                slice(*np.searchsorted(self._facility, [facility, facility + 1]).tolist())
            ]
            shifts = self._shifts[self._shift_facility == facility]
            self._contexts[facility] = Context(self._state, rows, shifts)
        return self._contexts[facility]

    def _prepare(self) -> None:
        state, ticks, table = self._state, self._ticks, self._state.table
        rows = table.alarms()
        facility, start = table.facility[rows], table.start[rows]
        chosen = np.flatnonzero(
            ticks.facilities[facility] & (start > ticks.moments()[facility] - HOUR)
        )
        chosen = chosen[np.lexsort((start[chosen], facility[chosen]))]
        self._rows, self._facility = rows[chosen], facility[chosen]
        self._shifts = state.roster.shifts.of(ticks.facilities)
        self._shift_facility = state.roster.shifts.facility[self._shifts]


class Context:
    """The recent alarms of one facility, and its assignments."""

    def __init__(self, state: State, rows: Numbers, assignments: Numbers) -> None:
        """`rows`: of alarms, in order of start; `assignments`: rows of `Roster.shifts`."""
        self._state = state
        table, statics, shifts = state.table, state.statics, state.roster.shifts
        static = table.static[rows]
        self._start = table.start[rows]
        self._unit, self._type = statics.unit[static], statics.type[static]
        # There are few pairs of bed and team, so alarms are counted by pair.
        pair = statics.place[static].astype(np.int64) << 32 | table.team[rows]
        pairs, self._pair = np.unique(pair, return_inverse=True)
        self._pairs = list(zip((pairs >> 32).tolist(), (pairs & 0xFFFFFFFF).tolist(), strict=True))
        of_teams = [state.teams[team] for _, team in self._pairs]
        self._pair_of = np.repeat(np.arange(len(of_teams)), list(map(len, of_teams)))
        self._clinician_of = np.fromiter(chain.from_iterable(of_teams), dtype=np.int64)
        self._pairs_of_unit: dict[str, list[tuple[int, str, tuple[str, ...]]]] = {}
        self._of_clinician: dict[int, Flags] = {}
        self._by_clinician: dict[int, list[tuple[int, int, int]]] = {}
        self._by_unit: dict[str, list[tuple[int, int, int, int]]] = {}
        places = statics.places.by_number
        for number, (place, team) in enumerate(self._pairs):
            self._pairs_of_unit.setdefault(places[place].unit, []).append(
                (number, places[place].bed, state.teams.names(team))
            )
        columns = (shifts.start, shifts.end, shifts.clinician, shifts.bed)
        for start, end, clinician, place in zip(
            *(column[assignments].tolist() for column in columns), strict=True
        ):
            unit = places[place].unit
            self._by_clinician.setdefault(clinician, []).append((start, end, place))
            self._by_unit.setdefault(unit, []).append((start, end, clinician, place))

    def _last_hour(self, at: int) -> slice:
        return slice(*np.searchsorted(self._start, [at - HOUR, at], side="right").tolist())

    def unit_of(self, clinician: int, at: int) -> str:
        """The unit of the clinician's latest assignment begun by `at` (ms).

        Of assignments with the same start, the first unit by name; "" if none has begun, or all
        ended more than the horizon ago.
        """
        places, since = self._state.statics.places.by_number, at - self._state.policy.horizon
        begun = [
            (-start, places[place].unit)
            for start, end, place in self._by_clinician.get(clinician, ())
            if start <= at and end > since
        ]
        return min(begun)[1] if begun else ""

    def top_types(self, of_unit: bool, number: int, at: int) -> tuple[tuple[AlarmType, int], ...]:
        """The `TOP` most frequent alarm types in the hour up to `at` (ms) of a unit or clinician,
        with their counts.
        """
        hour, types = self._last_hour(at), self._state.statics.types.by_number
        if of_unit:
            own = self._unit[hour] == number
        else:
            if number not in self._of_clinician:
                self._of_clinician[number] = np.zeros(len(self._pairs), dtype=np.bool_)
                self._of_clinician[number][self._pair_of[self._clinician_of == number]] = True
            own = self._of_clinician[number][self._pair[hour]]
        counts = Counter(self._type[hour][own].tolist())
        return tuple(
            sorted(
                ((types[type_], count) for type_, count in counts.items()),
                key=lambda one: (-one[1], one[0]),
            )[:TOP]
        )

    def ward(self, unit: str, at: int) -> Ward:
        """A unit at `at` (ms): the clinicians on duty, and the alarms of the last hour."""
        names, places = self._state.teams.clinicians.by_number, self._state.statics.places.by_number
        beds: dict[int, set[str]] = {}
        for start, end, clinician, place in self._by_unit.get(unit, ()):
            if start <= at < end:
                beds.setdefault(clinician, set()).add(places[place].bed)
        counts = np.bincount(self._pair[self._last_hour(at)], minlength=len(self._pairs))
        loads = np.bincount(self._clinician_of, weights=counts[self._pair_of], minlength=len(names))
        by_bed: dict[str, list[tuple[tuple[str, ...], int]]] = {}
        for number, bed, team in self._pairs_of_unit.get(unit, ()):
            if counts[number]:
                by_bed.setdefault(bed, []).append((team, int(counts[number])))
        return Ward(
            {names[clinician][1]: own for clinician, own in beds.items()},
            {names[clinician][1]: int(loads[clinician]) for clinician in beds},
            by_bed,
        )
