"""Coverage: when each unit was seen to have a human channel, a way to report an intervention.

A response that names a unit covers that unit. A response that names none covers the units of the
episodes that it belongs to: see `contributions`.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np

from analyzer.arrays import Codes, Numbers, distinct
from analyzer.columns.moments import merge
from analyzer.columns.numbered import Numbered
from analyzer.model.policy import HOUR
from analyzer.pipeline.responses import ACTION_NUMBER


class Contribution(NamedTuple):
    """The coverage that an episode contributes to its unit. Times are in ms, both ends included.

    Responses without a unit count if they name the alarm id of the episode in [`first`, `last`],
    or its bed in [`first_at_bed`, `last_at_bed`].
    """

    unit: int
    first: int
    last: int
    first_at_bed: int
    last_at_bed: int
    bed_name: int

    def stretch(self, by_id: bool) -> tuple[int, int]:
        return (self.first, self.last) if by_id else (self.first_at_bed, self.last_at_bed)


class Cover:
    """By unit and action, the times (ms) at which somebody of the unit responded to anything.

    The times are a multiset, and are stored by the hour. Only the actions in `by`, through which
    an intervention can be reported, give cover. The others are held in case the policy changes.
    `came` and `went` collect the (unit, time)s of cover that was added or removed since the last
    reclassification.
    """

    def __init__(self, units: Numbered[tuple[int, str]], by: Iterable[str]) -> None:
        self._numbers = units
        # The policy has checked the actions.
        self._by = frozenset(ACTION_NUMBER[action] for action in by)  # type: ignore[index]
        self._units: dict[int, dict[int, list[int]]] = {}
        self.came: list[tuple[int, int]] = []
        self.went: list[tuple[int, int]] = []
        self.dirty: set[int] = set()

    def _of(self, unit: int, action: int) -> list[int]:
        of_unit = self._units.setdefault(unit, {})
        known = of_unit.get(action)
        if known is None:
            known = of_unit[action] = []
        return known

    def add(self, unit: int, action: int, at: int) -> None:
        insort(self._of(unit, action), at)
        if action in self._by:
            self.came.append((unit, at))
        self.dirty.add(at // HOUR)

    def add_all(self, units: Codes, actions: Codes, at: Numbers) -> None:
        """Add many. Those that are in order of time, as most are, are appended in one step."""
        if not len(units):
            return
        order = np.lexsort((at, actions, units))
        units, actions, at = units[order], actions[order], at[order]
        begins = np.flatnonzero(
            np.concatenate([[True], (units[1:] != units[:-1]) | (actions[1:] != actions[:-1])])
        )
        for unit, action, begin, end in zip(
            units[begins].tolist(),
            actions[begins].tolist(),
            begins.tolist(),
            [*begins[1:].tolist(), len(units)],
            strict=True,
        ):
            moments = at[begin:end].tolist()
            merge(self._of(unit, action), moments)
            if action in self._by:
                self.came += [(unit, moment) for moment in moments]
        self.dirty.update(distinct(at // HOUR).tolist())

    def remove(self, unit: int, action: int, at: int) -> None:
        moments = self._units.get(unit, {}).get(action, [])
        index = bisect_left(moments, at)
        if index < len(moments) and moments[index] == at:  # else it was evicted
            del moments[index]
            if action in self._by:
                self.went.append((unit, at))
            self.dirty.add(at // HOUR)

    def covered(self, unit: int, until: int, length: int) -> bool:
        """Whether the unit has cover at some time in [`until` - `length`, `until`]."""
        for action, moments in self._units.get(unit, {}).items():
            if action in self._by:
                index = bisect_right(moments, until)
                if index > 0 and moments[index - 1] >= until - length:
                    return True
        return False

    def drop_before(self, moments: list[int], closings: Mapping[int, int], length: int) -> None:
        """Forget what no episode needs that is classified from now on: times more than `length`
        (ms) before the moment of the facility (by number), or before the earliest closing of its
        held episodes, by unit.
        """
        for unit, of_unit in list(self._units.items()):
            moment = moments[self._numbers.by_number[unit][0]]
            limit = min(moment, closings.get(unit, moment)) - length
            for action, known in list(of_unit.items()):
                index = bisect_left(known, limit)
                if index:
                    self.dirty.update({at // HOUR for at in known[:index]})
                    del known[:index]
                if not known:
                    del of_unit[action]
            if not of_unit:
                del self._units[unit]

    def units(self) -> list[int]:
        """The units with a response."""
        return list(self._units)

    def remove_after(self, unit: int, moment: int) -> None:
        """Remove the times of a unit after `moment` (ms)."""
        of_unit = self._units.get(unit, {})
        for action, known in list(of_unit.items()):
            index = bisect_right(known, moment)
            if index < len(known):
                self.dirty.update({at // HOUR for at in known[index:]})
                if action in self._by:
                    self.went += [(unit, at) for at in known[index:]]
                del known[index:]
            if not known:
                del of_unit[action]
        if not of_unit:
            self._units.pop(unit, None)

    def renumber(self, units: Codes) -> None:
        """Apply new numbers of units, indexed by the old number; -1: the unit is forgotten."""
        self._units = {int(units[unit]): of_unit for unit, of_unit in self._units.items()}
        self.came = [(int(units[unit]), at) for unit, at in self.came if units[unit] >= 0]
        self.went = [(int(units[unit]), at) for unit, at in self.went if units[unit] >= 0]
        for of_unit in self._units.values():
            self.dirty.update(at // HOUR for known in of_unit.values() for at in known)

    def dump(self, hour: int) -> list[Any]:
        """[unit, action, times] of an hour, sorted."""
        found = []
        for unit, of_unit in self._units.items():
            for action, known in of_unit.items():
                low = bisect_left(known, hour * HOUR)
                high = bisect_left(known, (hour + 1) * HOUR, lo=low)
                if low < high:
                    found.append([unit, action, known[low:high]])
        return sorted(found)

    def load(self, hour: int, content: list[Any]) -> None:
        """Restore an hour. Hours must be restored in order."""
        self.dirty.add(hour)
        for unit, action, moments in content:
            self._of(unit, action).extend(moments)
