"""Fold: facts into the table, in any order. Answers with the rows they touched, for `derive` to work out what follows."""

from __future__ import annotations

from array import array
from collections.abc import Callable
from itertools import compress
from typing import Any

import numpy as np
import numpy.typing as npt

from analyzer.arrivals import Batch
from analyzer.episodes import PRIORITIES
from analyzer.facts import Assignment, Topic, fact_of
from analyzer.ids import Codes, Numbers, integers
from analyzer.names import Place
from analyzer.readings import fold_readings
from analyzer.responses import INTERVENTIONS, NOT_SAID, Heard
from analyzer.state import State
from analyzer.table import NEVER, OPEN

_IS_END = {"start": 0, "update": 0, "end": 1}
_RANK = {priority: rank for rank, priority in enumerate(PRIORITIES)}
_VERDICT = {"actionable": 0, "non_actionable": 1}
_NOTHING: Numbers = np.empty(0, dtype=np.int64)


def fold_alarms(state: State, batch: Batch) -> Numbers:
    """Device events: every alarm's start, end, priority, static fields, recipients and readings so far."""
    _, alarm_id, phase, _, _, *static, priority, source, label, value, limit, recipients = batch.columns
    table, at = state.table, batch.at
    rows = table.rows_of(batch.facilities, alarm_id)
    ending = np.frombuffer(bytes(map(_IS_END.__getitem__, phase)), dtype=np.bool_)
    ranks = np.frombuffer(bytes(map(_RANK.__getitem__, priority)), dtype=np.int8)
    np.maximum.at(table.rank, rows, ranks)
    np.maximum.at(table.latest, rows, at)
    opening = np.flatnonzero(~ending)
    if len(opening):
        first = opening[_fold_starts(state, rows[opening], at[opening], batch.entries[opening])]
        state.watch.begin(batch.facilities[first], table.start[rows[first]])
        state.watch.touch(batch.facilities[first], table.start[rows[first]])
        chosen = np.zeros(len(rows), dtype=np.bool_)
        chosen[first] = True
        picked = chosen.tolist()
        unit, bed, device_id, device_type, code, kind = (compress(column, picked) for column in static)
        facility = batch.facilities[first].tolist()
        statics = zip(facility, unit, bed, device_id, device_type, compress(source, picked), code, kind, strict=True)
        table.static[rows[chosen]] = state.statics.number_all(statics)
        table.label[rows[chosen]] = list(map(state.labels.__getitem__, compress(label, picked)))
    if len(opening) < len(rows):
        _fold_ends(state, rows[ending], at[ending])
        state.watch.touch(batch.facilities[ending], at[ending])
    _fold_values(state, batch, rows, ~ending, value, limit)
    if recipients.count(None) < len(recipients):
        for row, facility_, clinicians in zip(rows.tolist(), batch.facilities.tolist(), recipients, strict=True):
            if clinicians:
                table.recipients[row] = state.teams.union(int(table.recipients[row]), state.teams.of(facility_, clinicians))
    return rows


def _fold_starts(state: State, rows: Numbers, at: Numbers, entries: Numbers) -> Numbers:
    """Earliest `start` or `update` of each row. Returns which events turned out to be the first of their rows."""
    table = state.table
    before = table.start[rows]
    np.minimum.at(table.start, rows, at)
    least = at == table.start[rows]
    earlier = np.flatnonzero(least & (at < before))
    table.first[rows[earlier]] = entries[earlier]
    # Of several that start alike, the one with the least event_id counts.
    alike = np.flatnonzero(least & ((at == before) | (table.first[rows] != entries)))
    text = state.gates["alarms"].seen.text
    for place in alike.tolist():
        row, entry = int(rows[place]), int(entries[place])
        if text(entry) < text(int(table.first[row])):
            table.first[row] = entry
    return np.flatnonzero(least & (table.first[rows] == entries))


def _fold_ends(state: State, rows: Numbers, at: Numbers) -> None:
    """The `end` that counts is the least at or after the start; where there are others, all are remembered."""
    table = state.table
    simple = (table.end[rows] == OPEN) & (at >= table.start[rows])
    if table.ends:
        simple &= ~np.fromiter((row in table.ends for row in rows.tolist()), dtype=np.bool_, count=len(rows))
    table.end[rows[simple]] = at[simple]
    simple &= table.end[rows] == at  # else it was not the only one in this batch
    for place in np.flatnonzero(~simple).tolist():
        row, moment = int(rows[place]), int(at[place])
        end = int(table.end[row])
        known = table.ends.get(row, () if end == OPEN else (end,))
        if moment not in known:
            table.ends[row] = (*known, moment)


