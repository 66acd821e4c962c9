"""Slots: an open-addressing hash table that looks up, adds and removes whole arrays of ids at once.

Every method runs in rounds. All ids of a call start at the slot of their mark (mark modulo table
size); in round k, those not yet settled move k slots further. Settled ids leave the arrays, so the
work is proportional to the number of probes, and Python runs once a round instead of once an id.

The rules that make this correct:

1. The table size n is a power of 2. Then the steps 1, 2, 3, ... (triangular probing) visit each of
   the n slots once within n rounds, and do not cluster as steps of 1 would.
2. Each entry number is in exactly one slot, and that slot is on its mark's probe path. No slot
   before it on the path is _EMPTY. So `find` may stop at the first _EMPTY slot. To keep this true,
   `remove` leaves _GONE, never _EMPTY; only a rebuild (`_grow`) makes slots _EMPTY again.
3. At most _FULL of the slots are taken or _GONE. So every probe path reaches an _EMPTY slot, and
   `find` and `_place` end.
4. When several ids of one call want the same free slot, numpy's last write wins. An id has won if
   its own entry number can be read back. The losers move on; the slot that they leave behind is
   taken, so rule 2 holds for them, too. Entry numbers must be distinct for this.
"""

from __future__ import annotations

import numpy as np

from analyzer.arrays import Checks, Codes, Marks, Numbers

UNKNOWN = -1
"""The entry number of an id that is not in a table."""

_EMPTY, _GONE = -1, -2
_LEAST_SLOTS = 1 << 10
_FULL = 0.5  # beyond this share of used slots, probing takes many rounds


class Slots:
    """A hash table from fingerprints to entry numbers.

    It holds entry numbers only. The fingerprints are columns of the owner, indexed by entry number,
    and are passed to each method.
    """

    def __init__(self) -> None:
        self._table: Codes = np.full(_LEAST_SLOTS, _EMPTY, dtype=np.int32)
        self._used = 0  # slots that are not _EMPTY

    def find(
        self, marks: Marks, checks: Checks, known_marks: Marks, known_checks: Checks
    ) -> Numbers:
        """The entry number of each fingerprint, UNKNOWN for those that are not in the table.

        `known_marks` and `known_checks` are the owner's columns, and have at least one element.
        """
        found = np.full(len(marks), UNKNOWN, dtype=np.int64)
        mask = len(self._table) - 1
        at = (marks & np.uint64(mask)).astype(np.int64)
        open_, step = np.arange(len(marks)), 0
        while len(open_):
            step += 1
            entries = self._table[at]
            on = (entries != _EMPTY).nonzero()[0]
            open_, at, entries = open_[on], at[on], entries[on]
            same = (known_marks[entries] == marks[open_]) & (entries >= 0)
            same[same] = known_checks[entries[same]] == checks[open_[same]]
            found[open_[same]] = entries[same]
            on = (~same).nonzero()[0]
            open_, at = open_[on], (at[on] + step) & mask
        return found

    def insert(self, marks: Marks, entries: Numbers, known_marks: Marks) -> None:
        """Add distinct entries, none of which is in the table.

        `known_marks`, the owner's column, must already have their marks.
        """
        if (self._used + len(entries)) > _FULL * len(self._table):
            self._grow(len(entries), known_marks)
        self._used += self._place(marks, entries.astype(np.int32))

    def _place(self, marks: Marks, entries: Codes) -> int:
        """Put entries into slots; returns how many of these slots were _EMPTY."""
        mask = len(self._table) - 1
        at = (marks & np.uint64(mask)).astype(np.int64)
        taken = step = 0
        while len(entries):
            step += 1
            there = self._table[at]
            free = there < 0
            self._table[at[free]] = entries[free]  # rule 4
            placed = self._table[at] == entries
            taken += int(np.count_nonzero(placed & (there == _EMPTY)))
            on = (~placed).nonzero()[0]
            entries, at = entries[on], (at[on] + step) & mask
        return taken

    def _grow(self, more: int, known_marks: Marks) -> None:
        entries = self._table[self._table >= 0]
        size = len(self._table)
        while (
            len(entries) + more
        ) > _FULL * 0.75 * size:  # spare room, so that the next growth is far off
            size *= 2
        self._table = np.full(size, _EMPTY, dtype=np.int32)
        self._used = self._place(known_marks[entries], entries)

    def remove(self, marks: Marks, entries: Numbers) -> None:
        """Remove entries, each of which must be in the table: the loop ends only when all are
        found.
        """
        mask = len(self._table) - 1
        at, wanted, step = (marks & np.uint64(mask)).astype(np.int64), entries, 0
        while len(wanted):
            step += 1
            here = self._table[at] == wanted
            self._table[at[here]] = _GONE
            on = (~here).nonzero()[0]
            wanted, at = wanted[on], (at[on] + step) & mask
