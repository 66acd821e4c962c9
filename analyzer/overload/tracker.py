"""Tracker: evaluates the overload states of all facilities and logs their transitions.

The state at a tick is a function of the facts known by now, whatever their order of arrival. So
dirty ticks, which late facts may have changed, are evaluated again. States begin at a facility's
first alarm, and those before the horizon are final.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from analyzer.arrays import Flags, Numbers, distinct
from analyzer.model.overload import NORMAL
from analyzer.model.policy import HOUR, OverloadPolicy
from analyzer.overload.context import Contexts
from analyzer.overload.explanation import Explainer
from analyzer.overload.machine import Transition, transitions
from analyzer.overload.measures import Loads, Ticks, measure
from analyzer.overload.quiet import Stretches
from analyzer.overload.thresholds import LevelTable, levels_in_force
from analyzer.pipeline.admission import NOTHING_YET
from analyzer.pipeline.overload_log import (
    AFTER_ALL,
    LoggedTransition,
    OverloadLog,
    Subject,
    Transitions,
    since_rise,
)
from analyzer.pipeline.state import State

_BATCH, _LONGEST_BATCH = 240, 1440
"""How many ticks are evaluated at once, at least and at most: this bounds memory, yet makes the
ticks of the look-back few in comparison.
"""
_CELLS = 1 << 17
"""In between, so many numbers a measure: where there are few people, the numpy calls of a batch
take longer than its numbers.
"""


def evaluate(state: State) -> None:
    """Evaluate the overload states of all facilities up to their `now`."""
    log, every = state.overload, state.policy.overload.every
    count = len(state.facilities.by_number)
    log.reserve(count)
    now = state.times.now[:count] // every
    # The facts before the horizon are gone, and with them the loads of the hour after it.
    measurable = -(-(state.times.evicted_until[:count] + HOUR) // every) + _look_back(
        state.policy.overload
    )
    if state.is_complete:
        _note_reach(state, log.due_from(count), measurable)
    stretches: Stretches | None = None
    people = len(state.teams.clinicians) + len(state.statics.units)
    at_once = min(max(_CELLS // max(people, 1), _BATCH), _LONGEST_BATCH)
    while True:
        begin = np.maximum(log.due_from(count), measurable)
        if stretches is None:
            stretches = _stretches(state, begin, now)
        begin, last = _skip_quiet(log, stretches, begin, now, at_once)
        due = begin <= now
        log.dirty_from[:count][~due] = AFTER_ALL
        if not due.any():
            if not state.is_complete:  # of which nobody reads states on the way
                log.shown(count)
            return
        _evaluate_ticks(state, due, begin, last)
        state.head_changed = True
        log.evaluated_to[:count][due] = last[due]
        log.dirty_from[:count][due] = AFTER_ALL


def _note_reach(state: State, due: Numbers, measurable: Numbers) -> None:
    """Note how far before what can be measured complete history has changed a load."""
    known = state.times.evicted_until[: len(due)] != NOTHING_YET
    short = (measurable - due)[known & (due < AFTER_ALL)]
    reach = int(short.max(initial=0)) * state.policy.overload.every
    state.reached_back = max(state.reached_back, reach)


def evaluate_before(state: State, horizon: Numbers) -> None:
    """Evaluate all states if any tick still to be evaluated needs facts before `horizon` (ms, by
    facility), which are about to be evicted.
    """
    if is_behind(state, horizon):
        evaluate(state)


def is_behind(state: State, horizon: Numbers) -> bool:
    """Whether any tick still to be evaluated needs facts before `horizon` (ms, by facility)."""
    policy = state.policy.overload
    begin = state.overload.due_from(len(horizon))
    return bool(((begin - _look_back(policy)) * policy.every - HOUR < horizon).any())


def _look_back(policy: OverloadPolicy) -> int:
    """How many ticks before a tick decide about its state, together with the state then."""
    return max(policy.hold, policy.cool_down) // policy.every + 1


def _stretches(state: State, begin: Numbers, now: Numbers) -> Stretches:
    """Where states may change, for the facilities with many ticks to evaluate (usually none)."""
    far = np.flatnonzero(now - begin >= _BATCH)
    logged = {facility: state.overload.ticks(facility) for facility in far.tolist()}
    return Stretches(state, far, begin, logged)


def _skip_quiet(
    log: OverloadLog, stretches: Stretches, begin: Numbers, now: Numbers, at_once: int
) -> tuple[Numbers, Numbers]:
    """The first and the last tick of the next batch of at most `at_once` ticks, by facility.

    Ticks at which no state can change are skipped, and logged as evaluated.
    """
    begin, last = begin.copy(), np.minimum(now, begin + at_once - 1)
    for facility in np.flatnonzero(begin <= now).tolist():
        if facility not in stretches:
            continue
        follows = stretches.after(facility, int(begin[facility]))
        end = int(now[facility])
        first, until = (end + 1, end + 1) if follows is None else follows
        if first > begin[facility]:
            begin[facility] = min(first, end + 1)
            log.evaluated_to[facility] = begin[facility] - 1
            log.dirty_from[facility] = AFTER_ALL
        last[facility] = min(int(begin[facility]) + at_once - 1, until, end)
    return begin, last


def _evaluate_ticks(state: State, facilities: Flags, begin: Numbers, last: Numbers) -> None:
    """Evaluate the ticks from `begin` to `last` (by facility) of the chosen facilities."""
    log, before = state.overload, _look_back(state.policy.overload)
    ticks = Ticks(
        begin - before,
        facilities,
        before + int((last - begin)[facilities].max()) + 1,
        state.policy.overload.every,
    )
    levels, contexts = LevelTable(state.policy.overload), Contexts(state, ticks)
    found: dict[int, Transitions] = {}
    states_then = _StatesThen(log, begin)
    # Subjects that had another state than normal may have no fact left that would name them.
    clinicians, units = (
        [number for is_unit, number in log.subjects(facilities) if is_unit == of_units]
        for of_units in (False, True)
    )
    for is_unit, loads in zip((False, True), measure(state, ticks, clinicians, units), strict=True):
        if not len(loads.numbers):
            continue
        level_sets = levels_in_force(state, ticks, levels, loads, is_unit)
        explainer = Explainer(
            state, ticks, levels, loads, level_sets, contexts, is_unit, states_then.at
        )
        number = ticks.first[loads.facility][:, np.newaxis] + np.arange(ticks.count)
        exists = (number >= log.first_alarm[loads.facility][:, np.newaxis]) & (
            number <= last[loads.facility][:, np.newaxis]
        )
        states = _states_before(log, loads, begin, is_unit)
        ours = transitions(levels, loads.values, level_sets, exists, states, before)
        if not is_unit:  # of all clinicians, before the first is explained
            states_then.learn(ours, loads, ticks)
        for one in ours:
            facility = int(loads.facility[one.row])
            subject = (is_unit, int(loads.numbers[one.row]))
            new = found.setdefault(facility, {}).setdefault(subject, [])
            rise = since_rise([*log.before(facility, subject, int(begin[facility])), *new])[:1]
            drivers = {reason.measure for logged in rise for reason in logged.change.reasons}
            tick = int(ticks.first[facility]) + one.tick
            new.append(LoggedTransition(tick, one.after, explainer.change(one, drivers)))
    for facility in np.flatnonzero(facilities).tolist():
        log.replace(
            facility,
            int(begin[facility]),
            int(last[facility]),
            found.get(facility, {}),
            int(state.times.now[facility]),
        )


class _StatesThen:
    """The states of clinicians at the ticks of a batch."""

    def __init__(self, log: OverloadLog, begin: Numbers) -> None:
        """`begin`: the first tick of the batch, by facility."""
        self._log, self._begin = log, begin
        self._found: dict[int, list[tuple[int, int]]] = {}
        self._before: dict[int, dict[Subject, int]] = {}
        self._facility_of: dict[int, int] = {}

    def learn(self, found: Iterable[Transition], loads: Loads, ticks: Ticks) -> None:
        """Take in the transitions of all clinicians."""
        self._facility_of = dict(zip(loads.numbers.tolist(), loads.facility.tolist(), strict=True))
        for one in found:
            tick = int(ticks.first[loads.facility[one.row]]) + one.tick
            self._found.setdefault(int(loads.numbers[one.row]), []).append((tick, one.after))

    def at(self, clinician: int, tick: int) -> int:
        """The state of a clinician, by number, once the transitions of a tick have happened."""
        found = [state for when, state in self._found.get(clinician, ()) if when <= tick]
        if found:
            return found[-1]
        facility = self._facility_of.get(clinician)
        if facility is None:
            return NORMAL
        if facility not in self._before:
            self._before[facility] = self._log.states_before([facility], self._begin)
        return self._before[facility].get((False, clinician), NORMAL)


def _states_before(log: OverloadLog, loads: Loads, begin: Numbers, is_unit: bool) -> Numbers:
    """The state of each row of `loads` just before the tick `begin` of its facility."""
    states = np.full(len(loads.numbers), NORMAL)
    known = log.states_before(distinct(loads.facility).tolist(), begin)
    own = [(number, state) for (of_unit, number), state in known.items() if of_unit == is_unit]
    numbers = np.array([number for number, _ in own], dtype=np.int64)
    states[np.searchsorted(loads.numbers, numbers)] = [state for _, state in own]
    return states
