"""Groups: which days and weeks hold enough people that a figure about them is about nobody.

A published figure is a sum over whole blocks, and each block holds at least `FEWEST` people. Two
reports of any spans and units differ by whole blocks then, so their difference is about as many.
Shifts are cells of a week. Where one of them is too small, none of that week is published by shift:
the small one would be what the others leave of the whole.
"""

from __future__ import annotations

import numpy as np

from analyzer.arrays import Flags, Integers

FEWEST = 5
"""The fewest people in a group whose figures are shown (the usual least cell of health statistics,
as in NHS Digital's disclosure control: counts under five are suppressed).
"""


def large_days(who: Integers, day: Integers, days: int) -> Flags:
    """Of `days` days, those with at least `FEWEST` people; a person and a day an entry."""
    return _people(day, who, days) >= FEWEST


def large_weeks(who: Integers, week: Integers, cell: Integers, weeks: int, cells: int) -> Flags:
    """Of `weeks` weeks, those in which each of `cells` cells holds at least `FEWEST` people.

    >>> who = np.array([0, 1, 2, 3, 4, 0, 1, 2, 3])
    >>> cell = np.array([0, 0, 0, 0, 0, 1, 1, 1, 1])
    >>> large_weeks(who, np.zeros(9, int), cell, 1, 2).tolist()
    [False]
    """
    people = _people(week.astype(np.int64) * cells + cell, who, weeks * cells)
    large: Flags = people.reshape(weeks, cells).min(axis=1) >= FEWEST
    return large


def _people(group: Integers, who: Integers, groups: int) -> Integers:
    """How many different people each group has."""
    count = int(who.max(initial=-1)) + 1
    met = np.zeros(groups * count, dtype=np.bool_)
    met[group.astype(np.int64) * count + who] = True
    people: Integers = met.reshape(groups, count).sum(axis=1)
    return people
