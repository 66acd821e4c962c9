"""Retention: evicts facts older than the horizon, except open alarms and assignments in force."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from analyzer.arrays import Codes, Flags, Numbers, distinct
from analyzer.model.policy import HOUR
from analyzer.pipeline.classes import NOTHING_KNOWN
from analyzer.pipeline.compaction import SPARE, keep_labels, keep_teams
from analyzer.pipeline.state import State
from analyzer.times import NEVER, OPEN

_EVICT_EVERY = HOUR
"""Event time between sweeps (ms). A sweep scans everything held, and what lies behind the horizon
is in no window any more, so it can wait.
"""


def evict(
    state: State,
    before_sweep: Callable[[State, Numbers], None],
    at_least: Numbers | None = None,
    leaving: Callable[[State, Numbers], None] | None = None,
) -> bool:
    """Evict what lies behind the horizon of each facility, by the earlier of `now` and watermark.

    `before_sweep` is called with the horizon (ms, by facility) before a sweep, and `leaving` with
    the rows that are evicted, while everything is still there. `at_least` (ms, by facility) is a
    lower bound of the horizon (see `departed`). Returns whether it swept: it does so at most once
    in `_EVICT_EVERY` of event time.
    """
    count = len(state.facilities.by_number)
    back = state.policy.horizon + state.kept_longer
    horizon = np.minimum(state.times.now[:count], state.watermark()) - back
    horizon = np.maximum(horizon, state.times.evicted_until[:count])
    if at_least is not None:
        horizon = np.maximum(horizon, at_least)
    if not (horizon >= state.times.evicted_until[:count] + _EVICT_EVERY).any():
        return False
    before_sweep(state, horizon)
    state.times.evicted_until[:count] = horizon
    state.head_changed = True
    for admission in state.admission.values():
        admission.forget(at_least)
    table = state.table
    rows = table.rows()
    moments = horizon[table.facility[rows]]
    # A late event may still belong to the episode, or start the next one of its alarm id.
    moments -= state.policy.allowed_lateness
    old = table.last_mention(rows) < moments
    over = (table.start[rows] == NEVER) | (table.end[rows] < moments)
    gone = rows[old & over]
    if state.is_complete:
        # the cap guards a worker against feeds that never say that an alarm ended
        gone = gone[~_awaited(state, gone)]
    else:
        gone = np.concatenate([gone, _beyond_cap(state, rows[old & ~over])])
    if leaving is not None:
        leaving(state, gone)
    state.listing.remove(gone)
    table.drop(gone)
    by_bed, by_name = _oldest_alarms(state)
    limits = horizon.tolist()
    # The unit of a clinician is looked up for times up to the horizon ago, among assignments that
    # ended up to the horizon before that.
    state.roster.drop_before([moment - state.policy.horizon for moment in limits], by_bed)
    state.responses.drop_before(limits, by_name)
    # A held episode may be reclassified, and the coverage that it needs begins before it does. Of
    # complete history, in which an alarm may be mentioned long after its end, all coverage stays.
    if not state.is_complete:
        state.cover.drop_before(limits, _oldest_closings(state), state.policy.cover)
    state.overload.evict(horizon)
    _sweep(state)
    return True


def _beyond_cap(state: State, rows: Numbers) -> Numbers:
    """The open alarms behind the horizon that exceed `Policy.max_open_alarms` of their facility.

    Those whose last mention is oldest go first; of equals, by alarm id.
    """
    table, cap = state.table, state.policy.max_open_alarms
    counts = np.bincount(table.facility[rows])
    beyond: list[int] = []
    for facility in np.flatnonzero(counts > cap).tolist():
        own = rows[table.facility[rows] == facility]
        last = table.last_mention(own).tolist()
        order = sorted(zip(last, table.ids(own), own.tolist(), strict=True))
        beyond += [row for *_, row in order[: len(order) - cap]]
    found = np.array(beyond, dtype=np.int64)
    state.forgotten_open += len(found)
    state.overload.mark_dirty(table.facility[found], table.start[found])
    return found


def _awaited(state: State, rows: Numbers) -> Flags:
    """Which rows complete history will still label."""
    marks, until = state.awaited
    if not len(marks):
        return np.zeros(len(rows), dtype=np.bool_)
    table = state.table
    own = table.alarm_ids.marks[rows]
    place = np.minimum(np.searchsorted(marks, own), len(marks) - 1)
    found: Flags = (marks[place] == own) & (until[place] > state.times.now[table.facility[rows]])
    return found


def _oldest_alarms(state: State) -> tuple[dict[int, int], dict[int, int]]:
    """The earliest start of a held episode (ms), by bed of a unit, and by name of a bed."""
    table, statics = state.table, state.statics
    rows = table.existing()
    static, start = table.static[rows], table.start[rows]
    return _least(statics.bed[static], start), _least(statics.bed_name[static], start)


def _oldest_closings(state: State) -> dict[int, int]:
    """By unit, the earliest end of an action window (ms) of a held episode that is over.

    It lies behind the horizon where the episode was mentioned again after its end.
    """
    table = state.table
    rows = table.existing()
    rows = rows[table.end[rows] < OPEN]
    closings = table.end[rows] + state.policy.action_window
    return _least(state.statics.unit[table.static[rows]], closings)


def _least(numbers: Codes, values: Numbers) -> dict[int, int]:
    least = np.full(int(numbers.max(initial=-1)) + 1, OPEN)
    np.minimum.at(least, numbers, values)
    known = np.flatnonzero(least < OPEN)
    return dict(zip(known.tolist(), least[known].tolist(), strict=True))


def _sweep(state: State) -> None:
    """Forget the statics, labels and teams that no row uses, if they are many."""
    table = state.table
    rows = table.rows()
    existing = table.existing()
    used = distinct(table.static[existing])
    if len(state.statics.by_number) > 2 * len(used) + SPARE and not state.is_complete:
        table.static[existing] = state.statics.keep(used)[table.static[existing]]
    if len(state.labels) > 2 * len(distinct(table.label[rows])) + SPARE:
        keep_labels(state)
    used = distinct(np.concatenate([table.team[rows], table.recipients[rows]]))
    if len(state.teams.all) > 2 * len(used) + SPARE:
        keep_teams(state)
    for unit in list(state.unclassified):
        ends, rows = state.unclassified.entries(unit)
        same = (
            (table.rule[rows] == NOTHING_KNOWN)
            & (table.static[rows] >= 0)
            & (table.end[rows] == ends)
        )
        same[same] = state.statics.unit[table.static[rows[same]]] == unit
        state.unclassified.keep(unit, same)
