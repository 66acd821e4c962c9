"""Telling: what goes with a change of an overload state, for whoever has to do something about it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from analyzer.ids import Numbers
from analyzer.load import Loads, Ticks
from analyzer.names import AlarmType
from analyzer.overload import STATES, Change, LevelTable, Relief, Turn, reasons
from analyzer.policy import HOUR
from analyzer.relief import Ward, relieve

if TYPE_CHECKING:
    from analyzer.state import State

Shift = tuple[int, int, int, int, str]
"""Of an assignment: start, end, clinician, facility, unit."""
TOP = 3
"""Alarm types named with a change."""


class Teller:
    """Tells changes of the states of one kind of subject, within the ticks looked at."""

    def __init__(self, state: State, ticks: Ticks, levels: LevelTable, loads: Loads, is_unit: bool) -> None:
        self._state = state
        self._ticks = ticks
        self._levels = levels
        self._loads = loads
        self._is_unit = is_unit
        self._rows: dict[int, tuple[Numbers, Numbers]] = {}
        self._units = state.statics.units_of_places()
        self.which = self._which()
        """Which levels hold for each row, at each tick or always: (rows, ticks or 1)."""

    def _which(self) -> npt.NDArray[np.intp]:
        loads, levels, facilities = self._loads, self._levels, self._state.facilities.things
        result = np.zeros((len(loads.numbers), self._ticks.count if levels.varies and not self._is_unit else 1), dtype=np.intp)
        if not levels.varies:
            return result
        if self._is_unit:
            units = map(self._state.statics.units.things.__getitem__, loads.numbers.tolist())
            result[:, 0] = [levels.number(facilities[facility], unit) for facility, unit in units]
            return result
        row_of = {number: row for row, number in enumerate(loads.numbers.tolist())}
        shifts, moments = self._state.roster.shifts, self._ticks.moments()
        for start, _, clinician, facility, unit in _in_turn(self._begun(shifts.of(self._ticks.facilities))):
            if clinician in row_of:
                column = max(int(self._ticks.columns(start - moments[facility])), 0)
                result[row_of[clinician], column:] = levels.number(facilities[facility], unit)
        return result

    def _begun(self, rows: Numbers) -> list[Shift]:
        shifts, names = self._state.roster.shifts, self._state.statics.units.things
        return [
            (start, end, clinician, facility, names[unit][1])
            for start, end, clinician, facility, unit in zip(
                shifts.start[rows].tolist(), shifts.end[rows].tolist(), shifts.clinician[rows].tolist(), shifts.facility[rows].tolist(),
                self._units[shifts.place[rows]].tolist(), strict=True,
            )
        ]  # fmt: skip

    def __call__(self, turn: Turn, drivers: set[str]) -> Change:
        """The change that a turn is. `drivers`: the measures by which the state had risen, of which it is told how they fell."""
        state, loads = self._state, self._loads
        facility, number = int(loads.facility[turn.row]), int(loads.numbers[turn.row])
        at = (int(self._ticks.first[facility]) + turn.tick) * self._ticks.every
        before, after = STATES[turn.before], STATES[turn.after]
        levels = self._levels.of(int(self.which[turn.row, min(turn.tick, self.which.shape[1] - 1)]))
        figures = {measure: float(values[turn.row, turn.tick]) for measure, values in loads.values.items()}
        unit = state.statics.units.things[number][1] if self._is_unit else self._unit_of(facility, number, at)
        clinician = None if self._is_unit else state.teams.clinicians.things[number][1]
        rows = self._last_hour(facility, at)
        relief = None
        if turn.after > turn.before:
            most_beds = np.inf if levels["beds"].elevated is None else levels["beds"].elevated.enter
            relief = self._relief(facility, unit, clinician, at, rows, most_beds)
        types = self._top_types(rows[self._is_of(rows, number)])
        return Change(
            state.facilities.things[facility], unit, clinician, at, before, after, reasons(turn, levels, figures, drivers), types, relief
        )  # fmt: skip

    def _unit_of(self, facility: int, clinician: int, at: int) -> str:
        """The unit of the assignment begun last, then the least unit; "" before any."""
        shifts = self._state.roster.shifts
        rows = self._shifts_of(facility)
        rows = rows[(shifts.clinician[rows] == clinician) & (shifts.start[rows] <= at) & (shifts.end[rows] > at - self._state.policy.horizon)]
        begun = _in_turn(self._begun(rows))
        return begun[-1][-1] if begun else ""

    def _shifts_of(self, facility: int) -> Numbers:
        only = np.zeros(len(self._ticks.facilities), dtype=np.bool_)
        only[facility] = True
        return self._state.roster.shifts.of(only)

    def _last_hour(self, facility: int, at: int) -> Numbers:
        """Rows of the facility's alarms that began in the hour up to `at`."""
        if facility not in self._rows:
            table = self._state.table
            rows = table.alarms()
            rows = rows[table.facility[rows] == facility]
            rows = rows[np.argsort(table.start[rows], kind="stable")]
            self._rows[facility] = rows, table.start[rows]
        rows, start = self._rows[facility]
        return rows[np.searchsorted(start, at - HOUR, side="right") : np.searchsorted(start, at, side="right")]

    def _is_of(self, rows: Numbers, number: int) -> npt.NDArray[np.bool_]:
        state = self._state
        if self._is_unit:
            mine: npt.NDArray[np.bool_] = state.statics.unit[state.table.static[rows]] == number
            return mine
        teams, where = np.unique(state.table.team[rows], return_inverse=True)
        return np.array([number in state.teams[team] for team in teams.tolist()], dtype=np.bool_)[where]

    def _top_types(self, rows: Numbers) -> tuple[tuple[AlarmType, int], ...]:
        statics = self._state.statics
        types, counts = np.unique(statics.type[self._state.table.static[rows]], return_counts=True)
        found = [(statics.types.things[type_], count) for type_, count in zip(types.tolist(), counts.tolist(), strict=True)]
        found.sort(key=lambda one: (-one[1], one[0]))
        return tuple(found[:TOP])

    def _relief(self, facility: int, unit: str, clinician: str | None, at: int, rows: Numbers, most_beds: float) -> Relief | None:
        state, shifts = self._state, self._state.roster.shifts
        on_duty = self._shifts_of(facility)
        on_duty = on_duty[(shifts.start[on_duty] <= at) & (at < shifts.end[on_duty])]
        places = state.statics.places.things
        beds: dict[str, set[str]] = {}
        for place, who in zip(shifts.place[on_duty].tolist(), shifts.clinician[on_duty].tolist(), strict=True):
            if places[place].unit == unit:
                beds.setdefault(state.teams.clinicians.things[who][1], set()).add(places[place].bed)
        if len(beds) < 2:
            return None
        pairs = np.stack([state.statics.place[state.table.static[rows]], state.table.team[rows]])
        found, counts = np.unique(pairs, axis=1, return_counts=True)
        alarms = [
            (places[place].bed if places[place].unit == unit else None, frozenset(state.teams.names(team)), count)
            for (place, team), count in zip(found.T.tolist(), counts.tolist(), strict=True)
        ]
        ward = Ward({one: frozenset(of) for one, of in beds.items()}, alarms)
        giver = clinician if clinician is not None else ward.busiest()
        return None if giver is None else relieve(ward, giver, most_beds)


def _in_turn(shifts: list[Shift]) -> list[Shift]:
    """By start; of those that begin alike, that in the least unit last: a clinician's unit is that of the last one."""
    return sorted(sorted(shifts, key=lambda one: one[-1], reverse=True), key=lambda one: one[0])
