"""Derive: clinicians, responses and provisional class of the rows that new facts affected."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import numpy.typing as npt

from analyzer.arrays import Codes, Flags, Numbers, distinct
from analyzer.pipeline.alarm_responses import hand_on
from analyzer.pipeline.classes import COVERED, NOTHING_KNOWN, classify
from analyzer.pipeline.contributions import set_contribution
from analyzer.pipeline.coverage import Contribution
from analyzer.pipeline.responses import INTERVENING, IS_INTERVENING, NO_UNIT, UNNAMED
from analyzer.pipeline.state import State
from analyzer.times import NEVER, OPEN

_WORTH_GROUPING, _ROWS_A_BED = 256, 8
"""Fewer alarms, or fewer of each bed, are derived faster one by one (our own)."""


def derive(state: State, rows: Numbers, to_finalise: bool = True) -> None:
    """Derive again what follows from the facts of rows. Rows without a start are ignored.

    `to_finalise`: `finalise` shall return their records once they are final.
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
    _list(state, rows, statics.bed[static])
    attribute(state, rows, statics.bed[static])
    set_answer(state, rows, static)
    table.is_alarm[rows] = (table.rank[rows] > 0) & ~statics.advisory[static]
    _mark_dirty(
        state, rows, (was_alarm != table.is_alarm[rows]) | (team != table.team[rows]), answer
    )
    classify(table, statics, rows, state.policy.horizon)
    if to_finalise:
        table.to_finalise[rows] = True


def _mark_dirty(
    state: State, rows: Numbers, differs: npt.NDArray[np.bool_], answer_before: Numbers
) -> None:
    """Mark the overload log dirty from when on loads differ: a start, or a first response."""
    table = state.table
    since = np.where(differs, table.start[rows], NEVER)
    answer = table.first_response[rows]
    since = np.where(
        answer != answer_before, np.minimum(since, np.minimum(answer, answer_before)), since
    )
    changed = np.flatnonzero(since != NEVER)
    state.overload.mark_dirty(table.facility[rows[changed]], since[changed])


def _list(state: State, rows: Numbers, beds: Codes) -> None:
    moved = state.table.bed[rows] != beds
    if moved.any():
        state.listing.remove(rows[moved])
        state.listing.add(rows[moved], beds[moved])


def attribute(state: State, rows: Numbers, beds: Codes) -> None:
    """Set the clinicians to whom rows, which are at these beds, are attributed."""
    table, teams = state.table, state.teams
    team = state.roster.teams_at(beds, table.start[rows])
    recipients = table.recipients[rows]
    for number in np.flatnonzero(recipients).tolist():
        team[number] = teams.union(int(team[number]), int(recipients[number]))
    table.team[rows] = team


def set_answer(state: State, rows: Numbers, static: Codes) -> None:
    """Set first response, intervention and contributed coverage.

    Most rows have at most one response, by alarm id, and are derived in columns. The others go to
    `_answer_apart`.
    """
    table, statics, horizon = state.table, state.statics, state.policy.horizon
    at, start, end = table.response_at[rows], table.start[rows], table.end[rows]
    closings = end + state.policy.action_window
    answered = (at != NEVER) & (at >= start - horizon) & (at <= end + horizon)
    table.first_response[rows], table.answered[rows] = np.where(answered, at, NEVER), answered
    table.intervened[rows] = (
        IS_INTERVENING[table.response_code[rows]] & answered & (start <= at) & (at <= closings)
    )
    by_bed = state.responses.since(statics.bed_name[static], start)
    special = (at != NEVER) & (table.response_code[rows] >= UNNAMED)
    if table.responses or table.contributions:
        numbers = rows.tolist()
        for held in (table.responses, table.contributions):
            special |= np.frombuffer(bytes(map(held.__contains__, numbers)), dtype=np.bool_)
    apart = by_bed | special
    at_beds = np.flatnonzero(by_bed & ~special)
    if len(at_beds) >= _WORTH_GROUPING:
        apart[at_beds[_answer_at_beds(state, rows[at_beds], static[at_beds])]] = False
    chosen = np.flatnonzero(apart)
    if len(chosen):
        _answer_apart(state, rows[chosen], static[chosen], by_bed[chosen])


