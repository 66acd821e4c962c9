"""Bed responses: what people did at a bed, without naming an alarm; and the codes of actions."""

from __future__ import annotations

from typing import Any, get_args

import numpy as np
import numpy.typing as npt

from analyzer.arrays import Codes, Numbers
from analyzer.columns.blocks import Blocks
from analyzer.columns.growing import Growing
from analyzer.columns.moments import Moments
from analyzer.columns.numbered import Numbered
from analyzer.model.facts import Action

ACTIONS: tuple[Action, ...] = get_args(Action)
ACTION_NUMBER = {action: number for number, action in enumerate(ACTIONS)}

INTERVENTIONS: frozenset[Action] = frozenset({"intervene", "consult"})
"""Actions that make an alarm actionable: observed intervention, or consultation at the bedside
(Bonafide 2015, 2017).
"""

UNNAMED = 16
"""Added to the number of an action if the response names no unit. Such a response counts for the
units of the episodes that it belongs to.
"""

INTERVENING = tuple(
    ACTION_NUMBER[action] + unnamed for action in sorted(INTERVENTIONS) for unnamed in (0, UNNAMED)
)
IS_INTERVENING = np.zeros(2 * UNNAMED, dtype=np.bool_)
IS_INTERVENING[list(INTERVENING)] = True

NO_UNIT = -1
"""The unit of a response that names none."""
_NONE: dict[int, Moments] = {}


class _BedResponse:
    """A response to a bed, and the block that stores it."""

    __slots__ = ("action", "at", "bed_name", "block", "unit")

    def __init__(self, bed_name: int, at: int, action: int, unit: int) -> None:
        self.bed_name = bed_name
        self.at = at
        self.action = action
        self.unit = unit
        self.block = 0


class BedResponses(Growing):
    """Responses that name a bed and no alarm, by bed and by the unit that they name.

    `bed_names` numbers (facility, name of a bed): a response may name no unit, and the names of
    beds repeat from unit to unit. Of several equal responses, one is held.
    """

    latest: Numbers  # by name: `at` of its last response

    def __init__(self, bed_names: Numbered[tuple[int, str]]) -> None:
        super().__init__(latest=(np.int64, -(1 << 62)))
        self._numbers = bed_names
        self._by_name: dict[int, dict[int, Moments]] = {}
        self.blocks: Blocks[_BedResponse] = Blocks(512)

    def add(self, bed_name: int, at: int, action: int, unit: int) -> bool:
        """Add a response at `at` (ms). `unit` is a number, or NO_UNIT.

        Returns False if an equal response is held already.
        """
        if not self._enter(bed_name, at, action, unit):
            return False
        self.blocks.add(_BedResponse(bed_name, at, action, unit))
        return True

    def _enter(self, bed_name: int, at: int, action: int, unit: int) -> bool:
        of_name = self._by_name.setdefault(bed_name, {})
        moments = of_name.get(unit)
        if moments is None:
            moments = of_name[unit] = Moments()
        self.reserve(bed_name + 1)
        self.latest[bed_name] = max(int(self.latest[bed_name]), at)
        return moments.add(action, at)

    def since(self, bed_names: Codes, moments: Numbers) -> npt.NDArray[np.bool_]:
        """For each pair of bed and time (ms): whether the bed has a response then or later."""
        self.reserve(int(bed_names.max()) + 1)
        return np.asarray(self.latest[bed_names] >= moments, dtype=np.bool_)

    def about(self, bed_name: int) -> dict[int, Moments]:
        """The responses to a bed, by the unit that they name (or NO_UNIT), and then by action."""
        return self._by_name.get(bed_name, _NONE)

    def drop_before(self, moments: list[int], oldest_alarm: dict[int, int]) -> None:
        """Forget the responses before the moment of their facility (ms, by number).

        Those since the start of the oldest held episode of their bed (ms, by number) stay.
        """
        limits = {}
        for bed_name in self._by_name:
            moment = moments[self._numbers.by_number[bed_name][0]]
            limits[bed_name] = min(moment, oldest_alarm.get(bed_name, moment))
        for one in [one for one in self.blocks if one.at < limits[one.bed_name]]:
            self.blocks.remove(one)
        for bed_name, limit in limits.items():
            of_name = self._by_name[bed_name]
            for unit, held in list(of_name.items()):
                held.drop_before(limit)
                if not held.by_code:
                    del of_name[unit]
            if not of_name:
                del self._by_name[bed_name]

    def remove_after(self, facility: int, moment: int) -> None:
        """Forget a facility's responses with a time after `moment` (ms)."""
        things = self._numbers.by_number
        for one in [
            one for one in self.blocks if one.at > moment and things[one.bed_name][0] == facility
        ]:
            self.blocks.remove(one)
        for bed_name in [bed_name for bed_name in self._by_name if things[bed_name][0] == facility]:
            of_name = self._by_name[bed_name]
            for unit, held in list(of_name.items()):
                held.take_from(moment + 1)
                if not held.by_code:
                    del of_name[unit]
            if not of_name:
                del self._by_name[bed_name]
            self.latest[bed_name] = min(int(self.latest[bed_name]), moment)

    def bed_names(self) -> list[int]:
        """The names of beds with a response."""
        return list(self._by_name)

    def units(self) -> set[int]:
        """The units that responses name."""
        return {unit for of_name in self._by_name.values() for unit in of_name} - {NO_UNIT}

    def renumber(self, bed_names: Codes, units: Codes) -> None:
        """Apply new numbers of beds and units. Both arrays are indexed by the old number."""
        latest, known = self.latest, self._by_name
        self.empty()
        self._by_name = {}
        for bed_name, of_name in known.items():
            moved = int(bed_names[bed_name])
            self._by_name[moved] = {_moved(units, unit): held for unit, held in of_name.items()}
            self.reserve(moved + 1)
            self.latest[moved] = latest[bed_name]
        for one in self.blocks:
            one.bed_name, one.unit = int(bed_names[one.bed_name]), _moved(units, one.unit)
            self.blocks.changed(one)

    def dump(self, block: int) -> list[Any]:
        return sorted(
            [*self._numbers.by_number[one.bed_name], one.at, one.action, one.unit]
            for one in self.blocks[block]
        )

    def load(self, block: int, content: list[Any]) -> None:
        for facility, bed_name, at, action, unit in content:
            number = self._numbers[facility, bed_name]
            self.blocks.restore(block, _BedResponse(number, at, action, unit))
            self._enter(number, at, action, unit)


def _moved(units: Codes, unit: int) -> int:
    return unit if unit == NO_UNIT else int(units[unit])
