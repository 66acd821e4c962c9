"""Ids: which ones are known, in a few bytes each and a slice of records at a time.

A Python set of strings costs some 125 bytes an id, and a look-up per record. Here an id is a
fingerprint of 96 bits in numpy arrays, found by open addressing over whole slices. Any two ids are
taken for one with odds of 1 in 2^96, whoever chose them, for the keys are drawn anew by each
process (so what is stored are the texts): among a billion ids, with odds of 1 in 10^11.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from analyzer.arrays import Checks, Codes, Marks, Numbers, distinct

UNKNOWN = -1
_EMPTY, _GONE = -1, -2
_LEAST_SLOTS = 1 << 10
_FULL = 0.6  # share of slots in use beyond which probing takes many rounds


@dataclass(frozen=True, slots=True)
class Packed:
    """Texts of at most 255 characters, one after the other in UTF-8, and how many bytes each has."""

    text: bytes
    lengths: npt.NDArray[np.uint16]

    def __len__(self) -> int:
        return len(self.lengths)

    def part(self, begin: int, end: int) -> Packed:
        """The texts `begin` <= n < `end`."""
        if begin == 0 and end == len(self.lengths):
            return self
        before, within = int(self.lengths[:begin].sum()), int(self.lengths[begin:end].sum())
        # no view that keeps the whole
        return Packed(self.text[before : before + within], self.lengths[begin:end].copy())

    def unpacked(self) -> list[str]:
        text = self.text
        return [
            text[begin:end].decode()
            for begin, end in pairwise(accumulate(self.lengths.tolist(), initial=0))
        ]


def pack(texts: Sequence[str]) -> Packed:
    text = "".join(texts).encode()
    lengths = np.frombuffer(bytes(map(len, texts)), dtype=np.uint8).astype(np.uint16)
    if int(lengths.sum()) != len(text):  # characters are not bytes
        lengths = np.array([len(one.encode()) for one in texts], dtype=np.uint16)
    return Packed(text, lengths)


def joined(parts: Sequence[Packed]) -> Packed:
    return (
        parts[0]
        if len(parts) == 1
        else Packed(
            b"".join([one.text for one in parts]), np.concatenate([one.lengths for one in parts])
        )
    )


def _keys(lanes: int, words: int) -> Marks:
    """Random numbers of this process alone: Python's own hashes of strings are keyed (SipHash)."""
    return np.array(
        [[hash(f"{lane} {word}") & _64 for word in range(words)] for lane in range(lanes)],
        dtype=np.uint64,
    )


_64, _32 = (1 << 64) - 1, np.uint64((1 << 32) - 1)
_HALF = np.uint64(32)
_HEAD = 3  # words before those of the text: a constant, the scope, the length
_KEYS = _keys(3, _HEAD + 255)
_MIX = np.uint64(0x9E3779B97F4A7C15)  # 2^64 / golden ratio


def fingerprints(scopes: Numbers, texts: Packed) -> tuple[Marks, Checks]:
    """(64, 32) bits for each text within its scope (a small number, such as a facility's).

    Three sums of products of 32-bit words with random keys, of which the upper halves count:
    strongly universal hashes (Lemire & Kaser, Strongly universal string hashing is fast, 2014),
    which numpy works out for all texts at once.
    """
    lengths = texts.lengths.astype(np.int64)
    if not len(lengths):
        return np.empty(0, dtype=np.uint64), np.empty(0, dtype=np.uint32)
    at = np.cumsum(lengths) - lengths
    head = scopes.astype(np.uint64), lengths.astype(np.uint64)
    sums = [keys[1] * head[0] + keys[2] * head[1] + keys[0] for keys in _KEYS]
    # All that can be read as eight bytes, wherever they begin; past the end of a text there are
    # other texts.
    padded = np.frombuffer(texts.text + bytes(8), dtype=np.uint8)
    eights = np.ndarray((len(padded) - 7,), dtype="<u8", buffer=padded, strides=(1,))
    shortest, longest = int(lengths.min()), int(lengths.max())
    for begin in range(0, longest, 8):
        words = eights[np.minimum(at + begin, len(eights) - 1)]
        if begin + 8 > shortest:
            bits = np.clip(lengths - begin, 0, 8).astype(np.uint64) << np.uint64(3)
            words &= np.where(
                bits == 64, np.uint64(_64), (np.uint64(1) << (bits & np.uint64(63))) - np.uint64(1)
            )
        lower, upper, word = words & _32, words >> _HALF, _HEAD + begin // 4
        for sum_, keys in zip(sums, _KEYS, strict=True):
            sum_ += keys[word] * lower
            if begin + 4 < longest:
                sum_ += keys[word + 1] * upper
    marks = (sums[0] & ~_32) | (sums[1] >> _HALF)
    # A product moves evenly with its word: stirred, so that numbered ids do not lie in lumps in a
    # table of slots.
    marks ^= marks >> _HALF
    marks *= _MIX
    marks ^= marks >> _HALF
    return marks, (sums[2] >> _HALF).astype(np.uint32)


