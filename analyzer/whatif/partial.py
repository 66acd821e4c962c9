"""Partial: feeds and names that are lost for some hours, for some beds or for some alarms only.

They leave fewer alarms, as a success does. A feed that is cut off for half of each day shows in its
hours: alarms go on, but none come at times of the day that have many on the other side of the
change. A name that takes over a part of the alarms begins when the old one falls by as much. It
judges recordings, not rates.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, NamedTuple

import numpy as np

from analyzer.arrays import Flags, Floats, Numbers
from analyzer.model.policy import HOUR, MINUTE
from analyzer.whatif.episode_table import Recorded
from analyzer.whatif.presence import IMPLAUSIBLE, presence_of
from analyzer.whatif.rates import DAY, LEAST_DAYS
from analyzer.whatif.reasons import Reason

TOGETHER = DAY
"""Names that end and begin within this time of each other are one thing under two names (our own).
"""
SLOT = 10 * MINUTE
"""Alarms of a feed in the same 10 min count as one here, as they come in bursts (our own)."""
SLOTS = DAY // SLOT
FLAT = 24
"""How many slots, spread over the day evenly, are added to those that show its usual course (our
own): few alarms do not show it.
"""
LEAST_HOURS = 4 * HOUR
"""No shorter silence is looked at: it costs less than a sixth of a day (our own)."""
UNLIKELY = 0.01
"""The probability of a silence at these hours, below which the day counts as cut (our own)."""
CUT, LEAST_CUT = 1 / 4, 3
"""The share of the days on one side, and their least number, that may not be cut (our own)."""
PART = 0.1
"""The least share of the alarms that may have gone to another name to matter (our own)."""
TAKEN = 0.5
"""The least share of the alarms under a new name that the old one lacks (our own)."""
BEDS, LEAST_BEDS = 1 / 4, 3
"""The share of the beds of a unit, and their least number, that may not fall silent at once (our
own): patients leave one by one.
"""

Sides = Literal["before", "after"]


class Hours(NamedTuple):
    """Which hours a feed lacks on some of its days."""

    side: Sides | None
    """On which many days are cut."""
    silences: list[tuple[int, int]]
    """From and to (ms), of those that are implausible by themselves."""


def silent_hours(start: Numbers, at: int, window: tuple[int, int]) -> Hours:
    """The hours for which the feed with alarms at `start` (ms) seems to be cut off."""
    begin, end = window
    inside = np.sort(start[(start >= begin) & (start < end)])
    slots = np.unique((inside - at) // SLOT)
    halves = {"before": slots[slots < 0], "after": slots[slots >= 0]}
    sides: tuple[tuple[Sides, Sides, int], ...] = (
        ("after", "before", (end - at) // DAY),
        ("before", "after", (at - begin) // DAY),
    )
    silences = []
    for side, other, days in sides:
        slots_of_day = np.bincount(halves[other] % SLOTS, minlength=SLOTS)
        usual = (slots_of_day + FLAT / SLOTS) / (len(halves[other]) + FLAT)
        gaps = list(_gaps(halves[side], usual))
        if sum(one < UNLIKELY for *_, one in gaps) >= max(LEAST_CUT, CUT * days):
            return Hours(side, [])
        silences += [
            (at + first * SLOT, at + last * SLOT)
            for first, last, one in gaps
            if one * (end - begin) / DAY < IMPLAUSIBLE
        ]
    return Hours(None, silences)


def _gaps(slots: Numbers, usual: Floats) -> Iterator[tuple[int, int, float]]:
    """Each long silence between two of `slots` (from and to), and its probability, given how many
    there are within half a day of its middle, if they lie in the day as `usual`: shape (SLOTS,), of
    sum 1.
    """
    lengths = np.diff(slots) - 1
    whole = np.concatenate([[0.0], np.cumsum(usual)])
    for place in np.flatnonzero((lengths * SLOT >= LEAST_HOURS) & (lengths < SLOTS)).tolist():
        first, length = int(slots[place]) + 1, int(lengths[place])
        begin = first % SLOTS
        end = begin + length
        share = whole[min(end, SLOTS)] - whole[begin] + whole[max(end - SLOTS, 0)]
        middle = first + length // 2
        around = np.searchsorted(slots, (middle - SLOTS // 2, middle + SLOTS // 2))
        # The two slots that bound a silence lie outside of it anyway.
        others = max(int(around[1] - around[0]) - 2, 0)
        chance = float((1 - share) ** others) * SLOTS / length
        yield first, first + length, chance


def in_part(
    recorded: Recorded, changed: Flags, unit: int, window: tuple[int, int]
) -> Iterator[Reason]:
    """Why the alarms of a changed unit may be found elsewhere in part, or be lost in part."""
    here = recorded.unit == unit
    facility, name = recorded.units[unit]
    for other, (where, called) in enumerate(recorded.units):
        there = recorded.unit == other
        if where != facility or other == unit or (changed & there).any():
            continue
        found = _taken(recorded, here, there, window)
        if found is not None:
            when, new = found
            pair = (name, called) if new else (called, name)
            yield Reason("unit_in_part", {"unit": name, "from": pair[0], "to": pair[1], "at": when})
            return
    own = np.unique(recorded.type[changed & here]).tolist()
    for one in np.unique(recorded.type[here & ~changed]).tolist():
        like = next((mine for mine in own if alike(recorded, mine, one)), None)
        if like is None or one in own:
            continue
        found = _taken(
            recorded, here & (recorded.type == like), here & (recorded.type == one), window
        )
        if found is not None:
            when, new = found
            of, to = (like, one) if new else (one, like)
            names = {"from": recorded.types[of], "to": recorded.types[to]}
            yield Reason("code_in_part", {"unit": name, "at": when, **names})
            return
    yield from _beds(recorded, here, unit, window)


def _taken(
    recorded: Recorded, ours: Flags, theirs: Flags, window: tuple[int, int]
) -> tuple[int, bool] | None:
    """When `theirs` began (True) or ended (False) while `ours` lost or gained about as many."""
    begin, end = window
    feed = presence_of(recorded.start[theirs], recorded.span)
    if feed.began(recorded.span[0]) and begin < feed.first < end:
        when, new = feed.first, True
    elif feed.ended(recorded.span[1]) and begin < feed.last < end:
        when, new = feed.last, False
    else:
        return None
    if min(when - begin, end - when) < LEAST_DAYS * DAY:
        return None

    def a_day(which: Flags, since: int, until: int) -> float:
        start = recorded.start[which]
        return int(((start >= since) & (start < until)).sum()) * DAY / (until - since)

    moved = a_day(theirs, when, end) if new else a_day(theirs, begin, when)
    earlier, later = a_day(ours, begin, when), a_day(ours, when, end)
    lost, usual = (earlier - later, earlier) if new else (later - earlier, later)
    return (when, new) if moved >= PART * usual and lost >= TAKEN * moved else None


def _beds(recorded: Recorded, here: Flags, unit: int, window: tuple[int, int]) -> Iterator[Reason]:
    """Beds that fall silent for good at once, or all begin at once, as if one of the unit's
    gateways had stopped.
    """
    begin, end = window
    rows = np.flatnonzero(here)
    beds = np.unique(recorded.bed[rows]).tolist()
    ended, began = [], []
    for bed in beds:
        feed = presence_of(recorded.start[rows[recorded.bed[rows] == bed]], recorded.span)
        if feed.ended(recorded.span[1]) and begin < feed.last < end - LEAST_DAYS * DAY:
            ended.append(feed.last)
        if feed.began(recorded.span[0]) and begin + LEAST_DAYS * DAY < feed.first < end:
            began.append(feed.first)
    least = max(LEAST_BEDS, BEDS * len(beds))
    kinds: tuple[tuple[Literal["beds_stopped", "beds_began"], list[int]], ...] = (
        ("beds_stopped", ended),
        ("beds_began", began),
    )
    for kind, moments in kinds:
        times = np.sort(np.array(moments, dtype=np.int64))
        together = np.searchsorted(times, times + TOGETHER, side="right") - np.arange(len(times))
        if len(times) and together.max() >= least:
            place = int(together.argmax())
            many, when = int(together[place]), int(times[place])
            name = recorded.units[unit][1]
            yield Reason(kind, {"unit": name, "beds": many, "of": len(beds), "at": when})
            return


def alike(recorded: Recorded, one: int, other: int) -> bool:
    """Whether two types differ in one of device type, source and code only."""
    pairs = zip(recorded.types[one], recorded.types[other], strict=True)
    return sum(mine == its for mine, its in pairs) == 2
