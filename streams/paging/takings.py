"""Takings: who has taken the page of a unit, since when and until when, read from silences.

A silence is a taking if it names the facility and the unit and stops the escalation there. It may
have been made with a link, with amtool or by hand. A broader silence (of a whole hospital, for a
drill) is not a taking.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from streams.paging.silences import Matcher, Silence, matches
from streams.paging.tiers import OTHER, ROLES, TIERS

NOTE = "UnitOverloadTaken"
"""A name that no alert has. Once every tier was paged, a silence of their alerts would only
suppress the notification of the end. Then a silence of this name records who has the page, and
suppresses nothing.
"""
LONGEST_REACH = 40  # characters
_COMMENT = "Taken with the link of a page"
_REACH = f"{_COMMENT}. Reach: "
_ESCALATIONS = [one.alert for one in TIERS[1:]]


@dataclass(frozen=True, slots=True)
class Taking:
    """Somebody has the page of a unit. `role`: one of `ROLES`. `since`, `until`: seconds since the
    epoch.

    `reach`: how to reach the person, in their own words, or empty; shown only to holders of a link.
    """

    facility: str
    unit: str
    role: str
    reach: str
    since: float
    until: float
    id: str

    def holds(self, now: float) -> bool:
        return self.since <= now < self.until


def taking_of(one: Silence) -> Taking | None:
    """The taking that a silence records; None if it records none."""
    named = {
        of.name: of.value for of in one.matchers if of.is_equal and not of.is_regex and of.value
    }
    facility, unit = named.get("facility"), named.get("unit")
    if facility is None or unit is None or not any(_stops(one, name) for name in _NAMES):
        return None
    by_words = {words: role for role, words in ROLES.items()}
    role = by_words.get(one.created_by.strip().lower(), OTHER)
    reach = one.comment.removeprefix(_REACH) if one.comment.startswith(_REACH) else ""
    return Taking(facility, unit, role, reach[:LONGEST_REACH], one.since, one.until, one.id)


_NAMES = (*_ESCALATIONS, NOTE)


def _stops(one: Silence, alert: str) -> bool:
    labels = {"alertname": alert, "severity": "page", "scope": "workload"}
    return all(_holds(of, labels.get(of.name)) for of in one.matchers)


def _holds(of: Matcher, value: str | None) -> bool:
    """Whether a matcher matches. `value` None: the label differs between units or tiers."""
    if value is None:
        return of.name in ("facility", "unit", "tier")
    try:
        found = re.fullmatch(of.value, value) is not None if of.is_regex else of.value == value
    except re.error:  # Go's regular expressions differ a little from Python's
        return False
    return found == of.is_equal


def takings_of(silences: Iterable[Silence]) -> list[Taking]:
    """All takings, the earliest first."""
    found = [one for one in map(taking_of, silences) if one is not None]
    return sorted(found, key=lambda one: (one.since, one.id))


def of_unit(takings: Iterable[Taking], facility: str, unit: str) -> list[Taking]:
    return [one for one in takings if (one.facility, one.unit) == (facility, unit)]


def held(takings: Iterable[Taking], now: float) -> Taking | None:
    """The taking in force. Of several, it is the earliest, which the others were shown."""
    return next((one for one in takings if one.holds(now)), None)


def had(takings: Iterable[Taking], since: float, now: float) -> Taking | None:
    """The latest taking that has ended, if it ended after `since`."""
    over = [one for one in takings if since <= one.until <= now and one.since < one.until]
    return max(over, key=lambda one: one.until, default=None)


def silence_of(
    facility: str,
    unit: str,
    fired: Iterable[str],
    role: str,
    reach: str,
    since: float,
    until: float,
) -> Silence:
    """The silence for a taking. `fired`: alerts of the unit that already fire; they are not
    silenced, so that the people whom they paged are notified of the end.
    """
    left = [name for name in _ESCALATIONS if name not in set(fired)] or [NOTE]
    of_alerts = Matcher("alertname", "|".join(left), is_regex=len(left) > 1)
    matchers = (Matcher("facility", facility), Matcher("unit", unit), of_alerts)
    comment = f"{_REACH}{reach}" if reach else _COMMENT
    return Silence("", matchers, since, until, ROLES[role], comment)


def is_ours(one: Silence, facility: str, unit: str) -> bool:
    """Whether a silence was made with a link, for this unit."""
    return one.comment.startswith(_COMMENT) and matches(
        one.matchers, {"facility": facility, "unit": unit}
    )
