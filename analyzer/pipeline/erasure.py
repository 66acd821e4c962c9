"""Erasure: takes one clinician out of the facts that are held of a facility.

Facts about alarms stay, and no longer say who was there. Like any control record, this concerns the
facts of one topic that were accepted before it, and comes out the same for any interleaving of
topics and whether or not facts were folded already:

- An assignment whose latest record names the clinician is forgotten whole. Where a later record
  names somebody else, only the clinician's records go; they count no more anyway.
- The clinician is removed from the recipients of alarms.
- Responses that wait for their time lose the clinician, and labels the reviewer. Once merged,
  neither says who it was.

Alarms that were attributed to nobody else are unassigned from then on. Records that name the
clinician and are accepted later count as usual.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from analyzer.arrays import Numbers
from analyzer.model.facts import FACT_TYPES, Assignment, Topic, fact_of
from analyzer.pipeline.compaction import compact
from analyzer.pipeline.derive import derive
from analyzer.pipeline.state import State


def erase(state: State, topic: Topic, number: int, clinician: str) -> None:
    """Take a clinician out of the facts of a topic, and out of the overload states; `number` is
    that of the facility.
    """
    _ERASE[topic](state, number, clinician)
    person = state.teams.clinicians.get((number, clinician))
    state.overload.erase(number, person, clinician)
    if person is not None:
        compact(state, at_once=True)


def _index_of(topic: Topic, field: str) -> int:
    return list(FACT_TYPES[topic].__slots__).index(field)


def _erase_assignments(state: State, number: int, clinician: str) -> None:
    waiting = [fact_of(Assignment, one) for one in state.pending.facts("assignments", number)]
    held = list(state.roster.of(number))
    latest: dict[str, Assignment] = {}
    for one in (*held, *waiting):
        known = latest.get(one.assignment_id)
        if known is None or known.order < one.order:
            latest[one.assignment_id] = one
    whole = {id_ for id_, one in latest.items() if one.clinician == clinician}
    state.pending.remove("assignments", number, _index_of("assignments", "assignment_id"), whole)
    state.pending.remove("assignments", number, _index_of("assignments", "clinician"), {clinician})
    own = {one.assignment_id for one in held if one.clinician == clinician}
    remove_assignments(state, number, whole | own)


def _erase_recipients(state: State, number: int, clinician: str) -> None:
    table, teams = state.table, state.teams

    def others(recipients: Any) -> tuple[str, ...] | None:
        return tuple(one for one in recipients or () if one != clinician) or None

    state.pending.replace("alarms", number, _index_of("alarms", "recipients"), others)
    rows = table.of_facility(number)
    early = [row for row in rows.tolist() if row in table.early]
    for row in early:
        table.early[row] = [(*event[:-1], others(event[-1])) for event in table.early[row]]
    table.changed(np.array(early, dtype=np.int64))
    person = teams.clinicians.get((number, clinician))
    if person is None:
        return
    without = np.arange(len(teams.all), dtype=np.int32)
    for team, members in enumerate(list(teams.all)):
        if person in members:
            without[team] = teams.numbers[tuple(one for one in members if one != person)]
    rows = rows[without[table.recipients[rows]] != table.recipients[rows]]
    table.recipients[rows] = without[table.recipients[rows]]
    derive_again(state, rows)


def remove_assignments(state: State, number: int, ids: Iterable[str]) -> None:
    """Remove assignments of a facility, by id, and derive anew what rested on them."""
    removed = state.roster.remove(number, sorted(ids))
    if removed:
        starts = np.array([one.start for _, one in removed], dtype=np.int64)
        state.overload.mark_dirty(np.full(len(removed), number), starts)
        rows = [state.listing.begun_within(bed, one.start, one.end) for bed, one in removed]
        derive_again(state, np.unique(np.concatenate(rows)))


def derive_again(state: State, rows: Numbers) -> None:
    """Derive rows of the table that lost facts, and mark them as changed."""
    if len(rows):
        derive(state, rows)
        state.table.changed(rows)


def _erase_field(topic: Topic, field: str) -> Callable[[State, int, str], None]:
    """Facts of the topic that wait lose the clinician; those that are merged name nobody."""

    def erase_field(state: State, number: int, clinician: str) -> None:
        state.pending.replace(
            topic,
            number,
            _index_of(topic, field),
            lambda one: None if one == clinician else one,
        )

    return erase_field


_ERASE: dict[Topic, Callable[[State, int, str], None]] = {
    "alarms": _erase_recipients,
    "assignments": _erase_assignments,
    "responses": _erase_field("responses", "clinician"),
    "labels": _erase_field("labels", "reviewer"),
}
