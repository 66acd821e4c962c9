"""Changes: which alarms sound, and when, once a setting has changed."""

from __future__ import annotations

from collections.abc import Iterable
from math import copysign
from typing import NamedTuple

from streams.simulator.calibration import ALARM_TYPES, AlarmType
from streams.simulator.ward import Change


class Sounded(NamedTuple):
    """When an alarm sounds (ms), and the limit in force."""

    at: int
    limit: float | None


class Changes:
    """The changes of a ward, by unit and alarm type."""

    def __init__(self, changes: Iterable[Change]) -> None:
        self._of: dict[tuple[str, tuple[str, str, str]], list[Change]] = {}
        for change in sorted(changes, key=lambda one: one.start):
            self._of.setdefault((change.unit, change.type), []).append(change)

    def sounded(
        self, unit: str, of_type: int, start: int, end: int, depth: float
    ) -> Sounded | None:
        """How a condition from `start` to `end` (ms) sounds that goes this deep beyond the usual
        limit; None: it does not.
        """
        of = ALARM_TYPES[of_type]
        limit, at = of.limit, start
        for change in self._of.get((unit, (of.device, of.source, of.code)), ()):
            if start < change.start:
                continue
            if change.limit is not None:
                limit, side = change.limit, copysign(1, of.depth)
                if side * extreme(of, depth) <= side * limit:
                    return None
            if change.delay is not None:
                if end - start <= change.delay:
                    return None
                at = start + change.delay
        return Sounded(at, limit)


def extreme(of: AlarmType, depth: float) -> float:
    """The reading this deep beyond the usual limit: at least a tenth, so that none is at it."""
    assert of.limit is not None
    return round(of.limit + copysign(max(0.1, depth), of.depth), 1)
