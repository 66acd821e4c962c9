"""Responses: what people did, by alarm and by bed, and when each unit was last seen to have a human
channel.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable
from typing import Any, get_args

import numpy as np
import numpy.typing as npt

from analyzer.arrays import Codes, Numbers, distinct
from analyzer.columns.blocks import Blocks
from analyzer.columns.growing import Growing
from analyzer.columns.moments import Moments, merge
from analyzer.columns.numbered import Numbered
from analyzer.model.facts import Action
from analyzer.model.policy import HOUR

ACTIONS: tuple[Action, ...] = get_args(Action)
ACTION_NUMBER = {action: number for number, action in enumerate(ACTIONS)}

INTERVENTIONS: frozenset[Action] = frozenset({"intervene", "consult"})
"""Actions that make an alarm actionable: observed intervention, or consultation at the bedside
(Bonafide 2015, 2017).
"""

UNNAMED = 16
"""Added to the number of an action where the response names no unit: then it comes from the units
of its episodes.
"""

INTERVENING = tuple(
    ACTION_NUMBER[action] + unnamed for action in sorted(INTERVENTIONS) for unnamed in (0, UNNAMED)
)
IS_INTERVENING = np.zeros(2 * UNNAMED, dtype=np.bool_)
IS_INTERVENING[list(INTERVENING)] = True

NOT_SAID = -1
_NONE: dict[int, Moments] = {}


class _Said:
    """A response about a bed, in its block."""

    __slots__ = ("action", "at", "bed", "block", "unit")

    def __init__(self, bed: int, at: int, action: int, unit: int) -> None:
        self.bed = bed
        self.at = at
        self.action = action
        self.unit = unit
        self.block = 0


class BedResponses(Growing):
    """Responses that name a bed and no alarm, by bed and the unit they name. `beds` numbers
    (facility, name of a bed).

    Of responses alike in all of it one is held.
    """

    latest: Numbers  # by bed: `at` of its last response

    def __init__(self, beds: Numbered[tuple[int, str]]) -> None:
        super().__init__(latest=(np.int64, -(1 << 62)))
        self._numbers = beds
        self._beds: dict[int, dict[int, Moments]] = {}
        self.blocks: Blocks[_Said] = Blocks(512)

    def add(self, bed: int, at: int, action: int, unit: int) -> bool:
        """`unit` is a number, NOT_SAID where the response names none.

        Returns whether there was none alike.
        """
        if not self._enter(bed, at, action, unit):
            return False
        self.blocks.add(_Said(bed, at, action, unit))
        return True

    def _enter(self, bed: int, at: int, action: int, unit: int) -> bool:
        of_bed = self._beds.setdefault(bed, {})
        moments = of_bed.get(unit)
        if moments is None:
            moments = of_bed[unit] = Moments()
        self.reserve(bed + 1)
        self.latest[bed] = max(int(self.latest[bed]), at)
        return moments.add(action, at)

    def since(self, beds: Codes, moments: Numbers) -> npt.NDArray[np.bool_]:
        """For each pair of bed and moment: whether anything was said about the bed at the moment or
        later.
        """
        self.reserve(int(beds.max()) + 1)
        return np.asarray(self.latest[beds] >= moments, dtype=np.bool_)

    def about(self, bed: int) -> dict[int, Moments]:
        """Responses about a bed by the unit that they name (NOT_SAID: none), and then by action."""
        return self._beds.get(bed, _NONE)

    def drop_before(self, moments: list[int], oldest_alarm: dict[int, int]) -> None:
        """Forget responses older than their facility's moment, and than the oldest held episode of
        their bed (by number).
        """
        limits = {}
        for bed in self._beds:
            moment = moments[self._numbers.by_number[bed][0]]
            limits[bed] = min(moment, oldest_alarm.get(bed, moment))
        for said in [said for said in self.blocks if said.at < limits[said.bed]]:
            self.blocks.remove(said)
        for bed, limit in limits.items():
            of_bed = self._beds[bed]
            for unit, held in list(of_bed.items()):
                held.drop_before(limit)
                if not held.by_code:
                    del of_bed[unit]
            if not of_bed:
                del self._beds[bed]

    def remove_after(self, facility: int, moment: int) -> None:
        """Forget a facility's responses with a time after `moment` (ms)."""
        things = self._numbers.by_number
        for said in [
            one for one in self.blocks if one.at > moment and things[one.bed][0] == facility
        ]:
            self.blocks.remove(said)
        for bed in [bed for bed in self._beds if things[bed][0] == facility]:
            of_bed = self._beds[bed]
            for unit, held in list(of_bed.items()):
                held.take_from(moment + 1)
                if not held.by_code:
                    del of_bed[unit]
            if not of_bed:
                del self._beds[bed]
            self.latest[bed] = min(int(self.latest[bed]), moment)

    def beds(self) -> list[int]:
        """The beds with a response."""
        return list(self._beds)

    def units(self) -> set[int]:
        """The units that responses name."""
        return {unit for of_bed in self._beds.values() for unit in of_bed} - {NOT_SAID}

    def renumber(self, beds: Codes, units: Codes) -> None:
        """Beds and units have other numbers now; both are given by their old ones."""
        latest, known = self.latest, self._beds
        self.empty()
        self._beds = {}
        for bed, of_bed in known.items():
            moved = int(beds[bed])
            self._beds[moved] = {_moved(units, unit): held for unit, held in of_bed.items()}
            self.reserve(moved + 1)
            self.latest[moved] = latest[bed]
        for said in self.blocks:
            said.bed, said.unit = int(beds[said.bed]), _moved(units, said.unit)
            self.blocks.changed(said)

    def dump(self, block: int) -> list[Any]:
        return sorted(
            [*self._numbers.by_number[one.bed], one.at, one.action, one.unit]
            for one in self.blocks[block]
        )

    def load(self, block: int, content: list[Any]) -> None:
        for facility, bed, at, action, unit in content:
            number = self._numbers[facility, bed]
            self.blocks.restore(block, _Said(number, at, action, unit))
            self._enter(number, at, action, unit)


