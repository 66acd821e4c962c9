"""Presence: when a feed was there, by silences that its rate of alarms makes implausible."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from analyzer.arrays import Numbers
from analyzer.model.policy import HOUR
from analyzer.whatif.rates import DAY

SILENCE = 12 * HOUR
"""No shorter silence is judged: nights are quiet (our own)."""
IMPLAUSIBLE = 0.01
"""The probability of one such silence in the whole recording, below which it is no chance (our
own).
"""
LEAST_SPREAD = 0.05
"""The least variance of a day's rate, relative to its square: no real days are equally busy (our
own).
"""
MOST_SPREAD = 0.5
"""The greatest: the counts of few days may differ by chance (our own)."""
AROUND = 7
"""How many days beside a silence show its rate (our own)."""
LEAST_AROUND = 2
"""The least days that show it (our own)."""
TOUCHES = 2 * HOUR
"""A day that is silent for longer than this counts as missing (our own)."""


@dataclass(frozen=True, slots=True)
class Presence:
    """When a feed was there. Times are in ms."""

    first: int
    """Its first alarm, or the beginning of the recording if alarms may well have come later."""
    last: int
    missing: list[tuple[int, int]]
    """Silences inside, from and to."""

    def began(self, begin: int) -> bool:
        """Whether it began after the recording."""
        return self.first > begin

    def ended(self, end: int) -> bool:
        return self.last < end


def presence_of(start: Numbers, span: tuple[int, int]) -> Presence:
    """The presence of a feed whose alarms start at `start` (ms), in a recording of `span` (ms)."""
    begin, end = span
    moments = np.sort(start)
    gaps = list(_implausible(moments, begin, end))
    first, last = begin, end
    missing = []
    for since, until in gaps:
        if since == begin and until == end:
            continue
        if since == begin:
            first = until
        elif until == end:
            last = since
        else:
            missing.append((since, until))
    return Presence(first, last, missing)


def _implausible(moments: Numbers, begin: int, end: int) -> Iterator[tuple[int, int]]:
    if not len(moments):
        return
    edges = np.concatenate([[begin], moments, [end]])
    lengths = np.diff(edges)
    day = (edges[:-1] - begin) // DAY
    longest = np.zeros(int(day[-1]) + 1, dtype=np.int64)
    np.maximum.at(longest, day, lengths)
    usual = int(np.median(longest[longest > 0])) if longest.any() else 0
    for place in np.flatnonzero(lengths >= max(SILENCE, 2 * usual)).tolist():
        since, until = int(edges[place]), int(edges[place + 1])
        if _chance(moments, since, until, begin, end) * max((end - begin) / DAY, 1) < IMPLAUSIBLE:
            yield since, until


def _chance(moments: Numbers, since: int, until: int, begin: int, end: int) -> float:
    """The probability of a silence as long, by the days beside it: of the side that makes it more
    likely. The rate of a day varies from day to day, and is itself not known exactly (a gamma
    mixture of Poisson distributions). The nearest days count, as patients make rates drift.
    """
    found = []
    for ago, recorded in (
        (since - moments[moments <= since], since - begin),
        (moments[moments >= until] - until, end - until),
    ):
        days = min(recorded // DAY, AROUND)
        if days < LEAST_AROUND:
            continue
        counts = np.bincount(ago[ago < days * DAY] // DAY, minlength=days)
        mean = float(counts.mean())
        if not mean:
            continue
        varies = float((np.diff(counts) ** 2).mean()) / 2
        spread = min(max(varies / mean**2 - 1 / mean, LEAST_SPREAD), MOST_SPREAD)
        spread += 1 / float(counts.sum())
        found.append((1 + spread * mean * (until - since) / DAY) ** (-1 / spread))
    return max(found, default=1.0)


def missing_days(silences: list[tuple[int, int]], at: int) -> set[int]:
    """The days, counted from `at`, that these silences leave incomplete."""
    days: set[int] = set()
    for since, until in silences:
        for day in range((since - at) // DAY, (until - at) // DAY + 1):
            start = at + day * DAY
            if min(until, start + DAY) - max(since, start) > TOUCHES:
                days.add(day)
    return days
