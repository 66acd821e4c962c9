"""The word guard: ensures that an answer blames nobody and asks nobody to try harder."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable

BANNED = (
    "human error",
    "failed to",
    "failure to act",
    "should have",
    "remind",
    "re-educat",
    "reeducat",
    "retrain",
    "counsel",
    "vigilan",
    "careful",
    "negligen",
    "inattent",
    "careless",
    "blame",
    "fault of",
    "at fault",
    "ought to have",
    "neglect",
    "mistake",
    "forgot",
    "overlook",
    "reprimand",
    "disciplin",
    "complacen",
    "diligen",
    "try harder",
    "pay attention",
)
_PATTERN = re.compile("|".join(map(re.escape, BANNED)), re.IGNORECASE)


class Blaming(ValueError):
    """A text blames a person: a defect of this program, not of the facts."""


def check(texts: Iterable[str], names: Collection[str] = ()) -> None:
    """Raise `Blaming` for the first text with a banned word. `names` (whole words), such as an
    alarm that its manufacturer calls a reminder, are ignored.

    >>> check(["31 alarms in 1 h for one clinician"])
    >>> check(["Standby reminder silenced for 20 min"], {"Standby reminder"})
    """
    longest_first = sorted(names, key=lambda name: (-len(name), name))
    named = re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, longest_first)) or '(?!)'})(?!\w)")
    for text in texts:
        if found := _PATTERN.search(named.sub("", text)):
            raise Blaming(f"{found.group()!r} in {text!r}")
