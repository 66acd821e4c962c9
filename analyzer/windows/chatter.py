"""Chatter: a signal that alarms three times or more in a minute (ISA-18.2-2016, whose target is no
chattering alarm).

A signal is a (device_id, source, code) of a facility, whatever the unit, the bed or the type of the
device. An alarm chatters if at least two earlier alarms of its signal, by (start, alarm_id),
started at most 60 s before it and had ended when it started. The earlier alarms need not be in the
window, nor in the same unit. Records that are no alarms count neither as the first nor as the
third. Times are relative to now (ms).
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
    """Which of the alarms that started after -`back` chatter; False for all others.

    One row per alarm, in any order; `twins` as from `earlier_twins`. The rows must include the
    alarms that started up to `SPAN` before -`back`.
    """
    result = np.zeros(len(start), dtype=np.bool_)
    since = back + SPAN  # earlier starts cannot matter
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
    # In order of end, keep a running maximum and a running second of the starts: the two latest
    # starts among the alarms that have ended by a given time. An alarm of no length is not earlier
    # than others that start at the same time (`twins` counts the exceptions), so it sorts after all
    # look-ups at that time.
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
    """For each alarm, how many alarms of no length started with it, on its signal, and have a
    smaller id.

    Only for these does the id decide whether they are earlier. `ids` returns the alarm ids of rows.
    It is called with few rows, and mostly not at all.

    >>> start, end = np.array([-5, -5, -5]), np.array([-5, 1, -5])
    >>> earlier_twins(np.array([7, 7, 7]), start, end, lambda rows: ["bca"[row] for row in rows])
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
