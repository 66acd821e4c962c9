"""Overlap: alarms that call while another of the same clinician still waits.

An alarm overlaps if at its start another one that began before it sounds on and nobody has
responded to it yet. Of those that begin at the same moment, one is taken for the first - one that
sounds on unanswered, if any does - and the others for later ones. Times are relative to now (ms).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from analyzer.arrays import Integers, Numbers
from analyzer.columns.segments import Axis


def overlapping(
    start: Numbers, waits: Numbers, who: Integers, groups: int, windows: Sequence[int]
) -> Numbers:
    """How many alarms of each clinician and window overlap.

    `start` and `who` ordered by `who`, then `start`; `waits`: until when each calls without an
    answer, its end or first response (before its start, where somebody responded before). Returns
    (groups, len(windows)).
    """
    result = np.zeros((groups, len(windows)), dtype=np.int64)
    if not len(start):
        return result
    back = max(windows)
    # moments before the windows look alike
    start, until = np.maximum(start, -back), np.clip(waits, -back, 1)
    offsets = Axis(-back, 1).offsets(who)
    start, until = start + offsets, until + offsets
    fresh = np.ones(len(start), dtype=np.bool_)
    fresh[1:] = start[1:] != start[:-1]
    firsts = np.flatnonzero(fresh)  # of those that begin together
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
