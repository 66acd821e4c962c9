"""The table of held episodes: numpy columns, one row an alarm, for all facilities of a partition.

Millions of alarms fit because nothing of them is a Python object, save the few things that most do not have (a second end, a
response by alarm id, readings on both sides of a limit). Rows are the unit of work: facts are folded into them and everything
that follows is derived for many rows at once. The table knows nothing of rules, rosters or time.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from analyzer.ids import UNKNOWN, Checks, Growing, Marks, Numbers, Packed, Slots, distinct, fingerprints, pack

if TYPE_CHECKING:  # they are kept here, and written by those who know them
    from analyzer.readings import Readings
    from analyzer.responses import Heard

OPEN = 1 << 60
"""The `end` of an alarm that still sounds: later than any moment, and safe to add a duration to."""
NEVER = 1 << 61
"""The `start` of an alarm that no `start` or `update` has opened yet, and the time of an answer that did not come."""
NOT_JUDGED = -1
"""No label's verdict."""

ROWS_PER_BLOCK = 1024
"""Rows stored together: few enough that little is written for one change, many enough that a record is worth its while."""

STORED: dict[str, tuple[Any, Any]] = {
    "facility": (np.int32, -1), "static": (np.int32, -1), "label": (np.int32, 0), "recipients": (np.int32, 0), "start": (np.int64, NEVER),
    "first": (np.int32, -1), "end": (np.int64, OPEN), "rank": (np.int8, 0), "side": (np.int8, 0), "value": (np.float64, np.nan),
    "limit": (np.float64, np.nan), "onset_at": (np.int64, NEVER), "onset": (np.int32, -1), "latest": (np.int64, -OPEN),
    "verdict": (np.int8, NOT_JUDGED), "heard_at": (np.int64, NEVER), "heard_intervenes": (np.bool_, False), "heard_unit": (np.int32, -1),
    "team": (np.int32, 0), "first_response": (np.int64, NEVER), "intervened": (np.bool_, False), "answered": (np.bool_, False),
    "is_alarm": (np.bool_, False), "klass": (np.int8, 0), "rule": (np.int8, 0), "to_publish": (np.bool_, False), "digest": (np.uint64, 0),
    "observed_after": (np.int64, NEVER), "observed_unit": (np.int32, 0), "observed_rank": (np.int8, 0),
}  # fmt: skip
"""The columns that are stored: types, and values of free rows."""
_REBUILT: dict[str, tuple[Any, Any]] = {
    "place": (np.int32, -1), "_marks": (np.uint64, 0), "_checks": (np.uint32, 0), "_text_at": (np.uint32, 0),
    "_text_length": (np.uint16, 0),
}  # fmt: skip