class Slots:
    """Entry numbers by fingerprint; the fingerprints themselves lie with the entries, in the
    owner's arrays.

    A fingerprint is looked for in its own slot, then 1 further, then 2, 3, ... (triangular probing,
    which passes every slot of a table whose size is a power of 2): without it, full slots cluster,
    and a few ids of a slice would take many rounds.
    """

    def __init__(self) -> None:
        self._table: Codes = np.full(_LEAST_SLOTS, _EMPTY, dtype=np.int32)
        self._used = 0  # slots that are not empty: taken, or gone

    def find(
        self, marks: Marks, checks: Checks, known_marks: Marks, known_checks: Checks
    ) -> Numbers:
        """The entry of each fingerprint, or UNKNOWN."""
        found = np.full(len(marks), UNKNOWN, dtype=np.int64)
        mask = len(self._table) - 1
        at = (marks & np.uint64(mask)).astype(np.int64)
        open_, step = np.arange(len(marks)), 0
        while len(open_):
            step += 1
            entries = self._table[at]
            on = np.flatnonzero(entries != _EMPTY)
            open_, at, entries = open_[on], at[on], entries[on]
            same = (known_marks[entries] == marks[open_]) & (entries >= 0)
            same[same] = known_checks[entries[same]] == checks[open_[same]]
            found[open_[same]] = entries[same]
            on = np.flatnonzero(~same)
            open_, at = open_[on], (at[on] + step) & mask
        return found

    def insert(self, marks: Marks, entries: Numbers, known_marks: Marks) -> None:
        """Enter fingerprints that are not there yet, each once.

        `known_marks` already has them at their entries.
        """
        if (self._used + len(entries)) > _FULL * len(self._table):
            self._grow(len(entries), known_marks)
        self._used += self._place(marks, entries.astype(np.int32))

    def _place(self, marks: Marks, entries: Codes) -> int:
        """Returns how many empty slots this took."""
        mask = len(self._table) - 1
        at = (marks & np.uint64(mask)).astype(np.int64)
        taken = step = 0
        while len(entries):
            step += 1
            there = self._table[at]
            free = there < 0
            self._table[at[free]] = entries[free]  # of several that want one slot, the last gets it
            placed = self._table[at] == entries
            taken += int(np.count_nonzero(placed & (there == _EMPTY)))
            on = np.flatnonzero(~placed)
            entries, at = entries[on], (at[on] + step) & mask
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
        at, wanted, step = (marks & np.uint64(mask)).astype(np.int64), entries, 0
        while len(wanted):
            step += 1
            here = self._table[at] == wanted
            self._table[at[here]] = _GONE
            on = np.flatnonzero(~here)
            wanted, at = wanted[on], (at[on] + step) & mask


class Growing:
    """Parallel numpy columns that grow together, by an eighth at a time."""

    def __init__(self, **columns: tuple[Any, Any]) -> None:
        """`columns`: name -> (dtype, value of unused entries); a dtype may have a shape, for
        columns of several numbers.
        """
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

    def empty(self) -> None:
        """Give all entries and their room back."""
        self.size = 0
        for name in self._columns:
            setattr(self, name, self._blank(name, 0))


_BLOCK = 4096
_NO_SCOPE = -1
"""The scope of an erased entry."""
_ERASED_AT = -(1 << 62)
"""The time of an erased entry: before every horizon."""


