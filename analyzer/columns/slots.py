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

An id that is looked up and then added is probed once: `probe` tells where its look-up ended, and
`insert` goes on from there.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from analyzer.arrays import Checks, Codes, Indices, Marks, Numbers

UNKNOWN = -1
"""The entry number of an id that is not in a table."""

_EMPTY, _GONE = -1, -2
_LEAST_SLOTS = 1 << 10
_FULL = 0.625
"""The most slots in use, as a share: beyond it, probing takes many rounds (our own)."""
_AFTER = 0.5
"""The most slots in use after growing, as a share: spare room, so that the next time is far off."""


class Probe(NamedTuple):
    """Where the look-up of each id ended."""

    entries: Numbers
    """The entry number of the id, UNKNOWN if it is not in the table."""
    slots: Numbers
    """The slot at which the look-up ended; _EMPTY if the id is not in the table."""
    steps: Numbers
    """The length of the next step on the probe path from there."""

    def of(self, chosen: Indices) -> Probe:
        """The same for some of the ids, given by index."""
        return Probe(self.entries[chosen], self.slots[chosen], self.steps[chosen])


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
        return self.probe(marks, checks, known_marks, known_checks).entries

    def probe(
        self, marks: Marks, checks: Checks, known_marks: Marks, known_checks: Checks
    ) -> Probe:
        """Like `find`; the result also says at which slot each look-up ended."""
        found = np.full(len(marks), UNKNOWN, dtype=np.int64)
        mask = len(self._table) - 1
        at = (marks & np.uint64(mask)).astype(np.int64)
        slots, steps = at.copy(), np.ones(len(marks), dtype=np.int64)
        open_, step = np.arange(len(marks)), 0
        while len(open_):
            slots[open_] = at
            step += 1
            steps[open_] = step
            entries = self._table[at]
            on = (entries != _EMPTY).nonzero()[0]
            open_, at, entries = open_[on], at[on], entries[on]
            same = (known_marks[entries] == marks[open_]) & (entries >= 0)
            if same.any():
                same[same] = known_checks[entries[same]] == checks[open_[same]]
                found[open_[same]] = entries[same]
                on = (~same).nonzero()[0]
                open_, at = open_[on], at[on]
            at = (at + step) & mask
        return Probe(found, slots, steps)

    def insert(
        self, marks: Marks, entries: Numbers, known_marks: Marks, probe: Probe | None = None
    ) -> None:
        """Add distinct entries, none of which is in the table.

        `known_marks`, the owner's column, must already have their marks. `probe`: that of these
        marks, if the table has not changed since.
        """
        if (self._used + len(entries)) > _FULL * len(self._table):
            self._grow(len(entries), known_marks)
            probe = None
        self._used += self._place(marks, entries.astype(np.int32), probe)

    def _place(self, marks: Marks, entries: Codes, probe: Probe | None = None) -> int:
        """Put entries into slots; returns how many of these slots were _EMPTY."""
        mask = len(self._table) - 1
        if probe is None:
            at = (marks & np.uint64(mask)).astype(np.int64)
            steps = np.ones(len(at), dtype=np.int64)
        else:
            at, steps = probe.slots, probe.steps
        taken = 0
        while len(entries):
            there = self._table[at]
            free = there < 0
            self._table[at[free]] = entries[free]  # rule 4
            placed = self._table[at] == entries
            taken += int(np.count_nonzero(placed & (there == _EMPTY)))
            on = (~placed).nonzero()[0]
            entries, steps = entries[on], steps[on]
            at, steps = (at[on] + steps) & mask, steps + 1
        return taken

    def _grow(self, more: int, known_marks: Marks) -> None:
        entries = self._table[self._table >= 0]
        size = len(self._table)
        while (len(entries) + more) > _AFTER * size:
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
