"""Thresholds: the levels in force for each clinician and unit at each tick, and what is beyond
them.
"""

from __future__ import annotations

import numpy as np

from analyzer.arrays import Flags, Floats, Indices
from analyzer.model.policy import LESS_IS_WORSE, Levels, OverloadPolicy
from analyzer.overload.measures import Loads, Ticks
from analyzer.pipeline.state import State


class LevelTable:
    """The distinct sets of levels of a policy, by number, so that arrays can refer to them."""

    def __init__(self, policy: OverloadPolicy) -> None:
        self.policy = policy
        self._numbers: dict[tuple[str, str], int] = {}
        self._sets: list[dict[str, Levels]] = [policy.levels("", "")]

    @property
    def varies(self) -> bool:
        """Whether any unit has levels of its own."""
        return bool(self.policy.units)

    def number(self, facility: str, unit: str) -> int:
        """The number of a unit's set of levels; 0 for units without levels of their own."""
        if not self.varies:
            return 0
        key = (facility, unit)
        if key not in self._numbers:
            of_unit = self.policy.levels(facility, unit)
            if of_unit not in self._sets:
                self._sets.append(of_unit)
            self._numbers[key] = self._sets.index(of_unit)
        return self._numbers[key]

    def of(self, number: int) -> dict[str, Levels]:
        """The levels of a set, by measure."""
        return self._sets[number]

    def beyond(
        self, values: dict[str, Floats], level_sets: Indices, state: str, edge: str
    ) -> Flags:
        """Where some measure is beyond its `enter` or `leave` limit of a state: (rows, ticks).

        `values`: by measure, (rows, ticks). `level_sets`: the number of the set in force, (rows,
        ticks) or (rows, 1).
        """
        found: Flags = np.zeros(next(iter(values.values())).shape, dtype=np.bool_)
        for measure, value in values.items():
            levels = [getattr(of_unit[measure], state) for of_unit in self._sets]
            if all(one is None for one in levels):
                continue
            worst = -np.inf if measure in LESS_IS_WORSE else np.inf
            limits = np.array([worst if one is None else getattr(one, edge) for one in levels])
            # never true if the value is NaN
            if measure in LESS_IS_WORSE:
                found |= value < limits[level_sets]
            else:
                found |= value > limits[level_sets]
        return found


def levels_in_force(
    state: State, ticks: Ticks, levels: LevelTable, loads: Loads, is_unit: bool
) -> Indices:
    """The number of the set of levels for each row of `loads`: (rows, ticks), or (rows, 1) if they
    are the same at all ticks.

    A clinician has the levels of the unit of the assignment that began last (of several, the first
    unit by name), until the horizon after its end.
    """
    facilities, units = state.facilities.by_number, state.statics.units.by_number
    if is_unit:
        of_units = [
            levels.number(facilities[facility], unit)
            for facility, unit in map(units.__getitem__, loads.numbers.tolist())
        ]
        return np.array(of_units, dtype=np.intp)[:, np.newaxis]
    if not levels.varies:
        return np.zeros((len(loads.numbers), 1), dtype=np.intp)
    in_force = np.zeros((len(loads.numbers), ticks.count), dtype=np.intp)
    row_of = {number: row for row, number in enumerate(loads.numbers.tolist())}
    shifts, moments = state.roster.shifts, ticks.moments()
    rows = shifts.of(ticks.facilities)
    names = [units[unit][1] for unit in state.statics.units_of_beds()[shifts.bed[rows]].tolist()]
    columns = (shifts.start, shifts.end, shifts.clinician, shifts.facility)
    begun = list(zip(names, *(column[rows].tolist() for column in columns), strict=True))
    begun.sort(key=lambda one: one[0], reverse=True)
    # Later assignments overwrite earlier ones; of those with the same start, the first unit by name
    # comes last.
    for unit, start, end, clinician, facility in sorted(begun, key=lambda one: one[1]):
        if clinician in row_of:
            begin, until = (
                max(int(ticks.columns(at - moments[facility])), 0)
                for at in (start, end + state.policy.horizon)
            )
            in_force[row_of[clinician], begin:until] = levels.number(facilities[facility], unit)
    return in_force
