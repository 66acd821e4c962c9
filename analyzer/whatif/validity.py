"""Validity: whether an absence of alarms means success, or missing data.

A feed that stopped, a unit that was renamed and a code that a new firmware spells differently all
look like a change that removed every alarm. So silences that the rate of alarms makes implausible
are found, and what begins when something else ends is taken for its new name. It judges recordings,
not rates.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np

from analyzer.arrays import Flags, Numbers
from analyzer.model.policy import HOUR
from analyzer.whatif.episode_table import Recorded
from analyzer.whatif.rates import DAY, LEAST_DAYS

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
TOGETHER = DAY
"""Names that end and begin within this time of each other are one thing under two names (our own).
"""

ReasonKind = Literal[
    "feed_stopped",
    "feed_began",
    "unit_renamed",
    "type_stopped",
    "type_began",
    "code_renamed",
    "days_missing",
]
ExclusionKind = Literal["began", "ended", "days_missing"]


class Reason(NamedTuple):
    """Why there is no verdict, with the values that its sentence needs."""

    kind: ReasonKind
    values: Mapping[str, int | str | tuple[str, str, str]] = {}


class Excluded(NamedTuple):
    """A unit that is no control, and why; `at` is when it began or ended (ms), or 0."""

    unit: str
    kind: ExclusionKind
    at: int


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


def presence(start: Numbers, span: tuple[int, int]) -> Presence:
    """Of the feed with alarms at `start` (ms), in a recording of this `span`."""
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


@dataclass(frozen=True, slots=True)
class Validity:
    """What of a recording can be compared."""

    reasons: list[Reason]
    """Why there is no verdict; none if there may be one."""
    missing: set[int]
    """Days, counted from the change, that aren't compared as a feed was silent."""
    excluded: list[Excluded]
    control: Flags
    """The alarms of the units that can serve as controls."""
    since: int
    """When the feeds of all changed units were there (ms)."""


def look_at_feeds(
    recorded: Recorded, changed: Flags, control: Flags, at: int, window: tuple[int, int]
) -> Validity:
    """Look at the feeds of the changed units and of the control units.

    `window` is from and to of what is compared (ms). Feeds that begin or end outside of it are
    sound; one that began at least `LEAST_DAYS` before the change only makes it shorter.
    """
    span = recorded.span
    reasons: list[Reason] = []
    missing: set[int] = set()
    begin, end = window
    since = span[0]

    def late(feed: Presence) -> bool:
        nonlocal since
        if not feed.began(span[0]):
            return False
        if at - feed.first >= LEAST_DAYS * DAY:
            since = max(since, feed.first)
            return False
        return feed.first < end

    for unit in np.unique(recorded.unit[changed]).tolist():
        feed = presence(recorded.start[recorded.unit == unit], span)
        missing |= missing_days(feed.missing, at)
        if feed.ended(span[1]) and feed.last < end:
            reasons.append(_of_unit(recorded, unit, feed.last, "feed_stopped"))
            missing |= missing_days([(feed.last, end)], at)
        elif late(feed):
            reasons.append(_of_unit(recorded, unit, feed.first, "feed_began"))
            missing |= missing_days([(begin, feed.first)], at)
        else:
            own = presence(recorded.start[changed & (recorded.unit == unit)], span)
            if own.ended(span[1]) and own.last < end:
                reasons.append(_of_type(recorded, changed, unit, own.last, "type_stopped"))
                missing |= missing_days([(own.last, end)], at)
            elif late(own):
                reasons.append(_of_type(recorded, changed, unit, own.first, "type_began"))
                missing |= missing_days([(begin, own.first)], at)
    begin = max(begin, at - (at - since) // DAY * DAY)
    excluded = []
    control = control.copy()
    for unit in np.unique(recorded.unit[control]).tolist():
        here = recorded.unit == unit
        feed = presence(recorded.start[here], span)
        own = presence(recorded.start[here & control], span)
        lost = missing_days(feed.missing, at)
        days = range((begin - at) // DAY, (end - at) // DAY)
        found: tuple[ExclusionKind, int] | None = None
        for one in (feed, own):
            if one.began(span[0]) and one.first > begin:
                found = found or ("began", one.first)
            elif one.ended(span[1]) and one.last < end:
                found = found or ("ended", one.last)
        if found is None and len(lost.intersection(days)) * 4 > len(days):
            found = "days_missing", 0
        if found is None:
            missing |= lost
        else:
            excluded.append(Excluded(recorded.units[unit][1], *found))
            control &= ~here
    return Validity(reasons, missing, excluded, control, since)


def _of_unit(
    recorded: Recorded, unit: int, when: int, kind: Literal["feed_stopped", "feed_began"]
) -> Reason:
    """The feed of a unit stopped or began; perhaps another one has its place."""
    facility, name = recorded.units[unit]
    for other, (where, called) in enumerate(recorded.units):
        if where != facility or other == unit:
            continue
        feed = presence(recorded.start[recorded.unit == other], recorded.span)
        begins = feed.began(recorded.span[0]) and abs(feed.first - when) <= TOGETHER
        ends = feed.ended(recorded.span[1]) and abs(feed.last - when) <= TOGETHER
        if begins if kind == "feed_stopped" else ends:
            pair = (name, called) if kind == "feed_stopped" else (called, name)
            return Reason("unit_renamed", {"from": pair[0], "to": pair[1], "at": when})
    return Reason(kind, {"unit": name, "at": when})


def _of_type(
    recorded: Recorded,
    changed: Flags,
    unit: int,
    when: int,
    kind: Literal["type_stopped", "type_began"],
) -> Reason:
    """The changed alarms of a unit stopped or began while others of it went on; perhaps they are
    called otherwise.
    """
    here = recorded.unit == unit
    own = set(np.unique(recorded.type[changed & here]).tolist())
    for one in np.unique(recorded.type[here]).tolist():
        if one in own:
            continue
        like = next((mine for mine in own if _alike(recorded, mine, one)), None)
        if like is None:
            continue
        found = presence(recorded.start[here & (recorded.type == one)], recorded.span)
        begins = found.began(recorded.span[0]) and abs(found.first - when) <= TOGETHER
        ends = found.ended(recorded.span[1]) and abs(found.last - when) <= TOGETHER
        if begins if kind == "type_stopped" else ends:
            pair = (like, one) if kind == "type_stopped" else (one, like)
            names = {"from": recorded.types[pair[0]], "to": recorded.types[pair[1]]}
            return Reason("code_renamed", {"unit": recorded.units[unit][1], "at": when, **names})
    return Reason(kind, {"unit": recorded.units[unit][1], "at": when})


def _alike(recorded: Recorded, one: int, other: int) -> bool:
    """Whether two types differ in one of device type, source and code only."""
    pairs = zip(recorded.types[one], recorded.types[other], strict=True)
    return sum(mine == its for mine, its in pairs) == 2
