"""Telling: what goes with a change of an overload state, for whoever has to do something about it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from analyzer.arrays import Numbers
from analyzer.columns.statics import AlarmType
from analyzer.model.policy import HOUR, Levels
from analyzer.overload.machine import STATES, Change, Relief, Turn, reasons
from analyzer.overload.measures import Loads, Ticks
from analyzer.overload.relief import Ward, relieve
from analyzer.overload.thresholds import LevelTable

if TYPE_CHECKING:
    from analyzer.pipeline.state import State

TOP = 3
"""Alarm types named with a change."""


class Teller:
    """Tells changes of the states of one kind of subject, within the ticks looked at."""

    def __init__(
        self,
        state: State,
        ticks: Ticks,
        levels: LevelTable,
        loads: Loads,
        which: npt.NDArray[np.intp],
        scenes: Scenes,
        is_unit: bool,
    ) -> None:
        """`which`: as from `levels_held`."""
        self._state = state
        self._ticks = ticks
        self._levels = levels
        self._loads = loads
        self._which = which
        self._is_unit = is_unit
        self._scenes = scenes

    def __call__(self, turn: Turn, drivers: set[str]) -> Change:
        """The change that a turn is.

        `drivers`: the measures by which the state last rose, of which it is told how they fell.
        """
        state, loads = self._state, self._loads
        facility, number = int(loads.facility[turn.row]), int(loads.numbers[turn.row])
        scene = self._scenes[facility]
        at = (int(self._ticks.first[facility]) + turn.tick) * self._ticks.every
        levels = self._levels.of(
            int(self._which[turn.row, min(turn.tick, self._which.shape[1] - 1)])
        )
        figures = {
            measure: float(values[turn.row, turn.tick]) for measure, values in loads.values.items()
        }
        if self._is_unit:
            unit, clinician = state.statics.units.by_number[number][1], None
        else:
            unit, clinician = scene.unit_of(number, at), state.teams.clinicians.by_number[number][1]
        relief = (
            relief_of(scene.ward(unit, at), clinician, levels) if turn.after > turn.before else None
        )
        return Change(
            state.facilities.by_number[facility],
            unit,
            clinician,
            at,
            STATES[turn.before],
            STATES[turn.after],
            reasons(turn, levels, figures, drivers),
            scene.top_types(self._is_unit, number, at),
            relief,
        )


def relief_of(ward: Ward, clinician: str | None, levels: Mapping[str, Levels]) -> Relief | None:
    """The move that takes most off a clinician of a unit, or (None) off the busiest one, within the
    level of beds that holds there.
    """
    most_beds = np.inf if levels["beds"].elevated is None else levels["beds"].elevated.enter
    giver = clinician if clinician is not None else ward.busiest()
    return None if giver is None else relieve(ward, giver, most_beds)


class Scenes:
    """The facilities about the ticks looked at, as far as anybody asks."""

    def __init__(self, state: State, ticks: Ticks) -> None:
        self._state = state
        self._ticks = ticks
        self._scenes: dict[int, Scene] = {}

    def __getitem__(self, facility: int) -> Scene:
        if facility not in self._scenes:
            if not self._scenes:  # most looks see no change, and nobody asks
                self._prepare()
            rows = self._rows[
                slice(*np.searchsorted(self._facility, [facility, facility + 1]).tolist())
            ]
            self._scenes[facility] = Scene(self._state, rows, self._held[self._held_in == facility])
        return self._scenes[facility]

    def _prepare(self) -> None:
        state, ticks, table = self._state, self._ticks, self._state.table
        rows = table.alarms()
        facility, start = table.facility[rows], table.start[rows]
        chosen = np.flatnonzero(
            ticks.facilities[facility] & (start > ticks.moments()[facility] - HOUR)
        )
        chosen = chosen[np.lexsort((start[chosen], facility[chosen]))]
        self._rows, self._facility = rows[chosen], facility[chosen]
        held = state.roster.shifts.of(ticks.facilities)
        self._held, self._held_in = held, state.roster.shifts.facility[held]


class Scene:
    """One of them: its alarms in order of start, and its assignments."""

    def __init__(self, state: State, rows: Numbers, held: Numbers) -> None:
        self._state = state
        table, statics, shifts = state.table, state.statics, state.roster.shifts
        static = table.static[rows]
        self._start, self._unit, self._type = (
            table.start[rows],
            statics.unit[static],
            statics.type[static],
        )
        # Few teams have few beds: alarms are counted by these pairs.
        pair = statics.place[static].astype(np.int64) << 32 | table.team[rows]
        pairs, self._pair = np.unique(pair, return_inverse=True)
        self._pairs = list(zip((pairs >> 32).tolist(), (pairs & 0xFFFFFFFF).tolist(), strict=True))
        of_teams = [state.teams[team] for _, team in self._pairs]
        self._pair_of = np.repeat(np.arange(len(of_teams)), list(map(len, of_teams)))
        self._clinician_of = np.fromiter(chain.from_iterable(of_teams), dtype=np.int64)
        self._pairs_of_unit: dict[str, list[tuple[int, str, tuple[str, ...]]]] = {}
        self._of_clinician: dict[int, npt.NDArray[np.bool_]] = {}
        self._by_clinician: dict[int, list[tuple[int, int, int]]] = {}
        self._by_unit: dict[str, list[tuple[int, int, int, int]]] = {}
        places = statics.places.by_number
        for number, (place, team) in enumerate(self._pairs):
            self._pairs_of_unit.setdefault(places[place].unit, []).append(
                (number, places[place].bed, state.teams.names(team))
            )
        columns = (shifts.start, shifts.end, shifts.clinician, shifts.bed)
        for start, end, who, place in zip(
            *(column[held].tolist() for column in columns), strict=True
        ):
            self._by_clinician.setdefault(who, []).append((start, end, place))
            self._by_unit.setdefault(places[place].unit, []).append((start, end, who, place))

    def _last_hour(self, at: int) -> slice:
        return slice(*np.searchsorted(self._start, [at - HOUR, at], side="right").tolist())

    def unit_of(self, clinician: int, at: int) -> str:
        """The unit of the assignment begun last, then the least unit; "" before any."""
        places, since = self._state.statics.places.by_number, at - self._state.policy.horizon
        begun = [
            (-start, places[place].unit)
            for start, end, place in self._by_clinician.get(clinician, ())
            if start <= at and end > since
        ]
        return min(begun)[1] if begun else ""

    def top_types(self, of_unit: bool, number: int, at: int) -> tuple[tuple[AlarmType, int], ...]:
        """The alarm types that gave most of the last hour's alarms of a unit or a clinician."""
        hour, types = self._last_hour(at), self._state.statics.types.by_number
        if of_unit:
            mine = self._unit[hour] == number
        else:
            if number not in self._of_clinician:
                self._of_clinician[number] = np.zeros(len(self._pairs), dtype=np.bool_)
                self._of_clinician[number][self._pair_of[self._clinician_of == number]] = True
            mine = self._of_clinician[number][self._pair[hour]]
        counts = Counter(self._type[hour][mine].tolist())
        return tuple(
            sorted(
                ((types[type_], count) for type_, count in counts.items()),
                key=lambda one: (-one[1], one[0]),
            )[:TOP]
        )

    def ward(self, unit: str, at: int) -> Ward:
        """A unit with whoever is on duty there."""
        names, places = self._state.teams.clinicians.by_number, self._state.statics.places.by_number
        beds: dict[int, set[str]] = {}
        for start, end, who, place in self._by_unit.get(unit, ()):
            if start <= at < end:
                beds.setdefault(who, set()).add(places[place].bed)
        counts = np.bincount(self._pair[self._last_hour(at)], minlength=len(self._pairs))
        loads = np.bincount(self._clinician_of, weights=counts[self._pair_of], minlength=len(names))
        by_bed: dict[str, list[tuple[tuple[str, ...], int]]] = {}
        for number, bed, team in self._pairs_of_unit.get(unit, ()):
            if counts[number]:
                by_bed.setdefault(bed, []).append((team, int(counts[number])))
        return Ward(
            {names[who][1]: of for who, of in beds.items()},
            {names[who][1]: int(loads[who]) for who in beds},
            by_bed,
        )
