"""Derive: what follows, for every row that a fact touched, from everything known of it: end,
clinicians, answers.
"""

from __future__ import annotations

from bisect import bisect_left

import numpy as np
import numpy.typing as npt

from analyzer.arrays import Codes, Numbers, distinct
from analyzer.pipeline.classes import COVERED, NOTHING_KNOWN, classify
from analyzer.pipeline.coverage import hand_on, settle_loan
from analyzer.pipeline.responses import INTERVENING, IS_INTERVENING, NOT_SAID, UNNAMED
from analyzer.pipeline.state import State
from analyzer.times import NEVER, OPEN


def derive(state: State, rows: Numbers, to_publish: bool = True) -> None:
    """Work existing rows out anew (others are passed over); with `to_publish`, they are handed out
    once final.
    """
    table, statics = state.table, state.statics
    if table.earlier:
        others = hand_on(state, rows)
        if len(others):
            table.changed(others)
            rows = distinct(np.concatenate([rows, others]))
    rows = rows[table.start[rows] != NEVER]
    if not len(rows):
        return
    static = table.static[rows]
    was_alarm, team, answer = table.is_alarm[rows], table.team[rows], table.first_response[rows]
    _list(state, rows, statics.place[static])
    _attribute(state, rows, statics.place[static])
    _answer(state, rows, static)
    table.is_alarm[rows] = (table.rank[rows] > 0) & ~statics.advisory[static]
    _touch(state, rows, (was_alarm != table.is_alarm[rows]) | (team != table.team[rows]), answer)
    classify(table, statics, rows, state.policy.horizon)
    if to_publish:
        table.to_publish[rows] = True


def _touch(
    state: State, rows: Numbers, differs: npt.NDArray[np.bool_], answer_before: Numbers
) -> None:
    """Tell the watch from when on loads differ: an alarm's start, or its first response."""
    table = state.table
    since = np.where(differs, table.start[rows], NEVER)
    answer = table.first_response[rows]
    since = np.where(
        answer != answer_before, np.minimum(since, np.minimum(answer, answer_before)), since
    )
    changed = np.flatnonzero(since != NEVER)
    state.overload.mark_dirty(table.facility[rows[changed]], since[changed])


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
    """First response, intervention, and the cover lent; most rows have not been answered, and are
    told so at once.
    """
    table, statics, horizon = state.table, state.statics, state.policy.horizon
    at, start, end = table.heard_at[rows], table.start[rows], table.end[rows]
    closings = end + state.policy.action_window
    answered = (at != NEVER) & (at >= start - horizon) & (at <= end + horizon)
    table.first_response[rows], table.answered[rows] = np.where(answered, at, NEVER), answered
    table.intervened[rows] = (
        IS_INTERVENING[table.heard_code[rows]] & answered & (start <= at) & (at <= closings)
    )
    by_bed = state.responses.since(statics.bed[static], start)
    apart = by_bed | ((at != NEVER) & (table.heard_code[rows] >= UNNAMED))
    if table.heard or table.lent:
        apart |= np.fromiter(
            (row in table.heard or row in table.lent for row in rows.tolist()),
            dtype=np.bool_,
            count=len(rows),
        )
    chosen = np.flatnonzero(apart)
    if len(chosen):
        _answer_apart(state, rows[chosen], static[chosen], by_bed[chosen])


def _answer_apart(
    state: State, rows: Numbers, static: Codes, by_bed: npt.NDArray[np.bool_]
) -> None:
    """The same for rows with more than one response, or of which that is likely."""
    table, statics, policy = state.table, state.statics, state.policy
    heard, lent, horizon, intervening = (
        table.heard,
        table.lent,
        policy.horizon,
        frozenset(INTERVENING),
    )
    first, intervened = [], []
    for row, at, code, ask, bed, unit, start, end in zip(
        rows.tolist(),
        table.heard_at[rows].tolist(),
        table.heard_code[rows].tolist(),
        by_bed.tolist(),
        statics.bed[static].tolist(),
        statics.unit[static].tolist(),
        table.start[rows].tolist(),
        table.end[rows].tolist(),
        strict=True,
    ):
        since, until, closing = start - horizon, end + horizon, end + policy.action_window
        named, lends = heard.get(row), row in lent
        if named is not None:
            earliest, acts = named.first(since, until), named.has(INTERVENING, start, closing)
            lends |= any(one >= UNNAMED for one in named.by_code)
        else:
            earliest = at if since <= at <= until else NEVER
            acts = code in intervening and start <= at <= closing
            lends |= code >= UNNAMED
        if ask:
            of_bed = state.responses.about(bed)
            lends |= NOT_SAID in of_bed
            for moments in (of_bed.get(NOT_SAID), of_bed.get(unit)):
                if moments is not None:
                    earliest = min(earliest, moments.first(start, closing))
                    acts = acts or moments.has(INTERVENING, start, closing)
        first.append(earliest)
        intervened.append(acts)
        if lends:
            settle_loan(state, row, (unit, since, until, start, closing, bed))
    table.first_response[rows], table.intervened[rows] = first, intervened
    table.answered[rows] = table.first_response[rows] != NEVER


def judge_again(state: State) -> None:
    """Mark the final rows whose class may be another because cover came or went."""
    table, statics, cover, policy = state.table, state.statics, state.cover, state.policy
    again: list[int] = []
    for unit, moments in _by_unit(cover.came).items():
        unsure = state.unsure.get(unit)
        if not unsure:
            continue
        for since, until in _joined(moments, policy.cover):
            low = bisect_left(unsure, (since - policy.action_window, -1))
            high = bisect_left(unsure, (until - policy.action_window + 1, -1), lo=low)
            if low < high:
                again += [row for _, row in unsure[low:high]]
                # those that stay unsure are entered again when they are published
                del unsure[low:high]
    if again:
        rows = np.array(again, dtype=np.int64)
        rows = rows[table.rule[rows] == NOTHING_KNOWN]
        table.to_publish[rows] = True
        table.changed(rows)
    if cover.went:
        covered = np.flatnonzero(table.rule == COVERED)
        units, closings = (
            statics.unit[table.static[covered]],
            table.end[covered] + policy.action_window,
        )
        for unit, moments in _by_unit(cover.went).items():
            own = np.flatnonzero(units == unit)
            place = np.searchsorted(moments, closings[own], side="right")
            latest = np.concatenate([[-OPEN], moments])[place]
            rows = covered[own[latest >= closings[own] - policy.cover]]
            table.to_publish[rows] = True
            table.changed(rows)
    cover.came.clear()
    cover.went.clear()


def _by_unit(moments: list[tuple[int, int]]) -> dict[int, list[int]]:
    """Times by unit, in order."""
    found: dict[int, list[int]] = {}
    for unit, at in sorted(set(moments)):
        found.setdefault(unit, []).append(at)
    return found


def _joined(moments: list[int], length: int) -> list[tuple[int, int]]:
    """The closed stretches of time that begin at one of `moments` and last `length`, those that
    touch made one.
    """
    found: list[tuple[int, int]] = []
    for at in moments:
        if found and at <= found[-1][1]:
            found[-1] = found[-1][0], at + length
        else:
            found.append((at, at + length))
    return found
