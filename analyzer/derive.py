"""Derive: what follows, for every row that a fact touched, from everything known of it: end, clinicians, answers."""

from __future__ import annotations

import numpy as np

from analyzer.classes import COVERED, NOTHING_KNOWN, classify
from analyzer.ids import Codes, Numbers
from analyzer.state import State
from analyzer.table import NEVER, OPEN


def derive(state: State, rows: Numbers, to_publish: bool = True) -> None:
    """Work existing rows out anew (others are passed over); with `to_publish`, they are handed out once final."""
    table, statics = state.table, state.statics
    rows = rows[table.start[rows] != NEVER]
    if not len(rows):
        return
    if table.ends:
        _choose_ends(state, rows)
    static = table.static[rows]
    _list(state, rows, statics.place[static])
    _attribute(state, rows, statics.place[static])
    _answer(state, rows, static)
    table.is_alarm[rows] = (table.rank[rows] > 0) & ~statics.advisory[static]
    classify(table, statics, rows)
    if to_publish:
        table.to_publish[rows] = True


def _choose_ends(state: State, rows: Numbers) -> None:
    table = state.table
    for row in rows.tolist():
        ends = table.ends.get(row)
        if ends is not None:
            start = int(table.start[row])
            table.end[row] = min((at for at in ends if at >= start), default=OPEN)


def _list(state: State, rows: Numbers, places: Codes) -> None:
    moved = state.table.place[rows] != places
    if moved.any():
        state.listing.remove(rows[moved])
        state.listing.add(rows[moved], places[moved])


def _attribute(state: State, rows: Numbers, places: Codes) -> None:
    table, teams = state.table, state.teams
    team = state.roster.teams_at(places, table.start[rows])
    recipients = table.recipients[rows]
    for number in np.flatnonzero(recipients).tolist():
        team[number] = teams.union(int(team[number]), int(recipients[number]))
    table.team[rows] = team


def _answer(state: State, rows: Numbers, static: Codes) -> None:
    """First response, intervention, and the cover lent; most rows have not been answered, and are told so at once."""
    table, statics = state.table, state.statics
    table.first_response[rows] = NEVER
    table.answered[rows] = table.intervened[rows] = False
    by_bed = state.responses.since(statics.bed[static], table.start[rows])
    maybe = by_bed.copy()
    if table.heard or table.lent:
        maybe |= np.fromiter((row in table.heard or row in table.lent for row in rows.tolist()), dtype=np.bool_, count=len(rows))
    chosen = np.flatnonzero(maybe)
    if not len(chosen):
        return
    rows, static = rows[chosen], static[chosen]
    units = statics.units.things
    answered, first, intervened = [], [], []
    within, heard_of = state.responses.within, table.heard.get
    starts, closings = table.start[rows].tolist(), (table.end[rows] + state.policy.action_window).tolist()
    for row, ask, bed, unit, start, closing in zip(
        rows.tolist(), by_bed[chosen].tolist(), statics.bed[static].tolist(), statics.unit[static].tolist(), starts, closings, strict=True
    ):
        answers = heard_of(row, [])
        if ask:
            answers = answers + within(bed, units[unit][1], start, closing)
        answered.append(bool(answers))
        first.append(min([one[0] for one in answers], default=NEVER))
        intervened.append(any(one[2] and start <= one[0] <= closing for one in answers))
        unnamed = [one[0] for one in answers if one[3] is None]
        if unnamed or row in table.lent:
            _lend_cover(state, row, unit, tuple(sorted(unnamed)))
    table.answered[rows], table.first_response[rows], table.intervened[rows] = answered, first, intervened


def _lend_cover(state: State, row: int, unit: int, moments: tuple[int, ...]) -> None:
    """A response that names no unit counts for the unit of each episode it belongs to."""
    before = state.table.lent.get(row, (unit, ()))
    if before == (unit, moments):
        return
    gone, new = list(before[1]), list(moments)
    if before[0] == unit:
        for at in before[1]:
            if at in new:
                gone.remove(at)
                new.remove(at)
    for at in gone:
        state.cover.remove(before[0], at)
    for at in new:
        state.cover.add(unit, at)
    if moments:
        state.table.lent[row] = unit, moments
    else:
        state.table.lent.pop(row, None)
    state.table.changed(np.array([row]))


def judge_again(state: State) -> None:
    """Mark the final rows whose class may be another because cover came or went."""
    table, statics, cover = state.table, state.statics, state.cover
    for unit, at in cover.came:
        unsure = state.unsure.get(unit)
        if unsure:
            _mark(state, np.array(unsure), unit, at, NOTHING_KNOWN)
    if cover.went:
        covered = np.flatnonzero(table.rule == COVERED)
        units = statics.unit[table.static[covered]]
        for unit, at in cover.went:
            _mark(state, covered[units == unit], unit, at, COVERED)
    cover.came.clear()
    cover.went.clear()


def _mark(state: State, rows: Numbers, unit: int, at: int, rule: int) -> None:
    """Of `rows`, those of `unit` under `rule` whose class looks back on the moment `at`."""
    table, statics, policy = state.table, state.statics, state.policy
    closing = table.end[rows] + policy.action_window
    rows = rows[(table.rule[rows] == rule) & (closing >= at) & (closing - policy.cover <= at)]
    rows = rows[statics.unit[table.static[rows]] == unit]
    if len(rows):
        table.to_publish[rows] = True
        table.changed(rows)
