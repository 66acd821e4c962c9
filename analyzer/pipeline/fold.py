"""Fold: facts into the table, in any order. Answers with the rows they touched, for `derive` to
work out what follows.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, insort
from collections.abc import Callable, Sequence
from itertools import compress
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from analyzer.arrays import Numbers, integers
from analyzer.columns.moments import enter
from analyzer.columns.statics import Place
from analyzer.model.episodes import PRIORITIES
from analyzer.model.facts import Assignment, Topic, fact_of
from analyzer.pipeline.coverage import hear, judge, lend_at_bed, lend_by_id
from analyzer.pipeline.pending import Batch
from analyzer.pipeline.readings import fold_readings
from analyzer.pipeline.responses import ACTION_NUMBER, NOT_SAID, UNNAMED
from analyzer.pipeline.state import State
from analyzer.times import NEVER, OPEN

_IS_END = {"start": 0, "update": 0, "end": 1}
_RANK = {priority: rank for rank, priority in enumerate(PRIORITIES)}
_VERDICT = {"actionable": 0, "non_actionable": 1}
_NOTHING: Numbers = np.empty(0, dtype=np.int64)


def fold_alarms(state: State, batch: Batch) -> Numbers:
    """Device events: every alarm's start, end, priority, static fields, recipients and readings so
    far.

    Events of a batch that lie more than the horizon apart may belong to several episodes of one id,
    and are folded by time. A later batch must hold no event more than the horizon before one that
    is folded already: `Arrivals` sees to that.
    """
    horizon, at = state.policy.horizon, batch.at
    if int(at.max()) - int(at.min()) <= horizon:
        return _fold_events(state, batch)
    order = np.argsort(at, kind="stable")
    ordered, touched, begin = at[order], [], 0
    while begin < len(order):
        end = int(np.searchsorted(ordered, ordered[begin] + horizon, side="right"))
        touched.append(_fold_events(state, batch.ordered(order[begin:end])))
        begin = end
    return np.concatenate(touched)


def _fold_events(state: State, batch: Batch) -> Numbers:
    _, alarm_id, phase, _, _, *static, priority, source, label, value, limit, recipients = (
        batch.columns
    )
    table, at = state.table, batch.at
    rows = table.at_times(table.rows_of(batch.facilities, alarm_id), at, state.policy.horizon)
    ending = np.frombuffer(bytes(map(_IS_END.__getitem__, phase)), dtype=np.bool_)
    np.maximum.at(table.latest, rows, at)
    opening = np.flatnonzero(~ending)
    restarted: set[int] = set()
    if len(opening):
        first = opening[_fold_starts(state, rows[opening], at[opening], batch.entries[opening])]
        state.overload.alarms_start(batch.facilities[first], table.start[rows[first]])
        state.overload.mark_dirty(batch.facilities[first], table.start[rows[first]])
        chosen = np.zeros(len(rows), dtype=np.bool_)
        chosen[first] = True
        picked = chosen.tolist()
        unit, bed, device_id, device_type, code, kind = (
            compress(column, picked) for column in static
        )
        facility = batch.facilities[first].tolist()
        statics = zip(
            facility,
            unit,
            bed,
            device_id,
            device_type,
            compress(source, picked),
            code,
            kind,
            strict=True,
        )
        table.static[rows[chosen]] = state.statics.number_all(statics)
        table.label[rows[chosen]] = list(map(state.labels.__getitem__, compress(label, picked)))
        if table.ends or table.early:
            restarted = set(rows[first].tolist())
    ranks = np.frombuffer(bytes(map(_RANK.__getitem__, priority)), dtype=np.int8)
    details = _Details(
        rows, batch.facilities, at, batch.entries, ~ending, ranks, value, limit, recipients
    )
    early = ending & (at < table.start[rows] - state.policy.horizon)
    if early.any():
        for place in np.flatnonzero(early).tolist():
            insort(table.early.setdefault(int(rows[place]), []), details.event(place))
        details = details.chosen(~early)
    _fold_details(state, details)
    _fold_restarted(state, restarted)
    return rows


class _Details(NamedTuple):
    """What events say beside the start and the static fields of their rows."""

    rows: Numbers
    facilities: Numbers
    at: Numbers
    entries: Numbers
    opening: npt.NDArray[np.bool_]
    ranks: npt.NDArray[np.int8]
    value: Sequence[float | None]
    limit: Sequence[float | None]
    recipients: Sequence[tuple[str, ...] | None]

    def event(self, place: int) -> tuple[Any, ...]:
        """An `end` in plain values, to be set aside; ordered by time."""
        return (
            int(self.at[place]),
            int(self.entries[place]),
            int(self.facilities[place]),
            int(self.ranks[place]),
            self.value[place],
            self.limit[place],
            self.recipients[place],
        )

    def chosen(self, mask: npt.NDArray[np.bool_]) -> _Details:
        selected = mask.tolist()
        value, limit = list(compress(self.value, selected)), list(compress(self.limit, selected))
        recipients = list(compress(self.recipients, selected))
        rows, facilities, at, entries = (
            self.rows[mask],
            self.facilities[mask],
            self.at[mask],
            self.entries[mask],
        )
        return _Details(
            rows,
            facilities,
            at,
            entries,
            self.opening[mask],
            self.ranks[mask],
            value,
            limit,
            recipients,
        )


def _fold_details(state: State, of: _Details) -> None:
    """Ends, priorities, readings and recipients; no event is more than the horizon before the start
    of its row.
    """
    table = state.table
    np.maximum.at(table.rank, of.rows, of.ranks)
    ending = ~of.opening
    if ending.any():
        _fold_ends(state, of.rows[ending], of.at[ending])
        state.overload.mark_dirty(of.facilities[ending], of.at[ending])
    _fold_values(state, of)
    if of.recipients.count(None) < len(of.recipients):
        named: dict[tuple[int, int], list[str]] = {}
        for row, facility, clinicians in zip(
            of.rows.tolist(), of.facilities.tolist(), of.recipients, strict=True
        ):
            if clinicians:
                named.setdefault((row, facility), []).extend(clinicians)
        # each row once, for each set of people met on the way is held
        for (row, facility), people in named.items():
            number, dropped = state.teams.with_recipients(
                int(table.recipients[row]), facility, people
            )
            table.recipients[row] = number
            state.recipients_dropped += dropped
            state.head_changed |= dropped > 0


def _fold_restarted(state: State, rows: set[int]) -> None:
    """Rows begin earlier than was known: ends that came before their start may lie behind it, or
    within the horizon of it.
    """
    table = state.table
    for row in rows & table.early.keys():
        waiting, least = table.early[row], int(table.start[row]) - state.policy.horizon
        place = bisect_left(waiting, (least,))
        if place < len(waiting):
            at, entries, facilities, ranks, value, limit, recipients = zip(
                *waiting[place:], strict=True
            )
            del waiting[place:]
            count = len(at)
            _fold_details(
                state,
                _Details(
                    np.full(count, row),
                    integers(facilities),
                    integers(at),
                    integers(entries),
                    np.zeros(count, dtype=np.bool_),
                    np.array(ranks, dtype=np.int8),
                    value,
                    limit,
                    recipients,
                ),
            )
        if not waiting:
            del table.early[row]
    for row in rows & table.ends.keys():
        ends = table.ends[row]
        place = bisect_left(ends, int(table.start[row]))
        if place < len(ends):  # those after it can never count again
            table.end[row] = min(int(table.end[row]), ends[place])
            del ends[place:]
        if not ends:
            del table.ends[row]


def _fold_starts(state: State, rows: Numbers, at: Numbers, entries: Numbers) -> Numbers:
    """Earliest `start` or `update` of each row.

    Returns which events turned out to be the first of their rows.
    """
    table = state.table
    before = table.start[rows]
    np.minimum.at(table.start, rows, at)
    least = at == table.start[rows]
    earlier = np.flatnonzero(least & (at < before))
    table.first[rows[earlier]] = entries[earlier]
    state.listing.begun_earlier(rows[earlier])
    # Of several that start alike, the one with the least event_id counts.
    alike = np.flatnonzero(least & ((at == before) | (table.first[rows] != entries)))
    text = state.gates["alarms"].seen.text
    for place in alike.tolist():
        row, entry = int(rows[place]), int(entries[place])
        if text(entry) < text(int(table.first[row])):
            table.first[row] = entry
    return np.flatnonzero(least & (table.first[rows] == entries))


def _fold_ends(state: State, rows: Numbers, at: Numbers) -> None:
    """The `end` that counts is the least at or after the start; those after it never count, and
    those before it might.
    """
    table = state.table
    after = at >= table.start[rows]
    np.minimum.at(table.end, rows[after], at[after])
    for place in np.flatnonzero(~after).tolist():
        enter(table.ends.setdefault(int(rows[place]), []), int(at[place]))


def _fold_values(state: State, of: _Details) -> None:
    count = len(of.rows)
    if of.value.count(None) == count and of.limit.count(None) == count:
        return
    values = np.frombuffer(array("d", [np.nan if one is None else one for one in of.value]))
    limits = np.frombuffer(array("d", [np.nan if one is None else one for one in of.limit]))
    told = np.flatnonzero(~(np.isnan(values) & np.isnan(limits)))
    text = state.gates["alarms"].seen.text
    fold_readings(
        state.table,
        of.rows[told],
        of.at[told],
        of.entries[told],
        of.opening[told],
        values[told],
        limits[told],
        text,
    )


def fold_assignments(state: State, batch: Batch) -> Numbers:
    """Rosters: whoever was responsible when an alarm began, as far as it is charted."""
    touched, facilities, since = [], [], []
    for facility, values in zip(
        batch.facilities.tolist(), zip(*batch.columns, strict=True), strict=True
    ):
        new = fact_of(Assignment, values)
        place = state.statics.places[Place(facility, new.unit, new.bed)]
        changed = state.roster.put(new, facility, place)
        if changed:
            facilities.append(facility)
            since.append(_differs_from(changed))
            touched += [
                state.listing.begun_within(place, *stretch)
                for place, stretch in _stretches_of(changed)
            ]
    state.overload.mark_dirty(integers(facilities), integers(since))
    return np.concatenate(touched) if touched else _NOTHING


def _only_end_differs(changed: tuple[tuple[int, Assignment], ...]) -> bool:
    """Whether an assignment changed nothing but its end."""
    (place, one), (other_place, other) = changed[0], changed[-1]
    return bool(changed[1:]) and (place, one.clinician, one.start) == (
        other_place,
        other.clinician,
        other.start,
    )


def _stretches_of(
    changed: tuple[tuple[int, Assignment], ...],
) -> list[tuple[int, tuple[int, int | None]]]:
    """(place, [since, until))s of the alarms that may be attributed otherwise."""
    if not _only_end_differs(changed):
        return [(place, (one.start, one.end)) for place, one in changed]
    first, last = sorted(OPEN if one.end is None else one.end for _, one in changed)
    return [(changed[0][0], (first, last))] if first < last else []


def _differs_from(changed: tuple[tuple[int, Assignment], ...]) -> int:
    """From when on it makes a difference that an assignment's record came, or took the place of
    another.
    """
    one, other = changed[0][1], changed[-1][1]
    if _only_end_differs(changed):
        return min(OPEN if each.end is None else each.end for each in (one, other))
    return min(one.start, other.start)


def fold_responses(state: State, batch: Batch) -> Numbers:
    """What people did, about one alarm or about whatever sounded at a bed."""
    _, _, _, action, alarm_id, bed, _, unit = batch.columns
    facility = batch.facilities.tolist()
    numbers = state.statics.units
    named = [
        NOT_SAID if name is None else numbers[of, name]
        for of, name in zip(facility, unit, strict=True)
    ]
    units = np.array(named, dtype=np.int32)
    actions = np.frombuffer(bytes(map(ACTION_NUMBER.__getitem__, action)), dtype=np.int8)
    said = np.flatnonzero(units != NOT_SAID)
    state.cover.add_all(units[said], actions[said].astype(np.int32), batch.at[said])
    touched = []
    by_alarm = np.array([alarm is not None for alarm in alarm_id], dtype=np.bool_)
    if by_alarm.any():
        at = batch.at[by_alarm]
        rows = state.table.rows_of(
            batch.facilities[by_alarm], [alarm for alarm in alarm_id if alarm is not None]
        )
        rows = state.table.named_at(rows, at, state.policy.horizon)
        np.maximum.at(state.table.mentioned, rows, at)
        _fold_heard(
            state,
            rows,
            at,
            actions[by_alarm] + np.where(units[by_alarm] == NOT_SAID, UNNAMED, 0).astype(np.int8),
        )
        touched.append(rows)
    for place in np.flatnonzero(~by_alarm).tolist():
        at_, number = int(batch.at[place]), state.statics.beds[facility[place], bed[place]]
        if state.responses.add(number, at_, int(actions[place]), named[place]):
            answered = [
                state.listing.answerable_at(one, at_)
                for one in state.statics.places_of_bed.get(number, ())
            ]
            if named[place] == NOT_SAID:
                lend_at_bed(state, answered, int(actions[place]), at_)
            touched += answered
    return np.concatenate(touched) if touched else _NOTHING


def _fold_heard(state: State, rows: Numbers, at: Numbers, codes: npt.NDArray[np.int8]) -> None:
    """The first response by alarm id goes to columns; of a row with several, all are held beside
    them.
    """
    table = state.table
    first = np.zeros(len(rows), dtype=np.bool_)
    first[np.unique(rows, return_index=True)[1]] = True
    first &= table.heard_at[rows] == NEVER
    new = rows[first]
    table.heard_at[new], table.heard_code[new] = at[first], codes[first]
    for place in np.flatnonzero(~first).tolist():
        hear(table, int(rows[place]), int(codes[place]), int(at[place]))
    if table.lent:
        for row, code, moment in zip(rows.tolist(), codes.tolist(), at.tolist(), strict=True):
            if row in table.lent and code >= UNNAMED:
                lend_by_id(state, row, code, moment)


def fold_labels(state: State, batch: Batch) -> Numbers:
    """Adjudications: of several, the one with the greatest (at, event_id) counts."""
    event_id, _, alarm_id, verdict, _, _, _ = batch.columns
    table = state.table
    rows = table.named_at(table.rows_of(batch.facilities, alarm_id), batch.at, state.policy.horizon)
    for row, at, id_, said in zip(rows.tolist(), batch.at.tolist(), event_id, verdict, strict=True):
        insort(table.labels.setdefault(row, []), (at, id_, _VERDICT[said]))
    judge(table, rows)
    np.maximum.at(table.mentioned, rows, batch.at)
    return rows


FOLDS: dict[Topic, Callable[[State, Batch], Numbers]] = {
    "assignments": fold_assignments,
    "alarms": fold_alarms,
    "responses": fold_responses,
    "labels": fold_labels,
}
"""By topic, in the order that saves work: with the roster known first, nothing need be attributed
twice.
"""