def _fold_values(state: State, batch: Batch, rows: Numbers, opening: Any, value: Any, limit: Any) -> None:
    count = len(rows)
    if value.count(None) == count and limit.count(None) == count:
        return
    values = np.frombuffer(array("d", [np.nan if one is None else one for one in value]))
    limits = np.frombuffer(array("d", [np.nan if one is None else one for one in limit]))
    told = np.flatnonzero(~(np.isnan(values) & np.isnan(limits)))
    text = state.gates["alarms"].seen.text
    fold_readings(state.table, rows[told], batch.at[told], batch.entries[told], opening[told], values[told], limits[told], text)


def fold_assignments(state: State, batch: Batch) -> Numbers:
    """Rosters: whoever was responsible when an alarm began, as far as it is charted."""
    touched, facilities, since = [], [], []
    for facility, values in zip(batch.facilities.tolist(), zip(*batch.columns, strict=True), strict=True):
        new = fact_of(Assignment, values)
        place = state.statics.places[Place(facility, new.unit, new.bed)]
        changed = state.roster.put(new, facility, place)
        if changed:
            facilities.append(facility)
            since.append(_differs_from(changed))
        for number, one in changed:
            touched.append(state.listing.begun_within(number, one.start, one.end))
    state.watch.touch(integers(facilities), integers(since))
    return np.concatenate(touched) if touched else _NOTHING


def _differs_from(changed: tuple[tuple[int, Assignment], ...]) -> int:
    """From when on it makes a difference that an assignment's record came, or took the place of another."""
    (place, one), (other_place, other) = changed[0], changed[-1]
    if changed[1:] and (place, one.clinician, one.start) == (other_place, other.clinician, other.start):
        return min(OPEN if each.end is None else each.end for each in (one, other))
    return min(one.start, other.start)


def fold_responses(state: State, batch: Batch) -> Numbers:
    """What people did, about one alarm or about whatever sounded at a bed."""
    _, _, _, action, alarm_id, bed, _, unit = batch.columns
    facility = batch.facilities.tolist()
    numbers = state.statics.units
    named = [NOT_SAID if name is None else numbers[of, name] for of, name in zip(facility, unit, strict=True)]
    units = np.array(named, dtype=np.int32)
    intervenes = np.frombuffer(bytes(map(INTERVENTIONS.__contains__, action)), dtype=np.bool_)
    said = np.flatnonzero(units != NOT_SAID)
    state.cover.add_all(units[said], batch.at[said])
    touched = []
    by_alarm = np.array([alarm is not None for alarm in alarm_id], dtype=np.bool_)
    if by_alarm.any():
        rows = state.table.rows_of(batch.facilities[by_alarm], [alarm for alarm in alarm_id if alarm is not None])
        np.maximum.at(state.table.latest, rows, batch.at[by_alarm])
        _fold_heard(state, rows, batch.at[by_alarm], intervenes[by_alarm], units[by_alarm])
        touched.append(rows)
    for place in np.flatnonzero(~by_alarm).tolist():
        heard = Heard(int(batch.at[place]), bool(intervenes[place]), int(units[place]))
        number = state.statics.beds[facility[place], bed[place]]
        state.responses.add(number, heard)
        touched += [state.listing.answerable_at(one, heard.at) for one in state.statics.places_of_bed.get(number, ())]
    return np.concatenate(touched) if touched else _NOTHING


def _fold_heard(state: State, rows: Numbers, at: Numbers, intervenes: npt.NDArray[np.bool_], units: Codes) -> None:
    """The first response by alarm id goes to columns; of a row with several, all are listed."""
    table = state.table
    first = np.zeros(len(rows), dtype=np.bool_)
    first[np.unique(rows, return_index=True)[1]] = True
    first &= table.heard_at[rows] == NEVER
    new = rows[first]
    table.heard_at[new], table.heard_intervenes[new], table.heard_unit[new] = at[first], intervenes[first], units[first]
    for place in np.flatnonzero(~first).tolist():
        row = int(rows[place])
        known = Heard(int(table.heard_at[row]), bool(table.heard_intervenes[row]), int(table.heard_unit[row]))
        one = Heard(int(at[place]), bool(intervenes[place]), int(units[place]))
        table.heard[row] = (*table.heard.get(row, (known,)), one)


def fold_labels(state: State, batch: Batch) -> Numbers:
    """Adjudications: of several, the one with the greatest (at, event_id) counts."""
    event_id, _, alarm_id, verdict, _, _, _ = batch.columns
    table = state.table
    rows = table.rows_of(batch.facilities, alarm_id)
    for row, at, id_, said in zip(rows.tolist(), batch.at.tolist(), event_id, verdict, strict=True):
        if (at, id_) > table.label_order.get(row, (-OPEN, "")):
            table.label_order[row] = at, id_
            table.verdict[row] = _VERDICT[said]
    np.maximum.at(table.latest, rows, batch.at)
    return rows


FOLDS: dict[Topic, Callable[[State, Batch], Numbers]] = {
    "assignments": fold_assignments,
    "alarms": fold_alarms,
    "responses": fold_responses,
    "labels": fold_labels,
}
"""By topic, in the order that saves work: with the roster known first, nothing need be attributed twice."""
