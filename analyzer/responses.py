"""Responses: what people did, by alarm and by bed, and when each unit was last seen to have a human channel."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from analyzer.blocks import Blocks
from analyzer.ids import Codes, Growing, Numbers, distinct
from analyzer.names import Numbered
from analyzer.policy import HOUR

INTERVENTIONS = frozenset({"intervene", "consult"})
"""Actions that make an alarm actionable: observed intervention, or consultation at the bedside (Bonafide 2015, 2017)."""


class Heard(NamedTuple):
    """A response, as far as episodes care. `unit` is a number, NOT_SAID where the response names none."""

    at: int
    intervenes: bool
    unit: int


NOT_SAID = -1


class _Said:
    """A response about a bed, in its block."""

    __slots__ = ("bed", "block", "heard")

    def __init__(self, bed: int, heard: Heard) -> None:
        self.bed = bed
        self.heard = heard
        self.block = 0


class BedResponses(Growing):
    """Responses that name a bed and no alarm, in order of time per bed. `beds` numbers (facility, name of a bed)."""

    latest: Numbers  # by bed: `at` of its last response

    def __init__(self, beds: Numbered[tuple[int, str]]) -> None:
        super().__init__(latest=(np.int64, -(1 << 62)))
        self._numbers = beds
        self._beds: dict[int, list[Heard]] = {}
        self.blocks: Blocks[_Said] = Blocks(512)

    def add(self, bed: int, heard: Heard) -> None:
        said = _Said(bed, heard)
        self.blocks.add(said)
        self._enter(said)

    def _enter(self, said: _Said) -> None:
        insort(self._beds.setdefault(said.bed, []), said.heard, key=_at)
        self.reserve(said.bed + 1)
        self.latest[said.bed] = max(int(self.latest[said.bed]), said.heard.at)

    def since(self, beds: Codes, moments: Numbers) -> npt.NDArray[np.bool_]:
        """For each pair of bed and moment: whether anything was said about the bed at the moment or later."""
        self.reserve(int(beds.max()) + 1)
        return np.asarray(self.latest[beds] >= moments, dtype=np.bool_)

    def within(self, bed: int, unit: int, start: int, end: int) -> list[Heard]:
        """Those about a bed (of `unit`, where they say a unit) at `start` <= at <= `end`."""
        said = self._beds.get(bed)
        if not said:
            return []
        low = bisect_left(said, start, key=_at)
        high = bisect_right(said, end, lo=low, key=_at)
        return [one for one in said[low:high] if one.unit == NOT_SAID or one.unit == unit]

    def drop_before(self, moments: list[int], oldest_alarm: dict[int, int]) -> None:
        """Forget responses older than their facility's moment, and than the oldest held episode of their bed (by number)."""
        for said in list(self.blocks):
            moment = moments[self._numbers.things[said.bed][0]]
            if said.heard.at < min(moment, oldest_alarm.get(said.bed, moment)):
                self.blocks.remove(said)
                of_bed = self._beds[said.bed]
                of_bed.remove(said.heard)
                if not of_bed:
                    del self._beds[said.bed]

    def dump(self, block: int) -> list[Any]:
        return sorted([*self._numbers.things[one.bed], *one.heard] for one in self.blocks[block])

    def load(self, block: int, content: list[Any]) -> None:
        for facility, bed, *heard in content:
            said = _Said(self._numbers[facility, bed], Heard(*heard))
            self.blocks.restore(block, said)
            self._enter(said)


def _at(heard: Heard) -> int:
    return heard.at


class Cover:
    """Per unit, the moments at which somebody of it responded to anything (a multiset). Stored by the hour.

    `came` and `went` collect (unit, moment)s for whoever must judge finished episodes again.
    """

    def __init__(self, units: Numbered[tuple[int, str]]) -> None:
        self._numbers = units
        self._units: dict[int, list[int]] = {}
        self.came: list[tuple[int, int]] = []
        self.went: list[tuple[int, int]] = []
        self.dirty: set[int] = set()

    def add(self, unit: int, at: int) -> None:
        insort(self._units.setdefault(unit, []), at)
        self.came.append((unit, at))
        self.dirty.add(at // HOUR)

    def add_all(self, units: Codes, at: Numbers) -> None:
        """Add many; those of a unit that come in order, as they mostly do, are put behind its others at once."""
        order = np.lexsort((at, units))
        units, at = units[order], at[order]
        begins = np.flatnonzero(np.concatenate([[True], units[1:] != units[:-1]])) if len(units) else units
        for unit, begin, end in zip(units[begins].tolist(), begins.tolist(), [*begins[1:].tolist(), len(units)], strict=False):
            moments = at[begin:end].tolist()
            known = self._units.setdefault(unit, [])
            in_order = not known or known[-1] <= moments[0]
            known += moments
            if not in_order:
                known.sort()
            self.came += [(unit, moment) for moment in moments]
        self.dirty.update(distinct(at // HOUR).tolist())

    def remove(self, unit: int, at: int) -> None:
        moments = self._units.get(unit, [])
        place = bisect_left(moments, at)
        if place < len(moments) and moments[place] == at:  # else the horizon has taken it already
            del moments[place]
            self.went.append((unit, at))
            self.dirty.add(at // HOUR)

    def covered(self, unit: int, until: int, length: int) -> bool:
        """Whether somebody responded at `until` - `length` <= at <= `until`."""
        moments = self._units.get(unit)
        if not moments:
            return False
        place = bisect_right(moments, until)
        return place > 0 and moments[place - 1] >= until - length

    def drop_before(self, moments: list[int]) -> None:
        """Forget what is older than the facility's moment."""
        for unit, known in list(self._units.items()):
            place = bisect_left(known, moments[self._numbers.things[unit][0]])
            if place:
                self.dirty.update({at // HOUR for at in known[:place]})
                del known[:place]
                if not known:
                    del self._units[unit]

    def dump(self, hour: int) -> list[Any]:
        """[unit, moments] of an hour."""
        found = []
        for unit, known in self._units.items():
            low = bisect_left(known, hour * HOUR)
            high = bisect_left(known, (hour + 1) * HOUR, lo=low)
            if low < high:
                found.append([unit, known[low:high]])
        return sorted(found)

    def load(self, hour: int, content: list[Any]) -> None:
        """Put an hour back; hours come in order."""
        self.dirty.add(hour)
        for unit, moments in content:
            self._units.setdefault(unit, []).extend(moments)
