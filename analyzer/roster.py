"""The roster: who cares for which bed, when - as far as it has been charted by now."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from analyzer.blocks import Blocks
from analyzer.facts import Assignment, fact_of, values_of

Bed = tuple[str, str]
"""(unit, bed): bed names repeat from unit to unit."""


class _Held:
    """An assignment's record that counts, in its block."""

    __slots__ = ("assignment", "block")

    def __init__(self, assignment: Assignment) -> None:
        self.assignment = assignment
        self.block = 0


class Roster:
    """The latest record of each assignment. Intervals are [start, end); one that ends before it begins is void."""

    def __init__(self) -> None:
        self._held: dict[str, _Held] = {}
        self._beds: dict[Bed, dict[str, Assignment]] = {}  # void ones are in no bed
        self.blocks: Blocks[_Held] = Blocks(256)

    def put(self, new: Assignment) -> tuple[Assignment, ...]:
        """Take a record in; returns the assignments whose effect appeared or vanished with it."""
        held = self._held.get(new.assignment_id)
        if held is None:
            held = self._held[new.assignment_id] = _Held(new)
            self.blocks.add(held)
            changed: tuple[Assignment, ...] = (new,)
        elif new.order <= held.assignment.order:
            return ()
        else:
            changed = (held.assignment, new)
            self._take_from_bed(held.assignment)
            held.assignment = new
            self.blocks.changed(held)
        self._put_to_bed(new)
        return changed

    def clinicians(self, bed: Bed, moment: int) -> set[str]:
        """Who was responsible for `bed` at `moment`."""
        return {one.clinician for one in self._beds.get(bed, {}).values() if holds(one, moment)}

    def valid(self) -> Iterator[Assignment]:
        """Every assignment that is not void, in no order."""
        for bed in self._beds.values():
            yield from bed.values()

    def drop_before(self, moment: int, oldest_alarm: dict[Bed, int]) -> None:
        """Forget what ended, and was charted, before `moment`, unless a held alarm of its bed still rests on it.

        `oldest_alarm` gives the earliest start of a held episode for the beds that have one.
        """
        for held in list(self._held.values()):
            one = held.assignment
            if one.at >= moment or one.end is None:
                continue
            bed = (one.unit, one.bed)
            if _void(one) or one.end < min(moment, oldest_alarm.get(bed, moment)):
                self._take_from_bed(one)
                del self._held[one.assignment_id]
                self.blocks.remove(held)

    def _put_to_bed(self, one: Assignment) -> None:
        if not _void(one):
            self._beds.setdefault((one.unit, one.bed), {})[one.assignment_id] = one

    def _take_from_bed(self, one: Assignment) -> None:
        bed = self._beds.get((one.unit, one.bed), {})
        bed.pop(one.assignment_id, None)
        if not bed:
            self._beds.pop((one.unit, one.bed), None)

    def dump(self, block: int) -> list[Any]:
        return [values_of(held.assignment) for held in sorted(self.blocks[block], key=lambda held: held.assignment.order)]

    def load(self, block: int, content: list[Any]) -> None:
        for values in content:
            one = fact_of(Assignment, values)
            held = self._held[one.assignment_id] = _Held(one)
            self.blocks.restore(block, held)
            self._put_to_bed(one)


def holds(one: Assignment, moment: int) -> bool:
    """Whether an assignment is in force at `moment`."""
    return one.start <= moment and (one.end is None or moment < one.end)


def _void(one: Assignment) -> bool:
    return one.end is not None and one.end <= one.start
