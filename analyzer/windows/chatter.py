"""Chatter: a signal that comes and goes, three times or more in a minute (ISA-18.2-2016; the target
is zero).

An alarm chatters when it is at least the third of its signal - a facility's (device_id, source,
code), whatever the unit, the bed or the device's type - within a minute, and the earlier ones were
over when it began: at least two alarms come before it, by (start, alarm_id), that started at start
- 60 s <= theirs <= start and ended at or before its start. These two need not lie in the window,
nor in its unit. Only alarms count, on either side. Times are relative to now (ms).
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import groupby

import numpy as np

from analyzer.arrays import Codes, Flags, Integers, Numbers
from analyzer.columns.segments import Axis
from analyzer.model.policy import MINUTE

SPAN = MINUTE


def chattering(
    signal: Integers,
    start: Numbers,
    end: Numbers,
    twins: Integers,
    back: int,
) -> Flags:
    """Which of the alarms that started after -`back` chatter; the others are not looked at.

    `twins` as from `earlier_twins`. The rows need not be in any order, but those that started up to
    `SPAN` earlier must be there, too.
    """
    result = np.zeros(len(start), dtype=np.bool_)
    since = back + SPAN  # moments before -since look alike
    # Room for a minute between signals, so that none reaches into another's.
    axis = Axis(-since, SPAN + 1)
    rows = np.flatnonzero(start >= -since)
    offsets = axis.offsets(signal[rows])
    ordered = np.sort(start[rows] + offsets)
    close = np.flatnonzero(ordered[2:] - ordered[:-2] <= SPAN)
    if not len(close):
        return result
    suspicious = np.zeros(int(signal.max()) + 1, dtype=np.bool_)
    suspicious[axis.group_of(ordered[2:][close])] = True
    some = suspicious[signal[rows]]
    rows, offsets = rows[some], offsets[some]
    begun, over = start[rows] + offsets, np.minimum(end[rows], 1) + offsets
    # Those over by a moment, and the two latest starts among them: by order of end, a running
    # maximum and a running second. One that ends as it begins is no earlier one at that very moment
    # (but for twins): it is put in after all questions of its moment.
    ends = 2 * over + (over == begun)
    order = np.argsort(ends, kind="stable")
    ends, starts = ends[order], begun[order]
    first = np.maximum.accumulate(starts)
    second = np.maximum.accumulate(np.minimum(starts, np.concatenate([[-(1 << 62)], first[:-1]])))
    asked = start[rows] > -back
    rows, begun = rows[asked], begun[asked]
    known = np.searchsorted(ends, 2 * begun, side="right") - 1
    latest = np.where(known >= 0, first[known], -(1 << 62))
    last_but_one = np.where(known >= 0, second[known], -(1 << 62))
    recent = (latest >= begun - SPAN).astype(np.int64) + (last_but_one >= begun - SPAN)
    result[rows] = recent + twins[rows] >= 2
    return result


def earlier_twins(
    signal: Integers, start: Numbers, end: Numbers, ids: Callable[[Numbers], list[str]]
) -> Codes:
    """For each alarm, how many of its signal ended at the very moment at which they and it started,
    and have a lesser id.

    The only ones of which ids decide whether they are earlier. `ids` gives those of rows, and is
    asked for few, mostly none.

    >>> earlier_twins(np.array([7, 7, 7]), np.array([-5, -5, -5]), np.array([-5, 1, -5]), lambda rows: [list("bca")[row] for row in rows])
    array([1, 2, 0], dtype=int32)
    """
    result = np.zeros(len(start), dtype=np.int32)
    brief = end == start
    if not brief.any():
        return result
    signals = np.zeros(int(signal.max()) + 1, dtype=np.bool_)
    signals[signal[brief]] = True
    rows = np.flatnonzero(signals[signal])
    rows = rows[np.isin(start[rows], start[brief])]
    rows = rows[np.lexsort((start[rows], signal[rows]))]
    alike = (signal[rows[1:]] == signal[rows[:-1]]) & (start[rows[1:]] == start[rows[:-1]])
    together = np.zeros(len(rows), dtype=np.bool_)
    together[1:] |= alike
    together[:-1] |= alike
    rows = rows[together]
    found = zip(signal[rows].tolist(), start[rows].tolist(), ids(rows), rows.tolist(), strict=True)
    for _, group in groupby(sorted(found), key=lambda one: one[:2]):
        earlier = 0
        for *_, row in group:
            result[row] = earlier
            earlier += int(brief[row])
    return result
