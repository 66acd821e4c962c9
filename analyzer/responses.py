"""Responses: what people did, by alarm and by bed, and when each unit was last seen to have a human channel."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from analyzer.blocks import Blocks
from analyzer.episodes import Heard
from analyzer.facts import Response

INTERVENTIONS = ("intervene", "consult")
"""Actions that make an alarm actionable: observed intervention, or consultation at the bedside (Bonafide 2015, 2017)."""


def heard(response: Response) -> Heard:
    return Heard(response.at, response.event_id, response.action in INTERVENTIONS, response.unit)


class _Said:
    """A response about a bed, in its block."""

    __slots__ = ("bed", "block", "heard")

    def __init__(self, bed: str, heard: Heard) -> None:
        self.bed = bed
        self.heard = heard
        self.block = 0


class BedResponses:
    """Responses that name a bed and no alarm, in order of time per bed."""

    def __init__(self) -> None:
        self._beds: dict[str, list[Heard]] = {}
        self.blocks: Blocks[_Said] = Blocks(512)

    def add(self, bed: str, heard: Heard) -> None:
        self.blocks.add(_Said(bed, heard))
        insort(self._beds.setdefault(bed, []), heard)

    def within(self, unit: str, bed: str, start: int, end: int) -> list[Heard]:
        """Those about `bed` (of `unit`, where they say a unit) at `start` <= at <= `end`."""
        said = self._beds.get(bed)
        if not said:
            return []
        low = bisect_left(said, start, key=_at)
        high = bisect_right(said, end, lo=low, key=_at)
        return [one for one in said[low:high] if one.unit is None or one.unit == unit]

    def drop_before(self, moment: int, oldest_alarm: dict[str, int]) -> None:
        """Forget responses older than `moment`, and than the oldest held episode of their bed (by bed name)."""
        for said in list(self.blocks):
            if said.heard.at < min(moment, oldest_alarm.get(said.bed, moment)):
                self.blocks.remove(said)
                of_bed = self._beds[said.bed]
                of_bed.remove(said.heard)
                if not of_bed:
                    del self._beds[said.bed]

    def __iter__(self) -> Iterator[Heard]:
        return (said.heard for said in self.blocks)

    def dump(self, block: int) -> list[Any]:
        return sorted((said.bed, said.heard) for said in self.blocks[block])

    def load(self, block: int, content: list[Any]) -> None:
        for bed, values in content:
            said = _Said(bed, Heard(*values))
            self.blocks.restore(block, said)
            insort(self._beds.setdefault(bed, []), said.heard)


def _at(heard: Heard) -> int:
    return heard.at


class Cover:
    """Per unit, the moments at which somebody of it responded to anything (a multiset).

    `changed` collects, per unit, the span of moments that came or went, for whoever must judge finished episodes again.
    """

    def __init__(self) -> None:
        self._units: dict[str, list[int]] = {}
        self.changed: dict[str, tuple[int, int]] = {}

    def add(self, unit: str, at: int) -> None:
        insort(self._units.setdefault(unit, []), at)
        self._note(unit, at)

    def remove(self, unit: str, at: int) -> None:
        moments = self._units.get(unit, [])
        place = bisect_left(moments, at)
        if place < len(moments) and moments[place] == at:  # else the horizon has taken it already
            del moments[place]
            self._note(unit, at)

    def covered(self, unit: str, until: npt.NDArray[np.int64], length: int) -> npt.NDArray[np.bool_]:
        """For each moment of `until`: whether somebody responded at `until` - `length` <= at <= `until`."""
        moments = np.array(self._units.get(unit, ()), dtype=np.int64)
        found = np.searchsorted(moments, until, side="right") > np.searchsorted(moments, until - length, side="left")
        return np.asarray(found, dtype=np.bool_)

    def drop_before(self, moment: int) -> None:
        """Forget what is older than `moment`."""
        for unit, moments in list(self._units.items()):
            del moments[: bisect_left(moments, moment)]
            if not moments:
                del self._units[unit]

    def dump(self, before: int) -> list[Any]:
        """The moments earlier than `before`, by unit."""
        old = [[unit, moments[: bisect_left(moments, before)]] for unit, moments in sorted(self._units.items())]
        return [one for one in old if one[1]]

    def load(self, content: list[Any], before: int) -> None:
        """Put back what `dump` gave, in the place of whatever is earlier than `before`."""
        self.drop_before(before)
        for unit, moments in content:
            self._units[unit] = [*moments, *self._units.get(unit, ())]

    def _note(self, unit: str, at: int) -> None:
        low, high = self.changed.get(unit, (at, at))
        self.changed[unit] = min(low, at), max(high, at)
