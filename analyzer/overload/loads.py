"""Loads: the measures of a facility's clinicians and units, by name, over a stretch of time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from analyzer.arrays import Floats, Numbers
from analyzer.overload.measures import Loads, Ticks, measure
from analyzer.pipeline.state import State


@dataclass(frozen=True, slots=True)
class UnitLoads:
    """The measures at some ticks. Each array has one value a tick; NaN: undefined.

    A unit's measures are those of its average clinician on duty.
    """

    ticks: Numbers
    """ms since 1970, ascending."""
    clinicians: Mapping[str, Mapping[str, Floats]]
    """By clinician and measure."""
    units: Mapping[str, Mapping[str, Floats]]
    """By unit and measure."""


def loads_between(state: State, facility: str, begin: int, end: int) -> UnitLoads | None:
    """The measures at each tick in (begin, end] (ms); None where there is nothing to measure."""
    every = state.policy.overload.every
    first, last = begin // every + 1, end // every
    if facility not in state.facilities or last < first:
        return None
    number = state.facilities[facility]
    count = len(state.facilities.by_number)
    chosen = np.zeros(count, dtype=np.bool_)
    chosen[number] = True
    firsts = np.zeros(count, dtype=np.int64)
    firsts[number] = first
    of_clinicians, of_units = measure(state, Ticks(firsts, chosen, last - first + 1, every))
    people, units = state.teams.clinicians.by_number, state.statics.units.by_number
    return UnitLoads(
        np.arange(first, last + 1, dtype=np.int64) * every,
        {people[one][1]: _row(of_clinicians, row) for row, one in _numbered(of_clinicians)},
        {units[one][1]: _row(of_units, row) for row, one in _numbered(of_units)},
    )


def _numbered(loads: Loads) -> list[tuple[int, int]]:
    return list(enumerate(loads.numbers.tolist()))


def _row(loads: Loads, row: int) -> dict[str, Floats]:
    return {name: values[row] for name, values in loads.values.items()}
