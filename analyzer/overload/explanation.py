"""Explanation: what is reported with a transition: its reasons, the most frequent alarm types, and
a bed that a colleague could take.
"""

from __future__ import annotations

from collections.abc import Callable

from analyzer.arrays import Indices
from analyzer.model.overload import STATES, Change
from analyzer.overload.context import Contexts
from analyzer.overload.machine import Transition
from analyzer.overload.measures import Loads, Ticks
from analyzer.overload.reasons import reasons_for
from analyzer.overload.thresholds import LevelTable
from analyzer.pipeline.state import State


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
        state_at: Callable[[int, int], int],
    ) -> None:
        """`level_sets`: from `levels_in_force`. `state_at`: the state of a clinician, by number, at
        a tick.
        """
        self._state = state
        self._ticks = ticks
        self._levels = levels
        self._loads = loads
        self._level_sets = level_sets
        self._is_unit = is_unit
        self._contexts = contexts
        self._state_at = state_at

    def change(self, transition: Transition, drivers: set[str]) -> Change:
        """The change to report for a transition.

        `drivers`: the measures by which the state last rose.
        """
        state, loads, (row, tick, before, after) = self._state, self._loads, transition
        facility, number = int(loads.facility[row]), int(loads.numbers[row])
        context = self._contexts[facility]
        number_of_tick = int(self._ticks.first[facility]) + tick
        at = number_of_tick * self._ticks.every
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
        relief = None
        if after > before and state.explains:
            ward = self._contexts.ward(
                facility, unit, at, lambda one: self._state_at(one, number_of_tick)
            )
            relief = ward.relief if clinician is None else ward.relief_of(clinician)
        return Change(
            facility=state.facilities.by_number[facility],
            unit=unit,
            clinician=clinician,
            at=at,
            before=STATES[before],
            after=STATES[after],
            reasons=reasons_for(before, after, levels, values, drivers),
            top_types=context.top_types(self._is_unit, number, at) if state.explains else (),
            relief=relief,
        )
