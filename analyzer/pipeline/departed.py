"""Departed: evicts the facts of facilities that no longer send any, by the wall clock.

The horizon of `retention` moves with the watermark of a facility, which stops when no facts arrive.
Open alarms and assignments in force are kept however old they are, and so is their facility. A
facility without any is dropped.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from analyzer.arrays import Numbers
from analyzer.model.facts import TOPICS
from analyzer.model.policy import HOUR
from analyzer.pipeline.admission import NOTHING_YET
from analyzer.pipeline.compaction import SPARE
from analyzer.pipeline.retention import evict
from analyzer.pipeline.state import State

MARGIN = HOUR
"""How far record timestamps may lag behind the wall clock (our own).

As long as none lags further, admission does not depend on when a facility was dropped.
"""


def drop_departed(
    state: State, now: int, before_sweep: Callable[[State, Numbers], None]
) -> list[str]:
    """Evict what lies behind the horizon of the wall clock `now` (ms).

    Returns the names of the facilities that were dropped. To be called only when every record so
    far was read: an unread one may belong to such a facility. Facilities without any accepted fact
    are dropped too, once they are many. `before_sweep`: see `retention.evict`.
    """
    latest = np.max([state.watermark(topic) for topic in TOPICS], axis=0)
    refused = (latest == NOTHING_YET) & state.facilities.named()
    silent = (latest != NOTHING_YET) & (latest < now - state.policy.horizon - MARGIN)
    swept = False
    if silent.any():
        at_least = np.where(silent, now - state.policy.horizon, NOTHING_YET)
        swept = evict(state, before_sweep, at_least)
    if not swept and np.count_nonzero(refused) <= SPARE:
        return []
    chosen = (silent | refused) if swept else refused
    empty = np.flatnonzero(chosen & ~_in_use(state))
    names = sorted(state.facilities.by_number[number] for number in empty.tolist())
    drop(state, empty)
    return names


def drop_if_empty(state: State, number: int) -> bool:
    """Drop a facility if nothing is held of it. Returns whether it was dropped."""
    known = any(int(state.watermark(topic)[number]) != NOTHING_YET for topic in TOPICS)
    if known or _in_use(state)[number]:
        return False
    drop(state, np.array([number]))
    return True


def drop(state: State, numbers: Numbers) -> None:
    """Forget facilities without any alarm, assignment, response or pending fact."""
    if not len(numbers):
        return
    for admission in state.admission.values():
        admission.drop(numbers)
    chosen, units = set(numbers.tolist()), state.statics.units.by_number
    for unit in [unit for unit in state.cover.units() if units[unit][0] in chosen]:
        state.cover.remove_after(unit, NOTHING_YET)
    observed = state.response_times.units()
    state.response_times.drop([unit for unit in observed if units[unit][0] in chosen])
    state.unclassified.drop([unit for unit in state.unclassified if units[unit][0] in chosen])
    for number in chosen:
        state.overload.drop(number)
        state.facilities.drop(number)
    state.times.now[numbers] = state.times.evicted_until[numbers] = NOTHING_YET
    state.rewound -= chosen
    state.head_changed = True


def _in_use(state: State) -> npt.NDArray[np.bool_]:
    """By facility: whether anything but ids and counts is held of it."""
    used = np.zeros(len(state.facilities.by_number), dtype=np.bool_)
    used[state.table.facility[state.table.rows()]] = True
    names = state.statics.bed_names.by_number
    used[[names[number][0] for number in state.responses.bed_names()]] = True
    used[[*state.roster.facilities(), *state.pending.facilities()]] = True
    return used
