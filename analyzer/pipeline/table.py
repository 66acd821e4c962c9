"""The table of held episodes: numpy columns, one row an episode, for all facilities of a partition.

Millions of alarms fit because only what most alarms lack is a Python object (a second end, a second
response by alarm id, readings on both sides of a limit). Facts are folded, and consequences
derived, for many rows at once. The table knows nothing of rules, rosters or time.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from typing import Any

import numpy as np
import numpy.typing as npt

from analyzer.arrays import Checks, Marks, Numbers, distinct
from analyzer.columns.growing import Growing, take_free
from analyzer.columns.hashing import fingerprints
from analyzer.columns.moments import Moments
from analyzer.columns.packed import Packed, pack
from analyzer.columns.slots import UNKNOWN
from analyzer.columns.sparse import Sparse, SparseColumn
from analyzer.pipeline.alarm_ids import AlarmIds
from analyzer.pipeline.coverage import Contribution
from analyzer.pipeline.readings import Readings
from analyzer.times import NEVER, OPEN

NO_VERDICT = -1
"""The verdict of a row without a label."""

ROWS_PER_BLOCK = 1024
"""Rows stored together. Fewer would mean more records; more would mean writing more for one change
(our own).
"""

STORED: dict[str, tuple[Any, Any]] = {
    "facility": (np.int32, -1),
    "static": (np.int32, -1),
    "label": (np.int32, 0),
    "recipients": (np.int32, 0),
    "start": (np.int64, NEVER),
    "first": (np.int32, -1),
    "end": (np.int64, OPEN),
    "rank": (np.int8, 0),
    "side": (np.int8, 0),
    "value": (np.float64, np.nan),
    "opposite": (np.float64, np.nan),
    "limit": (np.float64, np.nan),
    "onset_at": (np.int64, NEVER),
    "onset": (np.int32, -1),
    "latest": (np.int64, -OPEN),
    "mentioned": (np.int64, -OPEN),
    "later": (np.int32, -1),
    "verdict": (np.int8, NO_VERDICT),
    "verdict_at": (np.int64, -OPEN),
    "response_at": (np.int64, NEVER),
    "response_code": (np.int8, 0),
    "team": (np.int32, 0),
    "first_response": (np.int64, NEVER),
    "intervened": (np.bool_, False),
    "answered": (np.bool_, False),
    "is_alarm": (np.bool_, False),
    "klass": (np.int8, 0),
    "rule": (np.int8, 0),
    "to_finalise": (np.bool_, False),
    "digest": (np.uint64, 0),
    "observed_after": (np.int64, NEVER),
    "observed_unit": (np.int32, 0),
    "observed_rank": (np.int8, 0),
}
"""The stored columns: their types, and their values in free rows. They are stored in this order,
without their names.
"""
_SPARSE = (
    "mentioned",
    "later",
    "verdict",
    "verdict_at",
    "response_at",
    "response_code",
    "first_response",
    "intervened",
    "answered",
    "observed_after",
    "observed_unit",
    "observed_rank",
)
"""The columns that say nothing of an alarm without a response, a label and a later episode."""
_NOT_OF_EVENTS = ("facility", "mentioned", "verdict", "verdict_at", "response_at", "response_code")
_OF_EVENTS = [name for name in STORED if name not in _NOT_OF_EVENTS]
"""The columns that come from alarm events, directly or derived."""
_REBUILT: dict[str, tuple[Any, Any]] = {
    "bed": (np.int32, -1),
}


class Table(Growing):
    """The columns and rows of all held episodes, and the chains of episodes that share an id."""

    # merged from events
    facility: npt.NDArray[np.int32]
    static: npt.NDArray[np.int32]  # a number in `Statics`
    label: npt.NDArray[np.int32]  # a number of texts shown to people; 0: none
    recipients: npt.NDArray[np.int32]  # a number of sets of clinicians; 0: none
    start: Numbers
    # the entry (in `SeenIds`) of the event that `start` and `static` come from
    first: npt.NDArray[np.int32]
    end: Numbers
    rank: npt.NDArray[np.int8]
    side: npt.NDArray[np.int8]
    value: npt.NDArray[np.float64]
    # the extreme on the other side of the limit, as long as `side` is HIGH or LOW
    opposite: npt.NDArray[np.float64]
    limit: npt.NDArray[np.float64]
    onset_at: Numbers
    onset: npt.NDArray[np.int32]  # an entry, as `first`
    latest: Numbers  # greatest `at` of its alarm events
    mentioned: SparseColumn  # greatest `at` of the responses and labels that name it
    later: SparseColumn  # the next episode of the same alarm id; -1: none
    verdict: SparseColumn
    verdict_at: SparseColumn  # `at` of the label that counts
    response_at: SparseColumn  # of the first response by alarm id that came; NEVER: none
    response_code: SparseColumn  # its action: see `responses`
    # derived
    bed: npt.NDArray[np.int32]  # its bed in the listing; -1: not listed yet
    team: npt.NDArray[np.int32]
    first_response: SparseColumn
    intervened: SparseColumn
    answered: SparseColumn
    is_alarm: npt.NDArray[np.bool_]
    klass: npt.NDArray[np.int8]
    rule: npt.NDArray[np.int8]
    to_finalise: npt.NDArray[np.bool_]
    digest: Marks  # of the last record finalised; 0: none yet
    # ms, as entered in the histogram of response times, under these; NEVER: nothing entered
    observed_after: SparseColumn
    observed_unit: SparseColumn
    observed_rank: SparseColumn

    def __init__(self) -> None:
        dense = {name: column for name, column in STORED.items() if name not in _SPARSE}
        super().__init__(**dense, **_REBUILT)
        self._use(Sparse(**{name: STORED[name] for name in _SPARSE}))
        self.alarm_ids = AlarmIds()
        self._top = 0  # rows from here on were never taken
        self._free: list[Numbers] = []
        self.held = 0
        self.dirty: set[int] = set()
        # by row, for the few rows that have it
        self.earlier: dict[int, int] = {}  # the inverse of `later`
        # ends before the start, in order: one may count once an earlier start arrives
        self.ends: dict[int, list[int]] = {}
        # `end` events more than the horizon before the start, whole (see `fold`)
        self.early: dict[int, list[Any]] = {}
        self.readings: dict[int, Readings] = {}
        # (at, event_id, verdict) of all labels, in order
        self.labels: dict[int, list[tuple[int, str, int]]] = {}
        # all responses by alarm id, of rows with more than one
        self.responses: dict[int, Moments] = {}
        self.contributions: dict[int, Contribution] = {}

    def _use(self, sparse: Sparse) -> None:
        self._sparse = sparse
        for name in _SPARSE:
            setattr(self, name, sparse.column(name))

    def copy_sparse(self) -> None:
        """Give a shallow copy of a table sparse columns of its own."""
        self._use(deepcopy(self._sparse))

    def reserve(self, size: int) -> None:
        """Make room for at least `size` rows."""
        super().reserve(size)
        self._sparse.reserve(self.size)

    # -- ids

    def rows_of(self, facilities: Numbers, alarm_ids: Sequence[str]) -> Numbers:
        """The row of the first held episode of each alarm id. Unknown ids get a new row."""
        packed = pack(alarm_ids)
        marks, checks = fingerprints(facilities, packed)
        probe = self.alarm_ids.probe(marks, checks)
        rows = probe.entries
        new = np.flatnonzero(rows == UNKNOWN)
        if len(new):
            firsts, which = _alike(marks[new])
            # equal marks of different ids
            if not np.array_equal(checks[new][firsts][which], checks[new]):
                _, firsts, which = np.unique(
                    np.column_stack([marks[new], checks[new]]),
                    axis=0,
                    return_index=True,
                    return_inverse=True,
                )
                which = which.reshape(-1)
            chosen = new[firsts]
            taken = self._take(len(chosen))
            names = pack([alarm_ids[index] for index in chosen.tolist()])
            self._name(taken, facilities[chosen], names, marks[chosen], checks[chosen])
            self.alarm_ids.index(taken, probe.of(chosen))
            rows[new] = taken[which]
        return rows

    def at_times(self, rows: Numbers, at: Numbers, horizon: int) -> Numbers:
        """The rows of the episodes that events at these times belong to, from the first episodes of
        their alarm ids.

        An event more than the horizon after the end of an episode belongs to the next one, which
        gets a row if it has none.
        """
        over = np.flatnonzero(at > self.end[rows] + horizon)
        if not len(over):
            return rows
        rows = rows.copy()
        while len(over):
            before = distinct(rows[over])
            ending = before[self.later[before] < 0]
            if len(ending):
                new = self._take(len(ending))
                self._name(
                    new,
                    self.facility[ending].astype(np.int64),
                    self.alarm_ids.packed(ending),
                    self.alarm_ids.marks[ending],
                    self.alarm_ids.checks[ending],
                )
                self.later[ending] = new
                self.earlier.update(zip(new.tolist(), ending.tolist(), strict=True))
                self.changed(ending)
            rows[over] = self.later[rows[over]]
            over = over[at[over] > self.end[rows[over]] + horizon]
        return rows

    def named_at(self, rows: Numbers, at: Numbers, horizon: int) -> Numbers:
        """The rows of the episodes that responses and labels at these times belong to, from the
        first episodes of their alarm ids.

        That is the episode that an event would belong to, or the one before it if that episode
        starts more than the horizon later.
        """
        if not self.earlier:
            return rows
        rows = rows.copy()
        open_ = np.arange(len(rows))
        while len(open_):
            later = self.later[rows[open_]]
            on = (later >= 0) & (at[open_] > self.end[rows[open_]] + horizon)
            on &= at[open_] >= np.where(later >= 0, self.start[later], NEVER) - horizon
            open_ = open_[on]
            rows[open_] = self.later[rows[open_]]
        return rows

    def known(self, facility: int, alarm_ids: Sequence[str]) -> Numbers:
        """The first rows of a facility's alarm ids; ids without a row are left out."""
        if not alarm_ids:
            return np.empty(0, dtype=np.int64)
        marks, checks = fingerprints(np.full(len(alarm_ids), facility), pack(alarm_ids))
        rows = self.alarm_ids.find(marks, checks)
        found: Numbers = rows[rows != UNKNOWN]
        return found

    def first_of_ids(self, rows: Numbers) -> Numbers:
        """The distinct first rows of the alarm ids of `rows`."""
        if not self.earlier:
            return distinct(rows)
        found = set()
        for row in rows.tolist():
            while row in self.earlier:
                row = self.earlier[row]
            found.add(row)
        return np.array(sorted(found), dtype=np.int64)

    def chain(self, row: int) -> list[int]:
        """A row and the later rows of its alarm id, in order of time."""
        found = [row]
        while self.later[found[-1]] >= 0:
            found.append(int(self.later[found[-1]]))
        return found

    def of_facility(self, facility: int) -> Numbers:
        """The rows in use of a facility."""
        return np.flatnonzero(self.facility[: self._top] == facility)

    def last_mention(self, rows: Numbers) -> Numbers:
        """The greatest `at` (ms) of all facts about each row."""
        last: Numbers = np.maximum(self.latest[rows], self.mentioned[rows])
        return last

    def clear_events(self, rows: Numbers) -> None:
        """Forget the alarm events of rows. Responses and labels stay.

        The rows must be the only ones of their alarm ids, and contribute no coverage.
        """
        self.changed(rows)
        for name in _OF_EVENTS:
            getattr(self, name)[rows] = STORED[name][1]
        for row in rows.tolist():
            for extras in (self.ends, self.early, self.readings):
                extras.pop(row, None)

    def put(self, rows: Numbers, facilities: Numbers, alarm_ids: Packed) -> None:
        """Restore stored rows, under the numbers that they had. Call `all_put` after the last."""
        self.reserve(int(rows.max()) + 1)
        self._top = max(self._top, int(rows.max()) + 1)
        self.held += len(rows)
        self._name(rows, facilities, alarm_ids, *fingerprints(facilities, alarm_ids))

    def all_put(self) -> None:
        """After the last `put`: index the rows by their ids, and free the rows in between."""
        rows = self.rows()
        before = rows[self.later[rows] >= 0]
        self.earlier = dict(zip(self.later[before].tolist(), before.tolist(), strict=True))
        first = rows[~np.isin(rows, self.later[before])] if len(before) else rows
        self.alarm_ids.index(first)
        self._free = [np.flatnonzero(self.facility[: self._top] < 0)]

    def _name(
        self, rows: Numbers, facilities: Numbers, alarm_ids: Packed, marks: Marks, checks: Checks
    ) -> None:
        self.facility[rows] = facilities
        self.alarm_ids.put(rows, alarm_ids, marks, checks)
        self.changed(rows)

    def ids(self, rows: Numbers) -> list[str]:
        """The alarm ids of rows."""
        return self.alarm_ids.texts(rows)

    # -- rows

    def _take(self, count: int) -> Numbers:
        self.held += count
        parts, count = take_free(self._free, count)
        if count:
            self.reserve(self._top + count)
            parts.append(np.arange(self._top, self._top + count))
            self._top += count
        return np.concatenate(parts)

    def drop(self, rows: Numbers) -> None:
        """Give rows back."""
        if not len(rows):
            return
        self.changed(rows)
        found, heirs = self._unchain(rows) if self.earlier else (rows, rows[:0])
        self.alarm_ids.unindex(found)
        self.alarm_ids.index(heirs)
        self.alarm_ids.erase(rows)
        for name, (_, fill) in self._columns.items():
            getattr(self, name)[rows] = fill
        self._sparse.drop(rows)
        for extras in self._extras():
            if extras:
                for row in rows.tolist():
                    extras.pop(row, None)
        self.held -= len(rows)
        self._free.append(np.sort(rows))
        if self.alarm_ids.is_sparse():
            self.alarm_ids.repack(self.rows())

    def _unchain(self, rows: Numbers) -> tuple[Numbers, Numbers]:
        """Remove rows from the chains of their ids.

        Returns the rows that were first in their chain, and those that are first now.
        """
        gone = set(rows.tolist())
        found, heirs = [], []
        for row in gone:
            before = self.earlier.get(row, -1)
            if before < 0:
                found.append(row)
            if before in gone:
                continue  # handled with the first of the consecutive rows
            after = int(self.later[row])
            while after in gone:
                after = int(self.later[after])
            if before >= 0:
                self.later[before] = after
                self.changed(np.array([before]))
            if after >= 0 and before >= 0:
                self.earlier[after] = before
            elif after >= 0:
                del self.earlier[after]
                heirs.append(after)
        for row in gone:
            self.earlier.pop(row, None)
        return np.array(found, dtype=np.int64), np.array(heirs, dtype=np.int64)

    def _extras(self) -> tuple[dict[int, Any], ...]:
        return self.ends, self.early, self.readings, self.labels, self.responses, self.contributions

    def rows(self) -> Numbers:
        """All rows in use."""
        return np.flatnonzero(self.facility[: self._top] >= 0)

    def existing(self) -> Numbers:
        """The rows of episodes with a start."""
        return np.flatnonzero(self.start[: self._top] != NEVER)

    def alarms(self) -> Numbers:
        """The rows that count as alarms."""
        return np.flatnonzero(self.is_alarm[: self._top])

    def waiting(self) -> Numbers:
        """The rows to be finalised once they are final."""
        return np.flatnonzero(self.to_finalise[: self._top])

    def of_block(self, block: int) -> Numbers:
        """The rows in use of a block."""
        begin = block * ROWS_PER_BLOCK
        return begin + np.flatnonzero(
            self.facility[begin : min(begin + ROWS_PER_BLOCK, self._top)] >= 0
        )

    def changed(self, rows: Numbers) -> None:
        """Mark rows as different from what is stored."""
        self.dirty.update(distinct(rows // ROWS_PER_BLOCK).tolist())


def _alike(marks: Marks) -> tuple[Numbers, Numbers]:
    """`np.unique` with `return_index` and `return_inverse`, but faster (the sort is unstable)."""
    order = np.argsort(marks)
    ordered = marks[order]
    begins = np.concatenate([[True], ordered[1:] != ordered[:-1]])
    which = np.empty(len(marks), dtype=np.int64)
    which[order] = np.cumsum(begins) - 1
    return order[begins], which
