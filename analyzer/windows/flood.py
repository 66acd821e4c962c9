"""Flood: the state in which alarms come faster than anybody can answer them (ISA-18.2-2016: begins
above 10 in 10 min, ends below 5).

n(t) counts the starts in (t - 10 min, t]. The state is a latch with two thresholds: n > 10 sets it,
n < 5 resets it, in between it stays as it was. n rises at starts and falls 10 min after each, so
these moments alone decide; several at one moment act together. Times are relative to now (ms).
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
    """Share of each window that each clinician spent in flood.

    `start` and `who`: alarms and the clinicians they were attributed to, ordered by `who`, then
    `start`; back to the longest window + `FLOOD_RUN_IN` + `FLOOD_INTERVAL` before now. The state is
    evaluated from `FLOOD_RUN_IN` before the window on, where it is no flood unless n is above the
    threshold at that very moment. Returns (groups, len(windows)).
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
    # that ends what they begin; there is one, when a clinician's last alarm has aged
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
        # The first set before each reset begins a flood, those after it find one.
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


def _sets(start: Numbers, who: Integers) -> Indices:
    """Rows at whose start n is above the threshold: so many before them are within the interval,
    too.
    """
    of_same, apart = (
        who[BEGINS_ABOVE:] == who[:-BEGINS_ABOVE],
        start[BEGINS_ABOVE:] - start[:-BEGINS_ABOVE],
    )
    return BEGINS_ABOVE + np.flatnonzero(of_same & (apart < FLOOD_INTERVAL))


def _resets(start: Numbers, who: Integers) -> Indices:
    """Rows at whose start + `FLOOD_INTERVAL` n is below the threshold: the one so many after them
    starts later than that.
    """
    enough = np.zeros(len(start), dtype=np.bool_)
    enough[:-ENDS_BELOW] = (who[ENDS_BELOW:] == who[:-ENDS_BELOW]) & (
        start[ENDS_BELOW:] - start[:-ENDS_BELOW] <= FLOOD_INTERVAL
    )
    return np.flatnonzero(~enough)
