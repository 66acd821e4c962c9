"""Recall: the finished alarms that a state still holds of one unit, as the columns that a what-if
is asked of.

Those that are final, as in `publish`. Who answered them, where and on which device is left out, so
that of the levers of `whatif` only the limit, the delay and the priority can be asked about.
"""

from __future__ import annotations

import numpy as np

from analyzer.pipeline.state import State
from analyzer.whatif.episode_table import Recorded


def recall(state: State, facility: str, unit: str) -> Recorded | None:
    """Take them; shares nothing with the state that goes on changing. None: no such unit has had an
    alarm.
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
    return Recorded(
        list(state.facilities.by_number),
        list(statics.units.by_number),
        list(statics.types.by_number),
        [(0, "")],
        [],
        [()],
        table.facility[rows],
        statics.unit[static],
        statics.type[static],
        nothing,
        nothing,
        nothing,
        statics.technical[static],
        table.rank[rows],
        table.klass[rows],
        table.start[rows],
        table.end[rows],
        table.value[rows],
        table.limit[rows],
        table.first_response[rows],
    )
