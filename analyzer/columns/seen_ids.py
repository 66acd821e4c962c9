"""Seen ids: which event ids have been accepted, at a few bytes an id.

A Python set of strings takes some 125 bytes an id, and one look-up a record. Here an id is a
fingerprint in numpy columns, and whole slices of records are looked up at once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from analyzer.arrays import Checks, Marks, Numbers, distinct
from analyzer.columns.growing import Growing
from analyzer.columns.hashing import fingerprints
from analyzer.columns.packed import Packed, joined, pack
from analyzer.columns.planes import from_planes, planes
from analyzer.columns.slots import UNKNOWN, Probe, Slots

_BLOCK = 4096
Scopes = npt.NDArray[np.signedinteger]
"""The scopes of a block's entries, as narrow as they fit."""
_NO_SCOPE = -1
"""The scope of an erased entry."""
_WIDTHS = (np.int8, np.int16, np.int32)
_ERASED_AT = -(1 << 62)
"""The time of an erased entry: earlier than any horizon."""


class SeenIds(Growing):
    """The `event_id`s accepted within the horizon, in blocks by order of arrival.

    A block is stored and dropped as a whole.

    An entry number is the block's number times the size of a block, plus the index in the block.
    """

    marks: Marks
    checks: Checks
    at: Numbers  # event time of the fact with this id

    def __init__(self) -> None:
        super().__init__(marks=(np.uint64, 0), checks=(np.uint32, 0), at=(np.int64, 0))
        self.reserve(1)  # `Slots.find` indexes the columns even if nothing is known
        self._slots = Slots()
        self._texts: dict[int, list[Packed]] = {}  # by block, in order of arrival
        self._filled: dict[int, int] = {}
        self._scopes: dict[int, list[Scopes]] = {}
        self._newest: int | None = None
        self.dirty: set[int] = set()

    def __len__(self) -> int:
        return sum(self._filled.values())

    def find(self, marks: Marks, checks: Checks) -> Numbers:
        """The entry number of each id, UNKNOWN for ids that are not known."""
        return self._slots.find(marks, checks, self.marks, self.checks)

    def probe(self, marks: Marks, checks: Checks) -> Probe:
        """Like `find`; the result lets `add` insert the unknown ids without another look-up."""
        return self._slots.probe(marks, checks, self.marks, self.checks)

    def add(
        self,
        scopes: Numbers,
        texts: Packed,
        at: Numbers,
        marks: Marks,
        checks: Checks,
        probe: Probe | None = None,
    ) -> Numbers:
        """Add distinct ids, none of which is known; returns their entry numbers.

        `probe`: that of these ids, if nothing has changed since.
        """
        entries = np.empty(len(texts), dtype=np.int64)
        index = 0
        while index < len(texts):
            block, filled = self._block_with_room()
            some = slice(index, index + min(_BLOCK - filled, len(texts) - index))
            count = some.stop - some.start
            entries[some] = np.arange(block * _BLOCK + filled, block * _BLOCK + filled + count)
            self._texts[block].append(texts.part(some.start, some.stop))
            self._scopes[block].append(_narrow(scopes[some]))
            self._filled[block] = filled + count
            self.dirty.add(block)
            index = some.stop
        self.marks[entries], self.checks[entries], self.at[entries] = marks, checks, at
        self._slots.insert(marks, entries, self.marks, probe)
        return entries

    def add_again(
        self, scopes: Numbers, texts: Sequence[str], at: Numbers, marks: Marks, checks: Checks
    ) -> Numbers:
        """Add ids that may be known already, or be given twice; returns their entry numbers.

        The entry takes the `at` that is given last.
        """
        entries = self.find(marks, checks)
        new = np.flatnonzero(entries == UNKNOWN)
        if len(new):
            _, firsts, which = np.unique(
                np.column_stack([marks[new], checks[new].astype(np.uint64)]),
                axis=0,
                return_index=True,
                return_inverse=True,
            )
            chosen = new[firsts]
            some = [texts[index] for index in chosen.tolist()]
            entries[new] = self.add(
                scopes[chosen], pack(some), at[chosen], marks[chosen], checks[chosen]
            )[which.reshape(-1)]
        self.at[entries] = at
        self.dirty.update((entries // _BLOCK).tolist())
        return entries

    def _block_with_room(self) -> tuple[int, int]:
        if self._newest is None or self._filled[self._newest] >= _BLOCK:
            self._newest = next(
                number for number in range(len(self._filled) + 1) if number not in self._filled
            )
            self._open(self._newest)
        return self._newest, self._filled[self._newest]

    def _open(self, block: int) -> None:
        self._filled[block], self._texts[block], self._scopes[block] = 0, [], []
        self.reserve((block + 1) * _BLOCK)

    def text(self, entry: int) -> str:
        """The id at entry number `entry`; empty once it is dropped or erased."""
        index = entry % _BLOCK
        for packed in self._texts.get(entry // _BLOCK, ()):
            if index < len(packed):
                return packed.part(index, index + 1).text.decode()
            index -= len(packed)
        return ""

    def drop_before(self, moments: Numbers) -> None:
        """Drop each block in which every entry is earlier than its scope's moment."""
        for block in list(self._filled):
            entries = self._entries(block)
            if block != self._newest and (self.at[entries] < moments[self._scopes_of(block)]).all():
                # Erased entries are no longer in the slots; removing them again would never end.
                known = entries[self._scopes_of(block) != _NO_SCOPE]
                self._slots.remove(self.marks[known], known)
                for of_block in (self._filled, self._texts, self._scopes):
                    del of_block[block]
                self.dirty.add(block)

    def of(self, scopes: Numbers) -> Numbers:
        """The entry numbers of all ids of these scopes, in one pass over all entries."""
        found = [
            self._entries(block)[np.isin(self._scopes_of(block), scopes)]
            for block in self._filled
            if self._filled[block]
        ]
        return np.concatenate(found) if found else np.empty(0, dtype=np.int64)

    def erase(self, entries: Numbers) -> None:
        """Remove single ids and their texts.

        Their entries stay, empty, until the block is dropped.
        """
        self._slots.remove(self.marks[entries], entries)
        self.at[entries] = _ERASED_AT
        blocks = entries // _BLOCK
        for block in distinct(blocks).tolist():
            erased = np.zeros(self._filled[block], dtype=np.bool_)
            erased[entries[blocks == block] % _BLOCK] = True
            scopes = np.where(erased, _NO_SCOPE, self._scopes_of(block))
            texts = joined(self._texts[block])
            stays = np.repeat(~erased, texts.lengths)
            text = np.frombuffer(texts.text, dtype=np.uint8)[stays].tobytes()
            lengths = np.where(erased, 0, texts.lengths).astype(np.uint16)
            self._texts[block] = [Packed(text, lengths)]
            self._scopes[block] = [_narrow(scopes)]
            self.dirty.add(block)

    def _entries(self, block: int) -> Numbers:
        return np.arange(block * _BLOCK, block * _BLOCK + self._filled[block])

    def _scopes_of(self, block: int) -> Scopes:
        if len(self._scopes[block]) > 1:
            self._scopes[block] = [np.concatenate(self._scopes[block])]
        return self._scopes[block][0]

    def dump(self, block: int) -> Any:
        """The content of a block, to be stored; None once it is dropped."""
        if block not in self._filled:
            return None
        self._texts[block] = [joined(self._texts[block])]
        [texts] = self._texts[block]
        return [
            texts.text,
            planes(texts.lengths),
            planes(self._scopes_of(block).astype(np.int32)),
            planes(self.at[self._entries(block)]),
        ]

    def load(self, blocks: Mapping[int, Any]) -> None:
        """Restore dumped blocks, given by their numbers, into an empty set."""
        if not blocks:
            return
        self.reserve((max(blocks) + 1) * _BLOCK)
        for block, (text, lengths, scopes, at) in blocks.items():
            self._open(block)
            texts = Packed(text, from_planes(lengths, np.uint16))
            self._texts[block] = [texts]
            of_block = from_planes(scopes, np.int32).astype(np.int64)
            self._scopes[block] = [_narrow(of_block)]
            self._filled[block] = len(texts)
            entries = self._entries(block)
            own = slice(int(entries[0]), int(entries[-1]) + 1)
            self.marks[own], self.checks[own] = fingerprints(of_block, texts)
            self.at[own] = from_planes(at, np.int64)
            if len(texts) < _BLOCK:
                self._newest = block
        known = [self._entries(block)[self._scopes_of(block) != _NO_SCOPE] for block in blocks]
        entries = np.concatenate(known)
        self._slots.insert(self.marks[entries], entries, self.marks)
        self.dirty.update(blocks)


def _narrow(scopes: npt.NDArray[np.signedinteger]) -> Scopes:
    """Scopes in the narrowest integers that hold them: most partitions have few facilities."""
    greatest = int(scopes.max(initial=0))
    return scopes.astype(next(one for one in _WIDTHS if greatest <= np.iinfo(one).max))
