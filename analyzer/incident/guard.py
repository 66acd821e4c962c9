"""The word guard: an answer blames nobody, and asks nobody to try harder."""

from __future__ import annotations

import re
from collections.abc import Iterable

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
)
_PATTERN = re.compile("|".join(map(re.escape, BANNED)), re.IGNORECASE)


class Blaming(ValueError):
    """A text that blames a person: a defect of this program, never of the facts."""


def check(texts: Iterable[str]) -> None:
    """Raises `Blaming` at the first text with a banned word.

    >>> check(["31 alarms in 1 h for one clinician"])
    """
    for text in texts:
        if found := _PATTERN.search(text):
            raise Blaming(f"{found.group()!r} in {text!r}")
