"""Words: the texts of pages about the begin, the escalation and who has the page, in local time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from streams.formats.calendars import Calendar
from streams.paging.takings import Taking
from streams.paging.tiers import BY_ALERT, HOLDERS, TIERS

BEFORE = {one.alert: one.after for one in TIERS} | {"CliniciansOverloaded": 600}
"""Seconds for which the condition of an alert held before the alert fired: `for` in the rules, and
of the tiers the time since the first one.
"""
LAST = "nobody else is paged: this is the last page."
GROUP_MINUTES = 10
"""How long Alertmanager may wait before it pages the next tier once a silence is over
(`group_interval`).
"""


@dataclass(frozen=True, slots=True)
class Clock:
    """Local time of a facility; `calendar` None: of this machine. `faster`: what the rules wait for
    is divided by it, as in a demonstration. All times are seconds since the epoch.
    """

    calendar: Calendar | None = None
    faster: float = 1.0

    def local(self, seconds: float) -> datetime:
        return datetime.fromtimestamp(seconds, UTC).astimezone(
            None if self.calendar is None else self.calendar.zone
        )

    def time(self, seconds: float) -> str:
        """
        >>> Clock(Calendar()).time(1_772_333_880)
        '02:58'
        """
        return f"{self.local(seconds):%H:%M}"

    def date_and_time(self, seconds: float) -> str:
        """
        >>> Clock(Calendar()).date_and_time(1_772_333_880)
        'Sun 1 Mar, 02:58 UTC'
        """
        at = self.local(seconds)
        return f"{at:%a} {at.day} {at:%b, %H:%M %Z}"

    def near(self, seconds: float, now: float) -> str:
        """The time, with the date unless it is within half a day of `now`."""
        return self.time(seconds) if abs(seconds - now) < 43_200 else self.date_and_time(seconds)

    def began(self, alert: str, fired: float) -> float | None:
        """When the condition of an alert began; None: pages do not state it for this alert."""
        before = BEFORE.get(alert)
        return None if before is None else fired - before / self.faster

    def shift_end(self, now: float) -> float:
        """When the current shift ends; the next one's end if that is less than a minute away."""
        calendar = self.calendar or Calendar()
        return calendar.shift(round(1000 * (now + 60))).end / 1000


def next_words(alert: str, began: float, clock: Clock) -> str | None:
    """The escalation in words: who is paged, and when, unless somebody takes the page. None: the
    alert does not escalate.

    >>> next_words("UnitOverloaded", 1_772_333_880, Clock(Calendar()))
    'if nobody takes it, the house supervisor is paged at 03:08, whoever is on call at 03:18.'
    """
    tier = BY_ALERT.get(alert)
    if tier is None:
        return None
    times = [
        (one.words, clock.time(began + one.after / clock.faster))
        for one in TIERS[TIERS.index(tier) + 1 :]
    ]
    if not times:
        return LAST
    (first, at), *others = times
    rest = "".join(f", {words} at {when}" for words, when in others)
    return f"if nobody takes it, {first} is paged at {at}{rest}."


def again_words(alert: str) -> str | None:
    """The escalation in words after somebody has handed a page back, or their time is over.

    All waited while it was taken, so all are called as soon as Alertmanager looks.
    """
    tier = BY_ALERT.get(alert)
    if tier is None:
        return None
    if tier is TIERS[-1]:
        return LAST
    return (
        f"if nobody takes it, those who were not called yet are paged within {GROUP_MINUTES} min."
    )


def has_words(one: Taking, clock: Clock, now: float) -> str:
    """
    >>> taking = Taking("H01", "MICU", "charge_nurse", "", 1_772_333_880, 1_772_335_680, "")
    >>> has_words(taking, Clock(Calendar()), 1_772_333_900)
    'the charge nurse has it since 02:58, until 03:28'
    """
    since, until = clock.near(one.since, now), clock.near(one.until, now)
    return f"{HOLDERS[one.role]} has it since {since}, until {until}"


def had_words(one: Taking, clock: Clock, now: float) -> str:
    since, until = clock.near(one.since, now), clock.near(one.until, now)
    return f"{HOLDERS[one.role]} had it from {since} to {until}"


def capital(text: str) -> str:
    """
    >>> capital("the charge nurse has it")
    'The charge nurse has it'
    """
    return text[:1].upper() + text[1:]
