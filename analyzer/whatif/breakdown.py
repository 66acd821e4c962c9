"""Breakdown: alarms before and after a setting by unit, hour and day, and types by load.

An alarm belongs to the hour and day of its start, in local time: the caller knows the time zones.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from analyzer.arrays import Flags, Numbers
from analyzer.model.policy import HOUR
from analyzer.pipeline.classes import ACTIONABLE, CLASSES
from analyzer.whatif.episode_table import Recorded
from analyzer.whatif.rates import DAY


class UnitCounts(NamedTuple):
    """A unit's alarms by `CLASSES`, before and after."""

    facility: str
    unit: str
    before: Numbers
    after: Numbers


def by_unit(recorded: Recorded, rows: Numbers, sounds: Flags) -> list[UnitCounts]:
    """The units with alarms, by facility and name. `sounds`: which of `rows` still sound."""
    names = [(recorded.facilities[facility], unit) for facility, unit in recorded.units]
    cell = recorded.unit[rows].astype(np.int64) * len(CLASSES) + recorded.klass[rows]
    before, after = (
        np.bincount(some, minlength=len(names) * len(CLASSES)).reshape(-1, len(CLASSES))
        for some in (cell, cell[sounds])
    )
    present = (number for number in range(len(names)) if before[number].any())
    return [
        UnitCounts(*names[number], before[number], after[number])
        for number in sorted(present, key=names.__getitem__)
    ]


def by_hour(local: Numbers, sounds: Flags) -> tuple[Numbers, Numbers]:
    """Alarms in each hour of the day, before and after. Shape (24,).

    `local`: the start of each alarm in local time, ms since 1970; `sounds`: which still sound.
    """
    hour = local // HOUR % 24
    return np.bincount(hour, minlength=24), np.bincount(hour[sounds], minlength=24)


def by_day(local: Numbers, sounds: Flags) -> tuple[Numbers, Numbers, Numbers]:
    """The days with alarms (since 1970), and their alarms before and after. Shape (days,).

    `local`, `sounds`: as for `by_hour`.
    """
    days, index = np.unique(local // DAY, return_inverse=True)
    before, after = (np.bincount(one, minlength=len(days)) for one in (index, index[sounds]))
    return days, before, after


def types_by_load(recorded: Recorded) -> list[tuple[int, int]]:
    """The number and load of each type with alarms, highest load first, then by name.

    The load counts the alarms that are not known to have been actionable.
    """
    load = np.bincount(
        recorded.type[recorded.klass != ACTIONABLE], minlength=len(recorded.types)
    ).tolist()
    present = np.unique(recorded.type).tolist()
    present.sort(key=lambda number: (-load[number], recorded.types[number]))
    return [(number, load[number]) for number in present]
