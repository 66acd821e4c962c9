"""Quiet: finds the stretches of ticks in which an overload state may change, so that the tracker
can skip all others at once.

A measure looks back one hour at most, and a state follows its measures within `hold` or
`cool_down`. So states may change for that long after an alarm or an assignment begins or ends, and
no longer, even if years pass before the next fact.
"""

from __future__ import annotations

import numpy as np

from analyzer.arrays import Flags, Numbers, distinct
from analyzer.model.policy import HOUR, OverloadPolicy
from analyzer.pipeline.state import State
from analyzer.times import OPEN

_SPARE = 4
"""Ticks added to what follows from the policy: for rounding, and for the state to settle."""


class Stretches:
    """The ticks at which a state may change, of some facilities.

    They follow each edge: a tick from which on a measure may differ. The tick `begin` (by facility
    number), at which evaluation starts or resumes, is an edge too, and so are the ticks in `logged`
    (of transitions, by facility), because a transition may no longer hold.
    """

    def __init__(
        self, state: State, facilities: Numbers, begin: Numbers, logged: dict[int, list[int]]
    ) -> None:
        self._stretches: dict[int, tuple[Numbers, Numbers]] = {}
        if not len(facilities):  # as nearly always: few facilities have many ticks to evaluate
            return
        policy = state.policy.overload
        follow = reach(policy)
        facility, times = _edges(state, facilities)
        ticks = -(-times // policy.every)
        order = np.lexsort((ticks, facility))
        facility, ticks = facility[order], ticks[order]
        for number in facilities.tolist():
            since = int(begin[number])
            edges = ticks[slice(*np.searchsorted(facility, [number, number + 1]).tolist())]
            edges = np.append(edges, [since, *logged.get(number, ())])
            edges = distinct(edges[edges >= since - follow])
            first = np.ones(len(edges), dtype=np.bool_)
            first[1:] = edges[1:] > edges[:-1] + follow + 1
            last = edges[np.roll(first, -1)]
            self._stretches[number] = np.maximum(edges[first], since), last + follow

    def __contains__(self, facility: int) -> bool:
        return facility in self._stretches

    def after(self, facility: int, tick: int) -> tuple[int, int] | None:
        """First and last tick of the next stretch, from `tick` on; None if there is none."""
        begins, ends = self._stretches[facility]
        index = int(np.searchsorted(ends, tick))
        return None if index == len(ends) else (max(int(begins[index]), tick), int(ends[index]))


def reach(policy: OverloadPolicy) -> int:
    """For how many ticks after an edge a state may change."""
    return (HOUR + max(policy.hold, policy.cool_down)) // policy.every + _SPARE


def _edges(state: State, facilities: Numbers) -> tuple[Numbers, Numbers]:
    """The facilities and times (ms) at which a measure, or the levels in force, may change."""
    chosen = np.zeros(len(state.facilities.by_number), dtype=np.bool_)
    chosen[facilities] = True
    table, shifts = state.table, state.roster.shifts
    rows = table.alarms()
    rows = rows[chosen[table.facility[rows]]]
    start = table.start[rows]
    closing = np.minimum(table.end[rows], np.maximum(table.first_response[rows], start))
    assignments = shifts.of(chosen)
    end = shifts.end[assignments]
    # A unit's own levels stay in force for a clinician until the horizon after the assignment's
    # end.
    times = np.concatenate(
        [start, closing, shifts.start[assignments], end, end + state.policy.horizon]
    )
    facility = np.concatenate(
        [*[table.facility[rows]] * 2, *[shifts.facility[assignments]] * 3]
    ).astype(np.int64)
    known: Flags = times < OPEN
    return facility[known], times[known]
