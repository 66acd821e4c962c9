"""Control: forgets the facts of a facility and topic: all of them, those after a given time, or
what they say of one clinician.

A clock that runs ahead advances the watermark of its topic, and correct facts are then refused as
late. A control record, written into the topic itself, undoes that. It applies to the facts of its
topic and partition that were accepted before it, and to nothing else. So the result is the same for
any interleaving of topics, after a crash, and whether or not facts were folded already.

Merged facts are therefore forgotten together: an alarm id with an event after the given time loses
all its events, and an assignment with a record after it is removed. Responses and labels are
forgotten one by one.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable
from typing import Literal

import numpy as np

from analyzer.arrays import Numbers
from analyzer.model.facts import FACT_TYPES, Topic
from analyzer.pipeline.alarm_responses import join, responses_from, set_verdict
from analyzer.pipeline.contributions import remove_contribution
from analyzer.pipeline.departed import drop_if_empty
from analyzer.pipeline.derive import reclassify
from analyzer.pipeline.erasure import derive_again, erase, remove_assignments
from analyzer.pipeline.state import State
from analyzer.pipeline.table import Table
from analyzer.times import NEVER, OPEN

Command = Literal["reset", "forget", "forget_clinician"]
COMMANDS: tuple[Command, ...] = ("reset", "forget", "forget_clinician")

_EVERYTHING = -(1 << 60)
"""Earlier than every fact, but later than the watermark before the first fact."""


def control(
    state: State,
    topic: Topic,
    command: Command,
    facility: str,
    at: int,
    clinician: str | None = None,
) -> bool:
    """Apply a control record. Returns whether the facility was dropped, as nothing is left of it.

    `reset` forgets the facts after `at` (ms); `forget` forgets all of them and ignores `at`;
    `forget_clinician` forgets who `clinician` is (see `analyzer.pipeline.erasure`), and ignores
    `at`.
    """
    number = state.facilities.get(facility)
    if number is None:
        return False
    state.grow()
    if command == "forget_clinician":
        if clinician is not None:
            erase(state, topic, number, clinician)
        return False
    moment = at if command == "reset" else _EVERYTHING
    if state.admission[topic].forget_after(number, moment):
        _FORGET[topic](state, number, moment)
        reclassify(state)
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


def _pending_after(state: State, topic: Topic, number: int, moment: int, field: str) -> list[str]:
    """The values of a field of the pending facts after `moment` (ms), sorted."""
    return sorted(state.pending.after(topic, number, moment, _index_of(topic, field)))


def _index_of(topic: Topic, field: str) -> int:
    return list(FACT_TYPES[topic].__slots__).index(field)


def _forget_alarms(state: State, number: int, moment: int) -> None:
    table = state.table
    rows = table.of_facility(number)
    pending = _pending_after(state, "alarms", number, moment, "alarm_id")
    rows = np.union1d(rows[table.latest[rows] > moment], table.known(number, pending))
    first = table.first_of_ids(rows)
    ids = {*pending, *table.ids(first)}
    state.pending.remove("alarms", number, _index_of("alarms", "alarm_id"), ids)
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
        remove_contribution(state, row)
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
    pending = set(_pending_after(state, "assignments", number, moment, "assignment_id"))
    index = _index_of("assignments", "assignment_id")
    held = state.roster.ids_after(number, moment)
    state.pending.remove("assignments", number, index, pending | held)
    remove_assignments(state, number, pending | held)


def _forget_responses(state: State, number: int, moment: int) -> None:
    table = state.table
    state.pending.remove_after("responses", number, moment)
    state.responses.remove_after(number, moment)
    units = state.statics.units.by_number
    for unit in [unit for unit in state.cover.units() if units[unit][0] == number]:
        state.cover.remove_after(unit, moment)
    rows = table.of_facility(number)
    named = rows[table.response_at[rows] != NEVER].tolist()
    changed = [row for row in named if responses_from(table, row, moment + 1)]
    _update_mentions(table, changed)
    derive_again(state, rows)
    _drop_empty_rows(table, np.array(changed, dtype=np.int64))


def _forget_labels(state: State, number: int, moment: int) -> None:
    table = state.table
    state.pending.remove_after("labels", number, moment)
    changed = []
    for row, labels in list(table.labels.items()):
        if table.facility[row] == number and labels[-1][0] > moment:
            del labels[bisect_right(labels, moment, key=lambda label: label[0]) :]
            if not labels:
                del table.labels[row]
            changed.append(row)
    rows = np.array(sorted(changed), dtype=np.int64)
    set_verdict(table, rows)
    _update_mentions(table, changed)
    derive_again(state, rows)
    _drop_empty_rows(table, rows)


def _update_mentions(table: Table, rows: Iterable[int]) -> None:
    """Update the last mention of rows that lost responses or labels."""
    for row in rows:
        last = -OPEN
        if row in table.responses:
            last = max(times[-1] for times in table.responses[row].by_code.values())
        elif table.response_at[row] != NEVER:
            last = int(table.response_at[row])
        if row in table.labels:
            last = max(last, table.labels[row][-1][0])
        table.mentioned[row] = last


def _drop_empty_rows(table: Table, rows: Numbers) -> None:
    """Drop the rows that no fact is left of."""
    nothing = (table.latest[rows] == -OPEN) & (table.mentioned[rows] == -OPEN)
    table.drop(rows[nothing])


_FORGET: dict[Topic, Callable[[State, int, int], None]] = {
    "alarms": _forget_alarms,
    "assignments": _forget_assignments,
    "responses": _forget_responses,
    "labels": _forget_labels,
}
