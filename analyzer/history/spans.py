"""Spans: stretches of time of beds or people, and how much of them lies in each bin.

Times are in ms since 1970. A span holds its begin and not its end.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from analyzer.arrays import Flags, Floats, Integers, Numbers
from analyzer.columns.segments import Axis
from analyzer.windows.duty import stretches


class Spans(NamedTuple):
    """Spans of numbered groups, such as beds; those of one group may overlap unless said."""

    begin: Numbers
    end: Numbers
    who: Integers

    def within(self, begin: int, end: int) -> Spans:
        """The parts of the spans that lie between two times (ms)."""
        low, high = np.maximum(self.begin, begin), np.minimum(self.end, end)
        kept = high > low
        return Spans(low[kept], high[kept], self.who[kept])

    def in_bins(self, edges: Numbers) -> Floats:
        """How many ms of all spans together lie in each bin between neighbouring `edges`.

        >>> Spans(*map(np.array, ([5, 8], [15, 9], [0, 1]))).in_bins(np.array([0, 10, 20])).tolist()
        [6.0, 5.0]
        """
        since = int(edges[0])
        places = edges - since
        reached = _passed(self.begin - since, places) - _passed(self.end - since, places)
        found: Floats = np.diff(reached).astype(np.float64)
        return found

    def of(self, which: Flags) -> Spans:
        return Spans(self.begin[which], self.end[which], self.who[which])


def _passed(points: Numbers, edges: Numbers) -> Numbers:
    """The sum, over the points before each of `edges`, of how far they lie before it."""
    ordered = np.sort(np.clip(points, edges[0], edges[-1]))
    sums = np.concatenate([[0], np.cumsum(ordered)])
    count = np.searchsorted(ordered, edges)
    found: Numbers = count * edges - sums[count]
    return found


def union(spans: Spans) -> Spans:
    """The union of each group's spans, by group and begin."""
    kept = spans.of(spans.end > spans.begin)
    if not len(kept.begin):
        return kept
    return Spans(*stretches(kept.begin, kept.end, kept.who.astype(np.int64)))


def inside(at: Numbers, who: Integers, spans: Spans) -> Flags:
    """Which moments lie in a span of their group; `spans` as from `union`."""
    if not len(spans.begin) or not len(at):
        return np.zeros(len(at), dtype=np.bool_)
    since = min(int(at.min()), int(spans.begin.min()))
    until = max(int(at.max()), int(spans.end.max()))
    axis = Axis(since, until + 1)
    place = np.searchsorted(axis.at(spans.who, spans.begin), axis.at(who, at), side="right") - 1
    found = place >= 0
    place = np.maximum(place, 0)
    result: Flags = found & (spans.who[place] == who) & (at < spans.end[place])
    return result


def overlap(one: Spans, other: Spans) -> Spans:
    """The intersection of both, by group. Both must come from `union`."""
    begin = np.concatenate([one.begin, other.begin])
    end = np.concatenate([one.end, other.end])
    who = np.concatenate([one.who, other.who])
    point = np.concatenate([begin, end])
    change = np.concatenate([np.ones(len(begin), np.int64), -np.ones(len(end), np.int64)])
    group = np.concatenate([who, who])
    order = np.lexsort((change, point, group))
    point, group = point[order], group[order]
    both = np.cumsum(change[order]) == 2
    places = np.flatnonzero(both)
    found = Spans(point[places], point[places + 1], group[places])
    return found.of(found.end > found.begin)