class Table(Growing):
    """Rows are taken, written by whoever knows what happened, and given back."""

    # merged from events
    facility: npt.NDArray[np.int32]
    static: npt.NDArray[np.int32]  # a number in `Statics`
    label: npt.NDArray[np.int32]  # a number of texts shown to people; 0: none
    recipients: npt.NDArray[np.int32]  # a number of sets of clinicians; 0: none
    start: Numbers
    first: npt.NDArray[np.int32]  # the entry (in `SeenIds`) of the event that `start` and `static` come from
    end: Numbers
    rank: npt.NDArray[np.int8]
    side: npt.NDArray[np.int8]
    value: npt.NDArray[np.float64]
    limit: npt.NDArray[np.float64]
    onset_at: Numbers
    onset: npt.NDArray[np.int32]  # an entry, as `first`
    latest: Numbers  # greatest `at` of anything known of it
    verdict: npt.NDArray[np.int8]
    heard_at: Numbers  # of the first response by alarm id that came; NEVER: none
    heard_intervenes: npt.NDArray[np.bool_]
    heard_unit: npt.NDArray[np.int32]
    # derived
    place: npt.NDArray[np.int32]  # where it is listed; -1: nowhere yet
    team: npt.NDArray[np.int32]
    first_response: Numbers
    intervened: npt.NDArray[np.bool_]
    answered: npt.NDArray[np.bool_]
    is_alarm: npt.NDArray[np.bool_]
    klass: npt.NDArray[np.int8]
    rule: npt.NDArray[np.int8]
    to_publish: npt.NDArray[np.bool_]
    digest: Marks  # of the last record published; 0: none yet
    observed_after: Numbers  # ms, as entered in the histogram of response times, under these; NEVER: nothing entered
    observed_unit: npt.NDArray[np.int32]
    observed_rank: npt.NDArray[np.int8]
    # its id
    _marks: Marks
    _checks: Checks
    _text_at: npt.NDArray[np.uint32]
    _text_length: npt.NDArray[np.uint16]

    def __init__(self) -> None:
        super().__init__(**STORED, **_REBUILT)
        self._slots = Slots()
        self._top = 0  # rows from here on were never taken
        self._free: list[Numbers] = []
        self._text = bytearray()
        self._text_lost = 0
        self.held = 0
        self.dirty: set[int] = set()
        # what most rows do not have, by row
        self.ends: dict[int, tuple[int, ...]] = {}  # all of them, where they are more than the one that counts
        self.readings: dict[int, Readings] = {}
        self.label_order: dict[int, tuple[int, str]] = {}  # (at, event_id) of the label that counts
        self.heard: dict[int, tuple[Heard, ...]] = {}  # all responses by alarm id, where they are more than one
        self.lent: dict[int, tuple[int, tuple[int, ...]]] = {}  # (unit, moments of cover) that it owes to responses without a unit

    # -- ids

    def rows_of(self, facilities: Numbers, alarm_ids: Sequence[str]) -> Numbers:
        """The row of each alarm; those not known yet get one."""
        packed = pack(alarm_ids)
        marks, checks = fingerprints(facilities, packed)
        rows = self._slots.find(marks, checks, self._marks, self._checks) if self.held else np.full(len(marks), UNKNOWN)
        new = np.flatnonzero(rows == UNKNOWN)
        if len(new):
            _, firsts, which = np.unique(marks[new], return_index=True, return_inverse=True)
            if not np.array_equal(checks[new][firsts][which], checks[new]):  # marks alike of different ids
                _, firsts, which = np.unique(np.column_stack([marks[new], checks[new]]), axis=0, return_index=True, return_inverse=True)
                which = which.reshape(-1)
            chosen = new[firsts]
            taken = self._take(len(chosen))
            names = pack([alarm_ids[place] for place in chosen.tolist()])
            self._name(taken, facilities[chosen], names, marks[chosen], checks[chosen])
            self._slots.insert(marks[chosen], taken, self._marks)
            rows[new] = taken[which]
        return rows

    def put(self, rows: Numbers, facilities: Numbers, alarm_ids: Packed) -> None:
        """Take these very rows, for alarms that have none: when stored ones are put back. `all_put` makes an end of it."""
        self.reserve(int(rows.max()) + 1)
        self._top = max(self._top, int(rows.max()) + 1)
        self.held += len(rows)
        self._name(rows, facilities, alarm_ids, *fingerprints(facilities, alarm_ids))

    def all_put(self) -> None:
        """After the last `put`: rows are found by their ids, and those in between that nobody took are free."""
        rows = self.rows()
        self._slots.insert(self._marks[rows], rows, self._marks)
        self._free = [np.flatnonzero(self.facility[: self._top] < 0)]

    def _name(self, rows: Numbers, facilities: Numbers, alarm_ids: Packed, marks: Marks, checks: Checks) -> None:
        self.facility[rows], self._marks[rows], self._checks[rows] = facilities, marks, checks
        lengths = alarm_ids.lengths.astype(np.int64)
        self._text_at[rows] = len(self._text) + np.cumsum(lengths) - lengths
        self._text_length[rows] = lengths
        self._text += alarm_ids.text
        self.changed(rows)

    def ids(self, rows: Numbers) -> list[str]:
        """The alarm ids of rows."""
        begins, lengths, text = self._text_at[rows].tolist(), self._text_length[rows].tolist(), self._text
        return [text[begin : begin + length].decode() for begin, length in zip(begins, lengths, strict=True)]

    def packed_ids(self, rows: Numbers) -> Packed:
        """The same, packed."""
        begins, lengths, text = self._text_at[rows].tolist(), self._text_length[rows], self._text
        return Packed(b"".join([text[begin : begin + length] for begin, length in zip(begins, lengths.tolist(), strict=True)]), lengths)

    # -- rows

    def _take(self, count: int) -> Numbers:
        parts = []
        self.held += count
        while count and self._free:
            free = self._free.pop()
            parts.append(free[:count])
            if len(free) > count:
                self._free.append(free[count:])
            count -= len(parts[-1])
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
        self._slots.remove(self._marks[rows], rows)
        self._text_lost += int(self._text_length[rows].sum())
        for name, (_, fill) in self._columns.items():
            getattr(self, name)[rows] = fill
        for extras in self._extras():
            if extras:
                for row in rows.tolist():
                    extras.pop(row, None)
        self.held -= len(rows)
        self._free.append(np.sort(rows))
        if self._text_lost > max(1 << 16, len(self._text) // 2):
            self._pack_texts()

    def _extras(self) -> tuple[dict[int, Any], ...]:
        return self.ends, self.readings, self.label_order, self.heard, self.lent

    def _pack_texts(self) -> None:
        rows = self.rows()
        packed = self.packed_ids(rows)
        lengths = packed.lengths.astype(np.int64)
        self._text_at[rows] = np.cumsum(lengths) - lengths
        self._text, self._text_lost = bytearray(packed.text), 0

    def rows(self) -> Numbers:
        """All rows in use."""
        return np.flatnonzero(self.facility[: self._top] >= 0)

    def existing(self) -> Numbers:
        """Rows of episodes that exist."""
        return np.flatnonzero(self.start[: self._top] != NEVER)

    def alarms(self) -> Numbers:
        """Rows that are alarms."""
        return np.flatnonzero(self.is_alarm[: self._top])

    def waiting(self) -> Numbers:
        """Rows to be published when they are final."""
        return np.flatnonzero(self.to_publish[: self._top])

    def of_block(self, block: int) -> Numbers:
        """The rows in use of a block."""
        begin = block * ROWS_PER_BLOCK
        return begin + np.flatnonzero(self.facility[begin : min(begin + ROWS_PER_BLOCK, self._top)] >= 0)

    def changed(self, rows: Numbers) -> None:
        """Note that rows differ from what is stored."""
        self.dirty.update(distinct(rows // ROWS_PER_BLOCK).tolist())
