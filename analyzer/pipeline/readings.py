"""Readings: of the values that an alarm reported, the one furthest beyond its limit.

Which side of its limit an alarm guards is known from its onset (the earliest `start` or `update`
with a value on either side of a limit), which can arrive last. While there is one limit, and every
`start` and `update` lies on one side of it, that side, the limit and the extremes on both sides say
everything, and are kept in columns: an `end` mostly reports a reading that is back within its
limit. The few alarms that are not so simple have a `Readings` of their own.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np

from analyzer.arrays import Flags, Floats, Numbers
from analyzer.pipeline.table import Table

NO_READING, HIGH, LOW, MIXED = range(4)
"""What `Table.side` says of an alarm's readings; MIXED: look into `Table.readings`."""


class Readings:
    """Any readings at all, folded to what their extreme can be taken from."""

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
        """Those of an alarm that has been simple so far.

        What an onset outweighs, whatever else comes, is left out.
        """
        self = cls()
        self.onset = (*onset, value, limit)
        greatest, least = (value, opposite) if side == HIGH else (opposite, value)
        self.high, self.low = (greatest - limit, greatest, -limit), (limit - least, -least, -limit)
        return self

    def fold(
        self, at: int, event_id: str, opening: bool, value: float | None, limit: float | None
    ) -> None:
        """`opening`: whether the event is a `start` or an `update`."""
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

        A reading without a limit of its own is held against the onset's.
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


def fold_readings(
    table: Table,
    rows: Numbers,
    at: Numbers,
    entries: Numbers,
    opening: Flags,
    value: Floats,
    limit: Floats,
    event_id: Callable[[int], str],
) -> None:
    """Fold events with a value or a limit (NaN: absent) into their rows; `entries` are numbers of
    event ids, `event_id` tells them.
    """
    if not len(rows):
        return
    # Each round takes one event a row, so that columns can be written at once.
    by_row = np.argsort(rows, kind="stable")
    ordered = rows[by_row]
    begins = np.flatnonzero(np.diff(ordered, prepend=-1))
    nth = np.empty(len(rows), dtype=np.int64)
    nth[by_row] = np.arange(len(rows)) - np.repeat(begins, np.diff(begins, append=len(rows)))
    order = np.argsort(nth, kind="stable")
    bounds = np.cumsum(np.bincount(nth))
    for begin, end in pairwise([0, *bounds.tolist()]):
        taken = order[begin:end]
        _fold_round(
            table,
            rows[taken],
            at[taken],
            entries[taken],
            opening[taken],
            value[taken],
            limit[taken],
            event_id,
        )


def _fold_round(
    table: Table,
    rows: Numbers,
    at: Numbers,
    entries: Numbers,
    opening: Flags,
    value: Floats,
    limit: Floats,
    event_id: Callable[[int], str],
) -> None:
    side = table.side[rows]
    both = ~(np.isnan(value) | np.isnan(limit))
    guides = both & opening & (value != limit)
    of_event = np.where(value > limit, HIGH, LOW)
    begins = guides & (side == NO_READING)
    alike = both & ((side == HIGH) | (side == LOW)) & (limit == table.limit[rows])
    alike &= ~guides | ((of_event == side) & (at != table.onset_at[rows]))
    new = rows[begins]
    table.side[new] = of_event[begins]
    table.value[new] = table.opposite[new] = value[begins]
    table.limit[new] = limit[begins]
    table.onset_at[new], table.onset[new] = at[begins], entries[begins]
    old = rows[alike]
    for column, side_of_greatest in ((table.value, HIGH), (table.opposite, LOW)):
        greater, less = np.maximum(column[old], value[alike]), np.minimum(column[old], value[alike])
        column[old] = np.where(side[alike] == side_of_greatest, greater, less)
    earlier = np.flatnonzero(alike & guides & (at < table.onset_at[rows]))
    table.onset_at[rows[earlier]], table.onset[rows[earlier]] = at[earlier], entries[earlier]
    # Once there is an onset, a limit alone says nothing.
    says_nothing = np.isnan(value) & ((side == HIGH) | (side == LOW))
    for place in np.flatnonzero(~(begins | alike | says_nothing)).tolist():
        _fold_apart(
            table,
            int(rows[place]),
            int(at[place]),
            int(entries[place]),
            bool(opening[place]),
            value[place],
            limit[place],
            event_id,
        )


def _fold_apart(
    table: Table,
    row: int,
    at: int,
    entry: int,
    opening: bool,
    value: float,
    limit: float,
    event_id: Callable[[int], str],
) -> None:
    """Fold one event into a row that is not, or not any more, simple."""
    readings = table.readings.get(row)
    if readings is None:
        side = int(table.side[row])
        if side == NO_READING:
            readings = Readings()
        else:
            onset = int(table.onset_at[row]), event_id(int(table.onset[row]))
            value_, opposite, limit_ = (
                float(column[row]) for column in (table.value, table.opposite, table.limit)
            )
            readings = Readings.beyond(side, value_, opposite, limit_, onset)
        table.readings[row] = readings
        table.side[row] = MIXED
    readings.fold(at, event_id(entry), opening, _known(value), _known(limit))
    extreme = readings.extreme()
    table.value[row], table.limit[row] = (np.nan if one is None else one for one in extreme)


def _known(figure: float) -> float | None:
    return None if np.isnan(figure) else float(figure)
