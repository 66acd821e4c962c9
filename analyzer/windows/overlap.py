"""Overlap: alarms that begin while another alarm of the same clinician waits for a response.

An alarm overlaps if, at its start, an earlier alarm still sounds and has had no response. Of alarms
that begin at the same time, one counts as the first, and the others as later. The first is one that
goes on without a response, if there is one. Times are relative to now (ms).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from analyzer.arrays import Integers, Numbers
from analyzer.columns.segments import Axis


def overlapping(
    start: Numbers, waits: Numbers, who: Integers, groups: int, windows: Sequence[int]
) -> Numbers:
    """How many alarms of each clinician overlap in each window. Shape (groups, len(windows)).

    The rows are ordered by `who`, then `start`. `waits` is when an alarm stops waiting: at its end
    or its first response, whichever is earlier. That is before its start if the response was.
    """
    result = np.zeros((groups, len(windows)), dtype=np.int64)
    if not len(start):
        return result
    back = max(windows)
    # Times before all windows need no order.
    start, until = np.maximum(start, -back), np.clip(waits, -back, 1)
    offsets = Axis(-back, 1).offsets(who)
    start, until = start + offsets, until + offsets
    fresh = np.ones(len(start), dtype=np.bool_)
    fresh[1:] = start[1:] != start[:-1]
    firsts = np.flatnonzero(fresh)  # one row for all that begin at the same time
    moment, together = start[firsts], np.diff(firsts, append=len(start))
    latest = np.maximum.accumulate(np.maximum.reduceat(until, firsts))
    before = np.concatenate([[-1], latest[:-1]])
    count = np.where(latest > moment, together - (before <= moment), 0)
    moment, of = moment - offsets[firsts], who[firsts]
    for number, length in enumerate(windows):
        inside = (moment > -length) & (count > 0)
        result[:, number] = np.bincount(of[inside], weights=count[inside], minlength=groups).astype(
            np.int64
        )
    return result
