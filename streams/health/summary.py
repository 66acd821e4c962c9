"""Currency: whether the numbers are current and complete, in one word and one sentence.

Every statement rests on facts: the broker has answered, and all its records were read. A facility
that sends nothing may have a broken feed; this is stated for that facility only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from streams.health.health import REFUSED, Health

QUIET_SECONDS = 600.0
"""After this time without an alarm event, a facility's data count as old: 187 audible alarms per
bed and day (Drew 2014) are one alarm in 46 s from ten beds.
"""


@dataclass(frozen=True, slots=True)
class Currency:
    """How current the numbers are, in one word and one line."""

    state: str
    says: str


def currency(
    quiet: Mapping[str, float], behind: str | None, health: Health, waiting: int | None
) -> Currency:
    """Whether the numbers are current.

    `quiet` gives the seconds without an alarm event by facility, `behind` why the worker is not
    ready, and `waiting` the records not read yet (None if the broker has not reported them).
    """
    if behind is not None:
        return Currency("behind", f"behind: {behind}")
    silent = health.silent_seconds
    if silent is None or waiting is None:
        return Currency("behind", "behind: the broker has not answered yet")
    answered = f"the broker answered {silent:.0f} s ago"
    warned = health.warned()
    general = [one.says for one in warned if one.facility is None or one.facility in quiet]
    if not quiet and not general:
        return Currency(
            "empty", "no alarm event has arrived yet: is anything sent to the topic alarms?"
        )
    if general:
        more = f" ({len(general) - 1} more warnings below)" if len(general) > 1 else ""
        return Currency("incomplete", f"{general[0]}{more}; {answered}")
    old = [name for name, seconds in quiet.items() if seconds > QUIET_SECONDS]
    if len(old) == len(quiet):
        longest = max(quiet, key=quiet.__getitem__)
        others = f", nor from {len(old) - 1} more" if len(old) > 1 else ""
        return Currency("old", f"{quiet_words(longest, quiet[longest])}{others}; {answered}")
    if waiting:
        return Currency(
            "current", f"up to date: {answered}, and {waiting} of its records wait to be counted"
        )
    any_refused = any(
        count and outcome in REFUSED for (_, _, outcome), count in health.recent.items()
    )
    done = "have been read; a few were refused" if any_refused else "are counted"
    return Currency("current", f"up to date: {answered}, and all its records {done}")


def quiet_words(facility: str, seconds: float) -> str:
    """The warning about a facility that has been quiet for long."""
    return f"no alarm event from {facility} for {seconds / 60:.0f} min: is its feed still running?"


def facility_document(name: str, watermark: int, quiet: float, health: Health) -> dict[str, Any]:
    """An element of `currency.facilities`; `quiet` in seconds."""
    refused = health.refused(name)
    return {
        "facility": name,
        "watermark": watermark,
        "quiet_seconds": round(quiet, 3),
        "old": quiet > QUIET_SECONDS,
        "says": quiet_words(name, quiet) if quiet > QUIET_SECONDS else None,
        "recent_alarm_events": {
            "accepted": health.recent.get((name, "alarms", "accepted"), 0),
            **{reason: refused.get(reason, 0) for reason in REFUSED},
        },
    }
