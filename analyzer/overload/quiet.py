"""Quiet: the stretches of ticks in which an overload state may change, so that all others are
skipped in one step.

A measure looks back one hour at most, and a state follows its measures within `hold` or
`cool_down`. So after a fact begins or ends to count, states can change for that long and no longer,
however many years pass before the next one.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from analyzer.arrays import Numbers
from analyzer.model.policy import HOUR, OverloadPolicy
from analyzer.pipeline.state import State
from analyzer.times import OPEN

_SPARE = 4
"""Ticks beyond what follows from the policy: rounding, and the tick at which a state settles."""


class Stretches:
    """Of some facilities, the ticks from each edge on in which a state may change. An edge is a
    tick from which on a measure may differ.

    `begin` is the tick of each facility at which evaluation starts or resumes, and `noted` has the
    ticks of recorded changes by facility; both count as edges, since what was recorded there may no
    longer hold.
    """

    def __init__(
        self, state: State, facilities: Numbers, begin: Numbers, noted: dict[int, list[int]]
    ) -> None:
        self._of: dict[int, tuple[Numbers, Numbers]] = {}
        if not len(facilities):
            # as nearly always: the edges of everything held are worth a look only for a long way
            return
        policy = state.policy.overload
        follow = reach(policy)
        facility, times = _edges(state, facilities)
        ticks = -(-times // policy.every)
        order = np.lexsort((ticks, facility))
        facility, ticks = facility[order], ticks[order]
        for number in facilities.tolist():
            since = int(begin[number])
            mine = ticks[slice(*np.searchsorted(facility, [number, number + 1]).tolist())]
            mine = np.append(mine, [since, *noted.get(number, ())])
            mine = np.unique(mine[mine >= since - follow])
            first = np.ones(len(mine), dtype=np.bool_)
            first[1:] = mine[1:] > mine[:-1] + follow + 1
            self._of[number] = np.maximum(mine[first], since), mine[np.roll(first, -1)] + follow

    def __contains__(self, facility: int) -> bool:
        return facility in self._of

    def after(self, facility: int, tick: int) -> tuple[int, int] | None:
        """The first and the last tick, from `tick` on, of the next stretch; None: no state changes
        any more.
        """
        begins, ends = self._of[facility]
        place = int(np.searchsorted(ends, tick))
        return None if place == len(ends) else (max(int(begins[place]), tick), int(ends[place]))


def reach(policy: OverloadPolicy) -> int:
    """For how many ticks after an edge a state may change."""
    return (HOUR + max(policy.hold, policy.cool_down)) // policy.every + _SPARE


def _edges(state: State, facilities: Numbers) -> tuple[Numbers, Numbers]:
    """Facilities and times (ms) from which on a measure, or the levels that hold, may be other
    ones.
    """
    chosen = np.zeros(len(state.facilities.by_number), dtype=np.bool_)
    chosen[facilities] = True
    table, shifts = state.table, state.roster.shifts
    rows = table.alarms()
    rows = rows[chosen[table.facility[rows]]]
    start = table.start[rows]
    closing = np.minimum(table.end[rows], np.maximum(table.first_response[rows], start))
    held = shifts.of(chosen)
    end = shifts.end[held]
    # Where units have levels of their own, those of an assignment hold for its clinician until the
    # horizon has passed its end.
    times = np.concatenate([start, closing, shifts.start[held], end, end + state.policy.horizon])
    of = np.concatenate([*[table.facility[rows]] * 2, *[shifts.facility[held]] * 3]).astype(
        np.int64
    )
    known: npt.NDArray[np.bool_] = times < OPEN
    return of[known], times[known]
