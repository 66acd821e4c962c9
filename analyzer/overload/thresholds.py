"""Levels: which ones hold for whom at which tick, and what is beyond them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from analyzer.arrays import Flags, Floats
from analyzer.model.policy import LESS_IS_WORSE, Levels, OverloadPolicy
from analyzer.overload.measures import Loads, Ticks

if TYPE_CHECKING:
    from analyzer.pipeline.state import State


class LevelTable:
    """Levels to be looked up for many rows and ticks: `which` (see `number`) tells whose hold."""

    def __init__(self, policy: OverloadPolicy) -> None:
        self.policy = policy
        self._numbers: dict[tuple[str, str], int] = {}
        self._sets: list[dict[str, Levels]] = [policy.levels("", "")]

    @property
    def varies(self) -> bool:
        """Whether any unit has levels of its own."""
        return bool(self.policy.units)

    def number(self, facility: str, unit: str) -> int:
        """The number of the levels that hold in a unit; 0: everywhere else."""
        if not self.varies:
            return 0
        key = (facility, unit)
        if key not in self._numbers:
            of = self.policy.levels(facility, unit)
            if of not in self._sets:
                self._sets.append(of)
            self._numbers[key] = self._sets.index(of)
        return self._numbers[key]

    def of(self, number: int) -> dict[str, Levels]:
        return self._sets[number]

    def beyond(
        self, values: dict[str, Floats], which: npt.NDArray[np.intp], state: str, edge: str
    ) -> Flags:
        """Where some measure is beyond its `enter` or `leave` level of a state.

        `which`: (rows, ticks or 1).
        """
        found: Flags = np.zeros(next(iter(values.values())).shape, dtype=np.bool_)
        for measure, value in values.items():
            levels = [getattr(of[measure], state) for of in self._sets]
            if all(one is None for one in levels):
                continue
            sign = -1.0 if measure in LESS_IS_WORSE else 1.0
            limits = np.array(
                [np.inf if one is None else sign * getattr(one, edge) for one in levels]
            )
            found |= sign * value > limits[which]  # never where the value is NaN
        return found


def levels_held(
    state: State, ticks: Ticks, levels: LevelTable, loads: Loads, is_unit: bool
) -> npt.NDArray[np.intp]:
    """The numbers in `levels` that hold for each row of `loads`: (rows, ticks), or (rows, 1) where
    they hold throughout.

    For a clinician they are those of the unit of the assignment begun last, then of the least unit;
    forgotten the horizon after its end.
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
    held = np.zeros((len(loads.numbers), ticks.count), dtype=np.intp)
    row_of = {number: row for row, number in enumerate(loads.numbers.tolist())}
    shifts, moments = state.roster.shifts, ticks.moments()
    rows = shifts.of(ticks.facilities)
    names = [units[unit][1] for unit in state.statics.units_of_places()[shifts.bed[rows]].tolist()]
    columns = (shifts.start, shifts.end, shifts.clinician, shifts.facility)
    begun = list(zip(names, *(column[rows].tolist() for column in columns), strict=True))
    begun.sort(key=lambda one: one[0], reverse=True)
    # The last one written counts: by start, and of those that begin alike the least unit last.
    for unit, start, end, clinician, facility in sorted(begun, key=lambda one: one[1]):
        if clinician in row_of:
            begin, forgotten = (
                max(int(ticks.columns(at - moments[facility])), 0)
                for at in (start, end + state.policy.horizon)
            )
            held[row_of[clinician], begin:forgotten] = levels.number(facilities[facility], unit)
    return held
