"""Times of HL7 v2 (`YYYYMMDDHHMM[SS[.SSSS]][+/-ZZZZ]`) as ms since 1970.

Zones are given by the caller, because the rules of a named zone are data outside this package.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache

from analyzer.model import EARLIEST, LATEST, expected_time

Zone = Callable[[int], tuple[int, ...]]
"""A zone: the moments (ms since 1970) that a local time can be, the earlier first.

The argument is the local time as if it were UTC. Two moments: an hour that came twice; none: one
that the clocks were put forward over.
"""

_FORM = re.compile(
    r"(\d{12})(\d{2})?(\d{3})?(?:[.,](\d{1,40}))?"
    r"\s*(?:([+-])(\d{2})(?::?(\d{2}))?|(Z|UTC|GMT))?",
    re.ASCII | re.IGNORECASE,
)
_ISO = re.compile(r"(\d{4})-(\d\d)-(\d\d)[T ](\d\d):(\d\d)(?::(\d\d))?(.*)", re.ASCII)
_USUAL = len("20260301070000+0100")
A_STAMP = "a time such as 20260301070000.250+0100"
A_ZONE = "a time with an offset such as +0100; or set the sender's zone in a profile"
A_REAL_HOUR = "a time that exists; the clocks were put forward over it"


class WrongTime(ValueError):
    """A time that cannot be used, and what was `expected`."""

    def __init__(self, expected: str) -> None:
        super().__init__(expected)
        self.expected = expected


@lru_cache(maxsize=1 << 14)
def read(text: str) -> tuple[int, int | None]:
    """The local time as if it were UTC (ms), and its offset from UTC (ms; None: not given).

    The milliseconds may lack their dot, and the form may be that of ISO 8601. Of several components
    the first counts. Raises `WrongTime`, also for a time without hours.

    >>> read("20120111150457-0600")
    (1326294297000, -21600000)
    >>> read("20260124124738000+0800") == read("20260124124738.000+0800")
    True
    >>> read("20260124124738^S") == read("2026-01-24T12:47:38")
    True
    """
    if len(text) == _USUAL and text[:14].isdigit() and text.isascii():
        midnight, offset = _midnight(text[:8]), _offset(text[14:])
        hour, minute, seconds = int(text[8:10]), int(text[10:12]), int(text[12:14])
        if midnight is not None and offset is not None and hour < 24 and max(minute, seconds) < 60:
            return midnight + (hour * 3600 + minute * 60 + seconds) * 1000, offset
    text = text.strip()
    found = _FORM.fullmatch(text)
    if found is None:
        text = text.partition("^")[0].partition("~")[0].strip()
        iso = _ISO.fullmatch(text)
        found = _FORM.fullmatch(text if iso is None else "".join(filter(None, iso.groups())))
    if found is None:
        raise WrongTime(A_STAMP)
    digits, second, joined, fraction, sign, hours, minutes, utc = found.groups()
    if joined is not None and fraction is not None:
        raise WrongTime(A_STAMP)
    year, month, day = int(digits[:4]), int(digits[4:6]), int(digits[6:8])
    hour, minute, seconds = int(digits[8:10]), int(digits[10:12]), int(second or 0)
    if not (
        year >= 1
        and 1 <= month <= 12
        and 1 <= day <= _days_of(year, month)
        and hour < 24
        and minute < 60
        and seconds <= 60  # 60 is a leap second
    ):
        raise WrongTime(A_STAMP)
    local = _days(year, month, day) * 86_400 + hour * 3600 + minute * 60 + seconds
    milliseconds = int((joined or (fraction or "")[:3].ljust(3, "0")) or 0)
    offset = None
    if utc:
        offset = 0
    elif sign:
        minutes = minutes or "0"
        if int(hours) > 14 or int(minutes) > 59:
            raise WrongTime(A_STAMP)
        offset = (int(hours) * 60 + int(minutes)) * (-60_000 if sign == "-" else 60_000)
    return local * 1000 + milliseconds, offset


@lru_cache(maxsize=64)
def _midnight(day: str) -> int | None:
    try:
        return read(day + "0000")[0]
    except WrongTime:
        return None


@lru_cache(maxsize=64)
def _offset(text: str) -> int | None:
    try:
        return read("200001010000" + text)[1]
    except WrongTime:
        return None


def moment(text: str, zone: Zone | None, offset: int | None, near: int | None) -> int:
    """The ms since 1970 of a time.

    One without an offset has `offset` (that of MSH-7, which HL7 makes the default of its message),
    else is a local time of `zone`. Of an hour that came twice it is the reading nearest to `near`,
    without that the earlier one. Raises `WrongTime`.
    """
    local, own = read(text)
    if own is None:
        own = offset
    if own is not None:
        return _plausible(local - own)
    if zone is None:
        raise WrongTime(A_ZONE)
    readings = zone(local)
    if not readings:
        raise WrongTime(A_REAL_HOUR)
    if len(readings) == 1 or near is None:
        return _plausible(readings[0])
    return _plausible(min(readings, key=lambda one: abs(one - near)))


def _plausible(found: int) -> int:
    if not EARLIEST <= found <= LATEST:
        raise WrongTime(expected_time(found))
    return found


def _days_of(year: int, month: int) -> int:
    leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    return (
        29 if leap and month == 2 else (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)[month - 1]
    )


def _days(year: int, month: int, day: int) -> int:
    """Days since 1970-01-01 in the Gregorian calendar, counted from the 1st of March."""
    year -= month <= 2
    of_year = (153 * ((month + 9) % 12) + 2) // 5 + day - 1
    return 365 * year + year // 4 - year // 100 + year // 400 + of_year - 719_468
