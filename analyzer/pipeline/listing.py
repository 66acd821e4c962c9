"""Listing: the rows of the table by bed, and which of them a fact at a given time affects."""

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
    """The rows of one bed. All rows before index `settled[n]` could no longer be answered after
    `until[n]`; otherwise they are in no order.

    `by_start` has the first `known` of them ordered by (start, row). Those that got an earlier
    start since are in `restarted`, too.
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
    """The rows with a start, by bed of a unit (`Statics.beds`).

    `grace`: how long after its end an alarm can still be answered (ms).
    """

    def __init__(self, table: Table, grace: int) -> None:
        self._table = table
        self._grace = grace
        self._beds: dict[int, _Listed] = {}

    def add(self, rows: Numbers, beds: Codes) -> None:
        """List rows under beds. They must not be listed yet."""
        if not len(rows):
            return
        self._table.bed[rows] = beds
        order = np.argsort(beds, kind="stable")
        ordered, by_bed = beds[order], rows[order].astype(np.int32)
        begins = np.flatnonzero(np.diff(ordered, prepend=-1)).tolist()
        for bed, begin, end in zip(
            ordered[begins].tolist(), begins, [*begins[1:], len(rows)], strict=True
        ):
            listed = self._beds.get(bed)
            if listed is None:
                listed = self._beds[bed] = _Listed()
            listed.rows.frombytes(by_bed[begin:end].tobytes())

    def remove(self, rows: Numbers) -> None:
        """Remove rows; those that are not listed are ignored."""
        rows = rows[self._table.bed[rows] >= 0]
        if not len(rows):
            return
        beds = self._table.bed[rows]
        self._table.bed[rows] = -1
        for bed in np.unique(beds).tolist():
            listed = self._beds[bed]
            known = np.frombuffer(listed.rows, dtype=np.int32)
            stays = self._table.bed[known] == bed
            kept = np.concatenate([[0], np.cumsum(stays)])
            listed.settled = kept[listed.settled].tolist() if listed.settled else []
            listed.rows = array("i", known[stays].tobytes())
            listed.known, listed.restarted = 0, []
            if not listed.rows:
                del self._beds[bed]

    def renumber(self, beds: Codes) -> None:
        """Apply new numbers of beds, indexed by the old number."""
        column = self._table.bed
        listed = np.flatnonzero(column >= 0)
        column[listed] = beds[column[listed]]
        self._beds = {int(beds[bed]): listed for bed, listed in self._beds.items()}

    def begun_earlier(self, rows: Numbers) -> None:
        """Note that rows got an earlier start."""
        for row in rows[self._table.bed[rows] >= 0].tolist():
            self._beds[int(self._table.bed[row])].restarted.append(row)

    def begun_within(self, bed: int, since: int, until: int | None) -> Numbers:
        """The rows of a bed with a start in [`since`, `until`) (ms; None: no end), sorted."""
        listed = self._beds.get(bed)
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

    def answerable_at(self, bed: int, moment: int) -> Numbers:
        """The rows of a bed that a response to it at `moment` (ms) belongs to."""
        listed = self._beds.get(bed)
        if listed is None:
            return np.empty(0, dtype=np.int64)
        if len(listed.rows) - (listed.settled[-1] if listed.settled else 0) > _LONG_TAIL:
            self._settle(listed)
        since = bisect_left(listed.until, moment)  # the rows before it can no longer be answered
        rows = np.array(listed.rows[listed.settled[since - 1] if since else 0 :], dtype=np.int64)
        return rows[
            (self._table.start[rows] <= moment) & (moment <= self._table.end[rows] + self._grace)
        ]

    def _settle(self, listed: _Listed) -> None:
        """Settle the half of the tail that ended first. An end only ever moves to an earlier time,
        so settled rows stay settled.
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
