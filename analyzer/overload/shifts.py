"""Shifts: the present shift of a unit so far beside the same part of the shift before, over hours
of which all alarms are known.

When shifts begin is an argument: it depends on the hospital's calendar.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from analyzer.model.policy import HOUR

LEAST_COMPARED = HOUR
"""Shorter parts of shifts are not compared: they hold too few alarms (our own)."""


class Span(NamedTuple):
    """A stretch of time [begin, end), in ms."""

    begin: int
    end: int


class Parts(NamedTuple):
    """Two parts of shifts, equally long; both empty where there is nothing to compare yet."""

    before: Span
    last: Span

    @property
    def hours(self) -> float:
        return (self.last.end - self.last.begin) / HOUR


ShiftsAt = Callable[[str, int], tuple[Span, Span]]
"""The shift before and the present one, by facility and time (ms)."""


def parts_of(before: Span, present: Span, now: int, known_since: int) -> Parts:
    """The two spans that are compared at `now` (ms). All alarms since `known_since` (ms) are known.

    It is the present shift so far and the same part of the shift before. Both begin later by as
    much as is unknown of the shift before.

    >>> parts_of(Span(0, 12 * HOUR), Span(12 * HOUR, 24 * HOUR), 15 * HOUR, HOUR).hours
    2.0
    """
    elapsed = min(now - present.begin, before.end - before.begin)
    offset = max(known_since - before.begin, 0)
    if elapsed - offset < LEAST_COMPARED:
        offset = elapsed
    return Parts(*(Span(one.begin + offset, one.begin + elapsed) for one in (before, present)))