class SeenIds(Growing):
    """The `event_id`s accepted within the horizon, in blocks of the order they came in: the unit of
    storage and of forgetting.

    An entry's number is its block's number times the size of a block, plus its place there.
    """

    marks: Marks
    checks: Checks
    at: Numbers  # of the fact that came with the id

    def __init__(self) -> None:
        super().__init__(marks=(np.uint64, 0), checks=(np.uint32, 0), at=(np.int64, 0))
        self.reserve(1)  # so that there is something to compare unknown ids with
        self._slots = Slots()
        self._texts: dict[int, list[Packed]] = {}  # by block, as they came
        self._filled: dict[int, int] = {}
        self._scopes: dict[int, list[Codes]] = {}
        self._newest: int | None = None
        self.dirty: set[int] = set()

    def __len__(self) -> int:
        return sum(self._filled.values())

    def find(self, marks: Marks, checks: Checks) -> Numbers:
        """The entries of known ids, UNKNOWN for the others."""
        return self._slots.find(marks, checks, self.marks, self.checks)

    def add(
        self, scopes: Numbers, texts: Packed, at: Numbers, marks: Marks, checks: Checks
    ) -> Numbers:
        """Enter ids that are not there yet, each once; returns their entries."""
        entries = np.empty(len(texts), dtype=np.int64)
        place = 0
        while place < len(texts):
            block, filled = self._block_with_room()
            some = slice(place, place + min(_BLOCK - filled, len(texts) - place))
            count = some.stop - some.start
            entries[some] = np.arange(block * _BLOCK + filled, block * _BLOCK + filled + count)
            self._texts[block].append(texts.part(some.start, some.stop))
            self._scopes[block].append(scopes[some].astype(np.int32))
            self._filled[block] = filled + count
            self.dirty.add(block)
            place = some.stop
        self.marks[entries], self.checks[entries], self.at[entries] = marks, checks, at
        self._slots.insert(marks, entries, self.marks)
        return entries

    def add_again(
        self, scopes: Numbers, texts: Sequence[str], at: Numbers, marks: Marks, checks: Checks
    ) -> Numbers:
        """Enter ids of which some may be there (then with the later fact's `at`) or be given twice;
        returns their entries.
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
            some = [texts[place] for place in chosen.tolist()]
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
        """The id that was entered as `entry`; empty once it is forgotten."""
        place = entry % _BLOCK
        for packed in self._texts.get(entry // _BLOCK, ()):
            if place < len(packed):
                return packed.part(place, place + 1).text.decode()
            place -= len(packed)
        return ""

    def drop_before(self, moments: Numbers) -> None:
        """Forget the blocks that hold nothing as late as their scope's moment."""
        for block in list(self._filled):
            entries = self._entries(block)
            if block != self._newest and (self.at[entries] < moments[self._scopes_of(block)]).all():
                # Erased entries left the slots before; removing them again would not end.
                known = entries[self._scopes_of(block) != _NO_SCOPE]
                self._slots.remove(self.marks[known], known)
                for of_block in (self._filled, self._texts, self._scopes):
                    del of_block[block]
                self.dirty.add(block)

    def of(self, scopes: Numbers) -> Numbers:
        """The entries of these scopes. One pass over all entries, however many the scopes."""
        found = [
            self._entries(block)[np.isin(self._scopes_of(block), scopes)]
            for block in self._filled
            if self._filled[block]
        ]
        return np.concatenate(found) if found else np.empty(0, dtype=np.int64)

    def erase(self, entries: Numbers) -> None:
        """Forget single ids with their texts.

        The entries stay empty until their block is dropped.
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
            self._scopes[block] = [scopes.astype(np.int32)]
            self.dirty.add(block)

    def _entries(self, block: int) -> Numbers:
        return np.arange(block * _BLOCK, block * _BLOCK + self._filled[block])

    def _scopes_of(self, block: int) -> Codes:
        if len(self._scopes[block]) > 1:
            self._scopes[block] = [np.concatenate(self._scopes[block])]
        return self._scopes[block][0]

    def dump(self, block: int) -> Any:
        """A block in plain values; None once it is gone."""
        if block not in self._filled:
            return None
        self._texts[block] = [joined(self._texts[block])]
        [texts] = self._texts[block]
        return [
            texts.text,
            planes(texts.lengths),
            planes(self._scopes_of(block)),
            planes(self.at[self._entries(block)]),
        ]

    def load(self, blocks: Mapping[int, Any]) -> None:
        """Put back all blocks that were dumped, by their numbers."""
        if not blocks:
            return
        self.reserve((max(blocks) + 1) * _BLOCK)
        for block, (text, lengths, scopes, at) in blocks.items():
            self._open(block)
            texts = Packed(text, from_planes(lengths, np.uint16))
            self._texts[block] = [texts]
            self._scopes[block] = [from_planes(scopes, np.int32)]
            self._filled[block] = len(texts)
            entries = self._entries(block)
            own = slice(int(entries[0]), int(entries[-1]) + 1)
            self.marks[own], self.checks[own] = fingerprints(
                self._scopes[block][0].astype(np.int64), texts
            )
            self.at[own] = from_planes(at, np.int64)
            if len(texts) < _BLOCK:
                self._newest = block
        known = [self._entries(block)[self._scopes_of(block) != _NO_SCOPE] for block in blocks]
        entries = np.concatenate(known)
        self._slots.insert(self.marks[entries], entries, self.marks)
        self.dirty.update(blocks)


def planes(values: npt.NDArray[Any]) -> bytes:
    """A column as bytes, all lowest bytes first, then the next: what changes slowly lies together
    and compresses well.
    """
    little = np.ascontiguousarray(values).astype(values.dtype.newbyteorder("<"), copy=False)
    return little.view(np.uint8).reshape(len(values), -1).T.tobytes()


def from_planes(content: bytes, dtype: Any) -> npt.NDArray[Any]:
    """The reverse of `planes`."""
    size = np.dtype(dtype).itemsize
    by_plane = np.frombuffer(content, dtype=np.uint8).reshape(size, -1)
    column: npt.NDArray[Any] = (
        np.ascontiguousarray(by_plane.T)
        .view(np.dtype(dtype).newbyteorder("<"))
        .reshape(-1)
        .astype(dtype)
    )
    return column
