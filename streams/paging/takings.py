"""Takings: who has the page of a unit, since when and until when, read from silences.

A silence is a taking if it names the facility and the unit and stops the escalation there, whoever
made it: with a link, with amtool or by hand. One that is broader (a whole hospital, for a drill) is
none.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from streams.paging.silences import Matcher, Silence, matches
from streams.paging.tiers import OTHER, ROLES, TIERS

NOTE = "UnitOverloadTaken"
"""A name that no alert has. Once every tier was paged, a silence of theirs would only hide the end
from them: then a silence of this name notes who has the page, and silences nothing.
"""
LONGEST_REACH = 40  # characters
_COMMENT = "Taken with the link of a page"
_REACH = f"{_COMMENT}. Reach: "
_ESCALATIONS = [one.alert for one in TIERS[1:]]


@dataclass(frozen=True, slots=True)
class Taking:
    """`role`: of `ROLES`. `reach`: how the person said to be reached, perhaps empty; only for those
    who have a link. `since`, `until`: seconds since the epoch.
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
    """None: the silence is about something else."""
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
    """Whether the matcher holds; None: of a label that differs between units or tiers."""
    if value is None:
        return of.name in ("facility", "unit", "tier")
    try:
        found = re.fullmatch(of.value, value) is not None if of.is_regex else of.value == value
    except re.error:  # Go's expressions are not quite Python's
        return False
    return found == of.is_equal


def takings_of(silences: Iterable[Silence]) -> list[Taking]:
    """All of them, the earliest first."""
    found = [one for one in map(taking_of, silences) if one is not None]
    return sorted(found, key=lambda one: (one.since, one.id))


def of_unit(takings: Iterable[Taking], facility: str, unit: str) -> list[Taking]:
    return [one for one in takings if (one.facility, one.unit) == (facility, unit)]


def held(takings: Iterable[Taking], now: float) -> Taking | None:
    """The one that holds: the earliest, as whoever came second saw it."""
    return next((one for one in takings if one.holds(now)), None)


def had(takings: Iterable[Taking], since: float, now: float) -> Taking | None:
    """The latest that is over, if it reached into what began at `since`."""
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
    """What to ask of Alertmanager. `fired`: the alerts of the unit that fire already: those who
    were paged with them are still notified of the end.
    """
    left = [name for name in _ESCALATIONS if name not in set(fired)] or [NOTE]
    of_alerts = Matcher("alertname", "|".join(left), is_regex=len(left) > 1)
    matchers = (Matcher("facility", facility), Matcher("unit", unit), of_alerts)
    comment = f"{_REACH}{reach}" if reach else _COMMENT
    return Silence("", matchers, since, until, ROLES[role], comment)


def is_ours(one: Silence, facility: str, unit: str) -> bool:
    """Whether it was made with a link, for this unit."""
    return one.comment.startswith(_COMMENT) and matches(
        one.matchers, {"facility": facility, "unit": unit}
    )
