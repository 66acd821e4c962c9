"""Validity: whether an absence of alarms means success, or missing data.

A feed that stopped, a unit that was renamed and a code that a new firmware spells differently all
look like a change that removed every alarm. So silences that the rate of alarms makes implausible
are found, and what begins when something else ends is taken for its new name. What is lost in part
is in `analyzer.whatif.partial`. It judges recordings, not rates.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from analyzer.arrays import Flags
from analyzer.whatif.episode_table import Recorded
from analyzer.whatif.partial import TOGETHER, alike, in_part, silent_hours
from analyzer.whatif.presence import Presence, missing_days, presence_of
from analyzer.whatif.rates import DAY, LEAST_DAYS
from analyzer.whatif.reasons import Excluded, ExclusionKind, Reason


@dataclass(frozen=True, slots=True)
class Validity:
    """The parts of a recording that can be compared."""

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
        feed = presence_of(recorded.start[recorded.unit == unit], span)
        missing |= missing_days(feed.missing, at)
        if feed.ended(span[1]) and feed.last < end:
            reasons.append(_of_unit(recorded, unit, feed.last, "feed_stopped"))
            missing |= missing_days([(feed.last, end)], at)
        elif late(feed):
            reasons.append(_of_unit(recorded, unit, feed.first, "feed_began"))
            missing |= missing_days([(begin, feed.first)], at)
        else:
            own = presence_of(recorded.start[changed & (recorded.unit == unit)], span)
            if own.ended(span[1]) and own.last < end:
                reasons.append(_of_type(recorded, changed, unit, own.last, "type_stopped"))
                missing |= missing_days([(own.last, end)], at)
            elif late(own):
                reasons.append(_of_type(recorded, changed, unit, own.first, "type_began"))
                missing |= missing_days([(begin, own.first)], at)
        if not reasons:
            here = recorded.start[recorded.unit == unit]
            hours = silent_hours(here, at, window)
            missing |= missing_days(hours.silences, at)
            if hours.side is not None:
                values = {"unit": recorded.units[unit][1], "side": hours.side}
                reasons.append(Reason("hours_missing", values))
        if not reasons:
            reasons += in_part(recorded, changed, unit, window)
    begin = max(begin, at - (at - since) // DAY * DAY)
    excluded = []
    control = control.copy()
    for unit in np.unique(recorded.unit[control]).tolist():
        here = recorded.unit == unit
        feed = presence_of(recorded.start[here], span)
        own = presence_of(recorded.start[here & control], span)
        lost = missing_days(feed.missing, at)
        days = range((begin - at) // DAY, (end - at) // DAY)
        found: tuple[ExclusionKind, int] | None = None
        for one in (feed, own):
            if one.began(span[0]) and one.first > begin:
                found = found or ("began", one.first)
            elif one.ended(span[1]) and one.last < end:
                found = found or ("ended", one.last)
        hours = silent_hours(recorded.start[here], at, window)
        lost |= missing_days(hours.silences, at)
        if found is None and hours.side is not None:
            found = "hours_missing", 0
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
        feed = presence_of(recorded.start[recorded.unit == other], recorded.span)
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
        like = next((mine for mine in own if alike(recorded, mine, one)), None)
        if like is None:
            continue
        found = presence_of(recorded.start[here & (recorded.type == one)], recorded.span)
        begins = found.began(recorded.span[0]) and abs(found.first - when) <= TOGETHER
        ends = found.ended(recorded.span[1]) and abs(found.last - when) <= TOGETHER
        if begins if kind == "type_stopped" else ends:
            pair = (like, one) if kind == "type_stopped" else (one, like)
            names = {"from": recorded.types[pair[0]], "to": recorded.types[pair[1]]}
            return Reason("code_renamed", {"unit": recorded.units[unit][1], "at": when, **names})
    return Reason(kind, {"unit": recorded.units[unit][1], "at": when})
