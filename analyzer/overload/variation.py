"""Variation: the overload states that the same facts give without some alarms, with later starts,
or with other assignments.

Only what these decide is computed again: attribution, first responses and states. This is several
times faster than an engine that takes the changed facts, and gives the same states.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy, deepcopy
from dataclasses import dataclass

import numpy as np

from analyzer.arrays import Numbers, integers
from analyzer.columns.statics import Bed
from analyzer.model.facts import Assignment, checked_fact
from analyzer.model.overload import Change
from analyzer.overload.tracker import evaluate
from analyzer.pipeline.admission import ACCEPTED, NOTHING_YET, Admission
from analyzer.pipeline.coverage import Cover
from analyzer.pipeline.derive import attribute, set_answer
from analyzer.pipeline.overload_log import OverloadLog
from analyzer.pipeline.pending import Columns
from analyzer.pipeline.roster import Roster
from analyzer.pipeline.state import State
from analyzer.times import NEVER


@dataclass(frozen=True, slots=True)
class Variation:
    """What differs from the facts of a state, which all are of `facility`."""

    facility: str
    without: Sequence[str] = ()
    """The ids of alarms that are left out."""
    delayed: Sequence[str] = ()
    """The ids of alarms that start `delay` (ms) later, but before they end: see `can_delay`."""
    delay: int = 0
    assignments: Columns | None = None
    """The assignments to use instead of those of the state, as `Engine.take` gets them, with `at`
    up to now and of beds that the state knows; None: the same.
    """


def can_delay(state: State, facility: str, alarm_ids: Sequence[str]) -> bool:
    """Whether a delay of these alarms moves their starts and nothing else.

    It does not where an id names several episodes, or where an alarm has an end before its start.
    """
    table, rows = state.table, _rows_of(state, facility, alarm_ids)
    others = (table.earlier, table.ends, table.early)
    return not (table.later[rows] >= 0).any() and not any(
        row in held for held in others for row in rows.tolist()
    )


def varied_changes(
    state: State, variation: Variation, first_alarm: int | None = None
) -> list[Change]:
    """All changes of overload states up to now with a variation, as an engine emits them.

    `state` has no pending facts. What it holds stays as it is. `first_alarm`: the start (ms) of an
    alarm that it lacks, and at which its states begin.
    """
    if variation.facility not in state.facilities:
        return []
    varied = copy(state)
    table = varied.table = copy(state.table)
    statics = state.statics
    later = _rows_of(state, variation.facility, variation.delayed)
    table.start, table.is_alarm = table.start.copy(), table.is_alarm.copy()
    table.start[later] += variation.delay
    late = later[table.start[later] > state.times.now[table.facility[later]]]
    gone = np.concatenate([late, _rows_of(state, variation.facility, variation.without)])
    table.start[gone], table.is_alarm[gone] = NEVER, False
    rows = table.existing()
    later = later[table.start[later] != NEVER]
    if variation.assignments is not None:
        varied.teams = deepcopy(state.teams)
        varied.roster = _roster(varied, variation.facility, variation.assignments)
    attributed = later if variation.assignments is None else rows
    if len(attributed):
        table.team = table.team.copy()
        attribute(varied, attributed, statics.bed[table.static[attributed]])
    if len(later):
        table.copy_sparse()
        # Classes, and with them coverage, have no effect on states.
        table.contributions, varied.cover = {}, Cover(statics.units, state.policy.cover_by)
        set_answer(varied, later, table.static[later])
    log = varied.overload = OverloadLog(state.policy.overload)
    log.reserve(len(state.facilities.by_number))
    log.alarms_start(table.facility[rows], table.start[rows])
    if first_alarm is not None:
        facility = integers([state.facilities[variation.facility]])
        log.alarms_start(facility, integers([first_alarm]))
    evaluate(varied)
    return [one.change for one in log.emit()]


def _rows_of(state: State, facility: str, alarm_ids: Sequence[str]) -> Numbers:
    """The rows of all episodes of these ids."""
    table = state.table
    firsts = table.known(state.facilities.get(facility, -1), alarm_ids)
    if not table.earlier:
        return firsts
    return integers(row for first in firsts.tolist() for row in table.chain(first))


def _roster(state: State, facility: str, assignments: Columns) -> Roster:
    roster, names = Roster(state.teams), list(Assignment.__slots__)
    number = state.facilities[facility]
    event_ids, at, ends = (assignments[names.index(name)] for name in ("event_id", "at", "end"))
    if not event_ids:
        return roster
    outcomes, _ = Admission("assignments", state.policy).admit(
        np.full(len(event_ids), number),
        event_ids,
        integers(at),
        None,
        integers(-NOTHING_YET if end is None else end for end in ends),
    )
    for values, outcome in zip(zip(*assignments, strict=True), outcomes.tolist(), strict=True):
        if outcome == ACCEPTED:
            one = checked_fact(Assignment, values)
            roster.put(one, number, state.statics.beds[Bed(number, one.unit, one.bed)])
    return roster
