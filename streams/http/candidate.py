"""A candidate: a setting that a request asks the workbench to try."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from math import isfinite
from typing import TYPE_CHECKING

from analyzer.model import SECOND
from streams.http.answers import QueryError

if TYPE_CHECKING:
    from analyzer.whatif import Setting

_LONGEST_NUMBER = 32  # characters
_PARAMETERS = ("facility", "unit", "type", "delay", "limit")


@dataclass(frozen=True, slots=True)
class Candidate:
    """A setting to try, and on which alarms."""

    facility: str
    unit: str
    type: str
    """DEVICE_TYPE/SOURCE/CODE."""
    setting: Setting

    @classmethod
    def of(cls, given: Mapping[str, str]) -> Candidate:
        """From the parameters of a request. Raises `QueryError`."""
        if not {"facility", "unit", "type"} <= given.keys() <= set(_PARAMETERS):
            raise QueryError(
                "expected the parameters facility, unit and type, and delay, limit or both"
            )
        from analyzer.whatif import (
            LONGEST,
            Setting,
        )  # imported at the first request, not when a worker starts

        delay, limit = (_number(given, name) for name in ("delay", "limit"))
        if delay is not None and not 0 <= delay <= LONGEST // SECOND:
            raise QueryError(f"delay: expected 0 to {LONGEST // SECOND} s")
        setting = Setting(
            limit=None if limit is None else float(limit),
            delay=None if delay is None else int(delay * SECOND),
        )
        return cls(given["facility"], given["unit"], given["type"], setting)


def _number(given: Mapping[str, str], name: str) -> Decimal | None:
    if name not in given:
        return None
    try:
        found = Decimal(given[name][: _LONGEST_NUMBER + 1])
    except InvalidOperation:
        found = Decimal("nan")
    if len(given[name]) > _LONGEST_NUMBER or not found.is_finite() or not isfinite(float(found)):
        raise QueryError(f"{name}: expected a number")
    return found
