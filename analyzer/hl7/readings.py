"""Readings: the numbers and limits in OBX-5 and OBX-7, in their various notations."""

from __future__ import annotations

import re
from functools import lru_cache
from math import isfinite

_NUMBER = r"[+-]?(?:\d+(?:[.,]\d+)?|[.,]\d+)(?:[eE][+-]?\d{1,3})?"
_BETWEEN = r"(?:-|\u2013|\u2014|\.\.+|to|bis|;|:|/|~|\^-\^|\^|&)"
_RANGE = re.compile(rf"[\s\[(]*({_NUMBER})[\s\])]*{_BETWEEN}[\s\[(]*({_NUMBER})[\s\])]*")
_ANY = re.compile(rf"(?<![\w.,]){_NUMBER}")
_SINGLE = re.compile(rf"[^\d+.,-]*({_NUMBER})[^\d]*")
_LONGEST = 64


@lru_cache(maxsize=1 << 12)
def number(text: str) -> float | None:
    """The number in a text, without a sign of comparison before it; None if there is none.

    >>> number("88"), number(">98"), number("36,5"), number("---")
    (88.0, 98.0, 36.5, None)
    """
    found = _SINGLE.fullmatch(text) if len(text) <= _LONGEST else None
    return None if found is None else _value(found[1])


@lru_cache(maxsize=1 << 12)
def limits(text: str) -> tuple[float | None, float | None, float | None]:
    """The lower limit, the upper limit, and the limit if only one without a direction is given.

    >>> limits("90-96"), limits("-10--2"), limits(">98"), limits("")
    ((90.0, 96.0, None), (-10.0, -2.0, None), (None, None, 98.0), (None, None, None))
    >>> limits("90-"), limits("<90 >96 %")
    ((90.0, None, None), (90.0, 96.0, None))
    """
    if len(text) > _LONGEST:
        return None, None, None
    both = _RANGE.fullmatch(text)
    found = list(both.groups()) if both is not None else _ANY.findall(text)
    if len(found) == 2:
        one, two = _value(found[0]), _value(found[1])
        if one is not None and two is not None:
            return min(one, two), max(one, two), None
        return one, two, None
    if (open_ended := text.strip()).endswith("-"):
        return number(open_ended[:-1]), None, None
    return None, None, number(open_ended)


def limit_of(text: str, direction: str, value: float | None) -> float | None:
    """The limit in force: of two, that of the direction, else that beyond which `value` lies.

    >>> limit_of("90-96", "low", 88.0), limit_of("90-96", "", 99.0), limit_of(">98", "low", 98.0)
    (90.0, 96.0, 98.0)
    """
    lower, upper, only = limits(text)
    if only is not None:
        return only
    if direction:
        return lower if direction == "low" else upper
    if value is None:
        return None
    if lower is not None and value < lower:
        return lower
    return upper if upper is not None and value > upper else None


def _value(text: str) -> float | None:
    found = float(text.replace(",", "."))
    return found if isfinite(found) else None