def _moved(units: Codes, unit: int) -> int:
    return unit if unit == NOT_SAID else int(units[unit])


class Cover:
    """Per unit and action, the moments at which somebody of it responded to anything (a multiset).
    Stored by the hour.

    Only actions `by` which an intervention could have been reported give cover; the others are held
    in case the policy changes. `came` and `went` collect (unit, moment)s of cover, after which
    finished episodes are classified again.
    """

    def __init__(self, units: Numbered[tuple[int, str]], by: Iterable[str]) -> None:
        self._numbers = units
        self._by = frozenset(ACTION_NUMBER[action] for action in by)  # type: ignore[index]  # the policy has checked them
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
        """Add many; those of a unit that come in order, as they mostly do, are put behind its
        others at once.
        """
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
        place = bisect_left(moments, at)
        if place < len(moments) and moments[place] == at:  # else the horizon has taken it already
            del moments[place]
            if action in self._by:
                self.went.append((unit, at))
            self.dirty.add(at // HOUR)

    def covered(self, unit: int, until: int, length: int) -> bool:
        """Whether somebody gave cover at `until` - `length` <= at <= `until`."""
        for action, moments in self._units.get(unit, {}).items():
            if action in self._by:
                place = bisect_right(moments, until)
                if place > 0 and moments[place - 1] >= until - length:
                    return True
        return False

    def drop_before(self, moments: list[int]) -> None:
        """Forget what is older than the facility's moment."""
        for unit, of_unit in list(self._units.items()):
            limit = moments[self._numbers.by_number[unit][0]]
            for action, known in list(of_unit.items()):
                place = bisect_left(known, limit)
                if place:
                    self.dirty.update({at // HOUR for at in known[:place]})
                    del known[:place]
                if not known:
                    del of_unit[action]
            if not of_unit:
                del self._units[unit]

    def units(self) -> list[int]:
        """The units with a moment."""
        return list(self._units)

    def remove_after(self, unit: int, moment: int) -> None:
        """Take back everything after `moment` (ms)."""
        of_unit = self._units.get(unit, {})
        for action, known in list(of_unit.items()):
            place = bisect_right(known, moment)
            if place < len(known):
                self.dirty.update({at // HOUR for at in known[place:]})
                if action in self._by:
                    self.went += [(unit, at) for at in known[place:]]
                del known[place:]
            if not known:
                del of_unit[action]
        if not of_unit:
            self._units.pop(unit, None)

    def renumber(self, units: Codes) -> None:
        """Units have other numbers now; `units` gives them by their old ones, -1 for forgotten
        ones.
        """
        self._units = {int(units[unit]): of_unit for unit, of_unit in self._units.items()}
        self.came = [(int(units[unit]), at) for unit, at in self.came if units[unit] >= 0]
        self.went = [(int(units[unit]), at) for unit, at in self.went if units[unit] >= 0]
        for of_unit in self._units.values():
            self.dirty.update(at // HOUR for known in of_unit.values() for at in known)

    def dump(self, hour: int) -> list[Any]:
        """[unit, action, moments] of an hour."""
        found = []
        for unit, of_unit in self._units.items():
            for action, known in of_unit.items():
                low = bisect_left(known, hour * HOUR)
                high = bisect_left(known, (hour + 1) * HOUR, lo=low)
                if low < high:
                    found.append([unit, action, known[low:high]])
        return sorted(found)

    def load(self, hour: int, content: list[Any]) -> None:
        """Put an hour back; hours come in order."""
        self.dirty.add(hour)
        for unit, action, moments in content:
            self._of(unit, action).extend(moments)
