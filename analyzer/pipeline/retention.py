"""The horizon: what lies behind it is let go of, save what belongs to alarms still open and to
assignments still in force.
"""

from __future__ import annotations

from itertools import compress

import numpy as np

from analyzer.arrays import Codes, Numbers, distinct
from analyzer.model.policy import HOUR
from analyzer.pipeline.classes import NOTHING_KNOWN
from analyzer.pipeline.compaction import SPARE, keep_labels, keep_teams
from analyzer.pipeline.state import State
from analyzer.times import NEVER, OPEN

_EVICT_EVERY = HOUR
"""A sweep looks at everything held; what the horizon has passed meanwhile is in no window, so it
may wait.
"""


def evict(state: State, at_least: Numbers | None = None) -> bool:
    """Forget what the horizon has passed, on the slower of two clocks: each facility's `now`, and
    its watermark.

    `at_least` (ms, by facility): the horizon lies here or later, whatever the clocks say (see
    `departed`). Returns whether it swept: at most once in `_EVICT_EVERY` of a facility's time.
    """
    count = len(state.facilities.by_number)
    horizon = np.minimum(state.times.now[:count], state.watermark()) - state.policy.horizon
    horizon = np.maximum(horizon, state.times.evicted_until[:count])
    if at_least is not None:
        horizon = np.maximum(horizon, at_least)
    if not (horizon >= state.times.evicted_until[:count] + _EVICT_EVERY).any():
        return False
    if state.watch.is_behind(horizon):  # it must look while what it looks at is still there
        state.watch.look(state)
    state.times.evicted_until[:count] = horizon
    state.head_changed = True
    for admission in state.admission.values():
        admission.forget(at_least)
    table = state.table
    rows = table.rows()
    moments = horizon[table.facility[rows]]
    # What arrives late may yet belong to the episode, or begin the next one of its alarm id.
    moments -= state.policy.allowed_lateness
    old = table.last_mention(rows) < moments
    over = (table.start[rows] == NEVER) | (table.end[rows] < moments)
    gone = np.concatenate([rows[old & over], _beyond_cap(state, rows[old & ~over])])
    state.listing.remove(gone)
    table.drop(gone)
    by_place, by_bed = _oldest_alarms(state)
    limits = horizon.tolist()
    # A clinician's unit is asked for at times up to the horizon ago, and each time that of
    # assignments over for as long.
    state.roster.drop_before([moment - state.policy.horizon for moment in limits], by_place)
    state.responses.drop_before(limits, by_bed)
    # A held episode may have to be classified again, and its cover reaches back further than it
    # does.
    state.cover.drop_before([moment - state.policy.cover for moment in limits])
    state.watch.forget(horizon)
    _sweep(state)
    return True


def _beyond_cap(state: State, rows: Numbers) -> Numbers:
    """Of open alarms that the horizon has passed, those beyond `Policy.max_open_alarms` of a
    facility.

    The ones not mentioned for longest go first, then by alarm id.
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
    state.watch.touch(table.facility[found], table.start[found])
    return found


def _oldest_alarms(state: State) -> tuple[dict[int, int], dict[int, int]]:
    """The earliest start of a held episode, by place and by bed."""
    table, statics = state.table, state.statics
    rows = table.existing()
    static, start = table.static[rows], table.start[rows]
    return _least(statics.place[static], start), _least(statics.bed[static], start)


def _least(numbers: Codes, values: Numbers) -> dict[int, int]:
    least = np.full(int(numbers.max(initial=-1)) + 1, OPEN)
    np.minimum.at(least, numbers, values)
    known = np.flatnonzero(least < OPEN)
    return dict(zip(known.tolist(), least[known].tolist(), strict=True))


def _sweep(state: State) -> None:
    """Forget statics, labels and teams that no row uses any more, once there are many of them."""
    table = state.table
    rows = table.rows()
    existing = table.existing()
    used = distinct(table.static[existing])
    if len(state.statics.by_number) > 2 * len(used) + SPARE:
        table.static[existing] = state.statics.keep(used)[table.static[existing]]
    if len(state.labels) > 2 * len(distinct(table.label[rows])) + SPARE:
        keep_labels(state)
    used = distinct(np.concatenate([table.team[rows], table.recipients[rows]]))
    if len(state.teams.all) > 2 * len(used) + SPARE:
        keep_teams(state)
    for unit, unclassified in list(state.unclassified.items()):
        rows = np.array([row for _, row in unclassified], dtype=np.int64)
        same = (
            (table.rule[rows] == NOTHING_KNOWN)
            & (table.static[rows] >= 0)
            & (table.end[rows] == [end for end, _ in unclassified])
        )
        same[same] = state.statics.unit[table.static[rows[same]]] == unit
        if same.any():
            state.unclassified[unit] = list(compress(unclassified, same.tolist()))
        else:
            del state.unclassified[unit]
