"""The horizon: what lies behind it is let go of, save what belongs to alarms still open and to assignments still in force."""

from __future__ import annotations

from itertools import compress

import numpy as np

from analyzer.classes import NOTHING_KNOWN
from analyzer.ids import Codes, Numbers, distinct
from analyzer.policy import HOUR
from analyzer.state import State
from analyzer.table import NEVER, OPEN

_TIDY_EVERY = HOUR
"""A sweep looks at everything held; what the horizon has passed meanwhile is in no window, so it may wait."""
_SPARE = 4096
"""Numbers of things no longer used that are not worth a sweep of their own."""


def tidy(state: State) -> None:
    """Forget what the horizon has passed, on the slower of two clocks: each facility's `now`, and its watermark."""
    count = len(state.facilities)
    horizon = np.minimum(state.times.now[:count], state.watermark()) - state.policy.horizon
    if not (horizon >= state.times.tidied[:count] + _TIDY_EVERY).any():
        return
    if state.watch.is_behind(horizon):  # it must look while what it looks at is still there
        state.watch.look(state)
    state.times.tidied[:count] = horizon
    state.head_changed = True
    for gate in state.gates.values():
        gate.forget()
    table = state.table
    rows = table.rows()
    moments = horizon[table.facility[rows]]
    # What arrives late may yet belong to the episode, or begin the next one of its alarm id.
    moments -= state.policy.allowed_lateness
    gone = rows[(table.latest[rows] < moments) & ((table.start[rows] == NEVER) | (table.end[rows] < moments))]
    state.listing.remove(gone)
    table.drop(gone)
    by_place, by_bed = _oldest_alarms(state)
    limits = horizon.tolist()
    # A clinician's unit is asked for at times up to the horizon ago, and each time that of assignments over for as long.
    state.roster.drop_before([moment - state.policy.horizon for moment in limits], by_place)
    state.responses.drop_before(limits, by_bed)
    # A held episode may have to be classified again, and its cover reaches back further than it does.
    state.cover.drop_before([moment - state.policy.cover for moment in limits])
    state.watch.forget(horizon)
    _sweep(state)


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
    if len(state.statics.things) > 2 * len(used) + _SPARE:
        table.static[existing] = state.statics.keep(used)[table.static[existing]]
    used = distinct(np.append(table.label[rows], 0))
    if len(state.labels) > 2 * len(used) + _SPARE:
        kept = [state.labels.things[number] for number in used.tolist()]
        moved = np.zeros(len(state.labels), dtype=np.int32)
        moved[used] = np.arange(len(used))
        table.label[rows] = moved[table.label[rows]]
        state.labels.renew(kept)
    used = distinct(np.concatenate([[0], table.team[rows], table.recipients[rows]]))
    if len(state.teams.all) > 2 * len(used) + _SPARE:
        moved = state.teams.keep(used)
        table.team[rows], table.recipients[rows] = moved[table.team[rows]], moved[table.recipients[rows]]
        state.roster.forget_stretches()
    for unit, unsure in list(state.unsure.items()):
        rows = np.array([row for _, row in unsure], dtype=np.int64)
        same = (table.rule[rows] == NOTHING_KNOWN) & (table.static[rows] >= 0) & (table.end[rows] == [end for end, _ in unsure])
        same &= state.statics.unit[table.static[rows]] == unit
        if same.any():
            state.unsure[unit] = list(compress(unsure, same.tolist()))
        else:
            del state.unsure[unit]
