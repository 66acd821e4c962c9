"""The listing: which rows of the table belong to which place, and which of them a moment can touch."""

from __future__ import annotations

from array import array
from bisect import bisect_left

import numpy as np

from analyzer.arrays import Codes, Numbers, distinct
from analyzer.pipeline.table import Table
from analyzer.times import OPEN

_LONG_TAIL = 128
_UNSORTED = 1024


class _Listed:
    """Rows of one place. Those before `settled[n]` had all ended, and been answered if ever, by
    `until[n]`; in no other order.

    `by_start` orders the first `known` of them by (start, row); rows that begin earlier than it
    says are in `restarted`, too.
    """

    __slots__ = ("by_start", "known", "restarted", "rows", "settled", "until")

    def __init__(self) -> None:
        self.rows = array("i")
        self.settled: list[int] = []
        self.until: list[int] = []
        self.by_start: tuple[Numbers, Numbers] = (
            np.empty(0, dtype=np.int64),
            np.empty(0, dtype=np.int64),
        )
        self.known = 0
        self.restarted: list[int] = []


class Listing:
    """Existing rows by place.

    `grace`: how long after its end an alarm can still be answered (ms).
    """

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
        for place, begin, end in zip(
            ordered[begins].tolist(), begins, [*begins[1:], len(rows)], strict=True
        ):
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
            kept = np.concatenate([[0], np.cumsum(stays)])
            listed.settled = kept[listed.settled].tolist() if listed.settled else []
            listed.rows = array("i", known[stays].tobytes())
            listed.known, listed.restarted = 0, []
            if not listed.rows:
                del self._places[place]

    def renumber(self, places: Codes) -> None:
        """Places have other numbers now; `places` gives them by their old ones."""
        column = self._table.place
        listed = np.flatnonzero(column >= 0)
        column[listed] = places[column[listed]]
        self._places = {int(places[place]): listed for place, listed in self._places.items()}

    def begun_earlier(self, rows: Numbers) -> None:
        """The start of rows is an earlier one than was known."""
        for row in rows[self._table.place[rows] >= 0].tolist():
            self._places[int(self._table.place[row])].restarted.append(row)

    def begun_within(self, place: int, since: int, until: int | None) -> Numbers:
        """Rows of a place that start at `since` <= start < `until`."""
        listed = self._places.get(place)
        if listed is None:
            return np.empty(0, dtype=np.int64)
        before = OPEN if until is None else until
        if len(listed.rows) - listed.known + len(listed.restarted) > _UNSORTED:
            self._sort(listed)
        starts, rows = listed.by_start
        some = (
            slice(*np.searchsorted(starts, [since, before]).tolist()) if listed.known else slice(0)
        )
        others = [
            np.array(some_of, dtype=np.int64)
            for some_of in (listed.rows[listed.known :], listed.restarted)
        ]
        found = np.concatenate([rows[some], *others])
        start = self._table.start[found]
        return distinct(found[(start >= since) & (start < before)])

    def _sort(self, listed: _Listed) -> None:
        rows = np.array(listed.rows, dtype=np.int64)
        start = self._table.start[rows]
        order = np.argsort(start, kind="stable")
        listed.by_start = start[order], rows[order]
        listed.known, listed.restarted = len(rows), []

    def answerable_at(self, place: int, moment: int) -> Numbers:
        """Rows of a place that a response to its bed at `moment` belongs to."""
        listed = self._places.get(place)
        if listed is None:
            return np.empty(0, dtype=np.int64)
        if len(listed.rows) - (listed.settled[-1] if listed.settled else 0) > _LONG_TAIL:
            self._settle(listed)
        since = bisect_left(listed.until, moment)  # what was settled before has ended before
        rows = np.array(listed.rows[listed.settled[since - 1] if since else 0 :], dtype=np.int64)
        return rows[
            (self._table.start[rows] <= moment) & (moment <= self._table.end[rows] + self._grace)
        ]

    def _settle(self, listed: _Listed) -> None:
        """Put the earlier half of the tail before it: an end is only ever known better as an
        earlier one.
        """
        settled = listed.settled[-1] if listed.settled else 0
        tail = np.array(listed.rows[settled:], dtype=np.int32)
        closing = self._table.end[tail] + self._grace
        order = np.argsort(closing, kind="stable")
        count = min(len(tail) // 2, int(np.count_nonzero(closing < OPEN)))
        if count:
            del listed.rows[settled:]
            listed.rows.frombytes(tail[order].tobytes())
            listed.known = min(listed.known, settled)
            listed.settled.append(settled + count)
            listed.until.append(max([int(closing[order[count - 1]]), *listed.until[-1:]]))
