"""Derive: what follows, for every row that a fact touched, from everything known of it: end, clinicians, answers."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from analyzer.classes import COVERED, NOTHING_KNOWN, classify
from analyzer.ids import Codes, Numbers
from analyzer.responses import NOT_SAID, Heard
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
    was_alarm, team, answer = table.is_alarm[rows], table.team[rows], table.first_response[rows]
    _list(state, rows, statics.place[static])
    _attribute(state, rows, statics.place[static])
    _answer(state, rows, static)
    table.is_alarm[rows] = (table.rank[rows] > 0) & ~statics.advisory[static]
    _touch(state, rows, (was_alarm != table.is_alarm[rows]) | (team != table.team[rows]), answer)
    classify(table, statics, rows)
    if to_publish:
        table.to_publish[rows] = True


def _touch(state: State, rows: Numbers, differs: npt.NDArray[np.bool_], answer_before: Numbers) -> None:
    """Tell the watch from when on loads differ: an alarm's start, or its first response."""
    table = state.table
    since = np.where(differs, table.start[rows], NEVER)
    answer = table.first_response[rows]
    since = np.where(answer != answer_before, np.minimum(since, np.minimum(answer, answer_before)), since)
    changed = np.flatnonzero(since != NEVER)
    state.watch.touch(table.facility[rows[changed]], since[changed])


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
    at, closings = table.heard_at[rows], table.end[rows] + state.policy.action_window
    answered = at != NEVER
    table.first_response[rows], table.answered[rows] = at, answered
    table.intervened[rows] = table.heard_intervenes[rows] & (table.start[rows] <= at) & (at <= closings)
    by_bed = state.responses.since(statics.bed[static], table.start[rows])
    apart = by_bed | (answered & (table.heard_unit[rows] == NOT_SAID))
    if table.heard or table.lent:
        apart |= np.fromiter((row in table.heard or row in table.lent for row in rows.tolist()), dtype=np.bool_, count=len(rows))
    chosen = np.flatnonzero(apart)
    if len(chosen):
        _answer_apart(state, rows[chosen], static[chosen], closings[chosen], by_bed[chosen])


def _answer_apart(state: State, rows: Numbers, static: Codes, closings: Numbers, by_bed: npt.NDArray[np.bool_]) -> None:
    """The same for rows with more than one response, or of which that is likely."""
    table, statics = state.table, state.statics
    answered, first, intervened = [], [], []
    within = state.responses.within
    heard_first = map(Heard, table.heard_at[rows].tolist(), table.heard_intervenes[rows].tolist(), table.heard_unit[rows].tolist())
    for row, one, ask, bed, unit, start, closing in zip(
        rows.tolist(), heard_first, by_bed.tolist(), statics.bed[static].tolist(), statics.unit[static].tolist(),
        table.start[rows].tolist(), closings.tolist(), strict=True,
    ):  # fmt: skip
        answers = table.heard.get(row, () if one[0] == NEVER else (one,))
        if ask:
            answers = (*answers, *within(bed, unit, start, closing))
        answered.append(bool(answers))
        first.append(min([other[0] for other in answers], default=NEVER))
        intervened.append(any(other[1] and start <= other[0] <= closing for other in answers))
        unnamed = [other[0] for other in answers if other[2] == NOT_SAID]
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
