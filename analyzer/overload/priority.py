"""Priority: who needs help first, and which units come first if not all can be shown.

The functions return sort keys: what sorts first needs help first.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from heapq import nsmallest
from typing import Any

from analyzer.overload.status import Standing
from analyzer.windows.burden import UnitBurdens

RATE_MINUTES = 10
"""The interval of ISA-18.2 rates."""


@dataclass(frozen=True, slots=True)
class UnitNeed:
    """The figures by which units are ordered by their need for help."""

    state: int
    """An index into `STATES`."""
    overloaded: int
    """Clinicians on duty in this state."""
    elevated: int
    minutes: Sequence[int]
    """The alarms of each of the last minutes, oldest first."""
    clinicians: int
    """On duty."""

    @property
    def order(self) -> tuple[float, ...]:
        """By state, then by overloaded clinicians, by elevated ones, and by alarms in
        `RATE_MINUTES` per clinician.
        """
        rate = sum(self.minutes[-RATE_MINUTES:]) / max(self.clinicians, 1)
        return -self.state, -self.overloaded, -self.elevated, -rate


def clinician_order(state: int, standing: Standing) -> tuple[int, int]:
    """By state (of `STATES`), then who has been in it longest."""
    return -state, standing.since


def first_facilities(units: UnitBurdens, names: Collection[str], most: int) -> frozenset[str]:
    """At most `most` of the facilities `names`: by the worst state of their units, then by alarms,
    then by name.
    """
    need = dict.fromkeys(names, (0, 0))
    for facility, (state, alarms) in zip(units.facility, _need(units), strict=True):
        worst, total = need[facility]
        need[facility] = max(worst, state), total + alarms
    return frozenset(nsmallest(most, names, key=lambda one: (*_descending(need[one]), one)))


def first_units(units: UnitBurdens, facilities: Collection[str], most: int) -> list[int]:
    """The rows, ascending, of at most `most` units of these facilities: by state, then by alarms,
    then by name.

    So a feed that makes up names cannot displace a ward at work.
    """
    need = _need(units)
    rows = (row for row, facility in enumerate(units.facility) if facility in facilities)
    first = nsmallest(
        most,
        rows,
        key=lambda row: (*_descending(need[row]), units.facility[row], units.unit[row]),
    )
    return sorted(first)


def _need(units: UnitBurdens) -> list[tuple[int, int]]:
    """By row: the state, and the alarms of the window that has most of them (the longest)."""
    alarms = units.alarms.sum(axis=-1).max(axis=-1, initial=0)
    return list(zip(units.overload.tolist(), alarms.tolist(), strict=True))


def _descending(values: tuple[int, ...]) -> tuple[Any, ...]:
    return tuple(-value for value in values)
