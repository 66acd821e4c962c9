"""Flood: the state in which alarms come faster than one person can answer them (ISA-18.2-2016: it
begins above 10 alarms in 10 min and ends below 5).

n(t) is the number of starts in (t - 10 min, t]. The state is a latch: n > 10 sets it, n < 5 resets
it, and in between it stays as it was. n changes only at starts and 10 min after starts, so only
these times need to be evaluated. Changes at the same time act together. Times are relative to now
(ms).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from analyzer.arrays import Floats, Indices, Integers, Numbers
from analyzer.columns.segments import Axis
from analyzer.model.policy import FLOOD_INTERVAL, FLOOD_RUN_IN

BEGINS_ABOVE = 10
ENDS_BELOW = 5


def flood_ratio(start: Numbers, who: Integers, groups: int, windows: Sequence[int]) -> Floats:
    """Share of each window that each clinician spent in flood. Shape (groups, len(windows)).

    `start` and `who` give the alarms and the clinicians they were attributed to, ordered by `who`,
    then `start`, from the longest window + `FLOOD_RUN_IN` + `FLOOD_INTERVAL` before now. The state
    is evaluated from `FLOOD_RUN_IN` before the window. At that time it is a flood only if n is
    above the threshold.
    """
    result = np.zeros((groups, len(windows)))
    sets = _sets(start, who)
    if not len(sets):
        return result
    since = int(start.min())
    axis = Axis(since, FLOOD_INTERVAL)
    starts, resets = axis.at(who, start), _resets(start, who)
    ended, ends = start[resets] + FLOOD_INTERVAL, starts[resets] + FLOOD_INTERVAL
    begun, begins, of = start[sets], starts[sets], who[sets]
    # The reset that ends each flood. There always is one: 10 min after a clinician's last alarm.
    reset = np.searchsorted(ends, begins, side="right")
    people = np.flatnonzero(np.bincount(of))
    origins = axis.offsets(people)
    for number, length in enumerate(windows):
        origin = -length - FLOOD_RUN_IN
        low, high = (
            np.searchsorted(starts, origins + max(one, since - 1), side="right")
            for one in (origin - FLOOD_INTERVAL, origin)
        )
        at_once = high - low > BEGINS_ABOVE
        first = np.searchsorted(ends, origins[at_once] + origin, side="right")
        # Of the sets before the same reset, the first begins a flood and the others change nothing.
        later = np.flatnonzero(begun > origin)
        fresh = np.ones(len(later), dtype=np.bool_)
        fresh[1:] = reset[later[1:]] != reset[later[:-1]]
        later = later[fresh & ~np.isin(reset[later], first)]
        at = np.concatenate([np.full(len(first), origin), begun[later]])
        lasted = np.minimum(ended[np.concatenate([first, reset[later]])], 0) - np.maximum(
            at, -length
        )
        by = np.concatenate([people[at_once], of[later]])
        result[:, number] = (
            np.bincount(by, weights=np.maximum(lasted, 0), minlength=groups) / length
        )
    return result


def floods(start: Numbers, who: Integers) -> tuple[Numbers, Numbers, Integers]:
    """All floods as (begin, end, who), ordered by `who`, then `begin`; `start` and `who` are
    ordered likewise, and nothing is known of the time before the first alarm of each.

    >>> start = np.arange(11) * 1000
    >>> [column.tolist() for column in floods(start, np.zeros(11, np.int64))]
    [[10000], [606000], [0]]
    """
    sets = _sets(start, who)
    if not len(sets):
        return start[:0], start[:0], who[:0]
    axis = Axis(int(start.min()), int(start.max()) + 2 * FLOOD_INTERVAL)
    starts, resets = axis.at(who, start), _resets(start, who)
    reset = np.searchsorted(starts[resets] + FLOOD_INTERVAL, starts[sets], side="right")
    first = np.ones(len(sets), dtype=np.bool_)
    first[1:] = reset[1:] != reset[:-1]
    begins = sets[first]
    return start[begins], start[resets[reset[first]]] + FLOOD_INTERVAL, who[begins]


def _sets(start: Numbers, who: Integers) -> Indices:
    """Rows at whose start n > `BEGINS_ABOVE`: the row that many before them is in the interval,
    too.
    """
    of_same, apart = (
        who[BEGINS_ABOVE:] == who[:-BEGINS_ABOVE],
        start[BEGINS_ABOVE:] - start[:-BEGINS_ABOVE],
    )
    return BEGINS_ABOVE + np.flatnonzero(of_same & (apart < FLOOD_INTERVAL))


def _resets(start: Numbers, who: Integers) -> Indices:
    """Rows at whose start + `FLOOD_INTERVAL` n < `ENDS_BELOW`: the row that many after them starts
    later than that.
    """
    enough = np.zeros(len(start), dtype=np.bool_)
    enough[:-ENDS_BELOW] = (who[ENDS_BELOW:] == who[:-ENDS_BELOW]) & (
        start[ENDS_BELOW:] - start[:-ENDS_BELOW] <= FLOOD_INTERVAL
    )
    return np.flatnonzero(~enough)
