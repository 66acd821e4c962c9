"""Chatter in recorded alarms, by the rule of `analyzer.windows.chatter`."""

from __future__ import annotations

import numpy as np

from analyzer.arrays import Flags, Integers, Numbers
from analyzer.windows.chatter import chattering, earlier_twins


def chatters(signal: Integers, start: Numbers, end: Numbers, since: int) -> Flags:
    """Which of the alarms that started from `since` (ms) on chatter; False for earlier ones.

    Rows are in order of start. Of alarms of no length that start in the same ms, the earlier row
    counts as the earlier alarm.
    """
    if not len(start):
        return np.zeros(0, dtype=np.bool_)
    now = int(start[-1])
    begun, ended = start - now, np.minimum(end, now + 1) - now
    twins = earlier_twins(signal, begun, ended, lambda rows: [f"{one:012}" for one in rows])
    return chattering(signal, begun, ended, twins, now - since + 1)
