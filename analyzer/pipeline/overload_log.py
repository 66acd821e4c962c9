"""Overload log: the transitions of overload states found so far, and what is left to evaluate.

Only transitions are stored. A late fact marks ticks as dirty; `analyzer.overload.tracker` then
evaluates them again and replaces their transitions here. A transition that was emitted and no
longer holds is retracted.

A tick is a whole multiple of `OverloadPolicy.every` since the epoch, and is known by its number.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from analyzer.arrays import Codes, Flags, Integers, Numbers
from analyzer.columns.growing import Growing
from analyzer.model.overload import NORMAL, Change, ChangeRecord, Reason, Relief
from analyzer.model.policy import OverloadPolicy

BEFORE_ALL = -(1 << 40)
"""A tick before all others."""
AFTER_ALL = 1 << 40
"""A tick after all others."""

Subject = tuple[bool, int]
"""Whether it is a unit, and its number (in `Statics.units` or `Teams.clinicians`)."""


@dataclass(slots=True)
class LoggedTransition:
    """A transition to `state` at `tick`, and whether its change was emitted."""

    tick: int
    state: int
    change: Change
    emitted: bool = False

    def dump(self) -> list[Any]:
        """The transition in plain values; `load` reads them."""
        change = [getattr(self.change, field) for field in Change.__slots__]
        return [self.state, self.emitted, *change]

    @classmethod
    def load(cls, content: list[Any], every: int) -> LoggedTransition:
        state, emitted, facility, unit, clinician, at, before, after, why, types, relief = content
        if relief is not None:
            bed, giver, giver_alarms, taker, taker_alarms, taker_beds = relief
            relief = Relief(bed, giver, tuple(giver_alarms), taker, tuple(taker_alarms), taker_beds)
        change = Change(
            facility=facility,
            unit=unit,
            clinician=clinician,
            at=at,
            before=before,
            after=after,
            reasons=tuple(Reason(*one) for one in why),
            top_types=tuple((tuple(type_), count) for type_, count in types),
            relief=relief,
        )
        return cls(-(-at // every), state, change, emitted)


Transitions = dict[Subject, list[LoggedTransition]]
"""The transitions of each subject of a facility, in order of ticks."""


class OverloadLog(Growing):
    """The overload states of a partition's facilities. Columns are ticks by facility."""

    first_alarm: Numbers
    """The first tick at or after the start of the earliest alarm: states begin here."""
    evaluated_to: Numbers
    """The last tick that was evaluated."""
    dirty_from: Numbers
    """The earliest tick at which new facts may change a load."""

    def __init__(self, policy: OverloadPolicy) -> None:
        super().__init__(
            first_alarm=(np.int64, AFTER_ALL),
            evaluated_to=(np.int64, BEFORE_ALL),
            dirty_from=(np.int64, AFTER_ALL),
        )
        self._every = policy.every
        self.transitions: dict[int, Transitions] = {}
        """By facility. Subjects that have always been normal are left out."""
        self._may_be_pending: set[int] = set()
        """Facilities that may have transitions not emitted yet."""
        self._retracted: list[Change] = []
        """Changes that were emitted and no longer hold; their retractions are pending."""
        self.dirty: set[int] = set()
        """Facilities whose transitions differ from the stored ones."""

    # -- facts

    def mark_dirty(self, facilities: Integers, times: Numbers) -> None:
        """Have the ticks of each facility evaluated again from its time (ms) on."""
        np.minimum.at(self.dirty_from, facilities, -(-times // self._every))

    def alarms_start(self, facilities: Integers, starts: Numbers) -> None:
        """Alarms of these facilities start at these times (ms)."""
        np.minimum.at(self.first_alarm, facilities, -(-starts // self._every))

    def alarms_removed(self, facility: int, removed: Numbers, left: Numbers) -> None:
        """Alarms of a facility were removed; `removed` and `left` are the starts (ms) of those
        removed and of those left.

        If the earliest alarm was evicted long ago, its tick stays the first one.
        """
        if -(-int(removed.min()) // self._every) == self.first_alarm[facility]:
            self.first_alarm[facility] = (
                -(-int(left.min()) // self._every) if len(left) else AFTER_ALL
            )

    def rewind(self, facility: int, now: int) -> None:
        """Set a facility's time back to `now` (ms); later changes are retracted."""
        tick = now // self._every
        if self.evaluated_to[facility] <= tick:
            return
        self.evaluated_to[facility] = tick
        for subject, known in list(self.transitions.get(facility, {}).items()):
            later = [one for one in known if one.tick > tick]
            if later:
                self._retracted += [one.change for one in later if one.emitted]
                self._put(facility, subject, known[: len(known) - len(later)])

    def drop(self, facility: int) -> None:
        """Forget a facility, without retractions."""
        if self.transitions.pop(facility, None) is not None:
            self.dirty.add(facility)
        self._may_be_pending.discard(facility)
        self.first_alarm[facility], self.evaluated_to[facility] = AFTER_ALL, BEFORE_ALL
        self.dirty_from[facility] = AFTER_ALL

    def evict(self, horizon: Numbers) -> None:
        """Drop emitted transitions before the horizon (ms, by facility), except those that explain
        the state at the horizon.
        """
        for facility, of_facility in list(self.transitions.items()):
            tick = int(horizon[facility]) // self._every
            for subject, known in list(of_facility.items()):
                old = [one for one in known if one.tick < tick and one.emitted]
                if old:
                    self._put(facility, subject, since_rise(old) + known[len(old) :])

    # -- states

    def states(self, of_units: bool) -> dict[int, int]:
        """The state of each clinician, or each unit, that is not normal, by number."""
        return {
            number: known[-1].state
            for of_facility in self.transitions.values()
            for (is_unit, number), known in of_facility.items()
            if is_unit == of_units and known[-1].state != NORMAL
        }

    def standing(self) -> Iterator[tuple[Subject, int, Change]]:
        """Each subject that is not normal, since when (ms) it has been in its state, and the change
        by which its state last rose.
        """
        for of_facility in self.transitions.values():
            for subject, known in of_facility.items():
                if known[-1].state != NORMAL:
                    yield subject, known[-1].change.at, since_rise(known)[0].change

    def unit_reasons(self) -> dict[int, tuple[Reason, ...]]:
        """Why the state of each unit that is not normal last rose, by number."""
        return {number: rise.reasons for (is_unit, number), _, rise in self.standing() if is_unit}

    # -- what is emitted

    @property
    def has_pending(self) -> bool:
        """Whether there are changes or retractions to emit."""
        return bool(self._retracted) or any(not one.emitted for one in self._candidates())

    def _candidates(self) -> Iterator[LoggedTransition]:
        return (
            one
            for facility in self._may_be_pending
            for known in self.transitions.get(facility, {}).values()
            for one in known
        )

    def emit(self) -> list[ChangeRecord]:
        """The pending records, which count as emitted from now on.

        Retractions come first, then changes by time, facility, unit and clinician.
        """
        pending = [one for one in self._candidates() if not one.emitted]
        for one in pending:
            one.emitted = True
        retractions = [ChangeRecord(change, retracted=True) for change in self._retracted]
        self._retracted.clear()
        self._may_be_pending.clear()
        return retractions + sorted((ChangeRecord(one.change) for one in pending), key=_order)

    # -- evaluation

    def due_from(self, count: int) -> Numbers:
        """The first tick to evaluate, for each of the first `count` facilities."""
        return np.maximum(
            np.minimum(self.evaluated_to[:count] + 1, self.dirty_from[:count]),
            self.first_alarm[:count],
        )

    def subjects(self, facilities: Flags) -> Iterator[Subject]:
        """Subjects of the chosen facilities with transitions."""
        for facility, of_facility in self.transitions.items():
            if facilities[facility]:
                yield from of_facility

    def ticks(self, facility: int) -> list[int]:
        """The ticks of all transitions of a facility."""
        of_facility = self.transitions.get(facility, {}).values()
        return [one.tick for known in of_facility for one in known]

    def before(self, facility: int, subject: Subject, tick: int) -> list[LoggedTransition]:
        """The transitions of a subject before a tick."""
        known = self.transitions.get(facility, {}).get(subject, ())
        return [one for one in known if one.tick < tick]

    def states_before(self, facilities: Iterable[int], ticks: Numbers) -> dict[Subject, int]:
        """The states of subjects of these facilities just before `ticks` (by facility); subjects
        without transitions are left out.
        """
        found = {}
        for facility in facilities:
            tick = int(ticks[facility])
            for subject, known in self.transitions.get(facility, {}).items():
                earlier = (one.state for one in reversed(known) if one.tick < tick)
                found[subject] = next(earlier, NORMAL)
        return found

    def replace(self, facility: int, begin: int, last: int, found: Transitions) -> None:
        """Replace the transitions of a facility from tick `begin` to `last`.

        A new transition counts as emitted if its change is that of an emitted one. Emitted changes
        that have no successor for the same subject and time are retracted.
        """
        known = self.transitions.get(facility, {})
        concerned = [subject for subject, own in known.items() if own[-1].tick >= begin]
        for subject in dict.fromkeys([*concerned, *found]):
            before, new = known.get(subject, []), found.get(subject, [])
            old = [one for one in before if begin <= one.tick <= last]
            if not old and not new:
                continue
            emitted = [one.change for one in old if one.emitted]
            for one in new:
                if one.change in emitted:
                    emitted.remove(one.change)
                    one.emitted = True
            self._retracted += [
                change
                for change in emitted
                if not any(_supersedes(one.change, change) for one in new)
            ]
            if not all(one.emitted for one in new):
                self._may_be_pending.add(facility)
            earlier = [one for one in before if one.tick < begin]
            later = [one for one in before if one.tick > last]
            self._put(facility, subject, earlier + new + later)

    def _put(self, facility: int, subject: Subject, transitions: list[LoggedTransition]) -> None:
        self.dirty.add(facility)
        of_facility = self.transitions.setdefault(facility, {})
        of_facility[subject] = transitions
        if not transitions:
            del of_facility[subject]
        if not of_facility:
            del self.transitions[facility]

    # -- names

    def numbers(self, of_units: bool) -> set[int]:
        """The numbers of the units, or clinicians, with transitions."""
        subjects = (subject for of_facility in self.transitions.values() for subject in of_facility)
        return {number for is_unit, number in subjects if is_unit == of_units}

    def renumber(self, units: Codes, clinicians: Codes) -> None:
        """Give units and clinicians new numbers: `units[old]` and `clinicians[old]`."""
        for facility, of_facility in self.transitions.items():
            self.transitions[facility] = {
                (is_unit, int((units if is_unit else clinicians)[number])): known
                for (is_unit, number), known in of_facility.items()
            }
            self.dirty.add(facility)

    # -- storage

    def dump(self, count: int) -> list[list[int]]:
        """The first alarms of the first `count` facilities, and how far they were evaluated.

        In ms, since ticks may have other times under another policy.
        """
        evaluated = np.minimum(self.evaluated_to[:count], self.dirty_from[:count] - 1)
        return [
            (self.first_alarm[:count] * self._every).tolist(),
            (evaluated * self._every).tolist(),
        ]

    def load(self, first_alarm: list[int], evaluated_to: list[int]) -> None:
        """Restore what `dump` gave."""
        count = len(first_alarm)
        self.reserve(count)
        self.first_alarm[:count] = -(-np.array(first_alarm, dtype=np.int64) // self._every)
        self.evaluated_to[:count] = np.array(evaluated_to, dtype=np.int64) // self._every

    def load_subject(self, facility: int, subject: Subject, content: list[Any]) -> None:
        """Restore the dumped transitions of a subject."""
        self.transitions.setdefault(facility, {})[subject] = [
            LoggedTransition.load(one, self._every) for one in content
        ]
        self.dirty.add(facility)
        self._may_be_pending.add(facility)


def since_rise(transitions: list[LoggedTransition]) -> list[LoggedTransition]:
    """The last transition upwards and those after it; empty if the state is normal."""
    if not transitions or transitions[-1].state == NORMAL:
        return []
    # From overloaded a state may fall to elevated; any further fall ends in normal.
    fell = len(transitions) > 1 and transitions[-2].state > transitions[-1].state
    return transitions[-2:] if fell else transitions[-1:]


def _order(one: ChangeRecord) -> tuple[int, str, str, str]:
    return one.change.at, one.change.facility, one.change.unit, one.change.clinician or ""


def _supersedes(new: Change, old: Change) -> bool:
    """Whether consumers keep only the new one: both have the same subject and time."""
    return (new.at, new.clinician, new.unit) == (old.at, old.clinician, old.unit)
