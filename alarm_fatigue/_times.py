"""Times and durations as an analyst writes them, in ms."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from streams.files.lines import InputError
from streams.formats.times import parse_duration, parse_time, since_epoch


def as_duration(given: Any, name: str) -> int:
    """A text such as `15s`, a `timedelta`, or a number of seconds, in ms. Raises `InputError`.

    >>> as_duration("15s", "delay"), as_duration(1.5, "delay"), as_duration("2", "delay")
    (15000, 1500, 2000)
    """
    if isinstance(given, timedelta):
        return given // timedelta(milliseconds=1)
    try:
        if isinstance(given, str) and not given.strip().replace(".", "", 1).isdigit():
            return parse_duration(given.strip())
        return int(round(float(given) * 1_000_000) // 1000)
    except (TypeError, ValueError, OverflowError):
        raise InputError(f"{name}: expected a duration such as 15s, or seconds") from None


def as_moment(given: Any, name: str) -> int:
    """A datetime with a zone, an RFC 3339 text, or ms since 1970. Raises `InputError`.

    >>> as_moment("1970-01-01T00:00:01Z", "start")
    1000
    """
    if isinstance(given, datetime):
        if given.tzinfo is None:
            raise InputError(f"{name}: expected a time with a zone")
        return since_epoch(given)
    try:
        return parse_time(str(given))
    except ValueError as error:
        raise InputError(f"{name}: {error}") from None
