"""Times and durations: parsed into integer milliseconds, for settings, command-line options, files
and topics.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

import msgspec

from analyzer.model import LATEST

UNITS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
A_TIME = "expected an RFC 3339 time with an offset, or integer milliseconds since 1970"
_LONGEST_TIME = 64
"""Longest time in characters. RFC 3339 does not limit the digits of a second;
nanoseconds take 35.
"""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_BELOW_A_MILLISECOND = re.compile(r"(?<=\.\d{3})\d+")

_parse = msgspec.json.Decoder(datetime).decode
_encode = msgspec.json.Encoder().encode


def parse_duration(text: Any) -> int:
    """The milliseconds of a duration such as `250ms`, `15s`, `10m`, `12h` or `7d`.

    Raises `ValueError` for anything else.
    """
    found = re.fullmatch(r"(\d+)(ms|s|m|h|d)", text) if isinstance(text, str) else None
    if not found:
        raise ValueError("expected a duration such as 15s, 10m or 12h")
    return int(found[1]) * UNITS[found[2]]


def show_duration(milliseconds: int) -> str:
    """The shortest spelling that `parse_duration` reads back.

    >>> show_duration(600_000), show_duration(1500)
    ('10m', '1500ms')
    """
    unit = next(unit for unit in ("d", "h", "m", "s", "ms") if milliseconds % UNITS[unit] == 0)
    return f"{milliseconds // UNITS[unit]}{unit}"


def since_epoch(moment: datetime) -> int:
    """The milliseconds from 1970 to `moment`, which must have an offset; microseconds
    are cut off.
    """
    since = moment - _EPOCH
    return since.days * 86_400_000 + since.seconds * 1000 + since.microseconds // 1000


def parse_time(text: str) -> int:
    """The milliseconds since 1970 of a time that a person wrote: ISO 8601 with an offset, or ms.

    It also accepts times without seconds, such as `2026-03-01T07:00Z`, and years 1 to 9999.
    Raises `ValueError` for anything else.

    >>> parse_time("1970-01-01T00:01Z"), parse_time("1500")
    (60000, 1500)
    """
    try:
        if re.fullmatch(r"-?[0-9]+", text):
            found = _EPOCH + timedelta(milliseconds=int(text))
        else:
            found = datetime.fromisoformat(text)
        if found.tzinfo is not None:
            return since_epoch(found)
    except (ValueError, OverflowError):
        pass
    raise ValueError(
        "expected an RFC 3339 time with an offset, such as 2026-03-01T07:00:00Z, or ms since 1970"
    )


def parse_rfc3339(text: str) -> int:
    """The milliseconds since 1970 of an RFC 3339 time; digits below a millisecond are cut off.

    Raises `ValueError` for anything else, and for a time without an offset.
    """
    try:
        moment = (
            _parse(_encode(_BELOW_A_MILLISECOND.sub("", text)))
            if len(text) <= _LONGEST_TIME
            else None
        )
    except (msgspec.ValidationError, UnicodeEncodeError):
        moment = None
    if moment is None or moment.tzinfo is None:
        raise ValueError(A_TIME)
    return since_epoch(moment)


def parse_or_beyond(text: str) -> int:
    """Like `parse_rfc3339`, but returns `LATEST + 1` for anything that is not a time.

    Fast on a stream: it caches the two halves of a time, which most records share with others.
    """
    if len(text) > _LONGEST_TIME:  # too long for the cache
        return LATEST + 1
    try:
        return _of_minute(text[:17]) + _of_seconds(text[17:])
    except ValueError:
        return LATEST + 1


@lru_cache(maxsize=1 << 14)
def _of_minute(text: str) -> int:
    return parse_rfc3339(text + "00Z")


@lru_cache(maxsize=1 << 17)
def _of_seconds(text: str) -> int:
    return parse_rfc3339("1970-01-02T00:00:" + text) - 86_400_000


def written(milliseconds: int) -> str:
    """A time for people, in UTC, to the minute.

    >>> written(1_773_185_124_898)
    '2026-03-10 23:25 UTC'
    """
    return f"{datetime.fromtimestamp(milliseconds / 1000, UTC):%Y-%m-%d %H:%M} UTC"
