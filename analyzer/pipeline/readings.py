"""Readings: the most extreme of the values that an alarm reported, relative to its limit.

The side of the limit that an alarm guards is known from its onset: the earliest `start` or `update`
with a value on either side of a limit. The onset can arrive last. Most alarms have one limit, and
every `start` and `update` of them lies on one side of it. The side, the limit and the extremes on
both sides are then sufficient, and are kept in columns of the table. (The `end` of an alarm mostly
reports a value that is back within the limit.) The few other alarms have a `Readings` each.
"""

from __future__ import annotations

from typing import Any

NO_READING, HIGH, LOW, MIXED = range(4)
"""The values of `Table.side`. MIXED: the readings of the alarm are in `Table.readings`."""


class Readings:
    """The readings of one alarm, reduced to what can still become its extreme."""

    __slots__ = ("apart", "first_limit", "first_value", "high", "highest", "low", "lowest", "onset")

    def __init__(self) -> None:
        self.onset: tuple[int, str, float, float] | None = None  # at, event_id, value, limit
        # greatest (value - limit, value, -limit)
        self.high: tuple[float, float, float] | None = None
        # greatest (limit - value, -value, -limit)
        self.low: tuple[float, float, float] | None = None
        self.highest: float | None = None  # among readings without a limit of their own
        self.lowest: float | None = None
        # least (-distance, at, event_id), value, limit
        self.apart: tuple[float, int, str, float, float] | None = None
        self.first_value: tuple[int, str, float] | None = None
        self.first_limit: tuple[int, str, float] | None = None

    @classmethod
    def beyond(
        cls, side: int, value: float, opposite: float, limit: float, onset: tuple[int, str]
    ) -> Readings:
        """The readings of an alarm that was kept in columns so far.

        Fields that no longer count once there is an onset stay empty.
        """
        self = cls()
        self.onset = (*onset, value, limit)
        greatest, least = (value, opposite) if side == HIGH else (opposite, value)
        self.high, self.low = (greatest - limit, greatest, -limit), (limit - least, -least, -limit)
        return self

    def fold(
        self, at: int, event_id: str, opening: bool, value: float | None, limit: float | None
    ) -> None:
        """Add the reading of one event. `opening`: it is a `start` or an `update`."""
        if limit is not None:
            self.first_limit = _least(self.first_limit, (at, event_id, limit))
        if value is None:
            return
        self.first_value = _least(self.first_value, (at, event_id, value))
        if limit is None:
            self.highest = value if self.highest is None else max(self.highest, value)
            self.lowest = value if self.lowest is None else min(self.lowest, value)
            return
        self.high = _greatest(self.high, (value - limit, value, -limit))
        self.low = _greatest(self.low, (limit - value, -value, -limit))
        self.apart = _least(self.apart, (-abs(value - limit), at, event_id, value, limit))
        if opening and value != limit:
            self.onset = _least(self.onset, (at, event_id, value, limit))

    def extreme(self) -> tuple[float | None, float | None]:
        """The reading furthest beyond its limit, and that limit; None where unknown.

        A reading without a limit of its own is compared with the onset's limit.
        """
        if self.onset is not None:
            _, _, value, limit = self.onset
            if value > limit:
                best = self.high
                if self.highest is not None:
                    best = _greatest(best, (self.highest - limit, self.highest, -limit))
                assert best is not None
                return best[1], -best[2]
            best = self.low
            if self.lowest is not None:
                best = _greatest(best, (limit - self.lowest, -self.lowest, -limit))
            assert best is not None
            return -best[1], -best[2]
        if self.apart is not None:
            return self.apart[3], self.apart[4]
        return (
            self.first_value[2] if self.first_value else None,
            self.first_limit[2] if self.first_limit else None,
        )

    def dump(self) -> list[Any]:
        return [getattr(self, name) for name in self.__slots__]

    @classmethod
    def load(cls, content: list[Any]) -> Readings:
        readings = cls()
        for name, value in zip(cls.__slots__, content, strict=True):
            setattr(readings, name, tuple(value) if isinstance(value, list) else value)
        return readings


def _least(a: Any, b: Any) -> Any:
    return b if a is None or b < a else a


def _greatest(a: Any, b: Any) -> Any:
    return b if a is None or b > a else a