def _answer_at_beds(state: State, rows: Numbers, static: Codes) -> Flags:
    """`set_answer` for rows with at most one response by alarm id, and some at their beds, if many
    rows share a bed. Returns which rows are derived.
    """
    table, statics = state.table, state.statics
    names, units = statics.bed_name[static], statics.unit[static]
    keys = names.astype(np.int64) * (int(units.max()) + 1) + units
    order = np.argsort(keys)
    bounds = np.flatnonzero(np.diff(keys[order], prepend=-1, append=-1)).tolist()
    done = np.zeros(len(rows), dtype=np.bool_)
    if (len(bounds) - 1) * _ROWS_A_BED > len(rows):
        return done
    start, closing = table.start[rows], table.end[rows] + state.policy.action_window
    first, acts = table.first_response[rows], table.intervened[rows]
    for begin, end in pairwise(bounds):
        own = order[begin:end]
        of_bed = state.responses.about(int(names[own[0]]))
        if NO_UNIT in of_bed:
            continue
        done[own] = True
        moments = of_bed.get(int(units[own[0]]))
        if moments is None:
            continue
        since, until = int(start[own].min()), int(closing[own].max())
        following = _following(moments.times(None, since, until), start[own])
        answers = following <= closing[own]
        first[own[answers]] = np.minimum(first[own[answers]], following[answers])
        acting = _following(moments.times(INTERVENING, since, until), start[own])
        acts[own] |= acting <= closing[own]
    table.first_response[rows[done]], table.intervened[rows[done]] = first[done], acts[done]
    table.answered[rows[done]] = first[done] != NEVER
    return done


def _following(times: list[int], since: Numbers) -> Numbers:
    """For each moment, the least of the times that is no earlier; NEVER without one."""
    found: Numbers = np.append(np.sort(np.array(times, dtype=np.int64)), NEVER)
    return found[np.searchsorted(found, since)]


def _answer_apart(
    state: State, rows: Numbers, static: Codes, by_bed: npt.NDArray[np.bool_]
) -> None:
    """`set_answer` for rows that may have more than one response, or contribute coverage."""
    table, statics, policy = state.table, state.statics, state.policy
    responses, contributions = table.responses, table.contributions
    horizon, intervening = policy.horizon, frozenset(INTERVENING)
    first, intervened = [], []
    for row, at, code, ask, bed_name, unit, start, end in zip(
        rows.tolist(),
        table.response_at[rows].tolist(),
        table.response_code[rows].tolist(),
        by_bed.tolist(),
        statics.bed_name[static].tolist(),
        statics.unit[static].tolist(),
        table.start[rows].tolist(),
        table.end[rows].tolist(),
        strict=True,
    ):
        since, until, closing = start - horizon, end + horizon, end + policy.action_window
        named, contributes = responses.get(row), row in contributions
        if named is not None:
            earliest, acts = named.first(since, until), named.has(INTERVENING, start, closing)
            contributes |= any(one >= UNNAMED for one in named.by_code)
        else:
            earliest = at if since <= at <= until else NEVER
            acts = code in intervening and start <= at <= closing
            contributes |= code >= UNNAMED
        if ask:
            of_bed = state.responses.about(bed_name)
            contributes |= NO_UNIT in of_bed
            for moments in (of_bed.get(NO_UNIT), of_bed.get(unit)):
                if moments is not None:
                    earliest = min(earliest, moments.first(start, closing))
                    acts = acts or moments.has(INTERVENING, start, closing)
        first.append(earliest)
        intervened.append(acts)
        if contributes:
            own = Contribution(unit, since, until, start, closing, bed_name)
            set_contribution(state, row, own)
    table.first_response[rows], table.intervened[rows] = first, intervened
    table.answered[rows] = table.first_response[rows] != NEVER


def reclassify(state: State) -> None:
    """Mark the final rows whose class may differ because coverage was added or removed."""
    table, statics, cover, policy = state.table, state.statics, state.cover, state.policy
    again: list[int] = []
    for unit, moments in _by_unit(cover.came).items():
        for since, until in _joined(moments, policy.cover):
            # those that stay unclassified are entered again by `finalise`
            again += state.unclassified.take(
                unit, since - policy.action_window, until - policy.action_window
            )
    if again:
        rows = np.array(again, dtype=np.int64)
        rows = rows[table.rule[rows] == NOTHING_KNOWN]
        table.to_finalise[rows] = True
        table.changed(rows)
    if cover.went:
        covered = np.flatnonzero(table.rule == COVERED)
        units, closings = (
            statics.unit[table.static[covered]],
            table.end[covered] + policy.action_window,
        )
        for unit, moments in _by_unit(cover.went).items():
            own = np.flatnonzero(units == unit)
            index = np.searchsorted(moments, closings[own], side="right")
            latest = np.concatenate([[-OPEN], moments])[index]
            rows = covered[own[latest >= closings[own] - policy.cover]]
            table.to_finalise[rows] = True
            table.changed(rows)
    cover.came.clear()
    cover.went.clear()


def _by_unit(moments: list[tuple[int, int]]) -> dict[int, list[int]]:
    """Distinct times by unit, sorted."""
    found: dict[int, list[int]] = {}
    for unit, at in sorted(set(moments)):
        found.setdefault(unit, []).append(at)
    return found


def _joined(moments: list[int], length: int) -> list[tuple[int, int]]:
    """The closed stretches of time of `length` that begin at `moments`, overlapping ones merged."""
    found: list[tuple[int, int]] = []
    for at in moments:
        if found and at <= found[-1][1]:
            found[-1] = found[-1][0], at + length
        else:
            found.append((at, at + length))
    return found
