"""Ids: which ones are known, in a few bytes each and a slice of records at a time.

A Python set of strings costs some 125 bytes an id, and a look-up per record. Here an id is a fingerprint of 96 bits in numpy
arrays, found by open addressing over whole slices. The fingerprints are Python's own keyed string hashes (SipHash), so they
hold for one process only: what is stored are the texts. Among a billion ids, two are taken for one with odds of 1 in 10^11.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from itertools import repeat
from operator import add
from typing import Any

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.int64]
Codes = npt.NDArray[np.int32]
Marks = npt.NDArray[np.uint64]
Checks = npt.NDArray[np.uint32]

UNKNOWN = -1
_EMPTY, _GONE = -1, -2
_MIX = np.uint64(0x9E3779B97F4A7C15)  # 2^64 / golden ratio: spreads the scope over all bits
_LEAST_SLOTS = 1 << 10
_FULL = 0.6  # share of slots in use at which linear probing begins to walk far


def fingerprints(scopes: Numbers, texts: Sequence[str]) -> tuple[Marks, Checks]:
    """(64, 32) bits for each text within its scope (a small number, such as a facility's)."""
    spread = scopes.astype(np.uint64) * _MIX
    marks = integers(map(hash, texts)).view(np.uint64) ^ spread
    checks = integers(map(hash, map(add, texts, repeat("\0")))).view(np.uint64) + spread
    return marks, (checks >> np.uint64(32)).astype(np.uint32)


def integers(values: Iterable[int]) -> Numbers:
    """A column of them; several times quicker than `np.array` of a list."""
    return np.frombuffer(array("q", values), dtype=np.int64)


class Slots:
    """Entry numbers by fingerprint; the fingerprints themselves lie with the entries, in the owner's arrays."""

    def __init__(self) -> None:
        self._table: npt.NDArray[np.int32] = np.full(_LEAST_SLOTS, _EMPTY, dtype=np.int32)
        self._used = 0  # slots that are not empty: taken, or gone

    def find(self, marks: Marks, checks: Checks, known_marks: Marks, known_checks: Checks) -> Numbers:
        """The entry of each fingerprint, or UNKNOWN."""
        found = np.full(len(marks), UNKNOWN, dtype=np.int64)
        mask = len(self._table) - 1
        at = (marks & np.uint64(mask)).astype(np.int64)
        open_ = np.arange(len(marks))
        while len(open_):
            entries = self._table[at]
            same = (known_marks[entries] == marks[open_]) & (known_checks[entries] == checks[open_]) & (entries >= 0)
            found[open_[same]] = entries[same]
            on = np.flatnonzero(~same & (entries != _EMPTY))
            open_, at = open_[on], (at[on] + 1) & mask
        return found

    def insert(self, marks: Marks, entries: Numbers, known_marks: Marks) -> None:
        """Enter fingerprints that are not there yet, each once. `known_marks` already has them at their entries."""
        if (self._used + len(entries)) > _FULL * len(self._table):
            self._grow(len(entries), known_marks)
        self._used += self._place(marks, entries.astype(np.int32))

    def _place(self, marks: Marks, entries: npt.NDArray[np.int32]) -> int:
        """Returns how many empty slots this took."""
        mask = len(self._table) - 1
        at = (marks & np.uint64(mask)).astype(np.int64)
        taken = 0
        while len(entries):
            there = self._table[at]
            free = there < 0
            self._table[at[free]] = entries[free]  # of several that want one slot, the last gets it
            placed = self._table[at] == entries
            taken += int(np.count_nonzero(placed & (there == _EMPTY)))
            on = np.flatnonzero(~placed)
            entries, at = entries[on], (at[on] + 1) & mask
        return taken

    def _grow(self, more: int, known_marks: Marks) -> None:
        entries = self._table[self._table >= 0]
        size = len(self._table)
        while (len(entries) + more) > _FULL * 0.75 * size:  # room for a while
            size *= 2
        self._table = np.full(size, _EMPTY, dtype=np.int32)
        self._used = self._place(known_marks[entries], entries)

    def remove(self, marks: Marks, entries: Numbers) -> None:
        """Take out entries that are there."""
        mask = len(self._table) - 1
        at, wanted = (marks & np.uint64(mask)).astype(np.int64), entries
        while len(wanted):
            here = self._table[at] == wanted
            self._table[at[here]] = _GONE
            on = np.flatnonzero(~here)
            wanted, at = wanted[on], (at[on] + 1) & mask


class Growing:
    """Parallel numpy columns that grow together, by an eighth at a time."""

    def __init__(self, **columns: tuple[Any, Any]) -> None:
        """`columns`: name -> (dtype, value of unused entries); a dtype may have a shape, for columns of several numbers."""
        self._columns = columns
        self.size = 0
        for name in columns:
            setattr(self, name, self._blank(name, 0))

    def _blank(self, name: str, size: int) -> npt.NDArray[Any]:
        type_, fill = self._columns[name]
        of_one = np.dtype(type_)
        return np.full((size, *of_one.shape), fill, dtype=of_one.base)

    def reserve(self, size: int) -> None:
        """Have room for `size` entries."""
        if size <= self.size:
            return
        self.size = max(size, self.size + self.size // 8, 1024)
        for name in self._columns:
            old, new = getattr(self, name), self._blank(name, self.size)
            new[: len(old)] = old
            setattr(self, name, new)


def distinct(numbers: Numbers) -> Numbers:
    """The different ones, sorted. Sorting takes a fraction of what numpy's own `unique`, by hash, does."""
    ordered = np.sort(numbers)
    return ordered[np.concatenate([[True], ordered[1:] != ordered[:-1]])] if len(ordered) else ordered


def pack(texts: Sequence[str]) -> tuple[bytes, bytes]:
    """Texts of at most 255 characters as (UTF-8, a byte of length each)."""
    return "".join(texts).encode(), bytes(map(len, texts))


def unpack(packed: tuple[bytes, bytes]) -> list[str]:
    """The reverse of `pack`."""
    text, place, texts = packed[0].decode(), 0, []
    for length in packed[1]:
        texts.append(text[place : place + length])
        place += length
    return texts


_BLOCK = 4096


class SeenIds(Growing):
    """The `event_id`s accepted within the horizon, in blocks of the order they came in: the unit of storage and of forgetting.

    An entry's number is its block's number times the size of a block, plus its place there.
    """

    marks: Marks
    checks: Checks
    at: Numbers  # of the fact that came with the id

    def __init__(self) -> None:
        super().__init__(marks=(np.uint64, 0), checks=(np.uint32, 0), at=(np.int64, 0))
        self.reserve(1)  # so that there is something to compare unknown ids with
        self._slots = Slots()
        self._texts: dict[int, list[tuple[bytes, bytes]]] = {}  # by block, as they came
        self._filled: dict[int, int] = {}
        self._scopes: dict[int, list[npt.NDArray[np.int32]]] = {}
        self._newest: int | None = None
        self.dirty: set[int] = set()

    def __len__(self) -> int:
        return sum(self._filled.values())

    def find(self, marks: Marks, checks: Checks) -> Numbers:
        """The entries of known ids, UNKNOWN for the others."""
        return self._slots.find(marks, checks, self.marks, self.checks)

    def add(self, scopes: Numbers, texts: Sequence[str], at: Numbers, marks: Marks, checks: Checks) -> Numbers:
        """Enter ids that are not there yet, each once; returns their entries."""
        entries = np.empty(len(texts), dtype=np.int64)
        place = 0
        while place < len(texts):
            block, filled = self._block_with_room()
            some = slice(place, place + min(_BLOCK - filled, len(texts) - place))
            count = some.stop - some.start
            entries[some] = np.arange(block * _BLOCK + filled, block * _BLOCK + filled + count)
            self._texts[block].append(pack(texts[some]))
            self._scopes[block].append(scopes[some].astype(np.int32))
            self._filled[block] = filled + count
            self.dirty.add(block)
            place = some.stop
        self.marks[entries], self.checks[entries], self.at[entries] = marks, checks, at
        self._slots.insert(marks, entries, self.marks)
        return entries

    def add_again(self, scopes: Numbers, texts: Sequence[str], at: Numbers, marks: Marks, checks: Checks) -> Numbers:
        """Enter ids of which some may be there (then with the later fact's `at`) or be given twice; returns their entries."""
        entries = self.find(marks, checks)
        new = np.flatnonzero(entries == UNKNOWN)
        if len(new):
            _, firsts, which = np.unique(
                np.column_stack([marks[new], checks[new].astype(np.uint64)]), axis=0, return_index=True, return_inverse=True
            )
            chosen = new[firsts]
            some = [texts[place] for place in chosen.tolist()]
            entries[new] = self.add(scopes[chosen], some, at[chosen], marks[chosen], checks[chosen])[which.reshape(-1)]
        self.at[entries] = at
        self.dirty.update((entries // _BLOCK).tolist())
        return entries

    def _block_with_room(self) -> tuple[int, int]:
        if self._newest is None or self._filled[self._newest] >= _BLOCK:
            self._newest = next(number for number in range(len(self._filled) + 1) if number not in self._filled)
            self._open(self._newest)
        return self._newest, self._filled[self._newest]

    def _open(self, block: int) -> None:
        self._filled[block], self._texts[block], self._scopes[block] = 0, [], []
        self.reserve((block + 1) * _BLOCK)

    def text(self, entry: int) -> str:
        """The id that was entered as `entry`; empty once it is forgotten."""
        place = entry % _BLOCK
        for packed in self._texts.get(entry // _BLOCK, ()):
            if place < len(packed[1]):
                return unpack(packed)[place]
            place -= len(packed[1])
        return ""

    def drop_before(self, moments: Numbers) -> None:
        """Forget the blocks that hold nothing as late as their scope's moment."""
        for block in list(self._filled):
            entries = self._entries(block)
            if block != self._newest and (self.at[entries] < moments[self._scopes_of(block)]).all():
                self._slots.remove(self.marks[entries], entries)
                for of_block in (self._filled, self._texts, self._scopes):
                    del of_block[block]
                self.dirty.add(block)

    def _entries(self, block: int) -> Numbers:
        return np.arange(block * _BLOCK, block * _BLOCK + self._filled[block])

    def _scopes_of(self, block: int) -> npt.NDArray[np.int32]:
        if len(self._scopes[block]) > 1:
            self._scopes[block] = [np.concatenate(self._scopes[block])]
        return self._scopes[block][0]

    def dump(self, block: int) -> Any:
        """A block in plain values; None once it is gone."""
        if block not in self._filled:
            return None
        if len(self._texts[block]) > 1:
            texts, lengths = zip(*self._texts[block], strict=True)
            self._texts[block] = [(b"".join(texts), b"".join(lengths))]
        return [*self._texts[block][0], planes(self._scopes_of(block)), planes(self.at[self._entries(block)])]

    def load(self, block: int, content: Any) -> None:
        text, lengths, scopes, at = content
        texts = unpack((text, lengths))
        self._open(block)
        self._texts[block] = [(text, lengths)]
        self._scopes[block] = [from_planes(scopes, np.int32)]
        self._filled[block] = len(texts)
        entries = self._entries(block)
        self.marks[entries], self.checks[entries] = fingerprints(self._scopes[block][0].astype(np.int64), texts)
        self.at[entries] = from_planes(at, np.int64)
        self._slots.insert(self.marks[entries], entries, self.marks)
        if len(texts) < _BLOCK:
            self._newest = block
        self.dirty.add(block)


def planes(values: npt.NDArray[Any]) -> bytes:
    """A column as bytes, all lowest bytes first, then the next: what changes slowly lies together and compresses well."""
    little = np.ascontiguousarray(values).astype(values.dtype.newbyteorder("<"), copy=False)
    return little.view(np.uint8).reshape(len(values), -1).T.tobytes()


def from_planes(content: bytes, dtype: Any) -> npt.NDArray[Any]:
    """The reverse of `planes`."""
    size = np.dtype(dtype).itemsize
    by_plane = np.frombuffer(content, dtype=np.uint8).reshape(size, -1)
    column: npt.NDArray[Any] = np.ascontiguousarray(by_plane.T).view(np.dtype(dtype).newbyteorder("<")).reshape(-1).astype(dtype)
    return column
