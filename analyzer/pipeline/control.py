"""Control: forgets a facility's facts of one topic, all of them or those dated after a moment.

A clock that runs ahead pushes the watermark of its topic ahead, and everything after it is late.
A control record, written into the topic itself, takes that back. It concerns the facts of its own
topic and its own partition that were accepted before it, and nothing else. So the result is the
same at any interleaving of topics, after a crash, and whether facts were folded yet or not.

For that, facts that are merged are forgotten together: an alarm id with one event after the
moment loses all its events, and an assignment with one record after the moment is gone. Responses
and labels are forgotten one by one.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable
from typing import Literal

import numpy as np

from analyzer.arrays import Numbers
from analyzer.model.facts import FACT_TYPES, Topic
from analyzer.pipeline.coverage import join, judge, responses_from, return_loan
from analyzer.pipeline.departed import drop_if_empty
from analyzer.pipeline.derive import derive, judge_again
from analyzer.pipeline.state import State
from analyzer.pipeline.table import Table
from analyzer.times import NEVER, OPEN

Command = Literal["reset", "forget"]
COMMANDS: tuple[Command, ...] = ("reset", "forget")

_EVERYTHING = -(1 << 60)
"""All facts lie after this moment; the watermark before the first fact does not."""


def control(state: State, topic: Topic, command: Command, facility: str, at: int) -> bool:
    """Obey a control record of a topic. Returns whether nothing is held of the facility any more.

    `reset` forgets what lies after `at` (ms); `forget` forgets everything, whatever `at` is.
    """
    number = state.facilities.get(facility)
    if number is None:
        return False
    state.grow()
    moment = at if command == "reset" else _EVERYTHING
    if state.gates[topic].forget_after(number, moment):
        _FORGET[topic](state, number, moment)
        judge_again(state)
        state.head_changed = True
        if topic == "alarms":
            state.rewound.add(number)
    if command == "reset":
        return False
    if topic == "alarms":
        units, observed = state.statics.units.by_number, state.response_times.units()
        state.response_times.drop([unit for unit in observed if units[unit][0] == number])
        state.overload.drop(number)
        state.head_changed = True
    return drop_if_empty(state, number)


def _waiting_after(state: State, topic: Topic, number: int, moment: int, field: str) -> list[str]:
    """What a topic's waiting facts after the moment are about."""
    return sorted(state.arrivals.after(topic, number, moment, _place(topic, field)))


def _place(topic: Topic, field: str) -> int:
    return list(FACT_TYPES[topic].__slots__).index(field)


def _forget_alarms(state: State, number: int, moment: int) -> None:
    table = state.table
    rows = table.of_facility(number)
    waiting = _waiting_after(state, "alarms", number, moment, "alarm_id")
    rows = np.union1d(rows[table.latest[rows] > moment], table.known(number, waiting))
    first = table.first_of_ids(rows)
    ids = {*waiting, *table.ids(first)}
    state.arrivals.remove("alarms", number, _place("alarms", "alarm_id"), ids)
    if not len(first):
        return
    chains = np.array([row for one in first.tolist() for row in table.chain(one)], dtype=np.int64)
    existing = chains[table.start[chains] != NEVER]
    starts = table.start[existing]
    state.overload.mark_dirty(table.facility[existing], starts)
    observed = existing[table.observed_after[existing] != NEVER]
    state.response_times.enter(
        table.observed_unit[observed],
        table.observed_rank[observed],
        table.observed_after[observed],
        -1,
    )
    for row in chains.tolist():
        return_loan(state, row)
    state.listing.remove(existing)
    for row in first.tolist():
        join(state, row)
    table.clear_events(first)
    if len(existing):
        left = table.of_facility(number)
        left = left[table.start[left] != NEVER]
        state.overload.alarms_removed(number, starts, table.start[left])
    _drop_empty_rows(table, first)


def _forget_assignments(state: State, number: int, moment: int) -> None:
    waiting = set(_waiting_after(state, "assignments", number, moment, "assignment_id"))
    place = _place("assignments", "assignment_id")
    held = state.roster.ids_after(number, moment)
    state.arrivals.remove("assignments", number, place, waiting | held)
    removed = state.roster.remove(number, waiting | held)
    if removed:
        starts = np.array([one.start for _, one in removed], dtype=np.int64)
        state.overload.mark_dirty(np.full(len(removed), number), starts)
        rows = [state.listing.begun_within(bed, one.start, one.end) for bed, one in removed]
        _work_out(state, np.unique(np.concatenate(rows)))


def _forget_responses(state: State, number: int, moment: int) -> None:
    table = state.table
    state.arrivals.remove_after("responses", number, moment)
    state.responses.remove_after(number, moment)
    units = state.statics.units.by_number
    for unit in [unit for unit in state.cover.units() if units[unit][0] == number]:
        state.cover.remove_after(unit, moment)
    rows = table.of_facility(number)
    named = rows[table.heard_at[rows] != NEVER].tolist()
    changed = [row for row in named if responses_from(table, row, moment + 1)]
    _mention_again(table, changed)
    _work_out(state, rows)
    _drop_empty_rows(table, np.array(changed, dtype=np.int64))


def _forget_labels(state: State, number: int, moment: int) -> None:
    table = state.table
    state.arrivals.remove_after("labels", number, moment)
    changed = []
    for row, labels in list(table.labels.items()):
        if table.facility[row] == number and labels[-1][0] > moment:
            del labels[bisect_right(labels, moment, key=lambda label: label[0]) :]
            if not labels:
                del table.labels[row]
            changed.append(row)
    rows = np.array(sorted(changed), dtype=np.int64)
    judge(table, rows)
    _mention_again(table, changed)
    _work_out(state, rows)
    _drop_empty_rows(table, rows)


def _work_out(state: State, rows: Numbers) -> None:
    if len(rows):
        derive(state, rows)
        state.table.changed(rows)


def _mention_again(table: Table, rows: Iterable[int]) -> None:
    """Work out the last mention of rows that lost responses or labels."""
    for row in rows:
        last = -OPEN
        if row in table.heard:
            last = max(times[-1] for times in table.heard[row].by_code.values())
        elif table.heard_at[row] != NEVER:
            last = int(table.heard_at[row])
        if row in table.labels:
            last = max(last, table.labels[row][-1][0])
        table.mentioned[row] = last


def _drop_empty_rows(table: Table, rows: Numbers) -> None:
    """Give rows back of which nothing is known any more."""
    nothing = (table.latest[rows] == -OPEN) & (table.mentioned[rows] == -OPEN)
    table.drop(rows[nothing])


_FORGET: dict[Topic, Callable[[State, int, int], None]] = {
    "alarms": _forget_alarms,
    "assignments": _forget_assignments,
    "responses": _forget_responses,
    "labels": _forget_labels,
}
