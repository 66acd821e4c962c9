"""Fold: merges facts, in any order, into the table, the roster and the responses.

Each function returns the affected rows; `derive` then updates what follows from them.
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
from analyzer.columns.statics import Bed
from analyzer.model.episodes import PRIORITIES
from analyzer.model.facts import Assignment, Topic, checked_fact
from analyzer.pipeline.alarm_responses import add_response, set_verdict
from analyzer.pipeline.contributions import contribute_at_bed, contribute_by_id
from analyzer.pipeline.pending import Batch
from analyzer.pipeline.reading_fold import fold_readings
from analyzer.pipeline.responses import ACTION_NUMBER, NO_UNIT, UNNAMED
from analyzer.pipeline.state import State
from analyzer.times import NEVER, OPEN

_IS_END = {"start": 0, "update": 0, "end": 1}
_RANK = {priority: rank for rank, priority in enumerate(PRIORITIES)}
_VERDICT = {"actionable": 0, "non_actionable": 1}
_NOTHING: Numbers = np.empty(0, dtype=np.int64)


def fold_alarms(state: State, batch: Batch) -> Numbers:
    """Merge device events: start, end, priority, static fields, recipients and readings.

    Events of a batch that are more than the horizon apart may belong to several episodes of one id,
    so they are folded in order of time. A later batch must hold no event more than the horizon
    before one that is folded already: `PendingFacts` sees to that.
    """
    horizon, at = state.policy.horizon, batch.at
    if int(at.max()) - int(at.min()) <= horizon:
        return _fold_events(state, batch)
    order = np.argsort(at, kind="stable")
    ordered, affected, begin = at[order], [], 0
    while begin < len(order):
        end = int(np.searchsorted(ordered, ordered[begin] + horizon, side="right"))
        affected.append(_fold_events(state, batch.ordered(order[begin:end])))
        begin = end
    return np.concatenate(affected)


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
        picked = first.tolist()
        unit, bed, device_id, device_type, code, kind = (
            map(column.__getitem__, picked) for column in static
        )
        facility = batch.facilities[first].tolist()
        statics = zip(
            facility,
            unit,
            bed,
            device_id,
            device_type,
            map(source.__getitem__, picked),
            code,
            kind,
            strict=True,
        )
        table.static[rows[first]] = state.statics.number_all(statics)
        texts = map(label.__getitem__, picked)
        table.label[rows[first]] = list(map(state.labels.__getitem__, texts))
        if table.ends or table.early:
            restarted = set(rows[first].tolist())
    ranks = np.frombuffer(bytes(map(_RANK.__getitem__, priority)), dtype=np.int8)
    details = _Details(
        rows, batch.facilities, at, batch.entries, ~ending, ranks, value, limit, recipients
    )
    early = ending & (at < table.start[rows] - state.policy.horizon)
    if early.any():
        for index in np.flatnonzero(early).tolist():
            insort(table.early.setdefault(int(rows[index]), []), details.event(index))
        details = details.chosen(~early)
    _fold_details(state, details)
    _fold_restarted(state, restarted)
    return rows


class _Details(NamedTuple):
    """The fields of events other than start and static fields, and the rows they belong to."""

    rows: Numbers
    facilities: Numbers
    at: Numbers
    entries: Numbers
    opening: npt.NDArray[np.bool_]
    ranks: npt.NDArray[np.int8]
    value: Sequence[float | None]
    limit: Sequence[float | None]
    recipients: Sequence[tuple[str, ...] | None]

    def event(self, index: int) -> tuple[Any, ...]:
        """An `end` in plain values that sort by time, for `Table.early`."""
        return (
            int(self.at[index]),
            int(self.entries[index]),
            int(self.facilities[index]),
            int(self.ranks[index]),
            self.value[index],
            self.limit[index],
            self.recipients[index],
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
    """Merge ends, priorities, readings and recipients.

    No event may be more than the horizon before the start of its row.
    """
    table = state.table
    np.maximum.at(table.rank, of.rows, of.ranks)
    ending = ~of.opening
    if ending.any():
        _fold_ends(state, of.rows[ending], of.at[ending])
        state.overload.mark_dirty(of.facilities[ending], of.at[ending])
    _fold_values(state, of)
    if given := list(filter(None, of.recipients)):
        which = list(compress(range(len(of.recipients)), of.recipients))
        named: dict[tuple[int, int], list[str]] = {}
        for row, facility, clinicians in zip(
            of.rows[which].tolist(), of.facilities[which].tolist(), given, strict=True
        ):
            named.setdefault((row, facility), []).extend(clinicians)
        # Once for each row: every set of people on the way would get a number.
        for (row, facility), people in named.items():
            number, dropped = state.teams.with_recipients(
                int(table.recipients[row]), facility, people
            )
            table.recipients[row] = number
            state.recipients_dropped += dropped
            state.head_changed |= dropped > 0


def _fold_restarted(state: State, rows: set[int]) -> None:
    """Use the ends that were set aside, now that these rows start earlier than was known.

    Ends before the old start may lie after the new one, or within the horizon before it.
    """
    table = state.table
    for row in rows & table.early.keys():
        waiting, least = table.early[row], int(table.start[row]) - state.policy.horizon
        index = bisect_left(waiting, (least,))
        if index < len(waiting):
            at, entries, facilities, ranks, value, limit, recipients = zip(
                *waiting[index:], strict=True
            )
            del waiting[index:]
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
        index = bisect_left(ends, int(table.start[row]))
        if index < len(ends):  # those after it can never count again
            table.end[row] = min(int(table.end[row]), ends[index])
            del ends[index:]
        if not ends:
            del table.ends[row]


def _fold_starts(state: State, rows: Numbers, at: Numbers, entries: Numbers) -> Numbers:
    """Merge the earliest `start` or `update` of each row.

    Returns the indices of the events that are now the first of their rows.
    """
    table = state.table
    before = table.start[rows]
    np.minimum.at(table.start, rows, at)
    least = at == table.start[rows]
    earlier = np.flatnonzero(least & (at < before))
    table.first[rows[earlier]] = entries[earlier]
    state.listing.begun_earlier(rows[earlier])
    # Of several with the same time, the one with the least event_id counts.
    alike = np.flatnonzero(least & ((at == before) | (table.first[rows] != entries)))
    text = state.admission["alarms"].seen.text
    for index in alike.tolist():
        row, entry = int(rows[index]), int(entries[index])
        if text(entry) < text(int(table.first[row])):
            table.first[row] = entry
    return np.flatnonzero(least & (table.first[rows] == entries))


def _fold_ends(state: State, rows: Numbers, at: Numbers) -> None:
    """Merge ends. The earliest at or after the start counts; those after it never can.

    Those before the start are kept: they count if an earlier start arrives.
    """
    table = state.table
    after = at >= table.start[rows]
    np.minimum.at(table.end, rows[after], at[after])
    for index in np.flatnonzero(~after).tolist():
        enter(table.ends.setdefault(int(rows[index]), []), int(at[index]))


def _fold_values(state: State, of: _Details) -> None:
    count = len(of.rows)
    if of.value.count(None) == count and of.limit.count(None) == count:
        return
    values = np.frombuffer(array("d", [np.nan if one is None else one for one in of.value]))
    limits = np.frombuffer(array("d", [np.nan if one is None else one for one in of.limit]))
    reported = np.flatnonzero(~(np.isnan(values) & np.isnan(limits)))
    text = state.admission["alarms"].seen.text
    fold_readings(
        state.table,
        of.rows[reported],
        of.at[reported],
        of.entries[reported],
        of.opening[reported],
        values[reported],
        limits[reported],
        text,
    )


def fold_assignments(state: State, batch: Batch) -> Numbers:
    """Merge assignments. The affected rows are the alarms that may now have other clinicians."""
    affected, facilities, since = [], [], []
    for facility, values in zip(
        batch.facilities.tolist(), zip(*batch.columns, strict=True), strict=True
    ):
        new = checked_fact(Assignment, values)
        bed = state.statics.beds[Bed(facility, new.unit, new.bed)]
        changed = state.roster.put(new, facility, bed)
        if changed:
            facilities.append(facility)
            since.append(_differs_from(changed))
            affected += [
                state.listing.begun_within(bed, *stretch) for bed, stretch in _stretches_of(changed)
            ]
    state.overload.mark_dirty(integers(facilities), integers(since))
    return np.concatenate(affected) if affected else _NOTHING


def _only_end_differs(changed: tuple[tuple[int, Assignment], ...]) -> bool:
    """Whether a new record of an assignment differs from the old one in its end alone."""
    (bed, one), (other_bed, other) = changed[0], changed[-1]
    return bool(changed[1:]) and (bed, one.clinician, one.start) == (
        other_bed,
        other.clinician,
        other.start,
    )


def _stretches_of(
    changed: tuple[tuple[int, Assignment], ...],
) -> list[tuple[int, tuple[int, int | None]]]:
    """(bed, [since, until))s of the alarms that may now have other clinicians."""
    if not _only_end_differs(changed):
        return [(bed, (one.start, one.end)) for bed, one in changed]
    first, last = sorted(OPEN if one.end is None else one.end for _, one in changed)
    return [(changed[0][0], (first, last))] if first < last else []


def _differs_from(changed: tuple[tuple[int, Assignment], ...]) -> int:
    """The earliest time (ms) at which a new record of an assignment changes who is responsible, or
    which beds a colleague could take: that depends on role and acuity.
    """
    one, other = changed[0][1], changed[-1][1]
    same = (one.role, one.acuity) == (other.role, other.acuity)
    if same and _only_end_differs(changed):
        return min(OPEN if each.end is None else each.end for each in (one, other))
    return min(one.start, other.start)


def fold_responses(state: State, batch: Batch) -> Numbers:
    """Merge what people did about one alarm, or about all alarms at a bed."""
    _, _, _, action, alarm_id, bed, _, unit = batch.columns
    facility = batch.facilities.tolist()
    numbers = state.statics.units
    named = [
        NO_UNIT if name is None else numbers[of, name]
        for of, name in zip(facility, unit, strict=True)
    ]
    units = np.array(named, dtype=np.int32)
    actions = np.frombuffer(bytes(map(ACTION_NUMBER.__getitem__, action)), dtype=np.int8)
    named_units = np.flatnonzero(units != NO_UNIT)
    state.cover.add_all(
        units[named_units], actions[named_units].astype(np.int32), batch.at[named_units]
    )
    affected = []
    by_alarm = np.array([alarm is not None for alarm in alarm_id], dtype=np.bool_)
    if by_alarm.any():
        at = batch.at[by_alarm]
        rows = state.table.rows_of(
            batch.facilities[by_alarm], [alarm for alarm in alarm_id if alarm is not None]
        )
        rows = state.table.named_at(rows, at, state.policy.horizon)
        state.table.mentioned.raise_to(rows, at)
        _fold_named(
            state,
            rows,
            at,
            actions[by_alarm] + np.where(units[by_alarm] == NO_UNIT, UNNAMED, 0).astype(np.int8),
        )
        affected.append(rows)
    for index in np.flatnonzero(~by_alarm).tolist():
        at_, name = int(batch.at[index]), state.statics.bed_names[facility[index], bed[index]]
        if state.responses.add(name, at_, int(actions[index]), named[index]):
            answered = [
                state.listing.answerable_at(one, at_)
                for one in state.statics.beds_of_name.get(name, ())
            ]
            if named[index] == NO_UNIT:
                contribute_at_bed(state, answered, int(actions[index]), at_)
            affected += answered
    return np.concatenate(affected) if affected else _NOTHING


def _fold_named(state: State, rows: Numbers, at: Numbers, codes: npt.NDArray[np.int8]) -> None:
    """Merge responses by alarm id.

    A row's first one to arrive goes to columns; if there are several, `Table.responses` has all.
    """
    table = state.table
    first = np.zeros(len(rows), dtype=np.bool_)
    first[np.unique(rows, return_index=True)[1]] = True
    first &= table.response_at[rows] == NEVER
    new = rows[first]
    table.response_at[new], table.response_code[new] = at[first], codes[first]
    for index in np.flatnonzero(~first).tolist():
        add_response(table, int(rows[index]), int(codes[index]), int(at[index]))
    if table.contributions:
        for row, code, moment in zip(rows.tolist(), codes.tolist(), at.tolist(), strict=True):
            if row in table.contributions and code >= UNNAMED:
                contribute_by_id(state, row, code, moment)


def fold_labels(state: State, batch: Batch) -> Numbers:
    """Merge labels. Of several, the one with the greatest (at, event_id) counts."""
    event_id, _, alarm_id, verdict, _, _, _ = batch.columns
    table = state.table
    rows = table.named_at(table.rows_of(batch.facilities, alarm_id), batch.at, state.policy.horizon)
    for row, at, id_, word in zip(rows.tolist(), batch.at.tolist(), event_id, verdict, strict=True):
        insort(table.labels.setdefault(row, []), (at, id_, _VERDICT[word]))
    set_verdict(table, rows)
    table.mentioned.raise_to(rows, batch.at)
    return rows


FOLDS: dict[Topic, Callable[[State, Batch], Numbers]] = {
    "assignments": fold_assignments,
    "alarms": fold_alarms,
    "responses": fold_responses,
    "labels": fold_labels,
}
"""By topic. The roster comes first, so that few alarms are attributed twice."""
