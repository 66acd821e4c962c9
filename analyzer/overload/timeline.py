"""Timeline: the overload states of a unit over the last 24 hours."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from analyzer.model.overload import NORMAL
from analyzer.model.policy import HOUR
from analyzer.overload.status import TREND_HOURS


class Phase(NamedTuple):
    """A time in one state: from `begin` until `end` (ms)."""

    state: int
    begin: int
    end: int


def phases(changes: Sequence[tuple[int, int]], now: int, known_since: int | None) -> list[Phase]:
    """The phases of the 24 hours until `now` (ms), oldest first and without gaps.

    `changes`: when (ms) the unit came into which state, in order of time; before the first change
    it was normal. The phases begin at `known_since` (ms) if that is later than 24 hours ago. None,
    or a time after `now`: nothing is known, and there are no phases.

    >>> day = 24 * 3_600_000
    >>> phases([(10, 2), (day + 30, 0)], now=day + 50, known_since=0)
    [Phase(state=2, begin=50, end=86400030), Phase(state=0, begin=86400030, end=86400050)]
    """
    if known_since is None or known_since >= now:
        return []
    begin = max(now - TREND_HOURS * HOUR, known_since)
    state = next((state for at, state in reversed(changes) if at <= begin), NORMAL)
    inside = [(at, state) for at, state in changes if begin < at < now]
    starts = [(begin, state), *inside]
    ends = [*(at for at, _ in inside), now]
    return [Phase(state, at, end) for (at, state), end in zip(starts, ends, strict=True)]
