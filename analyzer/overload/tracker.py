"""The watch: overload states over time, exact whatever the order in which facts came.

The state at a tick is a function of the facts known by now. So what is looked at is remembered as
changes alone; a fact that touches ticks already looked at has them looked at again, and what was
said of them and no longer holds is withdrawn. Counting begins with a facility's first alarm, and
what lies behind the horizon stays as it was.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from analyzer.arrays import Codes, Numbers
from analyzer.columns.growing import Growing
from analyzer.model.policy import HOUR, OverloadPolicy
from analyzer.overload.explanation import Scenes, Teller
from analyzer.overload.machine import NORMAL, Change, Reason, Relief, turns
from analyzer.overload.measures import Loads, Ticks, measure
from analyzer.overload.quiet import Stretches
from analyzer.overload.thresholds import LevelTable, levels_held

if TYPE_CHECKING:
    from analyzer.pipeline.state import State

NEVER_YET = -(1 << 40)
"""A tick before all others."""
ALWAYS = 1 << 40
"""A tick after all others."""
_AT_ONCE = 240
"""Ticks looked at together: bounds memory, and makes the ticks looked at only for what was before
them few beside them.
"""

Subject = tuple[bool, int]
"""Whether it is a unit, and its number (in `Statics.units` or `Teams.clinicians`)."""


@dataclass(slots=True)
class Noted:
    """A change, and whether it was said."""

    tick: int
    state: int
    change: Change
    said: bool = False

    def dump(self) -> list[Any]:
        """In plain values."""
        change = [getattr(self.change, field) for field in Change.__slots__]
        return [self.state, self.said, *change]

    @classmethod
    def load(cls, content: list[Any], every: int) -> Noted:
        state, said, facility, unit, clinician, at, before, after, why, types, relief = content
        top = tuple((tuple(type_), count) for type_, count in types)
        if relief is not None:
            bed, giver, giver_alarms, taker, taker_alarms, taker_beds = relief
            relief = Relief(bed, giver, tuple(giver_alarms), taker, tuple(taker_alarms), taker_beds)
        change = Change(
            facility,
            unit,
            clinician,
            at,
            before,
            after,
            tuple(Reason(*one) for one in why),
            top,
            relief,
        )
        return cls(-(-at // every), state, change, said)


@dataclass(frozen=True, slots=True)
class Announcement:
    """A change to be said; or one that was, and does not hold."""

    change: Change
    withdrawn: bool = False


class Watch(Growing):
    """What is known of the overload states of a partition's facilities.

    Columns by facility, in ticks.
    """

    first: Numbers  # that of the earliest alarm, from which on there is a state
    reached: Numbers  # the last that was looked at
    touched: Numbers  # the earliest of which something may differ since

    def __init__(self, policy: OverloadPolicy) -> None:
        super().__init__(
            first=(np.int64, ALWAYS), reached=(np.int64, NEVER_YET), touched=(np.int64, ALWAYS)
        )
        self._policy = policy
        self.noted: dict[int, dict[Subject, list[Noted]]] = {}
        """By facility; in order of ticks. Who has been normal ever since is not there."""
        self._fresh: set[int] = set()
        """Facilities of which something may not have been said."""
        self._withdrawn: list[Change] = []
        self.dirty: set[int] = set()
        """Facilities of which `noted` differs from what is stored."""

    # -- what facts do

    def touch(self, facilities: Numbers | npt.NDArray[np.int32], times: Numbers) -> None:
        """Something of these times (ms) is known that was not, or is known to be otherwise."""
        np.minimum.at(self.touched, facilities, -(-times // self._policy.every))

    def begin(self, facilities: Numbers | npt.NDArray[np.int32], starts: Numbers) -> None:
        """Alarms start at these times (ms)."""
        np.minimum.at(self.first, facilities, -(-starts // self._policy.every))

    # -- what is asked

    def states(self, of_units: bool) -> dict[int, int]:
        """By number: the state of those clinicians, or units, that are not normal."""
        return {
            number: noted[-1].state
            for of_facility in self.noted.values()
            for (is_unit, number), noted in of_facility.items()
            if is_unit == of_units and noted[-1].state != NORMAL
        }

    def standing(self) -> Iterator[tuple[Subject, int, Change]]:
        """Those that are not normal: who, since when (ms) in this state, and the change upwards
        that it rests on.
        """
        for of_facility in self.noted.values():
            for subject, noted in of_facility.items():
                if noted[-1].state != NORMAL:
                    yield subject, noted[-1].change.at, _since_rise(noted)[0].change

    def unit_reasons(self) -> dict[int, tuple[Reason, ...]]:
        """By number: why the state of those units that are not normal last rose."""
        return {number: rise.reasons for (is_unit, number), _, rise in self.standing() if is_unit}

    @property
    def unsaid(self) -> bool:
        """Whether there is anything to announce."""
        return bool(self._withdrawn) or any(not one.said for one in self._of_fresh())

    def _of_fresh(self) -> Iterator[Noted]:
        return (
            one
            for facility in self._fresh
            for noted in self.noted.get(facility, {}).values()
            for one in noted
        )

    def announce(self) -> list[Announcement]:
        """What is to be said, and counts as said from now on; withdrawals first, then by time,
        facility and subject.
        """
        new = [one for one in self._of_fresh() if not one.said]
        for one in new:
            one.said = True
        found = [Announcement(change, withdrawn=True) for change in self._withdrawn]
        self._withdrawn.clear()
        self._fresh.clear()
        return found + sorted((Announcement(one.change) for one in new), key=_order)

    # -- looking

    def look(self, state: State) -> None:
        """Bring the states of all facilities to their now."""
        count = len(state.facilities.by_number)
        self.reserve(count)
        now = state.times.now[:count] // self._policy.every
        stretches: Stretches | None = None
        while True:
            # Behind the horizon there is nothing left to look at.
            held = (
                -(-(state.times.evicted_until[:count] + HOUR) // self._policy.every) + self._before
            )
            begin = np.maximum(
                np.minimum(self.reached[:count] + 1, self.touched[:count]),
                np.maximum(self.first[:count], held),
            )
            if stretches is None:
                stretches = self._stretches(state, begin, now)
            begin, last = self._skip_quiet(
                stretches, begin, np.minimum(now, begin + _AT_ONCE - 1), now
            )
            due = begin <= now
            self.touched[:count][~due] = ALWAYS
            if not due.any():
                return
            self._look_at(state, due, begin, last)
            state.head_changed = True
            self.reached[:count][due] = last[due]
            self.touched[:count][due] = ALWAYS

    def _stretches(self, state: State, begin: Numbers, now: Numbers) -> Stretches:
        """Where states may change, of the facilities that have far to go; nearly always there are
        none.
        """
        far = np.flatnonzero(now - begin >= _AT_ONCE)
        noted = {
            facility: [
                one.tick
                for of_subject in self.noted.get(facility, {}).values()
                for one in of_subject
            ]
            for facility in far.tolist()
        }
        return Stretches(state, far, begin, noted)

    def _skip_quiet(
        self, stretches: Stretches, begin: Numbers, last: Numbers, now: Numbers
    ) -> tuple[Numbers, Numbers]:
        """`begin` and `last` moved on to the next ticks at which a state may change; what is
        skipped counts as reached.
        """
        begin, last = begin.copy(), last.copy()
        for facility in np.flatnonzero(begin <= now).tolist():
            if facility not in stretches:
                continue
            follows = stretches.after(facility, int(begin[facility]))
            first, until = (int(now[facility]) + 1,) * 2 if follows is None else follows
            if first > begin[facility]:
                begin[facility] = min(first, int(now[facility]) + 1)
                self.reached[facility] = begin[facility] - 1
                self.touched[facility] = ALWAYS
            last[facility] = min(int(begin[facility]) + _AT_ONCE - 1, until, int(now[facility]))
        return begin, last

    def is_behind(self, horizon: Numbers) -> bool:
        """Whether there are ticks to be looked at which need what lies before `horizon` (ms, by
        facility).
        """
        count = len(horizon)
        begin = np.maximum(
            np.minimum(self.reached[:count] + 1, self.touched[:count]), self.first[:count]
        )
        return bool(((begin - self._before) * self._policy.every - HOUR < horizon).any())

    @property
    def _before(self) -> int:
        """How many ticks before another one decide about it, beside the state then."""
        return max(self._policy.hold, self._policy.cool_down) // self._policy.every + 1

    def _look_at(
        self, state: State, facilities: npt.NDArray[np.bool_], begin: Numbers, last: Numbers
    ) -> None:
        before = self._before
        ticks = Ticks(
            begin - before,
            facilities,
            before + int((last - begin)[facilities].max()) + 1,
            self._policy.every,
        )
        levels, scenes = LevelTable(self._policy), Scenes(state, ticks)
        found: dict[int, dict[Subject, list[Noted]]] = {}
        for is_unit, loads in zip(
            (False, True), measure(state, ticks, *self._not_normal(facilities)), strict=True
        ):
            if not len(loads.numbers):
                continue
            which = levels_held(state, ticks, levels, loads, is_unit)
            tell = Teller(state, ticks, levels, loads, which, scenes, is_unit)
            number = ticks.first[loads.facility][:, np.newaxis] + np.arange(ticks.count)
            exists = (number >= self.first[loads.facility][:, np.newaxis]) & (
                number <= last[loads.facility][:, np.newaxis]
            )
            states = self._states_before(loads, begin, is_unit)
            for turn in turns(levels, loads.values, which, exists, states, before):
                facility, subject = (
                    int(loads.facility[turn.row]),
                    (is_unit, int(loads.numbers[turn.row])),
                )
                new = found.setdefault(facility, {}).setdefault(subject, [])
                earlier = [
                    one
                    for one in self.noted.get(facility, {}).get(subject, ())
                    if one.tick < begin[facility]
                ]
                drivers = {
                    reason.measure
                    for one in _since_rise(earlier + new)[:1]
                    for reason in one.change.reasons
                }
                new.append(
                    Noted(int(ticks.first[facility]) + turn.tick, turn.after, tell(turn, drivers))
                )
        for facility in np.flatnonzero(facilities).tolist():
            self._replace(
                facility, int(begin[facility]), int(last[facility]), found.get(facility, {})
            )

    def _not_normal(self, facilities: npt.NDArray[np.bool_]) -> tuple[list[int], list[int]]:
        """Clinicians and units that have been anything else: they are looked at even where nothing
        is known of them any more.
        """
        noted = [
            subject
            for facility in self.noted
            if facilities[facility]
            for subject in self.noted[facility]
        ]
        return [number for is_unit, number in noted if not is_unit], [
            number for is_unit, number in noted if is_unit
        ]

    def _states_before(self, loads: Loads, begin: Numbers, is_unit: bool) -> Numbers:
        states = np.full(len(loads.numbers), NORMAL)
        numbers, before = [], []
        for facility in np.unique(loads.facility).tolist():
            tick = int(begin[facility])
            for (of_unit, number), noted in self.noted.get(facility, {}).items():
                if of_unit == is_unit:
                    numbers.append(number)
                    before.append(
                        next((one.state for one in reversed(noted) if one.tick < tick), NORMAL)
                    )
        states[np.searchsorted(loads.numbers, np.array(numbers, dtype=np.int64))] = before
        return states

    def _replace(
        self, facility: int, begin: int, last: int, found: dict[Subject, list[Noted]]
    ) -> None:
        """What was noted from `begin` to `last` is now this."""
        known = self.noted.get(facility, {})
        looked_at_before = [subject for subject, noted in known.items() if noted[-1].tick >= begin]
        for subject in dict.fromkeys([*looked_at_before, *found]):
            before, new = known.get(subject, []), found.get(subject, [])
            old = [one for one in before if begin <= one.tick <= last]
            if not old and not new:
                continue
            said = [one.change for one in old if one.said]
            for one in new:
                if one.change in said:
                    said.remove(one.change)
                    one.said = True
            self._withdrawn += [
                change for change in said if not any(_replaces(one.change, change) for one in new)
            ]
            if not all(one.said for one in new):
                self._fresh.add(facility)
            self._note(
                facility,
                subject,
                [one for one in before if one.tick < begin]
                + new
                + [one for one in before if one.tick > last],
            )

    def _note(self, facility: int, subject: Subject, noted: list[Noted]) -> None:
        self.dirty.add(facility)
        of_facility = self.noted.setdefault(facility, {})
        of_facility[subject] = noted
        if not noted:
            del of_facility[subject]
        if not of_facility:
            del self.noted[facility]

    def dump(self, count: int) -> list[list[int]]:
        """How far the first facilities are, in ms: ticks may come at other times under another
        policy.
        """
        reached = np.minimum(self.reached[:count], self.touched[:count] - 1)
        return [
            (self.first[:count] * self._policy.every).tolist(),
            (reached * self._policy.every).tolist(),
        ]

    def load(self, first: list[int], reached: list[int]) -> None:
        """Put that back."""
        self.reserve(len(first))
        self.first[: len(first)] = -(-np.array(first, dtype=np.int64) // self._policy.every)
        self.reached[: len(reached)] = np.array(reached, dtype=np.int64) // self._policy.every

    def put(self, facility: int, subject: Subject, noted: list[Any]) -> None:
        """Put back what was noted of a subject."""
        self.noted.setdefault(facility, {})[subject] = [
            Noted.load(one, self._policy.every) for one in noted
        ]
        self.dirty.add(facility)
        self._fresh.add(facility)

    def rewind(self, facility: int, now: int) -> None:
        """A facility's time was set back to `now` (ms): changes after it are withdrawn."""
        tick = now // self._policy.every
        if self.reached[facility] <= tick:
            return
        self.reached[facility] = tick
        for subject, noted in list(self.noted.get(facility, {}).items()):
            later = [one for one in noted if one.tick > tick]
            if later:
                self._withdrawn += [one.change for one in later if one.said]
                self._note(facility, subject, noted[: len(noted) - len(later)])

    def begin_again(self, facility: int, gone: Numbers, left: Numbers) -> None:
        """Alarms that start at `gone` (ms) are forgotten, those that start at `left` are held.

        Where an alarm dropped long ago was the first, it stays the first.
        """
        if -(-int(gone.min()) // self._policy.every) == self.first[facility]:
            self.first[facility] = (
                -(-int(left.min()) // self._policy.every) if len(left) else ALWAYS
            )

    def drop(self, facility: int) -> None:
        """Forget a facility."""
        if self.noted.pop(facility, None) is not None:
            self.dirty.add(facility)
        self._fresh.discard(facility)
        self.first[facility], self.reached[facility] = ALWAYS, NEVER_YET
        self.touched[facility] = ALWAYS

    def numbers(self, of_units: bool) -> set[int]:
        """The units, or clinicians, of which a change is noted."""
        noted = (subject for of_facility in self.noted.values() for subject in of_facility)
        return {number for is_unit, number in noted if is_unit == of_units}

    def renumber(self, units: Codes, clinicians: Codes) -> None:
        """Units and clinicians have other numbers now; both are given by their old ones."""
        for facility, of_facility in self.noted.items():
            self.noted[facility] = {
                (is_unit, int((units if is_unit else clinicians)[number])): noted
                for (is_unit, number), noted in of_facility.items()
            }
            self.dirty.add(facility)

    def forget(self, tidied: Numbers) -> None:
        """Drop what the horizon has passed, save how the state came about that it led to."""
        for facility, of_facility in list(self.noted.items()):
            tick = int(tidied[facility]) // self._policy.every
            for subject, noted in list(of_facility.items()):
                old = [one for one in noted if one.tick < tick and one.said]
                if not old:
                    continue
                self._note(facility, subject, _since_rise(old) + noted[len(old) :])


def _order(one: Announcement) -> tuple[int, str, str, str]:
    return one.change.at, one.change.facility, one.change.unit, one.change.clinician or ""


def _since_rise(noted: list[Noted]) -> list[Noted]:
    """The last change upwards and what came after it, of a state that is not normal again; it is
    all that the next one rests on.
    """
    if not noted or noted[-1].state == NORMAL:
        return []
    # From overloaded a state may fall to elevated, and that is all.
    fell = len(noted) > 1 and noted[-2].state > noted[-1].state
    return noted[-2:] if fell else noted[-1:]


def _replaces(new: Change, old: Change) -> bool:
    """Whether whoever has heard both keeps the new one alone: it tells of the same subject at the
    same time.
    """
    return (new.at, new.clinician, new.unit) == (old.at, old.clinician, old.unit)
