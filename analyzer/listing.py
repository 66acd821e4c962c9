"""The listing: which rows of the table belong to which place, and which of them a moment can touch."""

from __future__ import annotations

from array import array

import numpy as np

from analyzer.ids import Codes, Numbers
from analyzer.table import OPEN, Table

_LONG_TAIL = 128


class _Listed:
    """Rows of one place. Those before `settled` had all ended, and been answered if ever, by `until`; in no other order."""

    __slots__ = ("rows", "settled", "until")

    def __init__(self) -> None:
        self.rows = array("i")
        self.settled = 0
        self.until = -OPEN


class Listing:
    """Existing rows by place. `grace`: how long after its end an alarm can still be answered (ms)."""

    def __init__(self, table: Table, grace: int) -> None:
        self._table = table
        self._grace = grace
        self._places: dict[int, _Listed] = {}

    def add(self, rows: Numbers, places: Codes) -> None:
        """List rows under places; they must not be listed yet."""
        if not len(rows):
            return
        self._table.place[rows] = places
        order = np.argsort(places, kind="stable")
        ordered, by_place = places[order], rows[order].astype(np.int32)
        begins = np.flatnonzero(np.diff(ordered, prepend=-1)).tolist()
        for place, begin, end in zip(ordered[begins].tolist(), begins, [*begins[1:], len(rows)], strict=True):
            listed = self._places.get(place)
            if listed is None:
                listed = self._places[place] = _Listed()
            listed.rows.frombytes(by_place[begin:end].tobytes())

    def remove(self, rows: Numbers) -> None:
        """Strike rows off; those that are listed nowhere are passed over."""
        rows = rows[self._table.place[rows] >= 0]
        if not len(rows):
            return
        places = self._table.place[rows]
        self._table.place[rows] = -1
        for place in np.unique(places).tolist():
            listed = self._places[place]
            known = np.frombuffer(listed.rows, dtype=np.int32)
            stays = self._table.place[known] == place
            settled = int(np.count_nonzero(stays[: listed.settled]))
            listed.rows, listed.settled = array("i", known[stays].tobytes()), settled
            if not listed.rows:
                del self._places[place]

    def all_of(self, place: int) -> Numbers:
        listed = self._places.get(place)
        return np.empty(0, dtype=np.int64) if listed is None else np.frombuffer(listed.rows, dtype=np.int32).astype(np.int64)

    def begun_within(self, place: int, since: int, until: int | None) -> Numbers:
        """Rows of a place that start at `since` <= start < `until`."""
        rows = self.all_of(place)
        start = self._table.start[rows]
        return rows[(start >= since) & (start < (OPEN if until is None else until))]

    def answerable_at(self, place: int, moment: int) -> Numbers:
        """Rows of a place that a response to its bed at `moment` belongs to."""
        listed = self._places.get(place)
        if listed is None:
            return np.empty(0, dtype=np.int64)
        if len(listed.rows) - listed.settled > _LONG_TAIL:
            self._settle(listed)
        rows = np.array(listed.rows[listed.settled if moment > listed.until else 0 :], dtype=np.int64)
        return rows[(self._table.start[rows] <= moment) & (moment <= self._table.end[rows] + self._grace)]

    def _settle(self, listed: _Listed) -> None:
        """Put the earlier half of the tail before it: an end is only ever known better as an earlier one."""
        tail = np.array(listed.rows[listed.settled :], dtype=np.int32)
        closing = self._table.end[tail] + self._grace
        order = np.argsort(closing, kind="stable")
        count = min(len(tail) // 2, int(np.count_nonzero(closing < OPEN)))
        del listed.rows[listed.settled :]
        listed.rows.frombytes(tail[order].tobytes())
        if count:
            listed.settled += count
            listed.until = max(listed.until, int(closing[order[count - 1]]))
