"""Pseudonyms: the names under which clinicians are shown, made from their ids with a key."""

from __future__ import annotations

import hmac
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Literal

import msgspec

Period = Literal["none", "day", "week"]
DIGITS = 16  # 64 bits: among 10,000 clinicians a collision has odds of 1 in 10^11
KEY_ID_DIGITS = 8
_PERIODS_KEPT = 128
_IDS_KEPT = 100_000


def key_id(key: bytes) -> str:
    """A short name of a key, which tells two keys apart and nothing else of them."""
    return hmac.new(key, b"alarm-fatigue: id of the key", "sha256").hexdigest()[:KEY_ID_DIGITS]


def keyed(key: bytes) -> Callable[[str], str]:
    """The function from a clinician's id to the pseudonym made with `key`."""

    @lru_cache(maxsize=_IDS_KEPT)
    def pseudonym(clinician: str) -> str:
        return hmac.new(key, clinician.encode(), "sha256").hexdigest()[:DIGITS]

    return pseudonym


def period_of(moment: int, period: Period) -> str:
    """The day or week (UTC) of a time in ms; empty if pseudonyms have no period.

    >>> period_of(1_772_355_600_000, "day"), period_of(1_772_355_600_000, "week")
    ('2026-03-01', '2026-W09')
    """
    if period == "none":
        return ""
    day = datetime.fromtimestamp(moment // 1000, UTC)
    return f"{day:%Y-%m-%d}" if period == "day" else f"{day:%G-W%V}"


class Pseudonyms:
    """The pseudonyms made with one key: the first 16 hex digits of HMAC-SHA256(key, id).

    With a period, each day or week has a key of its own, HMAC-SHA256(key, label and day or week),
    so pseudonyms of two periods have nothing in common. Called with an id, it gives the pseudonym
    of the present; `now` says when that is, in ms.
    """

    def __init__(self, key: bytes, period: Period = "none") -> None:
        self.period = period
        self.key_id = key_id(key)
        self.now: Callable[[], int] = _wall_clock
        self._key = key
        self.of = lru_cache(maxsize=_PERIODS_KEPT)(self._of)
        """The function from ids to pseudonyms of a day or week, spelled as by `period_of`."""
        self.derived = lru_cache(maxsize=_PERIODS_KEPT)(self._derived)
        """The function from names to names that are made with a key of this label's own."""

    def __call__(self, clinician: str) -> str:
        return self.at(0 if self.period == "none" else self.now())(clinician)

    def at(self, moment: int) -> Callable[[str], str]:
        """The function from ids to pseudonyms of the period of a time in ms."""
        return self.of(period_of(moment, self.period))

    def _of(self, period: str) -> Callable[[str], str]:
        if not period:
            return keyed(self._key)
        return self.derived("alarm-fatigue: pseudonyms of " + period)

    def _derived(self, label: str) -> Callable[[str], str]:
        return keyed(hmac.digest(self._key, label.encode(), "sha256"))


Shown = Callable[[str], str]
"""`Pseudonyms`, or any other function from ids to what is shown."""


def shown_at(shown: Shown, moment: int) -> Callable[[str], str]:
    """The function from ids to what is shown of a time in ms."""
    return shown.at(moment) if isinstance(shown, Pseudonyms) else shown


def shown_each(shown: Shown, ids: Sequence[str | None], moments: Sequence[int]) -> list[str | None]:
    """The name to show for each id at its time (ms); None where there is no id."""
    if isinstance(shown, Pseudonyms) and shown.period != "none":
        return [
            None if one is None else shown.at(moment)(one)
            for one, moment in zip(ids, moments, strict=True)
        ]
    known: dict[str | None, str | None] = {one: shown(one) for one in set(ids) if one is not None}
    return [known.get(one) for one in ids]


def origin_of(shown: Shown, moment: int) -> bytes:
    """The JSON fields, without braces, that say how the pseudonyms of a record were made."""
    if not isinstance(shown, Pseudonyms):
        return _NO_ORIGIN
    period = period_of(moment, shown.period) or None
    return _fields(shown.key_id, period)


@lru_cache(maxsize=_PERIODS_KEPT)
def _fields(key: str | None, period: str | None) -> bytes:
    return msgspec.json.encode({"pseudonym_key": key, "pseudonym_period": period})[1:-1]


_NO_ORIGIN = _fields(None, None)


def _wall_clock() -> int:
    return time.time_ns() // 1_000_000
