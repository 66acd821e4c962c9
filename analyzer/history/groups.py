"""Groups: the hours with enough people that a figure does not reveal anything about one of them.

A published figure is a sum over whole hours, each with at least as many people as the hospital has
set. The page and the board *History* publish the same hours. So any two published figures differ by
such hours, for all spans and units.
"""

from __future__ import annotations

import numpy as np

from analyzer.arrays import Integers, Numbers
from analyzer.history.spans import Spans
from analyzer.windows.groups import LEAST_DUTY

FEWEST = 5
"""The fewest people in a group whose figures are shown, unless a hospital sets another number (the
usual least cell of health statistics, as in NHS Digital's disclosure control: counts under five are
suppressed).
"""


def people_by_hour(
    duty: Spans, start: Numbers, who: Integers, naming: Integers, edges: Numbers
) -> Integers:
    """How many people stand behind each hour between neighbouring `edges`, by the rule of
    `analyzer.windows.groups`: on duty for half of it, or with an alarm though off duty.

    `duty` is as from `union`; `start` and `who` are the alarms attributed to each. `naming` tells
    of each name the period in which it was given. A person has one name in each period, so only
    names of one period are surely different people: the period with the most of them counts.
    """
    hours, names = len(edges) - 1, len(naming)
    covered = np.zeros(hours * names, np.int64)
    first = np.maximum(np.searchsorted(edges, duty.begin, side="right") - 1, 0)
    last = np.minimum(np.searchsorted(edges, duty.end), hours)
    lengths = np.maximum(last - first, 0)
    rows = np.repeat(np.arange(len(first)), lengths)
    hour = first[rows] + np.arange(len(rows)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    inside = np.minimum(duty.end[rows], edges[hour + 1]) - np.maximum(duty.begin[rows], edges[hour])
    np.add.at(covered, hour * names + duty.who[rows], np.maximum(inside, 0))
    attributed = np.zeros(hours * names, np.bool_)
    of = np.searchsorted(edges, start, side="right") - 1
    kept = (of >= 0) & (of < hours)
    attributed[of[kept] * names + who[kept]] = True
    shape = hours, names
    covered, attributed = covered.reshape(shape), attributed.reshape(shape)
    behind = (covered >= LEAST_DUTY) | (attributed & (covered == 0))
    found: Integers = np.asarray(((covered > 0) | attributed).any(axis=1), np.int64)
    for period in np.unique(naming):
        found = np.maximum(found, behind[:, naming == period].sum(axis=1))
    return found
