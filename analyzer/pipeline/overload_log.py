"""Overload log: the transitions of overload states found so far, and what is left to evaluate.

Only transitions are stored. A late fact marks ticks as dirty; `analyzer.overload.tracker` then
evaluates them again and replaces their transitions here. A transition that was emitted and no
longer holds is retracted.

A tick is a whole multiple of `OverloadPolicy.every` since the epoch, and is known by its number.

A change that is found, or retracted, more than `CORRECTED_AFTER` after its tick was shown is a
correction: somebody may have read the state as it was before.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from analyzer.arrays import Codes, Flags, Integers, Numbers
from analyzer.columns.growing import Growing
from analyzer.model.facts import Topic
from analyzer.model.overload import NORMAL, Change, ChangeRecord, Correction, Reason, Relief
from analyzer.model.policy import MINUTE, OverloadPolicy

BEFORE_ALL = -(1 << 40)
"""A tick before all others."""
AFTER_ALL = 1 << 40
"""A tick after all others."""
CORRECTED_AFTER = 2 * MINUTE
"""Until then (ms) a change is no correction: records take some seconds to arrive (our own)."""

Subject = tuple[bool, int]
"""Whether it is a unit, and its number (in `Statics.units` or `Teams.clinicians`)."""


@dataclass(slots=True)
class LoggedTransition:
    """A transition to `state` at `tick`, and whether its change was emitted."""

    tick: int
    state: int
    change: Change
    emitted: bool = False
    correction: Correction | None = None

    def dump(self) -> list[Any]:
        """The transition in plain values; `load` reads them."""
        change = [getattr(self.change, field) for field in Change.__slots__]
        one = self.correction
        correction = None if one is None else [one.at, list(one.by), one.replaces]
        return [self.state, self.emitted, *change, correction]

    @classmethod
    def load(cls, content: list[Any], policy: OverloadPolicy) -> LoggedTransition:
        """Earlier versions stored no correction, and of each reason one limit only."""
        state, emitted, facility, unit, clinician, at, before, after, why, types, relief = content[
            :11
        ]
        correction = content[11] if len(content) > 11 else None
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
            reasons=tuple(_reason(one, policy, facility, unit) for one in why),
            top_types=tuple((tuple(type_), count) for type_, count in types),
            relief=relief,
        )
        if correction is not None:
            found, by, replaces = correction
            correction = Correction(found, tuple(by), None if replaces is None else (*replaces,))
        return cls(-(-at // policy.every), state, change, emitted, correction)


def _reason(content: list[Any], policy: OverloadPolicy, facility: str, unit: str) -> Reason:
    if len(content) == len(Reason._fields):
        return Reason(*content)
    measure, value, state, limit = content
    level = getattr(policy.levels(facility, unit)[measure], state)
    enter, leave = (limit, limit) if level is None else (float(level.enter), float(level.leave))
    return Reason(measure, value, state, limit, enter, leave)


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
    shown_to: Numbers
    """The last tick whose states anybody can have read."""

    def __init__(self, policy: OverloadPolicy) -> None:
        super().__init__(
            first_alarm=(np.int64, AFTER_ALL),
            evaluated_to=(np.int64, BEFORE_ALL),
            dirty_from=(np.int64, AFTER_ALL),
            shown_to=(np.int64, BEFORE_ALL),
        )
        self._policy = policy
        self._every = policy.every
        self._corrected_after = -(-CORRECTED_AFTER // policy.every)
        """In ticks."""
        self.transitions: dict[int, Transitions] = {}
        """By facility. Subjects that have always been normal are left out."""
        self._may_be_pending: set[int] = set()
        """Facilities that may have transitions not emitted yet."""
        self._retracted: list[ChangeRecord] = []
        """The pending retractions of changes that were emitted and no longer hold."""
        self.taking_in: Topic | None = None
        """The topic whose facts are being taken in."""
        self._late: dict[int, set[Topic]] = {}
        """By facility: the topics with facts about ticks shown long before."""
        self.dirty: set[int] = set()
        """Facilities whose transitions differ from the stored ones."""

    # -- facts

    def mark_dirty(self, facilities: Integers, times: Numbers) -> None:
        """Have the ticks of each facility evaluated again from its time (ms) on."""
        ticks = -(-times // self._every)
        np.minimum.at(self.dirty_from, facilities, ticks)
        if self.taking_in is not None:
            late = self._is_correction(facilities, ticks)
            if late.any():
                for facility in np.unique(facilities[late]).tolist():
                    self._late.setdefault(facility, set()).add(self.taking_in)

    def _is_correction(self, facilities: Integers, ticks: Numbers) -> Flags:
        shown: Flags = ticks + self._corrected_after <= self.shown_to[facilities]
        return shown

    def shown(self, count: int) -> None:
        """All ticks evaluated of the first `count` facilities can be read from now on."""
        np.maximum(self.shown_to[:count], self.evaluated_to[:count], out=self.shown_to[:count])
        self._late.clear()

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
        self.evaluated_to[facility] = self.shown_to[facility] = tick
        for subject, known in list(self.transitions.get(facility, {}).items()):
            later = [one for one in known if one.tick > tick]
            if later:
                self._retracted += [ChangeRecord(one.change, True) for one in later if one.emitted]
                self._put(facility, subject, known[: len(known) - len(later)])

    def drop(self, facility: int) -> None:
        """Forget a facility, without retractions."""
        if self.transitions.pop(facility, None) is not None:
            self.dirty.add(facility)
        self._may_be_pending.discard(facility)
        self.first_alarm[facility], self.evaluated_to[facility] = AFTER_ALL, BEFORE_ALL
        self.dirty_from[facility], self.shown_to[facility] = AFTER_ALL, BEFORE_ALL

    def erase(self, facility: int, number: int | None, clinician: str) -> None:
        """Forget the transitions of a clinician, given by number and id, without retractions, and
        take the clinician out of those of others, which are to be emitted again.

        The clinician's states are evaluated again from the first of them on: they stay away unless
        facts are left.
        """
        of_facility = self.transitions.get(facility, {})
        own = [] if number is None else of_facility.get((False, number), [])
        if number is not None and own:
            self.dirty_from[facility] = min(int(self.dirty_from[facility]), own[0].tick)
            self._put(facility, (False, number), [])
        for known in of_facility.values():
            for one in known:
                if one.change.advises(clinician):
                    one.change, one.emitted = replace(one.change, relief=None), False
                    self._may_be_pending.add(facility)
                    self.dirty.add(facility)
        self._retracted = [
            replace(one, change=replace(one.change, relief=None))
            if one.change.advises(clinician)
            else one
            for one in self._retracted
            if one.change.clinician != clinician
        ]

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

    def corrections(self) -> dict[Subject, Correction]:
        """The latest correction of the state of each subject that is not normal, if any."""
        found = {}
        for of_facility in self.transitions.values():
            for subject, known in of_facility.items():
                own = [one.correction for one in since_rise(known) if one.correction is not None]
                if own:
                    found[subject] = max(own, key=lambda one: one.at)
        return found

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
        retractions, self._retracted = self._retracted, []
        self._may_be_pending.clear()
        changes = (ChangeRecord(one.change, correction=one.correction) for one in pending)
        return retractions + sorted(changes, key=_order)

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

    def replace(self, facility: int, begin: int, last: int, found: Transitions, now: int) -> None:
        """Replace the transitions of a facility, whose time is `now` (ms), from tick `begin` to
        `last`.

        A new transition counts as emitted if its change is that of an emitted one. Emitted changes
        that have no successor for the same subject and time are retracted.
        """
        known = self.transitions.get(facility, {})
        concerned = [subject for subject, own in known.items() if own[-1].tick >= begin]
        corrected_to = int(self.shown_to[facility]) - self._corrected_after
        by = tuple(sorted(self._late.get(facility, ())))
        for subject in dict.fromkeys([*concerned, *found]):
            before, new = known.get(subject, []), found.get(subject, [])
            old = [one for one in before if begin <= one.tick <= last]
            if not old and not new:
                continue
            emitted = [one for one in old if one.emitted]
            for one in new:
                same = next((other for other in old if _tells_the_same(one, other)), None)
                if same is not None:
                    one.correction = same.correction
                elif one.tick <= corrected_to:
                    one.correction = Correction(now, by, _replaced(one.change, emitted))
            for one in new:
                same = next((other for other in emitted if other.change == one.change), None)
                if same is not None:
                    emitted.remove(same)
                    one.emitted = True
            self._retracted += [
                ChangeRecord(
                    gone.change,
                    retracted=True,
                    correction=Correction(now, by, None) if gone.tick <= corrected_to else None,
                )
                for gone in emitted
                if not any(_supersedes(one.change, gone.change) for one in new)
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
        self.shown_to[:count] = self.evaluated_to[:count]

    def load_subject(self, facility: int, subject: Subject, content: list[Any]) -> None:
        """Restore the dumped transitions of a subject."""
        self.transitions.setdefault(facility, {})[subject] = [
            LoggedTransition.load(one, self._policy) for one in content
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


def _tells_the_same(one: LoggedTransition, other: LoggedTransition) -> bool:
    """Whether both have the same states and reasons at the same time."""
    a, b = one.change, other.change
    return (a.at, a.before, a.after, a.reasons) == (b.at, b.before, b.after, b.reasons)


def _replaced(change: Change, emitted: list[LoggedTransition]) -> tuple[str, str, int] | None:
    """The emitted change that this one replaces: of the same time, or else to the same state."""
    changes = [one.change for one in emitted]
    found = [one for one in changes if one.at == change.at]
    found += [one for one in changes if one.after == change.after]
    return (found[0].before, found[0].after, found[0].at) if found else None
