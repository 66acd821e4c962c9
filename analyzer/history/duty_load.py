"""Load: what alarms did to the duty of a unit's clinicians, summed over all of them.

It distinguishes people in order to count, and returns sums only.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from analyzer.arrays import Floats, Integers, Numbers
from analyzer.columns.segments import Axis
from analyzer.history.spans import Spans, overlap
from analyzer.windows.duty import PIECE
from analyzer.windows.flood import floods

MANY = 30
"""An hour with more alarms than this is a busy one (ISA-18.2-2016, EEMUA-191: at most about 1 % of
the hours of a position).
"""


@dataclass(frozen=True, slots=True)
class Load:
    """Sums over clinicians by hour: ms, and numbers of clinicians."""

    duty: Floats
    flood: Floats
    protected: Floats
    hours: Numbers
    """Clinicians who were on duty for the whole hour."""
    busy_hours: Numbers
    """How many of these hours had more than `MANY` alarms."""


def load(duty: Spans, start: Numbers, who: Integers, hours: Numbers, people: int) -> Load:
    """The load of `people` clinicians.

    `duty` is as from `union`; `start` and `who` are the alarms attributed to each, ordered by who,
    then start. `hours` are the edges of the hours.
    """
    in_flood = overlap(Spans(*floods(start, who)), duty)
    whole, busy = _hours(duty, start, who, hours, people)
    return Load(
        duty.in_bins(hours),
        in_flood.in_bins(hours),
        _pieces(duty, start, who).in_bins(hours),
        whole,
        busy,
    )


def _pieces(duty: Spans, start: Numbers, who: Integers) -> Spans:
    """The stretches of duty of at least `PIECE` without a new alarm."""
    point = np.concatenate([duty.begin, duty.end, start])
    group = np.concatenate([duty.who, duty.who, who])
    change = np.zeros(len(point), dtype=np.int64)
    change[: len(duty.begin)] = 1
    change[len(duty.begin) : 2 * len(duty.begin)] = -1
    # Three ascending runs, which a stable sort merges.
    axis = Axis(int(point.min(initial=0)), int(point.max(initial=0)))
    order = np.argsort(axis.at(group, point), kind="stable")
    point, group, on_duty = point[order], group[order], np.cumsum(change[order]) > 0
    places = np.flatnonzero(on_duty)
    found = Spans(point[places], point[places + 1], group[places])
    return found.of(found.end - found.begin >= PIECE)


def _hours(
    duty: Spans, start: Numbers, who: Integers, hours: Numbers, people: int
) -> tuple[Numbers, Numbers]:
    count = len(hours) - 1
    first = np.searchsorted(hours, duty.begin)
    last = np.searchsorted(hours, duty.end, side="right") - 1
    lengths = np.maximum(last - first, 0)
    rows = np.repeat(np.arange(len(first)), lengths)
    offset = np.arange(len(rows)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    whole = np.zeros(people * count, dtype=np.bool_)
    whole[duty.who[rows] * count + first[rows] + offset] = True
    hour = np.searchsorted(hours, start, side="right") - 1
    known = (hour >= 0) & (hour < count)
    alarms = np.bincount(
        who[known].astype(np.int64) * count + hour[known], minlength=people * count
    )
    busy = whole & (alarms > MANY)
    shape = people, count
    return whole.reshape(shape).sum(axis=0), busy.reshape(shape).sum(axis=0)
