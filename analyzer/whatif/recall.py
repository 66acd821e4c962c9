"""Recall: the final alarms that a state holds of one unit, as columns for a what-if.

Clinicians and devices are left out, and beds have no names. So only the limit, delay and priority
levers apply.
"""

from __future__ import annotations

import numpy as np

from analyzer.pipeline.state import State
from analyzer.whatif.episode_table import Recorded


def recall(state: State, facility: str, unit: str) -> Recorded | None:
    """A copy of the unit's final alarms; None if the unit has had no alarm.

    Later changes of the state do not affect it.
    """
    table, statics = state.table, state.statics
    of = state.facilities.get(facility)
    number = None if of is None else statics.units.get((of, unit))
    if number is None:
        return None
    rows = table.alarms()
    rows = rows[statics.unit[table.static[rows]] == number]
    rows = rows[table.end[rows] <= state.times.now[of] - state.policy.action_window]
    static, nothing = table.static[rows], np.zeros(len(rows), dtype=np.int32)
    beds, bed = np.unique(statics.bed[static], return_inverse=True)
    return Recorded(
        facilities=list(state.facilities.by_number),
        units=list(statics.units.by_number),
        types=list(statics.types.by_number),
        beds=[(number, "")] * len(beds),
        clinicians=[],
        teams=[()],
        facility=table.facility[rows],
        unit=statics.unit[static],
        type=statics.type[static],
        bed=bed.astype(np.int32),
        signal=nothing,
        team=nothing,
        technical=statics.technical[static],
        rank=table.rank[rows],
        klass=table.klass[rows],
        start=table.start[rows],
        end=table.end[rows],
        value=table.value[rows],
        limit=table.limit[rows],
        answered=table.first_response[rows],
    )
