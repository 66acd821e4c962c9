"""Readings: numbers and limits in OBX-5 and OBX-7, in whatever way they are written."""

from __future__ import annotations

import re
from functools import lru_cache
from math import isfinite

_NUMBER = r"[+-]?(?:\d+(?:[.,]\d+)?|[.,]\d+)(?:[eE][+-]?\d{1,3})?"
_FIRST = re.compile(_NUMBER)
_RANGE = re.compile(rf"\s*\[?\s*({_NUMBER})\s*(?:-|\.\.|to|\^-\^)\s*({_NUMBER})\s*\]?\s*")
_SINGLE = re.compile(rf"[^\d+.,-]*({_NUMBER})[^\d]*")
_LONGEST = 64


@lru_cache(maxsize=1 << 12)
def number(text: str) -> float | None:
    """The number of a text, whatever sign of comparison precedes it.

    >>> number("88"), number(">98"), number("36,5"), number("---")
    (88.0, 98.0, 36.5, None)
    """
    found = _SINGLE.fullmatch(text) if len(text) <= _LONGEST else None
    return None if found is None else _value(found[1])


@lru_cache(maxsize=1 << 12)
def limits(text: str) -> tuple[float | None, float | None, float | None]:
    """Lower limit, upper limit, and the only one where one is given.

    >>> limits("90-96"), limits("-10--2"), limits(">98"), limits("")
    ((90.0, 96.0, None), (-10.0, -2.0, None), (None, None, 98.0), (None, None, None))
    """
    if len(text) > _LONGEST:
        return None, None, None
    both = _RANGE.fullmatch(text)
    if both is not None:
        return _value(both[1]), _value(both[2]), None
    return None, None, number(text.strip().removesuffix("-"))


def limit_of(text: str, direction: str, value: float | None) -> float | None:
    """The limit in force: of two, that of the direction, else the one that `value` lies beyond.

    >>> limit_of("90-96", "low", 88.0), limit_of("90-96", "", 99.0), limit_of(">98", "low", 98.0)
    (90.0, 96.0, 98.0)
    """
    lower, upper, only = limits(text)
    if only is not None:
        return only
    if direction:
        return lower if direction == "low" else upper
    if value is None or lower is None or upper is None:
        return None
    return lower if value < lower else upper if value > upper else None


def _value(text: str) -> float | None:
    found = float(text.replace(",", "."))
    return found if isfinite(found) else None
