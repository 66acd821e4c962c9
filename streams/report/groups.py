"""Groups: the hours of a unit whose figures are about enough clinicians.

In most archives, clinicians get new names from time to time. An assignment that began before such a
change keeps its name, while its alarms have the new one. So one person can have two names at once.
In such hours it is not known how many alarms each clinician had.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from analyzer.history import Spans, people_by_hour
from streams.formats.pseudonyms import Period
from streams.report.span import HOUR, Grid

Numbers = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

_DAY = 24 * HOUR
_MONDAY = 3
"""1 January 1970 was a Thursday: this many days after a Monday."""


def number_of(at: Numbers, period: Period) -> Numbers:
    """The number of the period (UTC) that contains each time (ms since 1970).

    >>> times = np.array([1_772_409_599_999, 1_772_409_600_000])  # Sunday and Monday
    >>> np.diff(number_of(times, "week")).tolist(), np.diff(number_of(times, "none")).tolist()
    ([1], [0])
    """
    day = at // _DAY
    if period == "week":
        return (day + _MONDAY) // 7
    return day if period == "day" else np.zeros_like(at)


def _end_of(number: Numbers, period: Period) -> Numbers:
    """The ends of the periods with these numbers (ms since 1970)."""
    if period == "none":
        return np.full_like(number, np.iinfo(np.int64).max)
    return (7 * (number + 1) - _MONDAY if period == "week" else number + 1) * _DAY


@dataclass(frozen=True, slots=True)
class Groups:
    """The hours of a `Grid`, and how many clinicians their figures are about."""

    shown: Flags
    """Hours with at least the fewest clinicians, or with none that is known."""
    enough: Flags
    """Hours with at least the fewest clinicians."""
    renamed: Flags
    """Hours in which somebody was on duty under a name of an earlier period."""
    cut: Flags
    """By day: whether the span cuts the day and one of its hours is not `shown`."""


def groups(
    duty: Spans,
    since: Numbers,
    assigned: Spans,
    start: Numbers,
    attributed: Numbers,
    names: int,
    grid: Grid,
    fewest: int,
) -> Groups:
    """The groups of one unit. `duty` is the union of `assigned`, whose `who` is below `names`;
    `since` is when each of the latter began. `start` and `attributed` are the alarms of each
    clinician.
    """
    naming = np.zeros(names, np.int64)
    naming[attributed] = number_of(start, grid.period)
    given = number_of(since, grid.period)
    naming[assigned.who] = given
    edges = _around(grid)
    behind = -(-people_by_hour(duty, start, attributed, naming, edges) // grid.keys)
    shown = (behind == 0) | (behind >= fewest)
    first = int(np.searchsorted(edges, grid.hours[0]))
    inner = slice(first, first + len(grid.hours) - 1)
    outlived = Spans(
        np.maximum(assigned.begin, _end_of(given, grid.period)), assigned.end, assigned.who
    )
    small = np.zeros(len(grid.dates), np.bool_)
    small[grid.day_of(np.clip(edges[:-1][~shown], grid.begin, grid.end - 1))] = True
    return Groups(
        shown[inner],
        behind[inner] >= fewest,
        outlived.of(outlived.end > outlived.begin).in_bins(grid.hours) > 0,
        small & ~grid.whole,
    )


def _around(grid: Grid) -> Numbers:
    """The edges of the hours that hold the whole span, those of `grid.hours` among them."""
    known = int(grid.hours[0])
    low = known - -(-max(known - grid.begin, 0) // HOUR) * HOUR
    high = low + -(-(grid.end - low) // HOUR) * HOUR
    return np.arange(low, high + 1, HOUR, dtype=np.int64)
